"""Makes the test keys of tests/vectors/keys, once: those that are already there are left alone.

    python -m tests.vectors.generator.make_keys

They are published and good for tests only. Everything else in the generator is deterministic and starts from them.
"""

from __future__ import annotations

import datetime
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519
from cryptography.x509.oid import NameOID

from .keys import FOLDER

MAKERS = {
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa2047": lambda: rsa.generate_private_key(65537, 2047),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa2048-other": lambda: rsa.generate_private_key(65537, 2048),
    "rsa2056": lambda: rsa.generate_private_key(65537, 2056),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
    "rsa8192": lambda: rsa.generate_private_key(65537, 8192),
    "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p256-other": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "brainpool256": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed25519-other": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "dsa2048": lambda: dsa.generate_private_key(2048),
}


def p256_with_zero_x() -> ec.EllipticCurvePrivateKey:
    """A key whose x begins with a zero octet: the one that shortened coordinates get wrong."""
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        if key.public_key().public_numbers().x >> 248 == 0:
            return key


def write(name: str, data: bytes) -> None:
    path = FOLDER / f"{name}.pem"
    if not path.exists():
        path.write_bytes(data)
        print("made", path.name)


def certificate(name: str, key_name: str) -> None:
    if (FOLDER / f"{name}.pem").exists():
        return
    key = serialization.load_pem_private_key((FOLDER / f"{key_name}.pem").read_bytes(), None)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fastbearer test")])
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(4711).not_valid_before(datetime.datetime(2020, 1, 1))
    built = built.not_valid_after(datetime.datetime(2021, 1, 1)).sign(key, hashes.SHA256())
    write(name, built.public_bytes(serialization.Encoding.PEM))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    for name, make in {**MAKERS, "p256-zero-x": p256_with_zero_x}.items():
        if not (FOLDER / f"{name}.pem").exists():
            write(name, make().private_bytes(pem, pkcs8, serialization.NoEncryption()))
    certificate("rsa2048-certificate", "rsa2048")
    certificate("p256-certificate", "p256")
    key = serialization.load_pem_private_key((FOLDER / "rsa2048.pem").read_bytes(), None)
    write("rsa2048-encrypted", key.private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"test")))
    openssh = serialization.load_pem_private_key((FOLDER / "ed25519.pem").read_bytes(), None)
    write("ed25519-openssh", openssh.private_bytes(pem, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()))
    if not (FOLDER / "p256-explicit-public.pem").exists():
        command = ["openssl", "ec", "-in", str(FOLDER / "p256.pem"), "-pubout", "-param_enc", "explicit"]
        write("p256-explicit-public", subprocess.run(command, check=True, capture_output=True).stdout)
    if not (FOLDER / "rsa2048-request.pem").exists():
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fastbearer test")])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        write("rsa2048-request", request.public_bytes(pem))


if __name__ == "__main__":
    main()
