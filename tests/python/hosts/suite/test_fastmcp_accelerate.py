"""accelerate(): each auth class of FastMCP answers on a real server after it as before it."""

import contextlib
import functools
import importlib
import subprocess
import sys
import time
import unittest.mock

import presets
import pytest
from fastmcp import FastMCP
from presets import BASES, CLASSES, PAIRS, PRESETS, WITHOUT_JWTS, own_tokens_for, tokens_for, verifiers
from support import AUDIENCE, ISSUER, SCOPES, Minter, knock, request, run, serving

import fastbearer
from fastbearer.fastmcp import JWTVerifier, accelerate
from fastbearer.fastmcp import _installed as host
from fastbearer.testing import JWKSServer

LOOKS_AT_NBF = "nbf" in host.UPSTREAM.load_access_token.__code__.co_consts
HERE = [name for name in PRESETS if name in CLASSES]


@pytest.fixture(scope="module")
def key_sets():
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(JWKSServer(pair, kid="k1")).jwks_uri for name, pair in PAIRS.items()}


@pytest.fixture
def make(key_sets, monkeypatch):
    """Makes one of a class, with keys from loopback."""
    oidc = importlib.import_module("fastmcp.server.auth.oidc_proxy").OIDCConfiguration
    configuration = oidc.model_validate(presets.DISCOVERED)
    monkeypatch.setattr(oidc, "get_oidc_configuration", lambda *_, **__: configuration)

    def make_one(name):
        auth = PRESETS[name]()
        for verifier in verifiers(auth):
            if verifier.jwks_uri:
                verifier.jwks_uri = key_sets[verifier.algorithm]
        return auth

    return make_one


def test_the_proxy_is_not_imported_before_it_is_asked_for():
    """Its import takes longer than all of ours; FastMCP's own verifier does without, from some version on."""

    def imports(module):
        code = f"import sys, {module}; print('fastmcp.server.auth.oauth_proxy' in sys.modules)"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert imports("fastbearer.fastmcp") == imports(host.UPSTREAM.__module__)


def application(auth):
    return FastMCP("guarded", auth=auth).http_app(
        path="/mcp", transport="streamable-http", stateless_http=True, json_response=True
    )


def proxy_in(auth):
    """The OAuthProxy that issues tokens of its own, if there is one."""
    found = [part for part in (auth, getattr(auth, "server", None)) if isinstance(part, host.oauth_proxy())]
    return found[0] if found else None


def upstream_tokens(auth):
    """What a proxy has got for somebody who signed in, by what is the matter with it."""
    proxy = proxy_in(auth)
    inner = None if proxy is None else next(verifiers(proxy), None)
    return {"good": "opaque", "bad": "unknown"} if inner is None else tokens_for(inner)


def remember(auth, upstream):
    """What a proxy knows of those who have signed in."""
    proxy, now = proxy_in(auth), time.time()
    if proxy is None:
        return
    module = importlib.import_module(host.oauth_proxy().__module__)

    async def put():
        for jti, token in upstream.items():
            found = module.UpstreamTokenSet(
                upstream_token_id=jti, access_token=token, refresh_token=None, refresh_token_expires_at=None,
                expires_at=now + 3600, token_type="Bearer", scope=" ".join(proxy.required_scopes), client_id="client",
                created_at=now, raw_token_data={"access_token": token},
            )  # fmt: skip
            mapping = module.JTIMapping(jti=jti, upstream_token_id=jti, created_at=now)
            await proxy._upstream_token_store.put(key=jti, value=found, ttl=3600)
            await proxy._jti_mapping_store.put(key=jti, value=mapping, ttl=3600)

    run(put())


def tokens_of(auth, upstream):
    """The tokens for an auth object whose server has been made, by what is the matter with them."""
    proxy = proxy_in(auth)
    if proxy is None:
        return tokens_for(next(verifiers(auth)))
    found = {
        f"upstream: {name}": proxy.jwt_issuer.issue_access_token("client", proxy.required_scopes, name)
        for name in upstream
    }
    found.update(own_tokens_for(proxy, "good"))
    for verifier in getattr(auth, "verifiers", ()):
        found.update({f"beside: {name}": token for name, token in tokens_for(verifier).items()})
    return found


