"""The JOSE header: required members, what is refused, what is ignored (RFC 7515 section 4, RFC 7797, RFC 8725)."""

from __future__ import annotations

from typing import Any

from . import keys
from .base import ABSENT, ES, HS, RS, Issuer, Suite, claims, dump

INVALID = "header_invalid"
WRONG_TYPES: list[tuple[str, Any]] = [("null", None), ("number", 1), ("true", True), ("array", ["x"]), ("object", {"a": 1})]


def crit() -> Suite:
    suite = Suite("header/crit")
    code = "critical_header_unsupported"
    suite.add("absent", "no crit", HS.token(), HS.config)
    suite.add("other-name", "a member whose name only contains crit", HS.token(critical=["exp"], Crit=["x"]), HS.config)
    for name, value in [("unknown", ["http://example.com/UNDEFINED"]), ("empty", []), ("null", None), ("string", "exp"),
                        ("number", 0), ("false", False), ("object", {}), ("b64", ["b64"]), ("registered", ["alg"]),
                        ("exp", ["exp"]), ("twice", ["x", "x"]), ("not-strings", [1])]:
        suite.add(name, f"crit is {dump(value)}", HS.token(crit=value), HS.config, code)
    suite.add("understood-elsewhere", "the critical member is there", HS.token(crit=["exp"], exp=claims()["exp"]), HS.config,
              code)
    suite.add("escaped-name", "crit is written with an escape",
              HS.token(header='{"alg":"HS256","\\u0063rit":["x"]}'), HS.config, code)
    suite.add("b64-false", "RFC 7797 in full: b64 false, marked critical", HS.token(b64=False, crit=["b64"]), HS.config, code)
    suite.add("before-typ", "crit is checked before typ", HS.token(crit=["x"], typ="dpop+jwt"), HS.config, code)
    suite.add("before-zip", "crit is checked before zip", HS.token(crit=["x"], zip="DEF"), HS.config, code)
    suite.add("before-alg", "crit is checked before alg", HS.token(crit=["x"], alg="none"), HS.config, code)
    suite.add("before-signature", "crit is checked before the signature",
              HS.token(crit=["x"], signer=lambda _: bytes(32)), HS.config, code)
    return suite


def unsupported() -> Suite:
    suite = Suite("header/unsupported")
    code = "header_unsupported"
    for name in ("b64", "zip", "enc"):
        for kind, value in [("true", True), ("false", False), ("string", "DEF"), ("null", None), ("empty", "")]:
            suite.add(f"{name}-{kind}", f"{name} is {dump(value)}", HS.token(**{name: value}), HS.config, code)
        suite.add(f"{name}-case", f"{name.upper()} is another, unknown member", HS.token(**{name.upper(): "DEF"}), HS.config)
        suite.add(f"{name}-in-payload", f"{name} as a claim means nothing", HS.token(claims(**{name: False})), HS.config)
        suite.add(f"{name}-before-typ", f"{name} is checked before typ", HS.token(**{name: "x"}, typ="other"), HS.config, code)
    for name, value in [("upper", "JWT"), ("lower", "jwt"), ("mixed", "Jwt"), ("application", "application/jwt"),
                        ("application-upper", "APPLICATION/JWT")]:
        suite.add(f"cty-{name}", f"cty {value}: a nested token", HS.token(cty=value), HS.config, code)
    for name, value in [("json", "json"), ("application-json", "application/json"), ("jwt-set", "jwk-set+json"),
                        ("jwtx", "JWTX"), ("empty", "")]:
        suite.add(f"cty-{name}", f"cty {value!r} announces no nested token", HS.token(cty=value), HS.config)
    for name, value in WRONG_TYPES:
        suite.add(f"cty-{name}", f"cty is {dump(value)}", HS.token(cty=value), HS.config, INVALID)
    suite.add("cty-before-typ", "cty is checked before typ", HS.token(cty="JWT", typ="other"), HS.config, code)
    suite.add("cty-before-alg", "cty is checked before alg", HS.token(cty="JWT", alg="HS512"), HS.config, code)
    return suite


