"""Who has sent a request, in the form that frameworks have for users."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .verifier import AccessToken


class BearerUser:
    """What request.user is under the middleware; Starlette's interface of an authenticated user, and what permissions
    and throttles of the Django REST framework ask for.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True

    def __init__(self, access_token: AccessToken) -> None:
        self.access_token = access_token

    @property
    def identity(self) -> str:
        """Who the token speaks for: its subject, or the client itself."""
        return self.access_token.subject or self.access_token.client_id

    @property
    def display_name(self) -> str:
        """The identity, under the name that Starlette has for people."""
        return self.identity

    @property
    def pk(self) -> str:
        """The identity, by which the Django REST framework throttles."""
        return self.identity
