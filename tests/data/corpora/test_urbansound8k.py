"""UrbanSound8K's tree: a small one made here, and the folds of it that lie beside the checkout."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from auscult.data import Dataset, fold_split, open_dataset

# All columns as published; start and end are seconds of the recording that the slice was cut from.
ROWS = """\
slice_file_name,fsID,start,end,salience,fold,classID,class
100-3-0-0.wav,100,0.0,0.3,1,1,3,dog_bark
100-3-0-1.wav,100,10.5,12.0,1,1,3,dog_bark
200-1-0-0.wav,200,0.0,4.0,1,1,1,car_horn
300-3-0-0.wav,300,0.0,4.0,1,2,3,dog_bark
400-1-0-0.wav,400,0.0,4.0,2,2,1,car_horn
"""


def make_tree(root, write_sound, suffix):
    for row in csv.DictReader(ROWS.splitlines()):
        write_sound(root / "audio" / f"fold{row['fold']}" / row["slice_file_name"].replace(".wav", suffix))
    (root / "metadata").mkdir()
    (root / "metadata" / "UrbanSound8K.csv").write_text(ROWS)
    return root


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_the_tree(tmp_path, write_sound, suffix):
    root = make_tree(tmp_path, write_sound, suffix)
    dataset = Dataset.from_folder(root)
    assert dataset.source_kind == "urbansound8k"
    assert [label.id for label in dataset.labels] == ["car_horn", "dog_bark"]
    assert dataset.groups().tolist() == ["100", "100", "200", "300", "400"]
    assert [(clip.fold, clip.start, clip.end) for clip in dataset.clips()] == [
        (1, None, None),
        (1, None, None),
        (1, None, None),
        (2, None, None),
        (2, None, None),
    ]


def test_folds_that_were_not_fetched_are_one_problem(tmp_path, write_sound):
    root = make_tree(tmp_path, write_sound, ".wav")
    for path in (root / "audio" / "fold2").iterdir():
        path.unlink()
    (root / "audio" / "fold2").rmdir()
    dataset = Dataset.from_folder(root)
    assert dataset.folds() == (1,)
    (problem,) = dataset.problems
    assert "2 of its 5 files are not there" in problem.problem


def test_real_folds(shared_data):
    root = shared_data / "urbansound8k"
    with open(root / "metadata" / "UrbanSound8K.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    dataset = open_dataset(root)
    assert dataset.source_kind == "urbansound8k"
    assert dataset.problems == ()
    assert len(dataset) == len(rows) == sum(1 for _ in root.glob("audio/fold*/*.ogg")) == 2148
    assert Counter(clip.fold for clip in dataset.clips()) == {1: 873, 2: 888, 3: 387}
    assert Counter(clip.labels[0] for clip in dataset.clips()) == Counter(row["class"] for row in rows)
    by_number = {int(row["classID"]): row["class"] for row in rows}
    assert [label.id for label in dataset.labels] == [by_number[i] for i in sorted(by_number)]
    groups = dataset.groups()
    assert set(groups) == {row["fsID"] for row in rows}
    for fold in (1, 2, 3):
        split = fold_split(dataset, fold)
        assert split.notes == ()
        assert not set(groups[split.train]) & set(groups[split.test])
        assert len(split.train) + len(split.test) == 2148
