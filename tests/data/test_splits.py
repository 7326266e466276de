"""Splits: no group straddles them, every class can be learned, the shares are right."""

from __future__ import annotations

import csv
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.data import (
    Dataset,
    Split,
    check_trainable,
    clip_schema,
    fold_split,
    given_split,
    grouped_folds,
    holdout,
    leave_one_group_out,
    validation_split,
)
from auscult.data.sounds import FolderSounds
from auscult.errors import DataError
from auscult.records import Label


def build(rows, *, task="single_label", kind="table") -> Dataset:
    """A dataset from dictionaries: labels as a string of class letters, and any other column."""
    names = sorted({letter for row in rows for letter in row["labels"]})
    table = pa.Table.from_pylist(
        [
            {
                "clip_id": f"{i:04x}",
                "uri": f"{i}.wav",
                **row,
                "labels": [{"id": letter, "weight": 1.0} for letter in row["labels"]],
            }
            for i, row in enumerate(rows)
        ],
        schema=clip_schema(),
    )
    return Dataset(table, Path("root"), tuple(map(Label, names)), task, source_kind=kind)


def balanced(n_groups: int, clips_per_group: int, classes: str) -> Dataset:
    return build(
        [
            {"labels": letter, "group": f"{letter}{group}"}
            for letter in classes
            for group in range(n_groups)
            for _ in range(clips_per_group)
        ]
    )


@st.composite
def datasets(draw) -> Dataset:
    """Clips of up to four classes, in groups of any size that may hold several classes."""
    task = draw(st.sampled_from(["single_label", "multi_label"]))
    label = st.sampled_from("abcd") if task == "single_label" else st.sampled_from(["", "a", "ab", "bc", "d"])
    group = st.one_of(st.none(), st.integers(0, 12).map(str))
    rows = draw(st.lists(st.tuples(label, group), min_size=4, max_size=40))
    # Twice each, so that no class has only one clip.
    rows = [{"labels": letter, "group": group} for letter, group in rows for _ in range(2)]
    return build(rows, task=task)


def assert_sound(dataset: Dataset, split: Split) -> None:
    """No group in two parts, no row in two parts, every class in the train part."""
    groups = dataset.groups()
    parts = [split.train, split.validation, split.test]
    rows = np.concatenate(parts)
    assert len(set(rows.tolist())) == len(rows)
    assert all((np.diff(part) > 0).all() for part in parts)
    for i, one in enumerate(parts):
        for other in parts[i + 1 :]:
            assert not set(groups[one]) & set(groups[other])
    assert (dataset.targets()[split.train] > 0).any(axis=0).all()


common = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@given(datasets(), st.floats(0.05, 0.6), st.integers(0, 3))
@common
def test_holdout_never_leaks_and_keeps_every_class(dataset, fraction, seed):
    try:
        split = holdout(dataset, fraction=fraction, seed=seed)
    except DataError as error:
        if "groups (recordings) or more" not in str(error):
            raise
        assert_nothing_can_be_spared(dataset)
        return
    assert_sound(dataset, split)
    assert len(split.train) + len(split.test) == len(dataset)
    assert len(split.test) > 0


def assert_nothing_can_be_spared(dataset: Dataset) -> None:
    """Each group has a class that no other group has."""
    groups, present = dataset.groups(), dataset.targets() > 0
    for group in set(groups):
        mine = present[groups == group].any(axis=0)
        others = present[groups != group].any(axis=0)
        assert (mine & ~others).any() or not len(others)


@given(datasets(), st.integers(2, 4), st.integers(0, 3))
@common
def test_grouped_folds_never_leak_and_test_each_group_once(dataset, k, seed):
    try:
        splits = grouped_folds(dataset, k=k, seed=seed)
    except DataError as error:
        if "use fewer folds" not in str(error):
            raise
        return
    assert len(splits) == k
    tested: list[int] = []
    for split in splits:
        assert_sound(dataset, split)
        assert len(split.test) > 0
        assert len(split.train) + len(split.test) == len(dataset)
        tested += split.test.tolist()
    assert len(set(tested)) == len(tested)
    # What is never tested on are groups that some train part could not do without.
    if len(tested) < len(dataset):
        untested = set(range(len(dataset))) - set(tested)
        assert not set(dataset.groups()[list(untested)]) & set(dataset.groups()[tested])


