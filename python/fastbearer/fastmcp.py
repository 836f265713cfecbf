"""FastMCP's bearer authentication on top of fastbearer, for every FastMCP from 2.6 to 4.

    from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier, RSAKeyPair

The classes subclass what the installed FastMCP has, take its parameters (and every option of fastbearer.Verifier as a
keyword), keep its attributes writable and its hooks overridable. JWTVerifier answers a missing scope with None (401),
as FastMCP 2.11 and later; BearerAuthProvider leaves it to the middleware (403), as FastMCP 2.6 to 2.10.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _fastmcp_host as host
from ._fastmcp_arguments import (
    NOT_GIVEN,
    check_algorithms,
    check_key_source,
    check_list,
    check_names,
    for_upstream,
    is_given,
    stand_in_key,
)
from ._fastmcp_jwks import JWKSView
from ._fastmcp_keys import RSAKeyPair
from ._fastmcp_plan import HOOKS, KEY_SET, POLICY, Plan, check_options, short_secret
from ._host import LOGGER, RejectionLog, parse_scopes
from .errors import ConfigurationError, InsufficientScopeError, InvalidIssuerError, InvalidTokenError, KeysUnavailableError

if TYPE_CHECKING:
    from fastmcp.server.auth import AccessToken
    from fastmcp.server.auth.providers.jwt import JWTVerifier as _Upstream
    from fastmcp.server.dependencies import get_access_token

    from ._records import KeyInfo, Rejection
else:
    AccessToken = host.AccessToken
    get_access_token = host.get_access_token
    _Upstream = host.UPSTREAM

__all__ = ["AccessToken", "BearerAuthProvider", "JWTVerifier", "RSAKeyPair", "get_access_token"]


class JWTVerifier(JWKSView, _Upstream):  # type: ignore[misc]
    """Verifies JWT access tokens; a drop-in for the JWTVerifier of FastMCP.

    FastMCP's parameters:
        public_key, jwks_uri    where the keys come from, exactly one; with an HS* algorithm public_key is the secret
        issuer, audience        text or a list of texts; None is not checked
        algorithm               default RS256
        required_scopes         all of them, or the token is refused
        base_url, ssrf_safe, http_client, jwks_refresh_interval   as in FastMCP
    The others are those of fastbearer.Verifier. Of these only trust_env differs: FastMCP's HTTP client reads the proxy
    variables of the environment, so it is on (but never with ssrf_safe, which goes to public addresses directly).
    """

    issuer: Any
    audience: Any
    public_key: Any
    algorithm: Any
    required_scopes: Any
    algorithms: Sequence[str] | None
    jwks: str | bytes | Mapping[str, Any] | None
    secret: str | bytes | None
    leeway: float
    require_exp: bool
    required_claims: Sequence[str]
    token_type: str | None
    scope_claims: Sequence[str]
    client_id_claims: Sequence[str]
    max_token_bytes: int
    cache_size: int
    arithmetic: str
    on_reject: Callable[[Rejection], object] | None
    ssrf_safe: bool
    fetch_timeout: float
    stale_if_error: float
    max_jwks_bytes: int
    ca_file: str | None
    allow_http: bool
    trust_env: bool

    _defers_scopes = False
    _plan: Plan | None = None
    _last_plan: Plan | None = None

    def __init__(
        self,
        *,
        public_key: str | bytes | Mapping[str, Any] | None = NOT_GIVEN,
        jwks_uri: str | None = NOT_GIVEN,
        issuer: str | Sequence[str] | None = NOT_GIVEN,
        audience: str | Sequence[str] | None = NOT_GIVEN,
        algorithm: str | None = NOT_GIVEN,
        required_scopes: Sequence[str] | str | None = NOT_GIVEN,
        base_url: Any = NOT_GIVEN,
        ssrf_safe: bool = False,
        http_client: Any = None,
        jwks_refresh_interval: float = 30.0,
        jwks: str | bytes | Mapping[str, Any] | None = None,
        secret: str | bytes | None = None,
        algorithms: str | Sequence[str] | None = None,
        leeway: float = 0.0,
        require_exp: bool = True,
        required_claims: Sequence[str] = (),
        token_type: str | None = None,
        scope_claims: Sequence[str] = ("scope", "scp"),
        client_id_claims: Sequence[str] = ("client_id", "azp", "sub"),
        max_token_bytes: int = 16384,
        cache_size: int = 1024,
        arithmetic: str = "auto",
        fetch_timeout: float = 10.0,
        stale_if_error: float = 3600.0,
        max_jwks_bytes: int = 65536,
        ca_file: str | None = None,
        allow_http: bool = False,
        trust_env: bool = True,
        on_reject: Callable[[Rejection], object] | None = None,
        **more: Any,
    ) -> None:
        check_names(more, JWTVerifier.__init__, type(self).__name__)
        self._log = RejectionLog()
        self._planning = threading.Lock()
        check_list("issuer", issuer)
        check_list("audience", audience)
        check_key_source(public_key, jwks_uri, jwks, secret, ssrf_safe, http_client)
        check_algorithms(algorithm, algorithms, public_key, jwks_uri)
        if not math.isfinite(jwks_refresh_interval) or jwks_refresh_interval < 0:
            raise ValueError("jwks_refresh_interval must be finite and non-negative")
        if required_scopes is not NOT_GIVEN:
            required_scopes = parse_scopes(required_scopes)
        given = {
            "public_key": public_key if jwks is None and secret is None else stand_in_key(),
            "jwks_uri": jwks_uri,
            "issuer": issuer,
            "audience": audience,
            "algorithm": algorithm,
            "required_scopes": required_scopes,
            "base_url": base_url,
            **more,
        }
        super().__init__(**for_upstream(given))

        # What FastMCP kept is what it read from the arguments and, in some versions, from the environment.
        if issuer is not NOT_GIVEN:
            self.issuer = issuer
        if audience is not NOT_GIVEN:
            self.audience = audience
        if jwks is not None or secret is not None:
            self.public_key = None
        elif public_key is not NOT_GIVEN:
            self.public_key = public_key
        if algorithms is not None:
            self.algorithm = next(iter([algorithms] if isinstance(algorithms, str) else algorithms))
        elif is_given(algorithm):
            self.algorithm = algorithm
        elif secret is not None:
            self.algorithm = "HS256"
        elif algorithm is not NOT_GIVEN or not hasattr(self, "algorithm"):
            self.algorithm = "RS256"
        self.algorithms = [algorithms] if isinstance(algorithms, str) else algorithms
        if required_scopes is not NOT_GIVEN:
            self.required_scopes = required_scopes or ([] if not host.IS_OAUTH_PROVIDER else required_scopes)
        self.jwks, self.secret = jwks, secret
        self.leeway, self.require_exp, self.required_claims = leeway, require_exp, required_claims
        self.token_type, self.scope_claims, self.client_id_claims = token_type, scope_claims, client_id_claims
        self.max_token_bytes, self.cache_size, self.on_reject = max_token_bytes, cache_size, on_reject
        self.arithmetic = arithmetic
        self.ssrf_safe, self._http_client, self._jwks_refresh_interval = ssrf_safe, http_client, jwks_refresh_interval
        self.fetch_timeout, self.stale_if_error, self.max_jwks_bytes = fetch_timeout, stale_if_error, max_jwks_bytes
        self.ca_file, self.allow_http, self.trust_env = ca_file, allow_http, trust_env
        self.logger = LOGGER
        self._ready = True
        check_options(self)

    # --- Verifying ---------------------------------------------------------------------------------------------------

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's AccessToken, or None. The reason of a refusal goes to the log and on_reject.

        ConfigurationError when this server can accept no token at all, which FastMCP answers with 500.
        """
        return await self.load_access_token(token)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """What verify_token does, under the name that FastMCP 2.6 calls and subclasses override."""
        try:
            plan = self._plan
            if plan is None or plan.stale(self):
                plan = await self._make_plan()
            if plan.error is not None:
                raise plan.error.with_traceback(None)
            if not plan.direct:
                return await self._load_with_hooks(plan, token)
            access = await plan.engine.verify_async(token)
            return self._access_token(plan, access, access.scopes)
        except ConfigurationError:
            raise
        except Exception as error:
            self._log.rejected(self.logger, error, self.issuer)
            return None

    # --- Looking in ---------------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made or last configured anew, as fastbearer.Verifier.stats() has them.

        Empty before the first token.
        """
        return {} if self._plan is None or self._plan.engine is None else self._plan.engine.stats()

    def keys(self) -> list[KeyInfo]:
        """The keys that are held now, usable or not; empty before the first token or refresh."""
        return [] if self._plan is None or self._plan.engine is None else self._plan.engine.keys()

    async def refresh(self) -> None:
        """Loads the key set now, for example at start-up. KeysUnavailableError says why it could not be had; keys that
        are held stay in use. ConfigurationError without jwks_uri.
        """
        plan = self._plan or await self._make_plan()
        if plan.error is not None:
            raise plan.error.with_traceback(None)
        if plan.engine is None or not self.jwks_uri:
            raise ConfigurationError("only a verifier with jwks_uri has keys to fetch")
        await plan.engine.refresh_async()

    def _extract_scopes(self, claims: dict[str, Any]) -> list[str]:
        """The scopes of verified claims. Override it when your provider keeps them elsewhere."""
        for name in self.scope_claims:
            value = claims.get(name)
            if isinstance(value, str):
                return [scope for scope in value.split(" ") if scope]
            if isinstance(value, list):
                return value
        return []

    def _validate_issuer(self, issuer: Any) -> bool:
        """Whether a verified token's iss is one of ours. Override it for families of issuers."""
        configured = self.issuer
        return issuer == configured if isinstance(configured, str) else issuer in (configured or ())

    # --- Between the attributes and the engine ------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _WATCHED:
            object.__setattr__(self, "_plan", None)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _WATCHED:
            object.__setattr__(self, "_plan", None)

    def _replan(self) -> None:
        self._plan = None

    async def _make_plan(self) -> Plan:
        with self._planning:  # one plan, one key set, however many threads ask first
            plan = self._plan
            if plan is None or plan.stale(self):
                overridden = frozenset(name for name in HOOKS if self._overrides(name))
                plan = Plan(self, overridden, self._last_plan)
                self._last_plan = self._plan = plan
                self._warn(plan)
        if self._jwks_expired and plan.engine is not None:
            self._jwks_expired = False
            await self._engine_refresh()
        return plan

    def _fetch_limits(self) -> dict[str, Any]:
        return {
            "client": self._http_client,
            "ssrf_safe": self.ssrf_safe,
            "timeout": self.fetch_timeout,
            "max_bytes": self.max_jwks_bytes,
            "ca_file": self.ca_file,
            "trust_env": self.trust_env,
        }

    def _warn(self, plan: Plan) -> None:
        for name in ("issuer", "audience"):
            if getattr(self, name) == "":
                self._log.once(self.logger, f"{name} is empty: the {name} of tokens is not checked")
        weakness = short_secret(self)
        if weakness is not None:
            self._log.once(self.logger, weakness)
        if plan.error is not None:
            self._log.once(self.logger, f"every token is refused: configuration_invalid: {plan.error}")

    def _overrides(self, name: str) -> bool:
        return name in vars(self) or getattr(type(self), name) is not getattr(JWTVerifier, name)

    async def _engine_refresh(self) -> None:
        """Loads the key set now. A failure leaves the held keys in use; the engine has logged it."""
        plan = self._plan or await self._make_plan()
        if plan.engine is not None and self.jwks_uri:
            try:
                await plan.engine.refresh_async()
            except KeysUnavailableError as error:
                self._log.rejected(self.logger, error, self.issuer)

    async def _load_with_hooks(self, plan: Plan, token: str) -> AccessToken | None:
        if plan.own_keys:
            engine = plan.engine_for(await self._get_verification_key(token))
        else:
            engine = plan.engine
        access = await engine.verify_async(token)
        scopes = self._extract_scopes(access.claims) if plan.extract_scopes else access.scopes
        error = self._refused_by_hook(plan, access, scopes)
        if error is not None:
            raise engine._refused(access, error)
        return self._access_token(plan, access, scopes)

    def _refused_by_hook(self, plan: Plan, access: Any, scopes: list[str]) -> InvalidTokenError | None:
        if plan.validate_issuer and not self._validate_issuer(access.claims.get("iss")):
            return InvalidIssuerError("iss is not an issuer that _validate_issuer accepts")
        if plan.extract_scopes and not self._defers_scopes:
            missing = [scope for scope in self.required_scopes or () if scope not in scopes]
            if missing:
                return InsufficientScopeError(missing=missing)
        return None

    def _access_token(self, plan: Plan, access: Any, scopes: list[str]) -> AccessToken:
        expires_at = access.expires_at
        return AccessToken(
            token=access.token,
            client_id=access.client_id,
            scopes=scopes,
            # The middleware compares this with the clock again and knows no leeway.
            expires_at=None if expires_at is None else expires_at + plan.grace,
            resource=access.resource,
            subject=access.subject,
            claims=access.claims,
        )


