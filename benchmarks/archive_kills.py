"""Kill `auscult detect -o` at moments spread over its wall time, go on, and compare with an undisturbed run.

python -m benchmarks.archive_kills [SOURCE] [--model MODEL] [--kills N] [--seed S] [-- OPTIONS OF auscult detect]

There are as many runs as kills. Each is killed (SIGKILL) at a moment of its own, one in each of N equal parts of the
wall time of the undisturbed run, from before Python has started until after the last file is written, and is then run
again to its end. Every third is killed a second time on the way, as long after its second start.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.demo import make_corpus
from benchmarks.machine import describe_machine

OPTIONS = ("--format", "csv", "--format", "jsonl", "--summary", "--quiet")
UNFINISHED = ".*.partial*"
RESUME_LIMIT_S = 600
ENDED = "had ended before"
RETREAT = 0.8


@dataclass(frozen=True)
class Kill:
    """One run that was killed: when, how many recordings were done by then, and what is not as it should be."""

    at_s: float
    stage: str
    wrong: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive_kills")
    parser.add_argument("source", nargs="?", help="folder or pattern of recordings; default: made here")
    parser.add_argument("--model", default="yamnet")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("options", nargs="*", default=OPTIONS, help=f"of auscult detect; default: {' '.join(OPTIONS)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        source = arguments.source or str(make_corpus(place / "sounds", clips_per_class=12).parent)
        command = [sys.executable, "-m", "auscult", "detect", source, "-m", arguments.model, *arguments.options]
        total_s, kills = kill_and_compare(command, place, n_kills=arguments.kills, seed=arguments.seed)
        counts = json.loads((place / "whole" / "run.json").read_text())["counts"]
    print(describe_machine())
    print(f"{counts['recordings']} recordings, {counts['events']} events; undisturbed {total_s:.1f} s")
    print(f"{len(kills)} runs killed at")
    print(", ".join(f"{kill.at_s:.2f}" for kill in kills), "s")
    for stage, count in Counter(kill.stage for kill in kills).items():
        print(f"{count:3} {stage}")
    wrong = [f"killed at {kill.at_s:.2f} s: {one}" for kill in kills for one in kill.wrong]
    print("\n".join(wrong) or "each ended with the same files, byte for byte, and no others")
    sys.exit(bool(wrong))


def kill_and_compare(command: Sequence[str], place: Path, *, n_kills: int, seed: int = 0) -> tuple[float, list[Kill]]:
    """An undisturbed run, and as many as there are kills; all in folders below `place`."""
    whole = place / "whole"
    began = time.monotonic()
    code = subprocess.run([*command, "-o", str(whole)], stderr=subprocess.DEVNULL, check=False).returncode
    total_s = time.monotonic() - began
    expected = written(whole)
    if code > 1 or "events.csv" not in expected:
        raise SystemExit(f"the undisturbed run ended with exit code {code}")
    chances = np.random.default_rng(seed).random(n_kills)
    kills = []
    for index, chance in enumerate(chances):
        output = place / f"killed-{index}"
        moment_s = float((index + chance) * total_s / n_kills)
        # Where it was faster than the undisturbed one: another, killed earlier.
        while (stage := kill_after(moment_s, command, output)) == ENDED:
            shutil.rmtree(output)
            moment_s *= RETREAT
        if index % 3 == 2:
            kill_after(moment_s, command, output)
        done = subprocess.run(
            [*command, "-o", str(output)], stderr=subprocess.DEVNULL, timeout=RESUME_LIMIT_S, check=False
        )
        wrong = differences(expected, written(output)) + [path.name for path in output.rglob(UNFINISHED)]
        wrong += [] if done.returncode == code else [f"exit code {done.returncode}"]
        kills.append(Kill(moment_s, stage, tuple(wrong)))
    return total_s, kills


def kill_after(seconds: float, command: Sequence[str], output: Path) -> str:
    """Start it and kill it; in words, how far it had come."""
    process = subprocess.Popen([*command, "-o", str(output)], stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.returncode >= 0:
        return ENDED
    if (output / "run.json").exists():
        return "after run.json"
    if (output / "events.csv").exists() or any(output.rglob(UNFINISHED)):
        return "while the files were written"
    return "while recordings were searched" if (output / "journal.sqlite").exists() else "before the journal was made"


def written(folder: Path) -> dict[str, bytes]:
    """What a run leaves for people."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("journal.sqlite")
    }


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """What is missing, too much, or not the same."""
    return [
        f"{name} {'is missing' if name not in found else 'is new' if name not in expected else 'differs'}"
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]


if __name__ == "__main__":
    main()
