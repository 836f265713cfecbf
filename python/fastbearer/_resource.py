"""audience="resource": tokens must have been issued for the very server that they are sent to.

The word stands for the server's own URL, which only the host of a verifier knows: FastMCP, the settings of the MCP SDK,
or the metadata of a middleware. A Verifier by itself takes it literally, and no token has it.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .verifier import Verifier

#: What stands for the server's own URL.
RESOURCE = "resource"


def is_meant(audience: Any) -> bool:
    """Whether the URL of the server is among these."""
    return audience == RESOURCE or (isinstance(audience, (list, tuple)) and RESOURCE in audience)


def bound(audience: Any, resource: list[str]) -> list[str]:
    """The audiences with the server's URL in the place of the word."""
    named = [audience] if isinstance(audience, str) else audience
    return [text for name in named for text in (resource if name == RESOURCE else [name])]


def spellings(url: Any) -> list[str]:
    """With and without the slash at the end: some put one after a host without a path, and clients drop it."""
    text = str(url).rstrip("/")
    return [text, f"{text}/"]


_bound_to: weakref.WeakKeyDictionary[Verifier, list[str]] = weakref.WeakKeyDictionary()


def bind(verifier: Verifier, url: str | None) -> None:
    """Has a verifier whose audience is the resource accept tokens for this URL alone, before it verifies any."""
    before = _bound_to.get(verifier)
    if before is not None:
        if url is not None and spellings(url) != before:
            raise ConfigurationError(f'audience="resource" of this verifier is {before[0]} already: each needs its own')
        return
    if not is_unbound(verifier):
        return
    if url is None:
        raise unknown()
    audience = bound(verifier._options["audience"], spellings(url))
    verifier._set_up({**verifier._options, "audience": audience}, warn=False)
    _bound_to[verifier] = spellings(url)


def is_unbound(verifier: Any) -> bool:
    """Whether nobody has told this verifier what the word stands for."""
    return is_meant(getattr(verifier, "_options", {}).get("audience"))


def unknown() -> ConfigurationError:
    """What is wrong where nobody can tell."""
    return ConfigurationError('audience="resource" needs the URL of this server: give resource_metadata or base_url')
