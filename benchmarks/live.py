"""Live sound: how late scores are, and whether an hour of listening, or a simulated day, drifts or grows.

python -m benchmarks.live latency [--model yamnet] [--seconds 60]
python -m benchmarks.live hour    [--model yamnet] [--seconds 3600]
python -m benchmarks.live day     [--model yamnet] [--hours 24]

All of them run `auscult listen -` as its own process and write PCM into its pipe: `latency` and `hour` a block of
10 ms each 10 ms, as a recorder does, `day` as fast as it is taken. The sound is clips of a folder (`--folder`), one
after the other, or made up of tones in noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import describe_machine

BLOCK_S = 0.01
# A writer this late was stopped, with all that runs here; a recorder would have lost what came meanwhile.
STALLED_S = 0.5
LOOP_S = 60
EACH_S = 60


@dataclass
class Writer:
    """Writes blocks at their times, and knows when each sample was due."""

    loop: np.ndarray
    seconds: float
    rate: int
    in_real_time: bool
    shifts: list[tuple[float, float]] = field(default_factory=list)  # sound time, when that was due
    written_s: float = 0.0

    def run(self, pipe: Any) -> None:
        size = round(self.rate * (BLOCK_S if self.in_real_time else 0.5))
        started = time.monotonic()
        self.shifts.append((0.0, started))
        n_blocks = round(self.seconds * self.rate / size)
        for k in range(n_blocks):
            due = started + (k + 1) * size / self.rate
            if self.in_real_time:
                late_s = time.monotonic() - due
                if late_s > STALLED_S:
                    started += late_s
                    self.shifts.append((k * size / self.rate, started + k * size / self.rate))
                elif late_s < 0:
                    time.sleep(-late_s)
            first = k * size % len(self.loop)
            try:
                pipe.write(self.loop[first : first + size].tobytes())
                pipe.flush()
            except BrokenPipeError:
                break
            self.written_s = (k + 1) * size / self.rate
        pipe.close()

    def due(self, sound_s: float) -> float:
        """By the clock, when the sample at a time of the sound was to be written."""
        at, when = next(pair for pair in reversed(self.shifts) if pair[0] <= sound_s)
        return when + sound_s - at


@dataclass
class Heard:
    reported_ms: list[float] = field(default_factory=list)  # from arrival of the last sample, as `listen` says
    whole_ms: list[float] = field(default_factory=list)  # from when it was due at the writer to the line here
    n_events: int = 0
    n_gap_windows: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB
    end_s: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live")
    parser.add_argument("what", choices=["latency", "hour", "day"])
    parser.add_argument("--model", default="yamnet")
    parser.add_argument("--seconds", type=float, help="of real time; default: 60, or 3600 for hour")
    parser.add_argument("--hours", type=float, default=24.0, help="of sound, for day")
    parser.add_argument("--rate", type=int, default=48000, help="Hz")
    parser.add_argument("--folder", type=Path, help="clips to play; default: sound made here")
    given = parser.parse_args()
    seconds = given.hours * 3600 if given.what == "day" else given.seconds or {"latency": 60, "hour": 3600}[given.what]
    writer = Writer(_loop(given.folder, given.rate), seconds, given.rate, in_real_time=given.what != "day")
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC  {describe_machine()}")
    print(f"{given.what}: {given.model}, {seconds:g} s at {given.rate} Hz, 16 bits, mono", flush=True)
    started = time.monotonic()
    heard, processor_s = _listen(given.model, writer)
    for line in _report(writer, heard, time.monotonic() - started, processor_s):
        print(line, flush=True)


def _listen(model: str, writer: Writer) -> tuple[Heard, float]:
    command = [
        sys.executable,
        "-m",
        "auscult",
        "listen",
        "-",
        "--rate",
        str(writer.rate),
        "-m",
        model,
        "--json",
        "--windows",
    ]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process = psutil.Process(child.pid)
    # The model is open when the first windows come: what is written until then waits in the pipe, as for a recorder.
    thread = threading.Thread(target=writer.run, args=(child.stdin,), daemon=True)
    thread.start()
    heard = Heard()
    assert child.stdout is not None
    processor_s = 0.0
    next_look = 0.0
    for line in child.stdout:
        now = time.monotonic()
        record = json.loads(line)
        if "latency_ms" in record:
            heard.end_s = record["end_s"]
            heard.reported_ms.append(record["latency_ms"])
            heard.whole_ms.append(1000 * (now - writer.due(record["end_s"])))
        elif "gap" in record:
            heard.n_gap_windows += record["gap"]["n_windows"]
            print(f"gap: {record['gap']}", flush=True)
        else:
            heard.n_events += 1
        if heard.end_s >= next_look:
            next_look = heard.end_s + EACH_S
            heard.memory.append((heard.end_s, process.memory_info().rss / 1e6))
            spent = process.cpu_times()
            processor_s = spent.user + spent.system
    code = child.wait()
    if code:
        raise SystemExit(f"listen ended with {code}")
    return heard, processor_s


def _report(writer: Writer, heard: Heard, wall_s: float, processor_s: float) -> Iterator[str]:
    yield (
        f"{len(heard.reported_ms)} windows, {heard.n_events} events; written {writer.written_s:.2f} s, heard "
        f"{heard.end_s:.2f} s; {wall_s:.1f} s by the clock, {processor_s:.1f} s of processor time"
    )
    yield f"windows dropped: {heard.n_gap_windows}; times the writer itself was held up: {len(writer.shifts) - 1}"
    yield "memory (MB): " + ", ".join(f"{mb:.1f} at {at / 60:.0f} min" for at, mb in _some(heard.memory, 13))
    if not writer.in_real_time:
        return
    reported, whole = np.array(heard.reported_ms), np.array(heard.whole_ms)
    # The last window is completed with zeros at the end of the pipe.
    reported, whole = reported[:-1], whole[:-1]
    for name, values in (("arrival of the last sample to scores", reported), ("writer's clock to the line", whole)):
        found = np.percentile(values, [50, 90, 99, 99.9, 100])
        yield f"{name} (ms): " + ", ".join(
            f"{quantile} {value:.1f}"
            for quantile, value in zip(("50 %", "90 %", "99 %", "99.9 %", "max"), found, strict=True)
        )
    part = max(1, len(whole) // 10)
    # The first windows wait for the model to be opened.
    begin, end = np.median(whole[part : 2 * part]), np.median(whole[-part:])
    yield f"drift: {end - begin:+.2f} ms between the second tenth and the last"


def _some(values: list[tuple[float, float]], n: int) -> list[tuple[float, float]]:
    if len(values) <= n:
        return values
    return [values[round(i * (len(values) - 1) / (n - 1))] for i in range(n)]


def _loop(folder: Path | None, rate: int) -> np.ndarray:
    """A minute of sound, int16."""
    generator = np.random.default_rng(0)
    if folder is None:
        seconds = np.arange(LOOP_S * rate) / rate
        on = (seconds % 7 < 2).astype(np.float64)
        sound = 0.3 * on * np.sin(2 * np.pi * 700 * seconds) + generator.normal(0, 0.01, len(seconds))
        return (sound * 32767).astype(np.int16)
    from auscult.audio import find_audio_files, load_waveform

    files = list(find_audio_files(folder))
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < LOOP_S * rate:
        parts.append(load_waveform(str(files[generator.integers(len(files))]), sample_rate=rate).samples)
    return (np.concatenate(parts)[: LOOP_S * rate].clip(-1, 1) * 32767).astype(np.int16)


if __name__ == "__main__":
    main()
