"""Issuers: several in one verifier, each with keys and rules of its own, and what is said of them."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from typing import Any

import pytest

import fastbearer
from fastbearer import ConfigurationError, FastBearerError, Issuer, KeyPair, Rejection, Verifier
from helpers import AUDIENCE, run_python, source_of

ONE, TWO = "https://one.example", "https://two.example"


@pytest.fixture
def two(pairs: dict[str, KeyPair]) -> Verifier:
    """An issuer with a public key, and one with a secret and an audience of its own."""
    return Verifier(
        issuers=[
            Issuer(ONE, **source_of(pairs["ES256"])),
            Issuer(TWO, **source_of(pairs["HS256"]), audience="two", required_claims={"token_use": "access"}),
        ],
        audience=AUDIENCE,
        scope_hierarchy={"admin": ["write"], "write": ["read"]},
    )


def refusal(verifier: Verifier, token: str, **options: Any) -> FastBearerError:
    with pytest.raises(FastBearerError) as caught:
        verifier.verify(token, **options)
    return caught.value


# ---- Issuer


def test_an_issuer_is_a_value(pairs: dict[str, KeyPair]) -> None:
    issuer = Issuer([ONE, TWO], secret="s" * 32, algorithms="HS256", headers={"x-key": "hidden"}, audience=["a"])
    assert issuer == Issuer(
        (ONE, TWO), secret="s" * 32, algorithms=["HS256"], headers={"x-key": "hidden"}, audience="a"
    )
    assert issuer != Issuer([ONE, TWO], secret="t" * 32, algorithms="HS256", headers={"x-key": "hidden"}, audience="a")
    assert issuer != ONE and len({issuer, copy.copy(issuer), copy.deepcopy(issuer)}) == 1
    assert (issuer.issuer, issuer.audience, issuer.algorithms) == ((ONE, TWO), ("a",), "HS256")
    assert Issuer().required_claims is None and Issuer(ONE).fetch_timeout == 10.0
    for change in (lambda: setattr(issuer, "issuer", ONE), lambda: delattr(issuer, "secret")):
        with pytest.raises(AttributeError, match="cannot be changed"):
            change()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(issuer)


def test_what_is_shown_of_an_issuer_holds_no_secret(pairs: dict[str, KeyPair]) -> None:
    shown = repr(Issuer(ONE, secret="s3cr3t" * 6, algorithms="HS256", headers={"x-key": "hidden"}, audience="a"))
    assert shown == f"<fastbearer.Issuer {ONE!r} secret, audience='a'>"
    assert repr(Issuer(ONE, jwks_uri="https://one.example/keys?key=hidden")) == f"<fastbearer.Issuer {ONE!r} jwks_uri>"
    assert repr(Issuer(ONE)) == f"<fastbearer.Issuer {ONE!r} discovery>"


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"issuer": 1}, TypeError, "issuer must be str"),
        ({"issuer": ONE, "colour": 1}, TypeError, r"Issuer\(\) got an unexpected keyword argument 'colour'"),
        ({"issuer": ONE, "audiences": "a"}, TypeError, "did you mean 'audience'"),
        ({"issuer": ONE, "leeway": 1.0}, TypeError, "unexpected keyword argument 'leeway'"),
        ({"issuer": ONE, "headers": {"a": 1}}, TypeError, "headers must be a mapping from str to str"),
        ({"issuer": ONE, "headers": ["a: b"]}, TypeError, "headers must be a mapping"),
        ({"issuer": ONE, "headers": {"a:b": "c"}}, ConfigurationError, "headers: a name must not hold a colon"),
        ({"issuer": ONE, "required_claims": {1: "a"}}, TypeError, "required_claims must be a mapping from str"),
        (
            {"issuer": ONE, "required_claims": {"a": b"b"}},
            TypeError,
            "required_claims: a must be str, int, float, bool",
        ),
        ({"issuer": ONE, "ca_file": "/nowhere"}, ConfigurationError, "ca_file"),
        ({"issuer": ONE, "fetch": 1}, TypeError, "fetch must be callable"),
    ],
    ids=lambda value: next(reversed(value)) if isinstance(value, dict) else None,
)
def test_an_option_of_a_wrong_type(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Issuer(**options)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "a"}, {"content-length": "1"}, {"a b": "c"}, {"a": "b\r\nc: d"}, {"": "a"}, {"a": "\u00e4"}],
    ids=str,
)
def test_headers_that_a_fetch_could_not_send(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="headers"):
        Verifier(jwks_uri="https://one.example/keys", headers=headers, audience=AUDIENCE)


# ---- several of them


def test_each_issuer_has_its_own_keys_and_rules(two: Verifier, pairs: dict[str, KeyPair]) -> None:
    first, second = pairs["ES256"], pairs["HS256"]
    access = two.verify(first.create_token(issuer=ONE, audience=AUDIENCE))
    assert (access.issuer, access.claims["iss"]) == (ONE, ONE)
    good = {"issuer": TWO, "audience": "two", "additional_claims": {"token_use": "access"}}
    assert two.verify(second.create_token(**good)).issuer == TWO
    for token, code, issuer in (
        (second.create_token(issuer=ONE, audience=AUDIENCE), "algorithm_not_allowed", ONE),
        (first.create_token(issuer=TWO, audience="two"), "algorithm_not_allowed", TWO),
        (KeyPair.generate("ES256").create_token(issuer=ONE, audience=AUDIENCE), "signature_invalid", ONE),
        (second.create_token(**{**good, "audience": AUDIENCE}), "audience_mismatch", TWO),
        (second.create_token(**{**good, "additional_claims": {"token_use": "id"}}), "claim_mismatch", TWO),
        (second.create_token(**{**good, "additional_claims": {}}), "claim_missing", TWO),
        (first.create_token(issuer="https://three.example", audience=AUDIENCE), "issuer_mismatch", None),
        (first.create_token(issuer=None, audience=AUDIENCE), "iss_missing", None),
    ):
        error = refusal(two, token)
        assert (error.code, error.issuer) == (code, issuer)
        assert "three" not in f"{error} {error.expected} {error.actual}"


def test_claim_mismatch_has_a_class(two: Verifier, pairs: dict[str, KeyPair]) -> None:
    token = pairs["HS256"].create_token(issuer=TWO, audience="two", additional_claims={"token_use": "id"})
    error = refusal(two, token)
    assert isinstance(error, fastbearer.InvalidClaimError) and isinstance(error, fastbearer.InvalidTokenError)
    assert (error.claim, error.http_status, error.expected, error.actual) == ("token_use", 401, '"access"', '"id"')


def test_a_rejection_names_the_issuer(pairs: dict[str, KeyPair]) -> None:
    seen: list[Rejection] = []
    pair = pairs["ES256"]
    options: dict[str, Any] = {"audience": AUDIENCE, "on_reject": seen.append}
    several = Verifier(issuers=[Issuer(ONE, **source_of(pair)), Issuer(TWO, **source_of(pair))], **options)
    refusal(several, pair.create_token(issuer=TWO, audience="other"))
    refusal(several, pair.create_token(issuer="https://evil.example", audience=AUDIENCE))
    refusal(Verifier(issuer=ONE, **source_of(pair), **options), pair.create_token(issuer=TWO))
    refusal(Verifier(issuer=[ONE, TWO], **source_of(pair), **options), pair.create_token(issuer=TWO))
    refusal(Verifier(**source_of(pair), **options), pair.create_token(issuer=TWO))
    assert [rejection.issuer for rejection in seen] == [TWO, None, ONE, None, None]
    access = several.verify(pair.create_token(issuer=TWO, audience=AUDIENCE))
    error = several._refuse(access, fastbearer.InsufficientScopeError(missing=["x"]))
    assert error.issuer == TWO and seen[-1].issuer == TWO


@pytest.mark.parametrize(
    "options, text",
    [
        ({"issuers": []}, "issuers must not be empty"),
        ({"issuers": [Issuer(ONE, jwks_uri="https://a"), Issuer(ONE, jwks_uri="https://b")]}, "issuer"),
        ({"issuers": [Issuer(ONE, jwks_uri="https://a"), Issuer(jwks_uri="https://b")]}, "identifier"),
        ({"issuers": [Issuer(ONE, jwks_uri="https://a")], "issuer": TWO}, "issuers and issuer exclude each other"),
        ({"issuers": [Issuer(ONE, jwks_uri="https://a")], "secret": "s" * 32}, "issuers and secret exclude"),
        ({"issuers": [Issuer(ONE, jwks_uri="https://a")], "headers": {"a": "b"}}, "issuers and headers exclude"),
        ({"issuers": [Issuer(ONE, jwks_uri="https://a")], "fetch_timeout": 5.0}, "issuers and fetch_timeout exclude"),
        ({"issuers": [Issuer("http://one.example")]}, "https"),
        ({"issuers": [Issuer([ONE, TWO])]}, "issuer"),
        ({"issuers": [Issuer("https://one.example/{tid}/v2")]}, "template"),
        ({}, "one of public_key, jwks, jwks_uri or secret must be given"),
        ({"issuer": ONE, "scope_hierarchy": {"a": ["b"], "b": ["a"]}}, "scope_hierarchy"),
        ({"issuer": ONE, "clock_skew": -1}, "clock_skew"),
        ({"issuer": ONE, "required_claims": {"a": None}}, "required_claims"),
        ({"issuer": ONE, "required_claims": {"a": float("nan")}}, "required_claims"),
        ({"issuer": ONE, "required_claims": {"a": []}}, "required_claims"),
        ({"issuer": ONE, "required_claims": {"a": [["b"]]}}, "required_claims"),
        ({"issuer": ONE, "required_claims": {"a": {"b": "c"}}}, "required_claims"),
        ({"issuer": ONE, "required_claims": {"a": float("inf")}}, "required_claims"),
        ({"issuer": ONE, "scope_claims": ["/a~2"]}, "scope_claims"),
        ({"issuer": ONE, "resolve_issuer": print, "max_issuers": 0}, "max_issuers"),
    ],
    ids=str,
)
def test_a_configuration_that_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Verifier(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"issuers": Issuer(ONE)}, {"issuers": [ONE]}, {"issuers": ONE}, {"resolve_issuer": 1, "issuer": ONE},
        {"issuer": ONE, "scope_hierarchy": ["a"]}, {"issuer": ONE, "scope_hierarchy": {"a": 1}},
        {"issuer": ONE, "merge_scope_claims": 1}, {"issuer": ONE, "clock_skew": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_configuration_of_a_wrong_type(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Verifier(**options)


def test_what_it_was_made_of(two: Verifier, pairs: dict[str, KeyPair]) -> None:
    assert two.issuer == (ONE, TWO) and [issuer.issuer for issuer in two.issuers] == [ONE, TWO]
    assert repr(two) == f"<fastbearer.Verifier of 2 issuers, audience={AUDIENCE!r}>"
    flat = Verifier(issuer=ONE, **source_of(pairs["ES256"]), audience=AUDIENCE)
    assert flat.issuer == ONE and flat.issuers == (Issuer(ONE, **source_of(pairs["ES256"])),)
    assert repr(Verifier(issuer=ONE, audience="a")) == f"<fastbearer.Verifier discovery issuer={ONE!r} audience='a'>"


def test_keys_and_counters_tell_issuers_apart(two: Verifier, pairs: dict[str, KeyPair]) -> None:
    two.verify(pairs["ES256"].create_token(issuer=ONE, audience=AUDIENCE))
    refusal(two, pairs["ES256"].create_token(issuer=TWO, audience=AUDIENCE))
    refusal(two, pairs["ES256"].create_token(issuer="https://three.example", audience=AUDIENCE))
    assert [(key.issuer, key.kty, key.fetched_at, key.fresh_until) for key in two.keys()] == [
        (ONE, "EC", None, None), (TWO, "oct", None, None),
    ]  # fmt: skip
    stats = two.stats()
    assert (stats["verified"], stats["rejected"], stats["unknown_issuers"], stats["issuer_evictions"]) == (1, 2, 0, 0)
    seen = [
        tuple(state[name] for name in ("number", "issuer", "verified", "rejected", "fetched", "added", "keys_held"))
        for state in stats["issuers"]
    ]
    assert seen == [(1, ONE, 1, 0, False, False, True), (2, TWO, 0, 1, False, False, True)]
    json.dumps(stats)


# ---- templates, claims, scopes


def test_a_template_is_every_tenant_that_the_claim_says(pairs: dict[str, KeyPair]) -> None:
    pair = pairs["ES256"]
    verifier = Verifier(issuer="https://login.example/{tid}/v2.0", **source_of(pair), audience=AUDIENCE)

    def mint(tenant: str, **claims: Any) -> str:
        return pair.create_token(
            issuer=f"https://login.example/{tenant}/v2.0", audience=AUDIENCE, additional_claims=claims
        )

    assert verifier.verify(mint("t-1", tid="t-1")).issuer == "https://login.example/t-1/v2.0"
    for token in (mint("t-1", tid="t-2"), mint("t-1"), mint("..", tid=".."), mint("a/b", tid="a/b")):
        assert refusal(verifier, token).code == "issuer_mismatch"


def test_claims_are_found_by_path(pairs: dict[str, KeyPair]) -> None:
    pair = pairs["HS256"]
    verifier = Verifier(
        **source_of(pair), scope_claims=["/realm_access/roles", "permissions"], merge_scope_claims=True,
        client_id_claims="/client/id", required_claims={"/tenant/0": ["a", 5, True]}, required_scopes="admin x",
    )  # fmt: skip
    claims = {"realm_access": {"roles": ["admin", "x"]}, "permissions": "x y", "client": {"id": "c"}, "tenant": [5.0]}
    access = verifier.verify(pair.create_token(additional_claims=claims))
    assert (access.scopes, access.client_id) == (["admin", "x", "y"], "c")
    for tenant, code in (([1], "claim_mismatch"), (["5"], "claim_mismatch"), ([], "claim_missing")):
        error = refusal(verifier, pair.create_token(additional_claims={**claims, "tenant": tenant}))
        assert (error.code, error.claim) == (code, "/tenant/0")


@pytest.mark.parametrize(
    "value",
    ["", 'a"b', "a\\b", "a\n\x01\x1f", "\u20ac\U0001f600", "\x7f\u2028", 0, -5, 2**64, 10**200, 1.5, -0.0, 1e300,
     5e-324, True, False],
    ids=repr,
)  # fmt: skip
def test_a_value_means_what_it_is(value: Any, pairs: dict[str, KeyPair]) -> None:
    pair = pairs["HS256"]
    verifier = Verifier(**source_of(pair), required_claims={"a": value})
    for claims in ({"a": value}, {"a": ["other", value]}):
        assert verifier.verify(pair.create_token(additional_claims=claims))
    for other in ("other", str(value) + "x", [], None, {"a": value}):
        assert refusal(verifier, pair.create_token(additional_claims={"a": other})).code == "claim_mismatch"


def test_a_value_that_python_does_not_write() -> None:
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python writes any number")
    with pytest.raises(ConfigurationError, match="required_claims: a is too large"):
        Issuer(ONE, required_claims={"a": 10**5000})


def test_a_scope_includes_others(two: Verifier, pairs: dict[str, KeyPair]) -> None:
    access = two.verify(pairs["ES256"].create_token(issuer=ONE, audience=AUDIENCE, scopes=["admin", "x"]))
    assert access.scopes == ["admin", "x"]
    assert [access.has_scope(name) for name in ("admin", "write", "read", "x", "y", "")] == [True] * 4 + [False] * 2
    assert two._scopes_of(access) == ["admin", "x", "write", "read"]
    plain = two.verify(pairs["ES256"].create_token(issuer=ONE, audience=AUDIENCE, scopes=["read"]))
    assert not plain.has_scope("write") and two._scopes_of(plain) is plain.scopes
    with pytest.raises(TypeError, match="scope must be str"):
        access.has_scope(1)  # type: ignore[arg-type]
    demanding = two._make(
        issuers=two.issuers, audience=AUDIENCE, required_scopes="read", scope_hierarchy={"a": ["read"]}
    )
    assert demanding.verify(pairs["ES256"].create_token(issuer=ONE, audience=AUDIENCE, scopes=["a"]))
    assert refusal(demanding, access.token).code == "insufficient_scope"


def test_a_token_that_a_test_has_made() -> None:
    made = fastbearer.AccessToken("t", "c", ["a"], issuer=ONE)
    assert made.issuer == ONE and made.has_scope("a") and not made.has_scope("b")
    assert pickle.loads(pickle.dumps(made)) == made != fastbearer.AccessToken("t", "c", ["a"])
    assert repr(made).startswith(f"AccessToken(issuer={ONE!r}, client_id='c'")


# ---- who it is for


@pytest.mark.parametrize(
    "options, warns",
    [
        ({}, True),
        ({"audience": "a"}, False),
        ({"required_claims": ["client_id"]}, True),
        ({"required_claims": {"client_id": "a"}}, False),
        ({"issuers": [Issuer(ONE, secret="s" * 32), Issuer(TWO, secret="s" * 32, audience="a")]}, True),
        ({"issuers": [Issuer(ONE, secret="s" * 32, audience="a")]}, False),
        ({"issuers": [Issuer(ONE, secret="s" * 32, audience=[])], "audience": "a"}, True),
        ({"issuers": [Issuer(ONE, secret="s" * 32, required_claims={"a": 1})]}, False),
        ({"issuers": [Issuer(ONE, secret="s" * 32, required_claims=[])], "required_claims": {"a": 1}}, True),
    ],
    ids=str,
)
def test_one_warning_where_anybodys_tokens_are_accepted(
    options: dict[str, Any], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = Verifier(**(options if "issuers" in options else {"issuer": ONE, "secret": "s" * 32, **options}))
    with verifier:
        assert len(caplog.records) == int(warns)
    lines = [(record.name, record.levelname) for record in caplog.records]
    assert lines == ([("fastbearer", "WARNING")] if warns else [])
    if warns:
        text = caplog.records[0].getMessage()
        assert f"of '{ONE}'" in text and "issued for other services" in text and TWO not in text


def test_what_an_empty_list_of_an_issuer_means(pairs: dict[str, KeyPair]) -> None:
    """Not the verifier's own: none."""
    pair = pairs["HS256"]
    issuers = [Issuer(ONE, **source_of(pair)), Issuer(TWO, **source_of(pair), audience=[], required_claims=[])]
    verifier = Verifier(issuers=issuers, audience=AUDIENCE, required_claims=["tenant"])
    assert verifier.verify(pair.create_token(issuer=TWO))
    assert refusal(verifier, pair.create_token(issuer=ONE)).code == "aud_missing"
    assert refusal(verifier, pair.create_token(issuer=ONE, audience=AUDIENCE)).code == "claim_missing"