def typ() -> Suite:
    suite = Suite("header/typ")
    code = "token_type_not_allowed"
    strict, anything = HS.with_config(token_type="at+jwt"), HS.with_config(token_type="any")
    access = [("at", "at+jwt"), ("at-upper", "AT+JWT"), ("at-mixed", "At+Jwt"), ("at-application", "application/at+jwt"),
              ("at-application-mixed", "Application/AT+jwt")]
    plain = [("jwt", "JWT"), ("jwt-lower", "jwt"), ("jwt-mixed", "Jwt"), ("jwt-application", "application/jwt"),
             ("jwt-application-upper", "APPLICATION/JWT")]
    other = [("dpop", "dpop+jwt"), ("logout", "logout+jwt"), ("secevent", "secevent+jwt"), ("id-token", "id_token+jwt"),
             ("jose", "JOSE"), ("jose-json", "JOSE+JSON"), ("empty", ""), ("space", "JWT "), ("leading-space", " JWT"),
             ("application-alone", "application/"), ("other-tree", "text/jwt"), ("twice", "application/application/jwt"),
             ("parameters", "at+jwt; charset=utf-8"), ("prefix", "at+jwts"), ("suffix", "xat+jwt"), ("nul-free", "at jwt"),
             ("kelvin", "at+\u212awt"), ("dotless", "\u0131wt")]
    suite.add("absent", "no typ", HS.token(typ=ABSENT), HS.config)
    suite.add("absent-strict", "no typ where an access token is required", HS.token(typ=ABSENT), strict, code)
    suite.add("absent-any", "no typ where any is fine", HS.token(typ=ABSENT), anything)
    for name, value in access:
        suite.add(name, f"typ {value}", HS.token(typ=value), HS.config)
        suite.add(f"{name}-strict", f"typ {value} where an access token is required",
                  HS.token(claims(jti="1"), typ=value), strict)
    for name, value in plain:
        suite.add(name, f"typ {value}", HS.token(typ=value), HS.config)
        suite.add(f"{name}-strict", f"typ {value} where an access token is required", HS.token(typ=value), strict, code)
    for name, value in other:
        suite.add(name, f"typ {value!r} is no access token", HS.token(typ=value), HS.config, code)
        suite.add(f"{name}-strict", f"typ {value!r} where an access token is required", HS.token(typ=value), strict, code)
        suite.add(f"{name}-any", f"typ {value!r} where any is fine", HS.token(typ=value), anything)
    for name, value in [("response", "token-introspection+jwt"), ("response-mixed", "Token-Introspection+JWT"),
                        ("response-application", "application/token-introspection+jwt")]:
        for policy, config in [("", HS.config), ("-strict", strict), ("-any", anything)]:
            suite.add(f"{name}{policy}", f"typ {value!r}: an introspection response is no access token (RFC 9701 8.1)",
                      HS.token(claims(jti="1"), typ=value), config, code)
    suite.add("response-alone-any", "typ 'token-introspection' is no type of a response",
              HS.token(typ="token-introspection"), anything)
    for name, value in WRONG_TYPES:
        for policy, config in [("", HS.config), ("-strict", strict), ("-any", anything)]:
            suite.add(f"{name}{policy}", f"typ is {dump(value)}", HS.token(typ=value), config, INVALID)
    suite.add("escaped", "typ is written with escapes", HS.token(header='{"alg":"HS256","typ":"\\u004aWT"}'), HS.config)
    suite.add("before-alg", "typ is checked before alg", HS.token(typ="x", alg="none"), HS.config, code)
    for value in ("jwt", "JWT", "at", ""):
        suite.add(f"option-{value or 'empty'}", f"token_type {value!r} is no value of the option", HS.token(),
                  HS.with_config(token_type=value), "configuration_invalid")
    return suite


