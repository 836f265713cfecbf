"""Other claims: handed on exactly, required by name (RFC 7519 section 4, RFC 9068 section 2.2)."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, HS, RS, Suite, claims, dump


def exact() -> Suite:
    """Claims come out as they went in. Where a language has no integers of this size, its JSON reader's value counts."""
    suite = Suite("claims/exact")
    for name, value in [
        ("string", "text"), ("empty", ""), ("unicode", "\u00e4\u20ac\U0001f600"), ("control", "\t\n\r\b\f\u0001\u007f"),
        ("quotes", '"\\/\''), ("html", "<script>&amp;"), ("true", True), ("false", False), ("null", None), ("zero", 0), ("negative", -1),
        ("2-53", 1 << 53), ("2-53-plus-1", (1 << 53) + 1), ("int64", (1 << 63) - 1), ("int64-min", -(1 << 63)), ("uint64", (1 << 64) - 1),
        ("2-64", 1 << 64), ("hundred-digits", int("1234567890" * 10)), ("real", 1.5), ("real-small", 5e-324), ("real-third", 1 / 3),
        ("real-large", 1.7976931348623157e308), ("array", [1, "a", None, True, [], {}]), ("object", {"a": {"b": {"c": [1]}}}),
        ("empty-array", []), ("empty-object", {}), ("nested", [[[[[[[[[[1]]]]]]]]]]), ("long", "x" * 5000), ("many", [*range(500)]),
    ]:
        suite.add(name, f"a claim of {dump(value)[:40]}", HS.token(claims(x=value)), HS.config, claims=claims(x=value))
    for name in ["", " ", "a b", "exp ", "Exp", "EXP", "scope.x", "$ref", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty",
                 "\u00e4", "\U0001f600", "https://example.com/claim", "a\"b", "a\\b", "a\nb", "0", "-1", "length", "then", "__class__",
                 "self", "None", "x" * 500]:
        label = name.encode("unicode_escape").decode().replace(" ", "_")[:30] or "empty"
        suite.add(f"name-{label}", f"a claim called {name[:40]!r}", HS.token(claims(**{name: {"admin": True}})), HS.config,
                  claims=claims(**{name: {"admin": True}}))
    suite.add("order", "the order of claims is free", HS.token(dict(reversed(claims().items()))), HS.config, claims=claims())
    suite.add("pretty", "white space", HS.token(__import__("json").dumps(claims(), indent=2)), HS.config, claims=claims())
    suite.add("rs256", "with a public key", RS.token(claims(x=[1])), RS.config, claims=claims(x=[1]))
    suite.add("escaped-names", "names written with escapes", HS.token(dump(claims())[:-1] + ',"\\u0078\\n":1}'), HS.config,
              claims=claims(**{"x\n": 1}))
    return suite


def required() -> Suite:
    suite = Suite("claims/required")

    def config(*names: str) -> dict[str, Any]:
        return HS.with_config(required_claims=list(names))

    missing = "claim_missing"
    suite.add("none", "none required", HS.token(), config())
    suite.add("there", "the claim is there", HS.token(claims(tenant="x")), config("tenant"))
    suite.add("absent", "the claim is not there", HS.token(), config("tenant"), missing)
    for name, value in [("null", None), ("false", False), ("zero", 0), ("empty", ""), ("empty-array", []), ("empty-object", {})]:
        suite.add(name, f"the claim is there, its value is {dump(value)}", HS.token(claims(tenant=value)), config("tenant"))
    suite.add("two", "two claims", HS.token(claims(tenant=1, jti="x")), config("tenant", "jti"))
    suite.add("two-first-absent", "the first of two is not there", HS.token(claims(jti="x")), config("tenant", "jti"), missing)
    suite.add("two-second-absent", "the second of two is not there", HS.token(claims(tenant=1)), config("tenant", "jti"), missing)
    for name in ("sub", "iat", "scope", "client_id"):
        suite.add(f"registered-{name}", f"{name} is there", HS.token(), config(name))
        suite.add(f"registered-{name}-absent", f"{name} is not there", HS.token(claims(**{name: ABSENT})), config(name), missing)
    suite.add("nbf", "nbf is there", HS.token(claims(nbf=1)), config("nbf"))
    suite.add("nbf-absent", "nbf is not there", HS.token(), config("nbf"), missing)
    suite.add("iss-own-code", "iss has a reason of its own", HS.token(claims(iss=ABSENT)), config("iss"), "iss_missing")
    suite.add("exp-own-code", "exp has a reason of its own", HS.token(claims(exp=ABSENT)), config("exp"), "exp_missing")
    suite.add("exp-by-name", "exp is not required by default here, but by name", HS.token(claims(exp=ABSENT)),
              HS.with_config(require_exp=False, required_claims=["exp"]), missing)
    for name, other in [("case", "Tenant"), ("space", "tenant "), ("prefix", "tenant_id"), ("nested", "x")]:
        suite.add(f"other-{name}", "a claim of another name", HS.token(claims(**{other: {"tenant": 1}})), config("tenant"), missing)
    suite.add("dotted", "a dot in a name is no path", HS.token(claims(a={"b": 1})), config("a.b"), missing)
    suite.add("dotted-there", "a dot in a name is a dot", HS.token(claims(**{"a.b": 1})), config("a.b"))
    suite.add("unicode", "a name beyond ASCII", HS.token(claims(ä=1)), config("\u00e4"))
    suite.add("escaped", "a name written with an escape", HS.token(dump(claims())[:-1] + ',"\\u0074enant":1}'), config("tenant"))
    suite.add("in-header", "a header member is no claim", HS.token(tenant=1), config("tenant"), missing)
    suite.add("proto", "nothing is inherited", HS.token(), config("__proto__"), missing)
    suite.add("to-string", "nothing is inherited", HS.token(), config("toString"), missing)
    suite.add("before-scope", "required claims are checked before scopes", HS.token(),
              HS.with_config(required_claims=["tenant"], required_scopes=["admin"]), missing)
    suite.add("after-sub", "required claims are checked after sub", HS.token(claims(sub=1)), config("tenant"), "sub_invalid")
    return suite


SUITES = [exact, required]
