"""A small corpus of synthetic sounds, kept the way that people keep theirs: a folder a class, and a table."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from auscult.demo.physics import add_at
from auscult.demo.room import Room
from auscult.demo.sounds import SOUNDS
from auscult.errors import OutputError, UsageError
from auscult.files import remove_tree
from auscult.records import FloatArray

SAMPLE_RATE = 16_000
CLIP_S = 2.0
TAKES_PER_RECORDING = 2
TABLE_NAME = "clips.csv"

# First number of every spawn key: what is made for training and what is made afterwards never share a draw.
_CORPUS, _NEW_SOUNDS = 0, 1


@dataclass(frozen=True)
class NewSound:
    """A sound made for trying a model: its file, and what is to be heard in it, in order."""

    path: Path
    labels: tuple[str, ...]


def make_corpus(folder: str | Path, *, clips_per_class: int = 40, seed: int = 0) -> Path:
    """Write the corpus: `folder/<class>/<recording>-<take>.wav` and the table `folder/clips.csv`.

    Clips are 2 s, 16 kHz, mono, 16-bit. Two takes make a recording: the same bell in the same room, struck
    anew. The table's columns are `path` (relative to the folder), `label` and `group`, the recording: clips
    of one group are alike and belong on one side of a split. The folder appears whole or not at all, and one
    seed gives the same bytes.

    Parameters
    ----------
    folder : where to write; it must not exist yet, or be empty
    clips_per_class : at least 1; with the ten classes, 40 make 400 clips
    seed : 0 or more

    Returns
    -------
    Path of the table.

    Raises
    ------
    UsageError : if something is in `folder` already, or a number is out of its range
    OutputError : if the folder cannot be written

    Examples
    --------
    >>> import tempfile
    >>> table = make_corpus(Path(tempfile.mkdtemp()) / "sounds", clips_per_class=1, seed=7)
    >>> print("".join(table.read_text().splitlines(keepends=True)[:2]))
    path,label,group
    bell/bell01-1.wav,bell,bell01
    """
    if clips_per_class < 1:
        raise UsageError(f"The 'clips_per_class' parameter must be at least 1. Got {clips_per_class} instead.")
    folder = Path(folder)
    with _whole_folder(folder) as temporary:
        rows = []
        for class_index, label in enumerate(SOUNDS):
            (temporary / label).mkdir()
            for index in range(clips_per_class):
                recording, take = divmod(index, TAKES_PER_RECORDING)
                name = f"{label}{recording + 1:02d}"
                path = f"{label}/{name}-{take + 1}.wav"
                key = (_CORPUS, class_index, recording)
                _write_wav(temporary / path, _take(label, key, take, seed=seed))
                rows.append((path, label, name))
        with open(temporary / TABLE_NAME, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("path", "label", "group"), *rows])
    return folder / TABLE_NAME


def make_new_sounds(folder: str | Path, *, seed: int = 0) -> tuple[NewSound, ...]:
    """Write five sounds that no corpus of any seed holds: four single ones, and one of 4 s with two in a row.

    Same format, same rules and same errors as `make_corpus`; sources, rooms and takes are new.

    Examples
    --------
    >>> import tempfile
    >>> for sound in make_new_sounds(Path(tempfile.mkdtemp()) / "new", seed=7):
    ...     print(sound.path.name, sound.labels)
    bell.wav ('bell',)
    dog.wav ('dog',)
    rain.wav ('rain',)
    siren.wav ('siren',)
    knock-then-bird.wav ('knock', 'bird')
    """
    folder = Path(folder)
    scenes: tuple[tuple[str, ...], ...] = (("bell",), ("dog",), ("rain",), ("siren",), ("knock", "bird"))
    sounds = []
    with _whole_folder(folder) as temporary:
        for index, labels in enumerate(scenes):
            name = "-then-".join(labels) + ".wav"
            _write_wav(temporary / name, _scene(labels, (_NEW_SOUNDS, index), seed=seed))
            sounds.append(NewSound(folder / name, labels))
    return tuple(sounds)


def _take(label: str, key: tuple[int, ...], take: int, *, seed: int) -> FloatArray:
    """One take of one recording. The recording's generator draws source and room, the take's the rest."""
    of_recording = _generator(seed, (*key, 0))
    source, room = SOUNDS[label](of_recording), Room.draw(of_recording)
    of_take = _generator(seed, (*key, 1, take))
    return room.record(of_take, source.play(of_take, SAMPLE_RATE, CLIP_S), SAMPLE_RATE)


def _scene(labels: tuple[str, ...], key: tuple[int, ...], *, seed: int) -> FloatArray:
    """One sound after the other in one room, 2 s each."""
    generator = _generator(seed, key)
    dry = np.zeros(round(len(labels) * CLIP_S * SAMPLE_RATE))
    for index, label in enumerate(labels):
        sound = SOUNDS[label](generator).play(generator, SAMPLE_RATE, CLIP_S)
        add_at(dry, sound.astype(np.float64), index * CLIP_S, sample_rate=SAMPLE_RATE)
    return Room.draw(generator).record(generator, dry.astype(np.float32), SAMPLE_RATE)


def _generator(seed: int, key: tuple[int, ...]) -> np.random.Generator:
    if seed < 0:
        raise UsageError(f"The 'seed' parameter must be 0 or more. Got {seed} instead.")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _write_wav(path: Path, samples: FloatArray) -> None:
    # By way of memory, so that a full disk is an OSError like any other, not an error of libsndfile.
    content = io.BytesIO()
    whole = np.round(samples * 32767).astype(np.int16)
    soundfile.write(content, whole, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    path.write_bytes(content.getvalue())


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its name when the block ends well, else is removed."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: there is something here already; remove it or choose another folder")
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        temporary.chmod(0o755)
        yield temporary
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); choose another place") from error
    finally:
        if temporary is not None:
            remove_tree(temporary)
