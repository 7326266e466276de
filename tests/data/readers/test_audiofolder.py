"""Folders with metadata, as Hugging Face's audiofolder has them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from auscult.data import Dataset
from auscult.errors import DataError


@pytest.fixture
def folder(tmp_path, write_sound) -> Path:
    for name in ("train/a.wav", "train/b.wav", "dev/c.wav", "eval/d.wav"):
        write_sound(tmp_path / name)
    return tmp_path


ROWS = [
    {"file_name": "train/a.wav", "label": "dog", "place": "Oslo"},
    {"file_name": "train/b.wav", "label": "cat", "place": "Rome"},
    {"file_name": "dev/c.wav", "label": "cat", "place": "Rome"},
    {"file_name": "eval/d.wav", "label": "dog", "place": "Oslo"},
]


def write_metadata(path: Path, rows: list[dict[str, object]]) -> None:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_one_table_for_all(folder, suffix):
    write_metadata(folder / f"metadata{suffix}", ROWS)
    dataset = Dataset.from_folder(folder)
    assert (dataset.source_kind, dataset.problems) == ("audiofolder", ())
    assert [(clip.uri, clip.labels, clip.split) for clip in dataset.clips()] == [
        ("train/a.wav", ("dog",), "train"),
        ("train/b.wav", ("cat",), "train"),
        ("dev/c.wav", ("cat",), "validation"),
        ("eval/d.wav", ("dog",), "test"),
    ]
    assert dataset.table["place"].to_pylist() == ["Oslo", "Rome", "Rome", "Oslo"]


def test_a_table_for_each_part(folder):
    for part in ("train", "dev", "eval"):
        rows = [
            {**row, "file_name": row["file_name"].split("/")[1]} for row in ROWS if row["file_name"].startswith(part)
        ]
        write_metadata(folder / part / "metadata.jsonl", rows)
    dataset = Dataset.from_folder(folder)
    write_metadata(folder / "metadata.csv", ROWS)
    assert dataset.digest() == Dataset.from_folder(folder).digest()
    assert [clip.split for clip in dataset.clips()] == ["validation", "test", "train", "train"]


def test_classes_from_folders_where_the_table_has_none(tmp_path, write_sound):
    for name in ("train/dog/a.wav", "train/cat/b.wav"):
        write_sound(tmp_path / name)
    rows = [{"file_name": "train/dog/a.wav", "place": "Oslo"}, {"file_name": "train/cat/b.wav", "place": "Rome"}]
    write_metadata(tmp_path / "metadata.csv", rows)
    dataset = Dataset.from_folder(tmp_path)
    assert [(clip.labels, clip.split) for clip in dataset.clips()] == [(("dog",), "train"), (("cat",), "train")]


def test_without_classes_nobody_has_said_what_is_heard(folder):
    write_metadata(folder / "metadata.csv", [{"file_name": row["file_name"], "place": row["place"]} for row in ROWS])
    assert [clip.labels for clip in Dataset.from_folder(folder).clips()] == [None] * 4


def test_a_table_that_is_no_metadata_is_not_read(sounds):
    (sounds / "metadata.csv").write_text("name,value\nx,1\n")
    assert Dataset.from_folder(sounds).source_kind == "class_folders"


def test_two_tables(folder):
    write_metadata(folder / "metadata.csv", ROWS)
    write_metadata(folder / "metadata.jsonl", ROWS)
    with pytest.raises(DataError, match="one table of metadata is needed"):
        Dataset.from_folder(folder)


def test_every_sound_below_without_labels(sounds):
    dataset = Dataset.from_folder(sounds, labelled=False)
    assert len(dataset) == 5
    assert {clip.labels for clip in dataset.clips()} == {None}


def test_a_sound_outside_the_folder(tmp_path, write_sound):
    elsewhere = write_sound(tmp_path / "elsewhere" / "b.wav")
    write_sound(tmp_path / "sounds" / "a.wav")
    (tmp_path / "sounds" / "metadata.csv").write_text("file_name,label\na.wav,dog\n../elsewhere/b.wav,cat\n")
    dataset = Dataset.from_folder(tmp_path / "sounds")
    assert [clip.source for clip in dataset.clips()] == [tmp_path / "sounds" / "a.wav", elsewhere]


def test_a_part_without_metadata_is_named(tmp_path, write_sound):
    for part in ("test", "train"):
        for name in ("dog", "cat"):
            write_sound(tmp_path / part / name / "a.wav")
    (tmp_path / "train" / "metadata.csv").write_text("file_name,label\ndog/a.wav,dog\ncat/a.wav,cat\n")
    (problem,) = Dataset.from_folder(tmp_path).problems
    assert str(problem) == f"{tmp_path / 'test'}: it has no metadata, and another part has; add metadata to it"
