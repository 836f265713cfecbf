"""Proofs of possession over HTTP: DPoP and client certificates, by the middleware and by the FastAPI dependency."""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import pytest
import requests
from fastapi import Depends, FastAPI
from requests_oauth2client import DPoPKey, DPoPToken
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from support import AUDIENCE, ISSUER, SCOPES, run, serving
from support import request as send

import fastbearer
from fastbearer import AccessToken, DPoP, KeyPair
from fastbearer.asgi import (
    BearerAuthMiddleware,
    ClientCertificateHeader,
    ResourceMetadata,
    bearer,
    get_access_token,
)

CLIENT = KeyPair.generate("ES256")
SECRET = "a secret of the fleet, 32 bytes and more"
METADATA = {"resource": AUDIENCE, "authorization_servers": [ISSUER]}
PUBLIC = "https://mcp.example.com"
CLIENT_CERT = ClientCertificateHeader("Client-Cert", "rfc9440")


async def who(request):
    return JSONResponse({"client_id": get_access_token().client_id})


def verifier_for(keys, dpop=None, **options):
    return fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, dpop=dpop, **options)


def guarded(keys, dpop=None, **options):
    app = Starlette(routes=[Route("/who", who, methods=["GET", "POST"]), Route("/w%68o/{rest:path}", who)])
    return BearerAuthMiddleware(app, verifier=verifier_for(keys, dpop), **options)


def fast(keys, dpop=None, **options):
    app = FastAPI()
    check = bearer(verifier_for(keys, dpop), **options)

    @app.api_route("/who", methods=["GET", "POST"])
    async def who(token: Annotated[AccessToken, Depends(check)]) -> dict:
        return {"client_id": token.client_id}

    return app


@pytest.fixture(params=[guarded, fast], ids=["middleware", "fastapi"])
def make(request):
    return request.param


@pytest.fixture
def bound(mint):
    return mint(additional_claims={"cnf": {"jkt": CLIENT.thumbprint()}})


def headers(token, proof=None):
    return [("Authorization", f"DPoP {token}"), *([] if proof is None else [("DPoP", proof)])]


def ask(origin, token, method="GET", path="/who", nonce=None, proof=None, url=None):
    proof = proof or CLIENT.dpop_proof(method, url or origin + path, token, nonce)
    return send(origin + path, method=method, headers=headers(token, proof))


# ---- DPoP


def test_a_proof_passes_once(make, keys, bound):
    with serving(make(keys, DPoP())) as origin:
        proof = CLIENT.dpop_proof("GET", f"{origin}/who", bound)
        answer = ask(origin, bound, proof=proof)
        assert answer.status == 200 and json.loads(answer.body) == {"client_id": "alice"}
        assert "dpop-nonce" not in answer.headers
        again = ask(origin, bound, proof=proof)
        assert again.status == 401 and 'error="invalid_dpop_proof"' in again.headers["www-authenticate"]
        assert ask(origin, bound, method="POST").status == 200
        assert ask(origin, bound, path="/who?a=b&c=d").status == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"url": "http://other.example/who"}, 401), ({"path": "/who", "url": "{}/other"}, 401),
        ({"proof": "garbage"}, 401), ({"method": "GET", "proof": CLIENT.dpop_proof("POST", "http://x/who")}, 401),
    ],
)  # fmt: skip
def test_other_proofs_do_not(make, keys, bound, change, status):
    with serving(make(keys, DPoP())) as origin:
        change = {name: value.replace("{}", origin) for name, value in change.items()}
        answer = ask(origin, bound, **change)
        assert answer.status == status
        assert bound not in str(answer) and bound.split(".")[1] not in str(answer)


@pytest.mark.parametrize("alg", ["ES256", "PS256"])
def test_the_proofs_of_another_library(make, keys, mint, alg):
    """requests_oauth2client makes them, and puts the nonce that the first response brings into the second proof."""
    key, other = DPoPKey.generate(alg=alg), DPoPKey.generate(alg=alg)
    token = DPoPToken(mint(additional_claims={"cnf": {"jkt": key.dpop_jkt}}), _dpop_key=key)
    with serving(make(keys, DPoP(required=True, nonce_secret=SECRET))) as origin:
        answer = requests.get(f"{origin}/who?a=b", auth=token, timeout=20)
        assert answer.json() == {"client_id": "alice"} and answer.headers["dpop-nonce"]
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.access_token.encode()).digest()).rstrip(b"=").decode()
        for one, status in ((key, 200), (other, 401)):
            proof = str(one.proof("GET", f"{origin}/who", ath=ath, nonce=answer.headers["dpop-nonce"]))
            assert send(f"{origin}/who", headers=headers(token.access_token, proof)).status == status


