"""Several issuers behind FastMCP, and keys found by discovery: on a real server, with providers on loopback."""

import asyncio

import pytest
from fastmcp import FastMCP
from support import AUDIENCE, ISSUER, SCOPES, knock, run, serving

import fastbearer
from fastbearer import ConfigurationError, Issuer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp import _installed as host
from tests.idp import METADATA_FAULTS, IdentityProvider

BOTH = pytest.mark.parametrize("kind", [JWTVerifier, BearerAuthProvider])


@pytest.fixture
def idp():
    with IdentityProvider(issuer_path="/tenant") as made:
        yield made


@pytest.fixture
def other():
    with IdentityProvider(algorithms=["ES256"]) as made:
        yield made


def verify(provider, token):
    return run(provider.verify_token(token))


# --- discovery


@BOTH
def test_discover(kind, idp):
    provider = kind(issuer=idp.issuer, audience=AUDIENCE, discover=True)
    access = verify(provider, idp.mint(aud=AUDIENCE))
    assert access.claims["iss"] == idp.issuer if hasattr(access, "claims") else access is not None
    assert [request.path for request in idp.log] == ["/tenant/.well-known/openid-configuration", "/jwks"]
    assert len(provider.keys()) == 1 and len(provider._jwks_cache) == 1 and provider.jwks_uri is None
    run(provider.refresh())
    assert provider.stats()["fetches"] == 2
    idp.rotate()
    assert verify(provider, idp.mint(aud=AUDIENCE)) is not None
    assert verify(provider, idp.mint(aud=AUDIENCE, iss="https://evil.example")) is None


def test_discovery_is_asked_for():
    """FastMCP's users expect its own error without keys."""
    with pytest.raises(ValueError, match="public_key or jwks_uri"):
        JWTVerifier(issuer=ISSUER, audience=AUDIENCE)
    for options in ({"public_key": "x"}, {"jwks_uri": "https://a.example"}, {"secret": "s" * 32}):
        with pytest.raises(ValueError, match=f"Provide only one of .*{next(iter(options))}"):
            JWTVerifier(issuer=ISSUER, discover=True, **options)
    for issuer in (None, [ISSUER, "https://b.example"], "issuer"):
        with pytest.raises(ConfigurationError):
            JWTVerifier(issuer=issuer, discover=True)
    with pytest.raises(TypeError, match="discover must be bool"):
        JWTVerifier(issuer=ISSUER, discover="yes")
    with pytest.raises(ValueError, match="http_client cannot be used with ssrf_safe"):
        JWTVerifier(issuer=ISSUER, discover=True, ssrf_safe=True, http_client=object())


def test_metadata_that_cannot_be_used(idp, caplog):
    caplog.set_level("INFO", logger="fastbearer")
    idp.behave_metadata(METADATA_FAULTS["wrong_issuer"])
    provider = JWTVerifier(issuer=idp.issuer, audience=AUDIENCE, discover=True)
    assert verify(provider, idp.mint(aud=AUDIENCE)) is None
    assert "keys_unavailable" in caplog.text and f"configured issuer '{idp.issuer}'" in caplog.text
    assert provider._jwks_cache == {}


def test_another_policy_keeps_the_keys(idp):
    provider = JWTVerifier(issuer=idp.issuer, audience=AUDIENCE, discover=True)
    token = idp.mint(aud=AUDIENCE)
    assert verify(provider, token) is not None
    provider.audience = "https://other.example"
    assert verify(provider, token) is None and len(idp.log) == 2
    provider.issuer = idp.issuer + "/"
    assert verify(provider, token) is None and len(idp.log) > 2


# --- several issuers


@BOTH
def test_two_issuers_on_a_real_server(kind, idp, other):
    provider = kind(
        issuers=[
            Issuer(idp.issuer, jwks_uri=idp.jwks_uri),
            Issuer(other.issuer, algorithms="ES256", audience="https://other.example"),
        ],
        audience=AUDIENCE,
        required_scopes=SCOPES,
    )
    server = FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")
    tokens = {
        idp.mint(aud=AUDIENCE, scope=SCOPES[0]): 200,
        other.mint(aud="https://other.example", scope=SCOPES[0]): 200,
        other.mint(aud=AUDIENCE, scope=SCOPES[0]): 401,
        idp.mint(aud="https://other.example", scope=SCOPES[0]): 401,
        other.mint(aud=AUDIENCE, iss=idp.issuer, scope=SCOPES[0]): 401,
        idp.mint(aud=AUDIENCE, iss="https://evil.example", scope=SCOPES[0]): 401,
    }
    with serving(server) as origin:
        for _ in range(2):
            assert [knock(origin, "http", token).status for token in tokens] == list(tokens.values())
    first, second = (state["verified"] for state in provider.stats()["issuers"])
    assert first == second and first in (2, 4)  # FastMCP 2.6 asks twice for each request
    assert {key.issuer for key in provider.keys()} == {idp.issuer, other.issuer}
    run(provider.refresh())


