"""docs/providers: every row is whole and says where it comes from, and its tokens are what it says they are.

The cases are checked by the oracle and, beside it, the rules that real providers need: several issuers, templates,
claim paths, required values, and the issuer of a key.
"""

from __future__ import annotations

import importlib
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Iterator

import pytest

pytest.importorskip("cryptography")
import oracle  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ROWS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "providers").glob("*.json"))}
WHOLE = {name: row for name, row in ROWS.items() if "see" not in row}
VECTORS = ROOT / "tests" / "vectors" / "providers"
ALWAYS = {"id", "name", "about", "sources", "refused", "usually_goes_wrong", "click", "click_source", "unknown"}
OF_A_TOKEN = {"placeholders", "configuration", "why", "publishes", "header", "claims", "keys", "scopes", "accepted"}
SOMETIMES = {"no_audience", "adapter", "key_set_members", "see", "supported", "instead"}
SECONDS = re.compile(r"now[+-]\d+\Z")
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,), "number": (int,), "true or false": (bool,), "array": (list,), "object": (dict,),
    "text or array": (str, list), "seconds": (str,),
}
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+\Z")


# The table -----------------------------------------------------------------------------------------------------------


def sourced(value: Any) -> Iterator[Any]:
    """Everything that names a source, at any depth."""
    if isinstance(value, dict):
        if "source" in value:
            yield value["source"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from sourced(item)


@pytest.mark.parametrize("name", ROWS)
def test_row_is_whole(name: str) -> None:
    row = ROWS[name]
    assert row["id"] == name
    assert ALWAYS <= set(row) <= ALWAYS | OF_A_TOKEN | SOMETIMES
    assert name not in WHOLE or OF_A_TOKEN <= set(row)
    for text in ("about", "usually_goes_wrong", "click", "unknown"):
        assert all(isinstance(line, str) and line for line in row[text])
    assert row["usually_goes_wrong"] and row["click"] and row["refused"]


@pytest.mark.parametrize("name", ROWS)
def test_every_fact_has_a_source(name: str) -> None:
    row = ROWS[name]
    for place in row["sources"].values():
        assert place.startswith("https://") or place.endswith("looked at by this project"), place
    used = set(sourced({part: row[part] for part in OF_A_TOKEN & set(row)} | {"refused": row["refused"]}))
    used |= {row["click_source"]} if isinstance(row["click_source"], str) else set(row["click_source"])
    assert used <= set(row["sources"]) | {"unknown"}
    assert "unknown" not in used or row["unknown"], "what is not known is said in words too"
    for part in ("header", "claims", "publishes"):
        assert all("source" in said for said in row.get(part, {}).values())
    for case in [*row.get("accepted", []), *row["refused"], *row.get("keys", [])]:
        assert "source" in case


@pytest.mark.parametrize("name", WHOLE)
def test_configuration_is_explained(name: str) -> None:
    row = WHOLE[name]
    configuration = row["configuration"]
    assert list(row["why"]) == list(configuration)
    assert configuration["issuer"] and configuration["algorithms"]
    assert ("audience" in configuration) != ("no_audience" in row), "an audience, or why there is none"
    if "audience" not in configuration and row.get("supported", True):
        assert configuration["required_claims"], "something must say that a token is for this server"
    written = json.dumps({part: row[part] for part in OF_A_TOKEN - {"placeholders"}} | {"refused": row["refused"]})
    for placeholder, said in row["placeholders"].items():
        assert re.fullmatch(r"<[^<>]+>", placeholder) and placeholder in written and said["about"] and said["example"]


@pytest.mark.parametrize("name", WHOLE)
def test_members_have_their_type(name: str) -> None:
    for part in ("header", "claims"):
        for member, said in WHOLE[name][part].items():
            assert isinstance(said["example"], TYPES[said["type"]]), member
            assert said["type"] != "seconds" or SECONDS.match(said["example"]), member


# The cases -----------------------------------------------------------------------------------------------------------


def at(claims: dict[str, Any], path: str) -> list[Any]:
    """The value at a name or an RFC 6901 pointer, in a list; an empty list where there is none."""
    if not path.startswith("/"):
        return [claims[path]] if path in claims else []
    value: Any = claims
    for step in path[1:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or step not in value:
            return []
        value = value[step]
    return [value]


def same(value: Any, wanted: Any) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def names_issuer(identifier: str, claims: dict[str, Any]) -> bool:
    """An identifier, or a template: {tid} and {tenantid} stand for the claim tid."""
    parts = re.split(r"\{(\w+)\}", identifier)
    for index in range(1, len(parts), 2):
        value = claims.get("tid" if parts[index] == "tenantid" else parts[index])
        if not isinstance(value, str) or not UNRESERVED.match(value) or value in (".", ".."):
            return False
        parts[index] = value
    return bool(claims["iss"] == "".join(parts))


def folded(audience: str) -> str:
    scheme, separator, rest = audience.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}" if separator else audience


class Policy(oracle.Policy):
    def __init__(self, config: dict[str, Any]) -> None:
        self.required = config.get("required_claims", [])
        self.merge = config.get("merge_scope_claims", False)
        self.jwks = config.get("jwks", {"keys": []})["keys"]
        beyond = ("required_claims", "merge_scope_claims")
        super().__init__({name: value for name, value in config.items() if name not in beyond})

    def key_issuer(self, kid: str | None) -> Any:
        return next((key["issuer"] for key in self.jwks if key.get("kid") == kid and "issuer" in key), None)


def check_parties(policy: Policy, claims: dict[str, Any], kid: str | None) -> None:
    need = oracle.need
    need("iss" in claims, "iss_missing")
    need(isinstance(claims["iss"], str), "iss_invalid")
    need(any(names_issuer(identifier, claims) for identifier in policy.issuers or []), "issuer_mismatch")
    key_issuer = policy.key_issuer(kid)
    need(key_issuer is None or names_issuer(key_issuer, claims), "issuer_mismatch")
    need("aud" in claims or policy.audiences is None, "aud_missing")
    audiences = oracle.strings(claims.get("aud", []), "aud_invalid", lambda text: [text])
    need(policy.audiences is None or {*map(folded, audiences)} & {*map(folded, policy.audiences)}, "audience_mismatch")
    need(isinstance(claims.get("sub", ""), str), "sub_invalid")
    for path in policy.client_claims:
        for value in at(claims, path):
            need(isinstance(value, str), "client_id_invalid")


def check_required(policy: Policy, claims: dict[str, Any]) -> None:
    wanted = policy.required if isinstance(policy.required, dict) else dict.fromkeys(policy.required)
    for path, values in wanted.items():
        found = at(claims, path)
        oracle.need(found, "claim_missing")
        if values is None:
            continue
        held = found[0] if isinstance(found[0], list) else found
        allowed = values if isinstance(values, list) else [values]
        oracle.need(any(same(value, one) for value in held for one in allowed), "claim_mismatch")


def granted(policy: Policy, claims: dict[str, Any]) -> list[str]:
    present = [value for path in policy.scope_claims for value in at(claims, path)]
    scopes: list[str] = []
    for value in present if policy.merge else present[:1]:
        listed = oracle.strings(value, "scope_invalid", lambda text: text.split(" "))
        scopes += [scope for scope in listed if scope and scope not in scopes]
    oracle.need(set(policy.scopes) <= set(scopes), "insufficient_scope")
    return scopes


def select(config: dict[str, Any], parts: list[bytes | None]) -> dict[str, Any]:
    """The configuration of the issuer that the token names."""
    if "issuers" not in config:
        return config
    known: dict[str, dict[str, Any]] = {}
    for issuer in config["issuers"]:
        for identifier in oracle.as_list(issuer["issuer"]) or []:
            oracle.need(identifier not in known, "configuration_invalid")
            known[identifier] = issuer
    claims = oracle.strict_json(parts[1] or b"")
    templates = (identifier for identifier in known if "{" in identifier and names_issuer(identifier, claims))
    named = claims["iss"] if claims["iss"] in known else next(templates, None)
    oracle.need(named is not None, "issuer_mismatch")
    return known[named]


def verify(token: str, config: dict[str, Any], now: float) -> list[str]:
    """Scopes, or oracle.Refused."""
    decoded = [oracle.decode_segment(part) for part in token.split(".")]
    policy = Policy(select(config, decoded)) if len(decoded) == 3 else Policy(config)
    if len(decoded) != 3 or None in decoded:
        raise oracle.Refused("token_malformed")
    header, payload, signature = (part or b"" for part in decoded)
    alg, kid = oracle.read_header(policy, header)
    key = oracle.choose(policy, alg, kid)
    message = token.rpartition(".")[0].encode()
    oracle.need(oracle.signature_good(alg, key.key, message, signature), "signature_invalid")
    claims = oracle.strict_json(payload)
    oracle.check_time(policy, claims, Fraction(now))
    check_parties(policy, claims, kid)
    if policy.type == "at+jwt":
        oracle.need("aud" in claims, "aud_missing")
        oracle.need({"sub", "client_id", "iat", "jti"} <= set(claims), "claim_missing")
    check_required(policy, claims)
    scopes = granted(policy, claims)
    oracle.need("cnf" not in claims, "proof_missing")
    return scopes


def outcome(token: str, config: dict[str, Any], now: float) -> tuple[Any, Any]:
    try:
        return None, verify(token, config, now)
    except oracle.Refused as refused:
        return refused.code, None


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_cases(path: Path) -> None:
    for case in json.loads(path.read_text()):
        for step in case.get("steps", [case]):
            code, scopes = outcome(step["token"], case["config"], step["now"])
            wanted = step.get("code")
            assert code in wanted if isinstance(wanted, list) else code == wanted, f"{case['id']}: {code}, not {wanted}"
            assert scopes == step.get("scopes", scopes), case["id"]


@pytest.mark.parametrize("name", WHOLE)
def test_good_token_is_of_the_row(name: str) -> None:
    """Exactly the members of the row, the configuration that the row shows, and its key set."""
    row, cases = WHOLE[name], json.loads((VECTORS / f"{name}.json").read_text())
    good = cases[0]
    header, payload, _ = (oracle.decode_segment(part) for part in good["token"].split("."))
    assert header is not None and set(oracle.strict_json(header)) == set(row["header"])
    assert payload is not None and set(oracle.strict_json(payload)) == set(row["claims"])
    options = {option for option in row["configuration"] if option not in ("jwks_uri", "ca_file")}
    assert set(good["config"]) - {"jwks"} == options
    assert len(good["config"].get("jwks", {"keys": []})["keys"]) == len(row["keys"])
    assert [case["id"] for case in cases if case["expect"] == "accept"][0] == f"providers.{name}.good"


def test_cases_are_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the generator makes of the table today is what lies there, no file more and none less."""
    monkeypatch.syspath_prepend(ROOT)
    suites = [make() for make in importlib.import_module("tests.vectors.generator.providers").SUITES]
    assert {path.stem for path in VECTORS.glob("*.json")} == {*ROWS, "together"}
    assert all((VECTORS.parent / suite.path).read_text() == suite.text() for suite in suites), "generate them again"
