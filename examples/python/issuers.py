"""Two issuers at one verifier: issuers.py TOKEN... says of each token whose it is, or why it is refused."""

import sys

from fastbearer import InvalidTokenError, Issuer, KeysUnavailableError, Verifier

verifier = Verifier(
    issuers=[
        Issuer("https://login.example/realms/acme", scope_claims="/realm_access/roles"),
        Issuer(
            "https://login.example/{tid}/v2.0",
            jwks_uri="https://login.example/keys",
            required_claims={"tid": ["acme", "example"]},
        ),
    ],
    audience="https://api.example/mcp",
    scope_hierarchy={"admin": ["read", "write"]},
)

for token in sys.argv[1:]:
    try:
        access = verifier.verify(token)
    except (InvalidTokenError, KeysUnavailableError) as refused:
        print(refused.code)
    else:
        print(access.issuer, access.client_id, access.has_scope("write"))
