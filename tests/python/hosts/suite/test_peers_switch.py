"""The switching table: what a line written for PyJWT or joserfc does, and what the line that replaces it does."""

import time
from datetime import timedelta

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt
import pytest
from support import AUDIENCE, ISSUER, KEYS, OTHER_KEYS, Minter

import fastbearer
import fastbearer.errors
from fastbearer import KeyPair, Verifier, decode_unverified
from fastbearer.testing import JWKSServer

PEM = KEYS.public_key
PRIVATE = KEYS.private_key.get_secret_value()
VERIFIER = Verifier(public_key=PEM, audience=AUDIENCE, issuer=ISSUER)


def pyjwt(token, **options):
    return jwt.decode(token, PEM, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER, **options)


def ours(token):
    return VERIFIER.verify(token).claims


def test_decode(mint):
    token = mint(additional_claims={"tenant": {"id": 7}})
    assert pyjwt(token) == ours(token)


#: The tokens of a server's day, and the class that both raise.
REFUSED = [
    ({"expires_in_seconds": -60}, "ExpiredSignatureError"),
    ({"additional_claims": {"nbf": int(time.time()) + 600}}, "ImmatureSignatureError"),
    ({"additional_claims": {"iat": int(time.time()) + 600}}, "ImmatureSignatureError"),
    ({"additional_claims": {"iat": "now"}}, "InvalidIssuedAtError"),
    ({"audience": "https://other"}, "InvalidAudienceError"),
    ({"issuer": "https://other"}, "InvalidIssuerError"),
]


@pytest.mark.parametrize("changes, name", REFUSED, ids=repr)
def test_exceptions_have_the_same_names(mint, changes, name):
    token = mint(**changes)
    with pytest.raises(getattr(jwt, name)):
        pyjwt(token)
    with pytest.raises(getattr(fastbearer.errors, name)):
        ours(token)


def test_exceptions_without_a_claim(mint):
    for token, name in (
        (Minter(OTHER_KEYS)(), "InvalidSignatureError"),
        ("nonsense", "DecodeError"),
        (KeyPair.generate("ES256").create_token(), "InvalidAlgorithmError"),
    ):
        with pytest.raises(getattr(jwt, name)):
            pyjwt(token)
        with pytest.raises(getattr(fastbearer.errors, name)) as caught:
            ours(token)
        assert isinstance(caught.value, fastbearer.InvalidTokenError)


def test_a_missing_claim(mint):
    """PyJWT's class is MissingRequiredClaimError; ours is MissingClaimError, and both have .claim."""
    token = KeyPair(private_key=PRIVATE).create_token(subject=None, issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(jwt.MissingRequiredClaimError) as theirs:
        pyjwt(token, options={"require": ["sub"]})
    with pytest.raises(fastbearer.MissingClaimError) as caught:
        Verifier(public_key=PEM, audience=AUDIENCE, issuer=ISSUER, required_claims=["sub"]).verify(token)
    assert theirs.value.claim == caught.value.claim == "sub"
    assert ours(mint())["sub"] == "alice"


def test_leeway(mint):
    token = mint(expires_in_seconds=-5)
    for leeway, good in ((30, True), (0, False)):
        for verify in (
            lambda: pyjwt(token, leeway=leeway),
            lambda: Verifier(public_key=PEM, audience=AUDIENCE, issuer=ISSUER, leeway=leeway).verify(token),
        ):
            if good:
                verify()
            else:
                with pytest.raises(Exception, match="xpired|passed|exp"):
                    verify()
    assert pyjwt(token, leeway=timedelta(seconds=30))  # ours takes seconds


def test_a_key_set_behind_a_url():
    with JWKSServer(KEYS, kid="k1") as server:
        token = server.mint(audience=AUDIENCE)
        key = jwt.PyJWKClient(server.jwks_uri).get_signing_key_from_jwt(token)
        theirs = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE)
        assert Verifier(jwks_uri=server.jwks_uri, audience=AUDIENCE).verify(token).claims == theirs


def test_unverified_header(mint):
    token = mint(kid="k1")
    assert jwt.get_unverified_header(token) == decode_unverified(token).header


def test_encode():
    claims = {"sub": "s", "iss": "i", "n": 5, "iat": 1, "exp": 99999999999}
    theirs = jwt.encode(claims, PRIVATE, "RS256", headers={"kid": "k1"})
    pair = KeyPair(private_key=PRIVATE, algorithm="RS256")
    mine = pair.create_token(subject=None, issuer=None, additional_claims=claims, kid="k1")
    assert decode_unverified(mine).claims == decode_unverified(theirs).claims == claims
    assert decode_unverified(mine).header == decode_unverified(theirs).header
    assert set(decode_unverified(pair.create_token(additional_claims={"n": 5})).claims) == {
        "sub",
        "iss",
        "iat",
        "exp",
        "n",
    }


def joserfc_verify(token, document):
    decoded = joserfc.jwt.decode(token, joserfc.jwk.KeySet.import_key_set(document), algorithms=["RS256"])
    joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}
    ).validate(decoded.claims)
    return decoded.claims


def test_joserfc(mint):
    document = KEYS.jwks("k1")
    verifier = Verifier(jwks=document, algorithms=["RS256"], issuer=ISSUER, audience=AUDIENCE)
    token = mint(kid="k1")
    assert joserfc_verify(token, document) == verifier.verify(token).claims
    for changes, theirs, mine in (
        ({"expires_in_seconds": -60}, "ExpiredTokenError", "ExpiredSignatureError"),
        ({"issuer": "https://other"}, "InvalidClaimError", "InvalidIssuerError"),
        ({"audience": "https://other"}, "InvalidClaimError", "InvalidAudienceError"),
    ):
        bad = mint(kid="k1", **changes)
        with pytest.raises(getattr(joserfc.errors, theirs)):
            joserfc_verify(bad, document)
        with pytest.raises(getattr(fastbearer.errors, mine)):
            verifier.verify(bad)
    forged = Minter(OTHER_KEYS)(kid="k1")
    with pytest.raises(joserfc.errors.BadSignatureError):
        joserfc_verify(forged, document)
    with pytest.raises(fastbearer.InvalidSignatureError):
        verifier.verify(forged)