def test_issuers_that_are_resolved(idp, other):
    known = {idp.issuer: Issuer(idp.issuer), other.issuer: Issuer(other.issuer, algorithms="ES256")}

    async def resolve(iss):
        await asyncio.sleep(0)
        return known.get(iss)

    provider = JWTVerifier(resolve_issuer=resolve, audience=AUDIENCE)
    assert verify(provider, idp.mint(aud=AUDIENCE)) is not None
    assert verify(provider, other.mint(aud=AUDIENCE)) is not None
    assert verify(provider, other.mint(aud=AUDIENCE, iss="https://evil.example")) is None
    assert [state["issuer"] for state in provider.stats()["issuers"]] == [idp.issuer, other.issuer]


@pytest.mark.parametrize(
    "options",
    [{"issuer": ISSUER}, {"public_key": "x"}, {"jwks_uri": "https://a.example"}, {"algorithm": "RS256"},
     {"algorithms": ["RS256"]}, {"secret": "s" * 32}, {"discover": True}, {"jwks_refresh_interval": 1.0},
     {"headers": {"a": "b"}}, {"fetch_timeout": 1.0}],
    ids=str,
)  # fmt: skip
def test_options_of_one_issuer_beside_several(options):
    with pytest.raises(ValueError, match=f"issuers and {next(iter(options))} exclude each other"):
        JWTVerifier(issuers=[Issuer(ISSUER)], audience=AUDIENCE, **options)


def test_hooks_that_choose_keys_are_refused(keys, mint):
    class Own(JWTVerifier):
        async def _get_verification_key(self, token):
            return keys.public_key

    provider = Own(issuers=[Issuer(ISSUER, public_key=keys.public_key)], audience=AUDIENCE)
    with pytest.raises(ConfigurationError, match="issuers have their own keys"):
        verify(provider, mint())


def test_fastmcp_is_given_a_random_key(monkeypatch):
    given = []
    original = host.UPSTREAM.__init__

    def record(self, **options):
        given.append(options["public_key"])
        original(self, **options)

    monkeypatch.setattr(host.UPSTREAM, "__init__", record)
    for options in ({"issuers": [Issuer(ISSUER)]}, {"issuer": ISSUER, "discover": True}):
        provider = JWTVerifier(audience=AUDIENCE, **options)
        assert provider.public_key is None
    assert len(set(given)) == 2 and all(len(key) > 64 for key in given)


# --- who it is for, and what is granted


@BOTH
def test_one_warning_where_anybodys_tokens_are_accepted(kind, keys, mint, caplog):
    provider = kind(public_key=keys.public_key, issuer=ISSUER)
    for audience in (None, AUDIENCE, None):
        provider.audience = audience
        assert verify(provider, mint()) is not None
    warnings = [record for record in caplog.records if "issued for other services" in record.getMessage()]
    assert [record.levelname for record in warnings] == ["WARNING"]
    caplog.clear()
    kind(public_key=keys.public_key, required_claims={"client_id": "a"})
    kind(public_key=keys.public_key, audience=AUDIENCE)
    assert not caplog.records


@BOTH
def test_a_scope_includes_others(kind, keys, mint):
    provider = kind(
        public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=["read"],
        scope_hierarchy={"admin": ["write"], "write": ["read"]},
    )  # fmt: skip
    server = FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")
    with serving(server) as origin:
        assert knock(origin, "http", mint(scopes=["admin"])).status == 200
        assert knock(origin, "http", mint(scopes=["other"])).status in (401, 403)
    assert verify(provider, mint(scopes=["admin", "x"])).scopes == ["admin", "x", "write", "read"]

    class Own(kind):
        def _extract_scopes(self, claims):
            return []

    own = Own(public_key=keys.public_key, audience=AUDIENCE, scope_hierarchy={"admin": ["write"]})
    with pytest.raises(ConfigurationError, match="scope_hierarchy"):
        verify(own, mint())


def test_values_of_claims_and_clocks(keys, mint):
    options = {"public_key": keys.public_key, "issuer": ISSUER, "required_claims": {"/a/0": [1, "x"]}}
    provider = JWTVerifier(**options, clock_skew=5, merge_scope_claims=True, scope_claims=["scope", "/roles"])
    claims = {"a": ["x"], "roles": ["r"]}
    assert verify(provider, mint(additional_claims=claims)).scopes == [*SCOPES, "r"]
    assert verify(provider, mint(additional_claims={"a": ["1"]})) is None
    import time

    assert verify(provider, mint(additional_claims={**claims, "nbf": time.time() + 60})) is None
    provider.clock_skew = 120
    assert verify(provider, mint(additional_claims={**claims, "nbf": time.time() + 60})) is not None
    assert isinstance(provider.stats()["issuers"], list) and fastbearer.Issuer is Issuer
