"""Which clips a training takes for what."""

from __future__ import annotations

import shutil

import pytest

from auscult.data import Dataset, open_dataset
from auscult.errors import DataError, UsageError
from auscult.training.cross_validation import fold_splits
from auscult.training.material import choose_split
from auscult.training.options import TrainOptions
from tests.tiny_corpora import class_folders, esc50_tree, split_folders


@pytest.mark.parametrize("test", [0.0, 0.2])
def test_one_class_is_refused_before_anything_is_split(tmp_path, test):
    dataset = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=2))
    one = dataset.labels[0]
    rows = [i for i, clip in enumerate(dataset.clips()) if clip.labels == (one.id,)]
    alone = Dataset(dataset.select(rows).table, dataset.root, (one,), "single_label")
    with pytest.raises(DataError, match=f"at least two classes are needed. Got one, '{one.id}'"):
        choose_split(alone, None, TrainOptions(test=test))


def named(how: str, **changes) -> TrainOptions:
    return TrainOptions(split=how, **changes)


def test_splits_by_name(tmp_path):
    tree = open_dataset(esc50_tree(tmp_path / "esc50"))
    assert choose_split(tree, None, TrainOptions()).name == "fold 2"
    assert choose_split(tree, 1, named("official")).name == "fold 1"
    assert choose_split(tree, None, named("holdout", test=0.4)).name.startswith("holdout 0.4")
    with pytest.raises(DataError, match="must have a train part"):
        choose_split(tree, None, named("given"))
    with pytest.raises(UsageError, match=r"belongs to the split 'official'\. Got 'holdout'"):
        choose_split(tree, 2, named("holdout"))
    with pytest.raises(UsageError, match=r"tests on every clip in turn; give cross_validate \(--cross-validate\) too"):
        choose_split(tree, None, named("leave-one-group-out"))


def test_folds_by_name(tmp_path):
    tree = open_dataset(esc50_tree(tmp_path / "esc50"))
    names = [split.name for _, split in fold_splits(tree, None, named("kfold"))]
    assert names == [f"fold {i} of 5, seed 0" for i in range(1, 6)]
    assert [name for name, _ in fold_splits(tree, None, named("official"))] == ["fold-1", "fold-2"]
    each = fold_splits(tree, None, named("leave-one-group-out"))
    assert len(each) == len(set(tree.groups()))
    assert sorted(row for _, split in each for row in split.test) == list(range(len(tree)))
    # So many folders sort as they count.
    assert [name for name, _ in each] == sorted(name for name, _ in each)
    with pytest.raises(UsageError, match=r"belongs to the split 'kfold'\. Got 'official'"):
        fold_splits(tree, 3, named("official"))
    with pytest.raises(UsageError, match="has one test part; leave out cross_validate"):
        fold_splits(tree, None, named("holdout"))


def test_leaking_parts_are_refused_unless_asked_for(tmp_path):
    leaking = split_folders(tmp_path / "parts")
    one = next((leaking / "train").rglob("*.wav"))
    shutil.copy(one, leaking / "test" / one.parent.name / "again.wav")
    dataset = open_dataset(leaking)
    with pytest.raises(DataError, match="leaks"):
        choose_split(dataset, None, TrainOptions())
    split = choose_split(dataset, None, TrainOptions(allow_leakage=True))
    assert len(split.leaking_groups) == 1
