"""Datasets written for other tools."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.audio import decode
from auscult.data import Dataset, clip_schema, open_dataset
from auscult.data.layouts import check_inside, write_layout
from auscult.data.splits import Split
from auscult.errors import DataError, OutputError
from auscult.records import Label
from tests.data.conftest import WriteSound


def files(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def split(*, train: list[int], validation: list[int], test: list[int]) -> Split:
    return Split("by hand", *(np.array(part, np.int64) for part in (train, validation, test)))


PARTS = split(train=[0, 2], validation=[3], test=[1])  # the fifth clip is in none


def test_files_keep_their_names_and_the_table_says_the_rest(sounds: Path, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    assert write_layout(dataset, tmp_path / "out", quiet=True) == ()
    assert files(tmp_path / "out") == ["cat/1.wav", "cat/2.wav", "dog/1.wav", "dog/2.wav", "dog/3.wav", "metadata.csv"]
    assert rows(tmp_path / "out" / "metadata.csv")[0] == {"file_name": "cat/1.wav", "label": "cat"}
    assert Dataset.from_csv(tmp_path / "out" / "metadata.csv").digest() == dataset.digest()


def test_everything_that_is_known_of_clips_comes_back(sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(
        "path,start_s,end_s,label,split,fold,group,note,task\n"
        'sounds/cat/1.wav,,,"cat, old",train,1,g,"a ""b""",multi_label\n'
        'sounds/cat/1.wav,,,tom,train,1,g,"a ""b""",multi_label\n'
        "sounds/dog/1.wav,0.002,0.005,dog,test,2,,x,multi_label\n"
        "sounds/dog/1.wav,0.005,,,test,2,,x,multi_label\n"
    )
    dataset = Dataset.from_csv(table)
    write_layout(dataset, tmp_path / "out", quiet=True)
    back = Dataset.from_csv(tmp_path / "out" / "metadata.csv")
    assert back.digest() == dataset.digest()
    assert back.table["note"].to_pylist() == ['a "b"', "x", "x"]
    assert len(files(tmp_path / "out")) == 3


