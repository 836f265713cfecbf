"""The classes that stand in for FastMCP's."""

from __future__ import annotations

import inspect
import math
import threading
from typing import TYPE_CHECKING, Any

from .. import _options
from .._log import LOGGER, RejectionLog
from .._option_types import FastMCPAttributes
from .._records import Health
from ..errors import (
    ConfigurationError,
    InsufficientScopeError,
    InvalidIssuerError,
    InvalidTokenError,
    KeysUnavailableError,
)
from . import _installed as installed
from . import _model, _proofs
from ._arguments import (
    NOT_GIVEN,
    check_algorithms,
    check_alone,
    check_key_option,
    check_list,
    check_names,
    chosen_algorithm,
    for_upstream,
    is_given,
    parse_scopes,
    stand_in_key,
)
from ._key_set import KeySetMixin
from ._policy import HOOKS, KEY_SOURCE, POLICY, CompiledPolicy, check_options, weakness_of_secret
from ._resource import ResourceMixin
from ._scopes import ScopesMixin
from ._unavailable import UnavailableMixin, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastmcp.server.auth import AccessToken
    from fastmcp.server.auth.providers.jwt import JWTVerifier as _Upstream
    from fastmcp.server.dependencies import get_access_token
    from typing_extensions import Unpack

    from .._challenge import ChallengeScopes
    from .._option_types import FastMCPOptions
    from .._records import KeyInfo
else:
    AccessToken = installed.AccessToken
    get_access_token = installed.get_access_token
    _Upstream = installed.UPSTREAM

__all__ = ["AccessToken", "BearerAuthProvider", "JWTVerifier", "get_access_token"]

#: The options that FastMCP's own class does not have. Its HTTP client reads the proxy variables of the environment.
_MORE = {name: _options.DEFAULTS[name] for name in FastMCPAttributes.__annotations__}
_MORE["trust_env"] = True


_REFUSED = "every token is refused: configuration_invalid"

_validated, _verified = _model.validated(AccessToken), _model.verified(AccessToken)


