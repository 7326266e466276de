"""The whole way, once, on sounds made here: corpus, training, test, and sounds that nobody has heard before."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from auscult.classifier import Result, load
from auscult.demo.corpus import NewSound, make_corpus, make_new_sounds
from auscult.errors import InputError, UsageError
from auscult.files import remove_tree, write_text
from auscult.training import Run, TrainOptions, train

# Written first, so that only a folder that a demo made is ever replaced.
MARKER = "made-by-auscult-demo.txt"
CLIPS_PER_CLASS = 40
EPOCHS = 60


@dataclass(frozen=True)
class Demo:
    """What the demo made: a run, and what its model says of each new sound, windows included."""

    run: Run
    heard: tuple[tuple[NewSound, Result], ...]


def run_demo(
    output: str | Path,
    *,
    seed: int = 0,
    clips_per_class: int = CLIPS_PER_CLASS,
    epochs: int = EPOCHS,
    quiet: bool = False,
) -> Demo:
    """Make sounds of ten classes, train a network on most of them, test it on the rest, let it hear new ones.

    Parameters
    ----------
    output : folder for `sounds/`, `new-sounds/` and `run/`; an earlier demo in it is replaced
    seed : of the sounds and the training
    clips_per_class : of ten classes; two clips make a recording, and some recordings must be left for testing
    epochs : passes over the training clips
    quiet : show no progress

    Raises
    ------
    UsageError : `output` holds something that no demo has made
    OutputError : `output` cannot be written
    """
    output = Path(output)
    _clear(output)
    if not quiet:
        print(
            f"Making {clips_per_class} sounds of each class in {output / 'sounds'}",
            file=sys.stderr,
            flush=True,
        )
    table = make_corpus(output / "sounds", clips_per_class=clips_per_class, seed=seed)
    options = TrainOptions(backbone="scratch", epochs=epochs, seed=seed)
    run = train(table, output=output / "run", options=options, quiet=quiet)
    sounds = make_new_sounds(output / "new-sounds", seed=seed)
    results = load(run.model, top_k=None).classify_many([sound.path for sound in sounds])
    heard = []
    for sound, result in zip(sounds, results, strict=True):
        if isinstance(result, InputError):
            raise result
        heard.append((sound, result))
    return Demo(run, tuple(heard))


def _clear(output: Path) -> None:
    if output.exists() and not (output / MARKER).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(
            f"{output}: holds something that no demo has made, so it is left alone; choose another folder with -o."
        )
    remove_tree(output)
    write_text(output / MARKER, "auscult demo replaces this folder when it runs again.\n")
