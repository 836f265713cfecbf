"""Verifier: every option, every reason, every form of a token."""

from __future__ import annotations

import json
import pickle
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest

import fastbearer
from fastbearer import ConfigurationError, KeyPair, Rejection, RSAKeyPair, Verifier
from helpers import ALGORITHMS, AUDIENCE, ISSUER, source_of

Mint = Callable[..., str]


def refused(verifier: Verifier, token: Any, code: str, **options: Any) -> fastbearer.FastBearerError:
    """The error of a token that must be refused for exactly this reason."""
    with pytest.raises(fastbearer.FastBearerError) as caught:
        verifier.verify(token, **options)
    assert caught.value.code == code
    return caught.value


def segment(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- what is accepted


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(pairs: dict[str, KeyPair], algorithm: str) -> None:
    pair = pairs[algorithm]
    token = pair.create_token(subject="s", issuer=ISSUER, audience=AUDIENCE, scopes=["a", "b"])
    with Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE) as verifier:
        for _ in range(2):  # the second from the cache
            access = verifier.verify(token)
            assert access.token == token
            assert (access.client_id, access.subject, access.scopes) == ("s", "s", ["a", "b"])
            assert access.resource == AUDIENCE
            assert access.expires_at == access.claims["exp"]
        head, body, signature = token.split(".")
        flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
        refused(verifier, f"{head}.{body}.{flipped}", "signature_invalid")


def test_key_set(pairs: dict[str, KeyPair]) -> None:
    one, two = pairs["RS256"], pairs["ES256"]
    keys = one.jwks("one")["keys"] + two.jwks("two")["keys"]
    for document in ({"keys": keys}, json.dumps({"keys": keys}), json.dumps({"keys": keys}).encode()):
        with Verifier(jwks=document, algorithms=["RS256", "ES256"]) as verifier:
            assert verifier.verify(one.create_token(kid="one")).subject == "fastmcp-user"
            assert verifier.verify(two.create_token(kid="two")).subject == "fastmcp-user"
            refused(verifier, one.create_token(kid="two"), "key_unsuitable")
            error = refused(verifier, one.create_token(kid="three\n"), "key_not_found")
            assert error.kid == "three?"
            assert [(key.kid, key.kty, key.usable) for key in verifier.keys()] == [
                ("one", "RSA", True),
                ("two", "EC", True),
            ]
    assert verifier.issuer is None


def test_key_set_with_an_unusable_key(rsa_key_pair: RSAKeyPair) -> None:
    document = {"keys": [{"kty": "what", "kid": "odd"}, *rsa_key_pair.jwks("good")["keys"]]}
    with Verifier(jwks=document) as verifier:
        odd, good = verifier.keys()
        assert not odd.usable and odd.problem
        assert good.usable and good.bits == 2048


def test_ambiguous_kid(pairs: dict[str, KeyPair]) -> None:
    one, two = pairs["EdDSA"], KeyPair.generate("EdDSA")
    document = {"keys": one.jwks("same")["keys"] + two.jwks("same")["keys"]}
    with Verifier(jwks=document, algorithms="EdDSA") as verifier:
        refused(verifier, one.create_token(kid="same"), "key_ambiguous")


def test_tokens_may_be_text_or_bytes(verifier: Verifier, mint: Mint) -> None:
    token = mint()

    class Text(str):
        pass

    for form in (token, token.encode(), bytearray(token.encode()), memoryview(token.encode()), Text(token)):
        access = verifier.verify(form)
        assert access.token == token and type(access.token) is str


@pytest.mark.parametrize("token", [None, 1, ["a.b.c"], object()])
def test_other_types_are_type_errors(verifier: Verifier, token: Any) -> None:
    with pytest.raises(TypeError, match="token must be str or bytes"):
        verifier.verify(token)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c.d", "a.b.c", "é.b.c", "\udcff\udc80", "\ud800.a.b", " ", "\x00", b"\xff\xfe", b"",
     "ünïcode"],
)  # fmt: skip
def test_what_is_no_token(verifier: Verifier, token: Any) -> None:
    error = refused(verifier, token, "token_malformed")
    assert type(error) is fastbearer.DecodeError