class JWTVerifier(  # type: ignore[misc, unused-ignore]
    KeySetMixin, ResourceMixin, UnavailableMixin, _proofs.ProofMixin, ScopesMixin, FastMCPAttributes, _Upstream
):
    """Verifies JWT access tokens; a drop-in for the JWTVerifier of FastMCP.

    FastMCP's parameters:
        public_key, jwks_uri    where the keys come from, exactly one; with an HS* algorithm public_key is the secret
        issuer, audience        text or a list of texts; None is not checked. audience="resource" is the URL of this
                                server, made of base_url and the path, with or without a slash at its end
        algorithm               default RS256
        required_scopes         all of them, or the token is refused
        base_url, ssrf_safe, http_client, jwks_refresh_interval   as in FastMCP
    Beside these, discover=True finds the keys by the metadata of the only issuer, in place of public_key and jwks_uri;
    and issuers=[fastbearer.Issuer(...), ...] takes several, each with its keys and whatever else is its own.
    challenge_scopes are what clients ask for where that is called otherwise than what tokens carry: a list in place of
    all required scopes, or a mapping such as {"read": "api://app/read"} (Entra).
    The others are those of fastbearer.Verifier. Of these only trust_env differs: FastMCP's HTTP client reads the proxy
    variables of the environment, so it is on (but never with ssrf_safe, which goes to public addresses directly).

    dpop=fastbearer.DPoP() is all that is needed for DPoP where this is the server's own auth and FastMCP asks its
    provider for the middleware. Proofs are compared with the scheme and host of base_url, or with what the server sees.
    Held by another provider, or under an older FastMCP, it gets the token without the request: bound tokens are refused
    then, and the log says so.
    """

    issuer: Any
    audience: Any
    public_key: Any
    algorithm: Any
    required_scopes: Any
    ssrf_safe: bool

    _defers_scopes = False
    _compiled: CompiledPolicy | None = None
    _compiled_before: CompiledPolicy | None = None
    _hook_watch: Callable[[], tuple[Any, ...]] | None = None  # what others may have done to hooks elsewhere

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
        discover: bool = False,
        challenge_scopes: ChallengeScopes | None = None,
        **options: Unpack[FastMCPOptions],
    ) -> None:
        more: dict[str, Any] = {**_MORE, **options}
        newer = {name: more.pop(name) for name in list(more) if name not in _MORE}
        check_names(newer, _parameters(), type(self).__name__)
        check_list("issuer", issuer)
        check_list("audience", audience)
        check_key_option(public_key, jwks_uri, more["jwks"], more["secret"], ssrf_safe, http_client, discover)
        own = {
            "discover": discover, "ssrf_safe": ssrf_safe, "http_client": http_client,
            "jwks_refresh_interval": jwks_refresh_interval,
        }  # fmt: skip
        check_algorithms(algorithm, more["algorithms"], public_key, jwks_uri)
        if not math.isfinite(jwks_refresh_interval) or jwks_refresh_interval < 0:
            raise ValueError("jwks_refresh_interval must be finite and non-negative")
        if required_scopes is not NOT_GIVEN:
            required_scopes = parse_scopes(required_scopes)
        self._log = RejectionLog()
        self._compiling = threading.Lock()
        given = {
            "public_key": public_key,
            "jwks_uri": jwks_uri,
            "issuer": issuer,
            "audience": audience,
            "algorithm": algorithm,
            "required_scopes": required_scopes,
            "base_url": base_url,
        }
        if more["issuers"] is not None:
            check_alone({**more, **given, **own})
        hides_key = discover or any(more[name] is not None for name in ("jwks", "secret", "issuers", "resolve_issuer"))
        hides_key = hides_key and not is_given(public_key) and not is_given(jwks_uri)
        super().__init__(**for_upstream({**given, **newer, **({"public_key": stand_in_key()} if hides_key else {})}))
        if hides_key:
            given["public_key"] = None
        self.discover = discover
        self._keep(given, more)
        self.ssrf_safe, self._http_client, self._jwks_refresh_interval = ssrf_safe, http_client, jwks_refresh_interval
        self.logger = LOGGER
        self._challenge_scopes = challenge_scopes
        self._ready = True
        self._check_resource()
        check_options(self)
        self.get_challenge_scopes()  # fails for names that are none
        if self.dpop is not None and not installed.HAS_MIDDLEWARE_HOOK:
            self._log.warn_once(self.logger, _proofs.NO_REQUESTS)

    def _keep(self, given: dict[str, Any], more: dict[str, Any]) -> None:
        """Sets the attributes. Where nothing was given, FastMCP may have read one from the environment."""
        for name in ("issuer", "audience", "public_key"):
            if given[name] is not NOT_GIVEN:
                setattr(self, name, given[name])
        algorithm = chosen_algorithm(given["algorithm"], more["algorithms"], more["secret"])
        if algorithm is not None or not hasattr(self, "algorithm"):
            self.algorithm = algorithm or "RS256"
        scopes = given["required_scopes"]
        if scopes is not NOT_GIVEN:
            self.required_scopes = scopes or ([] if not installed.IS_OAUTH_PROVIDER else scopes)
        if isinstance(more["algorithms"], str):
            more["algorithms"] = [more["algorithms"]]
        for name, value in more.items():
            setattr(self, name, value)

    # --- Verifying ---------------------------------------------------------------------------------------------------

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's AccessToken, or None. The reason of a refusal goes to the log and on_reject.

        ConfigurationError when this server can accept no token at all, which FastMCP answers with 500.
        """
        return await self.load_access_token(token)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """What verify_token does, under the name that FastMCP 2.6 calls and subclasses override."""
        try:
            compiled = self._compiled
            if compiled is None or compiled.is_outdated(self):
                compiled = await self._compile()
                if compiled.unbound is not None:
                    self._log.warn_once(self.logger, f"{_REFUSED}: {compiled.unbound}")
                    raise compiled.unbound
            if compiled.error is not None:
                raise compiled.error.with_traceback(None)
            if not compiled.is_plain:
                return await self._load_with_hooks(compiled, token)
            access = await compiled.verifier.verify_async(token)
            scopes = compiled.verifier._scopes_of(access) if compiled.has_implied else access.scopes
            return self._access_token(compiled, access, scopes)
        except ConfigurationError:
            raise
        except Exception as error:
            note(error)
            self._log.rejected(self.logger, error)
            if getattr(error, "code", None) == "proof_missing" and _proofs.current.get() is None:
                self._log.warn_once(self.logger, _proofs.NO_REQUESTS)
            return None

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

    async def _load_with_hooks(self, compiled: CompiledPolicy, token: str) -> AccessToken | None:
        if compiled.keys_from_hook:
            verifier = compiled.verifier_for(await self._get_verification_key(token))
        else:
            verifier = compiled.verifier
        access = await self._verify(verifier, token)
        scopes = self._extract_scopes(access.claims) if compiled.extract_scopes else verifier._scopes_of(access)
        error = self._refused_by_hook(compiled, access, scopes)
        if error is not None:
            raise verifier._refuse(access, error)
        return self._access_token(compiled, access, scopes)

    def _refused_by_hook(self, compiled: CompiledPolicy, access: Any, scopes: list[str]) -> InvalidTokenError | None:
        if compiled.validate_issuer and not self._validate_issuer(access.claims.get("iss")):
            return InvalidIssuerError("iss is not an issuer that _validate_issuer accepts")
        if compiled.extract_scopes and not self._defers_scopes:
            missing = [scope for scope in self.required_scopes or () if scope not in scopes]
            if missing:
                return InsufficientScopeError(missing=missing)
        return None

    def _access_token(self, compiled: CompiledPolicy, access: Any, scopes: list[str]) -> AccessToken:
        expires_at = access.expires_at
        if expires_at is not None:
            expires_at += compiled.expiry_grace  # the middleware compares it with the clock again and knows no leeway
        make = _validated if compiled.extract_scopes else _verified  # what a hook returns may be anything
        made: AccessToken = make(
            access.token, access.client_id, scopes, expires_at, access.resource, access.subject, access.claims
        )
        return made

    # --- Keys and counters -------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made or last configured anew, as fastbearer.Verifier.stats() has them.

        Empty before the first token.
        """
        return {} if self._compiled is None or self._compiled.verifier is None else self._compiled.verifier.stats()

    def health(self) -> Health:
        """Whether tokens can be verified now, for a readiness probe, as fastbearer.Verifier.health() says it;
        "not_ready" before the first token or refresh.
        """
        compiled = self._compiled
        if compiled is None or compiled.verifier is None:
            return Health("not_ready", ("no token and no refresh yet",))
        health: Health = compiled.verifier.health()
        return health

    def keys(self) -> list[KeyInfo]:
        """The keys that are held now, usable or not; empty before the first token or refresh."""
        return [] if self._compiled is None or self._compiled.verifier is None else self._compiled.verifier.keys()

    async def refresh(self) -> None:
        """Loads the key set now, for example at start-up. KeysUnavailableError says why it could not be had; keys that
        are held stay in use. ConfigurationError without keys to fetch.
        """
        compiled = self._compiled or await self._compile()
        if compiled.error is not None:
            raise compiled.error.with_traceback(None)
        if compiled.verifier is None:
            raise ConfigurationError("only issuers with jwks_uri, or found by discovery, have keys to fetch")
        await compiled.verifier.refresh_async()

    async def _refresh_keys(self) -> KeysUnavailableError | None:
        """Loads the key set now. A failure is returned, and logged; it leaves the held keys in use."""
        compiled = self._compiled or await self._compile()
        if compiled.verifier is not None and compiled.verifier._fetches:
            try:
                await compiled.verifier.refresh_async()
            except KeysUnavailableError as error:
                self._log.rejected(self.logger, error)
                return error
        return None

    # --- From the attributes to the policy ---------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _COMPILED_FROM:
            object.__setattr__(self, "_compiled", None)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _COMPILED_FROM:
            object.__setattr__(self, "_compiled", None)

    def _invalidate(self) -> None:
        self._compiled = None

    async def _compile(self) -> CompiledPolicy:
        with self._compiling:  # one policy, one key source, however many threads ask first
            compiled = self._compiled
            if compiled is None or compiled.is_outdated(self):
                overridden = frozenset(name for name in HOOKS if self._overrides(name))
                compiled = CompiledPolicy(self, overridden, self._compiled_before)
                self._compiled_before = self._compiled = compiled
                self._warn(compiled)
        if self._jwks_expired and compiled.verifier is not None:
            self._jwks_expired = False
            await self._refresh_keys()
        return compiled

    def _warn(self, compiled: CompiledPolicy) -> None:
        for name in ("issuer", "audience"):
            if getattr(self, name) == "":
                self._log.warn_once(self.logger, f"{name} is empty: the {name} of tokens is not checked")
        weakness = weakness_of_secret(self)
        if weakness is not None:
            self._log.warn_once(self.logger, weakness)
        if compiled.error is not None:
            self._log.warn_once(self.logger, f"{_REFUSED}: {compiled.error}")

    def _overrides(self, name: str) -> bool:
        return name in vars(self) or getattr(type(self), name) is not _OWN_HOOKS[name]

    def _fetch_limits(self) -> dict[str, Any]:
        return {
            "client": self._http_client,
            "ssrf_safe": self.ssrf_safe,
            "timeout": self.fetch_timeout,
            "max_bytes": self.max_jwks_bytes,
            "ca_file": self.ca_file,
            "trust_env": self.trust_env,
        }


