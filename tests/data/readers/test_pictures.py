"""Folders, tables and lists of pictures of sounds."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from auscult.data import Dataset, Reading, open_dataset
from auscult.errors import DataError

from ..conftest import WriteSound


def write_picture(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((4, 6), value, np.uint8)
    if path.suffix == ".npy":
        np.save(path, pixels.astype(np.float32))
    else:
        PIL.Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder per class, in several formats."""
    root = tmp_path / "pictures"
    for number, name in enumerate(("cat/1.png", "cat/2.JPG", "dog/1.webp", "dog/2.npy", "dog/3.bmp")):
        write_picture(root / name, 40 * number)
    return root


def uris(dataset: Dataset) -> list[str]:
    return dataset.table["uri"].to_pylist()


def test_class_folders_of_pictures_are_a_dataset_of_pictures(pictures: Path) -> None:
    dataset = Dataset.from_folder(pictures)
    assert uris(dataset) == ["cat/1.png", "cat/2.JPG", "dog/1.webp", "dog/2.npy", "dog/3.bmp"]
    assert (dataset.medium, dataset.source_kind, dataset.problems) == ("picture", "class_folders", ())
    assert [label.id for label in dataset.labels] == ["cat", "dog"]
    assert dataset.table["sample_rate"].null_count == dataset.table["n_frames"].null_count == 5
    assert pickle.loads(pickle.dumps(dataset)).medium == "picture"  # noqa: S301


def test_split_folders_of_pictures_as_other_tools_have_them(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "val", "test")):
        write_picture(tmp_path / part / "cat" / "1.png", number)
        write_picture(tmp_path / part / "dog" / "1.png", 100 + number)
    dataset = Dataset.from_folder(tmp_path)
    assert dataset.source_kind == "split_folders"
    assert sorted(set(dataset.table["split"].to_pylist())) == ["test", "train", "validation"]


def test_a_folder_of_both_is_one_of_sounds_unless_pictures_are_asked_for(
    pictures: Path, write_sound: WriteSound
) -> None:
    for name in ("cat/1.wav", "dog/1.wav"):
        write_sound(pictures / name)
    assert uris(open_dataset(pictures)) == ["cat/1.wav", "dog/1.wav"]
    assert len(open_dataset(pictures, Reading(pictures=True))) == 5
    assert Reading(pictures=True).to_dict() == {"pictures": True}


def test_a_table_may_name_both_and_each_half_can_be_had(pictures: Path, write_sound: WriteSound) -> None:
    write_sound(pictures / "cat" / "1.wav")
    table = pictures / "all.csv"
    table.write_text("path,label\ncat/1.png,cat\ncat/1.wav,cat\ndog/2.npy,dog\n")
    both = Dataset.from_csv(table)
    assert (both.medium, len(both)) == ("sound", 3)
    assert uris(both.of_medium()) == ["cat/1.wav"]
    assert uris(both.of_medium("picture")) == ["cat/1.png", "dog/2.npy"]
    assert uris(open_dataset(table, Reading(pictures=True))) == ["cat/1.png", "dog/2.npy"]
    assert both.of_medium("picture").medium == "picture"


def test_metadata_beside_pictures_and_lists_of_files(pictures: Path) -> None:
    (pictures / "metadata.csv").write_text("file_name,label,fold\ncat/1.png,tom,1\ndog/1.webp,rex,2\n")
    dataset = Dataset.from_folder(pictures)
    assert (dataset.source_kind, dataset.folds(), dataset.medium) == ("audiofolder", (1, 2), "picture")
    assert Dataset.from_files([pictures / "cat/1.png", pictures / "dog/2.npy"], ["a", "b"]).medium == "picture"
    assert Dataset.from_folder(pictures, labelled=False).medium == "picture"


def test_pictures_that_cannot_be_used_are_named(pictures: Path) -> None:
    (pictures / "cat" / "none.png").write_bytes(b"no picture")
    np.save(pictures / "dog" / "wave.npy", np.zeros(80, np.float32))
    dataset = Dataset.from_folder(pictures)
    assert len(dataset) == 5
    said = {Path(problem.source).name: str(problem) for problem in dataset.problems}
    assert "no picture that can be read" in said["none.png"]
    assert "Dataset.from_arrays" in said["wave.npy"]


def test_a_picture_is_taken_whole(pictures: Path) -> None:
    table = pictures / "parts.csv"
    table.write_text("path,label,start_s,end_s\ncat/1.png,cat,,\ndog/1.webp,dog,1,2\n")
    dataset = Dataset.from_csv(table)
    assert len(dataset) == 1
    assert "a picture is taken whole" in str(dataset.problems[0])


def test_where_there_are_none_that_is_said(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "cat" / "1.wav")
    with pytest.raises(DataError, match="no picture was found"):
        open_dataset(tmp_path, Reading(pictures=True))
    with pytest.raises(DataError, match="none of 1 clips is a picture"):
        open_dataset(Dataset.from_folder(tmp_path), Reading(pictures=True))
