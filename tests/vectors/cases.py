"""Reading cases, and judging what came out of one. README.md beside this file has the format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPTIONS = frozenset(
    [
        "public_key",
        "jwks",
        "jwks_raw",
        "secret",
        "algorithms",
        "issuer",
        "audience",
        "required_scopes",
        "required_claims",
        "scope_claims",
        "client_id_claims",
        "leeway",
        "require_exp",
        "token_type",
        "max_token_bytes",
    ]
)
Outcome = dict[str, Any]


class BadCase(Exception):
    """A case, or a file of them, that cannot be run."""


def files(paths: list[str]) -> Iterator[Path]:
    for text in paths:
        path = Path(text)
        if path.is_dir():
            found = [
                p
                for p in path.rglob("*")
                if p.suffix in (".json", ".jsonl") and not any(q.startswith(".") for q in p.parts)
            ]
            yield from sorted(found)
        else:
            yield path


def load(path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        cases = json.loads(text)
    except (OSError, ValueError) as error:
        raise BadCase(str(error)) from None
    if not isinstance(cases, list):
        raise BadCase("no array of cases")
    return cases


def check(case: Any) -> None:
    """BadCase for what no runner could run."""
    good = isinstance(case, dict) and isinstance(case.get("id"), str) and isinstance(case.get("token"), str)
    good = good and isinstance(case.get("config"), dict) and case.get("expect") in ("accept", "reject")
    now = case.get("now") if good else None
    if not good or isinstance(now, bool) or not (now is None or isinstance(now, (int, float))):
        raise BadCase("id, token, config, now or expect is missing or of the wrong type")
    for name in case["config"]:
        if name not in OPTIONS:
            raise BadCase(f"config: {name} is unknown or of the wrong type")
    if case["config"].get("jwks") is not None and case["config"].get("jwks_raw") is not None:
        raise BadCase("config: jwks and jwks_raw are the same option")


def options(case: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a Verifier that a case's config says."""
    given = {name: value for name, value in case["config"].items() if value is not None}
    if "jwks" in given:
        given["jwks"] = json.dumps(given["jwks"])
    if "jwks_raw" in given:
        given["jwks"] = given.pop("jwks_raw")
    return given


def canonical(value: Any) -> Any:
    """A form in which equal JSON values are equal, and others are not: 1, 1.0, true and "1" are four values."""
    if isinstance(value, dict):
        return {name: canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        return [canonical(member) for member in value]
    return (type(value).__name__, value)


def as_expected(case: dict[str, Any], outcome: Outcome) -> bool:
    if outcome["verdict"] != case["expect"]:
        return False
    if outcome["verdict"] == "reject":
        codes = case.get("code", outcome["code"])
        return outcome["code"] in codes if isinstance(codes, list) else bool(outcome["code"] == codes)
    same = [canonical(outcome[name]) == canonical(case[name]) for name in ("claims", "scopes") if name in case]
    return all(same)
