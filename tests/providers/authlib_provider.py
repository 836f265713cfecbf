"""Authlib's authorization server, on loopback: another make than npm oidc-provider, as people build their own.

It issues JWT access tokens (RFC 9068) to a client that authenticates with its secret. Its issuer has a path, and its
metadata is RFC 8414's alone, with the well-known part before that path.

    python -m tests.providers.authlib_provider

Prints one line of JSON, {issuer, metadata, token, introspection, client_id, client_secret}, and runs until standard
input is closed. A line "rotate" there gives it a new key, and is answered by a line "rotated".
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, jsonify
from joserfc.jwk import ECKey, KeySet
from werkzeug.serving import make_server

AUDIENCE = "https://api.example/mcp"
CLIENT = {"client_id": "robot", "client_secret": "another secret that only tests have"}


class Client(ClientMixin):
    """The one client that there is."""

    def get_client_id(self) -> str:
        return CLIENT["client_id"]

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(name for name in scope.split() if name in ("read", "write"))

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT["client_secret"]

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == ("client_secret_basic" if endpoint == "introspection" else "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


class Keys:
    """The signing key, which changes, and the set that is published."""

    def __init__(self) -> None:
        self.count = 0
        self.rotate()

    def rotate(self) -> None:
        self.count += 1
        parameters = {"kid": f"authlib-{self.count}", "alg": "ES256", "use": "sig"}
        self.set = KeySet([ECKey.generate_key("P-256", parameters)])

    def public(self) -> dict[str, Any]:
        return self.set.as_dict(private=False)


class TokenGenerator(JWTBearerTokenGenerator):
    """Access tokens, signed with the key of the day."""

    def __init__(self, issuer: str, keys: Keys) -> None:
        super().__init__(issuer=issuer, alg="ES256")
        self.keys = keys

    def get_jwks(self) -> Any:
        return self.keys.set

    def get_audiences(self, client: Any, user: Any, scope: Any) -> list[str]:
        return [AUDIENCE]


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_post",)


class Introspection(IntrospectionEndpoint):
    """What the provider says of its tokens (RFC 7662)."""

    CLIENT_AUTH_METHODS = ("client_secret_basic",)
    issued: dict[str, Any]
    issuer: str

    def check_permission(self, token: Any, client: Any, request: Any) -> bool:
        return True

    def query_token(self, token_string: str, token_type_hint: str) -> Any:
        return self.issued.get(token_string)

    def introspect_token(self, token: Any) -> dict[str, Any]:
        scope, expires = token["scope"], int(time.time()) + token["expires_in"]
        return {"active": True, "client_id": CLIENT["client_id"], "scope": scope, "exp": expires, "aud": AUDIENCE,
                "iss": self.issuer, "sub": CLIENT["client_id"]}  # fmt: skip


class Issued:
    """A token that was issued, as Authlib's endpoint wants it."""

    def __init__(self, token: dict[str, Any]) -> None:
        self.token = token

    def __getitem__(self, name: str) -> Any:
        return self.token[name]

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


def make_app(base: str, keys: Keys) -> Flask:
    issuer = base + "/tenant"
    app = Flask("provider")
    issued: dict[str, Any] = {}
    server = AuthorizationServer(
        app,
        query_client=lambda name: Client() if name == CLIENT["client_id"] else None,
        save_token=lambda token, request: issued.update({token["access_token"]: Issued(token)}),
    )
    server.register_grant(ClientCredentials)
    server.register_endpoint(type("Endpoint", (Introspection,), {"issued": issued, "issuer": issuer}))
    server.register_token_generator("default", TokenGenerator(issuer, keys))
    app.add_url_rule("/tenant/token", "token", lambda: server.create_token_response(), methods=["POST"])
    ask = lambda: server.create_endpoint_response("introspection")
    app.add_url_rule("/tenant/introspect", "introspect", ask, methods=["POST"])
    app.add_url_rule("/tenant/keys", "keys", lambda: jsonify(keys.public()))
    app.add_url_rule(
        "/.well-known/oauth-authorization-server/tenant",
        "metadata",
        lambda: jsonify(
            issuer=issuer,
            token_endpoint=issuer + "/token",
            jwks_uri=issuer + "/keys",
            grant_types_supported=["client_credentials"],
            response_types_supported=["code"],
        ),
    )
    return app


def main() -> None:
    keys = Keys()
    # The address is known only when the socket is open, and the application needs it.
    server = make_server("127.0.0.1", 0, lambda environ, start: app(environ, start), threaded=True)
    base = f"http://127.0.0.1:{server.server_port}"
    app = make_app(base, keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    issuer = base + "/tenant"
    metadata = base + "/.well-known/oauth-authorization-server/tenant"
    about = {"metadata": metadata, "token": issuer + "/token", "introspection": issuer + "/introspect", **CLIENT}
    print(json.dumps({"issuer": issuer, **about}), flush=True)
    for line in sys.stdin:
        if line.strip() == "rotate":
            keys.rotate()
            print("rotated", flush=True)
    server.shutdown()


if __name__ == "__main__":
    main()
