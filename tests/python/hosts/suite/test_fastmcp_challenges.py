"""Which scopes a challenge asks for: all that are required, in one parameter, under the names that clients use."""

import json
import re

import pytest
from fastmcp import FastMCP
from support import AUDIENCE, ISSUER, Minter, knock, request, serving

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp import _installed as host

ASKS = hasattr(host.AUTH_PROVIDER, "get_challenge_scopes")  # FastMCP 4 names scopes itself

pytestmark = pytest.mark.skipif(not host.HAS_MIDDLEWARE_HOOK, reason="this FastMCP asks nobody for its middleware")


def verifier(keys, kind=JWTVerifier, **options):
    given = {
        "public_key": keys.public_key,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "base_url": "https://mcp.example.com",
    }
    return kind(**{**given, "required_scopes": ["read", "write", "offline_access"], **options})


def application(auth):
    return FastMCP("guarded", auth=auth).http_app(path="/mcp", transport="streamable-http")


def scopes_in(answer, scheme="Bearer"):
    challenges = re.split(r", (?=DPoP )", answer.headers["www-authenticate"])
    (challenge,) = [text for text in challenges if text.startswith(scheme)]
    found = re.findall(r'\bscope="([^"]*)"', challenge)
    assert len(found) == 1, answer.headers
    return found[0]


@pytest.mark.parametrize("kind", [JWTVerifier, BearerAuthProvider])
@pytest.mark.parametrize(
    "names, asked",
    [
        (None, "read write"),
        (["api://app/all"], "api://app/all"),
        ({"read": "api://app/read", "write": "api://app/write"}, "api://app/read api://app/write"),
    ],
    ids=repr,
)
def test_whoever_refuses(keys, kind, names, asked):
    mint = Minter(keys)
    refused = 403 if kind is BearerAuthProvider else 401
    with serving(application(verifier(keys, kind, challenge_scopes=names))) as origin:
        for token, status in (
            (None, 401), ("garbage", 401), (mint(expires_in_seconds=-5), 401), (mint(scopes=["write"]), refused),
        ):  # fmt: skip
            answer = knock(origin, "http", token)
            assert (answer.status, scopes_in(answer)) == (status, asked)
            assert ASKS or "resource_metadata=" in answer.headers["www-authenticate"]  # 4 serves none for a verifier
        admitted = knock(origin, "http", mint(scopes=["read", "write", "offline_access"]))
        assert admitted.status == 200 and "www-authenticate" not in admitted.headers


def test_without_required_scopes_nothing_is_named(keys):
    with serving(application(verifier(keys, required_scopes=None))) as origin:
        assert "scope=" not in knock(origin, "http", None).headers["www-authenticate"]


def test_scopes_that_are_written_later_count(keys):
    auth = verifier(keys)
    if ASKS:
        auth.required_scopes = ["admin"]
        assert auth.challenge_scopes == auth.scopes_supported == ["admin"]
        return
    with serving(application(auth)) as origin:
        auth.required_scopes = ["admin"]
        assert scopes_in(knock(origin, "http", None)) == "admin"


def test_both_schemes_name_the_same(keys):
    auth = verifier(keys, dpop=fastbearer.DPoP(), challenge_scopes={"read": "api://app/read"})
    with serving(application(auth)) as origin:
        for token in (None, "garbage"):
            answer = knock(origin, "http", token)
            assert scopes_in(answer) == scopes_in(answer, "DPoP") == "api://app/read write"


def test_held_by_another_auth_object(keys):
    """FastMCP 4 asks the verifier that it holds; older ones name no scopes."""
    from fastmcp.server.auth import RemoteAuthProvider
    from pydantic import AnyHttpUrl

    held = verifier(keys, challenge_scopes={"read": "api://app/read"})
    auth = RemoteAuthProvider(held, [AnyHttpUrl(ISSUER)], "https://mcp.example.com")
    with serving(application(auth)) as origin:
        answer = knock(origin, "http", None)
        if ASKS:
            assert scopes_in(answer) == "api://app/read write"
            document = json.loads(request(f"{origin}/.well-known/oauth-protected-resource/mcp").body)
            assert document["scopes_supported"] == ["api://app/read", "write"]


def test_scopes_of_the_server_and_of_the_verifier_stand_together(keys):
    held = verifier(keys)
    if not ASKS:
        assert held.get_challenge_scopes(["admin", "read"]) == ["read", "write", "admin"]
        return
    from fastmcp.server.auth import MultiAuth

    auth = MultiAuth(verifiers=[held], base_url="https://mcp.example.com", required_scopes=["admin", "read"])
    with serving(application(auth)) as origin:
        assert scopes_in(knock(origin, "http", None)) == "read write admin"


@pytest.mark.parametrize("names", ["read", ["a b"], {"read": ""}], ids=repr)
def test_names_that_are_no_scopes_are_refused_at_construction(keys, names):
    with pytest.raises(fastbearer.ConfigurationError, match="challenge_scopes"):
        verifier(keys, challenge_scopes=names)
