"""What a refusal says to a client: which scopes to ask for, under which names, in one parameter."""

import asyncio
import re

import pytest

import fastbearer
from fastbearer._challenge import Challenger, ScopeMiddleware


def scope_of(challenger, *refusal, **more):
    headers = dict(challenger.refuse(*refusal, **more).headers)
    found = re.findall(r'\bscope="([^"]*)"', headers[b"www-authenticate"].decode())
    assert len(found) <= 1
    return found[0] if found else None


def challenger(*scopes, names=None, dpop=None):
    return Challenger(None, scopes, None, dpop, names)


@pytest.mark.parametrize(
    "names, asked, lacking",
    [
        (None, "read write", "read write admin"),
        (["api://app/all"], "api://app/all", "api://app/all admin"),
        (("a", "b", "a"), "a b", "a b admin"),
        ([], None, "admin"),
        ({"read": "api://app/read"}, "api://app/read write", "api://app/read write admin"),
        ({"read": "r", "write": "w", "admin": "a"}, "r w", "r w a"),
        ({"read": "x", "write": "x"}, "x", "x admin"),
    ],
    ids=repr,
)
def test_everything_that_is_required_stands_in_one_parameter(names, asked, lacking):
    resource = challenger("read", "write", names=names)
    assert scope_of(resource, 401) == asked
    assert scope_of(resource, 401, "invalid_token") == asked
    assert scope_of(resource, 403, "insufficient_scope", scopes=["write"]) == asked
    assert scope_of(resource, 403, "insufficient_scope", scopes=["write", "admin"]) == lacking
    assert scope_of(resource, 400, "invalid_request") is None


@pytest.mark.parametrize("names", [None, ["read", "offline_access"], {"write": "offline_access"}], ids=repr)
def test_offline_access_is_never_asked_for(names):
    resource = challenger("read", "offline_access", names=names)
    assert scope_of(resource, 401) == "read"
    assert scope_of(resource, 403, "insufficient_scope", scopes=["offline_access", "write"]) in ("read", "read write")


@pytest.mark.parametrize(
    "names", ["read", b"read", 5, [""], ["a b"], [5], ['a"b\n'], {"read": ""}, {"read": None}, {"x": "\x7f"}], ids=repr
)
def test_names_that_are_no_scopes_are_refused_at_construction(names):
    with pytest.raises(fastbearer.ConfigurationError, match="challenge_scopes"):
        challenger("read", names=names)


def test_both_schemes_ask_for_the_same():
    resource = challenger("read", names={"read": "api://app/read"}, dpop=fastbearer.DPoP())
    challenges = dict(resource.refuse(401).headers)[b"www-authenticate"].decode()
    assert re.findall(r'(\w+) [^,]*?(?:algs="[^"]*", )?scope="([^"]*)"', challenges) == [
        ("Bearer", "api://app/read"), ("DPoP", "api://app/read"),
    ]  # fmt: skip


def completed(status, *challenges):
    """What a client gets of a framework that answers with these, behind a ScopeMiddleware."""
    sent = []

    async def app(scope, receive, send):
        headers = [(b"X-Other", b"1"), *((b"WWW-Authenticate", text.encode()) for text in challenges)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def keep(message):
        sent.append(message)

    asyncio.run(ScopeMiddleware(app, scopes=lambda: ["read", "write"])({"type": "http"}, None, keep))
    assert sent[0]["headers"][0] == (b"X-Other", b"1") and sent[1] == {"type": "http.response.body", "body": b""}
    return [value.decode() for name, value in sent[0]["headers"] if name.lower() == b"www-authenticate"]


@pytest.mark.parametrize(
    "said, completed_to",
    [
        ("Bearer", 'Bearer scope="read write"'),
        ('Bearer error="invalid_token"', 'Bearer error="invalid_token", scope="read write"'),
        ('bearer scope="admin"', 'bearer scope="admin read write"'),
        ('Bearer scope="write offline_access", realm="x"', 'Bearer scope="write read", realm="x"'),
        ('Basic realm="x"', 'Basic realm="x"'),
    ],
)
def test_a_framework_that_names_no_scopes(said, completed_to):
    assert completed(401, said) == completed(403, said) == [completed_to]
    assert completed(400, said) == completed(200, said) == [said]


def test_a_framework_without_a_challenge():
    assert completed(401) == ['Bearer scope="read write"']
    assert completed(403) == []
