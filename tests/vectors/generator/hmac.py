"""HMAC: full tags, secrets that are secrets (RFC 7518 section 3.2, RFC 8725 section 3.5)."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization

from . import keys
from .base import HS, Issuer, Suite, claims, dump
from .sign import sign

BAD, CONFIG = "signature_invalid", "configuration_invalid"
SECRET = {"HS256": keys.SECRET32, "HS384": keys.SECRET48, "HS512": keys.SECRET64}


def tags() -> Suite:
    suite = Suite("hmac/tag")
    for alg, secret in SECRET.items():
        issuer = Issuer(alg, secret)
        size = int(alg[2:]) // 8
        suite.add(f"{alg}-good", "as it should be", issuer.token(), issuer.config, claims=claims())
        for name, description, change in [
            *((f"cut-{n}", f"cut to {n} bytes", lambda t, n=n: t[:n]) for n in sorted({1, 8, 10, 16, size // 2, size - 1})),
            ("long", "a byte more", lambda t: t + b"\0"), ("leading", "a byte more at the beginning", lambda t: b"\0" + t),
            ("zero", "zeros", lambda t: bytes(len(t))), ("first-bit", "the first bit", lambda t: bytes([t[0] ^ 0x80]) + t[1:]),
            ("last-bit", "the last bit", lambda t: t[:-1] + bytes([t[-1] ^ 1])),
            ("hex", "hexadecimal text of the tag", lambda t: t.hex().encode()), ("twice", "twice", lambda t: t + t),
        ]:
            suite.add(f"{alg}-{name}", description, issuer.token(signer=lambda m, c=change, i=issuer: c(sign(i.alg, i.key, m))),
                      issuer.config, BAD)
        for other in SECRET:
            if other != alg:
                suite.add(f"{alg}-by-{other}", f"a tag of {other} under a header that says {alg}",
                          issuer.token(signer=lambda m, o=other, s=secret: sign(o, s, m)), issuer.config, BAD)
        for name, wrong in [("other", "x" * 64), ("empty", ""), ("cut", secret[:-1]), ("more", secret + "x"), ("newline", secret + "\n"),
                            ("upper", secret.upper()), ("base64", keys.b64u(secret.encode())), ("prefix-nul", secret + "\0")]:
            if wrong.endswith("\0"):
                continue  # HMAC pads short keys with zeros, so this one is the same key
            suite.add(f"{alg}-secret-{name}", f"tagged with another secret: {name}", Issuer(alg, wrong).token(), issuer.config, BAD)
    return suite


def secrets() -> Suite:
    suite = Suite("hmac/secret")
    for alg, size in [("HS256", 32), ("HS384", 48), ("HS512", 64)]:
        for length, usable in [(0, False), (1, False), (16, False), (size - 1, False), (size, True), (size + 1, True), (128, True),
                               (129, True), (1000, True)]:
            issuer = Issuer(alg, ("0123456789abcdef" * 63)[:length])
            suite.add(f"{alg}-{length}", f"{length} bytes", issuer.token(), issuer.config, None if usable else CONFIG)
    suite.add("two-short-for-one", "long enough for HS256, too short for HS512, both allowed", HS.token(),
              HS.with_config(algorithms=["HS256", "HS512"]), CONFIG)
    utf8 = "gehe\u00efm-\u00e9\u00e8\u00ea-\U0001f511-0123456789abcdef"
    assert len(utf8.encode()) >= 32
    suite.add("utf8", "a secret of UTF-8: bytes count", Issuer("HS256", utf8).token(), Issuer("HS256", utf8).config)
    nul = "\0" * 8 + "secret with NULs in it \0 " + "\0" * 8
    suite.add("nul", "NULs in a secret are bytes like others", Issuer("HS256", nul).token(), Issuer("HS256", nul).config)
    spaces = "  a secret that has spaces around it  "
    suite.add("spaces", "spaces around a secret belong to it", Issuer("HS256", spaces).token(), Issuer("HS256", spaces).config)
    brace = "{ this one begins with a brace, but it is no key }"
    suite.add("brace", "a brace makes no JWK", Issuer("HS256", brace).token(), Issuer("HS256", brace).config)
    pem = keys.pem("rsa2048")
    ssh = keys.public("ed25519").public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    ssh_rsa = keys.public("rsa2048").public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    ssh_ec = keys.public("p256").public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    jwk = str(keys.jwk("p256")).replace("'", '"')
    for name, text in [
        ("pem", pem), ("pem-stripped", pem.strip()), ("pkcs1", keys.armour(keys.pkcs1("rsa2048"), "RSA PUBLIC KEY")),
        ("certificate", keys.text("rsa2048-certificate")), ("private", keys.text("rsa2048")), ("encrypted", keys.text("rsa2048-encrypted")),
        ("pem-space", " " + pem), ("pem-newline", "\n" + pem), ("pem-tab", "\t" + pem), ("pem-control", "\x01" + pem),
        ("pem-zero-width", "\u200b" + pem), ("pem-bom", "\ufeff" + pem), ("pem-comment", "# key of production\n" + pem),
        ("pem-http", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + pem), ("pem-crlf", pem.replace("\n", "\r\n")),
        ("pem-json", '{"key":"' + pem.replace("\n", "\\n") + '"}'), ("pem-one-line", pem.replace("\n", " ")),
        ("pem-lower-label", "-----BEGIN public key-----" + pem[26:]), ("ssh-ed25519", ssh), ("ssh-rsa", ssh_rsa), ("ssh-ecdsa", ssh_ec),
        ("ssh-space", "  " + ssh_rsa), ("jwk", jwk), ("jwk-space", " \n" + jwk), ("jwks", '{"keys":[' + jwk + "]}"),
        ("jwk-array", "[" + jwk + "]"), ("jwk-rsa", str(keys.jwk("rsa2048")).replace("'", '"')),
        ("jwk-oct", '{"kty":"oct","k":"' + "A" * 43 + '"}'), ("jwk-bom", "\ufeff" + jwk),
    ]:
        suite.add(f"public-{name}", f"what everybody knows is no secret: {name}", Issuer("HS256", text).token(),
                  Issuer("HS256", text).config, CONFIG)
    return suite


def wrapped() -> Suite:
    """Public keys as they come out of consoles, environments and editors: what they are decides, not how they begin."""
    suite = Suite("hmac/wrapped")
    der, pem, jwk = keys.spki("rsa2048"), keys.pem("rsa2048"), dump(keys.jwk("rsa2048"))
    base64 = standard(der)
    lines = "\n".join(base64[i:i + 64] for i in range(0, len(base64), 64))
    ed25519 = keys.public("ed25519").public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    blob = ed25519.split()[1]
    security_key = ssh_blob(b"sk-ssh-ed25519@openssh.com", bytes(range(32)), b"ssh:")
    certificate = ssh_blob(b"ssh-rsa-cert-v01@openssh.com", bytes(range(32)), b"\1\0\1")
    realm = dump({"realm": "x", "public_key": base64, "account-service": "https://kc"})
    chain = dump([standard(keys.unarmour(keys.text("rsa2048-certificate")))])
    for name, text in [
        ("base64", base64), ("base64-lines", lines), ("base64-crlf", lines.replace("\n", "\r\n") + "\r\n"),
        ("base64-spaces", f"  {base64}\t\n"), ("base64url", keys.b64u(der)), ("base64-unpadded", base64.rstrip("=")),
        ("base64-quoted", f'"{base64}"'), ("base64-variable", f"PUBLIC_KEY={base64}"), ("base64-realm", realm),
        ("base64-comment", f"the key of production:\n{lines}\n"), ("base64-escaped", lines.replace("\n", "\\n")),
        ("base64-ec", standard(keys.spki("p256"))), ("base64-ed25519", standard(keys.spki("ed25519"))),
        ("base64-pkcs1", standard(keys.pkcs1("rsa2048"))), ("base64-x5c", chain),
        ("base64-pem", standard(pem.encode())), ("base64-jwk", keys.b64u(jwk.encode())),
        ("base64-base64", standard(base64.encode())),
        ("hex", der.hex()), ("hex-upper", der.hex().upper()), ("hex-colons", der.hex(":")),
        ("pem-utf16", pem.encode("utf-16-le").decode()), ("pem-utf16-be", pem.encode("utf-16-be").decode()),
        ("pem-quoted", repr(pem)), ("pem-percent", quote(pem)),
        ("ssh-tab", ed25519.replace(" ", "\t")), ("ssh-blob", blob), ("ssh-options", f'restrict,from="10.0.0.1" {ed25519}'),
        ("ssh-known-hosts", f"example.com,192.0.2.1 {ed25519}"),
        ("ssh-security-key", f"sk-ssh-ed25519@openssh.com {standard(security_key)} u@h"),
        ("ssh-certificate", f"ssh-rsa-cert-v01@openssh.com {standard(certificate)} u@h"),
        ("jwk-escaped", jwk.replace('"kty"', '"\\u006bty"')),
        ("jwk-escaped-whole", jwk.replace('"kty"', '"\\u006B\\u0074\\u0079"')),
        ("jwk-repr", repr(keys.jwk("rsa2048"))), ("jwk-in-json", dump({"key": jwk})),
        ("jwk-in-json-twice", dump(dump({"key": jwk}))),
        ("jwk-percent", quote(jwk)), ("jwk-utf16", jwk.encode("utf-16-le").decode()),
        ("private-base64", standard(private("rsa2048"))), ("private-base64-ec", standard(private("p256"))),
    ]:
        suite.add(name, f"public all the same: {name}", Issuer("HS256", text).token(), Issuer("HS256", text).config, CONFIG)
    random = bytes.fromhex("30820122300d06092a864886f70d010101050003a2b1c0ffee5eed1234567890")
    for name, text in [
        ("secret-base64", standard(random)), ("secret-base64url", keys.b64u(random)), ("secret-hex", random.hex()),
        ("secret-cut", base64[:64]), ("secret-word", f"M{'I' * 40}"), ("secret-a", "A" * 44),
        ("secret-percent", "100%25 \\u0041 " * 4),
        ("secret-kty", "my-kty-and-your-kty-are-no-members-of-anything"), ("secret-zeros", "0" * 64),
    ]:
        suite.add(name, f"resembles a key and is none: {name}", Issuer("HS256", text).token(), Issuer("HS256", text).config)
    return suite


def standard(data: bytes) -> str:
    return b64encode(data).decode()


def private(name: str) -> bytes:
    return keys.unarmour(keys.private_pem(name, serialization.PrivateFormat.PKCS8))


def ssh_blob(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


SUITES = [tags, secrets, wrapped]
