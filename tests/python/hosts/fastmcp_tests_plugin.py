"""Puts fastbearer in the place of FastMCP's verifier, before FastMCP's own tests are imported (fastmcp_tests.py)."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastmcp.server.auth
import fastmcp.server.auth.providers as providers
import pytest
from fastmcp.server.auth.auth import AuthProvider
from fastmcp.server.auth.providers import jwt

from fastbearer.fastmcp import JWTVerifier, _key_set, accelerate

MODULES = ("auth", "oauth_proxy", "oidc_proxy")


class Accelerating(type(AuthProvider)):  # type: ignore[misc]
    """The class of auth classes, whose objects are accelerated as soon as they are made."""

    depth = 0
    replaced = 0

    def __call__(cls, *values: Any, **options: Any) -> Any:
        """One object; what it makes for itself on the way is accelerated with it."""
        Accelerating.depth += 1
        try:
            made = super().__call__(*values, **options)
        finally:
            Accelerating.depth -= 1
        if Accelerating.depth == 0:
            Accelerating.depth += 1
            try:
                Accelerating.replaced += len(accelerate(made).replaced)
            finally:
                Accelerating.depth -= 1
        return made


def all_classes(kind: type) -> Iterator[type]:
    """A class and all that are derived from it."""
    yield kind
    for derived in kind.__subclasses__():
        yield from all_classes(derived)


if os.environ["FASTBEARER_MODE"] == "switched":
    jwt.JWTVerifier = fastmcp.server.auth.JWTVerifier = JWTVerifier
else:
    names = (*MODULES, *(f"providers.{module.name}" for module in pkgutil.iter_modules(providers.__path__)))
    for name in names:
        importlib.import_module(f"fastmcp.server.auth.{name}")
    theirs = {kind for kind in all_classes(AuthProvider) if kind.__module__.startswith("fastmcp.")}
    # The metaclass would hide these, and those that are set are inherited.
    for kind, signature in [(kind, inspect.signature(kind)) for kind in theirs]:
        kind.__signature__ = signature
        kind.__class__ = Accelerating


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests set the clock of FastMCP's module: ours goes by it, too."""
    clock = SimpleNamespace(
        time=lambda: jwt.time.time(), monotonic=lambda: getattr(jwt.time, "monotonic", jwt.time.time)()
    )
    monkeypatch.setattr(_key_set, "time", clock)


outcomes: dict[str, Any] = {"passed": [], "failed": []}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes a test as failed whatever part of it failed."""
    if report.failed:
        outcomes["failed"].append(report.nodeid)
    elif report.when == "call" and report.passed:
        outcomes["passed"].append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leaves the outcomes where the driver looks for them."""
    outcomes["replaced"] = Accelerating.replaced
    Path(os.environ["FASTBEARER_REPORT"]).write_text(json.dumps(outcomes))
