"""Bound tokens of a real provider, real TLS with client certificates, and proofs that others have made."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.server
import json
import secrets
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")
pytest.importorskip("joserfc")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from fastbearer import DPoP, FastBearerError, InvalidProofError, KeyPair, Request, Verifier
from helpers import AUDIENCE, ISSUER, source_of
from tests.providers import Provider, install_oidc_provider, oidc_provider

URL = "https://api.example/mcp"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    problem = install_oidc_provider()
    if problem is not None:
        pytest.skip(f"npm oidc-provider: {problem}")
    with oidc_provider("ES256") as started:
        yield started


@pytest.fixture
def verifier(provider: Provider) -> Iterator[Verifier]:
    options: dict[str, Any] = {"algorithms": "ES256", "audience": AUDIENCE, "token_type": "at+jwt"}
    with Verifier(issuer=provider.issuer, dpop=DPoP(), **options) as made:
        yield made


def code_of(verifier: Verifier, request: Request) -> str:
    try:
        verifier.verify_request(request)
    except FastBearerError as error:
        return error.code
    return "ok"


# ---- clients


def own(algorithm: str) -> Callable[..., str]:
    """Our own key pair."""
    return KeyPair.generate(algorithm).dpop_proof


def joserfc(algorithm: str) -> Callable[..., str]:
    """The same made with joserfc, as a client would."""
    kinds: dict[str, Callable[[], Any]] = {
        "ES256": lambda: ECKey.generate_key("P-256"), "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
        "PS256": lambda: RSAKey.generate_key(2048),
    }  # fmt: skip
    key = kinds[algorithm]()

    def prove(method: str, url: str, access_token: str | None = None) -> str:
        header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.as_dict(private=False)}
        claims: dict[str, Any] = {"jti": secrets.token_urlsafe(), "htm": method, "htu": url, "iat": int(time.time())}
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return str(jwt.encode(header, claims, key, algorithms=[algorithm]))

    return prove


CLIENTS = [(own, "ES256"), (own, "EdDSA"), (joserfc, "ES256"), (joserfc, "Ed25519")]


@pytest.mark.parametrize(("client", "algorithm"), CLIENTS)
def test_a_provider_s_dpop_bound_token(
    provider: Provider, verifier: Verifier, client: Callable[[str], Callable[..., str]], algorithm: str
) -> None:
    prove = client(algorithm)
    token = provider.token(AUDIENCE, headers={"DPoP": prove("POST", provider.token_endpoint)})

    def asked(proof: str, scheme: str = "DPoP") -> Request:
        return Request("POST", URL, {"Authorization": f"{scheme} {token}", "DPoP": proof})

    good = asked(prove("POST", URL, token))
    access = verifier.verify_request(good)
    assert access.issuer == provider.issuer and access.confirmation is not None and set(access.confirmation) == {"jkt"}
    assert code_of(verifier, good) == "proof_replayed"
    assert code_of(verifier, asked(prove("GET", URL, token))) == "proof_mismatch"
    assert code_of(verifier, asked(client(algorithm)("POST", URL, token))) == "proof_mismatch"
    assert code_of(verifier, asked(prove("POST", URL))) == "proof_invalid"
    assert code_of(verifier, asked(prove("POST", URL, token), "Bearer")) == "proof_missing"
    with pytest.raises(InvalidProofError):
        verifier.verify(token)


def test_proofs_of_others_with_rsa(pairs: dict[str, KeyPair]) -> None:
    """The provider takes no PS256."""
    prove = joserfc("PS256")
    proof = prove("POST", URL)
    jwk = json.loads(base64.urlsafe_b64decode(proof.split(".")[0] + "=="))["jwk"]
    canonical = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":")).encode()
    jkt = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    token = pairs["ES256"].create_token(issuer=ISSUER, audience=AUDIENCE, additional_claims={"cnf": {"jkt": jkt}})
    verifier = Verifier(**source_of(pairs["ES256"]), issuer=ISSUER, audience=AUDIENCE, dpop=DPoP())
    request = Request("POST", URL, {"Authorization": f"DPoP {token}", "DPoP": prove("POST", URL, token)})
    assert code_of(verifier, request) == "ok"


# ---- client certificates


class Identity:
    """A key with a certificate that it has signed itself, as files too."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        host = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(host, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(private + self.pem.encode())


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    folder = tmp_path_factory.mktemp("certificates")
    return {name: Identity(folder, name) for name in ("server", "client", "thief")}


