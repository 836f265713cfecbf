"""PEM: one public key, in any of its armours (RFC 7468, RFC 5280, RFC 8017 appendix A.1.1)."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization

from . import keys
from .alg import ISSUERS, KEY_OF
from .base import ED, ES, RS, Issuer, Suite

CONFIG = "configuration_invalid"
# SEQUENCE { OID 1.2.840.113549.1.1.10 } and the one of rsaEncryption with its NULL.
PSS_ALGORITHM = bytes.fromhex("300b06092a864886f70d01010a")
RSA_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def pss_spki(name: str) -> bytes:
    return tlv(0x30, PSS_ALGORITHM + tlv(0x03, b"\0" + keys.pkcs1(name)))


def armours() -> Suite:
    suite = Suite("pem/armour")
    pem, token = keys.pem("rsa2048"), RS.token()
    lines = pem.strip().split("\n")

    def add(name: str, description: str, text: str, usable: bool = True, token: str = token, alg: str = "RS256") -> None:
        suite.add(name, description, token, {"public_key": text, "algorithms": [alg]}, None if usable else CONFIG)

    add("spki", "SubjectPublicKeyInfo", pem)
    add("pkcs1", "PKCS#1", keys.armour(keys.pkcs1("rsa2048"), "RSA PUBLIC KEY"))
    add("certificate", "an X.509 certificate, long expired: only its key is used", keys.text("rsa2048-certificate"))
    add("certificate-ec", "an X.509 certificate with an EC key", keys.text("p256-certificate"), token=ES.token(), alg="ES256")
    for alg in ("PS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"):
        add(f"spki-{alg}", f"SubjectPublicKeyInfo for {alg}", keys.pem(KEY_OF[alg]), token=ISSUERS[alg].token(), alg=alg)
    add("crlf", "CRLF", pem.replace("\n", "\r\n"))
    add("no-final-newline", "no newline at the end", pem.rstrip("\n"))
    add("crlf-no-final", "CRLF, none at the end", pem.strip().replace("\n", "\r\n"))
    add("text-before", "text before", "Bag Attributes\n    friendlyName: test\nsubject=CN = x\n" + pem)
    add("text-behind", "text behind", pem + "\nsome text\n")
    add("space-before", "white space before", " \n\t\n" + pem)
    add("space-behind", "white space behind", pem + "\n \t\n\n")
    add("line-76", "lines of 76", rewrap(pem, 76))
    add("one-line", "the body in one line", rewrap(pem, 10000))
    for name, text in [("empty", ""), ("space", " \n"), ("text", "not a key"), ("path", "/etc/ssl/certs/x.pem"),
                       ("file-url", "file:///etc/ssl/certs/x.pem"), ("base64", "".join(lines[1:-1])),
                       ("base64-der-begin", "MIIBIjANBgkqhkiG9w0BAQ"), ("jwk", str(keys.jwk("rsa2048")).replace("'", '"')),
                       ("jwks", '{"keys":[]}'), ("begin-only", lines[0]), ("no-end", "\n".join(lines[:-1])),
                       ("no-begin", "\n".join(lines[1:])), ("empty-body", lines[0] + "\n" + lines[-1] + "\n"),
                       ("end-other-label", pem.replace("END PUBLIC", "END RSA PUBLIC")),
                       ("four-dashes", pem.replace("-----", "----")), ("lower-case", pem.replace("BEGIN", "begin").replace("END", "end")),
                       ("bad-base64", pem.replace(lines[2], "!" + lines[2][1:])), ("cut", pem.replace(lines[3] + "\n", "")),
                       ("cut-character", pem.replace(lines[-2], lines[-2][:-1])),
                       ("nul", pem.replace(lines[2], lines[2][:5] + "\0" + lines[2][6:])),
                       ("ssh", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 test"),
                       ("headers", pem.replace(lines[0], lines[0] + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n"))]:
        add(f"refused-{name}", f"no PEM: {name}", text, False)
    for name, text in [("same", pem + pem), ("other", pem + keys.pem("rsa2048-other")), ("no-newline", pem.strip() + pem),
                       ("with-certificate", pem + keys.text("rsa2048-certificate")),
                       ("chain", keys.text("rsa2048-certificate") + keys.text("p256-certificate")),
                       ("with-private", pem + keys.text("rsa2048")), ("private-first", keys.text("rsa2048") + pem),
                       ("with-params", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem)]:
        add(f"two-{name}", f"two blocks: {name}", text, False)
    return suite


def rewrap(pem: str, width: int) -> str:
    lines = pem.strip().split("\n")
    body = "".join(lines[1:-1])
    return "\n".join([lines[0], *(body[i : i + width] for i in range(0, len(body), width)), lines[-1]]) + "\n"


def contents() -> Suite:
    suite = Suite("pem/content")

    def refuse(name: str, description: str, text: str, alg: str = "RS256") -> None:
        suite.add(name, description, ISSUERS[alg].token(), {"public_key": text, "algorithms": [alg]}, CONFIG)

    formats = serialization.PrivateFormat
    refuse("private-pkcs8", "a private key (PKCS#8) where a public one belongs", keys.text("rsa2048"))
    refuse("private-pkcs1", "a private key (PKCS#1)", keys.private_pem("rsa2048", formats.TraditionalOpenSSL))
    refuse("private-encrypted", "an encrypted private key", keys.text("rsa2048-encrypted"))
    refuse("private-ec", "a private key (SEC1)", keys.private_pem("p256", formats.TraditionalOpenSSL), "ES256")
    refuse("private-openssh", "a private key of OpenSSH", keys.text("ed25519-openssh"), "EdDSA")
    refuse("private-ed25519", "a private key of Ed25519", keys.text("ed25519"), "EdDSA")
    refuse("private-relabelled", "a private key under the label of a public one",
           keys.armour(keys.unarmour(keys.text("rsa2048"))))
    refuse("request", "a certificate request", keys.text("rsa2048-request"))
    refuse("request-relabelled", "a certificate request that says CERTIFICATE",
           keys.armour(keys.unarmour(keys.text("rsa2048-request")), "CERTIFICATE"))
    refuse("spki-as-pkcs1", "SubjectPublicKeyInfo under the label of PKCS#1", keys.armour(keys.spki("rsa2048"), "RSA PUBLIC KEY"))
    refuse("pkcs1-as-spki", "PKCS#1 under the label of SubjectPublicKeyInfo", keys.armour(keys.pkcs1("rsa2048")))
    refuse("spki-as-certificate", "SubjectPublicKeyInfo that says CERTIFICATE", keys.armour(keys.spki("rsa2048"), "CERTIFICATE"))
    refuse("certificate-as-spki", "a certificate that says PUBLIC KEY",
           keys.armour(keys.unarmour(keys.text("rsa2048-certificate"))))
    for label in ("EC PUBLIC KEY", "DSA PUBLIC KEY", "X509 CRL", "PKCS7", "CMS", "public key", "PUBLIC KEY ", "ANY", ""):
        refuse(f"label-{label.replace(' ', '_') or 'empty'}", f"the label {label!r}", keys.armour(keys.spki("p256"), label), "ES256")
    for kind, der, label in [("spki", keys.spki("rsa2048"), "PUBLIC KEY"), ("pkcs1", keys.pkcs1("rsa2048"), "RSA PUBLIC KEY"),
                             ("certificate", keys.unarmour(keys.text("rsa2048-certificate")), "CERTIFICATE")]:
        refuse(f"{kind}-trailing-nul", "a byte behind the DER", keys.armour(der + b"\0", label))
        refuse(f"{kind}-trailing-copy", "the DER twice", keys.armour(der + der, label))
        refuse(f"{kind}-cut", "the DER without its last byte", keys.armour(der[:-1], label))
        refuse(f"{kind}-indefinite", "BER of indefinite length", keys.armour(b"\x30\x80" + der[4:] + b"\0\0", label))
        refuse(f"{kind}-long-length", "BER with a length longer than needed",
               keys.armour(b"\x30\x83\x00" + der[2:4] + der[4:], label))
        refuse(f"{kind}-garbage", "no DER", keys.armour(b"\0" * 64, label))
    for name, alg in [("rsa1024", "RS256"), ("rsa2047", "RS256"), ("p224", "ES256"), ("brainpool256", "ES256"), ("x25519", "EdDSA"),
                      ("x448", "EdDSA"), ("dsa2048", "RS256")]:
        refuse(f"kind-{name}", f"a key that no algorithm uses: {name}", keys.pem(name), alg)
    n = keys.public("rsa8192").public_numbers().n
    big = tlv(0x30, tlv(0x02, b"\0" + ((n << 64) | 1).to_bytes(1032, "big")) + tlv(0x02, b"\x01\x00\x01"))
    refuse("kind-rsa8256", "a modulus of 8256 bits", keys.armour(big, "RSA PUBLIC KEY"))
    modulus = tlv(0x02, b"\0" + keys.public("rsa2048").public_numbers().n.to_bytes(256, "big"))
    for e in (0, 1, 3, 17, 65536, 65535):
        body = e.to_bytes(max(1, (e.bit_length() + 7) // 8), "big")
        body = b"\0" + body if body[0] & 0x80 else body
        refuse(f"e-{e}", f"e = {e}", keys.armour(tlv(0x30, modulus + tlv(0x02, body)), "RSA PUBLIC KEY"))
    refuse("explicit-curve", "explicit parameters of P-256: the class of CVE-2020-0601", keys.text("p256-explicit-public"), "ES256")
    spki = bytearray(keys.spki("p256"))
    spki[-1] ^= 1
    refuse("off-curve", "a point that is not on the curve", keys.armour(bytes(spki)), "ES256")
    refuse("infinity", "the point at infinity", keys.armour(tlv(0x30, keys.spki("p256")[2:23] + tlv(0x03, b"\0\0"))), "ES256")
    neutral = keys.spki("ed25519")[:-32] + b"\x01" + bytes(31)
    refuse("small-order", "an Ed25519 key of small order", keys.armour(neutral), "EdDSA")
    for name, issuer in [("rsa2048", RS), ("p256", ES), ("ed25519", ED)]:
        suite.add(f"good-{name}", "as it should be", issuer.token(), issuer.config)
        refuse(f"base64-tail-{name}", "an armour with a second padded quantum",
               keys.pem(name).replace("\n-----END", "\n" + base64.b64encode(b"x").decode() + "\n-----END"),
               issuer.alg)
    return suite


def uses() -> Suite:
    """Which algorithms a PEM verifies."""
    suite = Suite("pem/use")
    pss = keys.armour(pss_spki("rsa2048"))
    every = ["RS256", "RS384", "PS256", "PS384", "PS512", "ES256", "ES384", "ES256K", "EdDSA"]
    for alg in ("PS256", "PS384", "PS512"):
        suite.add(f"pss-{alg}", f"an id-RSASSA-PSS key verifies {alg}", ISSUERS[alg].token(), {"public_key": pss, "algorithms": every})
    for alg in ("RS256", "RS384"):
        suite.add(f"pss-{alg}", f"an id-RSASSA-PSS key does not verify {alg}", ISSUERS[alg].token(),
                  {"public_key": pss, "algorithms": every}, MISFIT)
    for name, alg in [("rsa2048", "ES256"), ("p256", "RS256"), ("p256", "ES384"), ("p256", "ES256K"), ("p384", "ES256"),
                      ("ed25519", "ES256"), ("secp256k1", "ES256"), ("p256", "EdDSA"), ("ed25519", "RS256")]:
        suite.add(f"{name}-{alg}", f"the PEM is {name}, the token says {alg}", ISSUERS[alg].token(),
                  {"public_key": keys.pem(name), "algorithms": every}, MISFIT)
        suite.add(f"{name}-{alg}-kid", "the same with a kid", ISSUERS[alg].token(kid="x"),
                  {"public_key": keys.pem(name), "algorithms": every}, MISFIT)
    for name, alg in [("rsa2048", "RS256"), ("rsa2048", "PS384"), ("p256", "ES256"), ("ed25519", "EdDSA")]:
        suite.add(f"{name}-fits-{alg}", "one key, several algorithms", Issuer(alg, name).token(),
                  {"public_key": keys.pem(name), "algorithms": every})
    return suite


# There is a key, it needs no kid to be chosen, and it is of no use for this alg.
MISFIT = "key_unsuitable"

SUITES = [armours, contents, uses]
