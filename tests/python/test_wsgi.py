"""BearerAuthMiddleware and require_scopes on plain WSGI, without a framework."""

import io
import json
import re
import sys
import threading
from wsgiref.validate import validator

import pytest

import fastbearer
from fastbearer.wsgi import BearerAuthMiddleware, get_access_token, require_scopes

PAIR = fastbearer.KeyPair.generate("ES256")


def verifier(**options):
    return fastbearer.Verifier(public_key=PAIR.public_key, algorithms="ES256", **options)


def token(*scopes, **options):
    return PAIR.create_token(scopes=list(scopes), **options)


class Application:
    """Reads its body, remembers what it was given, and answers with a generator."""

    def __init__(self):
        self.bodies, self.tokens, self.closed = [], [], 0

    def __call__(self, environ, start_response):
        self.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or -1)))
        self.tokens.append(get_access_token())
        assert environ["fastbearer.access_token"] is get_access_token()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self.respond()

    def respond(self):
        try:
            access = get_access_token()
            yield b"-" if access is None else access.client_id.encode()
        finally:
            self.closed += get_access_token() is self.tokens[-1]


class Answer:
    def __init__(self, status, headers, body):
        self.status = int(status[:3])
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def challenge(self):
        return self.headers.get("www-authenticate", "")

    @property
    def asked(self):
        found = re.findall(r'\bscope="([^"]*)"', self.challenge)
        return found[0].split() if found else None


def ask(app, credential=None, *, verb="GET", path="/a", body=b"", **environ):
    started = []

    def start_response(status, headers, exc_info=None):
        started.append((status, headers))
        return lambda data: None

    given = {
        "REQUEST_METHOD": verb, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "api.example",
        "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "api.example", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    if body:
        given |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"}
    if credential is not None:
        given["HTTP_AUTHORIZATION"] = f"Bearer {credential}"
    response = app({**given, **environ}, start_response)
    body = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    return Answer(*started[0], body)


@pytest.fixture
def application():
    return Application()


def test_one_valid_token_is_admitted(application):
    app = validator(BearerAuthMiddleware(validator(application), verifier=verifier(), required_scopes=["read"]))
    answer = ask(app, token("read", subject="alice"))
    assert (answer.status, answer.body) == (200, b"alice")
    assert application.tokens[0].scopes == ["read"] and application.closed == 1
    assert get_access_token() is None


def test_what_is_refused(application):
    app = validator(BearerAuthMiddleware(application, verifier=verifier(), required_scopes=["read"], realm="x"))
    for credential, status, error in [
        (None, 401, None),
        ("x.y.z", 401, "invalid_token"),
        (token("read", expires_in_seconds=-5), 401, "invalid_token"),
        (token("write"), 403, "insufficient_scope"),
        (f"{token('read')},Bearer {token('read')}", 400, "invalid_request"),
        (f"{token('read')} ", 400, "invalid_request"),
    ]:
        answer = ask(app, credential)
        assert answer.status == status and answer.challenge.startswith('Bearer realm="x"')
        assert ("error=" in answer.challenge) == (error is not None)
        assert error is None or json.loads(answer.body)["error"] == error
        assert answer.headers["cache-control"] == "no-store"
    assert ask(app, token("read"), QUERY_STRING="access_token=x").status == 400
    assert ask(app, verb="HEAD").body == b""
    assert application.bodies == []


def test_excluded_paths_and_the_metadata_document(application):
    metadata = {"resource": "https://api.example/a", "authorization_servers": ["https://issuer.example"]}
    app = BearerAuthMiddleware(application, verifier=verifier(), exclude=["/health"], resource_metadata=metadata)
    assert ask(app, path="/health").body == b"-"
    assert ask(app, path="/health/x").status == 401
    found = ask(app, path="/.well-known/oauth-protected-resource/a")
    assert found.status == 200 and json.loads(found.body)["resource"] == "https://api.example/a"
    assert "resource_metadata=" in ask(app).challenge
    with pytest.raises(fastbearer.ConfigurationError, match="exclude"):
        BearerAuthMiddleware(application, verifier=verifier(), exclude="/health")


class AsyncStore:
    async def add(self, key, expires_at):
        return True


async def no_token_is_revoked(access):
    return False


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"is_revoked": no_token_is_revoked}, "is_revoked is async"),
        ({"dpop": fastbearer.DPoP(replay_store=AsyncStore())}, "dpop.replay_store is async"),
    ],
)
def test_what_a_thread_cannot_wait_for_is_refused_at_construction(options, name):
    with pytest.raises(fastbearer.ConfigurationError, match=name):
        BearerAuthMiddleware(Application(), verifier=verifier(**options))


