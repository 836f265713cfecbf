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


NATIVE = [
    (of, option)
    for of in (_options.ISSUER, _options.VERIFIER)
    for option in _options.OPTIONS
    if option.native and option.of & of
]


@pytest.mark.parametrize("of, option", NATIVE, ids=lambda row: getattr(row, "name", None))
def test_the_extension_takes_every_option_by_its_own_name(of: int, option: _options.Option) -> None:
    """With the default of the table it is the verifier of the core's defaults; without a key there is none."""
    issuer: dict[str, Any] = {"secret": b"s" * 32, "jwks_uri": None, "public_key": None, "jwks": None}
    given: dict[str, Any] = {}
    value = option.kind.convert(option.name, option.default)
    if option.native not in issuer:
        (issuer if of == _options.ISSUER else given)[str(option.native)] = value
    assert _native.Verifier(issuers=(issuer,), **given).stats()["verified"] == 0


def test_what_the_extension_takes_beside_them() -> None:
    issuer = {"secret": b"s" * 32}
    with pytest.raises(TypeError, match="no such option: colour"):
        _native.Verifier(issuers=(issuer,), colour=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no such option: leeway"):  # the verifier's, not an issuer's
        _native.Verifier(issuers=({**issuer, "leeway": 1.0},))
    with pytest.raises(TypeError, match="no such option: jwks"):
        _native.Verifier(issuers=(issuer,), jwks="{}")  # type: ignore[call-arg]
    assert _native.Verifier(issuers=({"secret": b"s", "allow_short_secret": True, "ca_path": "/certs"},))


@pytest.mark.parametrize("issuers", [[{}], ({}, None), (1,), None], ids=repr)
def test_issuers_are_a_tuple_of_dicts(issuers: Any) -> None:
    with pytest.raises(TypeError, match=r"an issuer must be a dict|must be a tuple of dicts"):
        _native.Verifier(issuers=issuers)


@pytest.mark.parametrize("claims", [["a"], ("a",), (("a",),), (("a", ["1"]),), (("a", (1,)),), ((1, None),)], ids=repr)
def test_required_claims_are_pairs(claims: Any) -> None:
    with pytest.raises(TypeError, match="required_claims"):
        _native.Verifier(issuers=({"secret": b"s" * 32},), required_claims=claims)
