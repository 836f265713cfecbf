"""Flask, Django and the Django REST framework under gunicorn, with sync and with threaded workers."""

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import request

import fastbearer
from fastbearer.testing import JWKSServer

AUDIENCE = "https://api.example.com"
WORKERS = {"sync": ["-k", "sync"], "gthread": ["-k", "gthread", "--threads", "4"]}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def gunicorn(app, worker, provider, **more):
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", "--workers", "2", "--log-level",
        "critical", "--graceful-timeout", "1", *WORKERS[worker],
    ]  # fmt: skip
    environment = {**os.environ, "JWKS_URI": provider.jwks_uri, "ISSUER": provider.issuer, **more}
    process = subprocess.Popen(command, cwd=Path(__file__).parent, env=environment, start_new_session=True)
    origin = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < end, "the server did not start"
            with contextlib.suppress(OSError):
                request(f"{origin}/health")
                break
            time.sleep(0.1)
        yield origin
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def provider(keys):
    with JWKSServer(keys) as server:
        yield server


@pytest.fixture(scope="module")
def mint(provider):
    def minted(*scopes, **changes):
        return provider.mint(**{"audience": AUDIENCE, "scopes": ["api", *scopes], "subject": "alice", **changes})

    return minted


@pytest.fixture(scope="module", params=["flask-sync", "flask-gthread", "django-sync", "django-gthread"])
def origin(request, provider):
    framework, worker = request.param.split("-")
    with gunicorn(f"apps.wsgi_{framework}:app", worker, provider) as url:
        yield url


@pytest.fixture(scope="module", params=["sync", "gthread"])
def rest(request, provider):
    """Django without the middleware: its views authenticate."""
    with gunicorn("apps.wsgi_django:unguarded", request.param, provider) as url:
        yield url


def asked(answer):
    found = re.findall(r'\bscope="([^"]*)"', answer.headers["www-authenticate"])
    assert len(found) == 1
    return found[0].split()


def seen(answer):
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_a_good_token(origin, mint):
    assert seen(request(f"{origin}/who", mint("x"))) == {"subject": "alice", "scopes": ["api", "x"], "same": True}


@pytest.mark.parametrize("name", ["none", "garbage", "expired", "audience", "signature", "scope", "twice"])
def test_answers(origin, mint, other_keys, name):
    made = {
        "none": None,
        "garbage": "not-a-token",
        "expired": mint(expires_in_seconds=-60),
        "audience": mint(audience="https://other.example.com"),
        "signature": other_keys.create_token(audience=AUDIENCE, scopes=["api"]),
        "scope": mint(scopes=["other"]),
        "twice": mint(),
    }
    more = [("Authorization", f"Bearer {mint()}")] if name == "twice" else []
    answer = request(f"{origin}/who", made[name], headers=more)
    assert answer.status == {"scope": 403, "twice": 400}.get(name, 401)
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer ") and "resource_metadata=" in challenge
    assert ('error="' in challenge) == (name != "none")


def test_paths_that_need_no_token(origin):
    assert seen(request(f"{origin}/health")) == {"token": False}
    document = seen(request(f"{origin}/.well-known/oauth-protected-resource"))
    assert document["resource"] == AUDIENCE


def test_a_view_that_needs_more_scopes(origin, mint):
    check_reports(f"{origin}/reports", mint)


@pytest.mark.parametrize("path", ["/reports/class", "/reports/decorated"])
def test_methods_of_a_class_that_need_more_scopes(provider, mint, path):
    with gunicorn("apps.wsgi_django:app", "sync", provider) as origin:
        check_reports(f"{origin}{path}", mint)


def check_reports(url, mint):
    wants = ["api", "reports:write", "reports:read"]
    assert seen(request(url, mint("reports:write", "reports:read"), "POST")) == {"written": True}
    for granted in ([], ["reports:read"]):
        answer = request(url, mint(*granted), "POST")
        assert answer.status == 403 and asked(answer) == wants
        assert json.loads(answer.body)["error"] == "insufficient_scope"
    assert request(url, None, "POST").status == 401


def test_a_response_that_is_made_while_it_is_sent(origin, mint):
    def read(subject):
        return request(f"{origin}/stream", mint(subject=subject)).body.decode()

    subjects = [f"user-{number}" for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for subject, text in zip(subjects, pool.map(read, subjects), strict=True):
            assert text == "".join(f"{number};{subject}\n" for number in range(3))
    assert seen(request(f"{origin}/health")) == {"token": False}, "no thread keeps a token"


def test_keys_that_change(origin, provider, mint):
    before = mint()
    assert request(f"{origin}/who", before).status == 200
    provider.rotate(keep=True)
    assert request(f"{origin}/who", mint()).status == 200
    assert request(f"{origin}/who", before).status == 200


# ---- JSON-RPC


def rpc(origin, token, method, name=None, headers=()):
    params = {} if name is None else {"params": {"name": name}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, **params}).encode()
    fields = dict([("Content-Type", "application/json"), *headers])
    return request(f"{origin}/mcp", token, "POST", list(fields.items()), body), len(body)


@pytest.fixture(scope="module", params=["sync", "gthread"])
def flask(request, provider):
    with gunicorn("apps.wsgi_flask:app", request.param, provider) as url:
        yield url