@given(datasets(), st.integers(0, 3))
@common
def test_validation_comes_out_of_the_train_part(dataset, seed):
    try:
        outer = holdout(dataset, fraction=0.3, seed=seed)
        split = validation_split(dataset, outer, fraction=0.3, seed=seed)
    except DataError as error:
        if "groups (recordings) or more" not in str(error):
            raise
        return
    assert_sound(dataset, split)
    np.testing.assert_array_equal(split.test, outer.test)
    np.testing.assert_array_equal(np.union1d(split.train, split.validation), outer.train)


@given(datasets(), st.randoms(use_true_random=False))
@common
def test_the_order_of_the_rows_does_not_matter(dataset, random):
    order = list(range(len(dataset)))
    random.shuffle(order)
    shuffled = dataset.select(order)
    try:
        straight = holdout(dataset, fraction=0.3, seed=1)
    except DataError:
        with pytest.raises(DataError):
            holdout(shuffled, fraction=0.3, seed=1)
        return
    mixed = holdout(shuffled, fraction=0.3, seed=1)

    def ids(one: Dataset, rows) -> set[str]:
        return set(one.select(rows).table["clip_id"].to_pylist())

    assert ids(dataset, straight.test) == ids(shuffled, mixed.test)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_shares_of_equal_groups_are_exact(fraction):
    dataset = balanced(n_groups=20, clips_per_group=2, classes="abc")
    for seed in range(5):
        split = holdout(dataset, fraction=fraction, seed=seed)
        np.testing.assert_array_equal(dataset.targets()[split.test].sum(axis=0), np.full(3, 40 * fraction))


def test_folds_of_equal_groups_are_equal():
    dataset = balanced(n_groups=10, clips_per_group=3, classes="ab")
    for split in grouped_folds(dataset, k=5, seed=0):
        np.testing.assert_array_equal(dataset.targets()[split.test].sum(axis=0), [6, 6])


def test_another_seed_draws_other_groups():
    dataset = balanced(n_groups=20, clips_per_group=1, classes="ab")
    tests = {tuple(holdout(dataset, fraction=0.2, seed=seed).test) for seed in range(10)}
    assert len(tests) == 10
    again = holdout(dataset, fraction=0.2, seed=3)
    np.testing.assert_array_equal(again.test, holdout(dataset, fraction=0.2, seed=3).test)


def test_the_draw_depends_on_seed_and_name_alone():
    dataset = balanced(n_groups=5, clips_per_group=1, classes="ab")

    def drawn_first(letter: str) -> str:
        return min((f"{letter}{i}" for i in range(5)), key=lambda name: sha256(f"7:{name}".encode()).digest())

    split = holdout(dataset, fraction=0.2, seed=7)
    assert [dataset.clips()[i].group for i in split.test] == [drawn_first("a"), drawn_first("b")]


def test_a_rare_class_is_in_both_parts_where_it_can_be():
    rows = [{"labels": "a", "group": f"a{i}"} for i in range(30)]
    rows += [{"labels": "b", "group": f"b{i % 2}"} for i in range(10)]
    dataset = build(rows)
    split = holdout(dataset, fraction=0.1, seed=0)
    assert dataset.targets()[split.test].sum(axis=0).tolist() == [3, 5]
    assert split.notes == ()


def test_a_class_of_one_group_stays_in_the_train_part_and_is_named():
    rows = [{"labels": "a", "group": f"a{i}"} for i in range(8)]
    rows += [{"labels": "b", "group": "b"} for _ in range(4)]
    dataset = build(rows)
    expected = "The class 'b' has too few groups"
    split = holdout(dataset, fraction=0.25, seed=0)
    assert dataset.targets()[split.test].sum(axis=0).tolist() == [2, 0]
    assert len(split.notes) == 1
    assert split.notes[0].startswith(expected)
    for fold in grouped_folds(dataset, k=4, seed=0):
        assert dataset.targets()[fold.test].sum(axis=0).tolist() == [2, 0]
        assert fold.notes[0].startswith(expected)


