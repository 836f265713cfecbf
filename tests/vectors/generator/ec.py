"""ECDSA signatures: two numbers of full length, nothing else (RFC 7518 section 3.4)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import keys
from .alg import ISSUERS, KEY_OF
from .base import Issuer, Suite, claims
from .sign import EC_SIZE, ORDER, ecdsa, p1363, sign

BAD = "signature_invalid"
Numbers = Callable[[int, int], tuple[int, int]]


def signatures() -> Suite:
    suite = Suite("ec/signature")
    for alg in ("ES256", "ES384", "ES512", "ES256K"):
        one(suite, alg)
    return suite


def one(suite: Suite, alg: str) -> None:
    key, size, issuer = KEY_OF[alg], EC_SIZE[alg], ISSUERS[alg]
    n = ORDER[key]

    def numbers(change: Numbers) -> str:
        return issuer.token(signer=lambda m: p1363(*change(*ecdsa(alg, key, m)), size))

    suite.add(f"{alg}-good", "as it should be", issuer.token(), issuer.config, claims=claims())
    suite.add(f"{alg}-high-s", "n - s: JWS has no rule about it, so both are signatures", numbers(lambda r, s: (r, n - s)),
              issuer.config)
    for name, description, change in [
        ("zero", "r = s = 0: CVE-2022-21449", lambda r, s: (0, 0)), ("r-zero", "r = 0", lambda r, s: (0, s)),
        ("s-zero", "s = 0", lambda r, s: (r, 0)), ("r-n", "r = n", lambda r, s: (n, s)), ("s-n", "s = n", lambda r, s: (r, n)),
        ("both-n", "r = s = n", lambda r, s: (n, n)), ("one", "r = s = 1", lambda r, s: (1, 1)),
        ("r-zero-s-one", "r = 0, s = 1", lambda r, s: (0, 1)), ("swapped", "r and s exchanged", lambda r, s: (s, r)),
        ("r-negative", "n - r", lambda r, s: (n - r, s)), ("r-s", "r = s", lambda r, s: (r, r)),
        ("n-minus-1", "r = s = n - 1", lambda r, s: (n - 1, n - 1)), ("n-plus-1", "r = n + 1", lambda r, s: (n + 1, s)),
        ("r-bit", "one bit of r", lambda r, s: (r ^ 1, s)), ("s-bit", "one bit of s", lambda r, s: (r, s ^ 1)),
    ]:
        suite.add(f"{alg}-{name}", description, numbers(change), issuer.config, BAD)
    if alg == "ES512":
        suite.add(f"{alg}-s-plus-n", "s + n", numbers(lambda r, s: (r, s + n)), issuer.config, BAD)
        suite.add(f"{alg}-r-plus-n", "r + n", numbers(lambda r, s: (r + n, s)), issuer.config, BAD)
    suite.add(f"{alg}-ff", "all bits set", issuer.token(signer=lambda m: b"\xff" * (2 * size)), issuer.config, BAD)
    for name, description, change in [
        ("short", "a byte cut from the end", lambda b: b[:-1]), ("short-first", "a byte cut from the beginning", lambda b: b[1:]),
        ("long", "a byte more at the end", lambda b: b + b"\0"), ("long-2", "two bytes more at the end", lambda b: b + b"\0\0"),
        ("leading", "a zero byte more at the beginning", lambda b: b"\0" + b),
        ("padded", "each number one byte longer", lambda b: b"\0" + b[:size] + b"\0" + b[size:]),
        ("half", "r alone", lambda b: b[:size]), ("twice", "twice", lambda b: b + b), ("one-byte", "one byte", lambda b: b[:1]),
        ("64", "padded to 64, 96 or 132 bytes of another curve", lambda b: b.ljust({64: 96, 96: 132, 132: 192}[2 * size], b"\0")),
        ("16384", "8000 bytes: the overflow of a DER conversion", lambda b: (b * 250)[:8000]),
        ("reversed", "little endian", lambda b: b[:size][::-1] + b[size:][::-1]),
    ]:
        suite.add(f"{alg}-{name}", description, issuer.token(signer=lambda m, c=change: c(sign(alg, key, m))), issuer.config, BAD)
    suite.add(f"{alg}-der", "DER, as outside of JOSE", issuer.token(signer=lambda m: encode_dss_signature(*ecdsa(alg, key, m))),
              issuer.config, BAD)
    suite.add(f"{alg}-decoded", "the decoded text was signed",
              issuer.token(signer=lambda m: sign(alg, key, b".".join(keys.unb64u(p.decode()) for p in m.split(b".")))),
              issuer.config, BAD)
    other_hash = {"ES256": "ES384", "ES384": "ES256", "ES512": "ES256", "ES256K": "ES512"}[alg]
    suite.add(f"{alg}-other-hash", f"with the hash of {other_hash}",
              issuer.token(signer=lambda m: p1363(*ecdsa(other_hash, key, m), size)), issuer.config, BAD)
    shortened(suite, alg, issuer, size)


def shortened(suite: Suite, alg: str, issuer: Issuer, size: int) -> None:
    """Signatures whose r or s begins with zero: every thirty-second one or so, and easily encoded too short."""
    found: set[str] = set()
    for i in range(3000):
        token = issuer.token(claims(jti=str(i)))
        head, text = token.rsplit(".", 1)
        raw = keys.unb64u(text)
        zero = 2 if alg == "ES512" else 1  # 521 bits leave the first byte zero half of the time
        for name, part in [("r", raw[:size]), ("s", raw[size:])]:
            if part[:zero] == bytes(zero) and name not in found:
                found.add(name)
                cut = raw[zero:] if name == "r" else raw[:size] + raw[size + zero:]
                suite.add(f"{alg}-{name}-short-neighbour", f"{name} begins with a zero byte", token, issuer.config)
                suite.add(f"{alg}-{name}-short", f"{name} without its leading zero byte", f"{head}.{keys.b64u(cut)}", issuer.config, BAD)
        if len(found) == 2:
            return


def keys_and_curves() -> Suite:
    suite = Suite("ec/key")
    es = ISSUERS["ES256"]
    suite.add("other-key", "another key's signature", Issuer("ES256", "p256-other").token(), es.config, BAD)
    suite.add("256k-as-256", "a signature on secp256k1 under a header that says ES256",
              es.token(signer=lambda m: sign("ES256K", "secp256k1", m)), es.config, BAD)
    k = ISSUERS["ES256K"]
    suite.add("256-as-256k", "a signature on P-256 under a header that says ES256K",
              k.token(signer=lambda m: sign("ES256", "p256", m)), k.config, BAD)
    suite.add("256k-opt-in", "ES256K is there when it is asked for", k.token(), k.config)
    suite.add("256k-not-default", "ES256K is not there by default", k.token(), {"jwks": keys.jwks(keys.jwk("secp256k1"), keys.jwk("rsa2048"))},
              "algorithm_not_allowed")
    for alg in ("ES256", "ES384", "ES512"):
        jwks = {"jwks": keys.jwks(keys.jwk("p256"), keys.jwk("p384"), keys.jwk("p521")), "algorithms": ["ES256", "ES384", "ES512"]}
        suite.add(f"curve-{alg}", f"{alg} takes its own curve from the set", ISSUERS[alg].token(), jwks)
    return suite


SUITES = [signatures, keys_and_curves]