#: As they are here; a test may patch the class.
_OWN_HOOKS = {name: getattr(JWTVerifier, name) for name in (*HOOKS, "_fetch_jwks")}

_COMPILED_FROM = frozenset((*POLICY, *KEY_SOURCE, *HOOKS))


class BearerAuthProvider(JWTVerifier):
    """FastMCP's BearerAuthProvider of 2.6 to 2.10, for every FastMCP: a missing scope is the middleware's 403.

    Takes what JWTVerifier takes; by position too where the installed FastMCP has this class.
    """

    _defers_scopes = True

    if not TYPE_CHECKING:

        def __init__(self, *values: Any, **options: Any) -> None:
            if len(values) > len(installed.POSITIONAL):
                raise TypeError(
                    f"BearerAuthProvider() takes {len(installed.POSITIONAL)} positional arguments, "
                    f"{len(values)} were given"
                )
            for name, value in zip(installed.POSITIONAL, values):
                if name in options:
                    raise TypeError(f"BearerAuthProvider() got multiple values for argument {name!r}")
                options[name] = value
            super().__init__(**options)


def _parameters() -> dict[str, inspect.Parameter]:
    """What help() shows: FastMCP's parameters as they are declared, then the options by name."""
    shown = {
        name: parameter
        for name, parameter in inspect.signature(JWTVerifier.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for option in _options.OPTIONS:
        if option.name in _MORE:
            shown[option.name] = inspect.Parameter(
                option.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_MORE[option.name],
                annotation=option.annotation,
            )
    return shown


def _signature(positional: tuple[str, ...]) -> inspect.Signature:
    parameters = _parameters()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [parameters.pop(name).replace(kind=kind) for name in positional]
    return inspect.Signature([*first, *parameters.values()])


if not TYPE_CHECKING:
    JWTVerifier.__signature__ = _signature(())
    BearerAuthProvider.__signature__ = _signature(installed.POSITIONAL)


if installed.EnvSettings is not None:

    class EnvBearerAuthProvider(BearerAuthProvider):
        """BearerAuthProvider configured by FASTMCP_AUTH_BEARER_..., as FastMCP 2.6 to 2.10 have it."""

        def __init__(self, **options: Any) -> None:
            given = {name: options[name] for name in installed.POSITIONAL if name in options}
            super().__init__(**{**options, **installed.EnvSettings(**given).model_dump()})

    __all__ += ["EnvBearerAuthProvider"]
