"""Equal content: of one label it is kept, of two it is left out."""

from __future__ import annotations

import pytest

from auscult.data import Dataset
from auscult.data.assemble import check_labels
from auscult.errors import DataError


def test_equal_content_of_one_label_is_kept_as_one_group(sounds, write_sound):
    write_sound(sounds / "dog" / "again.wav", content=1)
    write_sound(sounds / "dog" / "and-again.wav", content=1)
    dataset = Dataset.from_folder(sounds)
    clips = {clip.source.name: clip.clip_id for clip in dataset.clips() if "again" in clip.source.name}
    assert clips["again.wav"] == clips["and-again.wav"]
    assert len(dataset) == 7
    assert len(set(dataset.groups())) == 6
    assert dataset.problems == ()


def test_equal_content_of_two_labels_is_left_out_and_named(sounds, write_sound):
    first = write_sound(sounds / "cat" / "same.wav", content=1)
    second = write_sound(sounds / "dog" / "same.wav", content=1)
    dataset = Dataset.from_folder(sounds)
    assert len(dataset) == 5
    assert [problem.source for problem in dataset.problems] == [str(first), str(second)]
    assert dataset.problems[0].problem == (f"it is labelled 'cat', and {second}, which holds the same bytes, 'dog'")
    assert dataset.problems[1].problem == f"it is labelled 'dog', and {first}, which holds the same bytes, 'cat'"


def test_equal_content_of_two_labels_is_fine_where_labels_do_not_exclude_each_other(tmp_path, write_sound):
    write_sound(tmp_path / "a.wav", content=1)
    write_sound(tmp_path / "b.wav", content=1)
    (tmp_path / "t.csv").write_text("path,label\na.wav,dog\nb.wav,cat\n")
    dataset = Dataset.from_csv(tmp_path / "t.csv", label_delimiter="+")
    assert (len(dataset), dataset.problems) == (2, ())
    assert len(set(dataset.groups())) == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", ""], "must neither be empty"),
        (["a", "b\n"], "begin or end with a space"),
        (["Straße", "STRASSE"], "differ by case only: 'Straße' and 'STRASSE'"),
    ],
)
def test_labels_that_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        check_labels(labels)


def test_no_label_at_all(tmp_path, write_sound):
    write_sound(tmp_path / "a.wav")
    (tmp_path / "t.csv").write_text("path,label\na.wav,\n")
    with pytest.raises(DataError, match="no clip has a label; nothing can be learned or checked from it"):
        Dataset.from_csv(tmp_path / "t.csv", label_delimiter="+")


def test_labels_that_are_fine():
    check_labels(["dog", "dog", "car, horn", "Hund", "a b", "鳥"])
