"""What the verifier and the SDK's AuthSettings say together: the audience, and the scopes of challenges."""

import re

import pytest
from mcp.server.auth.settings import AuthSettings
from support import AUDIENCE, ISSUER, SCOPES, Minter, knock, request, run, serving
from test_sdk_http import Server, TokenVerifier

import fastbearer
from fastbearer.mcp import JWTVerifier, ScopeChallenges

HAS_RESOURCE = "resource_server_url" in AuthSettings.model_fields
has_resource = pytest.mark.skipif(not HAS_RESOURCE, reason="this SDK's settings have no resource")


def settings_for(url=AUDIENCE, **more):
    settings = {"issuer_url": ISSUER, "required_scopes": SCOPES, **more}
    if HAS_RESOURCE:
        settings["resource_server_url"] = url
    if "validate_token_resource" in AuthSettings.model_fields and url is not None:
        settings["validate_token_resource"] = True
    return AuthSettings(**settings)


def server_for(verifier, settings):
    how = {"token_verifier": verifier} if TokenVerifier else {"auth_server_provider": verifier}
    return Server("guarded", auth=settings, **how)


@has_resource
@pytest.mark.parametrize("url", [AUDIENCE, AUDIENCE + "/", "https://MCP.example.com/mcp"], ids=repr)
def test_the_audience_is_the_url_of_the_settings(keys, url):
    settings = settings_for(url)
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience="resource", auth=settings)
    mint = Minter(keys)
    good = [AUDIENCE, AUDIENCE + "/", [AUDIENCE, "x"]]
    bad = ["https://mcp.example.com", "https://mcp.example.com/other", "resource", None, ["x"]]
    with serving(server_for(verifier, settings).streamable_http_app()) as origin:
        seen = [knock(origin, "http", mint(audience=audience)).status for audience in (*good, *bad)]
    assert seen == [200] * len(good) + [401] * len(bad)


@has_resource
def test_beside_other_audiences(keys):
    options = {"public_key": keys.public_key, "audience": ["api://mine", "resource"], "auth": settings_for()}
    verifier, mint = JWTVerifier(**options), Minter(keys)
    for audience, good in ((AUDIENCE, True), ("api://mine", True), ("resource", False), ("api://other", False)):
        assert (run(verifier.verify_token(mint(audience=audience))) is not None) is good


def test_settings_that_have_no_url_are_refused(keys):
    for auth in (None, settings_for(None)):
        with pytest.raises(fastbearer.ConfigurationError, match='audience="resource"'):
            JWTVerifier(public_key=keys.public_key, audience="resource", auth=auth)


def scopes_in(answer):
    found = re.findall(r'\bscope="([^"]*)"', answer.headers["www-authenticate"])
    assert len(found) == 1, answer.headers
    return found[0]


@pytest.mark.parametrize(
    "names, asked",
    [
        (None, "read tools:call"),
        (["api://app/all"], "api://app/all"),
        ({"read": "api://app/read"}, "api://app/read tools:call"),
    ],
    ids=repr,
)
def test_challenges_name_all_scopes_that_are_required(keys, names, asked):
    settings = settings_for(required_scopes=[*SCOPES, "offline_access"])
    verifier = JWTVerifier(
        public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=["read"], auth=settings,
        challenge_scopes=names,
    )  # fmt: skip
    app = server_for(verifier, settings).streamable_http_app()
    app.add_middleware(ScopeChallenges, verifier=verifier)
    mint = Minter(keys)
    with serving(app) as origin:
        for token, status in (
            (None, 401), ("garbage", 401), (mint(scopes=SCOPES), 401), (mint(scopes=["read"]), 403),
        ):  # fmt: skip
            answer = knock(origin, "http", token)
            assert answer.status == status
            if status == 401 or "www-authenticate" in answer.headers:  # 1.9 has none at all
                assert scopes_in(answer) == asked
        admitted = knock(origin, "http", mint(scopes=["read", *SCOPES, "offline_access"]))
        assert admitted.status == 200 and "www-authenticate" not in admitted.headers
        assert request(f"{origin}/nothing").status == 404


@pytest.mark.parametrize("names", ["read", [""], {"read": 5}], ids=repr)
def test_names_that_are_no_scopes_are_refused_at_construction(keys, names):
    with pytest.raises(fastbearer.ConfigurationError, match="challenge_scopes"):
        JWTVerifier(public_key=keys.public_key, challenge_scopes=names)
