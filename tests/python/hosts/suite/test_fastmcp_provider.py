"""The provider classes without a server: constructors, claims, what is logged, FastMCP's own providers around ours."""

import inspect
import logging
import time

import pytest
from support import AUDIENCE, ISSUER, SCOPES, Minter, assert_no_token_in, every_kind_of_token, nested_header, run

import fastbearer.fastmcp
from fastbearer.fastmcp import AccessToken, BearerAuthProvider, JWTVerifier, RSAKeyPair, get_access_token
from fastbearer.fastmcp import _installed as host

BOTH = pytest.mark.parametrize("kind", [BearerAuthProvider, JWTVerifier])
JWKS_URI = "https://issuer.example.com/.well-known/jwks.json"
SECRET = "a-shared-secret-of-thirty-two-by"


@pytest.fixture
def provider(keys):
    return JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)


def load(provider, token):
    return run(provider.load_access_token(token))


# --- construction -----------------------------------------------------------------------------------------------------


@BOTH
def test_attributes_after_construction(kind, keys):
    static = kind(public_key=keys.public_key, issuer=ISSUER)
    assert (static.issuer, static.public_key, static.jwks_uri) == (ISSUER, keys.public_key, None)
    assert static.algorithm == "RS256" and static.audience is None and not static.required_scopes
    remote = kind(jwks_uri=JWKS_URI, issuer=ISSUER, audience=AUDIENCE, required_scopes=SCOPES)
    assert (remote.jwks_uri, remote.public_key, remote.required_scopes) == (JWKS_URI, None, SCOPES)
    assert remote._jwks_cache == {} and remote._jwks_cache_time == 0 and remote._cache_ttl == 3600
    assert remote._http_client is None and remote.logger.name == "fastbearer"


@BOTH
def test_subclasses_what_is_installed(kind, keys):
    provider = kind(public_key=keys.public_key)
    assert isinstance(provider, host.UPSTREAM)
    verify = inspect.signature(kind).parameters
    assert {"public_key", "jwks_uri", "issuer", "audience", "required_scopes", "algorithm", "leeway"} <= set(verify)