DOCUMENTS = [
    "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/openid-configuration",
]  # fmt: skip


def answers(auth, upstream, tokens):
    app = application(auth)
    remember(auth, upstream)
    with serving(app) as origin:
        seen = {name: knock(origin, "http", token) for name, token in (("none", None), *tokens.items())}
        seen.update({path: request(origin + path) for path in DOCUMENTS})
        if proxy_in(auth) is not None:  # others forward what the real provider says
            seen["metadata"] = request(f"{origin}/.well-known/oauth-authorization-server")
    return {name: (answer.status, answer.headers.get("www-authenticate"), answer.body) for name, answer in seen.items()}


def test_every_class_of_this_fastmcp_is_here():
    assert set(CLASSES) <= {*PRESETS, *WITHOUT_JWTS, *BASES}
    assert len(HERE) >= 10 or not CLASSES


@pytest.mark.parametrize("name", HERE)
def test_answers_are_the_same(name, make):
    before, after = make(name), make(name)
    report = accelerate(after)
    assert report.replaced and all(part.type == "StaticTokenVerifier" for part in report.left), str(report)
    assert all(isinstance(verifier, JWTVerifier) for verifier in verifiers(after))
    throwaway = make(name)
    application(throwaway)
    upstream = upstream_tokens(throwaway)
    tokens = tokens_of(throwaway, upstream)
    theirs, ours = answers(before, upstream, tokens), answers(after, upstream, tokens)
    statuses = {}
    for check, answer in theirs.items():
        if not LOOKS_AT_NBF and check.endswith("not yet valid"):
            assert (answer[0], ours[check][0]) == (200, 401), check
        elif answer[0] == 500:
            assert ours[check][0] == 401, check
        else:
            assert ours[check] == answer, check
        statuses[check] = ours[check][0]
    good = [check for check in tokens if check == "good" or check.endswith(": good")]
    assert good and {statuses[check] for check in good} == {200}, statuses
    assert statuses["garbage" if "garbage" in statuses else "beside: garbage"] == statuses["none"] == 401
    assert sum(status == 401 for status in statuses.values()) >= 8, statuses


@pytest.mark.parametrize("name", [name for name in HERE if name != "MultiAuth"])
def test_what_the_application_sees_is_the_same(name, make):
    """But for resource, which FastMCP leaves empty, and subject, which older ones do."""
    before, after = make(name), make(name)
    accelerate(after)
    application(before), application(after)
    upstream = upstream_tokens(before)
    remember(before, upstream), remember(after, upstream)
    seen = 0
    for check, token in tokens_of(before, upstream).items():
        if "good" in check:
            theirs, ours = (run(auth.verify_token(token)) for auth in (before, after))
            assert type(ours) is type(theirs), check
            if theirs is not None:
                theirs, ours = theirs.model_dump(), ours.model_dump()
                for field in ("resource", *(["subject"] if theirs.get("subject") is None else [])):
                    theirs.pop(field, None), ours.pop(field, None)
                assert ours == theirs, check
                seen += 1
    assert seen >= 2


@pytest.mark.parametrize("name", HERE)
def test_doing_it_again_changes_nothing(name, make):
    auth = make(name)
    first = accelerate(auth)
    classes = [type(verifier) for verifier in verifiers(auth)]
    again = accelerate(auth)
    assert again.replaced == () and len(again.left) == len(first.replaced) + len(first.left)
    assert {part.reason for part in again.left} <= {"verifies with fastbearer already", "is not a JWT verifier"}
    assert [type(verifier) for verifier in verifiers(auth)] == classes
    application(auth)


@pytest.mark.parametrize("name", [name for name in WITHOUT_JWTS if name in CLASSES])
def test_what_verifies_no_jwts_is_left_and_named(name):
    report = accelerate(WITHOUT_JWTS[name]())
    assert report.replaced == ()
    assert [part.reason for part in report.left] == ["is not a JWT verifier"]
    assert "left auth" in str(report)


# ---- verifiers alone


def plain(keys, **options):
    return host.UPSTREAM(**{"public_key": keys.public_key, "issuer": ISSUER, "audience": AUDIENCE, **options})


