"""Key pairs: FastMCP's RSAKeyPair, the same for other algorithms, and secrets that stay secret."""

from __future__ import annotations

import base64
import copy
import datetime
import json
import pickle
import time
from typing import Any

import pytest

import fastbearer
from fastbearer import ConfigurationError, KeyPair, RSAKeyPair, Verifier, decode_unverified
from fastbearer.keys import SecretStr
from helpers import ALGORITHMS, source_of


def parts(token: str) -> tuple[str, str]:
    """Header and payload as they stand in the token."""
    head, body, _ = token.split(".")
    return tuple(base64.urlsafe_b64decode(s + "=" * (-len(s) % 4)).decode() for s in (head, body))  # type: ignore[return-value]


def test_rsa_key_pair_is_fastmcps(rsa_key_pair: RSAKeyPair) -> None:
    assert rsa_key_pair.public_key.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert rsa_key_pair.public_key.endswith("-----END PUBLIC KEY-----\n")
    private = rsa_key_pair.private_key.get_secret_value()
    assert private.startswith("-----BEGIN PRIVATE KEY-----\n") and private.endswith("-----END PRIVATE KEY-----\n")
    again = RSAKeyPair(private_key=rsa_key_pair.private_key, public_key=rsa_key_pair.public_key)
    assert again == rsa_key_pair and hash(again) == hash(rsa_key_pair)
    assert RSAKeyPair(private_key=private).public_key == rsa_key_pair.public_key
    assert Verifier(public_key=again.public_key).verify(again.create_token())


def test_create_token_as_fastmcp_does(rsa_key_pair: RSAKeyPair) -> None:
    before = int(time.time())
    header, payload = parts(rsa_key_pair.create_token())
    claims = json.loads(payload)
    assert header == '{"typ":"JWT","alg":"RS256"}'
    assert list(claims) == ["sub", "iss", "iat", "exp"]
    assert claims["sub"] == "fastmcp-user" and claims["iss"] == "https://fastmcp.example.com"
    assert before <= claims["iat"] <= time.time() and claims["exp"] == claims["iat"] + 3600
    header, payload = parts(
        rsa_key_pair.create_token(
            "é", "i", "a", ["x", "y"], -5, {"n": 2**80, "f": 0.1, "d": {"k": [None]}}, "key", now=100.7
        )
    )
    assert header == '{"typ":"JWT","alg":"RS256","kid":"key"}'
    assert payload == (
        '{"sub":"é","iss":"i","iat":100,"exp":95,"aud":"a","scope":"x y",'
        '"n":1208925819614629174706176,"f":0.1,"d":{"k":[null]}}'
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"audience": ["a"]}, {"aud": ["a"]}),
        ({"audience": ["a", "b"]}, {"aud": ["a", "b"]}),
        ({"audience": ("a", "b")}, {"aud": ["a", "b"]}),
        ({"audience": []}, {}),
        ({"audience": ""}, {}),
        ({"scopes": []}, {}),
        ({"scopes": ("a",)}, {"scope": "a"}),
        ({"subject": None}, {}),
        ({"issuer": None}, {}),
        ({"expires_in_seconds": datetime.timedelta(minutes=1)}, {"exp": 1060}),
        ({"expires_in_seconds": 0.5}, {"exp": 1000.5}),
        ({"additional_claims": {"exp": 5, "aud": "z"}}, {"exp": 5, "aud": "z"}),
        (
            {"additional_claims": {"at": datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)}},
            {"at": 1893456000},
        ),
        ({"additional_claims": {}}, {}),
    ],
)
def test_create_token_options(rsa_key_pair: RSAKeyPair, options: dict[str, Any], expected: dict[str, Any]) -> None:
    claims = decode_unverified(rsa_key_pair.create_token(now=1000, **options)).claims
    base: dict[str, Any] = {"sub": "fastmcp-user", "iss": "https://fastmcp.example.com", "iat": 1000, "exp": 4600}
    for name, short in (("subject", "sub"), ("issuer", "iss")):
        if name in options:
            del base[short]
    assert claims == {**base, **expected}


