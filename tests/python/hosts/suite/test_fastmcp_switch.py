"""Beside the installed FastMCP's own class: the same parameters, attributes, error texts, and uses by FastMCP
itself."""

import inspect
import json
import logging

import pytest
from support import AUDIENCE, ISSUER, SCOPES, Minter, knock, request, run, serving

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp import _installed as host

BOTH = pytest.mark.parametrize("kind", [BearerAuthProvider, JWTVerifier])
JWKS_URI = "https://issuer.example.com/.well-known/jwks.json"
UPSTREAM_HAS_BASE_URL = "base_url" in host.PARAMETERS
OURS_ALONE = {"jwt", "logger"}  # an object of the JOSE library; where FastMCP's own lines go


def outcome(kind, options):
    try:
        kind(**options)
    except ValueError as error:
        return str(error)
    except TypeError:
        return TypeError
    return None


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"public_key": ""},
        {"public_key": None, "jwks_uri": None},
        {"public_key": "x", "jwks_uri": JWKS_URI},
        {"public_key": "x", "algorithm": "none"},
        {"public_key": "x", "algorithm": "rs256"},
        {"jwks_uri": JWKS_URI, "algorithm": "HS256"},
        {"public_key": "-----BEGIN PUBLIC KEY-----", "algorithm": "HS256"},
        {"jwks_uri": JWKS_URI, "ssrf_safe": True, "http_client": object()},
        {"jwks_uri": JWKS_URI, "jwks_refresh_interval": -1.0},
        {"jwks_uri": JWKS_URI, "jwks_refresh_interval": float("inf")},
    ],
    ids=repr,
)
def test_error_texts_are_the_installed_ones(kind, options):
    """Older versions accept some of these, or do not know the parameter; what they refuse, we refuse in their words."""
    theirs = outcome(host.UPSTREAM, options)
    if isinstance(theirs, str):
        assert outcome(kind, options) == theirs
    else:
        assert isinstance(outcome(kind, options), str)


@BOTH
def test_parameters_are_the_installed_ones(kind):
    ours = inspect.signature(kind).parameters
    for name, parameter in list(inspect.signature(host.UPSTREAM.__init__).parameters.items())[1:]:
        if name == "resource_server_url":  # 2.11 calls base_url so; both work
            name = "base_url"
        assert name in ours
        if parameter.default not in (parameter.empty, ...):  # 2.11 to 2.14 write "not given" so
            assert repr(ours[name].default) == repr(parameter.default), name


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {"public_key": "x"},
        {"public_key": "x" * 32, "algorithm": "HS256"},
        {"jwks_uri": JWKS_URI, "issuer": ISSUER, "audience": AUDIENCE, "required_scopes": SCOPES},
        {"jwks_uri": JWKS_URI, "issuer": "", "audience": "", "required_scopes": []},
    ],
    ids=repr,
)
def test_attributes_are_the_installed_ones(kind, options):
    if "algorithm" in options and "algorithm" not in host.PARAMETERS:
        pytest.skip("this FastMCP has one algorithm")
    theirs, ours = host.UPSTREAM(**options), kind(**options)
    for name, value in vars(theirs).items():
        if name not in OURS_ALONE and "lock" not in name:
            assert getattr(ours, name) == value, name
    assert not [name for name in dir(theirs) if not hasattr(ours, name)]


@BOTH
def test_unknown_parameters_are_named(kind):
    with pytest.raises(TypeError, match=f"{kind.__name__}.*'isuer'; did you mean 'issuer'"):
        kind(public_key="x", isuer=ISSUER)


