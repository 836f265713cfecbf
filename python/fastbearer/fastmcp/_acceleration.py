"""accelerate(): what verifies JWTs in an auth object of FastMCP does so with fastbearer, and nothing else changes.

The objects stay the same ones, so that whoever holds a reference to one has the faster one too. What each is replaced
by, and when it is not, is the business of _same_policy and _proxy_tokens; here is where they are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _installed as installed
from . import _proxy_tokens, _same_policy
from ._verifier import JWTVerifier


@dataclass(frozen=True)
class AcceleratedPart:
    """One part of an auth object: where it is, the name of its class, and what became of it."""

    path: str
    type: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} ({self.type}): {self.reason}"


@dataclass(frozen=True)
class Acceleration:
    """What accelerate() has replaced, and what it has left as it was; str() is a line for each."""

    replaced: tuple[AcceleratedPart, ...]
    left: tuple[AcceleratedPart, ...]

    def __str__(self) -> str:
        return "\n".join([*(f"replaced {part}" for part in self.replaced), *(f"left {part}" for part in self.left)])


def accelerate(provider: Any) -> Acceleration:
    """Has the JWTs of a FastMCP auth object verified by fastbearer, in place, with exactly its policy.

        auth = AzureProvider(...)                  # or any other, RemoteAuthProvider and MultiAuth too
        print(accelerate(auth))
        mcp = FastMCP("guarded", auth=auth)

    Every JWTVerifier in it is replaced, also the ones that providers make for themselves: same keys, issuer, audience,
    algorithm, scopes, HTTP client and SSRF protection; what subclasses override is called as before; what FastMCP
    writes later, such as the audience of AuthKitProvider, counts. So is the verification of the tokens that OAuthProxy
    and OIDCProxy issue themselves. Doing it again changes nothing. A verifier whose policy might not be the same is
    left as it is, and the result says why: a subclass that overrides what fastbearer does not call, an attribute or a
    patched method that nobody knows, an option that means something else here, a FastMCP that does more than this
    fastbearer knows of. Verifiers that FastMCP makes for assertions at its token endpoint stay FastMCP's. The class of
    an object that is replaced becomes a subclass of the same name: isinstance() says what it said before, a comparison
    of type() does not. Where a test patches a hook of FastMCP's class afterwards (_get_verification_key, _get_jwks_key,
    _validate_issuer, _extract_scopes), the patch counts; one of its other methods is not noticed.

    The policy is FastMCP's, not the stricter one of fastbearer.fastmcp.JWTVerifier: tokens need no exp, typ is not
    looked at, tokens that are bound to a key are accepted from everybody. Only what no honest issuer sends is refused
    beside what FastMCP refuses: duplicate members, NUL, lone surrogates, a byte order mark, members of wrong type (a
    null exp too), crit, zip and enc, an iat more than a day in the future; more than 64 KiB, or 32 levels; and, as
    FastMCP does from 4.2.1 on, an nbf more than 30 s in the future. So are signatures by keys that their set says are
    for something else, RSA keys below 2048 bits, and key sets in an encoded or redirected response. Scheme and host
    of an audience are compared as URLs are, scopes are split at spaces only. Keys that are held outlive an outage.
    """
    if not _is_auth(provider):
        hint = "; give its auth" if hasattr(provider, "auth") else ""
        raise TypeError(f"accelerate() takes an auth provider of FastMCP, not {type(provider).__name__}{hint}")
    replaced: list[AcceleratedPart] = []
    left: list[AcceleratedPart] = []
    for path, part in list(_parts(provider, "auth", set())):
        if isinstance(part, installed.UPSTREAM):
            is_ours = isinstance(part, JWTVerifier)
            problem = "verifies with fastbearer already" if is_ours else _same_policy.replace(part)
            _note(replaced, left, path, part, problem, "verifies JWTs with fastbearer")
        elif installed.JWT_ISSUER is not None and isinstance(part, installed.oauth_proxy()):
            problem = _proxy_tokens.replace(part)
            _note(replaced, left, f"{path}.jwt_issuer", part, problem, "verifies its own tokens with fastbearer")
        elif not any(_children(part)):
            _note(replaced, left, path, part, "is not a JWT verifier", "")
    return Acceleration(tuple(replaced), tuple(left))


def _note(
    replaced: list[AcceleratedPart],
    left: list[AcceleratedPart],
    path: str,
    part: Any,
    problem: str | None,
    done: str,
) -> None:
    (replaced if problem is None else left).append(AcceleratedPart(path, type(part).__name__, problem or done))


def _is_auth(value: Any) -> bool:
    if isinstance(value, type):
        return False
    known = tuple(kind for kind in (installed.AUTH_PROVIDER, installed.UPSTREAM) if kind is not None)
    return isinstance(value, known) or callable(getattr(type(value), "verify_token", None))


def _parts(part: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The object and all those that it holds, each once."""
    if id(part) in seen:
        return
    seen.add(id(part))
    yield path, part
    for name, child in _children(part):
        yield from _parts(child, path + name, seen)


def _children(part: Any) -> Iterator[tuple[str, Any]]:
    """The auth objects among its attributes, and in lists and mappings there. What issues a proxy's tokens is not one
    by itself.
    """
    for name, value in list(getattr(part, "__dict__", {}).items()):
        if isinstance(value, Mapping):
            members = [(f".{name}[{key!r}]", member) for key, member in value.items()]
        elif isinstance(value, (list, tuple)):
            members = [(f".{name}[{index}]", member) for index, member in enumerate(value)]
        else:
            members = [(f".{name}", value)]
        for place, member in members:
            if _is_auth(member) and not (installed.JWT_ISSUER is not None and isinstance(member, installed.JWT_ISSUER)):
                yield place, member
