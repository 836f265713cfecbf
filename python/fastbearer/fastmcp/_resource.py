"""audience="resource": tokens must have been issued for the very server that they are sent to.

FastMCP knows its URL when it makes its application, and tells a verifier that is the server's own auth. One that
another auth object holds is told nothing, so the server is looked up with each request. Nothing of a request is looked
at: the URL is what base_url (or resource_base_url) and the path of the server make.
"""

from __future__ import annotations

from typing import Any

from .._resource import is_meant, spellings
from ..errors import ConfigurationError
from . import _installed as installed

_UNKNOWN = 'audience="resource" needs the URL of this server: give base_url to the auth that FastMCP has'


def of_server() -> list[str] | None:
    """The URL of the server whose request is being served."""
    request = None if installed.current_request is None else installed.current_request.get(None)
    app = None if request is None else request.scope.get("app")
    state = getattr(app, "state", None)
    found: list[str] | None = getattr(state, "fastbearer_resource", None)
    if found is None and state is not None:
        auth = getattr(state, "fastmcp_auth", None) or getattr(getattr(state, "fastmcp_server", None), "auth", None)
        find = getattr(auth, "_get_resource_url", None)
        url = None if find is None else find(getattr(state, "path", None))
        if url is not None:
            found = state.fastbearer_resource = spellings(url)
    return found


class ResourceMixin:
    """What a provider knows of the URL of its server."""

    audience: Any

    def _resource(self) -> list[str] | None:
        """The URL of the server, or None while it is unknown."""
        found = of_server()
        if found is not None:
            return found
        own = getattr(self, "_resource_url", None) or getattr(self, "resource_server_url", None)  # 2.11 has the latter
        return None if own is None else spellings(own)

    def _check_resource(self) -> None:
        """Fails where FastMCP will never know its URL."""
        if is_meant(self.audience) and installed.IS_OAUTH_PROVIDER:
            raise ConfigurationError(
                f'audience="resource" needs FastMCP 2.11 or later; {installed.VERSION} is installed'
            )

    def get_middleware(self) -> list[Any]:
        """What FastMCP puts before the application; asked of the server's own auth alone."""
        upstream: Any = super()
        find = getattr(self, "_get_resource_url", None)
        if is_meant(self.audience) and find is not None and find("/") is None:
            raise ConfigurationError(_UNKNOWN)
        middleware: list[Any] = upstream.get_middleware()
        return middleware


def unknown() -> ConfigurationError:
    """What a token is refused with while the URL is not known."""
    return ConfigurationError(_UNKNOWN)
