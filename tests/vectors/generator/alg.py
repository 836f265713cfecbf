"""The allow-list of algorithms: exact, the caller's, per key (RFC 8725 sections 2.1 and 3.1; RFC 7518; RFC 9864)."""

from __future__ import annotations

from typing import Any

from . import keys
from .base import HS, NOW, RS, Issuer, Suite, claims, signed
from .sign import sign

KEY_OF = {
    "RS256": "rsa2048", "RS384": "rsa2048", "RS512": "rsa2048", "PS256": "rsa2048", "PS384": "rsa2048", "PS512": "rsa2048",
    "ES256": "p256", "ES384": "p384", "ES512": "p521", "ES256K": "secp256k1", "EdDSA": "ed25519", "Ed25519": "ed25519",
    "Ed448": "ed448", "HS256": keys.SECRET32, "HS384": keys.SECRET48, "HS512": keys.SECRET64,
}
ALL = [*KEY_OF]
ISSUERS = {alg: Issuer(alg, key) for alg, key in KEY_OF.items()}
NOT_ALLOWED, CONFIG = "algorithm_not_allowed", "configuration_invalid"


def hmac(alg: str) -> bool:
    return alg.startswith("HS")


def matrix() -> Suite:
    """Every algorithm as it should be, and its header rewritten to every other."""
    suite = Suite("alg/matrix")
    for alg, issuer in ISSUERS.items():
        suite.add(alg, f"{alg} with a PEM or secret", issuer.token(), issuer.config, claims=claims(), scopes=["read", "write"])
        if not hmac(alg):
            suite.add(f"{alg}-jwk", f"{alg} with a key set", issuer.token(),
                      {"jwks": keys.jwks(keys.jwk(KEY_OF[alg])), "algorithms": alg})
        suite.add(f"{alg}-broken", "the same with one bit of the signature changed",
                  issuer.token(signer=lambda m, a=alg: flip(sign(a, KEY_OF[a], m))), issuer.config, "signature_invalid")
        for other in ALL:
            if other != alg:
                suite.add(f"{alg}-as-{other}", f"signed with {alg}, the header says {other}, {alg} alone is allowed",
                          issuer.token(alg=other), issuer.config, NOT_ALLOWED)
    suite.add("EdDSA-448", "EdDSA with Ed448", Issuer("EdDSA", "ed448").token(), Issuer("EdDSA", "ed448").config)
    return suite


def flip(signature: bytes) -> bytes:
    middle = len(signature) // 2
    return signature[:middle] + bytes([signature[middle] ^ 1]) + signature[middle + 1:]


def none() -> Suite:
    suite = Suite("alg/none")
    for spelling in ["none", "None", "NONE", "nOnE", "noNE", "none ", " none", "null", "", "no", "\uff4eone"]:
        for source, issuer in [("rs", RS), ("hs", HS)]:
            suite.add(f"{source}-{spelling.encode('unicode_escape').decode() or 'empty'}", f"alg {spelling!r}, signed all the same",
                      issuer.token(alg=spelling), issuer.config, NOT_ALLOWED)
    header, payload, _ = RS.token(alg="none").split(".")
    suite.add("unsecured", "RFC 7515 appendix A.5: an unsecured JWS has no signature, so it is no token", f"{header}.{payload}.",
              RS.config, "token_malformed")
    suite.add("unsecured-two", "without the last dot", f"{header}.{payload}", RS.config, "token_malformed")
    suite.add("unsecured-byte", "with one byte for a signature", f"{header}.{payload}.AA", RS.config, NOT_ALLOWED)
    for value in ["none", "None", "", "HS128", "RS1", "rs256", "RS256 ", "ES256X", "A128KW", "dir"]:
        suite.add(f"option-{value or 'empty'}", f"{value!r} cannot be configured", RS.token(), RS.with_config(algorithms=[value]),
                  CONFIG)
        suite.add(f"option-beside-{value or 'empty'}", f"{value!r} cannot be configured beside another", RS.token(),
                  RS.with_config(algorithms=["RS256", value]), CONFIG)
    return suite


def exact() -> Suite:
    suite = Suite("alg/exact")
    for alg, issuer in ISSUERS.items():
        for name, spelling in [("lower", alg.lower()), ("upper", alg.upper()), ("space", alg + " "), ("space-first", " " + alg),
                               ("cut", alg[:-1]), ("more", alg + "0"), ("twice", alg + alg), ("nbsp", alg + "\u00a0"),
                               ("list", f"{alg},{alg}")]:
            if spelling in ALL or spelling == alg:
                continue
            suite.add(f"{alg}-{name}", f"alg {spelling!r} is not {alg}", issuer.token(alg=spelling), issuer.config, NOT_ALLOWED)
    for name, spelling in [("cyrillic", "\u0420S256"), ("full-width", "\uff32S256"), ("zero-width", "RS\u200b256"),
                           ("RSA", "RSA"), ("uri", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), ("java", "SHA256withRSA"),
                           ("RSA-OAEP", "RSA-OAEP"), ("dir", "dir"), ("number", "256"), ("RS1", "RS1")]:
        suite.add(f"other-{name}", f"alg {spelling!r}", RS.token(alg=spelling), RS.config, NOT_ALLOWED)
    return suite


