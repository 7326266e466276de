"""How long a command takes from nothing: a whole process, as a shell starts it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

COLD_STARTS = 10


def measure_cold_start(file: str, model: Path) -> list[str]:
    """Wall time of a whole process, the best and the middle one of several."""
    lines = ["cold start, whole process (seconds: least, median)"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "auscult --version": [sys.executable, "-m", "auscult", "--version"],
        "auscult --help": [sys.executable, "-m", "auscult", "--help"],
        "auscult classify FILE": [sys.executable, "-m", "auscult", "classify", file, "--model", str(model)],
    }
    for name, command in commands.items():
        times_s = [
            _seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True)) for _ in range(COLD_STARTS)
        ]
        lines.append(f"  {name:<24} {min(times_s):.2f}  {np.median(times_s):.2f}")
    return lines


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
