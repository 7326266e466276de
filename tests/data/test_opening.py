"""What names a dataset, and what of it is meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from auscult.data import Dataset, Reading, Split, open_dataset
from auscult.errors import DataError


@pytest.fixture
def marked(tmp_path, write_sound) -> Path:
    write_sound(tmp_path / "dawn.wav", samples=32000)
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "dawn.txt").write_text("0.5\t1.5\twren\n2.0\t3.0\towl\n")
    return tmp_path


def ids(dataset: Dataset) -> list[str]:
    return [label.id for label in dataset.labels]


def test_annotations_of_recordings_or_by_themselves(marked):
    by_option = open_dataset(marked, Reading(annotations=marked / "marks"))
    (marked / "dawn.txt").write_text((marked / "marks" / "dawn.txt").read_text())
    by_itself = open_dataset(marked / "dawn.txt")
    assert by_option.digest() == by_itself.digest()
    assert by_option.source_kind == "annotations"
    cut = open_dataset(marked, Reading(annotations=marked / "marks", clip_s=1.0, clip_hop_s=0.5))
    assert len(cut) > len(by_option)


def test_a_table_of_annotations_is_known_by_its_columns(marked):
    (marked / "dawn.csv").write_text("Start (s),End (s),Common name\n0.5,1.5,wren\n2.0,3.0,owl\n")
    assert open_dataset(marked / "dawn.csv").source_kind == "annotations"
    (marked / "clips.csv").write_text("path,label\ndawn.wav,dawn\n")
    assert open_dataset(marked / "clips.csv").source_kind == "csv"


def test_options_of_another_form_of_source_are_refused(sounds, marked):
    with pytest.raises(DataError, match=r"this is no table, so 'label_delimiter' cannot be given"):
        open_dataset(sounds, Reading(label_delimiter=";"))
    with pytest.raises(DataError, match=r"this is no annotations, so 'clip_s' cannot be given"):
        open_dataset(sounds, Reading(clip_s=1.0))
    with pytest.raises(DataError, match=r"this is annotations, so 'root' cannot be given"):
        open_dataset(marked, Reading(annotations=marked / "marks", root=marked))


def test_some_classes(sounds):
    dataset = open_dataset(sounds, Reading(only_labels=("dog",)))
    assert (ids(dataset), len(dataset)) == (["dog"], 3)
    with pytest.raises(DataError, match=r"'labels' to keep must be in the dataset. Got 'cow'; it has cat, dog"):
        open_dataset(sounds, Reading(only_labels=("cow",)))


def test_some_clips(sounds):
    assert open_dataset(sounds, Reading(only_clips=("*/1.wav",))).table["uri"].to_pylist() == ["cat/1.wav", "dog/1.wav"]
    with pytest.raises(DataError, match="None of the 5 clips is chosen"):
        open_dataset(sounds, Reading(only_clips=("*.mp3",)))


def test_some_folds(tmp_path, write_sound):
    for i in range(4):
        write_sound(tmp_path / f"{i}.wav")
    (tmp_path / "t.csv").write_text("path,label,fold\n0.wav,a,1\n1.wav,b,2\n2.wav,a,3\n3.wav,b,1\n")
    dataset = open_dataset(tmp_path / "t.csv", Reading(only_folds=(1, 2)))
    assert dataset.folds() == (1, 2)
    with pytest.raises(DataError, match=r"'folds' to keep must be in the dataset. Got '9'; it has 1, 2, 3"):
        open_dataset(tmp_path / "t.csv", Reading(only_folds=(9,)))


def test_labels_replaced_many_to_one(sounds, write_sound):
    write_sound(sounds / "cow" / "1.wav")
    table = sounds.parent / "map.csv"
    table.write_text("label,to\ncat,pet\ndog,pet\ncow,cattle\nhorse,cattle\n")
    dataset = open_dataset(sounds, Reading(map=table))
    assert ids(dataset) == ["pet", "cattle"]
    assert [clip.labels for clip in dataset.clips()] == [("pet",)] * 2 + [("cattle",)] + [("pet",)] * 3
    assert dataset.groups().tolist() == Dataset.from_folder(sounds).groups().tolist()
    table.write_text("label,to\ncat,pet\n")
    with pytest.raises(DataError, match=r"must name every label of the dataset. It has no 'cow', 'dog'"):
        open_dataset(sounds, Reading(map=table))
    table.write_text("label,to\ncat,pet\ncat,beast\n")
    with pytest.raises(DataError, match=r"line 3: 'cat' is to become 'pet' already"):
        open_dataset(sounds, Reading(map=table))
    empty = sounds.parent / "map.jsonl"
    empty.write_text('{"label": "cat", "to": null}\n{"label": "dog", "to": "b"}\n{"label": "cow", "to": "c"}\n')
    with pytest.raises(DataError, match="Labels must neither be empty"):
        open_dataset(sounds, Reading(map=empty))
    table.write_text("from,to\ncat,pet\n")
    with pytest.raises(DataError, match=r"must have the columns 'label' and 'to'. It has no 'label'"):
        open_dataset(sounds, Reading(map=table))


def test_weights_of_labels_that_become_one(tmp_path, write_sound):
    files = [write_sound(tmp_path / f"{i}.wav") for i in range(2)]
    soft = Dataset.from_files(files, [{"dog": 0.5, "wolf": 0.25, "cat": 0.25}, {"cat": 1.0}])
    mapped = soft.map_labels({"dog": "canine", "wolf": "canine", "cat": "cat"})
    assert mapped.targets().tolist() == [[0.25, 0.75], [1.0, 0.0]]
    # The clip that is only partly a dog's is no example of dogs alone.
    assert len(soft.only(labels=["cat"])) == 1
    several = Dataset.from_files(files, [["dog", "wolf"], ["cat"]])
    assert several.map_labels({"dog": "canine", "wolf": "canine", "cat": "cat"}).targets().tolist() == [[0, 1], [1, 0]]
    assert several.only(labels=["dog"]).targets().tolist() == [[1]]


def test_what_is_kept_in_a_run():
    reading = Reading(map=Path("m.csv"), only_labels=("a", "b"), keep_empty=True)
    assert reading.to_dict() == {"map": "m.csv", "only_labels": ["a", "b"], "keep_empty": True}
    assert Reading().to_dict() == {}


def test_a_table_of_clips_in_pandas_and_out(sounds):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = Dataset.from_folder(sounds).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert Dataset.from_table(frame, root=sounds).digest() == Dataset.from_folder(sounds).digest()


def test_parts_of_a_table_go_by_content(sounds, tmp_path):
    dataset = Dataset.from_folder(sounds)
    Split("by hand", np.array([0, 2]), np.array([1]), np.array([3])).to_csv(dataset, tmp_path / "run" / "split.csv")
    # The same sounds elsewhere, and in memory.
    moved = shutil.copytree(sounds, tmp_path / "moved")
    (moved / "dog" / "1.wav").rename(moved / "dog" / "first.wav")
    again = open_dataset(moved, Reading(parts=tmp_path / "run" / "split.csv"))
    names = {clip.clip_id: clip.split for clip in again.clips()}
    assert [names[clip.clip_id] for clip in dataset.clips()] == ["train", "validation", "train", "test", None]
    with pytest.raises(DataError, match="None of the clips is in the table of parts"):
        open_dataset(dataset.select([4]).map_labels({"cat": "a", "dog": "b"}), Reading(parts=_other_split(tmp_path)))
    (tmp_path / "bad.csv").write_text("path,split\na.wav,test\n")
    with pytest.raises(DataError, match=r"must have the columns clip_id and split\. It has no 'clip_id'"):
        open_dataset(sounds, Reading(parts=tmp_path / "bad.csv"))
    (tmp_path / "bad.csv").write_text("clip_id,split\n0a,test\n0a,train\n")
    with pytest.raises(DataError, match="line 3: the clip 0a is in the part test already"):
        open_dataset(sounds, Reading(parts=tmp_path / "bad.csv"))


def _other_split(folder: Path) -> Path:
    path = folder / "other.csv"
    path.write_text("clip_id,split\n0a,test\n")
    return path