def test_a_class_of_one_clip_is_refused_by_name():
    dataset = build([{"labels": letter} for letter in "aaab"])
    for make in (lambda: holdout(dataset, fraction=0.5, seed=0), lambda: grouped_folds(dataset, k=2, seed=0)):
        with pytest.raises(DataError, match=r"The class 'b' must have at least two clips.*Got one, '3\.wav'"):
            make()


def test_a_class_of_one_clip_may_be_trained_on_in_a_given_split():
    rows = [{"labels": "aab"[i], "split": part} for i, part in enumerate(["train", "test", "train"])]
    split = given_split(build(rows))
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 2], [], [1])


def test_no_class_ends_up_in_one_fold_even_where_that_were_more_even():
    # "first" and "second" go to two folds. "third" is the last of class a; b and c are less present beside
    # "second", but there, a would be in that fold alone.
    sizes = {("bc", "first"): 16, ("a", "second"): 31, ("abc", "third"): 10, ("bc", "fourth"): 1}
    rows = [{"labels": labels, "group": group} for (labels, group), size in sizes.items() for _ in range(size)]
    dataset = build(rows, task="multi_label")
    for split in grouped_folds(dataset, k=2, seed=0):
        assert_sound(dataset, split)


def test_groups_joined_by_a_clip_that_is_left_out_stay_together():
    rows = [{"labels": "ab"[i % 2], "group": f"{i // 2}"} for i in range(16)]
    rows += [{"labels": "a", "group": "x", "clip_id": "same"}, {"labels": "a", "group": "y"}]
    rows += [{"labels": "a", "group": "y", "clip_id": "same"}]
    dataset = build(rows)
    for seed in range(20):
        split = validation_split(dataset, Split("by hand", np.arange(18)), fraction=0.5, seed=seed)
        assert_sound(dataset, split)


def test_parameters_out_of_range():
    dataset = balanced(3, 1, "ab")
    for fraction in (0, 1, -0.1, float("nan")):
        with pytest.raises(DataError, match="'fraction' parameter must lie between 0 and 1"):
            holdout(dataset, fraction=fraction, seed=0)
    with pytest.raises(DataError, match=r"'k' parameter of grouped_folds must be at least 2. Got 1"):
        grouped_folds(dataset, k=1, seed=0)
    with pytest.raises(DataError, match=r"7 folds need at least 7 groups .* Got 6 instead; use fewer"):
        grouped_folds(dataset, k=7, seed=0)


def test_a_fold_that_is_not_there():
    dataset = build([{"labels": letter, "fold": fold} for fold in (1, 2) for letter in "ab"])
    with pytest.raises(DataError, match=r"Got 3. It has 1, 2; choose one of them"):
        fold_split(dataset, 3)
    with pytest.raises(DataError, match=r"Got 1. It has none"):
        fold_split(balanced(3, 1, "ab"), 1)


def test_a_class_that_only_the_test_part_has():
    rows = [{"labels": "a", "fold": 1}, {"labels": "a", "fold": 2}, {"labels": "b", "fold": 2}]
    with pytest.raises(DataError, match=r"in the train part of the split 'fold 2'. Got none of 'b'"):
        fold_split(build(rows), 2)
    rows = [{"labels": "a", "split": "train"}, {"labels": "b", "split": "test"}]
    with pytest.raises(DataError, match=r"in the train part of the split 'given'. Got none of 'b'"):
        given_split(build(rows))


def test_a_given_split_needs_a_train_part():
    rows = [{"labels": letter, "split": "test"} for letter in "ab"]
    with pytest.raises(DataError, match=r"must have a train part. Got \['test'\] instead"):
        given_split(build(rows))
    with pytest.raises(DataError, match=r"must have a train part. Got none at all"):
        given_split(balanced(2, 1, "ab"))


