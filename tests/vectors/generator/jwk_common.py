"""Members of every JWK: kty, use, key_ops, alg, kid, private ones (RFC 7517 section 4)."""

from __future__ import annotations

from typing import Any

from . import keys
from .alg import ALL, ISSUERS, KEY_OF
from .base import ES, RS, Suite, claims, dump

CONFIG = "configuration_invalid"


def alone(suite: Suite, name: str, description: str, key: Any, usable: bool, alg: str = "ES256") -> None:
    """One key in a set of its own, and beside a good one: an unusable key fails the first and leaves the second alone."""
    issuer = ISSUERS[alg]
    config = {"jwks": keys.jwks(key), "algorithms": [alg]}
    suite.add(name, description, issuer.token(), config, None if usable else CONFIG)
    if not usable:
        beside = {"jwks": keys.jwks(key, keys.jwk(KEY_OF[alg], kid="good")), "algorithms": [alg]}
        suite.add(f"{name}-beside", f"{description}; a good key stands beside it", issuer.token(kid="good"), beside)


def common() -> Suite:
    suite = Suite("jwk/common")
    alone(suite, "bare", "only what is required", keys.jwk("p256"), True)
    wrong: list[tuple[str, Any]] = [("null", None), ("number", 1), ("array", ["sig"]), ("object", {}), ("true", True)]
    # jwk() leaves members out that are None; here null itself is wanted.
    for member in ("use", "alg", "kid", "kty", "key_ops"):
        for kind, value in wrong:
            if member == "key_ops" and kind == "array":
                continue
            alone(suite, f"{member}-{kind}", f"{member} is {dump(value)}", {**keys.jwk("p256"), member: value}, False)
    alone(suite, "use-sig", "use sig", keys.jwk("p256", use="sig"), True)
    for value in ("enc", "SIG", "Sig", "", "sig ", "signature", "tls"):
        alone(suite, f"use-{value.strip() + ('-space' if value.endswith(' ') else '') or 'empty'}", f"use {value!r}",
              keys.jwk("p256", use=value), False)
    for name, value, usable in [("verify", ["verify"], True), ("verify-sign", ["sign", "verify"], True),
                                ("verify-unknown", ["verify", "x-own"], True), ("empty", [], False), ("sign", ["sign"], False),
                                ("encrypt", ["encrypt", "decrypt"], False), ("case", ["Verify"], False),
                                ("string", "verify", False), ("number-member", ["verify", 1], False),
                                ("null-member", [None], False), ("nested", [["verify"]], False)]:
        alone(suite, f"key_ops-{name}", f"key_ops {dump(value)}", keys.jwk("p256", key_ops=value), usable)
    alone(suite, "use-key_ops", "use and key_ops agree", keys.jwk("p256", use="sig", key_ops=["verify"]), True)
    alone(suite, "use-enc-key_ops-verify", "use forbids what key_ops allows", keys.jwk("p256", use="enc", key_ops=["verify"]),
          False)
    alone(suite, "use-sig-key_ops-sign", "key_ops forbids what use allows", keys.jwk("p256", use="sig", key_ops=["sign"]), False)
    for value in ("oct", "ec", "Ec", "EC ", "RSA", "OKP", "", "AKP", "X"):
        alone(suite, f"kty-{value.replace(' ', '-space') or 'empty'}", f"kty {value!r} on a key of P-256",
              keys.jwk("p256", kty=value), False)
    alone(suite, "kty-missing", "no kty", {k: v for k, v in keys.jwk("p256").items() if k != "kty"}, False)
    for value in ("ES512", "es256", "ES521", "ECDH-ES", "RS256", "none", "HS256", "", "EdDSA"):
        alone(suite, f"alg-{value or 'empty'}", f"alg {value!r} on a key of P-256", keys.jwk("p256", alg=value), False)
    alone(suite, "oct", "a symmetric key never comes from a key set", {"kty": "oct", "k": keys.b64u(keys.SECRET32.encode())},
          False)
    suite.add("oct-kid", "HS256 with the kid of a symmetric key in the set",
              ISSUERS["HS256"].token(kid="o"), {"jwks": keys.jwks({"kty": "oct", "kid": "o", "k": "x" * 43}, keys.jwk("rsa2048")),
                                                "algorithms": ["RS256"]}, "algorithm_not_allowed")
    for name in ("x5c", "x5t", "x5u", "x5t#S256", "exp", "nbf", "iss", "unknown", ""):
        for value in ("text", 1, None, ["x"]):
            alone(suite, f"other-{name or 'nameless'}-{type(value).__name__}", f"the member {name!r} is {dump(value)}: ignored",
                  {**keys.jwk("p256"), name: value}, True)
    return suite