def test_challenges_of_both_schemes(make, keys, mint, bound):
    with serving(make(keys, DPoP(algorithms=["ES256", "EdDSA"]))) as origin:
        missing = send(f"{origin}/who").headers["www-authenticate"]
        assert missing == 'Bearer, DPoP algs="ES256 EdDSA"'
        expired = send(f"{origin}/who", mint(expires_in_seconds=-5)).headers["www-authenticate"]
        assert expired.startswith('Bearer error="invalid_token"')
        assert ', DPoP algs="ES256 EdDSA", error="invalid_token"' in expired
        as_bearer = send(f"{origin}/who", bound)
        assert as_bearer.status == 401
        assert 'Bearer error="invalid_token"' in as_bearer.headers["www-authenticate"]
        assert 'DPoP algs="ES256 EdDSA", error="invalid_dpop_proof"' in as_bearer.headers["www-authenticate"]
        assert send(f"{origin}/who", mint()).status == 200
        assert send(f"{origin}/who", headers=headers(mint())).status == 401
        two = [("Authorization", f"DPoP {bound}"), ("Authorization", f"Bearer {bound}")]
        malformed = send(f"{origin}/who", headers=two)
        assert malformed.status == 400 and 'error="invalid_request"' in malformed.headers["www-authenticate"]


def test_only_dpop_where_it_is_required(make, keys, mint, bound):
    with serving(make(keys, DPoP(required=True))) as origin:
        answer = send(f"{origin}/who", mint())
        assert answer.status == 401 and answer.headers["www-authenticate"].startswith('DPoP algs="')
        assert "Bearer" not in answer.headers["www-authenticate"]
        assert ask(origin, bound).status == 200


def test_no_dpop_without_the_option(make, keys, bound):
    with serving(make(keys)) as origin:
        assert ask(origin, bound).headers["www-authenticate"] == "Bearer"
        answer = send(f"{origin}/who", bound)
        assert answer.status == 401 and "DPoP" not in answer.headers["www-authenticate"]
        assert 'Bearer error="invalid_token"' in answer.headers["www-authenticate"]


def test_nonces_go_with_every_answer(make, keys, mint, bound):
    with serving(make(keys, DPoP(nonce_secret=SECRET))) as origin:
        first = ask(origin, bound)
        assert first.status == 401
        assert 'DPoP algs="RS256' in first.headers["www-authenticate"]
        assert 'error="use_dpop_nonce"' in first.headers["www-authenticate"]
        assert "use_dpop_nonce" not in first.headers["www-authenticate"].partition("DPoP ")[0]
        good = ask(origin, bound, nonce=first.headers["dpop-nonce"])
        assert good.status == 200 and good.headers["dpop-nonce"]
        for token in (None, "garbage", mint()):
            assert send(f"{origin}/who", token).headers["dpop-nonce"]


def test_behind_a_proxy(make, keys, bound):
    """The client sees another scheme and host than the server, which believes no header about it."""
    with serving(make(keys, DPoP(), base_url=PUBLIC)) as origin:
        assert ask(origin, bound, url=f"{PUBLIC}/who").status == 200
        assert ask(origin, bound).status == 401
    with serving(make(keys, DPoP(), base_url=f"{PUBLIC}/api/")) as origin:
        assert ask(origin, bound, url=f"{PUBLIC}/api/who").status == 200
    with serving(make(keys, DPoP())) as origin:
        proof = CLIENT.dpop_proof("GET", f"{PUBLIC}/who", bound)
        forwarded = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "mcp.example.com")]
        assert send(f"{origin}/who", headers=[*headers(bound, proof), *forwarded]).status == 401


def test_metadata_tells_the_public_url_and_what_is_taken(keys, bound):
    app = guarded(keys, DPoP(algorithms="ES256", required=True), resource_metadata=METADATA)
    with serving(app) as origin:
        assert ask(origin, bound, url=f"{PUBLIC}/who").status == 200
        assert ask(origin, bound).status == 401
        document = json.loads(send(f"{origin}/.well-known/oauth-protected-resource/mcp").body)
    assert document["dpop_signing_alg_values_supported"] == ["ES256"]
    assert document["dpop_bound_access_tokens_required"] is True
    assert "tls_client_certificate_bound_access_tokens" not in document
    own = ResourceMetadata(**METADATA, dpop_signing_alg_values_supported=["EdDSA"])
    app = guarded(keys, DPoP(), resource_metadata=own, client_certificate_header=CLIENT_CERT)
    with serving(app) as origin:
        document = json.loads(send(f"{origin}/.well-known/oauth-protected-resource/mcp").body)
    assert document["dpop_signing_alg_values_supported"] == ["EdDSA"]
    assert document["dpop_bound_access_tokens_required"] is False
    assert document["tls_client_certificate_bound_access_tokens"] is True
    assert "dpop_bound_access_tokens_required" not in own.document