@BOTH
@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "Either public_key or jwks_uri must be provided"),
        ({"public_key": ""}, "Either public_key or jwks_uri must be provided"),
        ({"public_key": "x", "jwks_uri": JWKS_URI}, "Provide either public_key or jwks_uri, not both"),
        ({"public_key": "x", "algorithm": "none"}, "Unsupported algorithm: none."),
        ({"public_key": "x", "algorithm": "rs256"}, "Unsupported algorithm: rs256."),
        ({"jwks_uri": JWKS_URI, "algorithm": "HS256"}, "Symmetric HS[*] algorithms cannot be used with jwks_uri"),
        ({"public_key": "-----BEGIN PUBLIC KEY-----", "algorithm": "HS256"}, "require a shared secret"),
        ({"public_key": b" -----BEGIN CERTIFICATE-----", "algorithm": "HS512"}, "require a shared secret"),
        ({"jwks_uri": JWKS_URI, "ssrf_safe": True, "http_client": object()}, "cannot be used with ssrf_safe=True"),
        ({"jwks_uri": JWKS_URI, "jwks_refresh_interval": -1}, "jwks_refresh_interval must be finite and non-negative"),
        ({"jwks_uri": JWKS_URI, "jwks_refresh_interval": float("nan")}, "must be finite"),
        ({"public_key": "x", "issuer": []}, "issuer must not be an empty list"),
        ({"public_key": "x", "audience": ()}, "audience must not be an empty list"),
        ({"public_key": "x", "audience": [None, "a"]}, "audience must be a string or a list of strings"),
        ({"public_key": "x", "secret": SECRET}, "Provide only one of"),
        ({"public_key": "x", "algorithms": []}, "algorithms must not be empty"),
        ({"public_key": "x", "algorithms": ["RS256", "HS256"]}, "cannot be accepted by one verifier"),
        ({"public_key": "x", "algorithm": "RS256", "algorithms": ["RS256"]}, "not both"),
    ],
    ids=repr,
)
def test_refused_at_construction(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_unknown_parameter():
    with pytest.raises(TypeError, match="isuer"):
        JWTVerifier(public_key="x", isuer=ISSUER)


def test_positional_order_is_the_installed_one(keys, mint):
    values = {"public_key": keys.public_key, "jwks_uri": None, "issuer": ISSUER, "algorithm": "RS256",
              "audience": AUDIENCE, "required_scopes": SCOPES}  # fmt: skip
    if host.POSITIONAL:
        provider = BearerAuthProvider(*[values[name] for name in host.POSITIONAL])
        assert (provider.issuer, provider.audience, provider.required_scopes) == (ISSUER, AUDIENCE, SCOPES)
        assert load(provider, mint()) is not None
        with pytest.raises(TypeError, match="multiple values"):
            BearerAuthProvider(keys.public_key, public_key=keys.public_key)
        names = list(inspect.signature(BearerAuthProvider).parameters)
        assert tuple(names[: len(host.POSITIONAL)]) == host.POSITIONAL
    else:
        with pytest.raises(TypeError):
            BearerAuthProvider(keys.public_key)
    with pytest.raises(TypeError):
        JWTVerifier(keys.public_key)


def test_required_scopes_as_people_write_them(keys):
    for written in (["a", "b"], "a b", "a,b", "a, b", '["a", "b"]', ("a", "b")):
        assert JWTVerifier(public_key=keys.public_key, required_scopes=written).required_scopes == ["a", "b"]


@BOTH
def test_key_text_is_read_late(kind, caplog):
    caplog.set_level("INFO", logger="fastbearer")
    provider = kind(public_key="abc", audience=AUDIENCE)
    assert not caplog.records
    for _ in range(3):
        with pytest.raises(fastbearer.ConfigurationError):
            load(provider, "a.b.c")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and "configuration_invalid" in warnings[0].getMessage()
    assert "abc" not in caplog.text


@BOTH
@pytest.mark.parametrize(
    "options", [{"secret": SECRET, "algorithm": "HS256"}, {"public_key": SECRET.encode(), "algorithm": "HS256"},
                {"jwks": '{"keys":[]}'}],
)  # fmt: skip
def test_fastmcp_is_given_a_random_key_in_place_of_one_that_it_does_not_know(kind, options, monkeypatch):
    """Should FastMCP ever use it, nobody must know it."""
    given = []

    class Recorded(Exception):
        pass

    def record(self, **arguments):
        given.append(arguments["public_key"])
        raise Recorded

    monkeypatch.setattr(host.UPSTREAM, "__init__", record)
    for _ in range(2):
        with pytest.raises(Recorded):
            kind(**options)
    assert given[0] != given[1] and all(len(key) >= 64 for key in given)


@BOTH
def test_looking_in(kind, keys, mint):
    provider = kind(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    assert provider.keys() == [] and provider.stats() == {}
    assert load(provider, mint()) and load(provider, mint(audience="x")) is None
    stats = provider.stats()
    assert (stats["verified"], stats["rejected"], stats["reasons"]) == (1, 1, {"audience_mismatch": 1})
    assert [key.usable for key in provider.keys()] == [True]
    with pytest.raises(fastbearer.ConfigurationError):
        run(provider.refresh())


@BOTH
def test_refresh(kind, keys):
    class Kept(kind):
        async def _fetch_jwks(self):
            return keys.jwks("k1")

    provider = Kept(jwks_uri=JWKS_URI)
    run(provider.refresh())
    assert [key.kid for key in provider.keys()] == ["k1"] and provider.stats()["fetches"] == 1


@BOTH
def test_a_refusal_by_a_hook_is_counted_and_reported(kind, keys, mint):
    rejections = []

    class Picky(kind):
        def _validate_issuer(self, issuer):
            return False

    provider = Picky(public_key=keys.public_key, issuer=ISSUER, on_reject=rejections.append)
    assert load(provider, mint(kid="k1")) is None
    assert [(rejection.code, rejection.kid) for rejection in rejections] == [("issuer_mismatch", "k1")]
    assert provider.stats()["reasons"] == {"issuer_mismatch": 1}


@BOTH
@pytest.mark.parametrize("uri", ["http://issuer.example.com/keys", "ftp://issuer.example.com/keys", "nonsense"])
def test_a_url_that_keys_must_not_come_from_is_refused_at_once(kind, uri):
    with pytest.raises(fastbearer.ConfigurationError, match="jwks_uri"):
        kind(jwks_uri=uri)


@BOTH
@pytest.mark.parametrize("name", ["issuer", "audience"])
def test_empty_text_means_not_checked(kind, name, keys, mint, caplog):
    provider = kind(**{"public_key": keys.public_key, "issuer": ISSUER, "audience": AUDIENCE, name: ""})
    assert load(provider, mint(**{name: "https://elsewhere.example.com"})) is not None
    load(provider, mint())
    assert sum(f"{name} is empty" in record.getMessage() for record in caplog.records) == 1


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_what_a_good_token_gives(provider, mint):
    token = mint(scopes=["read", "write"], additional_claims={"client_id": "app", "tenant": {"id": 7}})
    access = load(provider, token)
    assert type(access) is AccessToken
    assert (access.token, access.client_id, access.scopes) == (token, "app", ["read", "write"])
    assert abs(access.expires_at - time.time() - 3600) < 5 and type(access.expires_at) is int
    fields = AccessToken.model_fields
    if "claims" in fields:
        assert access.claims["tenant"] == {"id": 7} and access.claims["iss"] == ISSUER
    if "resource" in fields:
        assert access.resource == AUDIENCE
    if "subject" in fields:
        assert access.subject == "alice"
    assert run(provider.verify_token(token)) == access
    access.scopes.append("admin")
    assert load(provider, token).scopes == ["read", "write"]


@BOTH
@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example.com"},
        {"issuer": ISSUER + "/"},
        {"audience": "https://wrong.example.com"},
        {"audience": None},
        {"expires_in_seconds": -3600},
        {"additional_claims": {"exp": float("inf")}},
        {"additional_claims": {"exp": "never"}},
        {"additional_claims": {"exp": None}},
        {"additional_claims": {"exp": 0}},
        {"additional_claims": {"nbf": 99999999999}},
        {"additional_claims": {"iat": 99999999999}},
        {"additional_claims": {"iss": [ISSUER]}},
        {"additional_claims": {"aud": []}},
        {"additional_claims": {"scope": [1, 2]}},
        {"additional_claims": {"sub": 9}},
        {"kid": "k" * 20000},
    ],
    ids=repr,
)
def test_refused_tokens(kind, keys, mint, changes):
    provider = kind(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    assert load(provider, mint()) is not None
    assert load(provider, mint(**changes)) is None


@BOTH
@pytest.mark.parametrize(
    "token",
    ["not.a.jwt", "too.many.parts.here.invalid", "invalid-token", "", "header.body", " ", "a" * 70000, "é.é.é", "\0",
     "..",
     None, 7, b"bytes"],
    ids=lambda token: repr(token)[:20],
)  # fmt: skip
def test_malformed_tokens_are_none(kind, keys, token):
    assert load(kind(public_key=keys.public_key), token) is None
    assert run(kind(public_key=keys.public_key).verify_token(token)) is None


def test_hostile_tokens_are_none(provider, mint, other_keys):
    good = mint()
    head, body, signature = good.split(".")
    for token in (
        nested_header(), Minter(other_keys)(), f"{head}.{body}.", f" {good}", f"{good} ", f"{good}=",
        f"{head}.{body}.{signature[:-2]}", f"eyJhbGciOiJub25lIn0.{body}.", good.upper(),
    ):  # fmt: skip
        assert load(provider, token) is None
    assert load(provider, good) is not None


def test_audiences(keys, mint):
    one = JWTVerifier(public_key=keys.public_key, audience="a")
    assert load(one, mint(audience=["x", "a"])) is not None
    several = JWTVerifier(public_key=keys.public_key, audience=["a", "b"])
    for audience, good in (("a", True), ("b", True), (["z", "b"], True), ("c", False), (["c", "d"], False)):
        assert (load(several, mint(audience=audience)) is not None) is good
    assert load(JWTVerifier(public_key=keys.public_key), mint(audience="anything")) is not None


@pytest.mark.parametrize("issuer, good", [("https://a.example", True), ("b", True), ("c", False)])
def test_issuers(keys, mint, issuer, good):
    provider = JWTVerifier(public_key=keys.public_key, issuer=["https://a.example", "b"])
    assert (load(provider, mint(issuer=issuer)) is not None) is good


@pytest.mark.parametrize(
    "claims, scopes",
    [
        ({"scope": "read write"}, ["read", "write"]),
        ({"scope": ["read", "write"]}, ["read", "write"]),
        ({"scp": "read"}, ["read"]),
        ({"scp": ["read", "write"]}, ["read", "write"]),
        ({"scope": "read", "scp": "admin"}, ["read"]),
        ({"scope": "", "scp": "admin"}, []),
        ({}, []),
    ],
    ids=repr,
)
def test_scopes(provider, mint, claims, scopes):
    assert load(provider, mint(scopes=None, additional_claims=claims)).scopes == scopes


@pytest.mark.parametrize(
    "claims, client_id",
    [({"client_id": "app", "azp": "z"}, "app"), ({"azp": "z"}, "z"), ({}, "alice"), ({"client_id": ""}, "alice")],
    ids=repr,
)
def test_client_id(provider, mint, claims, client_id):
    assert load(provider, mint(additional_claims=claims)).client_id == client_id


def test_missing_scope(keys, mint):
    options = {"public_key": keys.public_key, "required_scopes": ["tools:call", "admin"]}
    assert load(JWTVerifier(**options), mint()) is None
    assert load(BearerAuthProvider(**options), mint()).scopes == SCOPES
    assert load(JWTVerifier(**options), mint(scopes=["admin", "tools:call"])) is not None


def test_leeway_reaches_the_middleware(keys, mint):
    """The middleware compares expires_at with the clock again; a forgiven token must get past that too."""
    token = mint(expires_in_seconds=-20)
    assert load(JWTVerifier(public_key=keys.public_key, leeway=10), token) is None
    access = load(JWTVerifier(public_key=keys.public_key, leeway=30.5), token)
    assert access.expires_at >= int(time.time())


def test_tokens_without_exp(keys, mint):
    signed = keys.create_token(issuer=ISSUER, expires_in_seconds=10)
    assert load(JWTVerifier(public_key=keys.public_key, require_exp=False), signed).expires_at is not None
    # a token without exp cannot be made with create_token alone
    pair = fastbearer.KeyPair.generate("RS256")
    token = pair.sign('{"alg":"RS256","typ":"JWT"}', '{"sub":"alice"}')
    assert load(JWTVerifier(public_key=pair.public_key, require_exp=False), token).expires_at is None
    assert load(JWTVerifier(public_key=pair.public_key), token) is None


def test_algorithms(mint):
    for algorithm in ("ES256", "EdDSA", "PS384", "ES512"):
        pair = fastbearer.KeyPair.generate(algorithm)
        token = pair.create_token(issuer=ISSUER)
        assert load(JWTVerifier(public_key=pair.public_key, algorithm=algorithm), token) is not None, algorithm
        other = JWTVerifier(public_key=pair.public_key, algorithm="RS256")
        if algorithm == "PS384":
            assert load(other, token) is None
        else:
            with pytest.raises(fastbearer.ConfigurationError, match="algorithms"):
                load(other, token)
        assert JWTVerifier(public_key=pair.public_key, algorithm=algorithm).algorithm == algorithm
    both = JWTVerifier(public_key=pair.public_key, algorithms=["ES256", "ES512"])
    assert load(both, token) is not None and both.algorithm == "ES256"


def test_jwks_document(keys, mint):
    provider = JWTVerifier(jwks=keys.jwks("k1"), issuer=ISSUER)
    assert provider.public_key is None and load(provider, mint(kid="k1")) is not None


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@BOTH
def test_shared_secret_as_public_key(kind, algorithm, caplog):
    caplog.set_level("INFO", logger="fastbearer")
    long_enough = "x" * 64
    token = hmac_token(long_enough, algorithm)
    provider = kind(public_key=long_enough, algorithm=algorithm, issuer=ISSUER, required_claims={"sub": "alice"})
    assert provider.public_key == long_enough
    assert load(provider, token).client_id == "alice" and not caplog.records
    assert load(provider, hmac_token("y" * 64, algorithm)) is None
    other = "HS512" if algorithm == "HS256" else "HS256"
    assert load(provider, hmac_token(long_enough, other)) is None


def hmac_token(secret, algorithm="HS256", **claims):
    import base64
    import hashlib
    import hmac
    import json

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    payload = {"sub": "alice", "iss": ISSUER, "iat": int(time.time()), "exp": int(time.time()) + 60, **claims}
    text = b64(json.dumps({"alg": algorithm}).encode()) + b"." + b64(json.dumps(payload).encode())
    digest = hmac.new(secret.encode(), text, getattr(hashlib, "sha" + algorithm[2:])).digest()
    return (text + b"." + b64(digest)).decode()


def test_a_short_secret_is_accepted_with_one_warning(caplog):
    provider = JWTVerifier(public_key="short", algorithm="HS256")
    for _ in range(3):
        assert load(provider, hmac_token("short")) is not None
    assert [r.levelno for r in caplog.records if "fewer than" in r.getMessage()] == [logging.WARNING]
    assert "short" not in caplog.text.replace("shorter", "")


def test_secret_parameter():
    provider = JWTVerifier(secret=SECRET)
    assert provider.algorithm == "HS256" and provider.public_key is None
    assert load(provider, hmac_token(SECRET)) is not None


# --- what is logged -------------------------------------------------------------------------------------------------


def test_no_token_in_any_log(keys, other_keys, mint, caplog):
    caplog.set_level("DEBUG")
    provider = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=SCOPES)
    tokens = every_kind_of_token(mint, other_keys)
    for token in tokens:
        run(provider.verify_token(token))
    assert_no_token_in(caplog.text, tokens)
    assert "token_expired" in caplog.text and "issuer_mismatch" in caplog.text and ISSUER in caplog.text


