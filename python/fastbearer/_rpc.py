"""What the bodies of JSON-RPC requests ask for: the options of a middleware as the core takes them, and its answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from . import _native
from .errors import ConfigurationError, MalformedRequestError
from .request import Request

#: Patterns of names, and what each of them needs; one text is split at spaces.
ScopesByName = Mapping[str, str | Sequence[str]]

#: Reads a whole body, of at most so many bytes; of a larger one any more than that.
ReadBody = Callable[[int], Awaitable[bytes]]


class BodyRefused(Exception):
    """A body that cannot be looked at. There is nothing wrong with the credential, so there is no challenge."""

    def __init__(self, reason: MalformedRequestError) -> None:
        self.reason = reason


class RpcRules:
    """Which methods need no token, and which tools, resources and prompts need which scopes."""

    def __init__(
        self,
        anonymous: Collection[str],
        tool_scopes: ScopesByName,
        resource_scopes: ScopesByName,
        prompt_scopes: ScopesByName,
        max_body_bytes: int | None,
    ) -> None:
        if max_body_bytes is not None and (
            not isinstance(max_body_bytes, int) or isinstance(max_body_bytes, bool) or not 0 < max_body_bytes <= 1 << 30
        ):
            raise ConfigurationError("max_body_bytes must be a number of bytes, from 1 to 1 GiB")
        self._policy = _native.RpcPolicy(
            _names("anonymous", anonymous),
            _patterns("tool_scopes", tool_scopes),
            _patterns("resource_scopes", resource_scopes),
            _patterns("prompt_scopes", prompt_scopes),
            max_body_bytes,
        )

    @property
    def has_anonymous(self) -> bool:
        """Whether a request without a token may be good."""
        return self._policy.has_anonymous

    @property
    def scopes(self) -> tuple[str, ...]:
        """All that may be needed."""
        return self._policy.scopes

    async def ask(self, request: Request, read_body: ReadBody) -> tuple[bool, list[str]]:
        """Whether the request needs no token, and otherwise which scopes."""
        try:
            self._policy.check_headers(request.headers)
            return self._policy.check(await read_body(self._policy.max_body_bytes))
        except MalformedRequestError as error:
            raise BodyRefused(error) from None


def rules_of(
    anonymous: Collection[str],
    tool_scopes: ScopesByName | None,
    resource_scopes: ScopesByName | None,
    prompt_scopes: ScopesByName | None,
    max_body_bytes: int | None,
) -> RpcRules | None:
    """The rules, or None where there are none: bodies are not looked at then."""
    rules = RpcRules(anonymous, tool_scopes or {}, resource_scopes or {}, prompt_scopes or {}, max_body_bytes)
    return rules if rules.has_anonymous or rules.scopes else None


def _names(option: str, given: Collection[str]) -> tuple[str, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Collection):
        raise ConfigurationError(f"{option} must be a collection of names, not {type(given).__name__}")
    if not all(isinstance(name, str) for name in given):
        raise ConfigurationError(f"{option} must hold text")
    return tuple(given)


def _patterns(option: str, given: ScopesByName) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{option} must be a mapping from patterns to scopes, not {type(given).__name__}")
    found = []
    for pattern, scopes in given.items():
        if not isinstance(pattern, str):
            raise ConfigurationError(f"{option} must be a mapping from text")
        found.append((pattern, tuple(scopes.split()) if isinstance(scopes, str) else _names(option, scopes)))
    return tuple(found)
