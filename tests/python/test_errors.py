"""Every outcome of the core: its class, its code, its meaning over HTTP."""

from __future__ import annotations

import pytest

import fastbearer
from fastbearer import _native, errors

OUTCOMES = {code: (text, status, oauth, kind) for _, code, text, status, oauth, kind in _native.outcomes()}

CLASSES = {
    "token_too_large": "DecodeError", "token_malformed": "DecodeError", "header_invalid": "DecodeError",
    "payload_invalid": "DecodeError", "algorithm_not_allowed": "InvalidAlgorithmError",
    "critical_header_unsupported": "DecodeError", "header_unsupported": "DecodeError",
    "token_type_not_allowed": "InvalidTokenError", "key_not_found": "InvalidKeyError",
    "key_ambiguous": "InvalidKeyError", "key_unsuitable": "InvalidKeyError",
    "keys_unavailable": "KeysUnavailableError", "keys_needed": "_KeysNeeded",
    "signature_invalid": "InvalidSignatureError", "exp_missing": "MissingClaimError", "exp_invalid": "DecodeError",
    "token_expired": "ExpiredSignatureError", "nbf_invalid": "DecodeError",
    "token_not_yet_valid": "ImmatureSignatureError", "iat_invalid": "InvalidIssuedAtError",
    "token_issued_in_future": "ImmatureSignatureError", "iss_missing": "MissingClaimError",
    "iss_invalid": "InvalidIssuerError", "issuer_mismatch": "InvalidIssuerError", "aud_missing": "MissingClaimError",
    "aud_invalid": "InvalidAudienceError", "audience_mismatch": "InvalidAudienceError",
    "sub_invalid": "InvalidTokenError", "client_id_invalid": "InvalidTokenError",
    "jti_invalid": "InvalidTokenError", "scope_invalid": "InvalidTokenError",
    "insufficient_scope": "InsufficientScopeError", "claim_missing": "MissingClaimError",
    "claim_mismatch": "InvalidClaimError", "issuer_needed": "_IssuerNeeded", "token_missing": "InvalidTokenError",
    "request_malformed": "MalformedRequestError", "request_too_large": "MalformedRequestError",
    "request_unsupported": "MalformedRequestError", "confirmation_invalid": "InvalidTokenError",
    "proof_missing": "InvalidProofError", "proof_invalid": "InvalidProofError", "proof_expired": "InvalidProofError",
    "proof_mismatch": "InvalidProofError", "proof_replayed": "InvalidProofError",
    "proof_nonce_required": "InvalidProofError", "token_inactive": "RevokedTokenError",
    "token_revoked": "RevokedTokenError", "status_unavailable": "StatusUnavailableError",
    "introspection_needed": "_IntrospectionNeeded",
    "configuration_invalid": "ConfigurationError", "internal_error": "FastBearerError",
}  # fmt: skip


#: Codes whose errors say something else over HTTP than others of their class.
OWN_OAUTH_ERRORS = {"token_missing": "", "proof_nonce_required": "use_dpop_nonce"}
OWN_STATUSES = {"request_too_large": 413, "request_unsupported": 415}


def test_every_outcome_has_its_class() -> None:
    assert {code: kind.__name__ for code, (_, _, _, kind) in OUTCOMES.items()} == CLASSES


@pytest.mark.parametrize("code", OUTCOMES)
def test_classes_say_what_the_core_says_over_http(code: str) -> None:
    text, status, oauth, kind = OUTCOMES[code]
    assert OWN_STATUSES.get(code, kind.http_status) == status
    assert OWN_OAUTH_ERRORS.get(code, kind.oauth_error) == oauth
    assert text and text[0].islower()


def test_numbers_are_unique() -> None:
    numbers = [row[0] for row in _native.outcomes()]
    assert len(set(numbers)) == len(numbers)


def test_hierarchy() -> None:
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(errors.InvalidSignatureError, errors.DecodeError)
    assert not issubclass(errors.KeysUnavailableError, errors.InvalidTokenError)
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.FastBearerError)
        assert getattr(fastbearer, name) is kind
        assert kind.__doc__
        assert kind.code not in ("keys_needed", "issuer_needed", "introspection_needed")


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -float("inf")])
def test_a_wrong_configuration_is_the_server_s_fault(now: float) -> None:
    """500, never 401: no other token would help the client."""
    pair = fastbearer.KeyPair.generate("ES256")
    verifier = fastbearer.Verifier(public_key=pair.public_key, algorithms="ES256")
    with pytest.raises(errors.ConfigurationError) as caught:
        verifier.verify(pair.create_token(), now=now)
    assert (caught.value.http_status, caught.value.oauth_error) == (500, "server_error")


def test_errors_can_be_made_by_hand() -> None:
    error = errors.InsufficientScopeError(missing=("a", "b"))
    assert error.missing == ["a", "b"] and str(error)
    assert errors.InvalidIssuerError("no").code == "issuer_mismatch"