def test_a_function_that_is_not_async_is_asked(application):
    app = BearerAuthMiddleware(application, verifier=verifier(is_revoked=lambda access: access.subject == "gone"))
    assert [ask(app, token(subject=subject)).status for subject in ("alice", "gone")] == [200, 401]


def test_json_rpc(application):
    app = BearerAuthMiddleware(
        application, verifier=verifier(), anonymous=["tools/list"], tool_scopes={"delete_*": ["admin"]},
        max_body_bytes=200,
    )  # fmt: skip
    listing = b'{"method":"tools/list"}'
    calling = b'{"method":"tools/call","params":{"name":"delete_x"}}'
    assert ask(app, verb="POST", body=listing).body == b"-"
    assert ask(app, verb="POST", body=calling).status == 401
    assert ask(app, token("read"), verb="POST", body=calling).asked == ["admin"]
    assert ask(app, token("admin", subject="bob"), verb="POST", body=calling).body == b"bob"
    assert ask(app, "x.y.z", verb="POST", body=listing).status == 401
    assert application.bodies == [listing, calling]
    assert ask(app, verb="POST", body=b" " * 201).status == 413
    assert ask(app, verb="POST", body=listing, HTTP_CONTENT_ENCODING="gzip").status == 415
    assert ask(app, verb="POST", body=listing, CONTENT_TYPE="application/x-www-form-urlencoded").status == 415
    assert ask(app, verb="POST", body=listing[:5], CONTENT_LENGTH="9").status == 400
    assert ask(app, token("read"), verb="post", body=calling).asked == ["admin"]
    assert ask(app, token("read"), HTTP_UPGRADE="websocket").asked == ["admin"]
    assert len(application.bodies) == 2


@pytest.mark.parametrize("length, seen", [("", b""), ("3", b"{}x"), ("-1", b""), ("+2", b"{}")])
def test_only_as_much_is_read_as_is_announced(application, length, seen):
    app = BearerAuthMiddleware(application, verifier=verifier(), tool_scopes={"x": ["y"]})
    body = b"{}x and the next request"
    answer = ask(app, token(), verb="POST", body=body, CONTENT_LENGTH=length)
    assert answer.status == (400 if seen == b"{}x" else 200)
    if answer.status == 200:
        assert application.bodies == [seen]


def test_a_body_without_a_length_that_the_server_ends(application):
    app = BearerAuthMiddleware(application, verifier=verifier(), tool_scopes={"x": ["y"]})
    body = b'{"method":"tools/call","params":{"name":"x"}}'
    more = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert ask(app, token(), verb="POST", body=body, **more).status == 403
    assert ask(app, token("y"), verb="POST", body=body, **more).status == 200
    assert application.bodies == [body]


def test_a_token_in_another_header(application):
    app = BearerAuthMiddleware(application, verifier=verifier(), token_header="X-Amzn-Oidc-Accesstoken")
    assert ask(app, HTTP_X_AMZN_OIDC_ACCESSTOKEN=token()).status == 200
    assert ask(app, token()).status == 401
    assert ask(app, HTTP_X_AMZN_OIDC_ACCESSTOKEN=f"{token()},{token()}").status == 400
    assert ask(app, "x.y.z", HTTP_X_AMZN_OIDC_ACCESSTOKEN=token()).status == 200
    assert ask(app, token(), HTTP_X_AMZN_OIDC_ACCESSTOKEN="x.y.z").status == 401
    assert ask(app, token(), X_AMZN_OIDC_ACCESSTOKEN=token()).status == 401
    assert ask(app, token(), HTTP_X_AMZN_OIDC_ACCESSTOKEN="").status == 400


def test_proofs_of_possession(application):
    app = BearerAuthMiddleware(application, verifier=verifier(dpop=fastbearer.DPoP(nonce_secret=b"n" * 32)))
    bound = token(additional_claims={"cnf": {"jkt": PAIR.thumbprint()}})

    def present(url, nonce=None, **environ):
        proof = PAIR.dpop_proof("GET", url, access_token=bound, nonce=nonce)
        return ask(app, HTTP_AUTHORIZATION=f"DPoP {bound}", HTTP_DPOP=proof, **environ)

    first = present("https://api.example/a")
    assert first.status == 401 and 'error="use_dpop_nonce"' in first.challenge
    nonce = first.headers["dpop-nonce"]
    good = present("https://api.example/a", nonce)
    assert good.status == 200 and good.headers["dpop-nonce"] == nonce
    assert present("https://api.example/b", nonce).status == 401
    assert present("https://api.example/m/a%2Fb", nonce, path="/m/a/b", RAW_URI="/m/a%2Fb?q=1").status == 200
    assert present("https://api.example/m/%C3%A9", nonce, path="/\xc3\xa9", SCRIPT_NAME="/m").status == 200


