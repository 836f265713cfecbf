"""EdDSA signatures (RFC 8032 sections 5.1.7 and 5.2.7, RFC 8037, RFC 9864)."""

from __future__ import annotations

from . import keys
from .alg import ISSUERS, KEY_OF
from .base import Issuer, Suite, claims
from .sign import sign

BAD = "signature_invalid"
ORDER = {"ed25519": (1 << 252) + 27742317777372353535851937790883648493,
         "ed448": (1 << 446) - 13818066809895115352007386748515426880336692474882178609894547503885}


def signatures() -> Suite:
    suite = Suite("okp/signature")
    for label, issuer in [("EdDSA", ISSUERS["EdDSA"]), ("Ed25519", ISSUERS["Ed25519"]), ("Ed448", ISSUERS["Ed448"]),
                          ("EdDSA-448", Issuer("EdDSA", "ed448"))]:
        size = {"ed25519": 32, "ed448": 57}[issuer.key]
        order = ORDER[issuer.key]

        def add_order(signature: bytes, size: int = size, order: int = order) -> bytes:
            s = int.from_bytes(signature[size:], "little") + order
            return signature[:size] + s.to_bytes(size, "little")

        suite.add(f"{label}-good", "as it should be", issuer.token(), issuer.config, claims=claims())
        for name, description, change in [
            ("s-plus-order", "s + L: the signature is malleable where s is not compared with L", add_order),
            ("short", "a byte cut from the end", lambda b: b[:-1]), ("long", "a byte more at the end", lambda b: b + b"\0"),
            ("leading", "a byte more at the beginning", lambda b: b"\0" + b), ("one-byte", "one byte", lambda b: b[:1]),
            ("zero", "zeros", lambda b: bytes(len(b))), ("ff", "all bits set", lambda b: b"\xff" * len(b)),
            ("r-bit", "one bit of R", lambda b: bytes([b[0] ^ 1]) + b[1:]),
            ("r-sign", "the sign bit of R", lambda b, z=size: b[:z - 1] + bytes([b[z - 1] ^ 0x80]) + b[z:]),
            ("s-bit", "one bit of s", lambda b, z=size: b[:z] + bytes([b[z] ^ 1]) + b[z + 1:]),
            ("s-high-bit", "the highest bit of s", lambda b: b[:-1] + bytes([b[-1] ^ 0x80])),
            ("s-zero", "s = 0", lambda b, z=size: b[:z] + bytes(z)), ("r-zero", "R = 0", lambda b, z=size: bytes(z) + b[z:]),
            ("swapped", "R and s exchanged", lambda b, z=size: b[z:] + b[:z]), ("half", "R alone", lambda b, z=size: b[:z]),
            ("reversed", "bytes in reverse", lambda b: b[::-1]), ("twice", "twice", lambda b: b + b),
        ]:
            suite.add(f"{label}-{name}", description,
                      issuer.token(signer=lambda m, c=change, i=issuer: c(sign(i.alg, i.key, m))), issuer.config, BAD)
        suite.add(f"{label}-hex", "hexadecimal text of the signature",
                  issuer.token(signer=lambda m, i=issuer: sign(i.alg, i.key, m).hex().encode()), issuer.config, BAD)
        suite.add(f"{label}-decoded", "the decoded text was signed",
                  issuer.token(signer=lambda m, i=issuer: sign(i.alg, i.key, b".".join(
                      keys.unb64u(p.decode()) for p in m.split(b".")))), issuer.config, BAD)
    ed = ISSUERS["EdDSA"]
    suite.add("other-key", "another key's signature", Issuer("EdDSA", "ed25519-other").token(), ed.config, BAD)
    suite.add("prehash", "the message was hashed first",
              ed.token(signer=lambda m: sign("EdDSA", "ed25519", __import__("hashlib").sha512(m).digest())), ed.config, BAD)
    return suite


def names() -> Suite:
    """EdDSA and the fully specified names of RFC 9864 are different names."""
    suite = Suite("okp/name")
    for alg in ("EdDSA", "Ed25519", "Ed448"):
        for key in ("ed25519", "ed448"):
            issuer = Issuer(alg, key)
            fits = alg == "EdDSA" or KEY_OF[alg] == key
            jwks = {"jwks": keys.jwks(keys.jwk(key, kid="k")), "algorithms": ["EdDSA", "Ed25519", "Ed448"]}
            suite.add(f"{alg}-{key}", f"{alg} with a key of {key}", issuer.token(kid="k"), jwks, None if fits else "key_unsuitable")
            suite.add(f"{alg}-{key}-no-kid", f"{alg} with a key of {key}, no kid", issuer.token(), jwks,
                      None if fits else "key_not_found")
            for listed in ("EdDSA", "Ed25519", "Ed448"):
                if listed != alg:
                    usable = listed == "EdDSA" or KEY_OF[listed] == key
                    suite.add(f"{alg}-{key}-list-{listed}", f"the token says {alg}, the list {listed}", issuer.token(),
                              {"jwks": keys.jwks(keys.jwk(key)), "algorithms": [listed]},
                              "algorithm_not_allowed" if usable else "configuration_invalid")
    return suite


SUITES = [signatures, names]
