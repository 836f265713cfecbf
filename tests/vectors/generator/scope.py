"""Scopes: where they stand, how they are split, which are required (RFC 6749 section 3.3, RFC 8693 section 4.2)."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, HS, Suite, claims, dump

LACKING, INVALID = "insufficient_scope", "scope_invalid"


def granted() -> Suite:
    suite = Suite("scope/granted")
    for name, changes, scopes in [
        ("string", {"scope": "a b c"}, ["a", "b", "c"]), ("one", {"scope": "a"}, ["a"]), ("none", {"scope": ABSENT}, []),
        ("empty", {"scope": ""}, []), ("array", {"scope": ["a", "b"]}, ["a", "b"]), ("array-empty", {"scope": []}, []),
        ("array-of-empty", {"scope": [""]}, []), ("array-with-empty", {"scope": ["a", "", "b", ""]}, ["a", "b"]),
        ("scp-string", {"scope": ABSENT, "scp": "a b"}, ["a", "b"]), ("scp-array", {"scope": ABSENT, "scp": ["a", "b"]}, ["a", "b"]),
        ("scope-wins", {"scope": "a", "scp": "b"}, ["a"]), ("scope-empty-wins", {"scope": "", "scp": "b"}, []),
        ("scope-empty-array-wins", {"scope": [], "scp": ["b"]}, []), ("two-spaces", {"scope": "a  b"}, ["a", "b"]),
        ("spaces-around", {"scope": " a b "}, ["a", "b"]), ("only-spaces", {"scope": "   "}, []),
        ("tab", {"scope": "a\tb"}, ["a\tb"]), ("newline", {"scope": "a\nb"}, ["a\nb"]), ("comma", {"scope": "a,b"}, ["a,b"]),
        ("nbsp", {"scope": "a\u00a0b"}, ["a\u00a0b"]), ("ideographic", {"scope": "a\u3000b"}, ["a\u3000b"]),
        ("line-separator", {"scope": "a\u2028b c"}, ["a\u2028b", "c"]), ("order", {"scope": "c a b"}, ["c", "a", "b"]),
        ("url", {"scope": "https://api.example/read files:write"}, ["https://api.example/read", "files:write"]),
        ("unicode", {"scope": "\u00fc \U0001f600"}, ["\u00fc", "\U0001f600"]), ("permissions-ignored", {"scope": "a", "permissions": ["b"]}, ["a"]),
        ("many", {"scope": " ".join(f"s{i}" for i in range(300))}, [f"s{i}" for i in range(300)]),
    ]:
        suite.add(name, f"scope {dump(changes)[:60] if ABSENT not in changes.values() else 'absent'}", HS.token(claims(**changes)),
                  HS.config, scopes=scopes)
    suite.add("escaped-space", "a space written as an escape splits as well",
              HS.token(dump(claims(scope=ABSENT))[:-1] + ',"scope":"a\\u0020b"}'), HS.config, scopes=["a", "b"])
    suite.add("escaped", "scopes written with escapes",
              HS.token(dump(claims(scope=ABSENT))[:-1] + ',"scope":["\\u0061","b\\/c"]}'), HS.config, scopes=["a", "b/c"])
    for name, value in [("null", None), ("number", 1), ("true", True), ("object", {"a": True}), ("array-number", ["a", 1]),
                        ("array-null", [None]), ("array-nested", [["a"]]), ("array-object", [{"scope": "a"}])]:
        suite.add(f"wrong-{name}", f"scope is {dump(value)}", HS.token(claims(scope=value)), HS.config, INVALID)
        suite.add(f"wrong-scp-{name}", f"scp is {dump(value)}, no scope", HS.token(claims(scope=ABSENT, scp=value)), HS.config, INVALID)
        suite.add(f"wrong-option-{name}", f"permissions, which is configured, is {dump(value)}", HS.token(claims(permissions=value)),
                  HS.with_config(scope_claims=["permissions"]), INVALID)
    permissions = HS.with_config(scope_claims=["permissions"])
    suite.add("option", "scope_claims names the claim", HS.token(claims(permissions=["x", "y"])), permissions, scopes=["x", "y"])
    suite.add("option-alone", "scope means nothing where another claim is configured", HS.token(claims(scope=5)), permissions, scopes=[])
    both = HS.with_config(scope_claims=["permissions", "scope"])
    suite.add("option-first", "the first configured claim that is there", HS.token(claims(permissions=["x"])), both, scopes=["x"])
    suite.add("option-second", "the second where the first is not there", HS.token(), both, scopes=["read", "write"])
    return suite


def required() -> Suite:
    suite = Suite("scope/required")

    def config(*scopes: str, **more: Any) -> dict[str, Any]:
        return HS.with_config(required_scopes=list(scopes), **more)

    suite.add("none", "none required", HS.token(claims(scope=ABSENT)), config(), scopes=[])
    suite.add("one", "the one that is required", HS.token(), config("read"))
    suite.add("all", "all that are required", HS.token(), config("write", "read"), scopes=["read", "write"])
    suite.add("more-granted", "more than required", HS.token(claims(scope="a read b")), config("read"))
    suite.add("array", "required and granted in an array", HS.token(claims(scope=["read"])), config("read"))
    suite.add("scp", "granted in scp", HS.token(claims(scope=ABSENT, scp=["read"])), config("read"))
    for name, changes, wanted in [
        ("missing-one", {"scope": "read"}, ["read", "write"]), ("missing-all", {"scope": "x"}, ["read", "write"]),
        ("absent", {"scope": ABSENT}, ["read"]), ("empty", {"scope": ""}, ["read"]), ("case", {"scope": "READ"}, ["read"]),
        ("prefix", {"scope": "read:all"}, ["read"]), ("cut", {"scope": "rea"}, ["read"]), ("substring", {"scope": "xreadx"}, ["read"]),
        ("tab", {"scope": "read\twrite"}, ["read"]), ("comma", {"scope": "read,write"}, ["read"]), ("wildcard", {"scope": "*"}, ["read"]),
        ("wildcard-prefix", {"scope": "read:*"}, ["read:all"]), ("nbsp", {"scope": "read\u00a0write"}, ["read"]),
        ("array-joined", {"scope": ["read write"]}, ["read"]), ("scp-ignored", {"scope": "x", "scp": "read"}, ["read"]),
        ("permissions-ignored", {"scope": "x", "permissions": ["read"]}, ["read"]), ("array-empty", {"scope": []}, ["read"]),
        ("normal-form", {"scope": "caf\u00e9"}, ["cafe\u0301"]),
    ]:
        suite.add(name, f"required: {' '.join(wanted)}", HS.token(claims(**changes)), config(*wanted), LACKING)
    suite.add("option", "required from a configured claim", HS.token(claims(permissions=["x"])), config("x", scope_claims=["permissions"]))
    suite.add("option-not-there", "the configured claim is not there", HS.token(claims(scope="x")), config("x", scope_claims=["permissions"]),
              LACKING)
    many = [f"s{i}" for i in range(64)]
    suite.add("64", "64 required scopes", HS.token(claims(scope=" ".join(many))), config(*many))
    suite.add("64-last-missing", "64 required scopes, the last is missing", HS.token(claims(scope=" ".join(many[:-1]))), config(*many), LACKING)
    suite.add("65", "65 required scopes", HS.token(claims(scope=" ".join([*many, "x"]))), config(*many, "x"), "configuration_invalid")
    suite.add("twice", "one required twice", HS.token(), config("read", "read"))
    suite.add("invalid-before-required", "a scope of the wrong type is no missing scope", HS.token(claims(scope=1)), config("read"), INVALID)
    suite.add("after-claims", "required claims are checked before the type of the scope", HS.token(claims(scope=1)),
              config("read", required_claims=["missing"]), "claim_missing")
    suite.add("after-exp", "an expired token is 401, not 403", HS.token(claims(exp=1)), config("admin"), "token_expired")
    suite.add("after-aud", "a token for somebody else is 401, not 403", HS.token(claims(aud="x")), config("admin"), "audience_mismatch")
    suite.add("after-signature", "a forged token is 401, not 403", HS.token(signer=lambda _: bytes(32)), config("admin"), "signature_invalid")
    return suite


SUITES = [granted, required]
