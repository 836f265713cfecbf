"""RSA signatures: PKCS#1 v1.5 by construction, PSS with its parameters (RFC 8017 section 8, RFC 7518 sections 3.3 and 3.5)."""

from __future__ import annotations

from collections.abc import Callable

from . import keys
from .base import RS, Issuer, Suite, claims
from .sign import DIGEST_INFO, pkcs1_encoded, pss, rsa_bytes, rsa_raw, sign

BAD = "signature_invalid"
KEY = "rsa2048"


def numeric(suite: Suite, issuer: Issuer, prefix: str) -> None:
    """Signatures that are other spellings of a good number, or numbers out of range."""
    n = keys.public(KEY).public_numbers().n

    def good(message: bytes) -> bytes:
        return sign(issuer.alg, KEY, message)

    for name, description, change in [
        ("short", "a byte cut from the end", lambda s: s[:-1]),
        ("short-first", "a byte cut from the beginning", lambda s: s[1:]),
        ("long", "a byte more at the end", lambda s: s + b"\0"),
        ("leading-zero", "a zero byte more at the beginning", lambda s: b"\0" + s),
        ("one-byte", "one byte", lambda s: s[:1]),
        ("three-bytes", "three bytes", lambda s: s[:3]),
        ("zero", "zero", lambda s: bytes(256)),
        ("one", "one", lambda s: bytes(255) + b"\1"),
        ("ff", "all bits set", lambda s: b"\xff" * 256),
        ("n", "the modulus itself", lambda s: n.to_bytes(256, "big")),
        ("n-minus-1", "the modulus less one", lambda s: (n - 1).to_bytes(256, "big")),
        ("n-minus-s", "n - s", lambda s: (n - int.from_bytes(s, "big")).to_bytes(256, "big")),
        ("reversed", "bytes in reverse", lambda s: s[::-1]),
        ("twice", "the signature twice", lambda s: s + s),
        ("1023", "1023 bytes", lambda s: (s * 4)[:1023]),
        ("8192", "8192 bytes", lambda s: s * 32),
        ("first-bit", "the first bit changed", lambda s: bytes([s[0] ^ 0x80]) + s[1:]),
        ("last-bit", "the last bit changed", lambda s: s[:-1] + bytes([s[-1] ^ 1])),
    ]:
        suite.add(f"{prefix}{name}", description, issuer.token(signer=lambda m, c=change: c(good(m))), issuer.config, BAD)
    for i in range(1000):
        token = issuer.token(claims(jti=str(i)))
        s = int.from_bytes(keys.unb64u(token.rsplit(".", 1)[1]), "big")
        if s + n < 1 << 2048:
            suite.add(f"{prefix}s-plus-n-neighbour", "a signature that is small enough to add n", token, issuer.config)
            suite.add(f"{prefix}s-plus-n", "s + n: as long as it should be, and not below n (RFC 8017 section 5.2.2)",
                      f"{token.rsplit('.', 1)[0]}.{keys.b64u((s + n).to_bytes(256, 'big'))}", issuer.config, BAD)
            break
    for i in range(5000):
        token = issuer.token(claims(jti=f"z{i}"))
        signature = keys.unb64u(token.rsplit(".", 1)[1])
        if signature[0] == 0:
            suite.add(f"{prefix}zero-first-neighbour", "a signature that begins with a zero byte", token, issuer.config)
            suite.add(f"{prefix}zero-first-cut", "the same without it", f"{token.rsplit('.', 1)[0]}.{keys.b64u(signature[1:])}",
                      issuer.config, BAD)
            break
    suite.add(f"{prefix}other-key", "a signature of another key", Issuer(issuer.alg, "rsa2048-other").token(), issuer.config, BAD)
    suite.add(f"{prefix}other-size", "a signature of a longer key", Issuer(issuer.alg, "rsa3072").token(), issuer.config, BAD)
    suite.add(f"{prefix}not-over-header", "the payload alone was signed",
              issuer.token(signer=lambda m: good(m.split(b".")[1])), issuer.config, BAD)
    suite.add(f"{prefix}decoded", "the decoded text was signed",
              issuer.token(signer=lambda m: good(b".".join(keys.unb64u(p.decode()) for p in m.split(b".")))), issuer.config, BAD)


