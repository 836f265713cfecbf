"""What the suites expect, against a second verifier. A difference here is an error in the suites or in the oracle."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")
import oracle

SUITES = Path(__file__).resolve().parent.parent / "vectors"
FILES = sorted(SUITES.glob("*/*.json"))


def differences(path: Path) -> Iterator[str]:
    for case in json.loads(path.read_text()):
        now = time.time() if case["now"] is None else case["now"]
        code: Any = None
        claims: Any = None
        scopes: Any = None
        try:
            claims, scopes = oracle.verify(case["token"], case["config"], now)
        except oracle.Refused as refused:
            code = refused.code
        wanted = case.get("code")
        if code != wanted and not (isinstance(wanted, list) and code in wanted):
            yield f"{case['id']}: expected {wanted}, the oracle says {code}"
        elif case.get("claims", claims) != claims or case.get("scopes", scopes) != scopes:
            yield f"{case['id']}: other claims or scopes"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_suite(path: Path) -> None:
    assert list(differences(path)) == []


def test_every_code_is_there() -> None:
    """Each reason that a static key can give has a case that names it alone."""
    named = {
        case["code"] for path in FILES for case in json.loads(path.read_text()) if isinstance(case.get("code"), str)
    }
    expected = [
        "token_too_large",
        "token_malformed",
        "header_invalid",
        "payload_invalid",
        "algorithm_not_allowed",
        "critical_header_unsupported",
        "header_unsupported",
        "token_type_not_allowed",
        "key_not_found",
        "key_ambiguous",
        "key_unsuitable",
        "signature_invalid",
        "exp_missing",
        "exp_invalid",
        "token_expired",
        "nbf_invalid",
        "token_not_yet_valid",
        "iat_invalid",
        "token_issued_in_future",
        "iss_missing",
        "iss_invalid",
        "issuer_mismatch",
        "aud_missing",
        "aud_invalid",
        "audience_mismatch",
        "sub_invalid",
        "client_id_invalid",
        "jti_invalid",
        "scope_invalid",
        "insufficient_scope",
        "claim_missing",
        "configuration_invalid",
    ]
    assert sorted(named) == sorted(expected)