@BOTH
@pytest.mark.parametrize(
    "name, value",
    [
        ("issuer", 5), ("audience", 5), ("audience", {"a": 1}), ("issuer", b"x"), ("required_scopes", 5),
        ("leeway", -1), ("leeway", "5"), ("leeway", float("nan")), ("require_exp", "no"), ("required_claims", [""]),
        ("token_type", "jwt"), ("scope_claims", 7), ("client_id_claims", [""]), ("max_token_bytes", 0),
        ("cache_size", -1), ("fetch_timeout", 0), ("stale_if_error", -1), ("max_jwks_bytes", 0), ("on_reject", 5),
        ("allow_http", "yes"), ("trust_env", None), ("ssrf_safe", 1), ("ca_file", "/nowhere"), ("audience", [""]),
        ("required_scopes", ["a b"]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_wrong_option_is_named_at_construction(kind, name, value):
    """Not with the first token: a server that starts must be one that can work."""
    if name == "required_scopes" and isinstance(value, list) and kind is BearerAuthProvider:
        pytest.skip("left to the middleware, as they are")
    with pytest.raises((ValueError, TypeError), match=name):
        kind(jwks_uri=JWKS_URI, **{name: value})


@BOTH
@pytest.mark.parametrize(
    "options, message",
    [
        ({"public_key": 5}, "public_key must be"),
        ({"public_key": fastbearer.KeyPair.generate("ES256")}, "public_key must be .*not KeyPair"),
        ({"jwks_uri": 5}, "jwks_uri must be"),
        ({"jwks": "{}"}, "jwks: the document has no array"),
        ({"jwks": {"keys": []}}, "jwks: the key set is empty"),
        ({"secret": "-----BEGIN PUBLIC KEY-----"}, "secret: holds a PEM"),
        ({"jwks": fastbearer.KeyPair.generate("ES256").jwks(), "algorithm": "HS256"}, "algorithms: HMAC"),
    ],
    ids=repr,
)
def test_a_key_that_cannot_be_one_is_named_at_construction(kind, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        kind(**options)


@BOTH
def test_a_wrong_option_written_later_is_said_once(kind, keys, mint, caplog):
    provider = kind(public_key=keys.public_key, audience=AUDIENCE)
    provider.leeway = "5"
    for _ in range(3):
        with pytest.raises(fastbearer.ConfigurationError, match="leeway"):
            run(provider.verify_token(mint()))
    assert [record.levelno for record in caplog.records] == [logging.WARNING] and "leeway" in caplog.text
    provider.leeway = 5
    assert run(provider.verify_token(mint())) is not None


@BOTH
def test_base_url(kind, keys, mint):
    """It can be given and written, and what the server tells its clients follows."""
    if host.IS_OAUTH_PROVIDER:
        with pytest.raises(TypeError, match="base_url needs FastMCP 2.11"):
            kind(public_key=keys.public_key, base_url="https://mcp.example.com")
        return
    attribute = "base_url" if UPSTREAM_HAS_BASE_URL else "resource_server_url"
    provider = kind(public_key=keys.public_key, base_url="https://first.example.com")
    assert str(getattr(provider, attribute)).rstrip("/") == "https://first.example.com"
    from pydantic import AnyHttpUrl

    setattr(provider, attribute, AnyHttpUrl("https://second.example.com"))
    assert str(getattr(provider, attribute)).rstrip("/") == "https://second.example.com"
    if hasattr(provider, "_get_resource_url"):  # what FastMCP writes into challenges and metadata
        assert str(provider._get_resource_url("/mcp")) == "https://second.example.com/mcp"
    assert run(provider.verify_token(mint())) is not None


def test_the_fast_path_is_left_only_for_real_overrides(keys, mint):
    class Renamed(JWTVerifier):
        """Overrides nothing that verification asks."""

        region = "eu"

        async def verify_token(self, token):
            return await super().verify_token(token)

        async def load_access_token(self, token):
            return await super().load_access_token(token)

    class Own(Renamed):
        def _extract_scopes(self, claims):
            return super()._extract_scopes(claims)

    for kind, direct in ((JWTVerifier, True), (BearerAuthProvider, True), (Renamed, True), (Own, False)):
        provider = kind(public_key=keys.public_key)
        assert run(provider.verify_token(mint())) is not None
        assert provider._compiled.has_hooks is not direct, kind


def test_few_calls_between_the_host_and_the_verifier(keys, mint):
    """What `await verify_token()` costs above Verifier.verify() is Python calls; the benchmarks have their price."""
    import sys

    provider, token = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE), mint()
    run(provider.verify_token(token))
    entered = []

    def profile(frame, event, argument):
        if event == "call":
            entered.append(frame.f_code.co_name)

    coroutine = provider.verify_token(token)
    sys.setprofile(profile)
    try:
        coroutine.send(None)
    except StopIteration as done:
        access = done.value
    finally:
        sys.setprofile(None)
    assert access.client_id == "alice"
    ours = [name for name in entered if not name.startswith("__")]
    # make: the model's values are not validated again, so that its __init__ and its validators are not there.
    assert ours == ["verify_token", "load_access_token", "is_outdated", "verify_async", "_access_token", "make"]
    assert entered == ours


def test_behind_a_remote_auth_provider_on_a_real_server(keys, mint):
    """FastMCP serves the metadata and challenges with it; ours decides about the tokens."""
    try:
        from fastmcp.server.auth import RemoteAuthProvider
    except ImportError:
        pytest.skip("this FastMCP has no RemoteAuthProvider")
    from fastmcp import FastMCP
    from pydantic import AnyHttpUrl

    where = "base_url" if "base_url" in inspect.signature(RemoteAuthProvider).parameters else "resource_server_url"
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=SCOPES)
    auth = RemoteAuthProvider(
        token_verifier=verifier, authorization_servers=[AnyHttpUrl(ISSUER)], **{where: "https://mcp.example.com"}
    )
    with serving(FastMCP("guarded", auth=auth).http_app(path="/mcp", transport="streamable-http")) as origin:
        refused = knock(origin, "http", "garbage")
        place = refused.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        assert refused.status == 401 and place.startswith(
            "https://mcp.example.com/.well-known/oauth-protected-resource"
        )
        document = json.loads(request(origin + place.removeprefix("https://mcp.example.com")).body)
        assert [server.rstrip("/") for server in document["authorization_servers"]] == [ISSUER]
        assert knock(origin, "http", mint()).status == 200
        assert knock(origin, "http", mint(audience="https://other.example.com")).status == 401


def test_authkit_binds_the_audience(keys, monkeypatch):
    """FastMCP's own provider makes a JWTVerifier and writes its audience when it learns the server's path."""
    workos = pytest.importorskip("fastmcp.server.auth.providers.workos")
    if not hasattr(workos, "AuthKitProvider") or not hasattr(workos.AuthKitProvider, "set_mcp_path"):
        pytest.skip("this FastMCP's provider does not do that")
    from fastmcp import FastMCP

    monkeypatch.setattr(workos, "JWTVerifier", JWTVerifier)
    auth = workos.AuthKitProvider(authkit_domain="https://kit.example.com", base_url="https://mcp.example.com")
    if auth.token_verifier.audience is None and "_auto_bind_audience" not in vars(auth):
        pytest.skip("this FastMCP's provider does not do that")
    verifier = auth.token_verifier
    assert type(verifier) is JWTVerifier

    async def published():
        return keys.jwks("k1")

    monkeypatch.setattr(verifier, "_fetch_jwks", published)
    before = run(
        verifier.verify_token(Minter(keys)(issuer="https://kit.example.com", audience="https://other", kid="k1"))
    )
    FastMCP("guarded", auth=auth).http_app(path="/mcp", transport="streamable-http")
    assert verifier.audience == AUDIENCE
    for audience, good in ((AUDIENCE, True), ("https://other", False)):
        token = Minter(keys)(issuer="https://kit.example.com", audience=audience, kid="k1")
        assert (run(verifier.verify_token(token)) is not None) is good, audience
    assert before is None or verifier.audience == AUDIENCE


def test_what_a_line_of_the_log_holds(keys, mint, caplog):
    """Code, key id asked for, configured issuer; each code has its own count."""
    caplog.set_level("INFO", logger="fastbearer")
    provider = JWTVerifier(jwks=keys.jwks("k1"), issuer=ISSUER, audience=AUDIENCE)
    for _ in range(2):
        run(provider.verify_token(mint(kid="k9")))
        run(provider.verify_token(mint(kid="k1", issuer="https://evil.example.com")))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 and {record.levelno for record in caplog.records} == {logging.INFO}
    assert "key_not_found" in lines[0] and "'k9'" in lines[0] and ISSUER in lines[0]
    assert "issuer_mismatch" in lines[1] and ISSUER in lines[1]
    assert (
        "; got https://evil.example.com" in lines[1] and caplog.text.count("evil") == 1
    )  # the claim is a verified one


def test_keys_of_every_kind_for_one_server(mint):
    """Several algorithms in one verifier, one of them newer than most of the hosts."""
    pairs = {name: fastbearer.KeyPair.generate(name) for name in ("RS256", "ES256", "EdDSA")}
    document = {"keys": [key for name, pair in pairs.items() for key in pair.jwks(name)["keys"]]}
    provider = JWTVerifier(jwks=document, algorithms=["RS256", "ES256", "EdDSA"], issuer=ISSUER)
    for name, pair in pairs.items():
        assert run(provider.verify_token(pair.create_token(issuer=ISSUER, kid=name))) is not None, name
        other = "ES256" if name != "ES256" else "RS256"
        assert run(provider.verify_token(pair.create_token(issuer=ISSUER, kid=other))) is None
