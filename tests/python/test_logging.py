"""What is written down: never a token, never key material."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

import fastbearer
from fastbearer import KeyPair, Verifier
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
    for token in tokens:
        with pytest.raises(fastbearer.InvalidTokenError) as caught:
            verifier.verify(token)
        error = caught.value
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


@pytest.mark.parametrize("make", [lambda: KeyPair.generate("HS256").secret.decode("latin-1"), lambda: "-----BEGIN X" * 9])
def test_no_secret_in_configuration_errors(make: Callable[[], str], caplog: pytest.LogCaptureFixture) -> None:
    secret = make()
    for options in ({"public_key": secret}, {"jwks": secret}, {"secret": secret[:5]}, {"jwks_uri": secret}):
        with pytest.raises(fastbearer.ConfigurationError) as caught:
            Verifier(**options)  # type: ignore[arg-type]
        assert secret[:12] not in str(caught.value)
    assert caplog.text == ""
