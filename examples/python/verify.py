"""Makes a token and verifies it, without a framework: python verify.py"""

import fastbearer

pair = fastbearer.RSAKeyPair.generate()
verifier = fastbearer.Verifier(public_key=pair.public_key, issuer="https://issuer.example", audience="my-api")
token = pair.create_token(subject="alice", issuer="https://issuer.example", audience="my-api", scopes=["read"])
try:
    access = verifier.verify(token)
except fastbearer.InvalidTokenError as refused:
    print(refused.code, refused.http_status)
else:
    print(access.client_id, access.scopes, access.claims)
