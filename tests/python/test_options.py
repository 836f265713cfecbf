"""The table of options, and what is generated from it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastbearer import Verifier, _native, _option_types, _options

ROOT = Path(__file__).resolve().parents[2]


def test_the_sources_are_what_the_table_says() -> None:
    command = [sys.executable, str(ROOT / "tools/generate/python_options.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_constructor_has_every_option_with_its_default() -> None:
    parameters = dict(inspect.signature(Verifier).parameters)
    assert parameters.pop("unknown").kind is inspect.Parameter.VAR_KEYWORD
    assert {name: parameter.default for name, parameter in parameters.items()} == _options.DEFAULTS
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    assert list(_option_types.VerifierOptions.__annotations__) == list(parameters)


def test_names_are_unique_and_every_row_is_documented() -> None:
    assert len(_options.DEFAULTS) == len(_options.OPTIONS)
    native = [option.native for option in _options.OPTIONS if option.native is not None]
    assert len(set(native)) == len(native)
    assert all(option.doc.endswith(".") for option in _options.OPTIONS)


@pytest.mark.parametrize("option", [o for o in _options.OPTIONS if o.native is not None], ids=lambda o: o.name)
def test_the_extension_takes_every_option_by_its_own_name(option: _options.Option) -> None:
    """With the default of the table it is the verifier of the core's defaults; without a key there is none."""
    values: dict[str, Any] = {"secret": b"s" * 32, "jwks_uri": None, "public_key": None, "jwks": None}
    value = option.kind.convert(option.name, option.default)
    if option.native not in values:
        values[str(option.native)] = value
    assert _native.Verifier(**values).stats()["verified"] == 0


def test_what_the_extension_takes_beside_them() -> None:
    with pytest.raises(TypeError, match="no such option: colour"):
        _native.Verifier(secret=b"s" * 32, colour=1)  # type: ignore[call-arg]
    assert _native.Verifier(secret=b"s", allow_short_secret=True, ca_path="/certs")
