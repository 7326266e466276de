"""Peak memory of training on few clips and on many, and the difference.

python -m benchmarks.memory [FEW MANY]

Two figures each. Resident memory is what the process held at most, as the system counts it: pages of memory-mapped
clips are in it, though the system takes those back whenever it needs the room. Anonymous memory is the rest, which
the process cannot do without; it is looked at every `SAMPLE_EVERY_S`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from auscult.data import open_dataset
from auscult.demo import make_corpus
from benchmarks.machine import describe_machine

SAMPLE_EVERY_S = 0.02
CLIPS_PER_CLASS = (40, 215)  # of ten classes
TRAINING = ("--backbone", "scratch", "--epochs", "2", "--size", "tiny", "--quiet")


@dataclass(frozen=True)
class Peak:
    """The most memory that a process held, in MB; `anonymous_mb` is None where the system does not tell."""

    resident_mb: float
    anonymous_mb: float | None
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("sources", nargs="*", type=Path, help="two datasets, small and large; default: made here")
    sources = parser.parse_args().sources
    if len(sources) not in (0, 2):
        parser.error("give two datasets, or none")
    print(describe_machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = sources or [make_corpus(folder / f"sounds-{n}", clips_per_class=n) for n in CLIPS_PER_CLASS]
        peaks = [_measured(source, folder / f"run-{i}", folder / f"home-{i}") for i, source in enumerate(sources)]
    few, many = peaks
    print(f"difference: resident {many.resident_mb - few.resident_mb:+.0f} MB", end="")
    if few.anonymous_mb is not None and many.anonymous_mb is not None:
        print(f", anonymous {many.anonymous_mb - few.anonymous_mb:+.0f} MB", end="")
    print()


def _measured(source: Path, run: Path, home: Path) -> Peak:
    """Train once with an empty waveform cache, and say what it took."""
    command = [sys.executable, "-m", "auscult", "train", str(source), "-o", str(run), *TRAINING]
    peak = peak_memory(command, {**os.environ, "AUSCULT_HOME": str(home)})
    anonymous = "unknown" if peak.anonymous_mb is None else f"{peak.anonymous_mb:.0f} MB"
    n_clips = len(open_dataset(source))
    print(
        f"{source.name}: {n_clips} clips, peak resident {peak.resident_mb:.0f} MB, of it anonymous {anonymous}, "
        f"{peak.seconds:.0f} s",
        flush=True,
    )
    return peak


def peak_memory(command: list[str], environment: dict[str, str]) -> Peak:
    """Run `command` to its end, watching its memory. Its output goes to stderr."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=sys.stderr)
    anonymous_kb: list[int] = []
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        anonymous_kb += _anonymous_kb(process.pid)
        time.sleep(SAMPLE_EVERY_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    # macOS counts in bytes what Linux counts in KiB.
    resident_kb = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    anonymous_mb = max(anonymous_kb) / 1024 if anonymous_kb else None
    return Peak(resident_kb / 1024, anonymous_mb, time.perf_counter() - began)


def _anonymous_kb(pid: int) -> list[int]:
    """The process's anonymous memory at this moment; nothing where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    return [int(kb) for kb in re.findall(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)]


if __name__ == "__main__":
    main()
