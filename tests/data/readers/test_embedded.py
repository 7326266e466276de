"""Tables that hold their sounds, as Hugging Face's Parquet files do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from auscult.audio import load_waveform
from auscult.data import Dataset, open_dataset
from auscult.data.layouts import write_layout
from auscult.data.versions import Store
from auscult.errors import DataError


@pytest.fixture
def files(tmp_path, write_sound) -> list[Path]:
    return [write_sound(tmp_path / name) for name in ("a/1.wav", "b/1.wav", "b/2.wav")]


def rows_of(files: list[Path]) -> list[dict[str, object]]:
    labels = ("dog", "cat", "cat")
    return [
        {"audio": {"bytes": file.read_bytes(), "path": str(file)}, "label": label, "split": "train"}
        for file, label in zip(files, labels, strict=True)
    ]


def test_sounds_in_parquet_are_those_of_the_files(files, tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows_of(files)), tmp_path / "train.parquet")
    dataset = open_dataset(tmp_path / "train.parquet")
    assert dataset.problems == ()
    assert [(clip.uri, clip.labels, clip.split) for clip in dataset.clips()] == [
        ("1.wav", ("dog",), "train"),
        ("2/1.wav", ("cat",), "train"),
        ("2.wav", ("cat",), "train"),
    ]
    for clip, file in zip(dataset.clips(), files, strict=True):
        assert hashlib.sha256(file.read_bytes()).hexdigest().startswith(clip.clip_id)
        heard = load_waveform(clip.source, sample_rate=8000)
        np.testing.assert_array_equal(heard.samples, load_waveform(file, sample_rate=8000).samples)


def test_arrays_in_records_are_sounds_too():
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 100).astype(np.float32)
    rows = [{"audio": {"array": samples.tolist(), "sampling_rate": 8000, "path": None}, "label": "dog"}]
    (clip,) = Dataset.from_table(rows).clips()
    assert (clip.uri, clip.sample_rate, clip.n_frames) == ("sound-1", 8000, 100)


def test_a_row_without_a_sound_does_not_stop_the_others(files):
    rows = rows_of(files)
    rows[0]["audio"] = {"bytes": None, "path": "gone.wav"}
    rows[1]["audio"] = {"bytes": b"RIFF....", "path": "bad.wav"}
    dataset = Dataset.from_table(rows)
    assert [clip.uri for clip in dataset.clips()] == ["2.wav"]
    assert [(problem.source, problem.kind) for problem in dataset.problems] == [
        ("row 1 of the table", "missing"),
        ("bad.wav", "damaged"),
    ]


def test_a_table_of_two_columns_that_may_be_the_sounds(files):
    rows = [{**row, "file": "x.wav"} for row in rows_of(files)]
    assert len(Dataset.from_table(rows)) == 3
    with pytest.raises(DataError, match="none of the 3 sounds"):
        Dataset.from_table(rows, path_column="file")


def test_they_are_stored_as_they_are(files, tmp_path):
    store = Store(str(tmp_path / "store"))
    store.create("pets", Dataset.from_table(rows_of(files)))
    again = open_dataset(f"{tmp_path / 'store'}/pets")
    assert again.digest() == Dataset.from_table(rows_of(files)).digest()
    assert sorted(clip.uri for clip in again.clips()) == ["1.wav", "2.wav", "2/1.wav"]


def test_they_are_written_as_they_are(files, tmp_path):
    problems = write_layout(Dataset.from_table(rows_of(files)), tmp_path / "out", quiet=True)
    assert list(problems) == []
    written = [(tmp_path / "out" / name).read_bytes() for name in ("1.wav", "2/1.wav", "2.wav")]
    assert written == [file.read_bytes() for file in files]
