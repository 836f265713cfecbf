"""Reading cases, and judging what came out of one. README.md beside this file has the format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastbearer

#: Options of one issuer, of a verifier, and of both. README.md beside this file has the table.
ISSUER = frozenset(["public_key", "jwks", "jwks_raw", "secret", "issuer", "algorithms"])
VERIFIER = frozenset(
    ["issuers", "required_scopes", "scope_hierarchy", "merge_scope_claims", "leeway", "clock_skew", "require_exp",
     "max_token_bytes", "sender_constrained", "dpop"]
)  # fmt: skip
BOTH = frozenset(["audience", "required_claims", "scope_claims", "client_id_claims", "token_type"])

DPOP = frozenset(["max_age", "required", "algorithms", "nonce_secret", "replay_capacity"])
REQUEST = frozenset(["method", "url", "headers", "client_certificate"])

STEP = frozenset(["token", "request", "now", "expect", "code", "claims", "scopes", "client_id"])
CASE = STEP | {"id", "description", "config"}
SEQUENCE = frozenset(["id", "description", "config", "steps"])

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
    known = SEQUENCE if isinstance(case, dict) and "steps" in case else CASE
    if not isinstance(case, dict) or not isinstance(case.get("id"), str) or not isinstance(case.get("config"), dict):
        raise BadCase("id or config is missing or of the wrong type")
    check_members("the case", case, known)
    steps = case.get("steps", [case])
    if not isinstance(steps, list) or not steps:
        raise BadCase("steps must be a list of at least one")
    for step in steps:
        if not isinstance(step, dict):
            raise BadCase("a step must be an object")
        if step is not case:
            check_members("a step", step, STEP)
        good = isinstance(step.get("token"), str) and step.get("expect") in ("accept", "reject")
        if "request" in step:
            check_request(step["request"])
        now = step.get("now")
        if not good or isinstance(now, bool) or not (now is None or isinstance(now, (int, float))):
            raise BadCase("token, now or expect is missing or of the wrong type")
    check_members("config", case["config"], ISSUER | VERIFIER | BOTH)
    if isinstance(case["config"].get("dpop"), dict):
        check_members("config: dpop", case["config"]["dpop"], DPOP)
    issuers = case["config"].get("issuers")
    for issuer in issuers if isinstance(issuers, list) else []:
        if isinstance(issuer, dict):
            check_members("config: issuers", issuer, ISSUER | BOTH)


def check_request(request: Any) -> None:
    if not isinstance(request, dict):
        raise BadCase("request must be an object")
    check_members("request", request, REQUEST)
    headers = request.get("headers", [])
    pairs = headers if isinstance(headers, list) else [None]
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair) for pair in pairs):
        raise BadCase("request: headers must be a list of pairs of text")
    if not all(isinstance(request.get(name, ""), str) for name in ("method", "url")):
        raise BadCase("request: method and url must be text")
    if not isinstance(request.get("client_certificate"), (str, type(None))):
        raise BadCase("request: client_certificate must be text or null")


def request(given: dict[str, Any]) -> fastbearer.Request:
    """The Request that a case has."""
    return fastbearer.Request(
        given.get("method", ""), given.get("url"), given.get("headers", []), given.get("client_certificate")
    )


def check_members(where: str, given: dict[str, Any], known: frozenset[str]) -> None:
    for name in given:
        if name not in known:
            raise BadCase(f"{where}: {name} is unknown")
    if given.get("jwks") is not None and given.get("jwks_raw") is not None:
        raise BadCase(f"{where}: jwks and jwks_raw are the same option")


def options(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a Verifier that a case's config says, or those of an Issuer."""
    given = {name: value for name, value in config.items() if value is not None}
    if "jwks" in given:
        given["jwks"] = json.dumps(given["jwks"])
    if "jwks_raw" in given:
        given["jwks"] = given.pop("jwks_raw")
    if isinstance(given.get("dpop"), dict):
        given["dpop"] = fastbearer.DPoP(**{name: value for name, value in given["dpop"].items() if value is not None})
    if isinstance(given.get("issuers"), list):
        given["issuers"] = [
            fastbearer.Issuer(**options(issuer)) if isinstance(issuer, dict) else issuer for issuer in given["issuers"]
        ]
    return given


def canonical(value: Any) -> Any:
    """A form in which equal JSON values are equal, and others are not: 1, 1.0, true and "1" are four values."""
    if isinstance(value, dict):
        return {name: canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        return [canonical(member) for member in value]
    return (type(value).__name__, value)


def as_expected(case: dict[str, Any], outcome: Outcome) -> bool:
    """Of a case, a step, or a sequence."""
    if "steps" in case:
        outcomes = outcome.get("steps", [])
        return len(outcomes) == len(case["steps"]) and all(map(as_expected, case["steps"], outcomes))
    if outcome["verdict"] != case["expect"]:
        return False
    if outcome["verdict"] == "reject":
        codes = case.get("code", outcome["code"])
        return outcome["code"] in codes if isinstance(codes, list) else bool(outcome["code"] == codes)
    members = ("claims", "scopes", "client_id")
    return all(canonical(outcome[name]) == canonical(case[name]) for name in members if name in case)
