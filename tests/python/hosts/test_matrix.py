"""The hosts of the normal run, as part of the Python tests: each one's suite in its own environment."""

import pytest

from hosts import HOSTS
from matrix import run_all, table

NORMAL = [host for host in HOSTS if host.normal]


@pytest.fixture(scope="module")
def results():
    return {result.host.name: result for result in run_all(NORMAL)}


@pytest.mark.parametrize("host", NORMAL, ids=lambda host: host.name)
def test_host(host, results):
    result = results[host.name]
    assert result.passed, f"\n{result.output}"


def test_every_host_was_asked_and_nothing_else(results, capsys):
    """A suite that collects no test, or skips them all, passes as well."""
    with capsys.disabled():
        print("\n" + table(list(results.values())))
    assert set(results) == {host.name for host in NORMAL}
    for name, result in results.items():
        done = [check for check, outcome in result.checks.items() if outcome == "ok"]
        assert len(done) >= (1 if result.host.kind in ("types", "peers", "wsgi") else 5), f"{name}: {result.checks}"
