"""What help() shows of the adapters, whatever the installed host makes of their base classes."""

import importlib
import inspect

import pytest

import fastbearer
from tests.python import documented


@pytest.mark.parametrize("name", ["fastbearer.fastmcp", "fastbearer.mcp", "fastbearer.asgi"])
def test_help_shows_every_public_name_well(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        assert "pip install fastbearer[" in str(error)  # this host is not for that adapter
        return
    assert list(documented.shortcomings(module)) == []


def test_help_speaks_of_every_parameter():
    fastmcp = pytest.importorskip("fastbearer.fastmcp", exc_type=ImportError)
    for kind in (fastmcp.JWTVerifier, fastmcp.BearerAuthProvider):
        assert documented.undescribed(kind, fastmcp.JWTVerifier.__doc__, fastbearer.Verifier.__init__.__doc__) == []
    assert str(inspect.signature(fastmcp.JWTVerifier)).startswith("(*, public_key: ")