def test_a_provider_s_certificate_bound_token(
    provider: Provider, verifier: Verifier, identities: dict[str, Identity]
) -> None:
    client, thief = identities["client"], identities["thief"]
    escaped = {"client-certificate": urllib.parse.quote(client.pem)}
    token = provider.token(AUDIENCE, headers=escaped, client_id="certified")
    headers = {"Authorization": f"Bearer {token}"}
    for certificate in (client.pem, client.pem.encode(), client.der, bytearray(client.der), memoryview(client.der)):
        access = verifier.verify_request(Request("GET", None, headers, certificate))
        assert access.confirmation is not None and set(access.confirmation) == {"x5t#S256"}
    assert code_of(verifier, Request("GET", None, headers, thief.der)) == "proof_mismatch"
    assert code_of(verifier, Request("GET", None, headers, b"garbage")) == "proof_invalid"
    assert code_of(verifier, Request("GET", None, headers)) == "proof_missing"


class Protected(http.server.BaseHTTPRequestHandler):
    """Answers with the client of the token, or with the reason why there is none."""

    verifier: Verifier

    def do_GET(self) -> None:
        connection: Any = self.connection
        host = self.headers["Host"]
        request = Request("GET", f"https://{host}{self.path}", self.headers, connection.getpeercert(binary_form=True))
        try:
            status, text = 200, self.verifier.verify_request(request).client_id
        except FastBearerError as error:
            status, text = error.http_status, error.code
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def origin(identities: dict[str, Identity], pairs: dict[str, KeyPair]) -> Iterator[str]:
    """A server that asks clients for a certificate, which these two have and need not show."""
    options: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "dpop": DPoP()}
    with Verifier(**source_of(pairs["ES256"]), **options) as verifier:
        handler = type("Handler", (Protected,), {"verifier": verifier})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identities["server"].file)
        context.verify_mode = ssl.CERT_OPTIONAL
        for name in ("client", "thief"):
            context.load_verify_locations(identities[name].file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()


def get(url: str, identities: dict[str, Identity], shown: str | None, headers: dict[str, str]) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(identities["server"].file))
    if shown is not None:
        context.load_cert_chain(identities[shown].file)
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), context=context, timeout=10
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_over_real_tls(origin: str, identities: dict[str, Identity], pairs: dict[str, KeyPair]) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(identities["client"].der).digest()).rstrip(b"=").decode()
    url = f"{origin}/mcp"

    def mint(**confirmation: str) -> str:
        claims = {"client_id": "worker", "cnf": {"x5t#S256": digest, **confirmation}}
        return pairs["ES256"].create_token(issuer=ISSUER, audience=AUDIENCE, additional_claims=claims)

    token = mint()
    bearer = {"Authorization": f"Bearer {token}"}
    assert get(url, identities, "client", bearer) == (200, "worker")
    assert get(url, identities, "thief", bearer) == (401, "proof_mismatch")
    assert get(url, identities, None, bearer) == (401, "proof_missing")
    client = KeyPair.generate("ES256")
    both = mint(jkt=client.thumbprint())

    def dpop() -> dict[str, str]:
        return {"Authorization": f"DPoP {both}", "DPoP": client.dpop_proof("GET", url, both)}

    assert get(url, identities, "client", dpop()) == (200, "worker")
    assert get(url, identities, "thief", dpop()) == (401, "proof_mismatch")
    assert get(url, identities, "client", {"Authorization": f"Bearer {both}"}) == (401, "proof_missing")
