"""The table of clips as a record: its gate, its views, its digest."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from auscult.data import Dataset, clip_schema, open_dataset
from auscult.errors import DataError, InputError
from auscult.records import Label


def build(rows, labels, task="single_label", **options) -> Dataset:
    """A dataset from (clip_id, {label: weight}) rows; the files need not exist."""
    table = pa.Table.from_pylist(
        [
            {
                "clip_id": clip_id,
                "uri": f"{i}.wav",
                "labels": None if weights is None else [{"id": k, "weight": v} for k, v in weights.items()],
            }
            for i, (clip_id, weights) in enumerate(rows)
        ],
        schema=clip_schema(),
    )
    return Dataset(table, Path("root"), tuple(map(Label, labels)), task, **options)


def test_targets_of_single_labels():
    dataset = build([("a1", {"dog": 1}), ("b2", {"cat": 1}), ("c3", {"dog": 1})], ["cat", "dog"])
    targets = dataset.targets()
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, [[0, 1], [1, 0], [0, 1]])


def test_the_range_of_a_clip_in_seconds(tmp_path, write_sound):
    write_sound(tmp_path / "0.wav")  # 80 samples at 8000 Hz
    clip = replace(build([("a1", {"dog": 1})], ["dog"]), root=tmp_path).clips()[0]
    assert clip.range_s() == (0.0, None)
    assert replace(clip, start=20, end=60).range_s() == (0.0025, 0.0075)
    assert replace(clip, end=60, sample_rate=16000).range_s() == (0.0, 0.00375)
    with pytest.raises(InputError, match="there is no such file"):
        replace(clip, uri="gone.wav", start=20).range_s()


def test_targets_follow_the_order_of_the_labels():
    dataset = build([("a1", {"dog": 1})], ["dog", "cat"])
    np.testing.assert_array_equal(dataset.targets(), [[1, 0]])


def test_soft_targets():
    dataset = build([("a1", {"dog": 0.25, "cat": 0.75}), ("b2", {"cat": 1.0, "dog": 0.0})], ["cat", "dog"])
    np.testing.assert_array_equal(dataset.targets(), [[0.75, 0.25], [1, 0]])
    assert [clip.labels for clip in dataset.clips()] == [("dog", "cat"), ("cat",)]


def test_targets_of_several_labels():
    rows = [("a1", {"dog": 1, "cat": 1}), ("b2", {}), ("c3", {"cat": 0.5})]
    dataset = build(rows, ["cat", "dog"], "multi_label")
    np.testing.assert_array_equal(dataset.targets(), [[1, 1], [0, 0], [0.5, 0]])


def test_a_clip_without_labels_has_no_targets():
    dataset = build([("a1", {"dog": 1}), ("b2", None)], ["dog"])
    assert [clip.labels for clip in dataset.clips()] == [("dog",), None]
    with pytest.raises(DataError, match=r"1\.wav: this clip has no label"):
        dataset.targets()


@pytest.mark.parametrize(
    ("weights", "task", "message"),
    [
        ({"bird": 1}, "single_label", r"0\.wav: this clip has the label 'bird', which is not among"),
        ({"dog": 1, "cat": 1}, "single_label", "do not sum to 1"),
        ({}, "single_label", "do not sum to 1"),
        ({"dog": 1.5}, "multi_label", r"outside \[0, 1\]"),
        ({"dog": float("nan")}, "multi_label", r"outside \[0, 1\]"),
    ],
)
def test_labels_that_break_the_rules(weights, task, message):
    with pytest.raises(DataError, match=message):
        build([("a1", weights)], ["cat", "dog"], task)


def test_other_faults_of_a_dataset():
    with pytest.raises(DataError, match="must not name a class twice"):
        build([], ["dog", "dog"])
    with pytest.raises(DataError, match=r"must be 'single_label' or 'multi_label'. Got 'both'"):
        build([], ["dog"], "both")
    with pytest.raises(DataError, match="must have the column 'fold'"):
        Dataset(clip_schema().empty_table().drop_columns(["fold"]), Path("x"), (), "single_label")
    floats = clip_schema().empty_table().set_column(6, "fold", pa.array([], pa.float64()))
    with pytest.raises(DataError, match=r"The column 'fold' of a table of clips must be int32. Got double"):
        Dataset(floats, Path("x"), (), "single_label")


def test_more_columns_are_kept():
    dataset = build([("a1", {"dog": 1}), ("b2", {"dog": 1})], ["dog"])
    more = Dataset(
        dataset.table.append_column("place", pa.array(["x", "y"])),
        dataset.root,
        dataset.labels,
        "single_label",
    )
    assert more.select([1]).table["place"].to_pylist() == ["y"]
    assert more.digest() == dataset.digest()


def test_select_by_mask_and_by_row(sounds):
    dataset = Dataset.from_folder(sounds)
    uris = dataset.table["uri"].to_pylist()
    chosen = dataset.select(np.array([True, False, False, True, False]))
    assert chosen.table["uri"].to_pylist() == [uris[0], uris[3]]
    assert dataset.select([3, 0]).table["uri"].to_pylist() == [uris[3], uris[0]]
    assert chosen.labels == dataset.labels
    assert len(dataset.select([])) == 0
    assert len(dataset) == 5


def test_select_refuses_what_is_not_there(sounds):
    dataset = Dataset.from_folder(sounds)
    with pytest.raises(ValueError, match="one value a clip, 5"):
        dataset.select(np.array([True]))
    with pytest.raises(ValueError, match=r"must lie in \[0, 5\). Got -1 to 2"):
        dataset.select([2, -1])


def test_a_dataset_cannot_be_changed(sounds):
    dataset = Dataset.from_folder(sounds)
    with pytest.raises(AttributeError, match="cannot assign"):
        dataset.root = Path()  # type: ignore[misc]


def test_the_digest_is_of_content_and_labels(sounds, tmp_path, write_sound):
    digest = Dataset.from_folder(sounds).digest()
    moved = tmp_path / "elsewhere"
    shutil.copytree(sounds, moved)
    assert Dataset.from_folder(moved).digest() == digest
    (moved / "dog" / "1.wav").rename(moved / "dog" / "zzz.wav")
    assert Dataset.from_folder(moved).digest() == digest
    (moved / "dog" / "zzz.wav").rename(moved / "cat" / "zzz.wav")
    assert Dataset.from_folder(moved).digest() != digest
    (moved / "cat" / "zzz.wav").unlink()
    assert Dataset.from_folder(moved).digest() != digest


def test_the_digest_sees_each_column_it_should():
    plain = build([("a1", {"dog": 1}), ("b2", {"cat": 1})], ["cat", "dog"])
    seen = {plain.digest()}
    for position, name, values in (
        (5, "split", pa.array(["train", None])),
        (6, "fold", pa.array([1, None], pa.int32())),
        (7, "group", pa.array(["x", None])),
    ):
        table = plain.table.set_column(position, name, values)
        seen.add(Dataset(table, plain.root, plain.labels, "single_label").digest())
    seen.add(build([("a1", {"dog": 1}), ("b2", {"cat": 1})], ["dog", "cat"]).digest())
    assert len(seen) == 5
    assert plain.select([1, 0]).digest() == plain.digest()


def test_open_dataset(sounds, tmp_path):
    dataset = open_dataset(sounds)
    assert open_dataset(dataset) is dataset
    assert open_dataset(str(sounds)).digest() == dataset.digest()
    table = tmp_path / "t.CSV"
    table.write_text("path,label\nsounds/dog/1.wav,dog\nsounds/cat/1.wav,cat\n")
    assert open_dataset(table).source_kind == "csv"
    with pytest.raises(DataError, match=r"absent: .* There is no such file or folder"):
        open_dataset(tmp_path / "absent")
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"x.bin: .* This is neither"):
        open_dataset(tmp_path / "x.bin")


def test_clips_of_a_folder(sounds):
    clip = Dataset.from_folder(sounds).clips()[0]
    assert clip.source == sounds / "cat" / "1.wav"
    assert (clip.start, clip.end, clip.fold, clip.group, clip.sample_rate, clip.n_frames) == (
        None,
        None,
        None,
        None,
        8000,
        80,
    )
    assert len(clip.clip_id) == 32
    assert clip.content_hash == clip.clip_id
