import type { Verifier, VerifierOptions } from '../index.cjs';

/** The protected resource metadata of RFC 9728. Other members go into the document under their own names. */
export interface ResourceMetadataOptions {
  /** The URL that clients use for what is protected. The document's place follows from it. */
  resource: string;
  /** The issuers whose tokens are accepted. */
  authorizationServers: readonly string[];
  scopesSupported?: readonly string[];
  [member: string]: unknown;
}

/** What an adapter adds to a verifier. */
export interface GuardOptions {
  /** The realm of the challenge. */
  realm?: string | null;
  /** Served by the adapter at its place, and named in every challenge. */
  resourceMetadata?: ResourceMetadataOptions | null;
  /** Named in every challenge, when another server serves the document. */
  resourceMetadataUrl?: string | null;
  /** Whole paths that need no token, such as "/health", spelled as in the request. */
  exclude?: readonly string[] | null;
}

type Without<Names extends PropertyKey> = { [Name in Names]?: undefined };

/** A verifier that exists already (and stays its owner's to close), or the options of a new one. */
export type VerifierOrOptions =
  | (VerifierOptions & Without<'verifier'>)
  | ({
      verifier: Verifier;
      /** In addition to the verifier's own. */
      requiredScopes?: string | readonly string[] | null;
    } & Without<Exclude<keyof VerifierOptions, 'requiredScopes'>>);

export type BearerAuthOptions = GuardOptions & VerifierOrOptions;
