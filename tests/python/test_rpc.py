"""JSON-RPC before the application runs: which methods need no token, which names need which scopes, and that bodies are
handed on as they came. The rules themselves are tested in C."""

import asyncio
import json
import re

import pytest

import fastbearer
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

PAIR = fastbearer.KeyPair.generate("ES256")
JSON = (b"content-type", b"application/json")


def verifier(**options):
    return fastbearer.Verifier(public_key=PAIR.public_key, algorithms="ES256", **options)


def call(name, method="tools/call", member="name"):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {member: name}}).encode()


def method(name):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": name}).encode()


class Application:
    """An ASGI application that reads its body, and remembers what it was given."""

    def __init__(self):
        self.bodies, self.tokens, self.scopes, self.after = [], [], [], []

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.after.append((await receive())["type"])
        self.bodies.append(body)
        self.tokens.append(get_access_token())
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})


class Answer:
    def __init__(self, messages):
        self.messages = messages
        self.status = messages[0]["status"] if messages else None
        self.headers = dict(messages[0].get("headers", ())) if messages else {}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def challenge(self):
        return self.headers.get(b"www-authenticate", b"").decode()

    @property
    def asked(self):
        """The scopes of the only scope parameter."""
        found = re.findall(r'\bscope="([^"]*)"', self.challenge)
        assert len(found) <= 1
        return found[0].split() if found else None