def test_a_flood_is_logged_as_a_count(keys, caplog):
    caplog.set_level("INFO", logger="fastbearer")
    provider = JWTVerifier(public_key=keys.public_key, audience=AUDIENCE)
    now = [1000.0]
    provider._log._limit._clock = lambda: now[0]
    for _ in range(500):
        run(provider.verify_token("garbage"))
    assert len(caplog.records) == 1 and caplog.records[0].levelno == logging.INFO
    now[0] += 11
    run(provider.verify_token("garbage"))
    assert len(caplog.records) == 2 and "499 more" in caplog.text


def test_on_reject(keys, mint):
    seen = []
    provider = JWTVerifier(public_key=keys.public_key, on_reject=seen.append)
    run(provider.verify_token(mint(expires_in_seconds=-5)))
    assert [rejection.code for rejection in seen] == ["token_expired"]


# --- key pair, helpers, other providers of FastMCP --------------------------------------------------------------------


def test_key_pair():
    pair = RSAKeyPair.generate()
    private = pair.private_key.get_secret_value()
    assert private.startswith("-----BEGIN PRIVATE KEY-----") and private.endswith("-----END PRIVATE KEY-----\n")
    assert pair.public_key.startswith("-----BEGIN PUBLIC KEY-----")
    assert isinstance(pair, host.UPSTREAM_KEY_PAIR)
    for text in (repr(pair), str(pair), repr(pair.private_key), str(pair.private_key)):
        assert private[40:80] not in text
    again = RSAKeyPair(private_key=pair.private_key, public_key=pair.public_key)
    assert again == pair
    assert load(JWTVerifier(public_key=pair.public_key), again.create_token()) is not None
    with pytest.raises(Exception):
        pair.public_key = "x"


