"""Where we differ from FastMCP: each row of the README's table, with the option that brings FastMCP's behaviour
back."""

import json
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from support import AUDIENCE, ISSUER, SCOPES, b64, knock, run, serving

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp import _installed as host
from fastbearer.testing import JWKSServer

PAIR = fastbearer.KeyPair.generate("RS256")
HEADER = {"alg": "RS256", "typ": "JWT"}
NOW = int(time.time())
CLAIMS = {"iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 3600, "scope": "tools:call"}
GONE = object()


def signed(header={}, claims={}):
    """A token that passes everywhere, changed by what is given; text stands as it is."""

    def text(base, changes):
        if isinstance(changes, str):
            return changes
        return json.dumps({name: value for name, value in {**base, **changes}.items() if value is not GONE})

    return PAIR.sign(text(HEADER, header), text(CLAIMS, claims))


def accepts(kind, token, **options):
    try:
        return run(kind(**{"public_key": PAIR.public_key, **options}).load_access_token(token)) is not None
    except Exception:
        return None  # the 500 of some versions


def doubled(name, value):
    return json.dumps(CLAIMS)[:-1] + f', "{name}": {json.dumps(value)}' + "}"


#: name, token, whether every FastMCP accepts it (None: it depends), our option that accepts it (None: there is none).
ROWS = [
    ("no exp", signed(claims={"exp": GONE}), True, {"require_exp": False}),
    ("exp null", signed(claims={"exp": None}), True, None),
    ("exp 0", signed(claims={"exp": 0}), None, None),
    ("nbf in the future", signed(claims={"nbf": NOW + 3600}), None, {"clock_skew": 7200}),
    ("iat in the future", signed(claims={"iat": NOW + 3600}), True, {"clock_skew": 7200}),
    ("expired a moment ago", signed(claims={"exp": NOW - 10}), False, {"leeway": 3600}),
    ("exp infinite", signed(claims=json.dumps({**CLAIMS, "exp": float("inf")})), None, None),
    ("typ of a logout token", signed({"typ": "logout+jwt"}), True, {"token_type": "any"}),
    ("crit", signed({"crit": ["alg"]}), True, None),
    ("zip", signed({"zip": "DEF"}), True, None),
    ("enc", signed({"enc": "A256GCM"}), True, None),
    ("duplicate member", signed(claims=doubled("sub", "alice")), True, None),
    ("byte order mark", signed(claims="\ufeff" + json.dumps(CLAIMS)), None, None),
    ("NUL", signed(claims={"sub": "a\0b"}), True, None),
    ("lone surrogate", signed(claims={"name": "\ud800"}), True, None),
    ("large", signed(claims={"x": "y" * 20000}), True, {"max_token_bytes": 65536}),
    ("deep", signed(claims={"x": json.loads("[" * 40 + "]" * 40)}), True, None),
    ("iss of a wrong type, not configured", signed(claims={"iss": 5}), True, None),
    ("aud of a wrong type, not configured", signed(claims={"aud": 5}), True, None),
    ("sub of a wrong type", signed(claims={"sub": 9}), None, None),
    ("numeric client_id", signed(claims={"client_id": 7}), True, {"client_id_claims": ("azp", "sub")}),
    ("scope null", signed(claims={"scope": None, "scp": "tools:call"}), True, {"scope_claims": ("scp",)}),
]  # fmt: skip


@pytest.mark.parametrize("name, token, theirs, option", ROWS, ids=[row[0] for row in ROWS])
def test_tokens(name, token, theirs, option):
    if theirs is not None:
        assert accepts(host.UPSTREAM, token) is theirs
    for kind in (BearerAuthProvider, JWTVerifier):
        assert accepts(kind, signed()) is True
        assert accepts(kind, token) is False
        if option is not None:
            assert accepts(kind, token, **option) is True


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_clocks_may_differ_by_30_seconds(claim):
    now = int(time.time())
    for kind in (BearerAuthProvider, JWTVerifier):
        assert accepts(kind, signed(claims={claim: now + 10})) is True
        assert accepts(kind, signed(claims={claim: now + 10}), clock_skew=0) is False


def test_scopes_are_split_at_spaces_only():
    token = signed(claims={"scope": "read\twrite run"})
    assert run(JWTVerifier(public_key=PAIR.public_key).load_access_token(token)).scopes == ["read\twrite", "run"]
    assert run(host.UPSTREAM(public_key=PAIR.public_key).load_access_token(token)).scopes == ["read", "write", "run"]


@pytest.mark.parametrize("name, claim", [("issuer", "iss"), ("audience", "aud")])
def test_tuples_are_lists(name, claim):
    token = signed(claims={claim: "b"})
    assert accepts(JWTVerifier, token, **{name: ("a", "b")}) is True
    assert accepts(JWTVerifier, token, **{name: ("a",)}) is False
    with pytest.raises(ValueError, match=name):
        JWTVerifier(public_key=PAIR.public_key, **{name: []})


def weak():
    key = rsa.generate_private_key(65537, 1024)
    text = f"{b64(json.dumps(HEADER).encode())}.{b64(json.dumps(CLAIMS).encode())}"
    signature = b64(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))
    spki = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return spki.decode(), f"{text}.{signature}"


@pytest.mark.parametrize(
    "pem, token",
    [weak(), (PAIR.private_key.get_secret_value(), signed()), (PAIR.public_key * 2, signed())],
    ids=["1024 bits", "private key", "two blocks"],
)
def test_keys_that_are_refused(pem, token, caplog):
    with pytest.raises(fastbearer.ConfigurationError, match="public_key"):
        run(JWTVerifier(public_key=pem, audience="a").verify_token(token))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "public_key" in caplog.text and pem[40:80] not in caplog.text


@pytest.mark.parametrize("member", [{"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "RS512"}], ids=repr)
def test_what_a_jwk_is_for(member):
    document = PAIR.jwks("k1")
    document["keys"][0] = {**document["keys"][0], **member}
    with JWKSServer(PAIR) as server:
        server.respond(body=json.dumps(document))
        for kind, good in ((host.UPSTREAM, True), (JWTVerifier, False), (BearerAuthProvider, False)):
            assert accepts(kind, signed({"kid": "k1"}), public_key=None, jwks_uri=server.jwks_uri) is good


def test_large_key_sets():
    with JWKSServer(PAIR, kid="k1") as server:
        server.respond(body=json.dumps({**server.document, "padding": "x" * 100_000}))
        token = signed({"kid": "k1"})
        options = {"public_key": None, "jwks_uri": server.jwks_uri}
        assert accepts(host.UPSTREAM, token, **options) is True
        assert accepts(JWTVerifier, token, **options) is False
        assert accepts(JWTVerifier, token, **options, max_jwks_bytes=200_000) is True


def test_a_server_without_keys_answers_503():
    """FastMCP's own answer is 401; an older one does not ask its provider for the middleware that says otherwise."""
    from fastmcp import FastMCP

    with JWKSServer(PAIR, kid="k1") as server:
        server.fail(500)
        provider = BearerAuthProvider(jwks_uri=server.jwks_uri, required_scopes=SCOPES)
        app = FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")
        with serving(app) as origin:
            answer = knock(origin, "http", signed({"kid": "k1"}))
            assert answer.status == (503 if host.HAS_MIDDLEWARE_HOOK else 401)
            if host.HAS_MIDDLEWARE_HOOK:
                assert int(answer.headers["retry-after"]) >= 1 and "www-authenticate" not in answer.headers
                assert json.loads(answer.body)["error"] == "temporarily_unavailable"
            assert knock(origin, "http", "nonsense").status == 401
            assert knock(origin, "http", None).status == 401
