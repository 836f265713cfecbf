"""Introspection (RFC 7662): asking the issuer about tokens that do not say themselves whether they are good.

    login = Issuer("https://login.example", introspector=Introspector(
        "https://login.example/introspect", client_id="my-server", client_secret=secret))
    verifier = Verifier(issuers=[login], audience="https://api.example/mcp")

JWTs are verified with the issuer's keys as ever, other tokens are asked about; with ``jwts=True`` all are. The response
is held against the same policy as the claims of a JWT.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

from ._http import Client, checked_url
from ._option_kinds import DATA, FILE, FLAG, SECONDS, SIZE
from .errors import ConfigurationError
from .keys import KeyPair

if TYPE_CHECKING:
    #: ``(url, headers, body) -> (status, headers, body)``
    Post: TypeAlias = Callable[
        [str, Mapping[str, str], bytes], "tuple[int, Any, bytes] | Awaitable[tuple[int, Any, bytes]]"
    ]

__all__ = ["Introspector"]

_BASIC, _POST, _PRIVATE_KEY = "client_secret_basic", "client_secret_post", "private_key_jwt"


class Introspector:
    """An introspection endpoint, and how this server authenticates there. Immutable; it holds a secret, so it is not
    printed in full and cannot be pickled. ConfigurationError or TypeError names the argument that is wrong.

    Args:
        endpoint: the URL; https, or http with a loopback host or ``allow_http``.
        client_id: who this server is there.
        client_secret: its secret. This or ``private_key``; neither where the endpoint wants the ``client_id`` alone.
        private_key: its key pair, with which it signs who it is (RFC 7523).
        kid: what the header of a signed assertion names, where the provider needs that.
        auth_method: "client_secret_basic", "client_secret_post" or "private_key_jwt"; by default what is given says.
        assertion_audience: what a signed assertion is for; by default the endpoint.
        jwts: whether JWTs are asked about too, rather than verified with keys.
        signed_response: whether the response must be a JWT (RFC 9701), signed with a key of the issuer, by one of its
            ``algorithms``, for this ``client_id``. JSON is refused then, and so is an encrypted response.
        cache_seconds: for how long an accepted token is not asked about again, and so how long a revocation may take;
            no longer than until it expires. 0 asks on every request.
        negative_cache_seconds: the same for a token that was refused.
        negative_cache_size: how many refused tokens are remembered.
        max_pending: how many tokens are asked about at a time; more are refused with 503.
        timeout: seconds that an answer may take.
        max_bytes: how large it may be.
        post: ``(url, headers, body) -> (status, headers, body)``, sync or async, in place of the one built in. It must
            not follow redirects. Content-Type of its headers is read with ``signed_response``.
        ca_file, allow_http, trust_env: as for an Issuer.
        headers: to send with every request.
    """

    __slots__ = (
        "__weakref__", "_client", "allow_http", "assertion_audience", "auth_method", "ca_file", "cache_seconds",
        "client_id", "client_secret", "endpoint", "headers", "jwts", "kid", "max_bytes", "max_pending",
        "negative_cache_seconds", "negative_cache_size", "post", "private_key", "signed_response", "timeout",
        "trust_env",
    )  # fmt: skip
    auth_method: str
    cache_seconds: float
    assertion_audience: str
    client_id: str
    client_secret: str | bytes | None
    endpoint: str
    headers: dict[str, str]
    jwts: bool
    kid: str | None
    private_key: KeyPair | None
    max_pending: int
    negative_cache_seconds: float
    negative_cache_size: int
    post: Post | None
    signed_response: bool
    timeout: float
    _client: Client

    def __init__(
        self,
        endpoint: str,
        client_id: str,
        client_secret: str | bytes | None = None,
        *,
        private_key: KeyPair | None = None,
        kid: str | None = None,
        auth_method: str | None = None,
        assertion_audience: str | None = None,
        jwts: bool = False,
        signed_response: bool = False,
        cache_seconds: float = 60.0,
        negative_cache_seconds: float = 10.0,
        negative_cache_size: int = 1024,
        max_pending: int = 64,
        timeout: float = 5.0,
        max_bytes: int = 65536,
        post: Post | None = None,
        ca_file: str | None = None,
        allow_http: bool = False,
        trust_env: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(client_id, str) or not client_id:
            raise ConfigurationError("client_id must be a text that is not empty")
        if private_key is not None and not isinstance(private_key, KeyPair):
            raise TypeError(f"private_key must be KeyPair or None, not {type(private_key).__name__}")
        if post is not None and not callable(post):
            raise TypeError(f"post must be callable or None, not {type(post).__name__}")
        secret = DATA.convert("client_secret", client_secret)
        values = {
            "endpoint": checked_url("endpoint", endpoint, FLAG.convert("allow_http", allow_http)),
            "client_id": client_id,
            "client_secret": secret,
            "private_key": private_key,
            "kid": kid,
            "auth_method": _method(auth_method, secret, private_key),
            "assertion_audience": assertion_audience if assertion_audience is not None else endpoint,
            "jwts": FLAG.convert("jwts", jwts),
            "signed_response": FLAG.convert("signed_response", signed_response),
            "cache_seconds": _within("cache_seconds", SECONDS.convert("cache_seconds", cache_seconds), 0, 86400),
            "negative_cache_seconds": _within(
                "negative_cache_seconds", SECONDS.convert("negative_cache_seconds", negative_cache_seconds), 0, 86400
            ),
            "negative_cache_size": _within(
                "negative_cache_size", SIZE.convert("negative_cache_size", negative_cache_size), 0, 1 << 20
            ),
            "max_pending": _within("max_pending", SIZE.convert("max_pending", max_pending), 1, 1 << 16),
            "timeout": _within("timeout", SECONDS.convert("timeout", timeout), 0.001, 3600),
            "max_bytes": _within("max_bytes", SIZE.convert("max_bytes", max_bytes), 1, 65536),
            "post": post,
            "ca_file": FILE.convert("ca_file", ca_file),
            "allow_http": allow_http,
            "trust_env": FLAG.convert("trust_env", trust_env),
            "headers": _headers(headers),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        client = Client(endpoint, values["timeout"], values["max_bytes"], values["ca_file"], values["trust_env"])
        object.__setattr__(self, "_client", client)

    def _request(self, token: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of the request about a token."""
        form = {"token": token, "token_type_hint": "access_token"}
        headers = {
            "Accept": "application/token-introspection+jwt" if self.signed_response else "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "fastbearer",
            **self.headers,
        }
        secret = self.client_secret.decode() if isinstance(self.client_secret, bytes) else self.client_secret
        if self.auth_method == _PRIVATE_KEY:
            form["client_id"] = self.client_id
            form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            form["client_assertion"] = self._assertion()
        elif self.auth_method == _BASIC:
            # RFC 6749 section 2.3.1; %20 for a space, since some servers know no plus there.
            pair = f"{quote(self.client_id, safe='')}:{quote(secret or '', safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self.client_id
            if secret is not None:
                form["client_secret"] = secret
        return headers, urlencode(form).encode()

    def _assertion(self) -> str:
        """Who this server is, signed (RFC 7523 section 3)."""
        assert self.private_key is not None
        made: str = self.private_key.create_token(
            subject=self.client_id, issuer=self.client_id, audience=self.assertion_audience, expires_in_seconds=60,
            additional_claims={"jti": secrets.token_urlsafe(16)}, kid=self.kid,
        )  # fmt: skip
        return made

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an Introspector cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an Introspector cannot be changed")

    def __copy__(self) -> Introspector:
        return self

    def __deepcopy__(self, memo: object) -> Introspector:
        return self

    def __repr__(self) -> str:
        return f"<fastbearer.introspection.Introspector {self.endpoint} as {self.client_id!r}>"

    def __reduce__(self) -> str:
        raise TypeError("an Introspector cannot be pickled, since it holds a secret: make one in each process")


