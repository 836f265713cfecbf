"""Files of tests that cannot run at all, for want of a module: named and counted in the end, never silently green."""

from __future__ import annotations

import os

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Beside the terminal the lines go to the file of FB_SKIPPED, which tools/check/skipped.sh reads in the end."""
    reports = [report for report in terminalreporter.getreports("skipped") if isinstance(report, pytest.CollectReport)]
    lines = [f"{report.nodeid}: {report.longrepr[2]}" for report in reports if isinstance(report.longrepr, tuple)]
    if not lines:
        return
    terminalreporter.section(f"{len(lines)} files of tests SKIPPED")
    for line in lines:
        terminalreporter.write_line(line)
    if "FB_SKIPPED" in os.environ:
        with open(os.environ["FB_SKIPPED"], "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
