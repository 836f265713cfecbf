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


def test_table(results, capsys):
    with capsys.disabled():
        print("\n" + table(list(results.values())))
