"""What can go wrong, as exceptions.

    FastBearerError
      ConfigurationError (also a ValueError)
      KeysUnavailableError
      StatusUnavailableError
      MalformedRequestError
      InvalidTokenError
        DecodeError
          InvalidSignatureError
        InvalidAlgorithmError, InvalidKeyError, ExpiredSignatureError, ImmatureSignatureError, InvalidIssuedAtError,
        InvalidIssuerError, InvalidAudienceError, MissingClaimError, InvalidClaimError, InsufficientScopeError,
        InvalidProofError, RevokedTokenError

The names are those that PyJWT uses. Every error has a stable ``code`` ("token_expired"), an ``http_status`` and an
``oauth_error`` (RFC 6750 section 3.1). No message holds the token, key material or a claim of an unverified token.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "DecodeError",
    "ExpiredSignatureError",
    "FastBearerError",
    "ImmatureSignatureError",
    "InsufficientScopeError",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidClaimError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidKeyError",
    "InvalidProofError",
    "InvalidSignatureError",
    "InvalidTokenError",
    "KeysUnavailableError",
    "MalformedRequestError",
    "MissingClaimError",
    "RevokedTokenError",
    "StatusUnavailableError",
]


class FastBearerError(Exception):
    """Base of all errors of this package. As itself: something that should not happen (``internal_error``).

    Attributes:
        code: the stable name of the reason, for logs, metrics and decisions.
        http_status: what to answer over HTTP (400, 401, 403, 413, 415, 500 or 503).
        oauth_error: the error code of RFC 6750 section 3.1 or RFC 9449 section 7.1 for the challenge or the body; empty
            for a request without a token, which gets a challenge without an error.
        kid: the key id that the token's header asked for, made printable, or None. It comes from the network: fine for
            a log, not to be trusted.
        claim: the name of the claim that was missing or wrong, or None.
        expected, actual: what this server requires and what the token held, when a claim of a token whose signature is
            verified was refused; at most 120 printable characters, else None. For logs, not for the client.
        issuer: the identifier of the configured or resolved issuer that was chosen for the token; None when it was
            refused before that, and for an issuer without identifier or with several.
    """

    code: str = "internal_error"
    http_status: int = 500
    oauth_error: str = "server_error"
    kid: str | None = None
    claim: str | None = None
    expected: str | None = None
    actual: str | None = None
    issuer: str | None = None
    issuer_number: int = 0  # the core's; internal


class ConfigurationError(FastBearerError, ValueError):
    """An option or argument is wrong; the message names it."""

    code: str = "configuration_invalid"


class KeysUnavailableError(FastBearerError):
    """The key set is not available now, so no verdict is possible. Answer 503, not 401: the token may be good.

    Attributes:
        retry_after: seconds until the next fetch is allowed; what a Retry-After header should say.
    """

    code: str = "keys_unavailable"
    http_status: int = 503
    oauth_error: str = "temporarily_unavailable"
    retry_after: float = 0.0


class _KeysNeeded(KeysUnavailableError):
    """Internal: the core needs the key set before it can decide."""

    code: str = "keys_needed"
    key_request: int = 0
    wait: float = 0.0


class _IssuerNeeded(KeysUnavailableError):
    """Internal: the core needs to know who the issuer is before it can decide."""

    code: str = "issuer_needed"
    key_request: int = 0
    wait: float = 0.0


class StatusUnavailableError(FastBearerError):
    """It cannot be found out now whether the token is good, since what knows it does not answer: a store that several
    servers share, or the introspection endpoint. Answer 503, not 401.

    Attributes:
        retry_after: seconds; what a Retry-After header should say.
    """

    code: str = "status_unavailable"
    http_status: int = 503
    oauth_error: str = "temporarily_unavailable"
    retry_after: float = 0.0


class _IntrospectionNeeded(StatusUnavailableError):
    """Internal: the issuer ``issuer_number`` must be asked about the token before the core can decide."""

    code: str = "introspection_needed"


class MalformedRequestError(FastBearerError):
    """The request carries its token in a way that RFC 6750 forbids: twice, in the query, or not as scheme and token. Of
    a middleware that reads bodies also: JSON that others may read differently, a body that is too large
    (``request_too_large``, 413), or one that is compressed, not UTF-8 or no JSON by its type
    (``request_unsupported``, 415).
    """

    code: str = "request_malformed"
    http_status: int = 400
    oauth_error: str = "invalid_request"


class InvalidTokenError(FastBearerError):
    """The token is refused. Base of all reasons that lie in the token itself; from ``verify_request`` also raised for
    a request without one (``token_missing``).
    """

    code: str = "invalid_token"
    http_status: int = 401
    oauth_error: str = "invalid_token"


class DecodeError(InvalidTokenError):
    """The token, its header or its payload is not what RFC 7515 and RFC 7519 say it must be."""

    code: str = "token_malformed"


class InvalidSignatureError(DecodeError):
    """The signature does not belong to this token and key."""

    code: str = "signature_invalid"


class InvalidAlgorithmError(InvalidTokenError):
    """The header's ``alg`` is not on the list of accepted algorithms."""

    code: str = "algorithm_not_allowed"