@pytest.mark.parametrize("change", [" {}", "{} ", "{}\n", "{}=", "\ufeff{}", "{}\x00", "Bearer {}"])
def test_a_token_is_taken_as_it_stands(verifier: Verifier, mint: Mint, change: str) -> None:
    refused(verifier, change.format(mint()), "token_malformed")


def test_largest_token(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    token = mint()
    exact = Verifier(public_key=rsa_key_pair.public_key, max_token_bytes=len(token))
    assert exact.verify(token)
    less = Verifier(public_key=rsa_key_pair.public_key, max_token_bytes=len(token) - 1)
    refused(less, token, "token_too_large")


# ---- every reason


def test_header_reasons(verifier: Verifier, rsa_key_pair: RSAKeyPair) -> None:
    claims = json.dumps({"iss": ISSUER, "aud": AUDIENCE, "exp": 1 << 40})
    for header, code in (
        ("[]", "header_invalid"),
        ('{"alg":1}', "header_invalid"),
        ('{"alg":"none"}', "algorithm_not_allowed"),
        ('{"alg":"rs256"}', "algorithm_not_allowed"),
        ('{"alg":"RS512"}', "algorithm_not_allowed"),
        ('{"alg":"RS256","crit":["x"],"x":1}', "critical_header_unsupported"),
        ('{"alg":"RS256","zip":"DEF"}', "header_unsupported"),
        ('{"alg":"RS256","typ":"id+jwt"}', "token_type_not_allowed"),
    ):
        refused(verifier, rsa_key_pair.sign(header, claims), code)
    refused(verifier, rsa_key_pair.sign('{"alg":"RS256"}', b"[]"), "payload_invalid")
    refused(verifier, rsa_key_pair.sign('{"alg":"RS256"}', b'{"exp":NaN}'), "payload_invalid")


def test_deep_header_is_refused_not_a_crash(verifier: Verifier) -> None:
    deep = '{"alg":"RS256","x":' + "[" * 2000 + "]" * 2000 + "}"
    refused(verifier, f"{segment(deep)}.{segment('{}')}.{segment('x')}", "header_invalid")


@pytest.mark.parametrize(
    ("claims", "code", "claim"),
    [
        ({"exp": "soon"}, "exp_invalid", "exp"),
        ({"exp": 1e300}, "exp_invalid", "exp"),
        ({"exp": 1}, "token_expired", "exp"),
        ({"nbf": []}, "nbf_invalid", "nbf"),
        ({"nbf": 1 << 40}, "token_not_yet_valid", "nbf"),
        ({"iat": True}, "iat_invalid", "iat"),
        ({"iat": 1 << 40}, "token_issued_in_future", "iat"),
        ({"iss": 5}, "iss_invalid", "iss"),
        ({"iss": "https://other.example"}, "issuer_mismatch", "iss"),
        ({"aud": 5}, "aud_invalid", "aud"),
        ({"aud": [AUDIENCE, 5]}, "aud_invalid", "aud"),
        ({"aud": "other"}, "audience_mismatch", "aud"),
        ({"aud": []}, "audience_mismatch", "aud"),
        ({"sub": 5}, "sub_invalid", "sub"),
        ({"client_id": 5}, "client_id_invalid", "client_id"),
        ({"scope": 5}, "scope_invalid", "scope"),
    ],
)
def test_claim_reasons(verifier: Verifier, mint: Mint, claims: dict[str, Any], code: str, claim: str) -> None:
    error = refused(verifier, mint(additional_claims=claims), code)
    assert error.claim == claim
    assert error.http_status == 401 and error.oauth_error == "invalid_token"


@pytest.mark.parametrize(("name", "code"), [("exp", "exp_missing"), ("iss", "iss_missing"), ("aud", "aud_missing")])
def test_missing_claims(verifier: Verifier, rsa_key_pair: RSAKeyPair, name: str, code: str) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": 1 << 40}
    del claims[name]
    error = refused(verifier, rsa_key_pair.sign('{"alg":"RS256"}', json.dumps(claims)), code)
    assert isinstance(error, fastbearer.MissingClaimError) and error.claim == name


def test_required_scopes(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    for given in (["a", "b", "c"], ("a", "b", "c"), "a b c"):
        with Verifier(public_key=rsa_key_pair.public_key, required_scopes=given) as verifier:
            assert verifier.required_scopes == ("a", "b", "c")
            error = refused(verifier, mint(scopes=["b"]), "insufficient_scope")
            assert isinstance(error, fastbearer.InsufficientScopeError)
            assert (error.missing, error.http_status, error.oauth_error) == (["a", "c"], 403, "insufficient_scope")
            assert verifier.verify(mint(scopes=["c", "a", "b", "d"])).scopes == ["c", "a", "b", "d"]


def test_required_claims(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    for given in (["tenant"], "tenant"):
        with Verifier(public_key=rsa_key_pair.public_key, required_claims=given) as verifier:
            assert refused(verifier, mint(), "claim_missing").claim == "tenant"
            assert verifier.verify(mint(additional_claims={"tenant": None})).claims["tenant"] is None


def test_times(rsa_key_pair: RSAKeyPair) -> None:
    token = rsa_key_pair.create_token(now=1000, expires_in_seconds=100)
    strict = Verifier(public_key=rsa_key_pair.public_key, clock_skew=0)
    assert strict.verify(token, now=1099.9).expires_at == 1100
    refused(strict, token, "token_expired", now=1100)
    refused(strict, token, "token_issued_in_future", now=999.5)
    usual = Verifier(public_key=rsa_key_pair.public_key)
    assert usual.verify(token, now=970)
    assert "0.5 s" in str(refused(usual, token, "token_issued_in_future", now=969.5))
    refused(usual, token, "token_expired", now=1100)
    lenient = Verifier(public_key=rsa_key_pair.public_key, leeway=10, clock_skew=0)
    assert lenient.leeway == 10.0
    assert lenient.verify(token, now=1109).expires_at == 1100
    assert lenient.verify(token, now=990)
    refused(lenient, token, "token_expired", now=1110)
    refused(strict, token, "token_expired")
    for now in (float("nan"), float("inf")):
        with pytest.raises(ConfigurationError):
            strict.verify(token, now=now)
    with pytest.raises(TypeError):
        strict.verify(token, now="1099")  # type: ignore[arg-type]


def test_cached_tokens_are_checked_for_time_again(rsa_key_pair: RSAKeyPair) -> None:
    token = rsa_key_pair.create_token(now=1000, expires_in_seconds=100)
    verifier = Verifier(public_key=rsa_key_pair.public_key)
    verifier.verify(token, now=1050)
    verifier.verify(token, now=1050)
    assert verifier.stats()["cache_hits"] == 1
    refused(verifier, token, "token_expired", now=1100)


def test_require_exp(rsa_key_pair: RSAKeyPair) -> None:
    token = rsa_key_pair.sign('{"alg":"RS256"}', "{}")
    assert Verifier(public_key=rsa_key_pair.public_key, require_exp=False).verify(token).expires_at is None
    refused(Verifier(public_key=rsa_key_pair.public_key), token, "exp_missing")


def test_token_type(rsa_key_pair: RSAKeyPair) -> None:
    key = rsa_key_pair.public_key
    full = {"client_id": "client", "jti": "1"}
    plain = rsa_key_pair.create_token()
    access = rsa_key_pair.create_token(audience="api", additional_claims=full, typ="at+jwt")
    odd, none = rsa_key_pair.create_token(typ="odd"), rsa_key_pair.create_token(typ=None)
    for verifier, good, bad in (
        (Verifier(public_key=key), [plain, access, none], [odd]),
        (Verifier(public_key=key, token_type="at+jwt"), [access], [plain, odd, none]),
        (Verifier(public_key=key, token_type="any"), [plain, access, odd, none], []),
    ):
        for token in good:
            assert verifier.verify(token)
        for token in bad:
            refused(verifier, token, "token_type_not_allowed")


def test_claim_names(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    token = mint(scopes=["x"], additional_claims={"permissions": ["p", "q"], "app": "the app", "azp": "azp"})
    verifier = Verifier(public_key=rsa_key_pair.public_key, scope_claims=["permissions"], client_id_claims="app")
    access = verifier.verify(token)
    assert (access.scopes, access.client_id) == (["p", "q"], "the app")
    assert Verifier(public_key=rsa_key_pair.public_key).verify(token).client_id == "azp"
    assert Verifier(public_key=rsa_key_pair.public_key, scope_claims=()).verify(token).scopes == []


def test_several_issuers_and_audiences(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    verifier = Verifier(
        public_key=rsa_key_pair.public_key, issuer=["https://a", ISSUER], audience=("https://b", AUDIENCE)
    )
    assert verifier.verify(mint(audience=["https://x", AUDIENCE])).resource == AUDIENCE
    assert verifier.issuer == ["https://a", ISSUER]


def test_algorithms_as_one_text(pairs: dict[str, KeyPair]) -> None:
    verifier = Verifier(public_key=pairs["RS256"].public_key, algorithms=["RS384", "PS256"])
    assert verifier.verify(pairs["RS384"].create_token())
    assert verifier.verify(pairs["PS256"].create_token())
    refused(verifier, pairs["RS256"].create_token(), "algorithm_not_allowed")


def test_secret_defaults_to_hs256(pairs: dict[str, KeyPair]) -> None:
    secret = pairs["HS256"].secret
    assert Verifier(secret=secret).verify(pairs["HS256"].create_token())
    text = "text " * 10
    pair = KeyPair(private_key=text, algorithm="HS256")
    assert Verifier(secret=text).verify(pair.create_token())


# ---- configuration


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "public_key"),
        ({"public_key": "x", "jwks": "y"}, "only one"),
        ({"public_key": "no key"}, "public_key"),
        ({"jwks": "{}"}, "jwks"),
        ({"jwks": {"keys": []}}, "jwks"),
        ({"jwks": {"keys": [object()]}}, "jwks"),
        ({"secret": b"short"}, "secret"),
        ({"jwks_uri": "ftp://x"}, "jwks_uri"),
        ({"jwks_uri": "http://issuer.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": "https://x", "refresh_interval": -1}, "refresh_interval"),
        ({"jwks_uri": "https://x", "fetch_timeout": 0}, "fetch_timeout"),
        ({"jwks_uri": "https://x", "max_jwks_bytes": 0}, "max_jwks_bytes"),
        ({"jwks_uri": "https://x", "stale_if_error": float("nan")}, "stale_if_error"),
        ({"secret": b"s" * 32, "algorithms": []}, "algorithms"),
        ({"secret": b"s" * 32, "algorithms": ["RS256"]}, "algorithms"),
        ({"secret": b"s" * 64, "algorithms": ["HS256", "RS256"]}, "algorithms"),
        ({"secret": b"s" * 32, "algorithms": "none"}, "algorithms"),
        ({"secret": b"s" * 32, "issuer": []}, "issuer"),
        ({"secret": b"s" * 32, "audience": []}, "audience"),
        ({"secret": b"s" * 32, "leeway": -1}, "leeway"),
        ({"secret": b"s" * 32, "leeway": float("nan")}, "leeway"),
        ({"secret": b"s" * 32, "leeway": 10**400}, "leeway"),
        ({"secret": b"s" * 32, "token_type": "jwt"}, "token_type"),
        ({"secret": b"s" * 32, "max_token_bytes": 0}, "max_token_bytes"),
        ({"secret": b"s" * 32, "max_token_bytes": 65537}, "max_token_bytes"),
        ({"secret": b"s" * 32, "cache_size": -1}, "cache_size"),
        ({"secret": b"s" * 32, "required_scopes": [str(i) for i in range(65)]}, "required_scopes"),
    ],
)  # fmt: skip
def test_wrong_values_name_the_option(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word) as caught:
        Verifier(**options)
    assert caught.value.code == "configuration_invalid"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_key", 5), ("jwks", 5), ("jwks", []), ("jwks_uri", b"x"), ("secret", 5), ("algorithms", 5),
        ("algorithms", [5]), ("issuer", b"x"), ("issuer", [b"x"]), ("audience", {"a": 1}), ("required_scopes", 5),
        ("required_scopes", [5]), ("required_claims", [None]), ("leeway", "5"), ("leeway", True),
        ("require_exp", "false"), ("require_exp", 1), ("token_type", 5), ("scope_claims", 5),
        ("client_id_claims", b"x"), ("max_token_bytes", 1.5), ("cache_size", "1"), ("cache_size", True),
        ("fetch", "x"), ("fetch_timeout", None), ("refresh_interval", "1"), ("stale_if_error", []),
        ("max_jwks_bytes", 1.0), ("ca_file", 5), ("allow_http", 1), ("ssrf_safe", None), ("trust_env", "no"),
        ("on_reject", 5),
    ],
)  # fmt: skip
def test_wrong_types_name_the_option(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=name):
        Verifier(**{"secret": b"s" * 32, name: value})