_WATCHED = frozenset((*POLICY, *KEY_SET, *HOOKS))


class BearerAuthProvider(JWTVerifier):
    """FastMCP's BearerAuthProvider of 2.6 to 2.10, for every FastMCP: a missing scope is the middleware's 403.

    Takes what JWTVerifier takes; by position too where the installed FastMCP has this class.
    """

    _defers_scopes = True

    if not TYPE_CHECKING:

        def __init__(self, *values: Any, **options: Any) -> None:
            if len(values) > len(host.POSITIONAL):
                raise TypeError(
                    f"BearerAuthProvider() takes {len(host.POSITIONAL)} positional arguments, {len(values)} were given"
                )
            for name, value in zip(host.POSITIONAL, values):
                if name in options:
                    raise TypeError(f"BearerAuthProvider() got multiple values for argument {name!r}")
                options[name] = value
            super().__init__(**options)


def _signature() -> inspect.Signature:
    """What help() shows for BearerAuthProvider: the parameters that may be given by position stand in front."""
    parameters = dict(inspect.signature(JWTVerifier).parameters)
    first = [
        parameters.pop(name).replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in host.POSITIONAL
    ]
    return inspect.Signature(first + list(parameters.values()))


if not TYPE_CHECKING:
    BearerAuthProvider.__signature__ = _signature()


if host.EnvSettings is not None:

    class EnvBearerAuthProvider(BearerAuthProvider):
        """BearerAuthProvider configured by FASTMCP_AUTH_BEARER_..., as FastMCP 2.6 to 2.10 have it."""

        def __init__(self, **options: Any) -> None:
            settings = host.EnvSettings(**{name: options[name] for name in host.POSITIONAL if name in options})
            super().__init__(**{**options, **settings.model_dump()})

    __all__.append("EnvBearerAuthProvider")