@pytest.mark.parametrize("url", ["api.example", "ftp://x", "https://", "https://u@x", "https://x/?a", "https://x/é"])
def test_a_wrong_base_url(keys, url):
    with pytest.raises(ValueError, match="base_url"):
        guarded(keys, base_url=url)
    with pytest.raises(ValueError, match="client_certificate_header"):
        guarded(keys, client_certificate_header="client-cert")


def scope_of(path="/who", host=b"mcp.example.com", **more):
    return {
        "type": "http", "method": "GET", "scheme": "https", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", host)], "server": ("10.0.0.1", 8000), **more,
    }  # fmt: skip


def answer_of(app, scope):
    sent = []

    async def receive():
        return {"type": "http.request"}

    async def collect(message):
        sent.append(message)

    run(app(scope, receive, collect))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("scope", "url"),
    [
        (scope_of(), "https://mcp.example.com/who"),
        (scope_of(raw_path=b"/w%68o"), "https://mcp.example.com/who"),
        (scope_of(raw_path=None), "https://mcp.example.com/who"),
        (scope_of(host=b"MCP.example.com:443"), "https://mcp.example.com/who"),
        (scope_of(host=b"evil.example/who?"), "https://10.0.0.1:8000/who"),
        (scope_of(host=b"evil.example#"), "https://10.0.0.1:8000/who"),
        (scope_of(host=b"u@mcp.example.com"), "https://10.0.0.1:8000/who"),
        (scope_of(server=("::1", 8000), host=b""), "https://[::1]:8000/who"),
    ],
)
def test_the_url_of_a_scope(keys, bound, scope, url):
    proof = CLIENT.dpop_proof("GET", url, bound)
    extra = [(name.lower().encode(), value.encode()) for name, value in headers(bound, proof)]
    scope = {**scope, "headers": [*scope["headers"], *extra]}
    assert answer_of(guarded(keys, DPoP()), scope) == 200


def test_a_target_does_not_go_on_with_the_host(keys, bound):
    proof = CLIENT.dpop_proof("GET", "https://mcp.example.com.evil.example/who", bound)
    extra = [(name.lower().encode(), value.encode()) for name, value in headers(bound, proof)]
    scope = scope_of(raw_path=b".evil.example/who")
    assert answer_of(guarded(keys, DPoP()), {**scope, "headers": [*scope["headers"], *extra]}) == 401


def test_a_proof_of_a_websocket(keys, bound):
    seen = []

    async def app(scope, receive, reply):
        await reply({"type": "websocket.accept"})

    async def collect(message):
        seen.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    proof = CLIENT.dpop_proof("GET", "https://mcp.example.com/ws", bound)
    extra = [(name.lower().encode(), value.encode()) for name, value in headers(bound, proof)]
    scope = scope_of("/ws", type="websocket", scheme="wss", headers=[(b"host", b"mcp.example.com"), *extra])
    del scope["method"]
    run(BearerAuthMiddleware(app, verifier=verifier_for(keys, DPoP()))(scope, receive, collect))
    assert [message["type"] for message in seen] == ["websocket.accept"]
    verifier = verifier_for(keys, DPoP(nonce_secret=SECRET))
    run(BearerAuthMiddleware(app, verifier=verifier)(scope, receive, collect))
    assert seen[1]["type"] == "websocket.close"


def test_a_store_that_fails_is_503(make, keys, bound):
    class Broken:
        async def add(self, key, expires_at):
            raise OSError("down")

    with serving(make(keys, DPoP(replay_store=Broken()))) as origin:
        answer = ask(origin, bound)
        assert answer.status == 503 and answer.headers["retry-after"] == "1"


# ---- client certificates


@pytest.fixture(scope="module")
def certificate():
    cases = json.loads((Path(__file__).parents[3] / "vectors/requests/binding.json").read_text())
    found = (case.get("request", {}).get("client_certificate") for case in cases)
    pem = next(text for text in found if text is not None and text.startswith("-----BEGIN CERTIFICATE-----"))
    return pem, ssl.PEM_cert_to_DER_cert(pem)


