export {
  BearerAuthProvider,
  BearerError,
  ConfigurationError,
  KeyPair,
  RSAKeyPair,
  Verifier,
  decodeUnverified,
  getAccessToken,
  versions,
} from './index.cjs';
