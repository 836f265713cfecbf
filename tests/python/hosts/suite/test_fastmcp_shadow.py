"""A FastMCP server whose own verifier is in service, with ours in its shadow: it answers as it did before."""

import time

import pytest
from fastmcp import FastMCP
from support import AUDIENCE, ISSUER, SCOPES, Minter, cases, knock, serving

import fastbearer
from fastbearer import shadow
from fastbearer.fastmcp import JWTVerifier
from fastbearer.shadow import Difference, Shadow

try:
    from fastmcp.server.auth.providers.jwt import JWTVerifier as Theirs
except ImportError:
    from fastmcp.server.auth import BearerAuthProvider as Theirs

OPTIONS = {"issuer": ISSUER, "audience": AUDIENCE, "required_scopes": SCOPES}
#: FastMCP 3 and 4 answer 500 to the one, and to the other what their versions do.
LEFT_OUT = ("nested-header", "exp-infinity", "not-yet-valid")


def application(provider):
    return FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")


def wait_for(made, compared):
    give_up = time.monotonic() + 10
    while shadow.stats(made)["compared"] < compared:
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.mark.parametrize("candidate", ["theirs-by-name", "plain"])
def test_the_server_answers_as_it_did(keys, candidate):
    """Every token, on two servers: with the shadow and without."""
    found = []
    ours = fastbearer.Verifier if candidate == "plain" else JWTVerifier
    theirs = Theirs(public_key=keys.public_key, **OPTIONS)
    made = Shadow(theirs, ours(public_key=keys.public_key, **OPTIONS), on_difference=found.append)
    assert isinstance(made, type(theirs))
    compared = 0
    with serving(application(made)) as shadowed, serving(application(theirs)) as plain:
        for case in cases(missing_scope=0):
            if case.name in LEFT_OUT:
                continue
            token = case.token()
            answers = [knock(origin, "http", token) for origin in (shadowed, plain)]
            assert answers[0].status == answers[1].status, case
            assert answers[0].headers.get("www-authenticate") == answers[1].headers.get("www-authenticate"), case
            compared += token is not None
        wait_for(made, compared)
    # FastMCP's class of 2.6 leaves the scope to its middleware: ours refuses that token, which it hands on.
    scopes = [Difference("accepted", None, "refused", "insufficient_scope", None)]
    assert set(found) <= set(scopes) and shadow.stats(made)["skipped"] == 0


def test_a_difference_is_found(keys):
    found = []
    theirs = Theirs(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    stricter = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience="https://other.example")
    made = Shadow(theirs, stricter, on_difference=found.append)
    with serving(application(made)) as origin:
        assert knock(origin, "http", Minter(keys)()).status == 200
        wait_for(made, 1)
    # FastMCP 2.6 redirects, so that each token is verified twice.
    assert set(found) == {Difference("accepted", None, "refused", "audience_mismatch", "aud")}


def test_a_broken_candidate_changes_nothing(keys):
    async def broken(token):
        raise RuntimeError(token)

    made = Shadow(Theirs(public_key=keys.public_key, **OPTIONS), broken)
    with serving(application(made)) as origin:
        assert knock(origin, "http", Minter(keys)()).status == 200
        assert knock(origin, "http", "garbage").status == 401
        wait_for(made, 2)
    counts = shadow.stats(made)
    assert counts["compared"] == counts["different"] and counts["skipped"] == 0
