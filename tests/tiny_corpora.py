"""Small corpora for tests of training: half a second of a tone in noise a clip, at 8 kHz, in every form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from auscult.records import FloatArray

SAMPLE_RATE = 8000
CLIP_S = 0.5
FREQUENCIES_HZ = {"low": 300.0, "middle": 900.0, "high": 2200.0}


def tones(labels: Iterable[str], index: int) -> FloatArray:
    """A tone for each label, all at once, in noise; another `index` is another recording."""
    generator = np.random.default_rng(index)
    time_s = np.arange(round(CLIP_S * SAMPLE_RATE)) / SAMPLE_RATE
    sound = generator.normal(0, 0.02, len(time_s))
    for label in labels:
        sound += 0.2 * np.sin(2 * np.pi * FREQUENCIES_HZ[label] * generator.uniform(0.9, 1.1) * time_s)
    return sound.astype(np.float32)


def write_sound(path: Path, samples: FloatArray, *, subtype: str = "PCM_16") -> Path:
    """`samples` are `(samples,)` or `(samples, channels)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE, subtype=subtype)
    return path


def class_folders(root: Path, *, clips_per_class: int, first: int = 0) -> Path:
    """A folder a class."""
    for number, label in enumerate(FREQUENCIES_HZ):
        for i in range(clips_per_class):
            write_sound(root / label / f"{i}.wav", tones([label], first + 100 * number + i))
    return root


def split_folders(root: Path) -> Path:
    """`train/ val/ test/` of class folders; a clip for training is not a number."""
    for first, (part, n_clips) in enumerate({"train": 6, "val": 2, "test": 3}.items()):
        class_folders(root / part, clips_per_class=n_clips, first=1000 * (first + 1))
    write_sound(root / "train" / "low" / "nan.wav", np.full(4000, np.nan, np.float32), subtype="FLOAT")
    return root


def table_with_groups(root: Path) -> Path:
    """A CSV with two takes of each recording, which its column `group` names."""
    rows = ["path,label,group"]
    for number, label in enumerate(FREQUENCIES_HZ):
        for recording in range(4):
            for take in "ab":
                name = f"{label}{recording}{take}.wav"
                write_sound(root / name, tones([label], 100 * number + 10 * recording + ord(take)))
                rows.append(f"{name},{label},{label}{recording}")
    table = root / "clips.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def table_of_many_labels(root: Path) -> Path:
    """A CSV in which a path stands once for each of its labels; some clips hold no class."""
    rows = ["path,label"]
    held: list[list[str]] = [[], ["low"], ["high"], ["middle"], ["low", "high"], ["low", "middle"]]
    for kind, labels in enumerate(held):
        for i in range(5):
            name = f"{kind}-{i}.wav"
            write_sound(root / name, tones(labels, 100 * kind + i))
            rows += [f"{name},{label}" for label in labels] or [f"{name},"]
    table = root / "clips.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def esc50_tree(root: Path) -> Path:
    """ESC-50's own tree with two folds, two takes of each recording."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in (1, 2):
        for target, label in enumerate(FREQUENCIES_HZ):
            for recording in range(3):
                for take in "AB":
                    source = 1000 * fold + 100 * target + recording
                    name = f"{fold}-{source}-{take}-{target}.wav"
                    write_sound(root / "audio" / name, tones([label], 10 * source + ord(take)))
                    rows.append(f"{name},{fold},{target},{label},True,{source},{take}")
    (root / "meta").mkdir()
    (root / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    return root


def stereo_folders(root: Path) -> Path:
    """Clips with a tone on the right and noise on the left, and one with a single channel."""
    for number, label in enumerate(FREQUENCIES_HZ):
        for i in range(5):
            right = tones([label], 100 * number + i)
            left = np.random.default_rng(7000 + 100 * number + i).normal(0, 0.3, len(right)).astype(np.float32)
            write_sound(root / label / f"{i}.wav", np.stack([left, right], axis=1))
    write_sound(root / "low" / "single.wav", tones(["low"], 99))
    return root
