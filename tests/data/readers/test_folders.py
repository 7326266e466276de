"""Folders of sounds, as people have them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from auscult.data import Dataset
from auscult.errors import DataError


def labels_by_uri(dataset: Dataset) -> dict[str, str]:
    rows = dataset.table.select(["uri", "labels"]).to_pylist()
    return {row["uri"]: row["labels"][0]["id"] for row in rows}


def test_a_folder_per_class(sounds):
    dataset = Dataset.from_folder(sounds)
    assert dataset.source_kind == "class_folders"
    assert dataset.task == "single_label"
    assert [label.id for label in dataset.labels] == ["cat", "dog"]
    assert labels_by_uri(dataset) == {
        "cat/1.wav": "cat",
        "cat/2.wav": "cat",
        "dog/1.wav": "dog",
        "dog/2.wav": "dog",
        "dog/3.wav": "dog",
    }
    assert dataset.problems == ()
    assert dataset.folds() == ()
    assert {clip.split for clip in dataset.clips()} == {None}


def test_nested_hidden_and_upper_case(tmp_path, write_sound):
    for name in (
        "dog/2024/May/a.WAV",
        "dog/b.wav",
        "cat/c.Wav",
        "cat/.hidden.wav",
        "cat/._c.wav",
        ".trash/x.wav",
    ):
        write_sound(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("not a sound")
    dataset = Dataset.from_folder(tmp_path)
    assert labels_by_uri(dataset) == {"cat/c.Wav": "cat", "dog/2024/May/a.WAV": "dog", "dog/b.wav": "dog"}
    assert dataset.problems == ()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_any_unicode_gives_composed_labels_and_openable_paths(tmp_path, write_sound, form):
    for name in ("Müller's café", "鳥 and 🐦", "plain, with comma"):
        write_sound(tmp_path / unicodedata.normalize(form, name) / unicodedata.normalize(form, "é ñ.wav"))
    dataset = Dataset.from_folder(tmp_path)
    assert [label.id for label in dataset.labels] == ["Müller's café", "plain, with comma", "鳥 and 🐦"]
    assert all(clip.source.is_file() for clip in dataset.clips())


def test_composed_and_decomposed_spellings_are_one_class(tmp_path, write_sound):
    write_sound(tmp_path / unicodedata.normalize("NFC", "é") / "1.wav")
    write_sound(tmp_path / unicodedata.normalize("NFD", "é") / "2.wav")
    write_sound(tmp_path / "dog" / "3.wav")
    assert [label.id for label in Dataset.from_folder(tmp_path).labels] == ["dog", "é"]


def test_a_relative_path_gives_the_same_dataset(sounds, monkeypatch):
    monkeypatch.chdir(sounds.parent)
    relative = Dataset.from_folder("sounds")
    assert relative.root == sounds
    assert relative.digest() == Dataset.from_folder(sounds).digest()


@pytest.mark.parametrize("train", ["train", "training", "Train"])
@pytest.mark.parametrize("validation", ["val", "valid", "validation", "dev"])
@pytest.mark.parametrize("test", ["test", "testing", "eval", "evaluation"])
def test_split_folders_by_any_of_their_names(tmp_path, write_sound, train, validation, test):
    for folder, classes in ((train, "ab"), (validation, "a"), (test, "b")):
        for name in classes:
            write_sound(tmp_path / folder / name / "deep" / "1.wav")
    dataset = Dataset.from_folder(tmp_path)
    assert dataset.source_kind == "split_folders"
    # The classes are those of all parts together, whatever part they are seen in.
    assert [label.id for label in dataset.labels] == ["a", "b"]
    found = {(clip.split, clip.labels) for clip in dataset.clips()}
    assert found == {("train", ("a",)), ("train", ("b",)), ("validation", ("a",)), ("test", ("b",))}


def test_a_class_may_be_called_train(tmp_path, write_sound):
    for name in ("bus", "car", "train"):
        write_sound(tmp_path / name / "1.wav")
    dataset = Dataset.from_folder(tmp_path)
    assert dataset.source_kind == "class_folders"
    assert [label.id for label in dataset.labels] == ["bus", "car", "train"]


def test_split_folders_beside_another_folder_are_refused(tmp_path, write_sound):
    for name in ("train/dog", "train/cat", "test/dog", "extra/dog"):
        write_sound(tmp_path / name / "1.wav")
    with pytest.raises(DataError, match=r"'test', 'train'\) there must be no other folder of audio. Got 'extra'"):
        Dataset.from_folder(tmp_path)


def test_audio_outside_the_class_folders_is_named(sounds, write_sound):
    write_sound(sounds / "loose.wav")
    dataset = Dataset.from_folder(sounds)
    assert len(dataset) == 5
    (problem,) = dataset.problems
    assert problem.source == str(sounds / "loose.wav")
    assert problem.kind == "invalid"
    assert "outside every class folder" in problem.problem


def test_split_folders_without_class_folders(tmp_path, write_sound):
    write_sound(tmp_path / "train" / "1.wav")
    write_sound(tmp_path / "test" / "2.wav")
    with pytest.raises(DataError, match="directly in its split folders"):
        Dataset.from_folder(tmp_path)


def test_a_folder_of_loose_audio(tmp_path, write_sound):
    write_sound(tmp_path / "1.wav")
    with pytest.raises(DataError, match="make a folder per class"):
        Dataset.from_folder(tmp_path)


def test_a_folder_without_audio(tmp_path):
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "notes.txt").write_text("no sound")
    with pytest.raises(DataError, match="no audio was found"):
        Dataset.from_folder(tmp_path)


def test_one_class(tmp_path, write_sound):
    write_sound(tmp_path / "dog" / "1.wav")
    write_sound(tmp_path / "dog" / "2.wav")
    dataset = Dataset.from_folder(tmp_path)
    assert [label.id for label in dataset.labels] == ["dog"]
    assert dataset.targets().tolist() == [[1.0], [1.0]]


def test_a_class_folder_without_a_sound_is_named(sounds):
    (sounds / "maybe").mkdir()
    (sounds / "maybe" / "1.txt").write_text("no sound")
    (sounds / "empty").mkdir()
    dataset = Dataset.from_folder(sounds)
    assert [label.id for label in dataset.labels] == ["cat", "dog"]
    assert [(problem.source, problem.kind) for problem in dataset.problems] == [
        (str(sounds / "empty"), "empty"),
        (str(sounds / "maybe"), "empty"),
    ]
    assert str(dataset.problems[1]).endswith("holds no sound; put recordings of the class there, or remove the folder")


def test_a_class_folder_without_a_sound_in_one_part_is_named(tmp_path, write_sound):
    for name in ("train/dog", "train/cat", "test/dog"):
        write_sound(tmp_path / name / "1.wav")
    (tmp_path / "test" / "cat").mkdir()
    (tmp_path / "notes" / "old").mkdir(parents=True)  # beside the parts, so no class
    dataset = Dataset.from_folder(tmp_path)
    assert [problem.source for problem in dataset.problems] == [str(tmp_path / "test" / "cat")]


def test_folders_that_are_no_classes_are_passed_over(sounds):
    for name in (".git", "__MACOSX", "docs", "lost+found"):
        (sounds / name).mkdir()
    (sounds / "my run").mkdir()
    (sounds / "my run" / "config.yaml").write_text("of a training")
    assert Dataset.from_folder(sounds).problems == ()


def test_a_class_may_be_called_like_a_folder_that_is_none(sounds, write_sound):
    write_sound(sounds / "docs" / "1.wav")
    assert [label.id for label in Dataset.from_folder(sounds).labels] == ["cat", "docs", "dog"]


def refuse_to_list(monkeypatch, *refused: Path) -> None:
    """Root may read everything, so permissions alone would not do."""
    scandir = os.scandir

    def refuse(path):
        if Path(path) in refused:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("auscult.audio.find.os.scandir", refuse)


def test_a_folder_that_cannot_be_read_is_one_problem(sounds, write_sound, monkeypatch):
    write_sound(sounds / "cat" / "old" / "3.wav")
    write_sound(sounds / "owl" / "1.wav")
    refuse_to_list(monkeypatch, sounds / "cat" / "old", sounds / "owl")
    dataset = Dataset.from_folder(sounds)
    assert len(dataset) == 5
    assert [(problem.source, problem.kind) for problem in dataset.problems] == [
        (str(sounds / "cat" / "old"), "no_permission"),
        (str(sounds / "owl"), "no_permission"),
    ]


def test_no_folder_that_can_be_read(sounds, monkeypatch):
    refuse_to_list(monkeypatch, sounds / "cat", sounds / "dog")
    with pytest.raises(DataError, match=r"no audio was found, and 2 folders cannot be read. The first: .*cat: this"):
        Dataset.from_folder(sounds)


def test_classes_that_differ_by_case(tmp_path, write_sound):
    write_sound(tmp_path / "Dog" / "1.wav")
    write_sound(tmp_path / "dog" / "2.wav")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system does not tell upper from lower case")
    with pytest.raises(DataError, match="differ by case only: 'Dog' and 'dog'"):
        Dataset.from_folder(tmp_path)


@pytest.mark.parametrize("name", [" dog", "dog "])
def test_a_class_with_a_space_at_its_border(tmp_path, write_sound, name):
    write_sound(tmp_path / name / "1.wav")
    write_sound(tmp_path / "cat" / "2.wav")
    with pytest.raises(DataError, match=f"begin or end with a space. Got '{name}' instead"):
        Dataset.from_folder(tmp_path)


def test_no_such_folder_and_a_file_in_its_place(tmp_path):
    with pytest.raises(DataError, match="There is no such folder"):
        Dataset.from_folder(tmp_path / "absent")
    file = Path(tmp_path / "file")
    file.write_text("")
    with pytest.raises(DataError, match="This is a file"):
        Dataset.from_folder(file)
