"""RSA keys in key sets (RFC 7518 section 6.3)."""

from __future__ import annotations

from typing import Any

from . import keys
from .base import RS, Issuer, Suite, claims, signed
from .jwk_common import alone
from .sign import jwk_with_e, pkcs1_encoded

# CVE-2017-15361: a modulus of the Infineon library. From Wycheproof, json_web_key_test.json, tcId 7 (Apache-2.0).
ROCA_FILE = "roca2048.txt"


def with_e(e: int) -> tuple[str, dict[str, Any]]:
    """A token that verifies with the test modulus and this exponent, and the key for it."""
    key, d = jwk_with_e("rsa2048", e)
    n = keys.private("rsa2048").public_key().public_numbers().n

    def signer(message: bytes) -> bytes:
        return pow(int.from_bytes(pkcs1_encoded(message, 256), "big"), d, n).to_bytes(256, "big")

    return signed({"alg": "RS256"}, claims(), "RS256", "", signer), key


def coprime(start: int) -> int:
    numbers = keys.private("rsa2048").private_numbers()
    phi = (numbers.p - 1) * (numbers.q - 1)
    e = start
    while True:
        try:
            pow(e, -1, phi)
            return e
        except ValueError:
            e += 2





def sizes() -> Suite:
    suite = Suite("jwk/rsa_size")
    for name, usable in [("rsa1024", False), ("rsa2047", False), ("rsa2048", True), ("rsa2056", True), ("rsa3072", True),
                         ("rsa4096", True), ("rsa8192", True)]:
        issuer = Issuer("RS256", name)
        suite.add(name, f"{name[3:]} bits", issuer.token(), {"jwks": keys.jwks(keys.jwk(name)), "algorithms": ["RS256"]},
                  None if usable else "configuration_invalid")
        if not usable:
            suite.add(f"{name}-kid", f"{name[3:]} bits, named by the token's kid, a good key beside it", issuer.token(kid="small"),
                      {"jwks": keys.jwks(keys.jwk(name, kid="small"), keys.jwk("rsa2048", kid="good")), "algorithms": ["RS256"]},
                      "key_unsuitable")
    n = keys.public("rsa8192").public_numbers().n
    for bits in (8193, 8200, 16384, 17000):
        alone(suite, f"bits-{bits}", f"{bits} bits", {"kty": "RSA", "e": "AQAB", "n": keys.number((n << (bits - 8192)) | 1)}, False,
              "RS256")
    for bits in (1, 8, 64, 512, 2040):
        alone(suite, f"bits-{bits}", f"{bits} bits", {"kty": "RSA", "e": "AQAB", "n": keys.number((1 << bits) - 1)}, False, "RS256")
    return suite


def exponents() -> Suite:
    suite = Suite("jwk/rsa_e")
    for name, e in [("65537", 65537), ("just-above", coprime(65539)), ("24-bit", coprime((1 << 24) - 101)),
                    ("32-bit", coprime((1 << 32) - 99))]:
        token, key = with_e(e)
        suite.add(name, f"e = {e}", token, {"jwks": keys.jwks(key), "algorithms": ["RS256"]})
    for name, e in [("just-below", 65535), ("17", 17), ("257", 257), ("3", 3)]:
        token, key = with_e(coprime(e)) if e > 3 else ("", {})
        if e == 3:
            token, key = RS.token(), keys.jwk("rsa2048", e=keys.number(3))
        actual = int.from_bytes(keys.unb64u(key["e"]), "big")
        if actual >= 65537:
            continue
        suite.add(name, f"e = {actual}: too small", token, {"jwks": keys.jwks(key), "algorithms": ["RS256"]},
                  "configuration_invalid")
    for name, value in [("0", keys.number(0)), ("1", keys.number(1)), ("2", keys.number(2)), ("65536", keys.number(65536)),
                        ("65538", keys.number(65538)), ("empty", ""), ("padded", "AQAB===="), ("standard", "AQ+B"),
                        ("space", "AQAB "), ("decimal", 65537), ("null", None), ("array", ["AQAB"]), ("one-character", "A"),
                        ("unused-bits", "AQABAB")]:
        alone(suite, name if not name.isdigit() else f"value-{name}", f"e is {value!r}", {**keys.jwk("rsa2048"), "e": value}, False,
              "RS256")
    for count in (1, 4):
        alone(suite, f"leading-zero-{count}", f"{count} leading zero octets in e: seen from real issuers",
              keys.jwk("rsa2048", e=keys.b64u(bytes(count) + b"\x01\x00\x01")), True, "RS256")
    alone(suite, "missing", "no e", keys.jwk("rsa2048", e=None), False, "RS256")
    # With e = 1 every encoded message is its own signature.
    token = RS.token(signer=lambda m: pkcs1_encoded(m, 256))
    suite.add("one-forged", "the signature is the encoded message, which e = 1 accepts", token,
              {"jwks": keys.jwks(keys.jwk("rsa2048", e="AQ"), keys.jwk("rsa2048", kid="x")), "algorithms": ["RS256"]},
              ["signature_invalid", "key_not_found"])
    suite.add("one-forged-normal", "the same against the key as it is", token, RS.config, "signature_invalid")
    return suite


def moduli() -> Suite:
    suite = Suite("jwk/rsa_n")
    n = keys.public("rsa2048").public_numbers().n
    text = keys.number(n)
    alone(suite, "plain", "n as it should be", keys.jwk("rsa2048"), True, "RS256")
    for count in (1, 2, 8):
        alone(suite, f"leading-zero-{count}", f"{count} leading zero octets: seen from real issuers",
              keys.jwk("rsa2048", n=keys.b64u(bytes(count) + keys.unb64u(text))), True, "RS256")
    standard = text.replace("-", "+").replace("_", "/")
    assert standard != text
    for name, value in [("standard", standard), ("padded", text + "=="), ("space", text + " "), ("newline", text + "\n"),
                        ("broken", text[:70] + "\n" + text[70:]), ("empty", ""), ("zero", keys.number(0)),
                        ("number", 5), ("null", None), ("array", [text]), ("object", {"n": text}), ("cut", text[:-1]),
                        ("even", keys.number(n - 1)), ("dot", text + "."), ("umlaut", text[:-1] + "\u00e4")]:
        alone(suite, name, f"n: {name}", {**keys.jwk("rsa2048"), "n": value}, False, "RS256")
    from .form import trailing_bits

    alone(suite, "unused-bits", "unused bits at the end of n are not zero", {**keys.jwk("rsa2048"), "n": trailing_bits(text)[0]},
          False, "RS256")
    alone(suite, "missing", "no n", keys.jwk("rsa2048", n=None), False, "RS256")
    roca = (keys.FOLDER / ROCA_FILE).read_text().strip()
    alone(suite, "roca", "a modulus of the Infineon library, CVE-2017-15361", keys.jwk("rsa2048", n=roca), False, "RS256")
    suite.add("roca-kid", "the same named by the token's kid", RS.token(kid="roca"),
              {"jwks": keys.jwks(keys.jwk("rsa2048", n=roca, kid="roca"), keys.jwk("rsa2048", kid="good")), "algorithms": ["RS256"]},
              "key_unsuitable")
    return suite


SUITES = [sizes, exponents, moduli]
