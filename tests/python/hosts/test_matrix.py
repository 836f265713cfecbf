"""The hosts of the normal run, as part of the Python tests: each one's suite in its own environment."""

import pytest
from hosts import HOSTS
from matrix import run, table
from setup_venv import build_wheel, prepare

RESULTS = []


@pytest.fixture(scope="module")
def wheel():
    return build_wheel()


@pytest.mark.parametrize("host", [host for host in HOSTS if host.normal], ids=lambda host: host.name)
def test_host(host, wheel, capsys):
    prepare(host, wheel)
    result = run(host)
    RESULTS.append(result)
    assert result.passed, f"\n{result.output}"


def test_table(capsys):
    if not RESULTS:
        pytest.skip("no host ran")
    with capsys.disabled():
        print("\n" + table(RESULTS))
