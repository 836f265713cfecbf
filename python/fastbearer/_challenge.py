"""The HTTP side of RFC 6750 and RFC 9449: saying why there is no access.

Nothing that a client sent ever goes into a response: descriptions are fixed, parameters come from the configuration and
are quoted (RFC 9110 section 5.6.4). Text that could break a header line is refused when it is configured.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .dpop import DPoP

#: What clients ask for in place of the scopes that tokens carry: all of it, or by scope.
ChallengeScopes = Sequence[str] | Mapping[str, str]

#: Asks for a refresh token, which is no business of a resource server (MCP: SHOULD NOT be in a challenge).
_NEVER_NAMED = "offline_access"

_SCOPE = re.compile(rb'\bscope="([^"]*)"')

_DESCRIPTIONS = {
    "invalid_request": "Send exactly one bearer token, in one Authorization header.",
    "invalid_token": "The access token is invalid or has expired.",
    "invalid_dpop_proof": "The DPoP proof is missing or invalid.",
    "use_dpop_nonce": "The DPoP proof must have the nonce of the header DPoP-Nonce.",
    "insufficient_scope": "The access token does not grant what this resource requires.",
    "temporarily_unavailable": "The access token cannot be checked at the moment.",
    "server_error": "The access token could not be checked.",
}


_BODIES = {
    413: "The body of the request is too large.",
    415: "The body of the request must be JSON in UTF-8, and not compressed.",
}


@dataclass(frozen=True)
class Refusal:
    """The response to a request that is not admitted: status, headers and body, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    detail: str


def quoted(value: str, option: str) -> str:
    """value as a quoted-string; option names it in the error when it cannot be one."""
    if any(not " " <= character <= "~" for character in value):
        raise ConfigurationError(f"{option} must be printable ASCII")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class ScopesToAskFor:
    """The scope parameter of one resource's challenges: everything that is required, under the names that clients use.

    required are scopes as tokens carry them. names, a sequence, stands in place of all of them; a mapping from one to
    its name translates, also scopes that only a single refusal is about. What has no other name keeps its own.
    """

    def __init__(self, required: Iterable[str], names: ChallengeScopes | None = None) -> None:
        if isinstance(names, (str, bytes)) or not isinstance(names, (Sequence, Mapping, type(None))):
            raise ConfigurationError("challenge_scopes must be a list of scopes, or a mapping from scopes to names")
        required = list(required)
        for scope in required:
            quoted(scope, "required_scopes")
        by_scope, instead = ({}, names) if isinstance(names, Sequence) else (names or {}, None)
        for name in (*(instead or ()), *by_scope.values()):
            if not isinstance(name, str) or not name or " " in name:
                raise ConfigurationError("challenge_scopes must be scopes: text without spaces")
            quoted(name, "challenge_scopes")
        self._required = frozenset(required)
        self._by_scope = by_scope
        self._always = self._named(required if instead is None else instead)

    def names(self, more: Iterable[str] = ()) -> list[str]:
        """What a client must ask for; more are scopes that this very request lacks."""
        others = self._named(scope for scope in more if scope not in self._required)
        return list(dict.fromkeys((*self._always, *others)))

    def _named(self, scopes: Iterable[str]) -> list[str]:
        named = (self._by_scope.get(scope, scope) for scope in scopes)
        return [name for name in named if name != _NEVER_NAMED]