def key_members() -> Suite:
    """jwk, jku, x5c and x5u: ignored, whatever they hold."""
    suite = Suite("header/key_members")
    attacker = Issuer("RS256", "rsa2048-other")
    own = keys.jwk("rsa2048-other", kid="evil")
    x5c = [keys.unarmour(keys.text("rsa2048-certificate"))]
    values: dict[str, list[tuple[str, Any]]] = {
        "jwk": [("key", own), ("string", "x"), ("null", None), ("empty", {})],
        "jku": [("url", "https://attacker.example/jwks"), ("file", "file:///etc/passwd"), ("number", 1), ("null", None)],
        "x5u": [("url", "https://attacker.example/cert"), ("metadata", "http://169.254.169.254/"), ("null", None)],
        "x5c": [("certificate", [keys.base64.b64encode(x5c[0]).decode()]), ("string", "x"), ("empty", []), ("null", None)],
        "x5t": [("text", "dGh1bWI"), ("number", 1)],
    }
    for member, kinds in values.items():
        for name, value in kinds:
            suite.add(f"{member}-{name}", f"{member} is {dump(value)[:40]}: ignored", RS.token(**{member: value}), RS.config)
    for member in ("jwk", "jku", "x5u", "x5c"):
        name, value = values[member][0]
        suite.add(f"{member}-attacker", f"signed with the attacker's key, which {member} offers",
                  attacker.token(**{member: value}), RS.config, "signature_invalid")
        config = {"jwks": keys.jwks(keys.jwk("rsa2048", kid="good")), "algorithms": ["RS256"]}
        suite.add(f"{member}-attacker-kid", f"the same, with a kid that only {member} knows",
                  attacker.token(**{member: value}, kid="evil"), config, "key_not_found")
        suite.add(f"{member}-attacker-own-kid", "the same, under the kid of the key that is held",
                  attacker.token(**{member: value}, kid="good"), config, "signature_invalid")
    return suite


def members() -> Suite:
    suite = Suite("header/members")
    suite.add("alg-only", "a header with nothing but alg", HS.token(header={"alg": "HS256"}), HS.config)
    suite.add("order", "alg stands last", HS.token(header={"typ": "JWT", "kid": "x", "alg": "HS256"}), HS.config)
    for name, value in [("cat", "cl_B7d4PD111AAA"), ("x5t#S256", "abc"), ("null", None), ("object", {"crit": ["x"], "b64": False}),
                        ("array", [{"zip": "DEF"}]), ("number", 1e300), ("", "nameless"), ("__proto__", {"alg": "none"}),
                        ("constructor", 1), ("alg ", "none"), ("Alg", "none"), ("ALG", "none"), ("\u0430lg", "none")]:
        suite.add(f"unknown-{name or 'nameless'}", f"the unknown member {name!r} is ignored", HS.token(**{name: value}),
                  HS.config)
    suite.add("unknown-many", "a hundred unknown members", HS.token(**{f"m{i}": i for i in range(100)}), HS.config)
    suite.add("alg-missing", "no alg", HS.token(alg=ABSENT), HS.config, INVALID)
    suite.add("alg-missing-empty", "an empty header", HS.token(header={}), HS.config, INVALID)
    for name, value in WRONG_TYPES:
        suite.add(f"alg-{name}", f"alg is {dump(value)}", HS.token(alg=value), HS.config, INVALID)
        suite.add(f"kid-{name}", f"kid is {dump(value)}", HS.token(kid=value), HS.config, INVALID)
    suite.add("alg-array-of-good", "alg is an array that holds the right name", HS.token(alg=["HS256"]), HS.config, INVALID)
    suite.add("whitespace", "white space between the tokens of JSON",
              HS.token(header=' {\t"alg" :\r\n"HS256" } \n'), HS.config)
    suite.add("before-key", "the header is judged before a key is looked for",
              ES.token(header={"alg": "ES256", "typ": "x", "kid": "nobody"}),
              {"jwks": keys.jwks(keys.jwk("p256", kid="k")), "algorithms": ["ES256"]}, "token_type_not_allowed")
    return suite


SUITES = [crit, unsupported, typ, key_members, members]