def test_certificates_of_apache(application):
    app = BearerAuthMiddleware(application, verifier=verifier())
    bound = token(additional_claims={"cnf": {"x5t#S256": "A" * 43}})
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    codes = []
    app._guard.verifier._on_reject = lambda rejection: codes.append(rejection.code)
    for verified in ("SUCCESS", "NONE", "FAILED:x"):
        assert ask(app, bound, SSL_CLIENT_CERT=pem, SSL_CLIENT_VERIFY=verified).status == 401
    assert codes == ["proof_invalid", "proof_missing", "proof_missing"]


def test_each_request_has_its_own_token_on_every_thread():
    started, go_on = threading.Barrier(2), threading.Barrier(2)

    def application(environ, start_response):
        def respond():
            started.wait(10)
            go_on.wait(10)
            yield get_access_token().client_id.encode()

        start_response("200 OK", [])
        return respond()

    app = BearerAuthMiddleware(application, verifier=verifier())
    seen = {}
    threads = [
        threading.Thread(target=lambda name=name: seen.update({name: ask(app, token(subject=name)).body}))
        for name in ("alice", "bob")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == {"alice": b"alice", "bob": b"bob"}


def test_lists_and_files_go_on_as_they_are():
    class File:
        def __init__(self, stream):
            self.stream = stream

        def __iter__(self):
            return iter(self.stream)

    made = []

    def application(environ, start_response):
        start_response("200 OK", [])
        made.append([b"x"] if environ["PATH_INFO"] == "/list" else environ["wsgi.file_wrapper"](io.BytesIO(b"file")))
        return made[-1]

    app = BearerAuthMiddleware(application, verifier=verifier())
    for path in ("/list", "/file"):
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.input": io.BytesIO(), "wsgi.file_wrapper": File,
            "HTTP_AUTHORIZATION": f"Bearer {token()}", "SERVER_NAME": "h", "SERVER_PORT": "80",
        }  # fmt: skip
        assert app(environ, lambda *_: None) is made[-1]


# ---- the decorator


@require_scopes("write", "audit")
def written(environ, start_response):
    start_response("200 OK", [])
    return [b"written"]


def test_a_view_that_needs_more():
    app = BearerAuthMiddleware(written, verifier=(guard := verifier()), required_scopes=["read"])
    assert ask(app, token("read", "write", "audit")).body == b"written"
    for granted in ([], ["write"]):
        refused = ask(app, token("read", *granted))
        assert refused.status == 403 and refused.asked == ["read", "write", "audit"]
        assert 'error="insufficient_scope"' in refused.challenge
    assert guard.stats()["reasons"] == {"insufficient_scope": 2}


def test_a_view_on_a_path_that_needs_no_token():
    app = BearerAuthMiddleware(written, verifier=verifier(), exclude=["/a"])
    refused = ask(app)
    assert refused.status == 401 and refused.asked == ["write", "audit"] and "error" not in refused.challenge


def test_other_frameworks_get_an_exception():
    @require_scopes("write")
    def view():
        raise AssertionError("it is not called")

    def application(environ, start_response):
        return view()

    refused = ask(BearerAuthMiddleware(application, verifier=verifier()), token("read"))
    assert refused.status == 403 and refused.asked == ["write"]


def test_the_decorator_keeps_names_and_refuses_nonsense():
    assert written.__name__ == "written"
    for scopes in ((), (5,), (["write"],)):
        with pytest.raises(fastbearer.ConfigurationError):
            require_scopes(*scopes)
    with pytest.raises(RuntimeError, match="BearerAuthMiddleware"):
        written({}, lambda *_: None)


def test_what_is_not_installed_is_named(monkeypatch):
    import fastbearer.wsgi

    monkeypatch.setitem(sys.modules, "rest_framework", None)
    monkeypatch.delitem(sys.modules, "fastbearer._rest_framework", raising=False)
    with pytest.raises(ImportError, match="djangorestframework"):
        _ = fastbearer.wsgi.BearerAuthentication
    with pytest.raises(AttributeError, match="nothing"):
        _ = fastbearer.wsgi.nothing
