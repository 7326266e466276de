"""Long recordings and many short ones: times real time, memory, and whether the cores are busy.

python -m benchmarks.archives CLIPS [--model yamnet] [--hours 1 24] [--files 10000] [--folder DIR] [--only detect]

Recordings of some hours are made by joining the clips of a folder, 16-bit WAV at the rate of the first; the folder
of short ones holds links to the clips. Each is given to `auscult detect -o` and to `auscult classify --json` in a
process of its own, started cold. Said of each process: seconds of sound for a second of wall time and of processor
time; peak memory, all of it (files that are mapped, too); the share of all cores' time in which it ran; and how many of
the cores it could use, looked at ten times a second: threads that run or wait for a core, of two cores at most two. On
a machine that does nothing else the two are about the same; on a busy one the second says what the first would be.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from auscult.audio import find_audio_files, load_waveform, probe
from auscult.classifier import available_cores
from benchmarks.machine import describe_machine

LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    usable: float
    peak_mb: float
    code: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archives")
    parser.add_argument("clips", type=Path, help="folder of sounds")
    parser.add_argument("--model", default="yamnet")
    parser.add_argument("--hours", type=float, nargs="*", default=[1, 24])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where the recordings are made, and kept for the next time")
    parser.add_argument("--only", choices=["detect", "classify"])
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}; load {os.getloadavg()[0]:.1f}")
    with _folder(arguments.folder) as folder:
        tasks = [
            (f"one recording of {hours:g} h", *joined(arguments.clips, folder, hours)) for hours in arguments.hours
        ]
        if arguments.files:
            tasks.append((f"{arguments.files} recordings", *linked(arguments.clips, folder, arguments.files)))
        for name, path, duration_s in tasks:
            for command in [arguments.only] if arguments.only else ["detect", "classify"]:
                out = folder / "out"
                shutil.rmtree(out, ignore_errors=True)
                options = ["-o", str(out)] if command == "detect" else ["--json"]
                options += ["--jobs", str(arguments.jobs)] if arguments.jobs else []
                cost = measure([command, str(path), "-m", arguments.model, "--quiet", *options])
                print(f"{command}, {name}: {in_words(cost, duration_s)}", flush=True)


def in_words(cost: Cost, duration_s: float) -> str:
    whole_s = cost.wall_s * available_cores()
    said = (
        f"{duration_s / cost.wall_s:.0f} times real time ({duration_s / cost.cpu_s:.0f} a second of processor time), "
        f"{cost.wall_s:.1f} s, peak {cost.peak_mb:.0f} MB, cores busy {cost.cpu_s / whole_s:.0%}, "
        f"could use {cost.usable:.0%}, load {os.getloadavg()[0]:.1f}"
    )
    return said if cost.code == 0 else f"{said}, EXIT CODE {cost.code}"


def measure(arguments: list[str]) -> Cost:
    """One command in a process of its own; what it prints is read and dropped."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "auscult", *arguments], stdout=subprocess.DEVNULL)
    peak_kb, ready = 0, []
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        ready.append(min(_n_ready(process.pid), available_cores()))
        peak_kb = _peak_kb(process.pid) or peak_kb
        time.sleep(LOOK_EVERY_S)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        sum(ready) / len(ready) / available_cores() if ready else 0.0,
        peak_kb / 1024,
        process.returncode,
    )


def _n_ready(pid: int) -> int:
    """How many threads run or would run if they had a core."""
    n_ready = 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                said = Path(f"/proc/{pid}/task/{thread}/stat").read_text()
                n_ready += said.rpartition(")")[2].split()[0] == "R"
    return n_ready


def _peak_kb(pid: int) -> int:
    """The most memory that a process has had. Not from `wait4`, which counts what this one had when it forked, too."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def joined(clips: Path, folder: Path, hours: float) -> tuple[Path, float]:
    """A recording of some hours, the clips one after another, again and again; and how long it is, in seconds."""
    path = folder / f"{hours:g}h.wav"
    files = find_audio_files(clips)
    rate = probe(files[0]).sample_rate
    n_samples = round(hours * 3600 * rate)
    if not path.exists():
        # Beyond 4 GB only RF64 says how long it is.
        with soundfile.SoundFile(path, "w", rate, 1, "PCM_16", format="RF64") as file:
            left = n_samples
            block = np.concatenate([load_waveform(one, sample_rate=rate).samples for one in files])
            block = np.clip(np.rint(block * 32767), -32768, 32767).astype(np.int16)
            while left > 0:
                file.write(block[:left])
                left -= min(left, len(block))
    return path, n_samples / rate


def linked(clips: Path, folder: Path, n_files: int) -> tuple[Path, float]:
    """A folder of as many files, links to copies of the clips; and how long they are together, in seconds."""
    files = find_audio_files(clips)
    copies, links = folder / "copies", folder / f"{n_files}-files"
    copies.mkdir(exist_ok=True)
    links.mkdir(exist_ok=True)
    for number in range(n_files):
        file = files[number % len(files)]
        link = links / f"{number:06d}{file.suffix}"
        if not link.exists():
            copy = copies / file.name
            if not copy.exists():
                shutil.copy(file, copy)
            os.link(copy, link)
    durations = [probe(file).duration_s or 0.0 for file in files]
    return links, sum(durations[number % len(files)] for number in range(n_files))


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


if __name__ == "__main__":
    main()
