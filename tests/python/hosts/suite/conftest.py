"""Chooses the tests of this environment's host and reports what came of each check."""

import json
import os
from pathlib import Path

import pytest
from support import KEYS, OTHER_KEYS, Minter

pytest_plugins = ["fastbearer.testing"]
KIND = os.environ["FASTBEARER_HOST"]
_RESULTS: dict[str, str] = {}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """test_<kind>_... belongs to one kind of host, other names to all."""
    for kind in ("fastmcp", "sdk", "asgi", "wsgi", "peers", "types"):
        if collection_path.name.startswith(f"test_{kind}_") and kind != KIND:
            return True
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Sums up the outcome of each check: the case of a request, else the test's file."""
    outcome = yield
    report = outcome.get_result()
    parameters = getattr(item, "callspec", None)
    case = parameters.params.get("case") if parameters else None
    name = getattr(case, "name", None) or item.path.stem.split("_", 2)[-1].replace("http", "real-client")
    if report.failed:
        _RESULTS[name] = "failed"
    elif report.when == "call" and report.passed:
        _RESULTS.setdefault(name, "ok")
    elif report.skipped:
        _RESULTS.setdefault(name, "skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leaves the results where the driver looks for them."""
    place = os.environ.get("FASTBEARER_HOST_REPORT")
    if place:
        Path(place).write_text(json.dumps(_RESULTS))


@pytest.fixture(scope="session")
def keys():
    return KEYS


@pytest.fixture(scope="session")
def other_keys():
    return OTHER_KEYS


@pytest.fixture
def mint():
    return Minter(KEYS)
