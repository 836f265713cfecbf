"""What the measurements say of themselves: budgets and the history of runs, on results that are made up."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
import budgets
import end_to_end
import history
import report

GARBAGE = "64 KiB of garbage refused, the worst shape"
ISSUERS = "C HS256, 1000 issuers above one"


def median(value: float) -> dict[str, float]:
    return {"median": value, "low": value, "high": value, "rounds": 5}


def results(step: float = 3.0, python: float = 5.0, threads: float = 1.9, **more: Any) -> dict[str, Any]:
    """A run in which OpenSSL takes 10 us."""
    rows: list[tuple[str, str, dict[str, dict[str, float]]]] = [
        ("C", "OpenSSL primitive", {"RS256": {"first": 10.0}}),
        ("C", "fastbearer, signature step", {"RS256": {"first": step}}),
        ("C", "fastbearer", {"RS256": {"first": step + 0.6, "two threads": threads, "two threads, CPU": 1.0}}),
        ("Python", "fastbearer", {"RS256": {"first": python}}),
        ("Python", "ryjwt", {"RS256": {"first": 12.0}}),
    ]
    return {
        "date": "2026-01-01", "processor": "made up", "openssl": "3.0.0", "load": 0.0, "rounds": 5, "ifma": True,
        "rows": [
            {"language": language, "name": name,
             "cells": {alg: {kind: median(value) for kind, value in kinds.items()} for alg, kinds in cells.items()}}
            for language, name, cells in rows
        ],
        **more,
    }  # fmt: skip


def scaled(by: float) -> dict[str, Any]:
    """The same run on a machine of another speed."""
    run = results()
    for row in run["rows"]:
        for kinds in row["cells"].values():
            for kind, cell in kinds.items():
                cell["median"] *= 1 if kind.startswith("two threads") else by
    return run


def judged(run: dict[str, Any]) -> dict[str, budgets.Row]:
    return {row.what: row for row in budgets.judge(run)}


# ---- budgets


@pytest.mark.parametrize(
    ("run", "what", "kept"),
    [
        (results(step=3.0), "C RS256, signature step beside OpenSSL's primitive", True),
        (results(step=3.1), "C RS256, signature step beside OpenSSL's primitive", False),
        (results(python=4.39), "Python RS256, verify() with claims, above C", True),
        (results(python=4.5), "Python RS256, verify() with claims, above C", False),
        (results(threads=1.85), "two threads beside one, C RS256", True),
        (results(threads=1.84), "two threads beside one, C RS256", False),
        (results(imports={"fastbearer": {"ms": 8.0, "base": 9.0}}), "import, above an empty interpreter", True),
        (results(imports={"fastbearer": {"ms": 8.1, "base": 9.0}}), "import, above an empty interpreter", False),
        (results(hostile={"64 KiB of dots": 49.9}), GARBAGE, True),
        (
            results(hostile={"64 KiB of dots": 9, "64 KiB of": 51}),
            GARBAGE,
            False,
        ),
        (results(hostile={"64 KiB of dots": 9}), "16 KiB made to be slow refused, the worst shape", None),
        (results(), ISSUERS, None),
    ],
)
def test_a_row_is_kept_or_missed_or_not_known(run: dict[str, Any], what: str, kept: bool | None) -> None:
    assert judged(run)[what].kept is kept


def test_without_ifma_rsa_has_no_budget_and_the_others_have_the_wider_one() -> None:
    rows = judged(results(ifma=False))
    assert "C RS256, signature step beside OpenSSL's primitive" not in rows
    assert rows["C ES256, signature step beside OpenSSL's primitive"].allowed == 0.35


def test_every_row_has_its_budget_whether_measured_or_not() -> None:
    full, empty = judged(results()), judged(results(rows=[]))
    assert set(full) == set(empty)
    assert {row.verdict for row in empty.values()} == {"-"}
    assert all(row.measurement and "not measured" not in row.budget for row in empty.values())


def test_on_a_busy_machine_threads_are_judged_by_cpu_time() -> None:
    rows = judged(results(load=0.5))
    assert rows["two threads beside one, C RS256, by CPU time: the machine was busy"].measured == 1.0
    assert rows["two threads beside one, Node workers RS256"].measurement == "needs a quiet machine"


# ---- report


def call(guard: str, tail: float) -> dict[str, Any]:
    return {
        "host": "FastMCP", "guard": guard, "cpu_us": median(900.0), "above_us": median(0.0),
        "per_second": median(700.0), "latency_ms": {"p50": 1.0, "p99": 2.0, "p99.9": tail},
    }  # fmt: skip


def written(folder: Path, **more: Any) -> str:
    versions = {"python": "3.13.0", "node": "v22.0.0", "fastmcp": "4.0.0", "sdk": "1.0.0"}
    report.write({**results(), **versions, "cpus": 2, "crept": [], "earlier runs": 2, **more}, folder)
    return (folder / "numbers.md").read_text()


def test_each_budget_is_printed_with_its_measurement(tmp_path: Path) -> None:
    text = written(tmp_path)
    rows = budgets.judge(results())
    assert len(rows) > 30
    for row in rows:
        assert f"| {row.what} | {row.budget} | {row.measurement} | {row.verdict} |" in text
    assert "Nothing costs over 10 % more" in text


def test_percentiles_are_those_of_a_quiet_machine_alone(tmp_path: Path) -> None:
    calls = [call("none", 3.0), call("fastbearer", 3.5)]
    assert "| p50, ms | p99, ms | p99.9, ms |" in written(tmp_path, end_to_end=calls)
    assert "p99" not in written(tmp_path, end_to_end=calls, load=1.0)


def test_what_was_counted_and_what_not_is_named(tmp_path: Path) -> None:
    counts = {"aarch64": {"ES256": {"OpenSSL": 600000, "step": 150000, "whole": 180000}}}
    absent = {"not counted": {"x86-64 without AVX-512": "qemu is missing"}}
    text = written(tmp_path, instructions=counts, **absent)
    assert "| aarch64 | ES256 | 600,000 | 150,000 | 0.25 x | 30,000 |" in text
    assert "Not counted: x86-64 without AVX-512: qemu is missing." in text


@pytest.mark.parametrize(("share", "value"), [(0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000), (0.0001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    assert end_to_end.percentile(list(range(1000, 0, -1)), share) == value


# ---- history


def lines(*runs: dict[str, Any]) -> list[dict[str, Any]]:
    return [history.entry(run, "abc") for run in runs]


def test_a_line_has_what_a_later_run_is_compared_with() -> None:
    (line,) = lines(results())
    assert (line["date"], line["commit"], line["processor"]) == ("2026-01-01", "abc", "made up")
    assert line["medians"]["Python fastbearer, RS256, first"] == 5.0
    assert line["ratios"]["Python fastbearer, RS256, first"] == 0.5
    assert not [key for key in line["ratios"] if "ryjwt" in key or "primitive" in key]


@pytest.mark.parametrize(
    ("now", "rows"),
    [
        (results(), []),
        (results(python=5.45), []),
        (results(python=5.55), ["Python fastbearer, RS256, first"]),
        (results(python=3.0), []),
        (results(threads=1.6), ["C fastbearer, RS256, two threads"]),
        (scaled(3.0), []),
    ],
    ids=["same", "9 percent", "11 percent", "better", "threads", "a slower day"],
)
def test_what_costs_a_tenth_more_than_before_is_told(now: dict[str, Any], rows: list[str]) -> None:
    earlier = lines(results(), results(), results())
    assert [row for row, _then, _now, _runs in history.crept(earlier, lines(now)[0])] == rows


def test_a_slow_creep_is_seen_and_one_odd_run_is_not_what_counts() -> None:
    earlier = lines(*(results(python=value) for value in (5.0, 5.1, 20.0, 5.2, 0.1)))
    ((row, then, now, runs),) = history.crept(earlier, lines(results(python=5.7))[0])
    assert (row, then, now, runs) == ("Python fastbearer, RS256, first", 0.51, 0.57, 5)


def test_another_processor_or_a_new_row_is_compared_with_nothing() -> None:
    (now,) = lines(results(python=50.0))
    assert history.crept(lines(results(processor="another")), now) == []
    assert history.crept([], now) == []
    assert history.crept(lines(results(rows=[])), now) == []


def test_wall_time_of_a_busy_machine_is_not_compared() -> None:
    (line,) = lines(results(threads=0.5, load=2.0))
    assert "C fastbearer, RS256, two threads" not in line["ratios"]
    assert line["ratios"]["C fastbearer, RS256, two threads, CPU"] == 1.0


def test_the_worst_comes_first() -> None:
    found = history.crept(lines(results()), lines(results(step=3.5, python=10.0))[0])
    assert found[0][0] == "Python fastbearer, RS256, first"
    assert len(found) == 3  # the whole verification in C too


def test_lines_are_added_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert history.read(path) == []
    for line in lines(results(), results(python=6.0)):
        history.append(path, line)
    assert [run["medians"]["Python fastbearer, RS256, first"] for run in history.read(path)] == [5.0, 6.0]


def test_the_history_in_the_repository_can_be_read() -> None:
    path = Path(history.__file__).parent / "results" / "history.jsonl"
    assert [set(line) for line in history.read(path)] == [
        {"date", "processor", "openssl", "load", "rounds", "commit", "medians", "ratios"}
    ] * len(path.read_text().splitlines())
    assert json.loads((path.parent / "results.json").read_text())["processor"]
