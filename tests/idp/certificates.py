"""A certificate authority for one provider, and the wrong certificates that it takes to test who checks them."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KINDS = ("good", "expired", "not_yet_valid", "wrong_host", "unknown_ca", "self_signed", "changed")

_DAY = datetime.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _signs_certificates() -> x509.KeyUsage:
    others = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
              "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(key_cert_sign=True, **dict.fromkeys(others, False))


class _Authority:
    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        now = datetime.datetime.now(datetime.timezone.utc)
        self.certificate = (
            self._builder(self.name, self.key, now - _DAY, now + 30 * _DAY)
            .issuer_name(self.name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @staticmethod
    def _builder(
        subject: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime.datetime, end: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def issue(self, kind: str) -> tuple[bytes, bytes]:
        """Certificate and key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = now - _DAY, now + 7 * _DAY
        if kind == "expired":
            start, end = now - 9 * _DAY, now - _DAY
        elif kind == "not_yet_valid":
            start = now + _DAY
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
        if kind == "wrong_host":
            names = [x509.DNSName("elsewhere.example")]
        own = kind == "self_signed"
        certificate = (
            self._builder(_name("identity provider"), key, start, end)
            .issuer_name(_name("identity provider") if own else self.name)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            # RFC 5280 section 4.2.1.1; Python 3.13 insists on it.
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key((key if own else self.key).public_key()),
                critical=False,
            )
            .sign(key if own else self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)


class Certificates:
    """Writes the authority's certificate to ``ca_file`` and gives a server context for each kind."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._authority = _Authority("test authority")
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self._authority.certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, kind: str, tls_version: str = "") -> ssl.SSLContext:
        if (kind, tls_version) not in self._contexts:
            self._contexts[kind, tls_version] = self._make(kind, tls_version)
        return self._contexts[kind, tls_version]

    def _make(self, kind: str, tls_version: str) -> ssl.SSLContext:
        if kind not in KINDS:
            raise ValueError(f"no such certificate: {kind}")
        authority = _Authority("another authority") if kind == "unknown_ca" else self._authority
        certificate, key = authority.issue(kind)
        path = self._folder / f"{kind}.pem"
        path.write_bytes(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if tls_version == "1.1":
            # Level 0 lets the old hash functions through, or the server would refuse before the client could.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        elif tls_version:
            raise ValueError(f"no such TLS version: {tls_version}")
        context.load_cert_chain(path)
        return context
