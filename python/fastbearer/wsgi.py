"""Bearer tokens for any WSGI application: a middleware for Flask, Django and others, a decorator for views that need
more scopes, and an authentication class for the Django REST framework.

    app.wsgi_app = BearerAuthMiddleware(app.wsgi_app, verifier=verifier)                       # Flask
    application = BearerAuthMiddleware(get_wsgi_application(), verifier=verifier)              # Django, wsgi.py

    @require_scopes("reports:write")
    def create_report(request): ...

A request is admitted with one valid token; the application finds it with get_access_token(), and in the environment
under "fastbearer.access_token". The precise reason of a refusal goes to the logger "fastbearer" and to the verifier's
on_reject; the client gets the OAuth error and a fixed sentence.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from ._asgi_request import ClientGone
from ._blocking import blocking, completed
from ._challenge import Refusal
from ._client_certificate import ClientCertificateHeader
from ._guard import ADMITTED, current_guard, current_token, get_access_token
from ._middleware import ConfiguredMiddleware
from ._resource_metadata import ResourceMetadata
from ._wsgi_request import RequestBody, path_of, scope_of
from .errors import ConfigurationError, InsufficientScopeError
from .verifier import AccessToken

if TYPE_CHECKING:
    from ._rest_framework import BearerAuthentication

__all__ = [
    "BearerAuthMiddleware",
    "BearerAuthentication",
    "ClientCertificateHeader",
    "ResourceMetadata",
    "get_access_token",
    "require_scopes",
]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

_View = TypeVar("_View", bound=Callable[..., Any])


class BearerAuthMiddleware(ConfiguredMiddleware[WSGIApp]):
    """Admits requests to app that carry one valid bearer token.

    The options are those of fastbearer.asgi.BearerAuthMiddleware, JSON-RPC included. Verifying blocks the worker's
    thread, as Verifier.verify does: ConfigurationError for a verifier whose is_revoked or replay_store is async.

    Certificates come from client_certificate_header, or from Apache's SSL_CLIENT_CERT where SSL_CLIENT_VERIFY says
    SUCCESS. Servers join two headers of one name with a comma, so two Authorization headers are refused (400) here too.
    """

    _blocks = True

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = path_of(environ)
        if self._metadata is not None and path == self._metadata.path:
            return _respond(start_response, *self._metadata._answer(environ["REQUEST_METHOD"]))
        if path in self._exclude:
            return self._serve(None, environ, start_response)
        body = RequestBody(environ)
        try:
            request = self._reader.read(scope_of(environ))
            outcome = completed(self._guard.admit(request, body.read, blocking(self._guard.verifier)))
        except ClientGone:
            return _respond(start_response, 400, [(b"content-length", b"0")], b"")
        if isinstance(outcome, Refusal):
            return _send(outcome, environ, start_response)
        return self._serve(outcome, environ, self._with_nonces(start_response))

    def _serve(self, token: AccessToken | None, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Each request has a context of its own: the application may still run when its response is sent."""
        environ[ADMITTED] = token
        context = copy_context()
        context.run(current_token.set, token)
        context.run(current_guard.set, self._guard)
        try:
            response = context.run(self.app, environ, start_response)
        except _Refused as refused:
            return _send(refused.refusal, environ, start_response)
        sends_file = isinstance(response, environ.get("wsgi.file_wrapper") or ())
        return response if sends_file or isinstance(response, (list, tuple)) else _Response(context, response)

    def _with_nonces(self, start_response: StartResponse) -> StartResponse:
        if not self._sends_nonces:
            return start_response

        def start_with_nonce(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *_native(self._guard.nonce_headers())], *more)

        return start_with_nonce


class _Response(Iterator[bytes]):
    """What an application returned, which goes on running in its request's context."""

    def __init__(self, context: Context, response: Iterable[bytes]) -> None:
        self._context = context
        self._response = response
        self._iterator: Iterator[bytes] | None = None

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = self._context.run(iter, self._response)
        return self._context.run(next, self._iterator)

    def close(self) -> None:
        """Ends the response, as servers must do (PEP 3333)."""
        if hasattr(self._response, "close"):
            self._context.run(self._response.close)


# ---- responses


def _native(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]


def _respond(
    start_response: StartResponse, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> list[bytes]:
    fields = _native(headers)
    if status != 204 and not any(name == "content-type" for name, _ in fields):
        fields.append(("content-type", "text/plain"))  # PEP 3333's own validator wants one
    start_response(f"{status} {HTTPStatus(status).phrase}", fields)
    return [body]


def _send(refusal: Refusal, environ: Environ, start_response: StartResponse) -> list[bytes]:
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else refusal.body
    return _respond(start_response, refusal.status, refusal.headers, body)


# ---- the decorator


class _Refused(InsufficientScopeError):
    """Leaves an application that has no response of its own for this."""

    def __init__(self, refusal: Refusal, scopes: tuple[str, ...]) -> None:
        super().__init__(refusal.detail, missing=scopes)
        self.refusal = refusal


def require_scopes(*scopes: str) -> Callable[[_View], _View]:
    """Demands scopes of one view, beside those that the whole application needs: 403 with one challenge.

    For views of Flask, of Django and the Django REST framework (functions and methods), and for WSGI applications; the
    framework's own route decorator stands above it. In other frameworks InsufficientScopeError is raised, which the
    middleware answers if the framework lets it pass.
    """
    if not scopes or not all(isinstance(scope, str) for scope in scopes):
        raise ConfigurationError("require_scopes takes the names of scopes")

    def decorate(view: _View) -> _View:
        @functools.wraps(view)
        def guarded(*arguments: Any, **options: Any) -> Any:
            refusal = _refusal(scopes, (*arguments, *options.values()))
            return view(*arguments, **options) if refusal is None else _answer(refusal, scopes, arguments, options)

        return guarded  # type: ignore[return-value]

    return decorate


def _refusal(scopes: tuple[str, ...], arguments: tuple[Any, ...]) -> Refusal | None:
    guard, access = current_guard.get(), get_access_token()
    for argument in arguments:
        if hasattr(argument, "_fastbearer_guard"):  # a request of the Django REST framework
            guard = argument._fastbearer_guard
            access = argument.auth if isinstance(argument.auth, AccessToken) else None
    if guard is None:
        raise RuntimeError("require_scopes needs BearerAuthMiddleware or BearerAuthentication around the view")
    if access is None:
        return guard.challenger.refuse(401, scopes=scopes)
    return guard.check_scopes(access, scopes)


def _answer(refusal: Refusal, scopes: tuple[str, ...], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """In the form that the framework wants of a view."""
    headers = _native(refusal.headers)
    given = (*arguments, *options.values())
    django = sys.modules.get("django.http")
    if django is not None and any(
        isinstance(request, django.HttpRequest)
        for argument in given
        for request in (argument, getattr(argument, "_request", None))
    ):
        return django.HttpResponse(refusal.body, status=refusal.status, headers=dict(headers))
    flask = sys.modules.get("flask")
    if flask is not None and flask.has_request_context():
        return flask.Response(refusal.body, status=refusal.status, headers=headers)
    if len(arguments) >= 2 and isinstance(arguments[-2], dict) and callable(arguments[-1]):
        return _send(refusal, arguments[-2], arguments[-1])
    raise _Refused(refusal, scopes)


def __getattr__(name: str) -> Any:
    if name == "BearerAuthentication":
        try:
            from ._rest_framework import BearerAuthentication
        except ImportError as error:
            raise ImportError(
                "fastbearer.wsgi.BearerAuthentication needs the Django REST framework: pip install djangorestframework"
            ) from error
        return BearerAuthentication
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