def test_the_cache_keeps_issuers_apart(pairs: dict[str, KeyPair]) -> None:
    """One key, one kid, two issuers: nothing crosses over, from the cache neither."""
    pair = pairs["HS256"]
    verifier = Verifier(
        issuers=[Issuer(ONE, **source_of(pair), audience="1"), Issuer(TWO, **source_of(pair), audience="2")]
    )
    tokens = [pair.create_token(issuer=iss, audience=aud, kid="k") for iss in (ONE, TWO) for aud in "12"]
    for _ in range(3):
        codes = []
        for token in tokens:
            try:
                codes.append(verifier.verify(token).issuer)
            except FastBearerError as error:
                codes.append(error.code)
        assert codes == [ONE, "audience_mismatch", "audience_mismatch", TWO]
    assert verifier.stats()["cache_hits"] == 4


def test_a_thousand_issuers(pairs: dict[str, KeyPair]) -> None:
    pair = pairs["HS256"]
    issuers = [Issuer(f"https://{n}.example", **source_of(pair)) for n in range(1000)]
    verifier = Verifier(issuers=issuers, audience=AUDIENCE)
    for n in (0, 500, 999):
        assert verifier.verify(pair.create_token(issuer=f"https://{n}.example", audience=AUDIENCE))
    assert (
        refusal(verifier, pair.create_token(issuer="https://1000.example", audience=AUDIENCE)).code == "issuer_mismatch"
    )
    assert len(verifier.stats()["issuers"]) == len(verifier.keys()) == 1000


def test_importing_issuers_loads_nothing_more() -> None:
    done = run_python("import sys, fastbearer; fastbearer.Issuer('https://a'); print('logging' in sys.modules)")
    assert done.stdout == "False\n", done.stderr