def lists() -> Suite:
    suite = Suite("alg/lists")
    suite.add("default", "algorithms left out: RS256", RS.token(), {"public_key": keys.pem("rsa2048")})
    suite.add("default-not-RS384", "the default is not RS384", ISSUERS["RS384"].token(), {"public_key": keys.pem("rsa2048")},
              NOT_ALLOWED)
    suite.add("default-secret", "algorithms left out, with a secret: HS256", HS.token(), {"secret": keys.SECRET32})
    suite.add("default-secret-not-HS384", "the default is not HS384", Issuer("HS384", keys.SECRET48).token(),
              {"secret": keys.SECRET48}, NOT_ALLOWED)
    suite.add("default-not-from-key", "the default does not follow the key", ISSUERS["ES256"].token(),
              {"jwks": keys.jwks(keys.jwk("p256"), keys.jwk("rsa2048"))}, NOT_ALLOWED)
    suite.add("default-no-fit", "a static key that none of the algorithms can use is a mistake of the configuration",
              ISSUERS["ES256"].token(), {"jwks": keys.jwks(keys.jwk("p256"))}, CONFIG)
    suite.add("no-fit-pem", "the same with a PEM", ISSUERS["ES256"].token(), {"public_key": keys.pem("p256")}, CONFIG)
    suite.add("no-fit-curve", "the same with another curve", ISSUERS["ES256"].token(),
              {"public_key": keys.pem("p256"), "algorithms": ["ES384", "RS256"]}, CONFIG)
    suite.add("string", "one name, not in a list", RS.token(), RS.with_config(algorithms="RS256"))
    suite.add("twice", "one name twice", RS.token(), RS.with_config(algorithms=["RS256", "RS256"]))
    suite.add("empty", "an empty list", RS.token(), RS.with_config(algorithms=[]), CONFIG)
    every = [alg for alg in ALL if not hmac(alg)]
    mixed = keys.jwks(*(keys.jwk(name) for name in ("rsa2048", "p256", "p384", "p521", "secp256k1", "ed25519")))
    for alg in every:
        if alg == "Ed448":
            continue
        suite.add(f"several-{alg}", f"{alg} among all algorithms, with one key of each kind and no kid", ISSUERS[alg].token(),
                  {"jwks": mixed, "algorithms": every})
        rest = [other for other in every if other != alg]
        suite.add(f"several-without-{alg}", f"all algorithms but {alg}", ISSUERS[alg].token(),
                  {"jwks": mixed, "algorithms": rest}, NOT_ALLOWED)
    long_secret = keys.SECRET64
    for alg in ("HS256", "HS384", "HS512"):
        suite.add(f"several-{alg}", f"{alg} among the HMAC algorithms", Issuer(alg, long_secret).token(),
                  {"secret": long_secret, "algorithms": ["HS256", "HS384", "HS512"]})
        suite.add(f"several-without-{alg}", f"{alg} left out", Issuer(alg, long_secret).token(),
                  {"secret": long_secret, "algorithms": [a for a in ("HS256", "HS384", "HS512") if a != alg]}, NOT_ALLOWED)
    for asymmetric in ("RS256", "PS256", "ES256", "EdDSA", "ES256K"):
        issuer = ISSUERS[asymmetric]
        suite.add(f"mixed-{asymmetric}", f"HS256 and {asymmetric} in one list", issuer.token(),
                  issuer.with_config(algorithms=[asymmetric, "HS256"]), CONFIG)
        suite.add(f"mixed-secret-{asymmetric}", "the same with a secret", HS.token(),
                  HS.with_config(algorithms=["HS256", asymmetric]), CONFIG)
        suite.add(f"hmac-with-{asymmetric}-key", "an HMAC algorithm with a public key", issuer.token(),
                  issuer.with_config(algorithms=["HS256"]), CONFIG)
        suite.add(f"{asymmetric}-with-secret", f"{asymmetric} with a secret", HS.token(), HS.with_config(algorithms=[asymmetric]),
                  CONFIG)
    suite.add("hmac-with-jwks", "an HMAC algorithm with a key set", HS.token(),
              {"jwks": keys.jwks(keys.jwk("rsa2048")), "algorithms": ["HS256"]}, CONFIG)
    suite.add("default-hmac-header", "RS256 by default, the header says HS256", HS.token(), {"public_key": keys.pem("rsa2048")},
              NOT_ALLOWED)
    return suite


def confusion() -> Suite:
    """HMAC over what everybody knows: the public key in each of its spellings."""
    suite = Suite("alg/confusion")
    key_set = keys.jwks(keys.jwk("rsa2048", kid="k"))
    spellings: dict[str, Any] = {
        "pem": keys.pem("rsa2048"),
        "pem-stripped": keys.pem("rsa2048").strip(),
        "pem-crlf": keys.armour(keys.spki("rsa2048"), newline="\r\n"),
        "pkcs1": keys.armour(keys.pkcs1("rsa2048"), "RSA PUBLIC KEY"),
        "certificate": keys.text("rsa2048-certificate"),
        "jwk": str(keys.jwk("rsa2048", kid="k")).replace("'", '"'),
        "empty": "",
        "n": keys.jwk("rsa2048")["n"],
    }
    for name, secret in spellings.items():
        for alg in ("HS256", "HS512"):
            token = signed({"alg": alg, "typ": "JWT", "kid": "k"}, claims(), alg, secret)
            suite.add(f"{name}-{alg}", f"{alg} keyed with the public key ({name})", token, RS.config, NOT_ALLOWED)
            suite.add(f"{name}-{alg}-jwks", "the same against a key set", token, {"jwks": key_set, "algorithms": ["RS256"]},
                      NOT_ALLOWED)
            if name in ("pem", "jwk"):
                suite.add(f"{name}-{alg}-relabelled", "the same under the name that is allowed",
                          signed({"alg": "RS256", "kid": "k"}, claims(), alg, secret), RS.config, "signature_invalid")
    for alg in ("HS256", "RS256"):
        suite.add(f"neighbour-{alg}", "what is signed as it should be", ISSUERS[alg].token(), ISSUERS[alg].config, now=NOW)
    return suite


SUITES = [matrix, none, exact, lists, confusion]