def reason(verifier):
    """Why it was left; it has to be as it was."""
    before = type(verifier), dict(vars(verifier))
    report = accelerate(verifier)
    assert report.replaced == () and (type(verifier), dict(vars(verifier))) == before
    return report.left[0].reason


def test_what_is_written_afterwards_counts(keys, mint):
    verifier = plain(keys)
    assert accelerate(verifier).replaced[0].path == "auth"
    assert run(verifier.load_access_token(mint())) is not None
    for name, wrong, right in (
        ("audience", "https://other.example.com", [AUDIENCE]), ("issuer", ISSUER + "/", ISSUER),
        ("required_scopes", ["admin"], SCOPES), ("algorithm", "RS512", "RS256"),
        ("public_key", fastbearer.RSAKeyPair.generate().public_key, keys.public_key),
    ):  # fmt: skip
        setattr(verifier, name, wrong)
        if name != "required_scopes" or not host.IS_OAUTH_PROVIDER:  # there the middleware looks at scopes
            assert run(verifier.load_access_token(mint())) is None, name
        setattr(verifier, name, right)
        assert run(verifier.load_access_token(mint())) is not None, name


def test_subclasses_keep_what_they_override(keys, mint):
    if "claims" not in host.AccessToken.model_fields:
        pytest.skip("this FastMCP's tokens have no claims")
    called = []

    class Mine(host.UPSTREAM):
        def __init__(self, tenant, **options):
            super().__init__(**options)
            self.tenant = tenant

        def _extract_scopes(self, claims):
            called.append("scopes")
            return [*super()._extract_scopes(claims), *claims.get("roles", ())]

        async def _get_verification_key(self, token):
            called.append("key")
            return await super()._get_verification_key(token)

        async def load_access_token(self, token):
            access = await super().load_access_token(token)
            return access if access is not None and access.claims.get("tenant") == self.tenant else None

        def greeting(self):
            return f"hello {self.tenant}"

    verifier = Mine("a", public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=["admin"])
    assert accelerate(verifier).left == () and isinstance(verifier, Mine) and verifier.greeting() == "hello a"
    assert type(verifier).__qualname__ == Mine.__qualname__ and type(verifier).__module__ == Mine.__module__
    access = run(verifier.load_access_token(mint(additional_claims={"tenant": "a", "roles": ["admin"]})))
    assert access.scopes == [*SCOPES, "admin"] and called == ["key", "scopes"]
    assert run(verifier.load_access_token(mint(additional_claims={"tenant": "b", "roles": ["admin"]}))) is None
    assert run(verifier.load_access_token(mint(additional_claims={"tenant": "a"}))) is None


async def anything(self, *_):
    return None


@pytest.mark.parametrize(
    "members, why",
    [
        ({"load_access_token": anything}, "verifies by itself"),
        *([({"verify_token": anything}, "verifies by itself")] if hasattr(host.UPSTREAM, "verify_token") else []),
        ({"__getattr__": lambda self, name: None}, "__getattr__"),
        ({"__setattr__": object.__setattr__}, "__setattr__"),
        ({"leeway": 5}, "leeway"),
        ({"_compile": anything}, "_compile"),
        ({"stats": anything}, "stats"),
        ({"audience": property(lambda self: "x", lambda self, value: None)}, "audience"),
        *(
            [({"_refresh_jwks_key": anything}, "_refresh_jwks_key")]
            if hasattr(host.UPSTREAM, "_refresh_jwks_key")
            else []
        ),
        *([] if hasattr(host.UPSTREAM, "_validate_issuer") else [({"_validate_issuer": anything}, "_validate_issuer")]),
    ],
    ids=repr,
)
def test_a_subclass_that_might_mean_something_else_is_left(keys, members, why):
    mine = type("Mine", (host.UPSTREAM,), members)
    assert why in reason(mine(public_key=keys.public_key, issuer=ISSUER))


@pytest.mark.parametrize(
    "name, value, why",
    [
        ("load_access_token", anything, "patched on this object"),
        ("_extract_scopes", lambda claims: [], "patched on this object"),
        ("leeway", 5, "leeway"),
        ("max_age", 5, "max_age"),
        ("issuer", ("a", "b"), "issuer is neither"),
        ("issuer", [], "issuer is neither"),
        ("issuer", "https://login.example.com/{tid}/v2.0", "braces"),
        ("audience", ["a", None], "audience is neither"),
        ("public_key", "no key at all", "public_key"),
        ("algorithm", "XS256", "XS256"),
        ("_http_client", object(), "AsyncClient"),
    ],
    ids=repr,
)
def test_an_object_that_might_mean_something_else_is_left(keys, name, value, why):
    verifier = plain(keys)
    setattr(verifier, name, value)
    assert why in reason(verifier)