def ask(app, body, token=None, *, verb="POST", headers=(JSON,), cut=None, gone=False):
    """What app answers; cut: how large the parts of the body are."""
    parts = [body[at : at + cut] for at in range(0, len(body), cut)] if cut else [body]
    incoming = [
        {"type": "http.request", "body": part, "more_body": gone or number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    received = []

    async def receive():
        received.append(1)
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    sent = []

    async def send(message):
        sent.append(message)

    fields = list(headers)
    if token is not None:
        fields.append((b"authorization", b"Bearer " + token.encode()))
    scope = {
        "type": "http", "method": verb, "path": "/mcp", "raw_path": b"/mcp", "query_string": b"", "headers": fields,
        "scheme": "https", "server": ("api.example", 443),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    answer = Answer(sent)
    answer.received = len(received)
    return answer


RULES = {
    "anonymous": ("initialize", "tools/list"),
    "tool_scopes": {"delete_*": ["admin", "write"], "*_all": "admin root"},
    "resource_scopes": {"file:///secret/*": ["files"]},
    "prompt_scopes": {"secret": ["prompts"]},
}


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def guarded(application):
    return BearerAuthMiddleware(application, verifier=verifier(), **RULES)


def token(*scopes, **options):
    return PAIR.create_token(scopes=list(scopes), **options)


def test_listed_methods_need_no_token(application, guarded):
    for name in ("initialize", "tools/list", "notifications/initialized"):
        assert ask(guarded, method(name)).status == 200
    batch = b"[" + method("initialize") + b"," + method("tools/list") + b"]"
    assert ask(guarded, batch).status == 200
    assert application.tokens == [None] * 4
    assert application.bodies[-1] == batch
    assert "user" not in application.scopes[0]


@pytest.mark.parametrize(
    "body",
    [
        method("tools/call"), call("harmless"), method("ping"), b"", b"[]", b"not json", b"{", b"42",
        b"[" + method("tools/list") + b"," + method("ping") + b"]",
    ],
)  # fmt: skip
def test_others_need_one(application, guarded, body):
    answer = ask(guarded, body)
    assert answer.status == 401 and "error" not in answer.challenge
    assert application.bodies == []


def test_a_bad_token_is_refused_whatever_is_asked_for(application, guarded):
    for bad in ("x", token(expires_in_seconds=-5), fastbearer.KeyPair.generate("ES256").create_token()):
        answer = ask(guarded, method("tools/list"), bad)
        assert answer.status == 401 and 'error="invalid_token"' in answer.challenge
        assert answer.received == 0, "nothing is read for a bad token"
    twice = ask(guarded, method("tools/list"), token(), headers=[(b"authorization", b"Bearer x")])
    assert twice.status == 400
    assert application.bodies == []


def test_a_good_token_is_there_for_anonymous_methods_too(application, guarded):
    assert ask(guarded, method("tools/list"), token("read")).status == 200
    assert application.tokens[0].scopes == ["read"]
    assert application.scopes[0]["user"].access_token is application.tokens[0]
    assert get_access_token() is None


def test_only_post_may_be_anonymous(application, guarded):
    for verb in ("GET", "DELETE", "PUT", "PATCH", "POSTS"):
        answer = ask(guarded, method("tools/list"), verb=verb)
        assert answer.status == 401 and answer.received == 0
    assert application.bodies == []


@pytest.mark.parametrize("verb", ["POST", "post", "Post"])
def test_the_letters_of_post_in_any_case(application, guarded, verb):
    """Django, Flask and others take post for POST."""
    assert ask(guarded, method("tools/list"), verb=verb).status == 200
    assert ask(guarded, call("delete_x"), verb=verb).status == 401
    assert ask(guarded, call("delete_x"), token("read"), verb=verb).asked == ["admin", "write"]
    assert ask(guarded, call("delete_x"), token("admin", "write"), verb=verb).status == 200
    assert len(application.bodies) == 2


def open_websocket(app, credential, extensions=("websocket.http.response",)):
    """The messages that a server is sent for the handshake."""
    scope = {
        "type": "websocket", "path": "/ws", "raw_path": b"/ws", "query_string": b"", "scheme": "wss",
        "headers": [] if credential is None else [(b"authorization", b"Bearer " + credential.encode())],
        "server": ("api.example", 443), "extensions": {name: {} for name in extensions},
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_the_messages_of_a_websocket_are_seen_by_nobody():
    async def accepting(scope, receive, send):
        await send({"type": "websocket.accept"})

    app = BearerAuthMiddleware(accepting, verifier=verifier(), required_scopes=["read"], **RULES)
    everything = ["read", "admin", "write", "root", "files", "prompts"]
    assert open_websocket(app, token(*everything)) == [{"type": "websocket.accept"}]
    for granted in ([], ["read"], everything[:-1]):
        refused = Answer(open_websocket(app, token(*granted)))
        assert (refused.status, refused.asked) == (403, everything)
    assert Answer(open_websocket(app, None)).status == 401
    assert open_websocket(app, token(), ())[0]["type"] == "websocket.close"
    plain = BearerAuthMiddleware(accepting, verifier=verifier(), required_scopes=["read"])
    assert open_websocket(plain, token("read")) == [{"type": "websocket.accept"}]


def test_a_plain_request_that_opens_a_websocket(application, guarded):
    """Where the framework makes the websocket itself."""
    for value in (b"websocket", b"WebSocket", b"h2c, websocket"):
        refused = ask(guarded, b"", token("admin"), verb="GET", headers=[(b"upgrade", value)])
        assert (refused.status, refused.asked) == (403, ["admin", "write", "root", "files", "prompts"])
    assert ask(guarded, b"", token("admin"), verb="GET", headers=[(b"upgrade", b"h2c")]).status == 200


def test_nothing_is_read_without_a_token_where_nothing_is_anonymous():
    guarded = BearerAuthMiddleware(Application(), verifier=verifier(), tool_scopes={"x": ["a"]})
    answer = ask(guarded, method("tools/list"))
    assert answer.status == 401 and answer.received == 0


@pytest.mark.parametrize(
    "body, needed",
    [
        (call("delete_x"), ["admin", "write"]),
        (call("delete_all"), ["admin", "write", "root"]),
        (call("restart_all"), ["admin", "root"]),
        (method("tools/call"), ["admin", "write", "root"]),
        (call("file:///secret/x", "resources/read", "uri"), ["files"]),
        (call("file:///a/../secret/x", "resources/read", "uri"), ["files"]),
        (call("file:///secret/x", "resources/directory/read", "uri"), ["files"]),
        (
            call({"resourceSubscriptions": ["data://x", "file:///secret/x"]}, "subscriptions/listen", "notifications"),
            ["files"],
        ),
        (call("secret", "prompts/get"), ["prompts"]),
        (b"[" + call("delete_x") + b"," + call("secret", "prompts/get") + b"]", ["admin", "write", "prompts"]),
    ],
)
def test_scopes_by_name(application, guarded, body, needed):
    assert ask(guarded, body, token(*needed)).status == 200
    assert application.bodies == [body]
    for lacking in needed:
        refused = ask(guarded, body, token(*(scope for scope in needed if scope != lacking)))
        assert refused.status == 403 and 'error="insufficient_scope"' in refused.challenge
        assert sorted(refused.asked) == sorted(needed), "a new token must have all of them"
    assert len(application.bodies) == 1


def test_names_without_a_rule_need_a_token_only(application, guarded):
    for body in (call("harmless"), call("open", "prompts/get"), call("data://x", "resources/read", "uri"), b"x", b""):
        assert ask(guarded, body, token()).status == 200
        assert application.bodies[-1] == body


def test_one_challenge_for_verifier_middleware_and_tool():
    app = BearerAuthMiddleware(
        Application(), verifier=verifier(required_scopes=["a"]), required_scopes=["b"],
        tool_scopes={"delete": ["c", "d"]}, anonymous=["tools/list"],
    )  # fmt: skip
    everything = ["a", "b", "c", "d"]
    for granted in ([], ["a"], ["b"], ["a", "b"], ["a", "b", "c"], ["a", "c", "d"], ["c", "d"]):
        refused = ask(app, call("delete"), token(*granted))
        assert (refused.status, refused.asked) == (403, everything)
    assert ask(app, call("delete")).asked == everything
    assert ask(app, call("delete"), token(*everything)).status == 200
    assert ask(app, call("other"), token("a")).asked == ["a", "b"]


def test_clients_ask_for_other_names_than_tokens_carry():
    app = BearerAuthMiddleware(
        Application(), verifier=verifier(required_scopes=["a"]), tool_scopes={"delete": ["c"]},
        challenge_scopes={"a": "api://x/a", "c": "api://x/c"},
    )  # fmt: skip
    assert ask(app, call("delete"), token("a")).asked == ["api://x/a", "api://x/c"]
    assert ask(app, b"").asked == ["api://x/a"]
    with pytest.raises(fastbearer.ConfigurationError, match="challenge_scopes"):
        BearerAuthMiddleware(Application(), verifier=verifier(), challenge_scopes="a")


def test_scopes_that_include_others(application):
    app = BearerAuthMiddleware(
        application, verifier=verifier(scope_hierarchy={"root": ["admin"]}), tool_scopes={"delete": ["admin"]}
    )
    assert ask(app, call("delete"), token("root")).status == 200
    assert ask(app, call("delete"), token("user")).status == 403


@pytest.mark.parametrize("cut", [None, 1, 7, 100])
def test_bodies_are_handed_on_as_they_came(application, guarded, cut):
    body = call("größe \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")) + b" \n"
    assert ask(guarded, body, token(), cut=cut).status == 200
    assert application.bodies == [body]
    assert application.after == ["http.disconnect"], "what comes after the body is the server's again"


def test_a_body_that_ends_too_early_reaches_nobody(application, guarded):
    answer = ask(guarded, method("tools/list")[:20], token(), gone=True)
    assert answer.messages == [] and application.bodies == []


def test_large_bodies(application):
    rejections = []
    app = BearerAuthMiddleware(
        application, verifier=(guard := verifier(on_reject=rejections.append)), tool_scopes={"x": ["a"]},
        max_body_bytes=100,
    )  # fmt: skip
    fits = call("a" * (100 - len(call(""))))
    assert len(fits) == 100 and ask(app, fits, token()).status == 200
    answer = ask(app, fits + b" " * 1000, token(), cut=50)
    assert answer.status == 413 and "www-authenticate" not in {name.decode() for name in answer.headers}
    assert json.loads(answer.body)["error"] == "invalid_request" and answer.received == 3
    announced = ask(app, fits, token(), headers=[JSON, (b"content-length", b"101")])
    assert announced.status == 413 and announced.received == 0
    assert [rejection.code for rejection in rejections] == ["request_too_large"] * 2
    assert guard.stats()["reasons"] == {"request_too_large": 2}
    assert len(application.bodies) == 1


@pytest.mark.parametrize(
    "headers, status",
    [
        ([JSON, (b"content-encoding", b"gzip")], 415),
        ([(b"content-type", b"application/json; charset=utf-16")], 415),
        ([JSON, (b"content-type", b"text/plain;charset=latin-1")], 415),
        ([(b"content-type", b"application/x-www-form-urlencoded")], 415),
        ([(b"content-type", b"multipart/form-data; boundary=application/json")], 415),
        ([JSON, (b"content-type", b"application/x-www-form-urlencoded")], 415),
        ([(b"content-type", b"application/yaml")], 415),
        ([(b"content-type", b"application/msgpack")], 415),
        ([(b"content-type", b"application/json; charset=utf-8")], 200),
        ([(b"content-type", b"application/vnd.api+json")], 200),
        ([(b"content-type", b"text/plain")], 200),
        ([JSON, (b"content-encoding", b"identity")], 200),
        ([], 200),
    ],
)
def test_encodings(application, guarded, headers, status):
    assert ask(guarded, call("x"), token(), headers=headers).status == status
    assert ask(guarded, method("tools/list"), headers=headers).status == status
    assert len(application.bodies) == (2 if status == 200 else 0)


@pytest.mark.parametrize(
    "body",
    [
        b'{"method":"tools/list","method":"tools/call"}', b'{"method":"tools/list","params":NaN}',
        b'{"method":"tools/list"} {}', b'\xef\xbb\xbf{"method":"tools/list"}', method("tools/list") + b"\0",
        '{"method":"tools/list"}'.encode("utf-16"), b'{"method":"tools/list",}', b'{"method":"tools/list","a":"\xff"}',
        b'{"method":"tools/list","a":"\\ud800"}', b'{"method":"tools/list","Method":"tools/call"}',
    ],
)  # fmt: skip
def test_what_others_may_read_differently(application, guarded, body):
    for with_token in (None, token("admin", "write", "root")):
        answer = ask(guarded, body, with_token)
        assert answer.status == 400 and answer.challenge == ""
        assert json.loads(answer.body)["error"] == "invalid_request"
    assert application.bodies == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"method":"tools/call","params":{"name":"x","n":1,"\\u006eame":"delete_x"}}',
        b'{"\\u006dethod":"tools/call","params":{"name":"delete_x"},"method":"tools/list"}',
        b'{"method":"tools/list","id":1,"params":' + b"[" * 128 + b"]" * 128 + b"}",
        b'{"method":"tools/list","id":' + b"1" * 257 + b"}", b'{"method":"tools/list","id":1e400}',
        b'{"method":"tools/list","id":01}', b'{"method":"tools/list","id":0x1}', b'{"method":"tools/list"} 1',
        b'{"method":"tools/list"}\n{"method":"tools/call","params":{"name":"delete_x"}}',
        b'[{"method":"tools/list"}] [{"method":"tools/call"}]', b'\xff\xfe{\0}\0', b"[" * 200 + b"]" * 200,
    ],
)  # fmt: skip
def test_tricks_with_the_form(application, guarded, body):
    for with_token in (None, token("read"), token("admin", "write", "root")):
        answer = ask(guarded, body, with_token)
        assert answer.status == 400 and json.loads(answer.body)["error"] == "invalid_request"
    assert application.bodies == []


