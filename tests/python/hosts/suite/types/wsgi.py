"""Typical uses under WSGI, for type checkers; never run."""

from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from fastbearer import AccessToken, Verifier
from fastbearer.wsgi import BearerAuthentication, BearerAuthMiddleware, get_access_token, require_scopes

verifier = Verifier(public_key="...", issuer="https://issuer.example", audience="https://api.example")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    token: AccessToken | None = get_access_token()
    start_response("200 OK", [])
    return [b"" if token is None else token.client_id.encode()]


guarded: WSGIApplication = BearerAuthMiddleware(
    application,
    verifier=verifier,
    required_scopes=["read"],
    challenge_scopes={"read": "api://app/read"},
    anonymous=["tools/list"],
    tool_scopes={"delete_*": ["admin"], "*_all": "admin root"},
    token_header="cf-access-jwt-assertion",
)
make_server("", 8000, guarded)


@require_scopes("reports:write")
def view(request: dict[str, Any], number: int) -> str:
    return f"{request} {number}"


text: str = view({}, 5)


class Bearer(BearerAuthentication):
    verifier = verifier
    required_scopes = ("read",)

    def get_user(self, access_token: AccessToken, request: Any) -> str:
        return access_token.client_id