def _method(given: str | None, secret: Any, private_key: KeyPair | None) -> str:
    if secret is not None and private_key is not None:
        raise ConfigurationError("client_secret and private_key exclude each other")
    if given is None:
        return _PRIVATE_KEY if private_key is not None else _BASIC if secret is not None else _POST
    if given not in (_BASIC, _POST, _PRIVATE_KEY):
        raise ConfigurationError(f"auth_method must be {_BASIC!r}, {_POST!r} or {_PRIVATE_KEY!r}, not {given!r}")
    if (given == _PRIVATE_KEY) != (private_key is not None) or (given == _BASIC and secret is None):
        raise ConfigurationError(f"auth_method {given!r} does not fit the credentials that are given")
    return given


def _within(name: str, value: Any, least: float, most: float) -> Any:
    if not least <= value <= most:
        raise ConfigurationError(f"{name} must be {least} to {most}")
    return value


def _headers(given: Mapping[str, str] | None) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"headers must be a mapping from str to str, not {type(given).__name__}")
    for name, value in (given or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("headers must be a mapping from str to str")
        if not name.isascii() or not value.isascii() or not (name + value).isprintable() or ":" in name:
            raise ConfigurationError("headers must be printable ASCII, and names without a colon")
    return dict(given or {})


def describe(error: Exception) -> str:
    """A failure for the log, which must not hold what was sent: an exception of the user's function may."""
    text = str(error)
    known = isinstance(error, (OSError, json.JSONDecodeError))
    return f"{type(error).__name__}: {text[:200]}" if known and text.isprintable() else type(error).__name__