def test_misspelled_options() -> None:
    with pytest.raises(TypeError, match="'jwks_url'; did you mean 'jwks_uri'"):
        Verifier(jwks_url="https://x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'colour'$"):
        Verifier(colour=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Verifier("x")  # type: ignore[misc]


def test_a_private_key_is_refused_and_not_quoted(rsa_key_pair: RSAKeyPair) -> None:
    private = rsa_key_pair.private_key.get_secret_value()
    with pytest.raises(ConfigurationError) as caught:
        Verifier(public_key=private)
    assert private[40:60] not in str(caught.value)
    with pytest.raises(ConfigurationError):
        Verifier(secret=rsa_key_pair.public_key)


def test_error_text_survives_any_option_text() -> None:
    with pytest.raises(ConfigurationError):
        Verifier(secret=b"s" * 32, algorithms=["é" * 300])


# ---- life


def test_close(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    with Verifier(public_key=rsa_key_pair.public_key) as verifier:
        access = verifier.verify(mint())
    verifier.close()
    for use in (lambda: verifier.verify(mint()), verifier.keys, verifier.stats, verifier.refresh):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert access.claims["iss"] == ISSUER  # a result outlives its verifier


def test_no_pickling(verifier: Verifier) -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(verifier)


def test_refresh_needs_a_url(verifier: Verifier) -> None:
    with pytest.raises(ConfigurationError, match="jwks_uri"):
        verifier.refresh()


def test_stats(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    verifier = Verifier(public_key=rsa_key_pair.public_key)
    token = mint()
    verifier.verify(token)
    verifier.verify(token)
    refused(verifier, "x", "token_malformed")
    refused(verifier, "\ud800", "token_malformed")
    refused(verifier, mint(expires_in_seconds=-1), "token_expired")
    stats = verifier.stats()
    assert (stats["verified"], stats["rejected"]) == (2, 3)
    assert stats["reasons"] == {"token_malformed": 2, "token_expired": 1}
    assert (stats["cache_hits"], stats["cache_entries"]) == (1, 1)
    assert stats["keys_held"] is True and stats["last_error"] == ""


def test_on_reject(rsa_key_pair: RSAKeyPair, mint: Mint, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Rejection] = []
    verifier = Verifier(public_key=rsa_key_pair.public_key, audience=AUDIENCE, on_reject=seen.append)
    token = mint(expires_in_seconds=-5, kid="k")
    refused(verifier, token, "token_expired")
    verifier.verify(mint())
    assert [(rejection.code, rejection.claim, rejection.kid) for rejection in seen] == [("token_expired", "exp", "k")]
    assert seen[0].message.startswith("the token has expired: 5")
    assert token not in repr(seen)

    def broken(_: Rejection) -> None:
        raise RuntimeError("hook")

    verifier = Verifier(public_key=rsa_key_pair.public_key, audience=AUDIENCE, on_reject=broken)
    for _ in range(3):
        refused(verifier, token, "token_expired")
    assert [record.name for record in caplog.records] == ["fastbearer"]


def test_representation_holds_no_key(rsa_key_pair: RSAKeyPair, pairs: dict[str, KeyPair]) -> None:
    assert rsa_key_pair.public_key[40:60] not in repr(Verifier(public_key=rsa_key_pair.public_key))
    assert repr(pairs["HS256"].secret)[4:10] not in repr(Verifier(secret=pairs["HS256"].secret))


def test_now_is_the_clock(verifier: Verifier, mint: Mint) -> None:
    assert verifier.verify(mint(expires_in_seconds=30)).expires_at == pytest.approx(time.time() + 30, abs=2)