def test_hostile_tokens_can_be_made(rsa_key_pair: RSAKeyPair) -> None:
    for value in (float("nan"), float("inf"), "\x00", 10**400):
        token = rsa_key_pair.create_token(additional_claims={"x": value})
        with pytest.raises(fastbearer.DecodeError) as caught:
            Verifier(public_key=rsa_key_pair.public_key).verify(token)
        assert caught.value.code == "payload_invalid"
    with pytest.raises(TypeError, match="object"):
        rsa_key_pair.create_token(additional_claims={"x": object()})
    for wrong in ({"audience": 5}, {"scopes": [5]}, {"expires_in_seconds": "1"}):
        with pytest.raises((TypeError, ValueError)):
            rsa_key_pair.create_token(**wrong)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_load_what_was_generated(pairs: dict[str, KeyPair], algorithm: str) -> None:
    pair = pairs[algorithm]
    private = pair.secret if pair.public_key is None else pair.private_key
    again = KeyPair(private_key=private, algorithm=algorithm)
    assert again == pair and again.algorithm == algorithm and again.public_key == pair.public_key
    assert Verifier(**source_of(pair)).verify(again.create_token())
    if pair.public_key is None:
        with pytest.raises(ConfigurationError):
            pair.jwks()
    else:
        document = pair.jwks(kid="k")
        (jwk,) = document["keys"]
        assert jwk["kid"] == "k" and jwk["use"] == "sig" and "d" not in jwk and "p" not in jwk
        assert Verifier(jwks=document, algorithms=algorithm).verify(again.create_token(kid="k"))
        assert "kid" not in pair.jwks()["keys"][0]
        with pytest.raises(ConfigurationError):
            pair.secret  # noqa: B018


def test_sizes() -> None:
    assert Verifier(public_key=RSAKeyPair.generate(bits=3072).public_key).keys()[0].bits == 3072
    for bits in (1024, 8193, 1):
        with pytest.raises(ConfigurationError):
            RSAKeyPair.generate(bits=bits)
    with pytest.raises(ConfigurationError):
        KeyPair.generate("none")
    with pytest.raises(ConfigurationError):
        KeyPair.generate("ES256", bits=2048)


def test_wrong_keys_are_not_quoted(rsa_key_pair: RSAKeyPair, pairs: dict[str, KeyPair]) -> None:
    private = rsa_key_pair.private_key.get_secret_value()
    for text, algorithm in (
        (private, "ES256"),
        (private[:200], "RS256"),
        ("geheim", "RS256"),
        (rsa_key_pair.public_key, "RS256"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            KeyPair(private_key=text, algorithm=algorithm)
        assert text[-50:-30] not in str(caught.value) or text == "geheim"
        assert "geheim" not in str(caught.value)
    for wrong in (None, 5, ["x"]):
        with pytest.raises(TypeError, match="private_key"):
            KeyPair(private_key=wrong)


def test_secrets_do_not_show(rsa_key_pair: RSAKeyPair, pairs: dict[str, KeyPair]) -> None:
    secret = rsa_key_pair.private_key
    middle = secret.get_secret_value()[100:140]
    for text in (repr(secret), str(secret), f"{secret}", repr(rsa_key_pair), str(rsa_key_pair), repr(pairs["HS256"])):
        assert middle not in text and "PRIVATE" not in text
    assert repr(secret) == "SecretStr('**********')"
    assert secret == SecretStr(secret.get_secret_value()) and secret != "x" and len({secret, SecretStr("x")}) == 2
    with pytest.raises(TypeError):
        pickle.dumps(rsa_key_pair)


def test_frozen(rsa_key_pair: RSAKeyPair) -> None:
    for name in ("public_key", "private_key", "new"):
        with pytest.raises(AttributeError):
            setattr(rsa_key_pair, name, "x")
        with pytest.raises(AttributeError):
            delattr(rsa_key_pair, name)
    with pytest.raises(TypeError):
        copy.deepcopy(rsa_key_pair)


def test_pydantic_secrets_are_taken(rsa_key_pair: RSAKeyPair) -> None:
    class Pydantics:
        def get_secret_value(self) -> str:
            return rsa_key_pair.private_key.get_secret_value()

    assert RSAKeyPair(private_key=Pydantics()) == rsa_key_pair


def test_sign_anything(pairs: dict[str, KeyPair]) -> None:
    token = pairs["HS256"].sign('{"alg":"HS256"}', b"\x00\xff")
    with pytest.raises(fastbearer.DecodeError):
        Verifier(secret=pairs["HS256"].secret).verify(token)
    assert token.split(".")[1] == "AP8"


def test_decode_unverified(rsa_key_pair: RSAKeyPair) -> None:
    token = rsa_key_pair.create_token(kid="k", expires_in_seconds=-100, additional_claims={"big": 2**70})
    for form in (token, token.encode(), token[:-4] + "AAAA"):
        unverified = decode_unverified(form)
        assert unverified.header == {"typ": "JWT", "alg": "RS256", "kid": "k"}
        assert unverified.claims["big"] == 2**70
    for text, code in (("x", "token_malformed"), ("\ud800", "token_malformed"), ("W10.e30.AA", "header_invalid")):
        with pytest.raises(fastbearer.DecodeError) as caught:
            decode_unverified(text)
        assert caught.value.code == code
    with pytest.raises(TypeError):
        decode_unverified(5)  # type: ignore[arg-type]