def test_a_hook_of_fastmcp_that_is_patched_afterwards_counts(keys, other_keys, mint, monkeypatch):
    verifier = plain(keys)
    assert accelerate(verifier).left == ()
    good, other = mint(), Minter(other_keys)(issuer="https://other.example.com")

    def accepted(token):
        return run(verifier.load_access_token(token)) is not None

    assert accepted(good) and not accepted(other)
    with monkeypatch.context() as patch:
        key = unittest.mock.AsyncMock(return_value=other_keys.public_key)
        patch.setattr(host.UPSTREAM, "_get_verification_key", key)
        assert not accepted(good) and not accepted(other)
        if hasattr(host.UPSTREAM, "_validate_issuer"):
            patch.setattr(host.UPSTREAM, "_validate_issuer", lambda self, issuer: issuer == "https://other.example.com")
            assert accepted(other)
    with monkeypatch.context() as patch:
        patch.setattr(host.UPSTREAM, "_extract_scopes", lambda self, claims: [*SCOPES, claims["sub"]])
        assert run(verifier.load_access_token(good)).scopes == [*SCOPES, "alice"]
    assert accepted(good) and not accepted(other)


def test_what_has_not_been_constructed_is_left():
    class Mine(host.UPSTREAM):
        def __init__(self):
            pass

    assert "it has no audience" in reason(Mine())
    if "OAuthProxy" in CLASSES:
        empty = CLASSES["OAuthProxy"].__new__(CLASSES["OAuthProxy"])
        report = accelerate(empty)
        assert report.replaced == () and "it has no _jwt_issuer" in report.left[0].reason


def test_a_client_that_follows_redirects_is_left(keys):
    if "http_client" not in host.PARAMETERS:
        pytest.skip("this FastMCP takes no client")
    follows, stays = (host.http_module().AsyncClient(follow_redirects=value) for value in (True, False))
    options = {"public_key": None, "jwks_uri": "https://issuer.example.com/jwks"}
    assert "redirects" in reason(plain(keys, **options, http_client=follows))
    assert accelerate(plain(keys, **options, http_client=stays)).left == ()


async def looks_inside(self, token):
    return any(name == "tenant" for name in token)


async def asks_somebody(self, token):
    return presets.allows(token)


def test_a_fastmcp_that_does_more_is_left(keys, monkeypatch):
    """A newer one may check what this fastbearer has never heard of."""
    original = host.UPSTREAM.load_access_token

    async def patched(self, token):
        return await original(self, token)

    monkeypatch.setattr(host.UPSTREAM, "load_access_token", patched)
    assert "has been patched" in reason(plain(keys))
    patched.__module__ = host.UPSTREAM.__module__
    assert accelerate(plain(keys)).left == ()

    async def looks_at_more(self, token):
        return "max_auth_age" if self else await original(self, token)

    looks_at_more.__module__ = host.UPSTREAM.__module__
    monkeypatch.setattr(host.UPSTREAM, "load_access_token", looks_at_more)
    assert "'max_auth_age'" in reason(plain(keys))
    for newer, why in ((looks_inside, "'tenant'"), (asks_somebody, "verifies with presets")):
        newer.__module__ = host.UPSTREAM.__module__
        monkeypatch.setattr(host.UPSTREAM, "load_access_token", newer)
        assert why in reason(plain(keys))
    monkeypatch.setattr(host.UPSTREAM, "load_access_token", unittest.mock.AsyncMock())
    assert "has been patched" in reason(plain(keys))
    monkeypatch.setattr(host.UPSTREAM, "load_access_token", functools.wraps(original)(patched))
    assert "has been patched" in reason(plain(keys))
    monkeypatch.setattr(host.UPSTREAM, "load_access_token", original)
    monkeypatch.setattr(host.UPSTREAM, "_check_more", lambda self: None, raising=False)
    assert "_check_more" in reason(plain(keys))


