"""The programs of examples/python that need nothing but this package."""

from __future__ import annotations

from pathlib import Path

from helpers import run_python

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/python"


def test_verify() -> None:
    done = run_python((EXAMPLES / "verify.py").read_text())
    assert done.stdout.startswith("alice ['read'] {"), done.stderr


def test_issuers() -> None:
    done = run_python((EXAMPLES / "issuers.py").read_text(), "no token")
    assert done.stdout == "token_malformed\n", done.stderr