@pytest.mark.parametrize("by", ["split", "fold"])
def test_a_leak_is_named_and_refused_unless_it_is_wanted(by):
    parts = ("train", "test") if by == "split" else (1, 2)
    rows = [{"labels": letter, by: part, "group": f"{letter}{part}"} for part in parts for letter in "ab" * 2]
    clean = build(rows)
    rows[0]["group"] = rows[4]["group"] = "shared"

    def make(dataset, **options):
        return given_split(dataset, **options) if by == "split" else fold_split(dataset, 2, **options)

    assert make(clean).leaking_groups == ()
    with pytest.raises(DataError, match=r"leaks: .* Got 1 such groups in two parts: '0\.wav and 4\.wav'"):
        make(build(rows))
    split = make(build(rows), allow_leakage=True)
    assert split.leaking_groups == ("shared",)
    assert "figures come out too good" in split.notes[-1]
    assert (len(split.train), len(split.test)) == (4, 4)


def test_equal_content_in_two_parts_is_a_leak():
    rows = [{"labels": letter, "split": part} for part in ("train", "test") for letter in "ab"]
    rows[3]["clip_id"] = rows[1]["clip_id"] = "same"
    with pytest.raises(DataError, match=r"1\.wav and 3\.wav"):
        given_split(build(rows))


def test_a_second_validation_part_is_refused():
    dataset = balanced(6, 1, "ab")
    split = validation_split(dataset, holdout(dataset, fraction=0.3, seed=0), fraction=0.3, seed=0)
    with pytest.raises(DataError, match="has a validation part already"):
        validation_split(dataset, split, fraction=0.3, seed=0)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_split_on_disk(tmp_path):
    built = build([{"labels": letter, "uri": f'dir/{letter}, "1".wav', "fold": 3, "group": "g"} for letter in "aabb"])
    dataset = replace(built, root=tmp_path / "sounds")
    split = Split("by hand", np.array([0]), np.array([2]), np.array([3]))
    split.to_csv(dataset, tmp_path / "run" / "split.csv")
    rows = rows_of(tmp_path / "run" / "split.csv")
    parts = ["clip_id", "path", "start_s", "end_s"]
    assert list(rows[0]) == [*parts, "label", "label_weight", "split", "fold", "group", "task"]
    assert [row["split"] for row in rows] == ["train", "left_out", "validation", "test"]
    assert [row["path"] for row in rows] == [f'../sounds/dir/{letter}, "1".wav' for letter in "aabb"]
    assert [row["label"] for row in rows] == list("aabb")
    assert [row["clip_id"] for row in rows] == dataset.table["clip_id"].to_pylist()
    assert {(row["fold"], row["group"], row["task"]) for row in rows} == {("3", "g", "single_label")}
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["split.csv"]


def test_a_clip_of_several_labels_or_none_on_disk(tmp_path):
    dataset = build([{"labels": "ab"}, {"labels": ""}, {"labels": "b"}], task="multi_label")
    Split("all", np.arange(3)).to_csv(dataset, tmp_path / "split.csv")
    rows = rows_of(tmp_path / "split.csv")
    assert [(Path(row["path"]).name, row["label"]) for row in rows] == [
        ("0.wav", "a"),
        ("0.wav", "b"),
        ("1.wav", ""),
        ("2.wav", "b"),
    ]
    assert {row["task"] for row in rows} == {"multi_label"}


def test_the_split_on_disk_is_a_dataset(tmp_path, write_sound):
    """What is read is what was written: clips, labels, folds, groups, and the parts of the split."""
    rows = []
    for i, letter in enumerate("aabbab"):
        write_sound(tmp_path / "sounds" / f"{i}.wav")
        group = "" if i % 2 else "g"
        rows.append(f"{i}.wav,{letter},{1 + i % 3},{group}")
    table = tmp_path / "sounds" / "clips.csv"
    table.write_text("\n".join(["path,label,fold,group", *rows]))
    dataset = Dataset.from_csv(table)
    Split("by hand", np.array([0, 2]), np.array([1]), np.array([3, 4])).to_csv(dataset, tmp_path / "run" / "split.csv")
    again = Dataset.from_csv(tmp_path / "run" / "split.csv")
    assert again.problems == ()
    assert [clip.split for clip in again.clips()] == ["train", "validation", "train", "test", "test", None]
    as_before = [
        replace(clip, split=None, uri=clip.uri.removeprefix("sounds/"), sounds=FolderSounds(table.parent))
        for clip in again.clips()
    ]
    assert as_before == dataset.clips()
    assert [clip.source for clip in again.clips()] == [clip.source for clip in dataset.clips()]


