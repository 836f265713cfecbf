"""iss, aud, sub, client_id: types, exact comparison, lists (RFC 7519 section 4.1, RFC 8725 sections 3.8 and 3.9)."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, AUDIENCE, HS, ISSUER, Suite, claims, dump

WRONG: list[tuple[str, Any]] = [("null", None), ("number", 1), ("zero", 0), ("true", True), ("false", False), ("object", {"x": "y"})]
OTHERS = [("slash", "{}/"), ("prefix", "{}x"), ("cut", None), ("space", "{} "), ("space-first", " {}"),
          ("newline", "{}\n"), ("port", "{}:443"), ("query", "{}?"), ("fragment", "{}#"), ("suffix-host", "{}.attacker.example")]


def spellings(value: str) -> list[tuple[str, str]]:
    made = [(name, pattern.format(value)) for name, pattern in OTHERS if pattern]
    return [*made, ("cut", value[:-1]), ("upper", value.upper()), ("http", value.replace("https", "http")), ("empty", ""),
            ("one", value[0]), ("scheme-case", value.replace("https", "HTTPS")), ("substring", value[8:]),
            ("encoded", value.replace("example", "ex%61mple")), ("list-text", f'["{value}"]'), ("double", f"{value} {value}"),
            ("comma", f"{value},{value}"), ("cyrillic", value.replace("a", "\u0430"))]


def iss() -> Suite:
    suite = Suite("parties/iss")
    free = {k: v for k, v in HS.config.items() if k != "issuer"}
    suite.add("equal", "iss as configured", HS.token(), HS.config)
    suite.add("missing", "no iss", HS.token(claims(iss=ABSENT)), HS.config, "iss_missing")
    suite.add("missing-free", "no iss, none configured", HS.token(claims(iss=ABSENT)), free)
    suite.add("any-free", "any iss, none configured", HS.token(claims(iss="whoever")), free)
    for name, value in [*WRONG, ("array", [ISSUER]), ("array-empty", [])]:
        suite.add(f"wrong-{name}", f"iss is {dump(value)}", HS.token(claims(iss=value)), HS.config, "iss_invalid")
        suite.add(f"wrong-{name}-free", f"iss is {dump(value)}, none configured", HS.token(claims(iss=value)), free, "iss_invalid")
    for name, value in spellings(ISSUER):
        if value != ISSUER:
            suite.add(f"other-{name}", f"iss {value!r}", HS.token(claims(iss=value)), HS.config, "issuer_mismatch")
    two = HS.with_config(issuer=["https://first.example", ISSUER])
    suite.add("list-second", "the second of a list", HS.token(), two)
    suite.add("list-first", "the first of a list", HS.token(claims(iss="https://first.example")), two)
    suite.add("list-none", "none of a list", HS.token(claims(iss="https://third.example")), two, "issuer_mismatch")
    suite.add("list-joined", "the list's members joined", HS.token(claims(iss=f"https://first.example {ISSUER}")), two, "issuer_mismatch")
    suite.add("list-one", "a list of one", HS.token(), HS.with_config(issuer=[ISSUER]))
    suite.add("list-empty", "an empty list could not be satisfied", HS.token(), HS.with_config(issuer=[]), "configuration_invalid")
    suite.add("configured-substring", "the configured issuer contains the token's: CVE-2024-53861", HS.token(claims(iss="issuer")),
              HS.config, "issuer_mismatch")
    suite.add("escaped", "iss written with escapes",
              HS.token(dump(claims(iss=ABSENT))[:-1] + ',"iss":"https:\\/\\/issuer\\u002eexample"}'), HS.config)
    suite.add("normal-form", "composed and decomposed text differ", HS.token(claims(iss="https://caf\u00e9.example")),
              HS.with_config(issuer="https://cafe\u0301.example"), "issuer_mismatch")
    suite.add("unicode", "an issuer beyond ASCII", HS.token(claims(iss="https://caf\u00e9.example")),
              HS.with_config(issuer="https://caf\u00e9.example"))
    suite.add("tenant-template", "a template stands for a segment of the path alone", HS.token(), HS.with_config(issuer="https://{tenant}.example"),
              "configuration_invalid")
    suite.add("wildcard", "no wildcard is expanded", HS.token(), HS.with_config(issuer="https://*.example"), "issuer_mismatch")
    suite.add("regular-expression", "no regular expression is matched", HS.token(), HS.with_config(issuer=".*"), "issuer_mismatch")
    suite.add("before-aud", "iss is checked before aud", HS.token(claims(iss="x", aud="x")), HS.config, "issuer_mismatch")
    suite.add("before-aud-wrong", "iss is checked before the type of aud", HS.token(claims(iss=5, aud=5)), HS.config, "iss_invalid")
    return suite


def aud() -> Suite:
    suite = Suite("parties/aud")
    free = {k: v for k, v in HS.config.items() if k != "audience"}
    mismatch, invalid = "audience_mismatch", "aud_invalid"
    suite.add("equal", "aud as configured", HS.token(), HS.config)
    suite.add("missing", "no aud", HS.token(claims(aud=ABSENT)), HS.config, "aud_missing")
    suite.add("missing-free", "no aud, none configured", HS.token(claims(aud=ABSENT)), free)
    suite.add("any-free", "any aud, none configured", HS.token(claims(aud=["x", "y"])), free)
    suite.add("empty-array", "aud names nobody", HS.token(claims(aud=[])), HS.config, mismatch)
    suite.add("empty-array-free", "aud names nobody, none configured", HS.token(claims(aud=[])), free)
    wrong = [*WRONG, ("array-number", [1]), ("array-null", [None]), ("array-nested", [[AUDIENCE]]), ("array-object", [{"a": AUDIENCE}]),
             ("array-mixed-first", [1, AUDIENCE]), ("array-mixed-last", [AUDIENCE, 1]), ("array-null-last", [AUDIENCE, None])]
    for name, value in wrong:
        suite.add(f"wrong-{name}", f"aud is {dump(value)}", HS.token(claims(aud=value)), HS.config, invalid)
        suite.add(f"wrong-{name}-free", f"aud is {dump(value)}, none configured", HS.token(claims(aud=value)), free, invalid)
    for name, value in spellings(AUDIENCE):
        if value != AUDIENCE:
            code = None if name == "scheme-case" else mismatch
            suite.add(f"other-{name}", f"aud {value!r}", HS.token(claims(aud=value)), HS.config, code)
            suite.add(f"other-{name}-array", f"aud [{value!r}]", HS.token(claims(aud=[value])), HS.config, code)
    for name, value in [("one", [AUDIENCE]), ("first", [AUDIENCE, "x"]), ("last", ["x", AUDIENCE]), ("twice", [AUDIENCE, AUDIENCE]),
                        ("many", [*(f"a{i}" for i in range(50)), AUDIENCE]), ("with-empty", ["", AUDIENCE])]:
        suite.add(f"array-{name}", f"aud is an array: {name}", HS.token(claims(aud=value)), HS.config)
    two = HS.with_config(audience=["urn:first", AUDIENCE])
    suite.add("list-second", "the second of a configured list", HS.token(), two)
    suite.add("list-first", "the first of a configured list", HS.token(claims(aud="urn:first")), two)
    suite.add("list-array", "one of an array is one of the list", HS.token(claims(aud=["x", "urn:first"])), two)
    suite.add("list-none", "none of a configured list", HS.token(claims(aud=["x", "y"])), two, mismatch)
    suite.add("list-empty", "an empty list could not be satisfied", HS.token(), HS.with_config(audience=[]), "configuration_invalid")
    suite.add("list-one", "a list of one", HS.token(), HS.with_config(audience=[AUDIENCE]))
    suite.add("wildcard", "no wildcard is expanded", HS.token(), HS.with_config(audience="*"), mismatch)
    suite.add("wildcard-token", "nor one of the token", HS.token(claims(aud="*")), HS.config, mismatch)
    suite.add("escaped", "aud written with escapes",
              HS.token(dump(claims(aud=ABSENT))[:-1] + ',"aud":["https:\\/\\/api.example\\/mc\\u0070"]}'), HS.config)
    suite.add("base-url", "the host of the resource is not the resource: CVE-2025-69196", HS.token(claims(aud="https://api.example")),
              HS.config, mismatch)
    suite.add("sub-path", "a path below the resource neither", HS.token(claims(aud=f"{AUDIENCE}/tools")), HS.config, mismatch)
    suite.add("before-sub", "aud is checked before sub", HS.token(claims(aud="x", sub=5)), HS.config, mismatch)
    suite.add("before-client-id", "aud is checked before client_id", HS.token(claims(aud=ABSENT, client_id=5)), HS.config, "aud_missing")
    return suite


def sub_and_client() -> Suite:
    suite = Suite("parties/subject")
    for name, value in [*WRONG, ("array", ["user-1"]), ("array-empty", [])]:
        suite.add(f"sub-{name}", f"sub is {dump(value)}", HS.token(claims(sub=value)), HS.config, "sub_invalid")
        suite.add(f"client_id-{name}", f"client_id is {dump(value)}", HS.token(claims(client_id=value)), HS.config, "client_id_invalid")
        suite.add(f"azp-{name}", f"azp is {dump(value)}, no client_id", HS.token(claims(client_id=ABSENT, azp=value)), HS.config,
                  "client_id_invalid")
        suite.add(f"option-{name}", f"appid, which is configured, is {dump(value)}", HS.token(claims(appid=value)),
                  HS.with_config(client_id_claims=["appid"]), "client_id_invalid")
    for name, changes in [("sub-missing", {"sub": ABSENT}), ("sub-empty", {"sub": ""}), ("client_id-missing", {"client_id": ABSENT}),
                          ("client_id-empty", {"client_id": ""}), ("azp", {"client_id": ABSENT, "azp": "app"}),
                          ("all-missing", {"client_id": ABSENT, "sub": ABSENT}), ("unicode", {"sub": "\u00fc\U0001f600"}),
                          ("long", {"sub": "x" * 2000})]:
        suite.add(name, "sub and client_id are strings, or are not there", HS.token(claims(**changes)), HS.config, claims=claims(**changes))
    suite.add("option", "client_id_claims names the claim", HS.token(claims(appid="app")), HS.with_config(client_id_claims=["appid"]))
    suite.add("option-not-there", "client_id_claims names a claim that is not there", HS.token(), HS.with_config(client_id_claims=["appid"]))
    suite.add("option-other-ignored", "client_id means nothing where another claim is configured", HS.token(claims(client_id=5)),
              HS.with_config(client_id_claims=["azp"]))
    suite.add("sub-before-client-id", "sub is checked before client_id", HS.token(claims(sub=1, client_id=1)), HS.config, "sub_invalid")
    suite.add("client-id-before-required", "client_id is checked before required claims", HS.token(claims(client_id=1)),
              HS.with_config(required_claims=["missing"]), "client_id_invalid")
    suite.add("client-id-before-scope", "client_id is checked before scope", HS.token(claims(client_id=1, scope=1)), HS.config,
              "client_id_invalid")
    return suite


SUITES = [iss, aud, sub_and_client]