def test_a_proxy_that_might_mean_something_else_is_left():
    if "OAuthProxy" not in CLASSES:
        pytest.skip("this FastMCP's proxy learns no path")

    class Mine(CLASSES["OAuthProxy"]):
        jwt_issuer = None

    for change, why in (
        (lambda proxy: setattr(proxy, "__class__", Mine), "jwt_issuer of its own"),
        (lambda proxy: setattr(proxy, "set_mcp_path", lambda path: None), "set_mcp_path has been patched"),
        (lambda proxy: (proxy.set_mcp_path("/mcp"), setattr(proxy.jwt_issuer, "leeway", 5)), "leeway"),
        (lambda proxy: (proxy.set_mcp_path("/mcp"), setattr(proxy.jwt_issuer, "audience", None)), "no audience"),
    ):
        proxy = presets.a_proxy()
        change(proxy)
        report = accelerate(proxy)
        assert [why in part.reason for part in report.left] == [True], str(report)
        assert [part.path for part in report.replaced] == ["auth._token_validator"]


def test_an_issuer_that_is_there_already_is_replaced_and_a_new_one_too():
    if "OAuthProxy" not in CLASSES:
        pytest.skip("this FastMCP's proxy learns no path")
    proxy = presets.a_proxy()
    proxy.set_mcp_path("/mcp")
    accelerate(proxy)
    old = proxy.jwt_issuer
    assert type(old) is not host.JWT_ISSUER and isinstance(old, host.JWT_ISSUER)
    token = old.issue_access_token("client", ["read"], "j")
    assert old.verify_token(token)["jti"] == "j"
    proxy.set_mcp_path("/other")
    assert type(proxy.jwt_issuer) is type(old) and proxy.jwt_issuer is not old
    with pytest.raises(host.JOSE_ERROR):
        proxy.jwt_issuer.verify_token(token)


@pytest.mark.skipif(not CLASSES, reason="this FastMCP's auth objects are others")
def test_nested_ones_are_found_each_once(keys):
    class Wrapper(host.AUTH_PROVIDER or object):
        def __init__(self, inner):
            super().__init__(base_url=presets.BASE)
            self.sources = {"first": inner, "second": [inner]}

        async def verify_token(self, token):
            return await self.sources["first"].verify_token(token)

    inner = plain(keys)
    report = accelerate(Wrapper(Wrapper(inner)))
    assert [part.path for part in report.replaced] == ["auth.sources['first'].sources['first']"]
    assert report.left == () and isinstance(inner, JWTVerifier)


@pytest.mark.skipif(not CLASSES, reason="this FastMCP's auth objects are others")
def test_what_answers_to_every_name_is_no_auth_object(keys):
    """Such as the mocks of tests; looking into one would find another, for ever."""

    class Holder(host.AUTH_PROVIDER or object):
        def __init__(self):
            super().__init__(base_url=presets.BASE)
            self.client, self.inner = unittest.mock.MagicMock(), plain(keys)

    assert [part.path for part in accelerate(Holder()).replaced] == ["auth.inner"]
    with pytest.raises(TypeError, match="auth provider of FastMCP"):
        accelerate(unittest.mock.MagicMock())


def test_what_is_no_auth_object_is_refused(keys):
    with pytest.raises(TypeError, match="give its auth"):
        accelerate(FastMCP("guarded", auth=plain(keys)))
    for value in (None, "auth", host.UPSTREAM):
        with pytest.raises(TypeError, match="auth provider of FastMCP"):
            accelerate(value)


def test_keys_outlive_an_outage_of_the_provider():
    """FastMCP's own verifier has none an hour after they came."""
    for is_ours in (False, True):
        with JWKSServer(PAIRS["RS256"], kid="k1") as server:
            verifier = host.UPSTREAM(jwks_uri=server.jwks_uri, issuer=server.issuer)
            assert not is_ours or accelerate(verifier).left == ()
            assert run(verifier.load_access_token(server.mint())) is not None and server.hits == 1
            server.fail(500)
            verifier._jwks_cache_time -= 4000
            assert (run(verifier.load_access_token(server.mint(subject="bob"))) is not None) is is_ours
