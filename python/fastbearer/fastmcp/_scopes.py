"""Which scopes a FastMCP server's challenges and metadata ask for.

From 4.0 on FastMCP names scopes in its challenges and asks its auth objects which; before, a middleware adds them.
"""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware

from .._challenge import ChallengeScopes, ScopeMiddleware, ScopesToAskFor
from . import _installed as installed

_NAMES_SCOPES = hasattr(installed.UPSTREAM, "get_challenge_scopes")


class ScopesMixin:
    """What a verifier makes clients ask for: all that it requires, and what else is asked of a request."""

    required_scopes: Any
    _challenge_scopes: ChallengeScopes | None = None

    def get_challenge_scopes(self, required_scopes: list[str] | None = None) -> list[str]:
        """The scopes of one challenge, under the names that clients use; required_scopes are those of the server or of
        what is called. What this verifier requires is always among them: it refuses a token without.
        """
        return ScopesToAskFor(self.required_scopes or (), self._challenge_scopes).names(required_scopes or ())

    @property
    def scopes_supported(self) -> list[str]:
        """The scopes in the protected resource metadata."""
        return self.get_challenge_scopes()

    def get_middleware(self) -> list[Any]:
        """What FastMCP puts before the application."""
        upstream: Any = super()
        middleware: list[Any] = upstream.get_middleware()
        if _NAMES_SCOPES:
            return middleware
        return [Middleware(ScopeMiddleware, scopes=self.get_challenge_scopes), *middleware]
