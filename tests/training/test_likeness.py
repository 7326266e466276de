"""A note on sounds that stand on both sides of a split, where no recordings are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.data import Dataset
from auscult.training import likeness
from auscult.training.backbones import find_backbone
from auscult.training.likeness import with_note_on_copies
from auscult.training.material import Material, choose_split, prepare
from auscult.training.options import TrainOptions
from auscult.training.plan import plan_training

RATE = 8000


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Noise to train on and to test on; one of the tested clips begins within a trained one."""
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    root = tmp_path / "sounds"
    for part, n in (("train", 4), ("test", 2)):
        for i in range(n):
            for label in ("dog", "cat"):
                path = root / part / label / f"{i}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                sound = np.random.default_rng((n, i, len(label + part), ord(label[0]))).normal(0, 0.1, 2 * RATE)
                soundfile.write(path, sound, RATE)
    sound, _ = soundfile.read(root / "train" / "dog" / "0.wav")
    soundfile.write(root / "test" / "dog" / "copy.wav", sound[2000:] / 2, RATE)
    return root


def material(dataset: Dataset) -> Material:
    options = TrainOptions(validation=0)
    split = choose_split(dataset, None, options)
    plan = plan_training(dataset.clips(), options, find_backbone("scratch").recipe)
    return prepare(dataset, split, plan, options, quiet=True)


def test_the_pair_is_named(parts: Path) -> None:
    (note,) = with_note_on_copies(material(Dataset.from_folder(parts))).split.notes
    assert note.startswith("1 pair of clips in different parts holds the same sound: ")
    assert "'train/dog/0.wav' and 'test/dog/copy.wav'" in note


def test_what_is_all_different_has_no_note(parts: Path) -> None:
    (parts / "test" / "dog" / "copy.wav").unlink()
    assert with_note_on_copies(material(Dataset.from_folder(parts))).split.notes == ()


def test_named_recordings_are_taken_at_their_word(parts: Path) -> None:
    rows = ["path,label,split,group"]
    for path in sorted(parts.rglob("*.wav")):
        part, label, name = path.relative_to(parts).parts
        rows.append(f"{part}/{label}/{name},{label},{part},{part}{label}{name}")
    table = parts / "clips.csv"
    table.write_text("\n".join(rows) + "\n")
    assert with_note_on_copies(material(Dataset.from_csv(table))).split.notes == ()


def test_too_many_clips_are_left_to_data_check(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "MOST_CLIPS", 12)
    assert with_note_on_copies(material(Dataset.from_folder(parts))).split.notes == ()


def test_a_tested_clip_that_cannot_be_read_stops_nothing(parts: Path) -> None:
    dataset = Dataset.from_folder(parts)
    made = material(dataset)
    (parts / "test" / "cat" / "0.wav").write_bytes(b"RIFF")
    assert len(with_note_on_copies(made).split.notes) == 1
