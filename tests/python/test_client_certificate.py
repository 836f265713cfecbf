"""The client's certificate in a header that a proxy sets. Node runs the same cases: tests/certificate_headers.json."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fastbearer import FastBearerError, KeyPair, Request, Verifier
from fastbearer._client_certificate import as_certificate_header
from fastbearer.asgi import ClientCertificateHeader
from fastbearer.errors import ConfigurationError

TESTS = Path(__file__).resolve().parents[1]
FORMATS = json.loads((TESTS / "certificate_headers.json").read_text())
PAIR = KeyPair.generate("ES256")


def cases() -> Iterator[tuple[str, str, str]]:
    for form, reasons in FORMATS.items():
        if form != "about":
            yield from ((form, reason, value) for reason, values in reasons.items() for value in values)


def certificates() -> list[str]:
    """Two different ones, as PEM."""
    found = (
        case.get("request", {}).get("client_certificate") or ""
        for case in json.loads((TESTS / "vectors/requests/binding.json").read_text())
    )
    return list(dict.fromkeys(text for text in found if text.count("-----BEGIN CERTIFICATE-----") == 1))


def spelled(pem: str, prefix: str = "") -> dict[str, str]:
    coded = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()
    parts = {"pem": quote(pem, safe=""), "raw": quote(pem, safe="/+="), "base64": coded, "unpadded": coded.rstrip("=")}
    return {f"{prefix}{name}": text for name, text in parts.items()}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    own, other = (text for text in certificates()[:2])
    return {**spelled(own), **spelled(other, "other_"), "own": own}


def outcome(header: ClientCertificateHeader, values: list[str], own: str) -> str:
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(own)).digest()
    thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    token = PAIR.create_token(additional_claims={"cnf": {"x5t#S256": thumbprint}})
    certificate = header._certificate_in([(b"CLIENT-cert", value.encode()) for value in values])
    verifier = Verifier(public_key=PAIR.public_key, algorithms="ES256")
    try:
        verifier.verify_request(Request("GET", None, {"Authorization": f"Bearer {token}"}, certificate))
    except FastBearerError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize(("form", "reason", "value"), list(cases()))
def test_a_certificate_in_a_header(texts: dict[str, str], form: Any, reason: str, value: str) -> None:
    for name, text in texts.items():
        value = value.replace(f"{{{name}}}", text)
    header = ClientCertificateHeader("Client-Cert", form)
    assert outcome(header, [value], texts["own"]) == reason
    if reason == "accepted":
        assert outcome(header, [value, value], texts["own"]) == "proof_invalid"
        assert outcome(header, [], texts["own"]) == "proof_missing"


def test_every_format_has_cases() -> None:
    assert {form for form, _, _ in cases()} == {"rfc9440", "xfcc", "nginx"}


def test_a_mapping_says_the_same() -> None:
    given = {"name": "Client-Cert", "format": "nginx"}
    assert as_certificate_header(given) == ClientCertificateHeader("Client-Cert", "nginx")
    assert as_certificate_header(None) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Client-Cert", "must be a ClientCertificateHeader"),
        ({}, r"client_certificate_header\.name"),
        ({"name": "a b", "format": "xfcc"}, r"client_certificate_header\.name must be the name of one header"),
        ({"name": "a", "format": "pem"}, r"client_certificate_header\.format must be one of rfc9440, xfcc, nginx"),
        ({"name": "a"}, r"client_certificate_header\.format"),
        ({"name": "a", "formt": "xfcc"}, "client_certificate_header has no member 'formt'"),
    ],
)
def test_wrong_ones_are_refused_by_name(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        as_certificate_header(given)