class Challenger:
    """Builds refusals for one protected resource."""

    def __init__(
        self,
        realm: str | None,
        scopes: Iterable[str],
        resource_metadata_url: str | None,
        dpop: DPoP | None,
        challenge_scopes: ChallengeScopes | None = None,
    ) -> None:
        self._before = f"realm={quoted(realm, 'realm')}" if realm is not None else ""
        self.scopes: ScopesToAskFor = ScopesToAskFor(scopes, challenge_scopes)
        self._after = ""
        if resource_metadata_url is not None:
            self._after = f"resource_metadata={quoted(resource_metadata_url, 'resource_metadata_url')}"
        self._takes_bearer = dpop is None or not dpop.required
        self._algorithms: str | None = None
        if dpop is not None:
            self._algorithms = f'algs="{" ".join(dpop._advertised_algorithms)}"'

    def refuse(
        self, status: int, error: str | None = None, scopes: Iterable[str] = (), retry_after: float = 0.0
    ) -> Refusal:
        """The response with an OAuth error code, or to a request without credentials: without one (section 3.1).

        scopes are named beside those of the resource: a client that asked for what it lacks alone would come back
        with a token that lacks the others.
        """
        if self._algorithms is None:
            error = _for_bearer(error)
        headers = [(b"cache-control", b"no-store")]
        body, description = b"", "Authentication is required."
        if error is not None:
            description = _DESCRIPTIONS[error]
            body = json.dumps({"error": error, "error_description": description}).encode()
            headers.append((b"content-type", b"application/json"))
        if status in (400, 401, 403):
            headers.append((b"www-authenticate", self.challenges(error, scopes).encode()))
        if status == 503:
            headers.append((b"retry-after", str(max(1, math.ceil(retry_after))).encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        return Refusal(status, headers, body, description)

    def dpop_challenge(self, error: str | None) -> str:
        """The one of the scheme DPoP, which is taken; error may be of another author."""
        return self._challenge(
            "DPoP", self._algorithms or "", error if error in _DESCRIPTIONS else None, self.scopes.names()
        )

    def challenges(self, error: str | None, scopes: Iterable[str] = ()) -> str:
        """One for each scheme that is taken, in one field: some clients see but one. Bearer is first: some read no
        further.
        """
        named = self.scopes.names(scopes)
        found = [self._challenge("Bearer", "", _for_bearer(error), named)] if self._takes_bearer else []
        if self._algorithms is not None:
            found.append(self._challenge("DPoP", self._algorithms, error, named))
        return ", ".join(found)

    def _challenge(self, scheme: str, first: str, error: str | None, scopes: list[str]) -> str:
        parts = [first, self._before]
        if error is not None:
            parts.append(f'error="{error}"')
            parts.append(f'error_description="{_DESCRIPTIONS[error]}"')
        if scopes and error not in ("invalid_request", "use_dpop_nonce"):
            parts.append(f"scope={quoted(' '.join(scopes), 'required_scopes')}")
        parts.append(self._after)
        return (f"{scheme} " + ", ".join(part for part in parts if part)).rstrip()


def refuse_body(status: int) -> Refusal:
    """The response to a request whose body cannot be looked at. Its credential may be good: there is no challenge."""
    description = _BODIES.get(status, "The body of the request is JSON that can be read in more than one way.")
    body = json.dumps({"error": "invalid_request", "error_description": description}).encode()
    headers = [(b"cache-control", b"no-store"), (b"content-type", b"application/json")]
    return Refusal(status, [*headers, (b"content-length", str(len(body)).encode())], body, description)


def _for_bearer(error: str | None) -> str | None:
    """RFC 6750 section 3.1 knows nothing of proofs."""
    return "invalid_token" if error in ("invalid_dpop_proof", "use_dpop_nonce") else error


class ScopeMiddleware:
    """An ASGI middleware around a framework whose own Bearer challenges do not say which scopes to ask for."""

    def __init__(self, app: Any, *, scopes: Callable[[], list[str]]) -> None:
        self._app = app
        self._scopes = scopes

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def send_completed(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] in (401, 403):
                names = self._scopes()
                if names:
                    message = {**message, "headers": _completed(message, names)}
            await send(message)

        await self._app(scope, receive, send_completed if scope["type"] == "http" else send)


def _completed(message: Any, names: list[str]) -> list[tuple[bytes, bytes]]:
    """The headers of a refusal; a 401 has to have a challenge (RFC 6750 section 3), and gets one."""
    given = [(name, value, name.lower() == b"www-authenticate") for name, value in message.get("headers", ())]
    headers = [(name, _with_scopes(value, names) if is_challenge else value) for name, value, is_challenge in given]
    if message["status"] == 401 and not any(is_challenge for *_, is_challenge in given):
        headers.append((b"www-authenticate", _with_scopes(b"Bearer", names)))
    return headers


def _with_scopes(challenge: bytes, names: list[str]) -> bytes:
    if challenge[:6].lower() != b"bearer":
        return challenge
    said = _SCOPE.search(challenge)
    if said is None:
        separator = b", " if b"=" in challenge else b" "
        return challenge + separator + f"scope={quoted(' '.join(names), 'required_scopes')}".encode()
    together = dict.fromkeys([*said[1].decode("latin-1").split(), *names])
    kept = " ".join(name for name in together if name != _NEVER_NAMED)
    return challenge[: said.start(1)] + kept.encode("latin-1") + challenge[said.end(1) :]