def test_json_rpc(flask, mint):
    answer, size = rpc(flask, None, "tools/list")
    assert seen(answer) == {"subject": None, "method": "tools/list", "size": size}
    answer, size = rpc(flask, mint("admin"), "tools/call", "delete_x")
    assert seen(answer) == {"subject": "alice", "method": "tools/call", "size": size}
    answer, _ = rpc(flask, mint(), "tools/call", "delete_x")
    assert answer.status == 403 and asked(answer) == ["api", "admin"]
    assert rpc(flask, None, "tools/call", "x")[0].status == 401
    assert rpc(flask, "x.y.z", "tools/list")[0].status == 401
    assert rpc(flask, mint(), "tools/list", headers=[("Content-Encoding", "gzip")])[0].status == 415
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    assert rpc(flask, mint(), "tools/list", headers=form)[0].status == 415


def test_json_rpc_in_chunks(flask, mint):
    import http.client
    from urllib.parse import urlsplit

    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_x"}}'
    for token, status in ((mint(), 403), (mint("admin"), 200)):
        connection = http.client.HTTPConnection(urlsplit(flask).netloc, timeout=20)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        pieces = iter([body[:10], body[10:40], body[40:]])
        connection.request("POST", "/mcp", pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == status
        if status == 200:
            assert json.loads(answer.read())["size"] == len(body)
        connection.close()


@pytest.mark.parametrize("framework", ["flask", "django"])
def test_a_token_in_another_header(framework, provider, mint):
    name = "Cf-Access-Jwt-Assertion"
    with gunicorn(f"apps.wsgi_{framework}:app", "sync", provider, TOKEN_HEADER=name) as origin:
        for beside in (None, "x.y.z"):
            assert seen(request(f"{origin}/who", beside, headers=[(name, mint())]))["subject"] == "alice"
        assert request(f"{origin}/who", mint()).status == 401
        assert request(f"{origin}/who", mint(), headers=[(name, "x.y.z")]).status == 401
        assert request(f"{origin}/who", headers=[(name, mint()), (name, mint())]).status == 400
        # WSGI would take one for the other, and the proxy, which sets one, would not have removed the other.
        other = name.replace("-", "_")
        assert request(f"{origin}/who", headers=[(other, mint())]).status == 401
        both = [(name, mint()), (other, mint(subject="mallory"))]
        assert seen(request(f"{origin}/who", headers=both))["subject"] == "alice"


# ---- the Django REST framework


def test_rest_views_behind_the_middleware(provider, mint):
    with gunicorn("apps.wsgi_django:app", "sync", provider) as origin:
        assert seen(request(f"{origin}/rest", mint())) == {"subject": "alice", "scopes": ["api"], "pk": "alice"}
        assert request(f"{origin}/rest", None).status == 401
        refused = request(f"{origin}/rest", mint(), "POST")
        assert refused.status == 403 and asked(refused) == ["api", "reports:write", "reports:read"]
        assert seen(request(f"{origin}/rest", mint("reports:write", "reports:read"), "POST")) == {"written": True}


def test_rest_views_that_authenticate(rest, mint):
    assert seen(request(f"{rest}/alone", mint())) == {"subject": "alice"}
    missing = request(f"{rest}/alone")
    assert missing.status == 401 and missing.headers["www-authenticate"] == 'Bearer realm="rest", scope="api"'
    for token, status, error in [
        ("garbage", 401, "invalid_token"),
        (mint(expires_in_seconds=-60), 401, "invalid_token"),
        (mint(scopes=["x"]), 403, "insufficient_scope"),
    ]:
        answer = request(f"{rest}/alone", token)
        assert answer.status == status and f'error="{error}"' in answer.headers["www-authenticate"]
        assert json.loads(answer.body)["error"] == error


def test_rest_views_that_need_no_token(rest, mint):
    assert seen(request(f"{rest}/alone/optional")) == {"subject": None}
    assert seen(request(f"{rest}/alone/optional", mint())) == {"subject": "alice"}
    assert request(f"{rest}/alone/optional", "garbage").status == 401, "a bad token is refused all the same"


def test_rest_views_that_need_more_scopes(rest, mint):
    wants = ["api", "reports:write", "reports:read"]
    assert seen(request(f"{rest}/alone/reports", mint(*wants[1:]), "POST")) == {"written": True}
    refused = request(f"{rest}/alone/reports", mint(), "POST")
    assert refused.status == 403 and asked(refused) == wants
    missing = request(f"{rest}/alone/reports", None, "POST")
    assert missing.status == 401 and asked(missing) == wants


def test_without_the_middleware_nothing_is_admitted(rest, mint):
    """The class without a verifier takes what the middleware has admitted, and here there is none."""
    assert request(f"{rest}/rest", mint()).status == 401


def test_wrong_options_of_the_class_fail_when_it_is_defined(keys):
    from rest_framework import VERSION  # its settings are not needed for this

    assert VERSION
    from fastbearer.wsgi import BearerAuthentication

    verifier = fastbearer.Verifier(public_key=keys.public_key, audience=AUDIENCE)
    for option, value in [("token_header", "a b"), ("required_scopes", "read"), ("challenge_scopes", "read")]:
        with pytest.raises(fastbearer.ConfigurationError, match=option):
            type("Wrong", (BearerAuthentication,), {"verifier": verifier, option: value})

    async def is_revoked(access):
        return False

    verifier = fastbearer.Verifier(public_key=keys.public_key, audience=AUDIENCE, is_revoked=is_revoked)
    with pytest.raises(fastbearer.ConfigurationError, match="is_revoked is async"):
        type("Waits", (BearerAuthentication,), {"verifier": verifier})
