"""docs/providers: every row is whole and says where it comes from, and its tokens are what it says they are.

test_oracle.py checks what the cases expect; here it is checked that they are the table's.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")
import oracle_text

ROOT = Path(__file__).resolve().parents[2]
ROWS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "providers").glob("*.json"))}
WHOLE = {name: row for name, row in ROWS.items() if "see" not in row}
VECTORS = ROOT / "tests" / "vectors" / "providers"
ALWAYS = {"id", "name", "about", "sources", "refused", "usually_goes_wrong", "click", "click_source", "unknown"}
OF_A_TOKEN = {"placeholders", "configuration", "why", "publishes", "header", "claims", "keys", "scopes", "accepted"}
SOMETIMES = {"no_audience", "adapter", "key_set_members", "see", "supported", "instead"}
SECONDS = re.compile(r"now[+-]\d+\Z")
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int,),
    "true or false": (bool,),
    "array": (list,),
    "object": (dict,),
    "text or array": (str, list),
    "seconds": (str,),
}


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
    assert name not in WHOLE or set(row) >= OF_A_TOKEN
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


@pytest.mark.parametrize("name", WHOLE)
def test_good_token_is_of_the_row(name: str) -> None:
    """Exactly the members of the row, the configuration that the row shows, and its key set."""
    row, cases = WHOLE[name], json.loads((VECTORS / f"{name}.json").read_text())
    good = cases[0]
    header, payload, _ = (oracle_text.decode_segment(part) for part in good["token"].split("."))
    assert header is not None and set(oracle_text.strict_json(header)) == set(row["header"])
    assert payload is not None and set(oracle_text.strict_json(payload)) == set(row["claims"])
    options = {option for option in row["configuration"] if option not in ("jwks_uri", "ca_file")}
    assert set(good["config"]) - {"jwks"} == options
    assert len(good["config"].get("jwks", {"keys": []})["keys"]) == len(row["keys"])
    assert next(case["id"] for case in cases if case["expect"] == "accept") == f"providers.{name}.good"


def test_cases_are_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the generator makes of the table today is what lies there, no file more and none less."""
    monkeypatch.syspath_prepend(ROOT)
    suites = [make() for make in importlib.import_module("tests.vectors.generator.providers").SUITES]
    assert {path.stem for path in VECTORS.glob("*.json")} == {*ROWS, "together"}
    assert all((VECTORS.parent / suite.path).read_text() == suite.text() for suite in suites), "generate them again"
