"""EC and OKP keys in key sets (RFC 7518 section 6.2, RFC 8037 section 2, RFC 8812)."""

from __future__ import annotations

from typing import Any

from . import keys
from .alg import ISSUERS, KEY_OF
from .base import ED, Issuer, Suite, claims, signed
from .form import trailing_bits
from .jwk_common import alone

EC_ALGS = ["ES256", "ES384", "ES512", "ES256K"]
PRIME = {
    "p256": (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1,
    "p384": (1 << 384) - (1 << 128) - (1 << 96) + (1 << 32) - 1,
    "p521": (1 << 521) - 1,
    "secp256k1": (1 << 256) - (1 << 32) - 977,
}
WRONG: list[tuple[str, Any]] = [("null", None), ("number", 5), ("array", ["AAAA"]), ("object", {}), ("empty", ""), ("true", True)]


def coordinates() -> Suite:
    suite = Suite("jwk/ec")
    for alg in EC_ALGS:
        name = KEY_OF[alg]
        key = keys.jwk(name)
        size = len(keys.unb64u(key["x"]))
        alone(suite, f"{alg}-plain", "as it should be", key, True, alg)
        for member in ("x", "y"):
            raw = keys.unb64u(key[member])
            for kind, value in [("short", raw[:-1]), ("cut-first", raw[1:]), ("long", raw + b"\0"), ("leading-zero", b"\0" + raw),
                                ("zero", bytes(size)), ("ff", b"\xff" * size), ("one-bit", raw[:-1] + bytes([raw[-1] ^ 1])),
                                ("prime", PRIME[name].to_bytes(size, "big")), ("double", raw * 2)]:
                alone(suite, f"{alg}-{member}-{kind}", f"{member}: {kind}", keys.jwk(name, **{member: keys.b64u(value)}), False, alg)
            for kind, value in WRONG if alg == "ES256" else []:
                alone(suite, f"{alg}-{member}-{kind}", f"{member} is {value!r}", {**key, member: value}, False, alg)
            for kind, text in [("padded", key[member] + "="), ("space", key[member] + " "),
                               ("standard", "+/" + key[member][2:])] if alg == "ES256" else []:
                alone(suite, f"{alg}-{member}-{kind}", f"{member}: {kind}", {**key, member: text}, False, alg)
            alone(suite, f"{alg}-{member}-missing", f"no {member}", keys.jwk(name, **{member: None}), False, alg)
            if trailing_bits(key[member]):
                alone(suite, f"{alg}-{member}-unused-bits", f"unused bits at the end of {member} are not zero",
                      {**key, member: trailing_bits(key[member])[0]}, False, alg)
        alone(suite, f"{alg}-infinity", "both coordinates zero", keys.jwk(name, x=keys.b64u(bytes(size)), y=keys.b64u(bytes(size))),
              False, alg)
        alone(suite, f"{alg}-swapped", "x and y exchanged", {**key, "x": key["y"], "y": key["x"]}, False, alg)
        negative = (PRIME[name] - int.from_bytes(keys.unb64u(key["y"]), "big")).to_bytes(size, "big")
        suite.add(f"{alg}-other-point", "-y: a point of the curve, and another key", ISSUERS[alg].token(),
                  {"jwks": keys.jwks({**key, "y": keys.b64u(negative)}), "algorithms": [alg]}, "signature_invalid")
        reduced = (int.from_bytes(keys.unb64u(key["x"]), "big") + PRIME[name])
        if reduced.bit_length() <= size * 8:
            alone(suite, f"{alg}-x-not-reduced", "x + p in place of x", {**key, "x": keys.number(reduced, size)}, False, alg)
        compressed = b"\x02" + keys.unb64u(key["x"])
        alone(suite, f"{alg}-compressed", "a compressed point in x, no y", {**keys.jwk(name, y=None), "x": keys.b64u(compressed)},
              False, alg)
    # The P-521 field is 521 bits: y may be short by nature, its text never is.
    zero_x = Issuer("ES256", "p256-zero-x")
    full = keys.jwk("p256-zero-x")
    suite.add("zero-x", "x begins with a zero octet, in full length", zero_x.token(),
              {"jwks": keys.jwks(full), "algorithms": ["ES256"]})
    suite.add("zero-x-stripped", "x without its leading zero octet (RFC 7518 section 6.2.1.2 asks for the full length)",
              zero_x.token(), {"jwks": keys.jwks({**full, "x": keys.b64u(keys.unb64u(full["x"])[1:])}), "algorithms": ["ES256"]},
              "configuration_invalid")
    return suite


def curves() -> Suite:
    suite = Suite("jwk/crv")
    names = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}
    for alg, crv in names.items():
        for other in [*names.values(), "Ed25519"]:
            if other != crv:
                alone(suite, f"{alg}-{other}", f"a key of {crv} that says {other}", keys.jwk(KEY_OF[alg], crv=other), False, alg)
    for value in ("p-256", "P256", "P-256 ", "prime256v1", "secp256r1", "NIST P-256", "P-224", "P-192", "BP-256", "1.2.840.10045.3.1.7", ""):
        alone(suite, f"name-{value.replace(' ', '_') or 'empty'}", f"crv {value!r}", keys.jwk("p256", crv=value), False)
    for kind, value in WRONG:
        alone(suite, f"crv-{kind}", f"crv is {value!r}", {**keys.jwk("p256"), "crv": value}, False)
    alone(suite, "missing", "no crv", keys.jwk("p256", crv=None), False)
    alone(suite, "p224", "a key of P-224", keys.jwk("p224"), False)
    return suite


SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def okp() -> Suite:
    suite = Suite("jwk/okp")
    for alg, name in [("EdDSA", "ed25519"), ("Ed25519", "ed25519"), ("Ed448", "ed448")]:
        alone(suite, f"{alg}-plain", "as it should be", keys.jwk(name), True, alg)
        raw = keys.unb64u(keys.jwk(name)["x"])
        for kind, value in [("short", raw[:-1]), ("long", raw + b"\0"), ("leading-zero", b"\0" + raw), ("one", raw[:1]),
                            ("double", raw + raw), ("hex", raw.hex().encode())]:
            alone(suite, f"{alg}-x-{kind}", f"x: {kind}", keys.jwk(name, x=keys.b64u(value)), False, alg)
        alone(suite, f"{alg}-x-missing", "no x", keys.jwk(name, x=None), False, alg)
        for kind, wrong in WRONG:
            alone(suite, f"{alg}-x-{kind}", f"x is {wrong!r}", {**keys.jwk(name), "x": wrong}, False, alg)
            alone(suite, f"{alg}-crv-{kind}", f"crv is {wrong!r}", {**keys.jwk(name), "crv": wrong}, False, alg)
        alone(suite, f"{alg}-y", "an OKP key has no y: ignored like any unknown member", keys.jwk(name, y="AAAA"), True, alg)
        for crv in ("Ed25519", "Ed448", "X25519", "X448", "ed25519", "Ed25519ph", "P-256"):
            if crv != keys.jwk(name)["crv"]:
                alone(suite, f"{alg}-crv-{crv}", f"the key says {crv}", keys.jwk(name, crv=crv), False, alg)
    for name in ("x25519", "x448"):
        alone(suite, name, f"{name} agrees on keys, it does not sign", keys.jwk(name), False, "EdDSA")
    for number, point in enumerate(SMALL_ORDER):
        for sign_bit in (0, 0x80):
            raw = bytearray.fromhex(point)
            raw[31] |= sign_bit
            alone(suite, f"small-order-{number}-{sign_bit >> 7}", "a point of small order, with which one signature fits many messages",
                  {"kty": "OKP", "crv": "Ed25519", "x": keys.b64u(bytes(raw))}, False, "EdDSA")
    # The neutral element as key: R = neutral, s = 0 verifies every message.
    neutral = bytes.fromhex(SMALL_ORDER[1])
    forged = signed({"alg": "EdDSA"}, claims(), "EdDSA", "", lambda _: neutral + bytes(32))
    suite.add("small-order-forged", "the signature that the neutral element verifies on every message", forged,
              {"jwks": keys.jwks({"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": keys.b64u(neutral)}), "algorithms": ["EdDSA"]},
              "configuration_invalid")
    suite.add("small-order-forged-normal", "the same against a key as it should be", forged, ED.config, "signature_invalid")
    return suite


SUITES = [coordinates, curves, okp]
