"""ESC-50's tree: a small one made here, and ESC-10 as it is published."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from auscult.data import Dataset, fold_split, open_dataset, validation_split
from auscult.errors import DataError

HEADER = "filename,fold,target,category,esc10,src_file,take"
ROWS = [
    "1-100-A-5.wav,1,5,cat,False,100,A",
    "1-200-A-0.wav,1,0,dog,True,200,A",
    "2-300-A-5.wav,2,5,cat,False,300,A",
    "2-400-A-0.wav,2,0,dog,True,400,A",
    "2-400-B-0.wav,2,0,dog,True,400,B",
]


def make_tree(root, write_sound, *, rows=ROWS, suffix=".wav", table="esc50.csv"):
    for row in rows:
        write_sound(root / "audio" / row.split(",")[0].replace(".wav", suffix))
    (root / "meta").mkdir()
    (root / "meta" / table).write_text("\n".join([HEADER, *rows]))
    return root


@pytest.mark.parametrize("suffix", [".wav", ".WAV", ".flac"])
@pytest.mark.parametrize("table", ["esc50.csv", "esc10.csv"])
def test_the_tree(tmp_path, write_sound, suffix, table):
    dataset = open_dataset(make_tree(tmp_path, write_sound, suffix=suffix, table=table))
    assert dataset.source_kind == "esc50"
    # In the order of the column target, not of the alphabet.
    assert [label.id for label in dataset.labels] == ["dog", "cat"]
    assert [clip.fold for clip in dataset.clips()] == [1, 1, 2, 2, 2]
    assert dataset.groups().tolist() == ["100", "200", "300", "400", "400"]
    assert [clip.source.suffix for clip in dataset.clips()] == [suffix] * 5


def test_absent_files_are_one_problem(tmp_path, write_sound):
    root = make_tree(tmp_path, write_sound)
    (root / "audio" / "2-300-A-5.wav").unlink()
    (root / "audio" / "2-400-B-0.wav").unlink()
    dataset = Dataset.from_folder(root)
    assert len(dataset) == 3
    (problem,) = dataset.problems
    assert problem.kind == "missing"
    assert "2 of its 5 files are not there: 'audio/2-300-A-5.wav', 'audio/2-400-B-0.wav'" in problem.problem


def test_a_table_of_another_shape(tmp_path, write_sound):
    root = make_tree(tmp_path, write_sound)
    (root / "meta" / "esc50.csv").write_text("filename,category\n1-100-A-5.wav,cat\n")
    with pytest.raises(DataError, match="must have the columns 'target', 'src_file', 'fold'"):
        Dataset.from_folder(root)
    (root / "meta" / "esc50.csv").write_text("\n".join([HEADER, ROWS[0].replace(",1,", ",one,")]))
    with pytest.raises(DataError, match=r"line 2: the column 'fold' must hold whole numbers. Got 'one'"):
        Dataset.from_folder(root)


def test_training_clips_of_a_test_recording_are_left_out(tmp_path, write_sound):
    # As in ESC-50, where takes of four recordings are in two folds each.
    rows = [*ROWS, "2-200-B-0.wav,2,0,dog,True,200,B"]
    dataset = Dataset.from_folder(make_tree(tmp_path, write_sound, rows=rows))
    split = fold_split(dataset, 1)
    assert split.test.tolist() == [0, 1]
    assert split.train.tolist() == [2, 3, 4]
    assert split.leaking_groups == ()
    (note,) = split.notes
    assert "1 training clips are left out" in note
    assert "2-200-B-0.wav" in note
    as_published = fold_split(dataset, 1, allow_leakage=True)
    assert as_published.train.tolist() == [2, 3, 4, 5]
    assert as_published.leaking_groups == ("200",)


def test_the_published_table_of_esc50(tmp_path, write_sound, shared_data):
    text = (shared_data / "esc50" / "meta" / "esc50.csv").read_text()
    _, *rows = text.splitlines()
    dataset = Dataset.from_folder(make_tree(tmp_path, write_sound, rows=rows))
    assert (len(dataset), len(dataset.labels), len(set(dataset.groups()))) == (2000, 50, 1524)
    assert dataset.labels[0].id == "dog"
    assert dataset.labels[49].id == "hand_saw"
    splits = [fold_split(dataset, fold) for fold in dataset.folds()]
    assert [len(split.test) for split in splits] == [400] * 5
    # Recordings 131943 and 134049 are in folds 2 and 3, 209698 and 234879 (three takes) in 4 and 5.
    assert [1600 - len(split.train) for split in splits] == [0, 2, 2, 3, 2]


def test_esc10(shared_data):
    dataset = open_dataset(shared_data / "esc10")
    assert dataset.source_kind == "esc50"
    assert dataset.problems == ()
    assert len(dataset) == 400
    expected = "dog rooster rain sea_waves crackling_fire crying_baby sneezing clock_tick helicopter chainsaw"
    assert [label.id for label in dataset.labels] == expected.split()
    np.testing.assert_array_equal(dataset.targets().sum(axis=0), np.full(10, 40))
    assert dataset.folds() == (1, 2, 3, 4, 5)
    assert Counter(clip.fold for clip in dataset.clips()) == dict.fromkeys(range(1, 6), 80)
    assert len(set(dataset.groups())) == 304
    assert {clip.sample_rate for clip in dataset.clips()} == {44100}


def test_the_folds_of_esc10_do_not_leak(shared_data):
    dataset = open_dataset(shared_data / "esc10")
    groups = dataset.groups()
    tested = []
    for fold in dataset.folds():
        split = fold_split(dataset, fold)
        assert (len(split.train), len(split.test), split.notes) == (320, 80, ())
        assert not set(groups[split.train]) & set(groups[split.test])
        inner = validation_split(dataset, split, fraction=0.15, seed=0)
        assert not set(groups[inner.train]) & set(groups[inner.validation])
        np.testing.assert_array_equal(inner.test, split.test)
        # 32 clips a class: 4.8 wanted of each.
        assert set(dataset.targets()[inner.validation].sum(axis=0)) <= {4, 5, 6}
        tested += split.test.tolist()
    assert sorted(tested) == list(range(400))


def test_a_table_without_names_of_files(tmp_path, write_sound):
    root = make_tree(tmp_path, write_sound)
    table = root / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace("filename", "file", 1))
    with pytest.raises(DataError, match="must have the columns 'filename'"):
        Dataset.from_folder(root)
