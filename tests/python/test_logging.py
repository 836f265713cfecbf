"""What is written down: never a token, never key material."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

import fastbearer
from fastbearer import KeyPair, Verifier
from fastbearer._log import LOGGER, RejectionLog
from fastbearer.testing import JWKSServer


def test_no_token_anywhere(
    jwks_server: JWKSServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """At any level, in any error, in any representation."""
    caplog.set_level(logging.DEBUG)
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer, audience="me", required_scopes=["s"])
    mark = "SECRETMARK"
    tokens = [
        jwks_server.mint(subject=mark, audience=mark),
        jwks_server.mint(subject=mark, issuer=mark),
        jwks_server.mint(subject=mark, audience="me", expires_in_seconds=-5),
        jwks_server.mint(subject=mark, audience="me", scopes=[mark]),
        jwks_server.mint(subject=mark, audience="me", additional_claims={"aud": [mark, 5]}),
        jwks_server.mint(subject=mark, kid="other"),
        f"{mark}.{mark}.{mark}",
        mark,
    ]
    texts: list[str] = []
    for i, token in enumerate(tokens):
        with pytest.raises(fastbearer.InvalidTokenError) as caught:
            verifier.verify(token)
        error = caught.value
        verified = vars(error).pop("actual", None)  # what a verified claim held has a place of its own
        assert verified is None or i < 5, error.code
        texts += [str(error), repr(error), repr(vars(error))]
    jwks_server.fail()
    with pytest.raises(fastbearer.KeysUnavailableError):
        verifier.refresh()
    out, err = capfd.readouterr()
    everything = "\n".join([caplog.text, out, err, repr(verifier), repr(verifier.stats()), *texts])
    assert mark not in everything
    for token in tokens[:6]:
        for part in token.split("."):
            assert part not in everything
    assert "fetch failed" in caplog.text


@pytest.mark.parametrize(
    ("claims", "code", "expected", "actual"),
    [
        ({"audience": "https://elsewhere.example"}, "audience_mismatch", "me", "https://elsewhere.example"),
        (
            {"issuer": "https://elsewhere.example"},
            "issuer_mismatch",
            "https://issuer.example",
            "https://elsewhere.example",
        ),
        ({"audience": ["a", "b" * 500]}, "audience_mismatch", "me", "b" * 50),
        ({"issuer": "line\nbreak\u202eé"}, "issuer_mismatch", "https://issuer.example", "line?break"),
    ],
)
def test_what_was_expected_and_what_was_there(
    claims: dict[str, Any], code: str, expected: str, actual: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the error, in on_reject and in the adapters' log, of a verified claim only: short, and printable."""
    pair, seen = KeyPair.generate("ES256"), []
    options = {"issuer": "https://issuer.example", "audience": "me", **claims}
    verifier = Verifier(
        public_key=pair.public_key, algorithms="ES256", issuer="https://issuer.example", audience="me",
        on_reject=seen.append,
    )  # fmt: skip
    token = pair.create_token(**options)
    with pytest.raises(fastbearer.InvalidTokenError) as caught:
        verifier.verify(token)
    error = caught.value
    assert error.code == code and error.expected is not None and error.actual is not None
    assert expected in error.expected and actual in error.actual
    assert all(len(text) <= 120 and text.isascii() and text.isprintable() for text in (error.expected, error.actual))
    assert (seen[0].expected, seen[0].actual) == (error.expected, error.actual)
    assert seen[0].issuer == "https://issuer.example" and actual not in str(error)
    caplog.set_level(logging.INFO)
    RejectionLog().rejected(LOGGER, error)
    assert f"expected {error.expected}; got {error.actual}; configured issuer 'https://issuer.example'" in caplog.text
    assert caplog.messages[-1].endswith(f"; see docs/reasons.md#{error.code}")
    with pytest.raises(fastbearer.InvalidSignatureError) as forged:
        verifier.verify(token[:-8] + "AAAAAAAA")
    assert forged.value.expected is forged.value.actual is None
    assert (seen[1].expected, seen[1].actual) == (None, None)


def test_proxies_that_are_not_used_are_named_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the values, which may hold a password."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for value, options, warnings in [
        ("http://user:password@proxy.invalid:9", {}, 1),
        ("http://user:password@proxy.invalid:9", {"trust_env": True}, 0),
        ("http://user:password@proxy.invalid:9", {"fetch": lambda *_: (500, {}, b"")}, 0),
        ("", {}, 0),
    ]:
        caplog.clear()
        monkeypatch.setenv("https_proxy", value)
        verifier = Verifier(jwks_uri="https://issuer.invalid/jwks", **options)
        for _ in range(2):
            with pytest.raises(fastbearer.KeysUnavailableError):
                verifier.refresh()
        assert caplog.text.count("https_proxy is set in the environment") == warnings
        assert ("trust_env=True" in caplog.text) == bool(warnings) and "password" not in caplog.text


@pytest.mark.parametrize(
    "make", [lambda: KeyPair.generate("HS256").secret.decode("latin-1"), lambda: "-----BEGIN X" * 9]
)
def test_no_secret_in_configuration_errors(make: Callable[[], str], caplog: pytest.LogCaptureFixture) -> None:
    secret = make()
    for options in ({"public_key": secret}, {"jwks": secret}, {"secret": secret[:5]}, {"jwks_uri": secret}):
        with pytest.raises(fastbearer.ConfigurationError) as caught:
            Verifier(**options)  # type: ignore[arg-type]
        assert secret[:12] not in str(caught.value)
    assert caplog.text == ""
