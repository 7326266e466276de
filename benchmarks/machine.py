"""What ran a benchmark, and how much of it was taken by others meanwhile."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

_STAT = Path("/proc/stat")


def describe_machine() -> str:
    """Processor and cores, as the system names them."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    return f"{name}, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"


class Others:
    """How much of the machine's processor time went to other programs while in the `with` block: `last`.

    Linux alone tells; elsewhere it stays 0. The system counts in hundredths of a second.
    """

    def __init__(self) -> None:
        self.last = 0.0

    def __enter__(self) -> Others:
        self._before = self._now()
        return self

    def __exit__(self, *exception: object) -> None:
        seconds, busy, mine = (after - before for after, before in zip(self._now(), self._before, strict=True))
        n_cores = os.cpu_count() or 1
        self.last = max(0.0, (busy - mine) / (seconds * n_cores)) if seconds > 0 else 0.0

    def _now(self) -> tuple[float, float, float]:
        """By the clock; of all programs; of this one."""
        busy = 0.0
        if _STAT.exists():
            user, nice, system, _, _, irq, softirq, steal = map(int, _STAT.read_text().split("\n")[0].split()[1:9])
            busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy, time.process_time()
