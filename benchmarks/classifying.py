"""Classifying files: a cold start, and all files at once beside what each stage costs alone.

The floor of the throughput is n cores / (sum of the stages' costs on one core): what would be reached if decoding,
resampling and the network cost nothing besides themselves and all cores were always busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from auscult import load
from auscult.audio import load_waveform, plan_windows
from auscult.models.runners import open_runner

REPEATS = 3
COLD_STARTS = 10


def measure_cold_start(file: str, model: Path) -> list[str]:
    """Wall time of a whole process, the best and the middle one of several."""
    lines = ["cold start, whole process (seconds: least, median)"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "auscult --version": [sys.executable, "-m", "auscult", "--version"],
        "auscult classify FILE": [sys.executable, "-m", "auscult", "classify", file, "--model", str(model)],
    }
    for name, command in commands.items():
        times_s = [
            _seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True)) for _ in range(COLD_STARTS)
        ]
        lines.append(f"  {name:<24} {min(times_s):.2f}  {np.median(times_s):.2f}")
    return lines


def measure_throughput(files: list[str], model: Path) -> list[str]:
    """Stages on one core, then `classify_many` on all cores; times real time."""
    runner = open_runner(model)
    spec = runner.spec
    sounds = [soundfile.read(file, dtype="float32", always_2d=True) for file in files]
    duration_s = sum(len(samples) / rate for samples, rate in sounds)
    mono = [(samples.mean(axis=1), rate) for samples, rate in sounds]
    windows = [_windows(load_waveform(file, sample_rate=spec.sample_rate).samples, spec) for file in files]
    stages = {
        "decode (soundfile)": lambda: [soundfile.read(file, dtype="float32") for file in files],
        "resample (soxr HQ)": lambda: [
            soxr.resample(samples, rate, spec.sample_rate) for samples, rate in mono if rate != spec.sample_rate
        ],
        "network on windows": lambda: [runner.run(batch) for batch in windows],
    }
    lines = ["throughput (times real time)"]
    total_s = 0.0
    for name, stage in stages.items():
        seconds = min(_seconds(stage) for _ in range(REPEATS))
        total_s += seconds
        lines.append(f"  {name:<24} {duration_s / seconds:8.0f}   one core alone, {seconds:.2f} s")
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    floor_s = total_s / n_cores
    classifier = load(model)
    seconds = min(_seconds(lambda: list(classifier.classify_many(files))) for _ in range(REPEATS))
    lines.append(f"  {'floor':<24} {duration_s / floor_s:8.0f}   {n_cores} cores / sum of the stages")
    lines.append(
        f"  {'auscult, from files':<24} {duration_s / seconds:8.0f}   {n_cores} cores, {seconds:.2f} s: "
        f"{floor_s / seconds:.2f} of the floor"
    )
    return lines


def _windows(samples: np.ndarray, spec: object) -> np.ndarray:
    plan = plan_windows(len(samples), length=spec.window_samples, hop=spec.hop_samples)
    rows = np.zeros((len(plan), spec.window_samples), np.float32)
    for row, window in zip(rows, plan, strict=True):
        row[: window.valid_samples] = samples[window.start : window.end]
    return rows


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