@pytest.mark.parametrize(
    "body, without, needed",
    [
        (b'{"\\u006dethod":"\\u0074ools\\/list"}', 200, None),
        (b'{"method":"tools/list","id":' + b"1" * 256 + b"}", 200, None),
        (b'{"method":"tools/list","id":-0.5e-3}', 200, None),
        (b'{"method":"tools/list","id":{"a":[null]}}', 200, None),
        (b'{"method":"Tools/List"}', 401, None), (b'{"method":"tools/list "}', 401, None),
        (b'{"method":"tools/list","params":' + b"[" * 127 + b"]" * 127 + b"}", 200, None),
        (b'[{"method":"tools/list"},{"method":"tools/call","params":{"name":"delete_x"}}]', 401, ["admin", "write"]),
        (b'[{"method":"tools/list"},{"method":"ping"}]', 401, None), (b'[{"method":"tools/list"},[]]', 401, None),
        (b'[{"method":"tools/list"},{"id":1,"result":{}}]', 401, None), (b'[[{"method":"tools/list"}]]', 401, None),
        (b'{"\\u006dethod":"tools/c\\u0061ll","params":{"n\\u0061me":"d\\u0065lete_x"}}', 401, ["admin", "write"]),
        (b'{"params":{"arguments":{"name":"x"},"name":"delete_x"},"method":"tools/call"}', 401, ["admin", "write"]),
        (b'{"method":"tools/call","params":["delete_x"]}', 401, ["admin", "write", "root"]),
        (b'{"method":"tools/call","params":{"name":{"toString":"x"}}}', 401, ["admin", "write", "root"]),
    ],
)  # fmt: skip
def test_what_tricks_with_names_and_batches_need(application, guarded, body, without, needed):
    assert ask(guarded, body).status == without
    answer = ask(guarded, body, token("read"))
    assert (answer.status, answer.asked) == ((200, None) if needed is None else (403, needed))
    assert ask(guarded, body, token("admin", "write", "root")).status == 200
    assert set(application.bodies) == {body}


