"""Options out of range, and the profile of RFC 9068 as its options make it."""

from __future__ import annotations

from .base import ABSENT, HS, RS, Suite, claims
from .keys import pem

CONFIG = "configuration_invalid"


def ranges() -> Suite:
    suite = Suite("options/range")
    for name, value, code in [("0", 0, None), ("1", 1, None), ("real", 0.5, None), ("largest", 86400, None), ("more", 86401, CONFIG),
                              ("negative", -1, CONFIG), ("negative-real", -0.001, CONFIG), ("huge", 1e300, CONFIG)]:
        suite.add(f"leeway-{name}", f"leeway {value}", HS.token(), HS.with_config(leeway=value), code)
    for name, value, code in [("0", 0, CONFIG), ("65536", 65536, None), ("65537", 65537, CONFIG), ("huge", 1 << 40, CONFIG)]:
        suite.add(f"max_token_bytes-{name}", f"max_token_bytes {value}", HS.token(), HS.with_config(max_token_bytes=value), code)
    for option in ("issuer", "audience", "required_scopes", "required_claims", "scope_claims", "client_id_claims"):
        suite.add(f"{option}-empty-string", f"{option} holds an empty string", HS.token(), HS.with_config(**{option: ["x", ""]}), CONFIG)
    for option in ("issuer", "audience", "algorithms"):
        suite.add(f"{option}-empty", f"{option} is an empty list", HS.token(), HS.with_config(**{option: []}), CONFIG)
    for option in ("required_scopes", "required_claims"):
        suite.add(f"{option}-empty", f"{option} is an empty list: nothing is required", HS.token(), HS.with_config(**{option: []}))
    suite.add("bad-token", "a wrong configuration is one whatever the token", "", HS.with_config(leeway=-1), CONFIG)
    suite.add("least", "nothing but a key", RS.token(claims(iss="any", aud="any")), {"public_key": pem("rsa2048")})
    return suite


def access_token_profile() -> Suite:
    """RFC 9068 section 2.2 and 4."""
    suite = Suite("options/rfc9068")
    config = RS.with_config(token_type="at+jwt", required_claims=["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
    suite.add("complete", "an access token with everything", RS.token(claims(jti="1"), typ="at+jwt"), config)
    suite.add("complete-application", "the full media type", RS.token(claims(jti="1"), typ="application/at+jwt"), config)
    for name, code in [("iss", "iss_missing"), ("exp", "exp_missing"), ("aud", "aud_missing"), ("sub", "claim_missing"),
                       ("client_id", "claim_missing"), ("iat", "claim_missing"), ("jti", "claim_missing")]:
        suite.add(f"without-{name}", f"{name} is missing", RS.token(claims(**{"jti": "1", name: ABSENT}), typ="at+jwt"), config, code)
    suite.add("id-token", "an ID token is no access token", RS.token(claims(jti="1", nonce="x")), config, "token_type_not_allowed")
    suite.add("untyped", "a token without typ", RS.token(claims(jti="1"), typ=ABSENT), config, "token_type_not_allowed")
    return suite


SUITES = [ranges, access_token_profile]
