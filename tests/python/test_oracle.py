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


def steps_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    return case.get("steps", [case])


def outcomes(case: dict[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Of each step the code, and what else there is to compare."""
    verifier = None
    for step in steps_of(case):
        now = time.time() if step["now"] is None else step["now"]
        try:
            verifier = verifier or oracle.Verifier(case["config"])
            claims, scopes, client = verifier.accept(step["token"], now, step.get("request"))
            yield None, {"claims": claims, "scopes": scopes, "client_id": client}
        except oracle.Refused as refused:
            yield refused.code, {}


def differences(path: Path) -> Iterator[str]:
    for case in json.loads(path.read_text()):
        for number, (step, (code, said)) in enumerate(zip(steps_of(case), outcomes(case), strict=True)):
            wanted = step.get("code")
            if code != wanted and not (isinstance(wanted, list) and code in wanted):
                yield f"{case['id']}, step {number}: expected {wanted}, the oracle says {code}"
            elif any(step.get(name, value) != value for name, value in said.items()):
                yield f"{case['id']}, step {number}: other claims, scopes or client id"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_suite(path: Path) -> None:
    assert list(differences(path)) == []


def test_every_code_is_there() -> None:
    """Each reason that there is without a fetch or a hook has a case that names it alone."""
    named = {
        step["code"]
        for path in FILES
        for case in json.loads(path.read_text())
        for step in steps_of(case)
        if isinstance(step.get("code"), str)
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
        "claim_mismatch",
        "token_missing",
        "request_malformed",
        "confirmation_invalid",
        "proof_missing",
        "proof_invalid",
        "proof_expired",
        "proof_mismatch",
        "proof_replayed",
        "proof_nonce_required",
        "configuration_invalid",
    ]
    assert sorted(named) == sorted(expected)
