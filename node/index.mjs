export {
  BearerAuthProvider,
  BearerError,
  ConfigurationError,
  KeyPair,
  RSAKeyPair,
  Verifier,
  decodeUnverified,
  getAccessToken,
  requireAccessToken,
  versions,
} from './index.cjs';
