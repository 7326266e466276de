"""`auscult demo`: all of it, offline, in minutes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from auscult.cli.output import emit, print_figures

if TYPE_CHECKING:
    from auscult.classifier import Result


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("demo-run"),
    seed: int = 0,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Make a small corpus of synthetic sounds, train on it, test, and classify new sounds. Needs no network.

    Parameters
    ----------
    output
        Folder for the sounds and the run; an earlier demo in it is replaced.
    seed
        Of the sounds and the training.
    quiet
        Name only what failed.
    """
    from auscult.demo.run import run_demo

    done = run_demo(output, seed=seed, quiet=quiet)
    emit("On sounds kept apart for testing:")
    print_figures(done.run.metrics)
    emit("\nSounds made anew, what they are and what the model hears in them:")
    for sound, result in done.heard:
        emit(f"  {sound.path.name:<22} {' then '.join(sound.labels):<18} {_heard(result)}")
    emit(f"\nmodel   {done.run.model}")
    emit(f"report  {done.run.report}   (open it in a browser)")
    command = ["auscult", "classify", str(done.heard[0][0].path), "--model", str(done.run.model)]
    emit(f"\nNext: {shlex.join(command)}")
    return 0


def _heard(result: Result) -> str:
    """The best label of each window; one that goes on is said once, with the score that it began with."""
    best = [window["predictions"][0] for window in result.to_dict(windows=True)["windows"]]
    changes = [
        now for before, now in zip([None, *best], best, strict=False) if not before or before["label"] != now["label"]
    ]
    return " then ".join(f"{prediction['label']} {prediction['score']:.0%}" for prediction in changes)
