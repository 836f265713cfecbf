"""Some thousand changed cases through the library and through the oracle; `make fuzz` runs as many as there is time
for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
sys.path.append(str(Path(__file__).resolve().parents[1] / "fuzz"))
import differential


def test_both_say_the_same() -> None:
    differential.tally.clear()
    found = [(case["id"], ours, theirs) for case, ours, theirs in differential.differences(20250615, count=8000)]
    assert found == []
    # What was reached: good tokens, and what is decided before, at and after the signature.
    assert differential.tally["accept"] > 200 and differential.tally["signature_invalid"] > 50
    assert {"token_malformed", "header_invalid", "payload_invalid", "exp_invalid", "scope_invalid"} <= set(
        differential.tally
    )
    # And what is decided about requests.
    assert {
        "token_missing",
        "request_malformed",
        "confirmation_invalid",
        "proof_missing",
        "proof_invalid",
        "proof_expired",
        "proof_mismatch",
        "proof_replayed",
        "proof_nonce_required",
    } <= set(differential.tally)
    assert len(differential.tally) > 35
