"""Kill a training again and again, resume it each time, and compare what comes out with an undisturbed one.

python -m benchmarks.kills [--source SOURCE] [--kills N] [--seed S] [-- OPTIONS OF auscult train]

The moments are spread over the wall time of the undisturbed training, one in each of N equal parts of it. A resumed
training takes up somewhere in the middle; so a moment is kept as "so long after that mark" (a clip decoded, an epoch
done, the model written, the figures written), and is counted from when the resumed one passes the mark. Two kinds of
moments are so short that chance would miss them: the first is put into the middle of the decoding, and every third
that falls into the epochs waits for the next checkpoint, and kills while that is being written.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from auscult.demo import make_corpus
from benchmarks.machine import describe_machine

CLIPS_PER_CLASS = 12
OPTIONS = ("--backbone", "scratch", "--epochs", "12", "--size", "tiny")
# Checkpoints come after every epoch instead of every ten seconds, for the trainings here are short.
CHILD = "from auscult.training import loop; loop.CHECKPOINT_EVERY_S = 0.0; from auscult.cli import main; main()"
UNFINISHED = ".*.partial*"
STAGES = ("starting", "decoding", "in the epochs", "writing the model", "evaluating", "reporting")
DECODING, EPOCHS = 1, 2
RETREAT_S = 1.0
POLL_S = 0.001

Mark = tuple[int, int]  # index in STAGES, and how many clips or epochs are done


@dataclass(frozen=True)
class Kill:
    """`at_s` on the clock of the undisturbed training; `stage` in words, as it was when the signal was sent."""

    at_s: float
    stage: str


@dataclass(frozen=True)
class Outcome:
    """What came of it. `different` names what is not as in the undisturbed training; `unfinished` files left over."""

    undisturbed_s: float
    kills: tuple[Kill, ...]
    different: tuple[str, ...]
    unfinished: tuple[str, ...]


@dataclass
class Attempt:
    """One start of a training, watched through its files and its progress on stderr."""

    run: Path
    home: Path
    process: subprocess.Popen[str]
    began: float = field(default_factory=time.time)
    epochs: Mark = (EPOCHS, 0)

    @classmethod
    def start(cls, source: Path, run: Path, home: Path, options: Sequence[str]) -> Attempt:
        command = [sys.executable, "-c", CHILD, "train", str(source), "-o", str(run), *options, "--resume"]
        environment = {**os.environ, "AUSCULT_HOME": str(home)}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        attempt = cls(run, home, process)
        threading.Thread(target=attempt._listen, daemon=True).start()
        return attempt

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                if found := re.match(r"Training: (\d+) of (\d+)", line):
                    self.epochs = (EPOCHS + (found[1] == found[2]), int(found[1]))
                elif not re.match(r"Decoding|Evaluating", line):
                    sys.stderr.write(line)

    def mark(self) -> Mark:
        """The last mark that this start has passed."""
        if self._written("metrics.json"):
            return 5, 0
        if self._written("model.onnx"):
            return 4, 0
        if self._written("split.csv"):
            return self.epochs
        n_decoded = sum(1 for _ in self.home.glob("waveforms/??/*.npy"))
        return (DECODING, n_decoded) if n_decoded else (0, 0)

    def _written(self, name: str) -> bool:
        try:
            return (self.run / name).stat().st_mtime >= self.began
        except FileNotFoundError:
            return False

    def saves(self) -> bool:
        """Whether a checkpoint is being written at this moment."""
        return any((self.run / "checkpoints").glob(UNFINISHED))

    def runs(self) -> bool:
        return self.process.poll() is None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--source", type=Path, help="a dataset; default: made here")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("options", nargs="*", default=OPTIONS, help=f"of auscult train; default: {' '.join(OPTIONS)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = arguments.source or make_corpus(folder / "sounds", clips_per_class=CLIPS_PER_CLASS)
        outcome = kill_and_compare(
            source, folder, n_kills=arguments.kills, options=arguments.options, seed=arguments.seed
        )
    print(f"{describe_machine()}\nundisturbed: {outcome.undisturbed_s:.0f} s")
    for kill in outcome.kills:
        print(f"killed at {kill.at_s:5.1f} s, {kill.stage}")
    print(f"different: {', '.join(outcome.different) or 'nothing'}")
    print(f"unfinished files: {', '.join(outcome.unfinished) or 'none'}")
    sys.exit(bool(outcome.different or outcome.unfinished))


def kill_and_compare(source: Path, folder: Path, *, n_kills: int, options: Sequence[str], seed: int = 0) -> Outcome:
    """Train once whole and once with `n_kills` kills, each with an empty waveform cache, in folders under `folder`."""
    whole, killed = folder / "whole", folder / "killed"
    marks = watch(Attempt.start(source, whole, folder / "home-whole", options))
    total_s = marks[-1][0]
    chances = np.random.default_rng(seed).random(n_kills)
    moments = [float(at_s) for at_s in (np.arange(n_kills) + chances) * total_s / n_kills]
    moments[0] = float(np.median([at_s for at_s, (stage, _) in marks if stage == DECODING]))
    kills: list[Kill] = []
    for moment in moments:
        in_epochs = sum(kill.stage.startswith(STAGES[EPOCHS]) for kill in kills)
        stage = None
        while stage is None:
            attempt = Attempt.start(source, killed, folder / "home-killed", options)
            stage = kill_at(attempt, moment, marks, while_saving=in_epochs % 3 == 1)
            # It was faster than the undisturbed one. A finished run that is resumed makes its model and report anew.
            moment -= RETREAT_S if stage is None else 0.0
        kills.append(Kill(moment, stage))
    watch(Attempt.start(source, killed, folder / "home-killed", options))
    return Outcome(
        total_s, tuple(kills), differences(whole, killed), tuple(path.name for path in killed.rglob(UNFINISHED))
    )


def watch(attempt: Attempt) -> list[tuple[float, Mark]]:
    """Let it go to its end: when it passed each mark, in seconds from its start, and last when it ended."""
    marks = [(0.0, (0, 0))]
    while attempt.runs():
        mark = attempt.mark()
        if mark > marks[-1][1]:
            marks.append((time.time() - attempt.began, mark))
        time.sleep(POLL_S)
    if attempt.process.returncode:
        raise subprocess.CalledProcessError(attempt.process.returncode, attempt.process.args)
    return [*marks, (time.time() - attempt.began, marks[-1][1])]


def kill_at(attempt: Attempt, moment_s: float, marks: list[tuple[float, Mark]], *, while_saving: bool) -> str | None:
    """Kill it when it is where the undisturbed one was at `moment_s`; in which stage, or None where it ended before."""
    passed_s, mark = max((entry for entry in marks if entry[0] <= moment_s), key=lambda entry: entry[0])
    while attempt.runs() and attempt.mark() < mark:
        time.sleep(POLL_S)
    kill_time = time.time() + moment_s - passed_s
    while attempt.runs() and time.time() < kill_time:
        time.sleep(POLL_S)
    while while_saving and attempt.runs() and attempt.mark()[0] == EPOCHS and not attempt.saves():
        pass  # a checkpoint is written in a few milliseconds
    attempt.process.kill()
    if attempt.process.wait() == 0:
        return None
    stage, count = attempt.mark()
    # Only what the kill left tells whether it came in time.
    saving = ", in the middle of a checkpoint" if attempt.saves() else ""
    return f"{STAGES[stage]}, {count} done{saving}" if count else STAGES[stage] + saving


def differences(whole: Path, killed: Path) -> tuple[str, ...]:
    """What is not bit for bit the same: weights by name, and the figures."""
    first, second = _weights(whole / "model.onnx"), _weights(killed / "model.onnx")
    if first.keys() != second.keys():
        return ("the names of the weights",)
    other = [name for name in first if not np.array_equal(first[name], second[name])]
    names = ("metrics.json", "predictions.csv", "split.csv")
    return (*other, *(name for name in names if (whole / name).read_bytes() != (killed / name).read_bytes()))


def _weights(path: Path) -> dict[str, np.ndarray]:
    return {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}


if __name__ == "__main__":
    main()
