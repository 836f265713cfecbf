"""The authentication class of fastbearer.wsgi for the Django REST framework. Imported only when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ._asgi_request import RequestReader
from ._blocking import blocking, completed
from ._challenge import ChallengeScopes, Refusal
from ._client_certificate import ClientCertificateHeader
from ._guard import Guard, current_guard, get_access_token
from ._user import BearerUser
from ._wsgi_request import scope_of
from .verifier import AccessToken, Verifier

if TYPE_CHECKING:
    # The framework has no types.
    class BaseAuthentication:
        """What the framework asks of an authentication class."""

    class APIException(Exception):
        """What the framework answers with a status and a body."""

        def __init__(self, detail: object) -> None: ...
else:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException


class Refused(APIException):
    """A refusal in the framework's own form."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(json.loads(refusal.body))
        headers = dict(refusal.headers)
        self.status_code = refusal.status
        if b"www-authenticate" in headers:
            self.auth_header = headers[b"www-authenticate"].decode()
        if b"retry-after" in headers:
            self.wait = int(headers[b"retry-after"])


class BearerAuthentication(BaseAuthentication):
    """Authenticates requests by their bearer token: request.auth is the AccessToken, request.user a BearerUser.

    With a verifier of its own:

        class Bearer(BearerAuthentication):
            verifier = Verifier(issuer="https://issuer.example", audience="https://api.example")

    and Bearer among authentication_classes, or DEFAULT_AUTHENTICATION_CLASSES. Without one, as
    "fastbearer.wsgi.BearerAuthentication" among these, it takes the token that BearerAuthMiddleware has admitted.

    A request without a token is left to the other classes, and to the permissions: IsAuthenticated answers 401 with a
    challenge. get_user may be overridden to find a user of Django by the token. The other attributes are the options of
    the same name of BearerAuthMiddleware.
    """

    verifier: ClassVar[Verifier | None] = None
    required_scopes: ClassVar[Sequence[str]] = ()
    resource_metadata_url: ClassVar[str | None] = None
    realm: ClassVar[str | None] = None
    base_url: ClassVar[str | None] = None
    client_certificate_header: ClassVar[ClientCertificateHeader | Mapping[str, str] | None] = None
    challenge_scopes: ClassVar[ChallengeScopes | None] = None
    token_header: ClassVar[str | None] = None

    _guard: ClassVar[Guard | None] = None
    _reader: ClassVar[RequestReader]

    def __init_subclass__(cls, **more: Any) -> None:
        """Wrong options are an error of the class, not of the first request."""
        super().__init_subclass__(**more)
        if cls.verifier is not None:
            cls.verifier._check_sync()
            cls._reader = RequestReader(cls.base_url, cls.client_certificate_header, cls.token_header)
            cls._guard = Guard(
                cls.verifier, cls.required_scopes, cls.resource_metadata_url, cls.realm, cls.challenge_scopes, None,
                cls.token_header,
            )  # fmt: skip

    def authenticate(self, request: Any) -> tuple[Any, AccessToken] | None:
        """User and token; None for a request without a token."""
        request._fastbearer_guard = self._guard or current_guard.get()
        if self._guard is None:
            access = get_access_token()
            return None if access is None else (self.get_user(access, request), access)
        outgoing = self._reader.read(scope_of(request._request.META))
        if not self._guard.has_credential(outgoing):
            return None
        outcome = completed(self._guard.admit(outgoing, None, blocking(self._guard.verifier)))
        if isinstance(outcome, Refusal):
            raise Refused(outcome)
        assert outcome is not None, "only bodies say that no token is needed, and none is read here"
        return self.get_user(outcome, request), outcome

    def authenticate_header(self, request: Any) -> str:
        """The challenge of a request without a token."""
        guard = self._guard or current_guard.get()
        return "Bearer" if guard is None else guard.challenger.challenges(None)

    def get_user(self, access_token: AccessToken, request: Any) -> Any:
        """What request.user becomes."""
        return BearerUser(access_token)