def algorithms() -> Suite:
    """alg of the key against alg of the header: one key, one algorithm."""
    suite = Suite("jwk/alg")
    asymmetric = [alg for alg in ALL if not alg.startswith("HS")]
    for alg in asymmetric:
        key = keys.jwk(KEY_OF[alg], kid="k", alg=alg, use="sig")
        config = {"jwks": keys.jwks(key), "algorithms": asymmetric}
        suite.add(alg, f"the key is for {alg}", ISSUERS[alg].token(kid="k"), config)
        suite.add(f"{alg}-no-kid", f"the key is for {alg}, the token has no kid", ISSUERS[alg].token(), config)
        for other in asymmetric:
            if other == alg or KEY_OF[other] != KEY_OF[alg]:
                continue
            if alg.startswith("Ed"):
                # RFC 9864: the old name and the new one are one algorithm of one key.
                suite.add(f"{alg}-for-{other}", f"the key says {alg}, the token {other}: two names", ISSUERS[other].token(kid="k"), config)
                continue
            suite.add(f"{alg}-for-{other}", f"the key is for {alg}, the token says {other}", ISSUERS[other].token(kid="k"), config,
                      "key_unsuitable")
            suite.add(f"{alg}-for-{other}-no-kid", f"the key is for {alg}, the token says {other} and no kid",
                      ISSUERS[other].token(), config, "key_not_found")
    for alg in ("EdDSA", "Ed25519", "Ed448"):
        for name, ours in [("rsa2048", "RS256"), ("p256", "ES256"), ("ed25519", "Ed25519"), ("ed448", "Ed448")]:
            if alg != ours and (alg, ours[:2]) != ("EdDSA", "Ed"):
                alone(suite, f"{name}-says-{alg}", f"a key of {name} that says {alg}", keys.jwk(name, alg=alg), False, ours)
    for alg in asymmetric:
        for other in ("rsa2048", "p256", "p384", "ed25519", "ed448"):
            if KEY_OF[alg] == other or (alg, other) == ("EdDSA", "ed448"):
                continue
            config = {"jwks": keys.jwks(keys.jwk(other, kid="k")), "algorithms": asymmetric}
            suite.add(f"{alg}-with-{other}", f"the kid of an {alg} token names the key {other}", ISSUERS[alg].token(kid="k"),
                      config, "key_unsuitable")
    return suite


def private_members() -> Suite:
    suite = Suite("jwk/private")
    numbers = keys.private("rsa2048").private_numbers()
    d = keys.number(numbers.d)
    alone(suite, "rsa-d", "an RSA key with its private exponent: only the public half is read", keys.jwk("rsa2048", d=d), True,
          "RS256")
    alone(suite, "rsa-all", "an RSA key with all private members",
          keys.jwk("rsa2048", d=d, p=keys.number(numbers.p), q=keys.number(numbers.q), dp=keys.number(numbers.dmp1),
                   dq=keys.number(numbers.dmq1), qi=keys.number(numbers.iqmp)), True, "RS256")
    alone(suite, "rsa-d-garbage", "private members are not looked at", keys.jwk("rsa2048", d=5, p="!", oth=[{}]), True, "RS256")
    alone(suite, "ec-d", "an EC key with its private half",
          keys.jwk("p256", d=keys.number(keys.private("p256").private_numbers().private_value, 32)), True)
    alone(suite, "ec-d-garbage", "a private half that is no text", keys.jwk("p256", d=[]), True)
    alone(suite, "okp-d", "an Ed25519 key with its private half",
          keys.jwk("ed25519", d=keys.b64u(keys.private("ed25519").private_bytes_raw())), True, "EdDSA")
    alone(suite, "rsa-only-private", "a private exponent without a modulus", {"kty": "RSA", "d": d, "e": "AQAB"}, False, "RS256")
    alone(suite, "okp-only-private", "d without x",
          {"kty": "OKP", "crv": "Ed25519", "d": keys.b64u(keys.private("ed25519").private_bytes_raw())}, False, "EdDSA")
    suite.add("k-is-no-member", "k on a public key means nothing", RS.token(),
              {"jwks": keys.jwks(keys.jwk("rsa2048", k="AAAA")), "algorithms": ["RS256"]})
    suite.add("claims", "the claims come through", ES.token(), {"jwks": keys.jwks(keys.jwk("p256")), "algorithms": ["ES256"]},
              claims=claims())
    return suite


SUITES = [common, algorithms, private_members]
