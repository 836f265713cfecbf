"""What the WSGI applications have in common."""

import os

import fastbearer

VERIFIER = fastbearer.Verifier(
    jwks_uri=os.environ["JWKS_URI"], issuer=os.environ["ISSUER"], audience="https://api.example.com"
)
OPTIONS = {
    "required_scopes": ["api"],
    "exclude": ["/health"],
    "anonymous": ["tools/list"],
    "tool_scopes": {"delete_*": ["admin"]},
    "token_header": os.environ.get("TOKEN_HEADER"),
    "resource_metadata": {"resource": "https://api.example.com", "authorization_servers": [os.environ["ISSUER"]]},
}
