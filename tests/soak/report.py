"""The tables at the end, and what is wrong in them."""

from __future__ import annotations

from collections.abc import Sequence

from .servers import Server
from .worker import Worker

#: What a process may have grown by, from the second quarter of the run to the last: the larger of the two.
BYTES, SHARE = 4 << 20, 0.03
FILES = 8
#: Seconds: a run that is shorter shows how servers warm up.
JUDGED = 480.0


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )  # fmt: skip


def _milliseconds(times: list[float], share: float) -> str:
    ordered = sorted(times)
    return f"{ordered[int(len(ordered) * share)] * 1e3:.1f}" if ordered else "-"


def _count(server: Server, what: str) -> int:
    return sum(count for name, count in server.wrong.items() if name.startswith(what))


def requests(servers: list[Server]) -> str:
    rows = [["server", "good", "lost", "again after 503", "hostile", "accepted", "p50 ms", "p99 ms", "restarts"]]
    for server in servers:
        rows.append([
            server.name, str(server.good.total()), str(_count(server, "good")), str(server.retried),
            str(server.hostile.total()), str(_count(server, "hostile")), _milliseconds(server.latencies, 0.5),
            _milliseconds(server.latencies, 0.99), str(server.restarts),
        ])  # fmt: skip
    return table(rows)


def memory(servers: list[Server]) -> str:
    """By quarter of the run."""
    rows = [["process", "MiB", "2nd", "3rd", "4th", "files", "", "", "4th", "threads", "", "", "4th"]]
    for server in servers:
        for worker in server.workers.values():
            sizes = [f"{size / 2**20:.1f}" for size in worker.quarters(1)]
            numbers = [f"{number:.0f}" for column in (2, 3) for number in worker.quarters(column)]
            rows.append([f"{server.name} {worker.pid}", *sizes, *numbers])
    return table(rows)


def growth(worker: Worker) -> list[str]:
    """What of it is not flat."""
    if not worker.samples or worker.samples[-1][0] - worker.samples[0][0] < JUDGED:
        return []
    # What comes before the second quarter is warming up.
    (early, late), (files, more_files), (threads, more_threads) = (
        worker.quarters(column)[1::2] for column in (1, 2, 3)
    )
    found = []
    if late - early > max(BYTES, early * SHARE):
        found.append(f"memory grew by {(late - early) / 2**20:.1f} MiB")
    if more_files - files > FILES:
        found.append(f"{more_files - files:.0f} more open files")
    if more_threads - threads > FILES:
        found.append(f"{more_threads - threads:.0f} more threads")
    return found


def faults(server: Server) -> list[str]:
    """Everything that is wrong with one server."""
    found = [f"{count} x {what}" for what, count in server.wrong.most_common()]
    if not server.good or not server.hostile:
        found.append("no requests")
    if server.restarts:
        found.append(f"{server.restarts} restarts")
    for worker in server.workers.values():
        found += [f"{worker.pid}: {what}" for what in growth(worker)]
    for pid, state in server.final_states.items():
        for counter in ("arithmetic_disagreements", "arithmeticDisagreements", "replay_evictions", "replayEvictions"):
            if state["stats"].get(counter):
                found.append(f"{pid}: {counter} is {state['stats'][counter]}")
    return found
