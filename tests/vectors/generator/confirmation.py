"""cnf (RFC 7800): what binds a token, and what binds it to nothing that is known."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, HS, Suite, claims
from .proofs import certificate_hash, jkt

HASH = jkt()
IGNORED = HS.with_config(sender_constrained="ignore")

# Well-formed: a proof is missing.
BOUND: list[tuple[str, Any]] = [
    ("jkt", {"jkt": HASH}),
    ("certificate", {"x5t#S256": certificate_hash()}),
    ("both", {"jkt": HASH, "x5t#S256": certificate_hash()}),
    ("keycloak", {"jkt": HASH, "kc-jkt-type": "dpop"}),
    ("beside-jwk", {"jwk": {"kty": "EC"}, "jkt": HASH}),
    ("beside-anything", {"jkt": HASH, "kid": 7, "jku": None, "x5t": []}),
    ("zeros", {"jkt": "A" * 43}),
]

# cnf that is an object: what is wrong with it is not looked at when bindings are ignored.
WRONG: list[tuple[str, Any]] = [
    ("empty", {}),
    ("jwk", {"jwk": {"kty": "EC", "crv": "P-256"}}),
    ("kid", {"kid": "k"}),
    ("x5t", {"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
    ("case", {"JKT": HASH}),
    ("case-certificate", {"X5T#S256": HASH}),
    ("deep", {"jwk": {"jkt": HASH}}),
    ("certificate-without-hash", {"x5t#S384": HASH}),
]
for kind in ("jkt", "x5t#S256"):
    WRONG += [
        (f"{kind}-null", {kind: None}),
        (f"{kind}-number", {kind: 7}),
        (f"{kind}-true", {kind: True}),
        (f"{kind}-list", {kind: [HASH]}),
        (f"{kind}-object", {kind: {"a": HASH}}),
        (f"{kind}-no-text", {kind: ""}),
        (f"{kind}-short", {kind: HASH[:42]}),
        (f"{kind}-long", {kind: HASH + "A"}),
        (f"{kind}-padded", {kind: HASH + "="}),
        (f"{kind}-sha1", {kind: "A" * 27}),
        (f"{kind}-sha512", {kind: "A" * 86}),
        (f"{kind}-hex", {kind: "00" * 32}),
        (f"{kind}-base64", {kind: "+" + HASH[1:]}),
        (f"{kind}-space", {kind: HASH[:42] + " "}),
        (f"{kind}-newline", {kind: HASH + "\n"}),
        (f"{kind}-trailing-bits", {kind: "A" * 42 + "B"}),
        (f"{kind}-not-ascii", {kind: "é" + HASH[1:42]}),
    ]
WRONG += [
    ("jkt-wrong-certificate-right", {"jkt": "x", "x5t#S256": HASH}),
    ("jkt-right-certificate-wrong", {"jkt": HASH, "x5t#S256": "x"}),
]


def cnf() -> Suite:
    suite = Suite("confirmation")
    suite.add("absent", "a token that is bound to nothing", HS.token(), HS.config)
    suite.add("absent-ignored", "a token that is bound to nothing", HS.token(), IGNORED)
    for name, value in BOUND:
        token = HS.token(claims(cnf=value))
        suite.add(f"{name}", "a bound token without a request", token, HS.config, "proof_missing")
        suite.add(f"{name}-ignored", "the same, where bindings are ignored", token, IGNORED)
        suite.add(f"{name}-verify", "the default by its name", token, HS.with_config(sender_constrained="verify"), "proof_missing")
    for name, value in WRONG:
        token = HS.token(claims(cnf=value))
        suite.add(f"wrong-{name}", "bound in no way that is known", token, HS.config, "confirmation_invalid")
        suite.add(f"wrong-{name}-ignored", "the same, where bindings are ignored", token, IGNORED)
    for kind, value in [("null", None), ("true", True), ("number", 0), ("text", HASH), ("list", [{"jkt": HASH}]), ("no-list", [])]:
        token = HS.token(claims(cnf=value))
        suite.add(f"type-{kind}", "cnf that is no object", token, HS.config, "confirmation_invalid")
        suite.add(f"type-{kind}-ignored", "cnf that is no object, where bindings are ignored", token, IGNORED, "confirmation_invalid")
    escaped = HS.token('{"exp":1750003600,"iss":"https://issuer.example","aud":"https://api.example/mcp","\\u0063nf":{"\\u006akt":"%s"}}' % HASH)
    suite.add("escaped", "cnf and jkt, written with escapes", escaped, HS.config, "proof_missing")
    suite.add("last-scope", "a scope that is missing is the first reason", HS.token(claims(cnf={})), HS.with_config(required_scopes=["admin"]),
              "insufficient_scope")
    suite.add("last-claim", "a claim that is missing is the first reason", HS.token(claims(cnf={"jkt": HASH}, sub=ABSENT)),
              HS.with_config(required_claims=["sub"]), "claim_missing")
    suite.add("required", "cnf may be demanded as any claim", HS.token(claims()), HS.with_config(required_claims=["cnf"]), "claim_missing")
    for value in ("", "VERIFY", "Ignore", "none", "off", "ignore "):
        suite.add(f"option-{value.strip().lower() or 'empty'}-{len(value)}", "a word that is not known", HS.token(),
                  HS.with_config(sender_constrained=value), "configuration_invalid")
    token = HS.token(claims(cnf={"jkt": HASH}))
    suite.steps("cached", "a token in the cache is bound as well", HS.config, [(token, "proof_missing")] * 3)
    suite.steps("cached-ignored", "a token in the cache", IGNORED, [(token, None)] * 3)
    return suite


SUITES = [cnf]
