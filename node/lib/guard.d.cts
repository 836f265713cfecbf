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

/**
 * Rules for servers that speak JSON-RPC, MCP servers above all. Where one of them is given the body of every POST is
 * read before the application sees it, bounded, and left to be read as it came: put the guard around the MCP server, in
 * front of what reads bodies, and not around uploads. A batch needs what all of its messages need. A larger body is
 * 413; one that is compressed, not UTF-8, or by its Content-Type a form or anything else than JSON or plain text is
 * 415; JSON that can be read in more than one way (two members of one name, for example) is 400. A body that is not
 * JSON at all is the application's to refuse. The messages of a websocket are seen by nobody, so opening one needs all
 * scopes that any name may need. The rules in full are those of fb_rpc_check in fastbearer.h.
 */
export interface RpcOptions {
  /**
   * Methods that need no token: ["initialize", "server/discover", "tools/list"]. A bad token is refused all the same.
   * `initialize` brings `notifications/initialized` with it; clients of MCP 2026-07-28 ask for `server/discover` in its
   * place. The application is called without a token then: `getAccessToken()` and `request.auth` are undefined.
   */
  anonymous?: readonly string[] | null;
  /**
   * What `tools/call` needs beside `requiredScopes`, by patterns of the tool's name: { "delete_*": ["admin"] }. "*" is
   * any text, and all patterns that match count. A string of scopes is split at spaces.
   */
  toolScopes?: Readonly<Record<string, string | readonly string[]>> | null;
  /** The same by the uri of `resources/read` and its relatives, and those of `subscriptions/listen`. */
  resourceScopes?: Readonly<Record<string, string | readonly string[]>> | null;
  /** The same by the name of `prompts/get`. */
  promptScopes?: Readonly<Record<string, string | readonly string[]>> | null;
  /** How large a body may be, where one of the others is given, in bytes. Default 4194304. */
  maxBodyBytes?: number | null;
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
  /**
   * What challenges name where clients must ask the issuer for other names than tokens carry, such as "api://ID/read"
   * for the scope "read": an object of scopes and their names, or a list in place of the verifier's and the adapter's
   * `requiredScopes`. Default: all scopes that the request needs, in one challenge. `offline_access` is never named.
   */
  challengeScopes?: string | readonly string[] | Readonly<Record<string, string>> | null;
  /**
   * Another header than Authorization that holds the token, and nothing else: where a proxy puts the token that it has
   * verified or made ("Cf-Access-Jwt-Assertion"). Authorization is not read then, and there is no DPoP.
   */
  tokenHeader?: string | null;
  /**
   * Scheme and host that clients use, "https://api.example.com", with the path prefix that a proxy strips, if one does;
   * what DPoP proofs are compared with. Default: those of `resourceMetadata.resource`, else what this server sees: then
   * behind a proxy that ends TLS or changes Host every proof is refused (`proof_mismatch`, claim htu), and the host is
   * what the client's own header Host says, which whoever replays a proof that was made for another server can set.
   */
  baseUrl?: string | null;
  /**
   * Where the proxy that ends TLS puts the client's certificate (RFC 8705); the connection's own is not looked at then.
   * The proxy must remove this header from what clients send: if it does not, everybody can claim any certificate,
   * which is not a secret, and a stolen token that is bound to one is as good as its owner's.
   */
  clientCertificateHeader?: ClientCertificateHeader | null;
}

export interface ClientCertificateHeader {
  /** Such as "Client-Cert". */
  name: string;
  /**
   * rfc9440: the Client-Cert of RFC 9440. xfcc: Envoy's X-Forwarded-Client-Cert with `Cert`, of one hop. nginx:
   * $ssl_client_escaped_cert, or another PEM with percent-encoding.
   */
  format: 'rfc9440' | 'xfcc' | 'nginx';
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

/** Of adapters that see a request as it came. */
export type BearerAuthOptions = GuardOptions & RpcOptions & VerifierOrOptions;
