"""Options out of range, and the profile of RFC 9068 as its options make it."""

from __future__ import annotations

from .base import ABSENT, HS, NOW, RS, Suite, claims, dump
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
    alone = RS.with_config(token_type="at+jwt")
    for policy, config in [("alone", alone), ("no-exp", RS.with_config(token_type="at+jwt", require_exp=False)),
                           ("other-client", RS.with_config(token_type="at+jwt", client_id_claims=["azp"])),
                           ("any-party", RS.with_config(token_type="at+jwt", issuer=ABSENT, audience=ABSENT))]:
        suite.add(f"{policy}-complete", "everything, asked for by the type alone", RS.token(claims(jti="1"), typ="at+jwt"), config)
        for name, missing, mistyped in [
            ("iss", "iss_missing", "iss_invalid"), ("exp", "exp_missing", "exp_invalid"), ("aud", "aud_missing", "aud_invalid"),
            ("sub", "claim_missing", "sub_invalid"), ("client_id", "claim_missing", "client_id_invalid"),
            ("iat", "claim_missing", "iat_invalid"), ("jti", "claim_missing", "jti_invalid"),
        ]:
            suite.add(f"{policy}-without-{name}", f"{name} is missing",
                      RS.token(claims(**{"jti": "1", name: ABSENT}), typ="at+jwt"), config, missing)
            for kind, value in [("null", None), ("object", {}), ("true", True), ("array", [1]), ("other", 7 if name not in ("exp", "iat") else "7")]:
                suite.add(f"{policy}-{name}-{kind}", f"{name} is {dump(value)}",
                          RS.token(claims(**{"jti": "1", name: value}), typ="at+jwt"), config, mistyped)
    suite.add("empty-texts", "a text is a text", RS.token(claims(jti="", sub="", client_id=""), typ="at+jwt"), alone)
    suite.add("order-exp", "exp is looked at before the other claims", RS.token(claims(exp=NOW - 1), typ="at+jwt"), alone, "token_expired")
    suite.add("order-iat", "iat is looked at before iss", RS.token(claims(iat=ABSENT, iss="other"), typ="at+jwt"), alone, "claim_missing")
    suite.add("order-jti", "jti is looked at before scopes", RS.token(claims(), typ="at+jwt"),
              RS.with_config(token_type="at+jwt", required_scopes=["admin"]), "claim_missing")
    suite.add("any-needs-nothing", "token_type any asks for no more than the other options", RS.token(claims(iat=ABSENT), typ="at+jwt"),
              RS.with_config(token_type="any"))
    suite.add("typ-needs-nothing", "an access token by its typ, which is not asked for", RS.token(claims(sub=ABSENT), typ="at+jwt"),
              RS.config)
    suite.add("id-token", "an ID token is no access token", RS.token(claims(jti="1", nonce="x")), config, "token_type_not_allowed")
    suite.add("untyped", "a token without typ", RS.token(claims(jti="1"), typ=ABSENT), config, "token_type_not_allowed")
    return suite


SUITES = [ranges, access_token_profile]
