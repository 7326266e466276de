"""Files named one by one, and sounds in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auscult.data import Dataset
from auscult.errors import DataError
from auscult.records import Sound


def test_files_and_their_labels(tmp_path, write_sound):
    files = [write_sound(tmp_path / folder / "1.wav") for folder in ("one", "two", "three")]
    dataset = Dataset.from_files(
        files, ["dog", "car, horn", "dog"], splits=["train", "val", None], groups=["x", "y", "x"]
    )
    assert dataset.source_kind == "files"
    assert dataset.root == tmp_path
    assert [(clip.source, clip.labels, clip.split, clip.group) for clip in dataset.clips()][:2] == [
        (files[0], ("dog",), "train", "x"),
        (files[1], ("car, horn",), "validation", "y"),
    ]
    (problem,) = dataset.problems
    assert problem.problem == "it has no split (sound 3 of the table)"


def test_several_labels_and_weights(tmp_path, write_sound):
    files = [write_sound(tmp_path / f"{i}.wav") for i in range(3)]
    several = Dataset.from_files(files, [["dog", "cat"], [], ("cat",)])
    assert several.task == "multi_label"
    np.testing.assert_array_equal(several.targets(), [[1, 1], [0, 0], [1, 0]])
    soft = Dataset.from_files(files, [{"dog": 0.75, "cat": 0.25}, {"dog": 1}, {"cat": 1.0}])
    assert soft.task == "single_label"
    np.testing.assert_array_equal(soft.targets(), [[0.25, 0.75], [0, 1], [1, 0]])
    loud = Dataset.from_files(files, [{"dog": 0.75, "cat": 0.5}, {"dog": 1}, {}])
    assert loud.task == "multi_label"
    np.testing.assert_array_equal(loud.targets(), [[0.5, 0.75], [0, 1], [0, 0]])


def test_without_labels_there_is_nothing_to_learn_from_but_all_to_classify(tmp_path, write_sound):
    dataset = Dataset.from_files([write_sound(tmp_path / "a.wav")])
    assert dataset.labels == ()
    assert [clip.labels for clip in dataset.clips()] == [None]
    with pytest.raises(DataError, match=r"a.wav: this clip has no label"):
        dataset.targets()


@pytest.mark.parametrize("value", [{"dog": 1.5}, {"dog": -0.1}, {"dog": "much"}, {"dog": float("inf")}])
def test_a_weight_that_is_none(tmp_path, write_sound, value):
    files = [write_sound(tmp_path / f"{i}.wav") for i in range(2)]
    dataset = Dataset.from_files(files, [{"dog": 1.0}, value])
    (problem,) = dataset.problems
    assert "weight must be a number from 0 to 1" in problem.problem
    assert len(dataset) == 1


def test_wrong_numbers_of_values(tmp_path):
    with pytest.raises(DataError, match=r"'labels' parameter must have one value a sound, 2\. Got 1"):
        Dataset.from_files(["a.wav", "b.wav"], ["dog"])
    with pytest.raises(DataError, match=r"'groups' parameter must have one value a sound, 1\. Got 2"):
        Dataset.from_files(["a.wav"], ["dog"], groups=["x", "y"])
    with pytest.raises(DataError, match="at least one sound"):
        Dataset.from_files([])
    with pytest.raises(DataError, match="at least one sound"):
        Dataset.from_arrays([])


def noise(seed: int, n: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32)


def test_arrays_of_every_kind_are_the_same_sound():
    samples = noise(0)
    forms = [samples, torch.from_numpy(samples), {"array": samples, "sampling_rate": 8000}, Sound(samples[None], 8000)]
    dataset = Dataset.from_arrays(forms, ["dog"] * 4, sample_rate=8000)
    assert len({clip.clip_id for clip in dataset.clips()}) == 1
    assert [clip.uri for clip in dataset.clips()] == ["array-1", "array-2", "array-3", "array-4"]
    for clip in dataset.clips():
        np.testing.assert_array_equal(clip.source.samples[0], samples)
        assert (clip.sample_rate, clip.n_frames) == (8000, 400)
    other_rate = Dataset.from_arrays([samples], ["dog"], sample_rate=16000)
    assert other_rate.clips()[0].clip_id != dataset.clips()[0].clip_id


def test_a_bad_array_does_not_stop_good_ones():
    bad = noise(1)
    bad[7] = np.nan
    dataset = Dataset.from_arrays([noise(0), bad, noise(2)], ["a", "b", "c"], sample_rate=8000)
    assert [clip.labels for clip in dataset.clips()] == [("a",), ("c",)]
    assert [(problem.source, problem.kind) for problem in dataset.problems] == [("array-2", "not_finite")]
    with pytest.raises(DataError, match="array-1 does not say its sample rate"):
        Dataset.from_arrays([noise(0)], ["a"])


def test_labels_in_arrays(tmp_path, write_sound):
    files = [write_sound(tmp_path / f"{i}.wav") for i in range(3)]
    for labels in (np.array([0, 1, 1]), torch.tensor([0, 1, 1])):
        assert [clip.labels for clip in Dataset.from_files(files, labels).clips()] == [("0",), ("1",), ("1",)]
    with pytest.raises(DataError, match=r"'labels' parameter .* Got an array of 2 axes"):
        Dataset.from_files(files, np.eye(3))


def test_one_path_is_no_list_of_paths():
    with pytest.raises(DataError, match="'files' parameter must be a list of paths"):
        Dataset.from_files("dog.wav", ["dog"])