class InvalidKeyError(InvalidTokenError):
    """No key fits the token, or more than one, or the one it names may not be used with its algorithm.

    Attributes:
        retry_after: with ``key_not_found``, the seconds until the key set may be fetched for an unknown key id again.
    """

    code: str = "key_not_found"
    retry_after: float = 0.0


class ExpiredSignatureError(InvalidTokenError):
    """The time in ``exp`` has passed."""

    code: str = "token_expired"
    claim: str | None = "exp"


class ImmatureSignatureError(InvalidTokenError):
    """The time in ``nbf`` or ``iat`` has not come yet."""

    code: str = "token_not_yet_valid"


class InvalidIssuedAtError(InvalidTokenError):
    """``iat`` is not a number of seconds."""

    code: str = "iat_invalid"
    claim: str | None = "iat"


class InvalidIssuerError(InvalidTokenError):
    """``iss`` is not one of the accepted issuers, or not a string."""

    code: str = "issuer_mismatch"
    claim: str | None = "iss"


class InvalidAudienceError(InvalidTokenError):
    """``aud`` names none of the accepted audiences, or is neither a string nor a list of strings."""

    code: str = "audience_mismatch"
    claim: str | None = "aud"


class MissingClaimError(InvalidTokenError):
    """A required claim is absent; ``claim`` names it."""

    code: str = "claim_missing"


class InvalidClaimError(InvalidTokenError):
    """A claim has none of the values that ``required_claims`` demands; ``claim`` names it."""

    code: str = "claim_mismatch"


class InvalidProofError(InvalidTokenError):
    """The token is good but bound to a key, and the sender has not proved that he has it; ``code`` says how.

    ``claim`` says what a proof is of another one: ``htm``, ``htu``, ``ath``, or ``cnf`` for the key. ``oauth_error`` is
    "use_dpop_nonce" when all is good but the nonce: answer with the header DPoP-Nonce (``Verifier.dpop_nonce``).
    """

    code: str = "proof_invalid"
    oauth_error: str = "invalid_dpop_proof"


class RevokedTokenError(InvalidTokenError):
    """The token was good and is no more: it has been revoked (``token_revoked``; ``claim`` says whether by its ``jti``
    or by its ``sub``), or its issuer does not say that it is active (``token_inactive``).
    """

    code: str = "token_revoked"


class InsufficientScopeError(InvalidTokenError):
    """The token is good but does not grant enough.

    Attributes:
        missing: the required scopes that the token does not grant, in the order of ``required_scopes``.
    """

    code: str = "insufficient_scope"
    http_status: int = 403
    oauth_error: str = "insufficient_scope"
    missing: list[str]

    def __init__(
        self, message: str = "the token lacks a required scope", *, missing: list[str] | tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.missing = list(missing)