def pkcs1() -> Suite:
    suite = Suite("rsa/pkcs1")
    suite.add("good", "as it should be", RS.token(), RS.config, claims=claims())
    suite.add("good-by-construction", "the same made from its encoded message",
              RS.token(signer=lambda m: rsa_bytes(KEY, pkcs1_encoded(m, 256))), RS.config)
    info = DIGEST_INFO["256"]
    no_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"
    long_form = b"\x30\x81\x31" + info[2:]
    inner_long = bytes.fromhex("3032300e06096086480165030402010581000420")
    wrong: list[tuple[str, str, Callable[[bytes], bytes]]] = [
        ("no-null", "DigestInfo without its NULL", lambda m: pkcs1_encoded(m, 256, info=no_null)),
        ("ber-length", "a length in long form", lambda m: pkcs1_encoded(m, 256, info=long_form)),
        ("ber-null", "a NULL with a length in long form", lambda m: pkcs1_encoded(m, 256, info=inner_long)),
        ("no-digest-info", "the digest without DigestInfo", lambda m: pkcs1_encoded(m, 256, info=b"")),
        ("sha1", "SHA-1 under a header that says RS256", lambda m: pkcs1_encoded(m, 256, "1")),
        ("sha384", "SHA-384 under a header that says RS256", lambda m: pkcs1_encoded(m, 256, "384")),
        ("sha512", "SHA-512 under a header that says RS256", lambda m: pkcs1_encoded(m, 256, "512")),
        ("sha512-named-256", "the DigestInfo of SHA-256 with a digest of SHA-512",
         lambda m: pkcs1_encoded(m, 256, "512", info=info)),
        ("trailer", "a byte behind the digest", lambda m: pkcs1_encoded(m, 256, trailer=b"\0")),
        ("type-0", "block type 0", lambda m: pkcs1_encoded(m, 256, start=b"\0\0")),
        ("type-2", "block type 2", lambda m: pkcs1_encoded(m, 256, start=b"\0\2")),
        ("first-byte", "the first byte is one", lambda m: b"\1" + pkcs1_encoded(m, 256)[1:]),
        ("fill-00", "padding of zeros", lambda m: pkcs1_encoded(m, 256, fill=b"\0")),
        ("fill-fe", "padding of FE", lambda m: pkcs1_encoded(m, 256, fill=b"\xfe")),
        ("short-fill", "eight bytes of padding, garbage behind the digest: Bleichenbacher 2006",
         lambda m: short_fill(pkcs1_encoded(m, 72))),
        ("garbage-middle", "garbage between padding and digest", lambda m: garbage_middle(pkcs1_encoded(m, 256))),
        ("no-separator", "FF for the zero before DigestInfo",
         lambda m: pkcs1_encoded(m, 256).replace(b"\xff\x00\x30", b"\xff\xff\x30")),
        ("digest-bit", "one bit of the digest changed", lambda m: flip_last(pkcs1_encoded(m, 256))),
        ("digest-zero", "a digest of zeros", lambda m: pkcs1_encoded(m, 256)[:-32] + bytes(32)),
        ("other-message", "a signature over another message", lambda m: pkcs1_encoded(m + b"x", 256)),
    ]
    for name, description, encode in wrong:
        suite.add(f"encoded-{name}", description, RS.token(signer=lambda m, e=encode: rsa_bytes(KEY, e(m))), RS.config, BAD)
    suite.add("pss", "a PSS signature under a header that says RS256", RS.token(signer=lambda m: pss(KEY, m, "256")), RS.config, BAD)
    suite.add("unpadded", "the digest itself raised to d",
              RS.token(signer=lambda m: rsa_raw(KEY, int.from_bytes(pkcs1_encoded(m, 256)[-32:], "big")).to_bytes(256, "big")),
              RS.config, BAD)
    for other in ("RS384", "RS512"):
        issuer = Issuer(other, KEY)
        suite.add(f"good-{other}", "as it should be", issuer.token(), issuer.config)
        suite.add(f"sha256-as-{other}", f"SHA-256 under a header that says {other}",
                  issuer.token(signer=lambda m: sign("RS256", KEY, m)), issuer.config, BAD)
    for size in ("rsa2056", "rsa3072", "rsa4096", "rsa8192"):
        issuer = Issuer("RS256", size)
        suite.add(f"good-{size}", "another modulus", issuer.token(), issuer.config)
        suite.add(f"bad-{size}", "another modulus, one bit changed", issuer.token(signer=lambda m, k=size: flip_last(sign("RS256", k, m))),
                  issuer.config, BAD)
    numeric(suite, RS, "number-")
    return suite


def short_fill(encoded: bytes) -> bytes:
    return encoded + bytes(256 - len(encoded))


def garbage_middle(encoded: bytes) -> bytes:
    return encoded[:100] + bytes(range(1, 33)) + encoded[132:]


def flip_last(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def probabilistic() -> Suite:
    suite = Suite("rsa/pss")
    for bits, own in [("256", 32), ("384", 48), ("512", 64)]:
        issuer = Issuer(f"PS{bits}", KEY)
        suite.add(f"PS{bits}", "salt and MGF1 as they should be", issuer.token(), issuer.config, claims=claims())
        for salt in (0, 1, 16, 20, 32, 48, 64, own - 1, own + 1, -1):
            if salt == own:
                continue
            suite.add(f"PS{bits}-salt-{'max' if salt < 0 else salt}", "RFC 7518 section 3.5: the salt is as long as the hash",
                      issuer.token(signer=lambda m, b=bits, s=salt: pss(KEY, m, b, s)), issuer.config, BAD)
        for mgf in ("1", "256", "384", "512"):
            if mgf != bits:
                suite.add(f"PS{bits}-mgf-{mgf}", "RFC 7518 section 3.5: MGF1 uses the same hash",
                          issuer.token(signer=lambda m, b=bits, g=mgf: pss(KEY, m, b, None, g)), issuer.config, BAD)
        for other in ("1", "256", "384", "512"):
            if other != bits:
                suite.add(f"PS{bits}-hash-{other}", f"another hash, salt of {own}",
                          issuer.token(signer=lambda m, o=other, s=own: pss(KEY, m, o, s)), issuer.config, BAD)
        suite.add(f"PS{bits}-trailer", "the trailer is not BC", issuer.token(signer=lambda m, b=bits: pss(KEY, m, b, trailer=0xCC)),
                  issuer.config, BAD)
        suite.add(f"PS{bits}-pkcs1", "PKCS#1 v1.5 under a header that says PSS",
                  issuer.token(signer=lambda m, b=bits: sign(f"RS{b}", KEY, m)), issuer.config, BAD)
    for size in ("rsa2056", "rsa3072", "rsa4096"):
        issuer = Issuer("PS256", size)
        suite.add(f"PS256-{size}", "another modulus", issuer.token(), issuer.config)
    numeric(suite, Issuer("PS256", KEY), "number-")
    return suite


SUITES = [pkcs1, probabilistic]
