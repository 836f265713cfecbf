"""The package itself: what it offers, what importing it costs, what goes into an sdist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import documented
import fastbearer
import fastbearer.asgi
import fastbearer.testing
from helpers import run_python

ROOT = Path(__file__).resolve().parents[2]


def test_version_is_the_headers() -> None:
    header = (ROOT / "core/include/fastbearer.h").read_text()
    assert f'#define FB_VERSION "{fastbearer.__version__}"' in header


@pytest.mark.parametrize("name", ["", ".errors", ".keys", ".verifier", ".provider", ".asgi", ".testing", ".cli"])
def test_help_shows_every_public_name_well(name: str) -> None:
    assert list(documented.shortcomings(importlib.import_module("fastbearer" + name))) == []


def test_help_speaks_of_every_parameter() -> None:
    assert documented.undescribed(fastbearer.Verifier, fastbearer.Verifier.__init__.__doc__) == []
    assert documented.undescribed(fastbearer.KeyPair, fastbearer.KeyPair.__doc__) == []
    assert documented.undescribed(fastbearer.KeyPair.create_token, fastbearer.KeyPair.create_token.__doc__) == []
    for thing in (fastbearer.asgi.BearerAuthMiddleware, fastbearer.testing.JWKSServer):
        assert documented.undescribed(thing, thing.__doc__) in ([], ["app"])


def test_signatures_are_visible() -> None:
    parameters = inspect.signature(fastbearer.Verifier).parameters
    assert {"public_key", "jwks", "jwks_uri", "secret", "on_reject"} <= set(parameters)
    assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in parameters.values())
    assert list(inspect.signature(fastbearer.RSAKeyPair.create_token).parameters)[1:8] == [
        "subject", "issuer", "audience", "scopes", "expires_in_seconds", "additional_claims", "kid",
    ]  # fmt: skip


def imported_modules(path: Path) -> set[str]:
    """The modules of the package that a file imports anywhere, type checkers' imports excepted."""
    package = ".".join(path.relative_to(ROOT / "python").with_suffix("").parts[:-1])
    found = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = package if node.level == 1 else package.rpartition(".")[0]
            names = [f"{base}.{node.module}"] if node.module else [f"{base}.{alias.name}" for alias in node.names]
            found.update(names)
    return found


def test_no_module_imports_one_that_imports_it() -> None:
    graph = {}
    for path in (ROOT / "python/fastbearer").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT / "python").with_suffix("").parts)
        graph[name.removesuffix(".__init__")] = imported_modules(path)
    assert {"fastbearer._issuers", "fastbearer.errors"} <= graph["fastbearer.verifier"]  # or nothing was looked at

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        for other in graph.get(name, ()):
            visit(other, (*path, name))

    for name in graph:
        visit(name, ())


def test_import_pulls_in_little() -> None:
    code = "import sys; before = set(sys.modules); import fastbearer; print(*sorted(set(sys.modules) - before))"
    done = run_python(code)
    loaded = set(done.stdout.split())
    assert not loaded & {"asyncio", "logging", "json", "ssl", "urllib", "inspect", "dataclasses", "pydantic", "pytest"}
    assert not loaded & {"collections", "functools", "re", "typing"}  # a quarter of all that the import costs
    assert "fastbearer._native" in loaded, done.stderr


def test_help_needs_no_fastmcp() -> None:
    done = run_python("import sys; sys.modules['fastmcp'] = None; import fastbearer; help(fastbearer)")
    assert "Verifier(issuer=" in done.stdout and "class Issuer" in done.stdout, done.stdout
    assert "needs FastMCP" not in done.stdout + done.stderr


def test_constructing_and_verifying_import_nothing() -> None:
    """A fork while another thread imports leaves the child with that module's lock locked."""
    code = """
import sys
from fastbearer import KeyPair, Verifier
before = set(sys.modules)
pair = KeyPair.generate("ES256")
with Verifier(public_key=pair.public_key, algorithms=["ES256"], issuer="i", audience=["a"]) as verifier:
    verifier.verify(pair.create_token(issuer="i", audience="a"))
print(*sorted(set(sys.modules) - before))
"""
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_warnings_import_nothing() -> None:
    """A daemon thread that waits for a lock of imports writes to it when the end of the interpreter has freed it. Where
    nobody has imported logging a warning goes where logging would write it.
    """
    code = """
import sys
from fastbearer import KeyPair, KeysUnavailableError, Verifier
if sys.argv[1:]:
    import logging
    if sys.argv[1] != "unconfigured":
        logging.basicConfig(format="%(name)s %(levelname)s %(message)s", level=sys.argv[1])
before = set(sys.modules)
with Verifier(public_key=KeyPair.generate("ES256").public_key, algorithms="ES256"):
    pass
print("logging" in sys.modules, *sorted(set(sys.modules) - before))
"""
    alone, unconfigured = run_python(code), run_python(code, "unconfigured")
    assert (alone.stdout, unconfigured.stdout) == ("False\n", "True\n")
    assert alone.stderr == unconfigured.stderr and alone.stderr.startswith("neither audience nor a required claim")
    assert run_python(code, "INFO").stderr == f"fastbearer WARNING {alone.stderr}"
    assert run_python(code, "ERROR").stderr == ""
    closed = run_python("import sys; sys.stderr = None\n" + code)
    assert (closed.stdout, closed.stderr) == ("False\n", "")


def test_the_key_server_for_tests_needs_no_pytest() -> None:
    """And pytest does not know the fixtures unless the user names them."""
    done = run_python("import sys; sys.modules['pytest'] = None; import fastbearer.testing as t; print(*t.__all__)")
    assert done.stdout == "JWKSServer\n", done.stderr
    assert set(fastbearer.testing.__all__) == {"JWKSServer", "jwks_server", "mint_token", "rsa_key_pair"}
    assert not [point for point in entry_points(group="pytest11") if point.value.startswith("fastbearer")]


def test_missing_fastmcp_says_what_to_install() -> None:
    code = """
import sys
sys.modules["fastmcp"] = None
import fastbearer
try:
    fastbearer.BearerAuthProvider
except ImportError as error:
    print(error)
assert "JWTVerifier" not in dir(fastbearer) and "Verifier" in dir(fastbearer)
try:
    fastbearer.nothing
except AttributeError as error:
    print(error)
"""
    done = run_python(code)
    first, second = done.stdout.splitlines()
    assert "pip install fastbearer[fastmcp]" in first
    assert second == "module 'fastbearer' has no attribute 'nothing'"


def test_the_binding_includes_only_the_public_header() -> None:
    for path in (ROOT / "bindings/python").glob("*.[ch]"):
        own = re.findall(r'#include "([^"]+)"', path.read_text())
        assert set(own) <= {"convert.h", "verifier.h", "fastbearer.h"}, path.name
        assert not re.search(r"\bfb__", path.read_text()), path.name


def test_types() -> None:
    pytest.importorskip("mypy")
    files = [str(path) for name in ("typing_examples.py",) for path in [Path(__file__).parent / name]]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "--cache-dir",
            str(ROOT / ".cache/mypy"),
            *files,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_versions_say_what_is_running() -> None:
    found = fastbearer.versions()
    assert list(found) == ["fastbearer", "openssl", "jansson", "curl", "built_in"]
    assert found["fastbearer"] == fastbearer.__version__
    assert all(re.match(r"\d+\.\d+", found[name]) for name in ("openssl", "jansson", "curl"))
    assert found["built_in"] is False  # this build took them from the system
