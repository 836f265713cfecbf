export { JWKSServer } from './testing.cjs';
