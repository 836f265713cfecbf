"""The page of measurements: tests/bench/results/numbers.md, which `make bench` writes."""

from __future__ import annotations

import re
from pathlib import Path

NUMBERS = Path(__file__).resolve().parents[2] / "tests/bench/results/numbers.md"


def page() -> str:
    """The page, with headings one level up."""
    return re.sub(r"^###", "##", NUMBERS.read_text(), flags=re.MULTILINE)
