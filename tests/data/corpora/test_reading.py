"""Labels, official folds and parts, and groups of every known corpus, from its layout in small."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from auscult.data import Dataset, fold_split, given_split, holdout
from auscult.errors import DataError
from tests.corpus_trees import SMALL


def dataset_of(name: str, tmp_path: Path) -> Dataset:
    return Dataset.from_corpus(name, SMALL[name]().write_tree(tmp_path / name))


def by_stem(dataset: Dataset, column: str) -> dict[str, object]:
    uris = dataset.table["uri"].to_pylist()
    return dict(zip([Path(uri).stem for uri in uris], dataset.table[column].to_pylist(), strict=True))


def parts(dataset: Dataset, split) -> dict[str, set[str]]:
    uris = [Path(uri).stem for uri in dataset.table["uri"].to_pylist()]
    return {part: {uris[i] for i in getattr(split, part)} for part in ("train", "validation", "test")}


def test_esc10_is_a_part_of_the_tree_of_esc50(tmp_path: Path) -> None:
    fifty, ten = dataset_of("esc50", tmp_path), dataset_of("esc10", tmp_path)
    assert [label.id for label in fifty.labels] == ["dog", "rooster", "cat"]
    assert [label.id for label in ten.labels] == ["dog", "rooster"]
    assert (len(fifty), len(ten)) == (7, 5)
    assert by_stem(ten, "group") == {
        "1-10-A-0": "10",
        "1-10-B-0": "10",
        "2-20-A-0": "20",
        "1-50-A-1": "50",
        "2-60-A-1": "60",
    }
    assert parts(ten, fold_split(ten, 2))["test"] == {"2-20-A-0", "2-60-A-1"}


def test_esc10_as_published(shared_data: Path) -> None:
    assert (
        Dataset.from_corpus("esc10", shared_data / "esc10").digest()
        == Dataset.from_folder(shared_data / "esc10").digest()
    )


def test_urbansound8k(tmp_path: Path) -> None:
    dataset = dataset_of("urbansound8k", tmp_path)
    assert [label.id for label in dataset.labels] == ["air_conditioner", "dog_bark"]
    assert by_stem(dataset, "group")["7-0-0-1"] == "7"
    assert dataset.folds() == (1, 2)


def test_urbansound8k_as_published(shared_data: Path) -> None:
    dataset = Dataset.from_corpus("urbansound8k", shared_data / "urbansound8k")
    assert (len(dataset), len(dataset.labels), dataset.folds()) == (2148, 10, (1, 2, 3))


def test_fsdd(tmp_path: Path) -> None:
    dataset = dataset_of("fsdd", tmp_path)
    assert [label.id for label in dataset.labels] == ["0", "7"]
    assert set(dataset.groups()) == {"theo", "lucas"}
    assert by_stem(dataset, "take")["7_theo_49"] == 49
    split = given_split(dataset)
    assert Counter(name.rpartition("_")[2] for name in parts(dataset, split)["test"]) == {"0": 4, "4": 4}
    assert Counter(name.rpartition("_")[2] for name in parts(dataset, split)["train"]) == {"5": 4, "49": 4}
    # The same speakers are on both sides, and that is told.
    assert split.leaking_groups == ("lucas", "theo")
    assert "2 groups (recordings) have clips in more than one part" in split.notes[0]
    # Any other split is by speaker.
    by_speaker = holdout(dataset, fraction=0.5, seed=0)
    groups = dataset.groups()
    assert not set(groups[by_speaker.train]) & set(groups[by_speaker.test])


def test_speech_commands(tmp_path: Path) -> None:
    dataset = dataset_of("speech_commands", tmp_path)
    assert [label.id for label in dataset.labels] == ["bed", "yes"]
    assert len(dataset) == 12
    found = parts(dataset, given_split(dataset))
    assert {part: {name[:2] for name in names} for part, names in found.items()} == {
        "train": {"0a"},
        "validation": {"0c"},
        "test": {"0b"},
    }
    assert set(dataset.groups()) == {"0a", "0b", "0c"}


def test_speech_commands_with_absent_files(tmp_path: Path) -> None:
    root = SMALL["speech_commands"]().write_tree(tmp_path / "tree")
    (root / "bed" / "0b_nohash_1.wav").unlink()
    (problem,) = Dataset.from_folder(root).problems
    assert "1 of its 12 files are not there: 'bed/0b_nohash_1.wav'" in problem.problem


def test_clips_that_equal_a_tested_one_are_left_out(tmp_path: Path) -> None:
    root = SMALL["speech_commands"]().write_tree(tmp_path / "tree")
    tested = (root / "bed" / "0b_nohash_0.wav").read_bytes()
    (root / "bed" / "0a_nohash_0.wav").write_bytes(tested)
    (root / "bed" / "0c_nohash_0.wav").write_bytes(tested)
    (root / "bed" / "0d_nohash_0.wav").write_bytes(tested[:-2] + b"\1\1")
    (root / "yes" / "0d_nohash_0.wav").write_bytes(tested[:-2] + b"\2\2")
    dataset = Dataset.from_folder(root)
    split = given_split(dataset)
    assert "4 training clips are left out, as clips of the same recordings are tested" in split.notes[0]
    assert parts(dataset, split)["train"] == {"0d_nohash_0"}
    assert parts(dataset, split)["validation"] == set()
    groups = dataset.groups()
    assert not set(groups[split.train]) & set(groups[split.test])
    assert given_split(dataset, allow_leakage=True).leaking_groups == ("0a",)


def test_what_training_and_validation_share_is_noted(tmp_path: Path) -> None:
    root = SMALL["speech_commands"]().write_tree(tmp_path / "tree")
    (root / "bed" / "0c_nohash_0.wav").write_bytes((root / "bed" / "0a_nohash_0.wav").read_bytes())
    dataset = Dataset.from_folder(root)
    split = given_split(dataset)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [4, 4, 4]
    assert split.leaking_groups == ()
    assert "1 groups (recordings) have clips in the train and in the validation part" in split.notes[0]


def test_yesno(tmp_path: Path) -> None:
    dataset = dataset_of("yesno", tmp_path)
    assert [label.id for label in dataset.labels] == ["no", "yes"]
    assert by_stem(dataset, "words")["0_0_0_0_1_1_1_1"] == "no no no no yes yes yes yes"
    rows = dict(zip(dataset.table["uri"].to_pylist(), dataset.targets().tolist(), strict=True))
    assert rows == {
        "waves_yesno/0_0_0_0_0_0_0_0.wav": [1, 0],
        "waves_yesno/0_0_0_0_1_1_1_1.wav": [1, 1],
        "waves_yesno/1_1_1_1_1_1_1_1.wav": [0, 1],
    }
    # The folder with the sounds is the same tree.
    assert len(Dataset.from_corpus("yesno", tmp_path / "yesno" / "waves_yesno")) == 3


def test_fsd50k(tmp_path: Path) -> None:
    dataset = dataset_of("fsd50k", tmp_path)
    assert [label.id for label in dataset.labels] == ["Bark", "Dog", "Rain"]
    np.testing.assert_array_equal(dataset.targets(), [[1, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]])
    assert by_stem(dataset, "split") == {
        "100": "train",
        "101": "train",
        "102": "validation",
        "103": "train",
        "200": "test",
        "201": "test",
    }
    assert by_stem(dataset, "licence")["100"] == "http://cc0"
    split = given_split(dataset)
    # Of eve there is a clip to learn from and one to test on.
    assert parts(dataset, split) == {"train": {"100", "101"}, "validation": {"102"}, "test": {"200", "201"}}
    assert "1 training clips are left out" in split.notes[0]


def test_fsd50k_without_its_metadata_and_without_a_part(tmp_path: Path) -> None:
    root = SMALL["fsd50k"]().write_tree(tmp_path / "tree")
    for path in (root / "FSD50K.metadata").iterdir():
        path.unlink()
    (root / "FSD50K.eval_audio" / "200.wav").unlink()
    dataset = Dataset.from_folder(root)
    assert set(dataset.table["group"].to_pylist()) == {None}
    (problem,) = dataset.problems
    assert "1 of its 2 files are not there: 'FSD50K.eval_audio/200.wav'" in problem.problem
    (root / "FSD50K.ground_truth" / "dev.csv").write_text("fname,labels\n100,Dog\n")
    with pytest.raises(DataError, match=r"must have the columns \['split'\]"):
        Dataset.from_folder(root)
    (root / "FSD50K.ground_truth" / "dev.csv").write_text("fname,labels,split\n100,Dog,other\n")
    with pytest.raises(DataError, match=r"line 2: a split must be train or val. Got 'other'"):
        Dataset.from_folder(root)


def test_fma_small(tmp_path: Path) -> None:
    dataset = dataset_of("fma_small", tmp_path)
    assert [label.id for label in dataset.labels] == ["Hip-Hop", "Rock"]
    assert by_stem(dataset, "split") == {
        "000002": "train",
        "000005": "train",
        "000010": "test",
        "000140": "validation",
        "001000": "train",
        "001001": "test",
    }
    assert by_stem(dataset, "group")["000002"] == by_stem(dataset, "group")["000005"] == "1"
    assert by_stem(dataset, "licence")["000002"] == "CC BY-NC-SA 3.0"
    assert len(given_split(dataset).train) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its header has three lines"),
        (",set,set\n,split,subset\ntrack_id,,\n2,training,small\n", "it has no column artist id, track genre_top"),
        (
            ",artist,set,set,track,track\n,id,split,subset,genre_top,license\ntrack_id,,,,,\n1,2\n",
            "Expected 6 columns, got 2",
        ),
    ],
)
def test_a_table_that_is_not_of_fma(tmp_path: Path, text: str, said: str) -> None:
    root = SMALL["fma_small"]().write_tree(tmp_path / "tree")
    (root / "fma_metadata" / "tracks.csv").write_text(text)
    with pytest.raises(DataError, match=rf"cannot be read as FMA's table of tracks \(.*{said}"):
        Dataset.from_folder(root)