def test_create_token_as_upstream_does(keys):
    """Our tokens and FastMCP's own say the same, and each one's verifier accepts the other's."""
    import base64
    import json

    arguments = {
        "subject": "s", "issuer": ISSUER, "audience": AUDIENCE, "scopes": ["a", "b"], "expires_in_seconds": 120,
        "additional_claims": {"x": {"ü": [1, 2.5, None]}, "big": 2**70}, "kid": "k1",
    }  # fmt: skip

    def parts(token):
        return [json.loads(base64.urlsafe_b64decode(part + "===")) for part in token.split(".")[:2]]

    ours = RSAKeyPair(private_key=keys_secret(keys), public_key=keys.public_key)
    theirs = host.UPSTREAM_KEY_PAIR(private_key=keys_secret(keys), public_key=keys.public_key)
    (header, claims), (their_header, their_claims) = (
        parts(ours.create_token(**arguments)),
        parts(theirs.create_token(**arguments)),
    )
    assert header == their_header
    for name in ("iat", "exp"):
        assert abs(claims.pop(name) - their_claims.pop(name)) <= 1
    assert claims == their_claims
    upstream = host.UPSTREAM(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    assert run(upstream.load_access_token(ours.create_token(**arguments))) is not None
    mine = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    assert load(mine, theirs.create_token(**arguments)) is not None


def keys_secret(keys):
    from pydantic import SecretStr

    private = keys.private_key
    return SecretStr(private.get_secret_value())


def test_get_access_token_outside_of_a_request():
    assert get_access_token() is None


def test_top_level_names():
    assert fastbearer.BearerAuthProvider is BearerAuthProvider
    assert fastbearer.JWTVerifier is JWTVerifier


def test_environment(monkeypatch, keys, mint):
    """2.11 to 2.14 read what is not given from the environment; 2.6 to 2.10 have a class for that."""
    if hasattr(fastbearer.fastmcp, "EnvBearerAuthProvider"):
        monkeypatch.setenv("FASTMCP_AUTH_BEARER_PUBLIC_KEY", keys.public_key)
        monkeypatch.setenv("FASTMCP_AUTH_BEARER_AUDIENCE", AUDIENCE)
        provider = fastbearer.fastmcp.EnvBearerAuthProvider(issuer=ISSUER)
    elif "Settings" in str(vars(__import__(host.UPSTREAM.__module__, fromlist=["x"])).keys()):
        monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY", keys.public_key)
        monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_ISSUER", ISSUER)
        monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_AUDIENCE", AUDIENCE)
        monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_REQUIRED_SCOPES", '["tools:call"]')
        provider = JWTVerifier()
        assert provider.required_scopes == SCOPES
    else:
        pytest.skip("this FastMCP reads no environment")
    assert (provider.issuer, provider.audience) == (ISSUER, AUDIENCE)
    assert load(provider, mint()) is not None and load(provider, mint(audience="x")) is None


def test_server_that_takes_its_provider_from_the_settings(monkeypatch, keys):
    """2.12 to 2.14: FASTMCP_SERVER_AUTH names a class, which is made without arguments."""
    import fastmcp

    if not hasattr(fastmcp.settings, "server_auth_class"):
        pytest.skip("this FastMCP has no such setting, or (2.11) a registry of names")
    monkeypatch.setattr(fastmcp.settings, "server_auth", "fastbearer.fastmcp.JWTVerifier")
    monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY", keys.public_key)
    server = fastmcp.FastMCP("configured")
    assert type(server.auth) is JWTVerifier and server.auth.public_key == keys.public_key


def test_multi_auth(keys, other_keys, mint):
    try:
        from fastmcp.server.auth import MultiAuth
    except ImportError:
        pytest.skip("this FastMCP has no MultiAuth")
    auth = MultiAuth(
        verifiers=[
            JWTVerifier(public_key=keys.public_key, issuer=ISSUER),
            BearerAuthProvider(public_key=other_keys.public_key, issuer="https://second.example.com"),
        ]
    )
    assert run(auth.verify_token(mint())).claims["iss"] == ISSUER
    assert run(auth.verify_token(Minter(other_keys)(issuer="https://second.example.com"))) is not None
    assert run(auth.verify_token(Minter(other_keys)())) is None


def test_remote_auth_provider(keys, mint):
    try:
        from fastmcp.server.auth import RemoteAuthProvider
    except ImportError:
        pytest.skip("this FastMCP has no RemoteAuthProvider")
    from pydantic import AnyHttpUrl

    where = "base_url" if "base_url" in inspect.signature(RemoteAuthProvider).parameters else "resource_server_url"
    auth = RemoteAuthProvider(
        token_verifier=JWTVerifier(public_key=keys.public_key, required_scopes=SCOPES),
        authorization_servers=[AnyHttpUrl(ISSUER)],
        **{where: "https://mcp.example.com"},
    )
    assert run(auth.verify_token(mint())) is not None
    assert getattr(auth, "required_scopes", SCOPES) == SCOPES


def test_verification_stays_on_the_loops_thread(keys, mint, monkeypatch):
    provider, tokens = JWTVerifier(public_key=keys.public_key), [mint(), mint(expires_in_seconds=-5), "garbage"]

    def no_thread(self):
        raise AssertionError("a thread was started")

    monkeypatch.setattr("threading.Thread.start", no_thread)
    assert [load(provider, token) is not None for token in tokens] == [True, False, False]


def test_what_comes_from_the_cache_is_nobody_elses(keys, mint):
    provider = JWTVerifier(public_key=keys.public_key)
    token = mint(scopes=["tools:call"])
    untouched = load(provider, token)
    for _ in range(3):
        access = load(provider, token)
        assert access == untouched and access is not untouched
        access.scopes.append("admin")
        getattr(access, "claims", {})["admin"] = True
    assert untouched.scopes == ["tools:call"] and "admin" not in getattr(untouched, "claims", {})
    assert load(provider, token) == untouched