@pytest.fixture
def certified(mint, certificate):
    digest = base64.urlsafe_b64encode(hashlib.sha256(certificate[1]).digest()).rstrip(b"=").decode()
    return mint(additional_claims={"cnf": {"x5t#S256": digest}})


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("rfc9440", lambda pem, der: f":{base64.b64encode(der).decode()}:"),
        ("nginx", lambda pem, der: quote(pem, safe="")),
        ("xfcc", lambda pem, der: f'By=spiffe://a;Hash=0a1b;Cert="{quote(pem, safe="")}";URI=spiffe://b'),
    ],
)
def test_a_certificate_in_a_header(make, keys, mint, certified, certificate, form, written):
    """What else the formats allow and forbid: tests/python/test_client_certificate.py."""
    value = written(*certificate)
    with serving(make(keys, client_certificate_header={"name": "X-Client-Cert", "format": form})) as origin:
        assert send(f"{origin}/who", certified, headers=[("x-client-cert", value)]).status == 200
        assert send(f"{origin}/who", certified).status == 401
        assert send(f"{origin}/who", certified, headers=[("x-client-cert", "")]).status == 401
        assert send(f"{origin}/who", certified, headers=[("x-client-cert", value)] * 2).status == 401
        assert send(f"{origin}/who", certified, headers=[("x-client-cert", "garbage")]).status == 401
        assert send(f"{origin}/who", mint(), headers=[("x-client-cert", "garbage")]).status == 200
    with serving(make(keys)) as origin:
        assert send(f"{origin}/who", certified, headers=[("x-client-cert", value)]).status == 401


def made_by_openssl(folder, name):
    """Key and certificate in one file."""
    both, alone = folder / f"{name}.pem", folder / f"{name}.crt"
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command = ["openssl", "req", *kind, *names, "-keyout", both, "-out", alone]
    subprocess.run(command, check=True, capture_output=True)
    both.write_text(both.read_text() + alone.read_text())
    return both


@contextlib.contextmanager
def proxy(origin, server, clients):
    """Ends TLS, asks for a certificate, and hands it over as RFC 9440 wants: nothing that a client sends as that header
    passes."""

    class Forward(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            passed = [(name, value) for name, value in self.headers.items() if name.lower() == "authorization"]
            certificate = self.connection.getpeercert(binary_form=True)
            if certificate is not None:
                passed.append(("Client-Cert", f":{base64.b64encode(certificate).decode()}:"))
            self.send_response(send(origin + self.path, headers=passed).status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    context.verify_mode = ssl.CERT_OPTIONAL
    for client in clients:
        context.load_verify_locations(client)
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield listening.server_address[1]
    finally:
        listening.shutdown()
        listening.server_close()


def test_certificates_over_tls(make, keys, mint, tmp_path):
    server, own, other = (made_by_openssl(tmp_path, name) for name in ("server", "own", "other"))

    def ask_over_tls(port, token, client=None, **more):
        context = ssl.create_default_context(cafile=server)
        if client is not None:
            context.load_cert_chain(client)
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        connection.request("GET", "/who", headers={"Authorization": f"Bearer {token}", **more})
        status = connection.getresponse().status
        connection.close()
        return status

    pem = own.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") :])
    digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    token = mint(additional_claims={"cnf": {"x5t#S256": digest}})
    app = make(keys, client_certificate_header=CLIENT_CERT)
    with serving(app) as origin, proxy(origin, server, [own, other]) as port:
        assert ask_over_tls(port, token, own) == 200
        assert ask_over_tls(port, token, other) == 401
        assert ask_over_tls(port, token) == 401
        claimed = {"Client-Cert": f":{base64.b64encode(der).decode()}:"}
        assert ask_over_tls(port, token, **claimed) == 401
        assert ask_over_tls(port, token, other, **claimed) == 401
        assert ask_over_tls(port, mint()) == 200


def test_the_tls_extension(keys, certified, certificate):
    app = guarded(keys)
    authorization = [(b"authorization", b"Bearer " + certified.encode())]
    for tls, status in (
        ({"client_cert_chain": [certificate[0]]}, 200),
        ({"client_cert_chain": (certificate[0], "another")}, 200),
        ({"client_cert_chain": [certificate[0]], "client_cert_error": "not verified"}, 401),
        ({"client_cert_chain": []}, 401),
        ({}, 401),
    ):
        scope = scope_of(headers=authorization, extensions={"tls": tls})
        assert answer_of(app, scope) == status
    header_only = guarded(keys, client_certificate_header=CLIENT_CERT)
    scope = scope_of(headers=authorization, extensions={"tls": {"client_cert_chain": [certificate[0]]}})
    assert answer_of(header_only, scope) == 401


def test_scopes_of_bound_tokens(keys, mint):
    token = mint(scopes=["read"], additional_claims={"cnf": {"jkt": CLIENT.thumbprint()}})
    with serving(guarded(keys, DPoP(), required_scopes=SCOPES)) as origin:
        answer = ask(origin, token)
    assert answer.status == 403
    challenge = answer.headers["www-authenticate"]
    assert 'DPoP algs="' in challenge and challenge.count('error="insufficient_scope"') == 2
