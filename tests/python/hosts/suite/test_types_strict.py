"""What type checkers make of the package, in an environment that has every host: stubs, typical uses, completeness."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fastbearer

PACKAGE = Path(fastbearer.__file__).parent
USES = [*sorted((Path(__file__).parent / "types").glob("*.py")), Path(__file__).parents[2] / "typing_examples.py"]
#: The package's environment comes first, so that pyright asks its interpreter where packages are.
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def check(tool, *arguments):
    """Runs one tool in the package's own folder, so that nothing of the checkout is found."""
    command = [sys.executable, "-m", tool, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(sys.prefix), env=ENVIRONMENT)


def test_the_package_is_marked_as_typed():
    assert (PACKAGE / "py.typed").is_file() and (PACKAGE / "_native.pyi").is_file()


def test_typical_uses_under_mypy():
    done = check("mypy", "--strict", "--no-error-summary", "--cache-dir", ".mypy_cache", *USES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_typical_uses_under_pyright():
    done = check("pyright", *USES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_under_mypy():
    done = check("mypy", "--strict", "--no-error-summary", "--cache-dir", ".mypy_cache", "-p", "fastbearer")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_is_the_extension():
    """Every name, signature and default of _native.pyi, against the compiled module."""
    done = check("mypy.stubtest", "fastbearer._native")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_type_is_complete():
    """Types of other packages are theirs to complete; what this package exports and refers to of its own is ours."""
    done = check("pyright", "--outputjson", "--ignoreexternal", "--verifytypes", "fastbearer")
    report = json.loads(done.stdout)["typeCompleteness"]
    incomplete = [
        f"{symbol['name']}: {[entry['message'] for entry in symbol['diagnostics']]}"
        for symbol in report["symbols"]
        if symbol["name"].startswith("fastbearer") and not (symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"])
    ]
    assert incomplete == []
    counts = report["exportedSymbolCounts"]
    assert counts["withKnownType"] > 150 and counts["withAmbiguousType"] == counts["withUnknownType"] == 0
    assert {
        "fastbearer.Verifier",
        "fastbearer.fastmcp.JWTVerifier",
        "fastbearer.mcp.JWTVerifier",
        "fastbearer.asgi.bearer",
    } <= {symbol["name"] for symbol in report["symbols"] if symbol["isExported"]}