@pytest.mark.parametrize("values", ["train,", "test,", ",1", "train,1"])
def test_clips_without_a_part_or_a_fold_come_back(values: str, sounds: Path, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    split, fold = values.split(",")
    splits, folds = [split or None, *[None] * 4], [int(fold) if fold else None, *[None] * 4]
    table = dataset.table
    for name, column in (("split", splits), ("fold", folds)):
        table = table.set_column(
            table.schema.get_field_index(name), name, pa.array(column, table.schema.field(name).type)
        )
    dataset = Dataset(table, dataset.root, dataset.labels, dataset.task)
    write_layout(dataset, tmp_path / "out", quiet=True)
    back = open_dataset(tmp_path / "out")
    assert (back.digest(), back.problems) == (dataset.digest(), ())


def test_class_folders_of_a_split(sounds: Path, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    write_layout(dataset, tmp_path / "out", layout="folders", split=PARTS, quiet=True)
    assert files(tmp_path / "out") == ["test/cat/2.wav", "train/cat/1.wav", "train/dog/1.wav", "val/dog/2.wav"]
    back = open_dataset(tmp_path / "out")
    assert sorted(zip(back.table["split"].to_pylist(), (clip.labels for clip in back.clips()), strict=True)) == [
        ("test", ("cat",)),
        ("train", ("cat",)),
        ("train", ("dog",)),
        ("validation", ("dog",)),
    ]


def test_names_that_meet_in_one_folder_are_told_apart(tmp_path: Path, write_sound: WriteSound) -> None:
    for name in ("a/dog/1.wav", "b/dog/1.wav", "c/dog/1.WAV"):
        write_sound(tmp_path / name)
    table = tmp_path / "clips.csv"
    table.write_text("path,label\na/dog/1.wav,dog\nb/dog/1.wav,dog\nc/dog/1.WAV,dog\n")
    all_of_them = split(train=[0, 1, 2], validation=[], test=[])
    write_layout(Dataset.from_csv(table), tmp_path / "out", layout="folders", split=all_of_them, quiet=True)
    assert files(tmp_path / "out") == ["train/dog/1-2.wav", "train/dog/1-3.WAV", "train/dog/1.wav"]


def test_audiofolder_has_a_table_a_part(sounds: Path, tmp_path: Path) -> None:
    write_layout(open_dataset(sounds), tmp_path / "out", layout="audiofolder", split=PARTS, quiet=True)
    assert files(tmp_path / "out") == [
        "test/2.wav",
        "test/metadata.csv",
        "train/1-2.wav",
        "train/1.wav",
        "train/metadata.csv",
        "validation/2.wav",
        "validation/metadata.csv",
    ]
    assert rows(tmp_path / "out" / "train" / "metadata.csv") == [
        {"file_name": "1.wav", "label": "cat"},
        {"file_name": "1-2.wav", "label": "dog"},
    ]


def test_esc50_s_tree_is_read_as_such(sounds: Path, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    with pytest.raises(DataError, match=r"cat/1\.wav: ESC-50's layout needs a fold"):
        write_layout(dataset, tmp_path / "out", layout="esc50", quiet=True)
    table = dataset.table.set_column(6, clip_schema().field("fold"), pa.array([1, 2, 1, 2, 2], pa.int32()))
    table = table.set_column(7, clip_schema().field("group"), pa.array(["x", "y", "x", "y", "y"]))
    write_layout(Dataset(table, sounds, dataset.labels, dataset.task), tmp_path / "out", layout="esc50", quiet=True)
    assert files(tmp_path / "out") == [
        "audio/1-1-A-0.wav",
        "audio/1-1-A-1.wav",
        "audio/2-2-A-0.wav",
        "audio/2-2-A-1.wav",
        "audio/2-2-B-1.wav",
        "meta/esc50.csv",
    ]
    back = open_dataset(tmp_path / "out")
    assert (back.source_kind, back.folds(), len(set(back.groups()))) == ("esc50", (1, 2), 2)
    assert [label.id for label in back.labels] == ["cat", "dog"]


def test_parts_of_files_are_cut_out(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "s" / "long.wav", 1, samples=800)
    table = tmp_path / "s" / "clips.csv"
    table.write_text("path,start_s,end_s,label\nlong.wav,0.01,0.03,dog\nlong.wav,0.05,,cat\n")
    parts = split(train=[0], validation=[], test=[1])
    dataset = Dataset.from_csv(table)
    write_layout(dataset, tmp_path / "out", layout="folders", split=parts, quiet=True)
    assert files(tmp_path / "out") == ["test/cat/long-400.wav", "train/dog/long-80-240.wav"]
    whole = decode(tmp_path / "s" / "long.wav").samples
    np.testing.assert_array_equal(decode(tmp_path / "out/train/dog/long-80-240.wav").samples, whole[:, 80:240])
    np.testing.assert_array_equal(decode(tmp_path / "out/test/cat/long-400.wav").samples, whole[:, 400:])


def test_sounds_in_memory_become_files(tmp_path: Path) -> None:
    arrays = [np.linspace(-1, 1, 50, dtype=np.float32), np.zeros(60, np.float32)]
    dataset = Dataset.from_arrays(arrays, ["up", "flat"], sample_rate=8000)
    write_layout(dataset, tmp_path / "out", quiet=True)
    assert files(tmp_path / "out") == ["array-1.wav", "array-2.wav", "metadata.csv"]
    assert [clip.n_frames for clip in Dataset.from_csv(tmp_path / "out" / "metadata.csv").clips()] == [50, 60]


def test_links_are_the_same_file(sounds: Path, tmp_path: Path) -> None:
    write_layout(open_dataset(sounds), tmp_path / "out", link=True, quiet=True)
    assert os.path.samefile(sounds / "cat" / "1.wav", tmp_path / "out" / "cat" / "1.wav")
    write_layout(open_dataset(sounds), tmp_path / "copy", quiet=True)
    assert not os.path.samefile(sounds / "cat" / "1.wav", tmp_path / "copy" / "cat" / "1.wav")


def test_a_folder_that_holds_something_is_left_alone(sounds: Path, tmp_path: Path) -> None:
    dataset, out = open_dataset(sounds), tmp_path / "out"
    out.mkdir()
    write_layout(dataset, out, quiet=True)
    with pytest.raises(OutputError, match="must be new or empty; give another, or --replace"):
        write_layout(dataset, out, quiet=True)
    write_layout(dataset.select([0]), out, replace=True, quiet=True)
    assert files(out) == ["cat/1.wav", "metadata.csv"]
    with pytest.raises(OutputError, match="was not written by"):
        write_layout(dataset, sounds, replace=True, quiet=True)
    assert len(files(sounds)) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "sounds"]


def test_a_sound_that_is_not_what_it_was_is_named_and_left_out(
    sounds: Path, tmp_path: Path, write_sound: WriteSound
) -> None:
    dataset = open_dataset(sounds)
    write_sound(sounds / "cat" / "1.wav")
    (sounds / "dog" / "1.wav").unlink()
    problems = write_layout(dataset, tmp_path / "out", quiet=True)
    assert sorted((Path(problem.source).parts[-2:], problem.kind) for problem in problems) == [
        (("cat", "1.wav"), "damaged"),
        (("dog", "1.wav"), "missing"),
    ]
    assert files(tmp_path / "out") == ["cat/2.wav", "dog/2.wav", "dog/3.wav", "metadata.csv"]


def dataset_of(uris: list[str], labels: tuple[str, ...] = ("x",)) -> Dataset:
    records: list[dict[str, Any]] = [
        {"clip_id": "0a", "uri": uri, "labels": [{"id": label, "weight": 1.0}]}
        for uri, label in zip(uris, labels * len(uris), strict=False)
    ]
    table = pa.Table.from_pylist(records, schema=clip_schema())
    return Dataset(table, Path("nowhere"), tuple(map(Label, dict.fromkeys(labels))), "single_label")


@pytest.mark.parametrize("uri", ["../a.wav", "/etc/a.wav", "a/../../b.wav", "a//b.wav", "./a.wav", "a/", "", "a\0.wav"])
def test_no_path_leaves_the_folder(uri: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must lie in its folder"):
        write_layout(dataset_of([uri]), tmp_path / "out", quiet=True)
    assert list(tmp_path.iterdir()) == []


@given(path=st.text(st.sampled_from("ab./\\:\0"), max_size=12))
def test_what_is_accepted_lies_inside(path: str) -> None:
    try:
        check_inside(path, windows=False)
    except DataError:
        return
    assert os.path.normpath(os.path.join("/top", path)) == f"/top/{path}"


@pytest.mark.parametrize(
    "path", ["con.wav", "a/NUL", "a:b.wav", r"a\b.wav", "a./b.wav", "a /b.wav", "com1.tar.wav", "a?.wav"]
)
def test_names_that_windows_has_for_itself_are_refused_there(path: str) -> None:
    with pytest.raises(DataError, match="under a name that a file can have here"):
        check_inside(path, windows=True)
    check_inside(path, windows=False)


def test_labels_become_names_that_a_folder_can_have(sounds: Path, tmp_path: Path) -> None:
    dataset = open_dataset(sounds)
    mapped = dataset.map_labels({"cat": "a/b: c?", "dog": "car, horn"})
    write_layout(mapped, tmp_path / "out", layout="folders", split=PARTS, quiet=True)
    assert {path.name for path in (tmp_path / "out" / "train").iterdir()} == {"a_b_ c_", "car, horn"}
    with pytest.raises(DataError, match="Some labels would share a folder"):
        write_layout(
            dataset.map_labels({"cat": "a/b", "dog": "a_b"}), tmp_path / "x", layout="folders", split=PARTS, quiet=True
        )


def test_one_label_is_needed_for_a_class_folder(sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("path,label,task\nsounds/cat/1.wav,cat,multi_label\nsounds/cat/1.wav,tom,multi_label\n")
    parts = split(train=[0], validation=[], test=[])
    with pytest.raises(DataError, match=r"cat/1\.wav: this layout needs one label a clip. Got 'cat', 'tom'"):
        write_layout(Dataset.from_csv(table), tmp_path / "out", layout="folders", split=parts, quiet=True)
