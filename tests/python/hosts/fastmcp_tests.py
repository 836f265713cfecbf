"""FastMCP's own tests of auth, which its source distribution brings, with fastbearer in the place of its verifier.

    python tests/python/hosts/fastmcp_tests.py [PYTEST ARGUMENT ...]

Twice: with our JWTVerifier for FastMCP's, and with every auth object accelerated. A test that fails must be one of
DIFFERENCES, and each of these must fail: the table of docs/guides/fastmcp.md says of each what is different, and why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from hosts import FASTMCP_TESTS
from setup_venv import CACHE, build_wheel, interpreter, prepare, run

VERSION = "4.2.3"
WHERE = CACHE / "fastmcp-tests" / VERSION

TESTS = (
    "tests/server/auth", "tests/server/http/test_bearer_auth_backend.py",
    "tests/server/http/test_http_auth_middleware.py", "tests/server/test_auth_integration.py",
    "tests/server/test_auth_integration_errors.py",
)  # fmt: skip

#: By mode: which of these are left out.
LEFT_OUT = {
    # FastMCP looks its verifier's class up anew for each assertion, and finds ours here, which no server could hand it:
    # assertions are no access tokens by their typ.
    "switched": ("tests/server/auth/oauth_proxy/test_identity_assertion.py",),
    "accelerated": (),
}
#: Needs a package that this version was released without.
NOWHERE = ("tests/server/auth/test_auth_source_identities.py",)

_EXPIRED = "tests/server/auth/test_jwks_refresh.py::test_failed_refresh_does_not_reuse_expired_keys"
_AZURE = "tests/server/auth/providers/test_azure.py::TestAzureProviderFromB2C::"

#: By mode and test: why it fails.
DIFFERENCES: dict[str, dict[str, str]] = {
    "switched": {_EXPIRED: "keys outlive an outage of the provider"},
    "accelerated": {
        _EXPIRED: "keys outlive an outage of the provider",
        _AZURE + "test_b2c_returns_azure_provider_instance": "an accelerated object is of a subclass",
    },
}

SETTINGS = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
timeout = 120
pythonpath = .
addopts = --inline-snapshot=disable
markers =
    integration: needs the network
    httpx_mock: how a mock behaves
"""


def fetch_tests() -> None:
    """The tests of the pinned version, once."""
    if (WHERE / "pytest.ini").is_file():
        return
    with tempfile.TemporaryDirectory() as place:
        source = f"fastmcp=={VERSION}"
        run(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            "fastmcp",
            "-d",
            place,
            source,
        )
        with tarfile.open(next(Path(place).glob("*.tar.gz"))) as archive:
            for member in archive:
                name = member.name.partition("/")[2]
                if name.startswith("tests/") and member.isfile() and ".." not in name:
                    (WHERE / name).parent.mkdir(parents=True, exist_ok=True)
                    (WHERE / name).write_bytes(archive.extractfile(member).read())  # type: ignore[union-attr]
    (WHERE / "pytest.ini").write_text(SETTINGS)


def outcomes(mode: str, arguments: list[str]) -> dict[str, Any]:
    """Which tests passed and failed, and how many verifiers were accelerated."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        environment = {
            **os.environ,
            "FASTBEARER_MODE": mode,
            "FASTBEARER_REPORT": str(report),
            "FASTMCP_TEST_MODE": "1",
            "FASTMCP_ENABLE_RICH_TRACEBACKS": "0",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [
            interpreter(FASTMCP_TESTS), "-m", "pytest", "-q", "-p", "fastmcp_tests_plugin", "-p", "no:cacheprovider",
            "--tb=short", *(f"--ignore={name}" for name in (*NOWHERE, *LEFT_OUT[mode])), *(arguments or TESTS),
        ]  # fmt: skip
        done = subprocess.run(
            [str(part) for part in command], cwd=WHERE, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        if not report.is_file():
            raise SystemExit(done.stdout)
        found: dict[str, Any] = json.loads(report.read_text())
    unexpected = set(found["failed"]) - set(DIFFERENCES[mode])
    print(done.stdout if unexpected else done.stdout.strip().splitlines()[-1], flush=True)
    return found


def main() -> None:
    arguments = sys.argv[1:]
    fetch_tests()
    prepare(FASTMCP_TESTS, build_wheel())
    problems = []
    for mode, differences in DIFFERENCES.items():
        print(f"FastMCP {VERSION}'s own tests, {mode}: ", end="", flush=True)
        found = outcomes(mode, arguments)
        failed = set(found["failed"])
        problems += [f"{mode}: {name} fails" for name in sorted(failed - set(differences))]
        if not arguments:
            problems += [f"{mode}: {name} no longer fails" for name in sorted(set(differences) - failed)]
            problems += [f"{mode}: only {len(found['passed'])} tests passed"] if len(found["passed"]) < 1500 else []
        if mode == "accelerated" and found["replaced"] == 0:
            problems.append("accelerated: nothing was")
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