def test_the_split_moves_with_its_sounds(tmp_path, write_sound):
    for name in ("cat/1.wav", "dog/1.wav"):
        write_sound(tmp_path / "project" / "sounds" / name)
    dataset = Dataset.from_folder(tmp_path / "project" / "sounds")
    Split("all", np.arange(2)).to_csv(dataset, tmp_path / "project" / "run" / "split.csv")
    (tmp_path / "project").rename(tmp_path / "moved")
    assert Dataset.from_csv(tmp_path / "moved" / "run" / "split.csv").problems == ()


def test_a_split_behind_a_link_names_its_sounds_from_the_root(tmp_path, write_sound):
    for name in ("cat/1.wav", "dog/1.wav"):
        write_sound(tmp_path / "sounds" / name)
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "run").symlink_to(tmp_path / "disk" / "deep")
    dataset = Dataset.from_folder(tmp_path / "sounds")
    Split("all", np.arange(2)).to_csv(dataset, tmp_path / "run" / "split.csv")
    for folder in (tmp_path / "run", tmp_path / "disk" / "deep"):
        assert [clip.source for clip in Dataset.from_csv(folder / "split.csv").clips()] == [
            clip.source for clip in dataset.clips()
        ]


def test_a_split_far_from_its_sounds_names_them_from_the_root(tmp_path):
    dataset = replace(build([{"labels": "a"}, {"labels": "b"}]), root=Path("/nowhere/sounds"))
    Split("all", np.arange(2)).to_csv(dataset, tmp_path / "split.csv")
    assert [row["path"] for row in rows_of(tmp_path / "split.csv")] == [
        "/nowhere/sounds/0.wav",
        "/nowhere/sounds/1.wav",
    ]


def test_one_class_cannot_be_trained_on(sounds):
    (sounds / "cat" / "1.wav").unlink()
    (sounds / "cat" / "2.wav").unlink()
    (sounds / "cat").rmdir()
    dataset = Dataset.from_folder(sounds)
    assert [label.id for label in dataset.labels] == ["dog"]
    with pytest.raises(DataError, match=r"sounds: at least two classes are needed. Got one, 'dog'; add recordings"):
        check_trainable(dataset)
    with pytest.raises(DataError, match=r"at least two classes are needed\. Got none"):
        check_trainable(Dataset(dataset.table.slice(0, 0), sounds, (), "single_label"))


def test_two_classes_or_one_that_clips_may_hold_can_be_trained_on():
    check_trainable(build([{"labels": "a"}, {"labels": "b"}]))
    check_trainable(build([{"labels": "a"}, {"labels": ""}], task="multi_label"))


@given(datasets())
def test_each_group_is_left_out_once(dataset):
    lonely = {str(group) for group in dataset.groups() if _only_one_with_a_class(dataset, group)}
    try:
        splits = leave_one_group_out(dataset)
    except DataError:
        assert len(set(dataset.groups()) - lonely) < 2
        return
    tested = [str(group) for split in splits for group in set(dataset.groups()[split.test])]
    assert sorted(tested) == sorted(set(map(str, dataset.groups())) - lonely)
    for split in splits:
        assert_sound(dataset, split)
        assert len(split.train) + len(split.test) == len(dataset)


def _only_one_with_a_class(dataset: Dataset, group: str) -> bool:
    inside = dataset.groups() == group
    present = dataset.targets() > 0
    return bool((present[inside].any(axis=0) & ~present[~inside].any(axis=0)).any())