def test_what_parsers_of_python_accept_is_never_taken_for_no_json():
    """A body that is handed on without scopes must be one that json does not read as a message."""
    policy = fastbearer._native.RpcPolicy((), (("*", ("s",)),), (), (), None)
    message = json.loads(call("x"))
    spellings = [
        json.dumps(message, indent=3).encode(), json.dumps(message, separators=(",", ":")).encode(),
        *(json.dumps(message).encode(name) for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be")),
        json.dumps({**message, "x": float("nan")}).encode(), json.dumps({**message, "x": "\ud800"}).encode(),
        json.dumps({**message, "x": "\0"}).encode(), json.dumps([message]).encode(),
        b'{"method":1,' + call("x")[1:], call("x").replace(b"tools", b"\\u0074ools"), b"\t\r\n " + call("x"),
        json.dumps({**message, "x": 10**300}).encode(), b"[" * 200 + call("x") + b"]" * 200,
    ]  # fmt: skip
    for body in spellings:
        json.loads(body)
        try:
            assert policy.check(body) == (False, ["s"]), body
        except fastbearer.MalformedRequestError:
            pass


@pytest.mark.parametrize(
    "options, message",
    [
        ({"anonymous": "tools/list"}, "anonymous must be a collection"),
        ({"anonymous": [""]}, "anonymous must not hold an empty name"),
        ({"anonymous": ["tools/*"]}, "anonymous: .* is a pattern"),
        ({"anonymous": [5]}, "anonymous must hold text"),
        ({"anonymous": None}, "anonymous must be a collection"),
        ({"tool_scopes": ["x"]}, "tool_scopes must be a mapping"),
        ({"tool_scopes": {"": ["a"]}}, "tool_scopes must not hold an empty name"),
        ({"tool_scopes": {5: ["a"]}}, "tool_scopes must be a mapping from text"),
        ({"tool_scopes": {"x": []}}, "tool_scopes: .* must name at least one scope"),
        ({"tool_scopes": {"x": [5]}}, "tool_scopes must hold text"),
        ({"tool_scopes": {"x": None}}, "tool_scopes must be a collection"),
        ({"tool_scopes": {"x": ["a b"]}}, "tool_scopes: a scope is visible ASCII"),
        ({"prompt_scopes": {"x": ['a"']}}, "prompt_scopes: a scope is visible ASCII"),
        ({"resource_scopes": {"secret": ["a"]}}, "resource_scopes: .* normal form"),
        ({"max_body_bytes": 0}, "max_body_bytes must be"),
        ({"max_body_bytes": True}, "max_body_bytes must be"),
        ({"max_body_bytes": 1.5}, "max_body_bytes must be"),
        ({"max_body_bytes": 1 << 40}, "max_body_bytes must be"),
    ],
)
def test_wrong_options_fail_at_construction(options, message):
    with pytest.raises(fastbearer.ConfigurationError, match=message):
        BearerAuthMiddleware(Application(), verifier=verifier(), **options)


# ---- another header

ELSEWHERE = "Cf-Access-Jwt-Assertion"


def elsewhere(*values, **options):
    headers = [JSON, *((ELSEWHERE.lower().encode(), value.encode()) for value in values)]
    return {"headers": headers, **options}


def test_a_token_in_another_header(application):
    app = BearerAuthMiddleware(application, verifier=verifier(), token_header=ELSEWHERE)
    good = token("read")
    assert ask(app, b"", **elsewhere(good)).status == 200
    assert application.tokens[0].token == good
    assert ask(app, b"", good).status == 401, "Authorization is not read"
    assert ask(app, b"", "nonsense", **elsewhere(good)).status == 200
    for values in ([good, good], [f"Bearer {good}"], [f"{good}, {good}"], [""]):
        assert ask(app, b"", **elsewhere(*values)).status == 400
    assert ask(app, b"", **elsewhere("x.y.z")).status == 401
    assert len(application.bodies) == 2


def test_a_token_in_another_header_and_proofs(application):
    for name in ("Authorization", "DPoP", "", "a b", 5):
        with pytest.raises(fastbearer.ConfigurationError, match="token_header"):
            BearerAuthMiddleware(application, verifier=verifier(), token_header=name)
    required = verifier(dpop=fastbearer.DPoP(required=True))
    with pytest.raises(fastbearer.ConfigurationError, match="token_header"):
        BearerAuthMiddleware(application, verifier=required, token_header=ELSEWHERE)
    app = BearerAuthMiddleware(application, verifier=verifier(dpop=fastbearer.DPoP()), token_header=ELSEWHERE)
    bound = token(additional_claims={"cnf": {"jkt": PAIR.thumbprint()}})
    refused = ask(app, b"", **elsewhere(bound))
    assert refused.status == 401 and "DPoP" not in refused.challenge
    assert ask(app, b"", **elsewhere(token())).status == 200


def test_requests_may_name_the_header_too():
    good = token()
    request = fastbearer.Request("GET", None, {ELSEWHERE: good, "Authorization": "x"}, token_header=ELSEWHERE)
    assert verifier().verify_request(request).token == good
    with pytest.raises(fastbearer.ConfigurationError, match="token_header"):
        verifier().verify_request(fastbearer.Request("GET", None, {}, token_header="a b"))
    with pytest.raises(TypeError, match="token_header"):
        fastbearer.Request("GET", None, {}, token_header=5)
