"""One process of a server, as the system sees it."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Worker:
    """One process: (time, resident bytes, open files, threads) each second."""

    pid: int
    samples: list[tuple[float, int, int, int]] = field(default_factory=list)
    gone: bool = False

    def sample(self) -> None:
        proc = Path(f"/proc/{self.pid}")
        try:
            pages = int((proc / "statm").read_text().split()[1])
            files, threads = len(os.listdir(proc / "fd")), len(os.listdir(proc / "task"))
        except OSError:
            self.gone = True
            return
        self.samples.append((time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE"), files, threads))

    def quarters(self, column: int) -> list[float]:
        """The median of each quarter of the run."""
        values = [sample[column] for sample in self.samples]
        quarter = max(1, len(values) // 4)
        return [statistics.median(values[place * quarter : (place + 1) * quarter] or values) for place in range(4)]
