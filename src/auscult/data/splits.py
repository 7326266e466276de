"""Which clips train and which test, such that clips of one recording never stand on both sides.

Official folds and given splits are taken as they are, and refused where they leak. Splits made here are
stratified (each class in its share) and grouped (`Dataset.groups` stay whole), and depend on the seed and the
clips alone: not on the order of the rows, nor on the machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.data.dataset import Dataset
from auscult.data.listing import some
from auscult.data.schema import LEFT_OUT, Clip
from auscult.data.sounds import FolderSounds
from auscult.data.stratify import GroupCounts, count_groups, deal_into_folds, hold_out
from auscult.errors import DataError
from auscult.files import csv_text, printable, write_text

Indices = NDArray[np.int64]
PARTS = ("train", "validation", "test")

# Corpora whose folds everybody uses. ESC-50 has four recordings in two folds each; its test
# parts stay official.
OFFICIAL_FOLDS = ("esc50", "urbansound8k")
# Corpora whose train, validation and test parts everybody uses, and those whose parts share speakers on purpose.
OFFICIAL_PARTS = ("speech_commands", "fsd50k", "fma_small")
PARTS_OF_SAME_SPEAKERS = ("fsdd",)


def _none() -> Indices:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of a dataset, ascending: `train`, `validation`, `test`. A row in none of them is left out.

    `notes` say in words what is not as one would expect, such as a class that could not be held out.
    `leaking_groups` have clips in more than one part, which happens with ``allow_leakage`` only.
    """

    name: str
    train: Indices
    validation: Indices = field(default_factory=_none)
    test: Indices = field(default_factory=_none)
    notes: tuple[str, ...] = ()
    leaking_groups: tuple[str, ...] = ()

    def to_csv(self, dataset: Dataset, path: str | Path) -> None:
        """Write which clip is in which part, as a table that `Dataset.from_csv` reads.

        The columns are ``clip_id, path, start_s, end_s, label, label_weight, split, fold, group, task``; a row a clip
        of `dataset`, and for one with several labels a row a label. The split of a clip in no part is ``left_out``.
        Paths start at the table's folder, so that both can be moved together; they are absolute where the two have only
        the root of the disk in common, or where links lead to that folder. Of sounds that are no files, the name is
        kept.

        Raises
        ------
        OutputError : where the file cannot be written
        """
        part_of = np.full(len(dataset), LEFT_OUT, dtype="<U10")
        for part in PARTS:
            part_of[getattr(self, part)] = part
        folder = Path(os.path.abspath(path)).parent
        weights = dataset.table["labels"].to_pylist()
        rows = [
            [
                clip.clip_id,
                _path_of(clip, folder),
                *_range_in_words(clip),
                *_label_in_words(label),
                part,
                clip.fold,
                clip.group,
                dataset.task,
            ]
            for clip, labels, part in zip(dataset.clips(), weights, part_of.tolist(), strict=True)
            for label in labels or (None,)
        ]
        header = ["clip_id", "path", "start_s", "end_s", "label", "label_weight", "split", "fold", "group", "task"]
        write_text(path, csv_text(header, rows))


def _range_in_words(clip: Clip) -> tuple[float | None, float | None]:
    """Times of a part of a sound; nothing for a whole one."""
    start_s, end_s = clip.range_s()
    return start_s or None, end_s


def _label_in_words(label: dict[str, Any] | None) -> tuple[str, float | None]:
    """A label and its weight, which goes without saying where it is one."""
    if label is None:
        return "", None
    return label["id"], None if label["weight"] == 1 else label["weight"]


def _path_of(clip: Clip, folder: Path) -> str:
    """How a table in `folder` names a clip's sound: its file, or what its dataset calls it."""
    source = clip.source if isinstance(clip.sounds, FolderSounds) else None
    return _path_from(folder, source) if isinstance(source, Path) else clip.uri


def _path_from(folder: Path, path: Path) -> str:
    """How a table in `folder` names the file at `path`."""
    file = Path(os.path.abspath(path))
    # From a folder behind a link, ".." leads elsewhere for those who come to it by its own path.
    together = os.path.realpath(folder) == str(folder) and folder.anchor == file.anchor
    if together and os.path.commonpath([folder, file]) != folder.anchor:
        return Path(os.path.relpath(file, folder)).as_posix()
    return file.as_posix()


def check_trainable(dataset: Dataset) -> None:
    """Refuse to train on sounds that are all of one class, where each clip has exactly one.

    Raises
    ------
    DataError : naming the class
    """
    if dataset.task == "multi_label" or len(dataset.labels) >= 2:
        return
    found = f"Got one, {dataset.labels[0].id!r}" if dataset.labels else "Got none"
    raise DataError(
        f"{printable(dataset.root)}: at least two classes are needed. {found}; add recordings of what it is to be "
        "told apart from, or, if its folder holds one folder per class, give that."
    )


def fold_split(dataset: Dataset, fold: int, *, allow_leakage: bool = False) -> Split:
    """Test on one official fold, train on all others.

    In a corpus of `OFFICIAL_FOLDS`, training clips of a recording that is also in the test fold are left out.

    Raises
    ------
    DataError : no such fold, a class that only the test fold has, or, in other data, folds that leak (unless
        `allow_leakage`, which `Split.leaking_groups` then tells)
    """
    if fold not in dataset.folds():
        found = f"It has {', '.join(map(str, dataset.folds()))}" if dataset.folds() else "It has none"
        raise DataError(f"The 'fold' parameter must be a fold of the dataset. Got {fold}. {found}; choose one of them.")
    folds = dataset.table["fold"].to_pylist()
    test = np.array([i for i, value in enumerate(folds) if value == fold], np.int64)
    train = np.array([i for i, value in enumerate(folds) if value is not None and value != fold], np.int64)
    split = Split(f"fold {fold}", train, test=test)
    if dataset.source_kind in OFFICIAL_FOLDS and not allow_leakage:
        split = _without_test_recordings(dataset, split)
    return _checked(dataset, split, allow_leakage=allow_leakage)


def given_split(dataset: Dataset, *, allow_leakage: bool = False) -> Split:
    """The train, validation and test parts that the dataset came with.

    In a corpus of `OFFICIAL_PARTS`, clips of a recording that is also in the test part are left out of the others. In
    one of `PARTS_OF_SAME_SPEAKERS` the parts leak by design, which `Split.leaking_groups` and a note tell.

    Raises
    ------
    DataError : no such parts, no train part, a class that is not in it, or parts that leak (unless
        `allow_leakage`, which `Split.leaking_groups` then tells)
    """
    given = dataset.table["split"].to_pylist()
    parts = {part: np.array([i for i, value in enumerate(given) if value == part], np.int64) for part in PARTS}
    if not len(parts["train"]):
        found = sorted({value for value in given if value is not None})
        raise DataError(
            f"A given split must have a train part. Got {found or 'none at all'} instead; "
            "add train/ beside the other folders, or let the clips be split."
        )
    split = Split("given", parts["train"], parts["validation"], parts["test"])
    if dataset.source_kind in OFFICIAL_PARTS and not allow_leakage:
        return _official_parts(dataset, split)
    by_design = dataset.source_kind in PARTS_OF_SAME_SPEAKERS
    return _checked(dataset, split, allow_leakage=allow_leakage or by_design)


def holdout(dataset: Dataset, *, fraction: float, seed: int) -> Split:
    """Set about `fraction` of each class aside for testing, whole groups at a time.

    A class whose clips are all of one group stays in the train part, and a note says so.

    Parameters
    ----------
    fraction : in (0, 1), share of the clips of each class
    seed : another seed draws other groups

    Raises
    ------
    DataError : a class of one clip, or no group that could be held out
    """
    _check_fraction(fraction)
    _check_class_sizes(dataset)
    train, test, notes = _cut(dataset, np.arange(len(dataset)), fraction=fraction, seed=seed)
    return _checked(dataset, Split(f"holdout {fraction:g}, seed {seed}", train, test=test, notes=notes))


def grouped_folds(dataset: Dataset, *, k: int, seed: int) -> list[Split]:
    """`k` splits that test on each group once, classes spread evenly over them.

    A class whose clips are all of one group stays in every train part, and a note says so.

    Raises
    ------
    DataError : a class of one clip, or fewer groups than folds
    """
    if k < 2:
        raise DataError(f"The 'k' parameter of grouped_folds must be at least 2. Got {k} instead.")
    _check_class_sizes(dataset)
    counts = count_groups(dataset.groups(), dataset.targets() > 0)
    fold_of_group = deal_into_folds(counts, k=k, seed=seed)
    if (n_dealt := int((fold_of_group >= 0).sum())) < k:
        raise DataError(
            f"{k} folds need at least {k} groups of clips that can be tested on. Got {n_dealt} "
            "instead; use fewer folds."
        )
    fold_of_clip = fold_of_group[counts.group_of_clip]
    notes = _notes_on_kept(dataset, counts, fold_of_group < 0)
    return [
        _checked(
            dataset,
            Split(
                f"fold {i + 1} of {k}, seed {seed}",
                np.flatnonzero(fold_of_clip != i),
                test=np.flatnonzero(fold_of_clip == i),
                notes=notes,
            ),
        )
        for i in range(k)
    ]


def leave_one_group_out(dataset: Dataset) -> list[Split]:
    """A split for each group (recording, speaker, machine) that tests on it and trains on all others.

    Groups without which a class would have no clip to train on stay in every train part, and a note says so.

    Raises
    ------
    DataError : fewer than two groups that can be tested on
    """
    counts = count_groups(dataset.groups(), dataset.targets() > 0)
    testable = np.flatnonzero(~counts.lonely)
    if len(testable) < 2:
        raise DataError(
            f"{printable(dataset.root)}: to leave one group (recording) out at a time, at least two must be such that "
            f"every class has clips elsewhere. Got {len(testable)}; add recordings, or cut folds by group."
        )
    notes = _notes_on_kept(dataset, counts, counts.lonely)
    return [
        _checked(
            dataset,
            Split(
                f"without {counts.names[group]}",
                np.flatnonzero(counts.group_of_clip != group),
                test=np.flatnonzero(counts.group_of_clip == group),
                notes=notes,
            ),
        )
        for group in testable
    ]


def validation_split(dataset: Dataset, split: Split, *, fraction: float, seed: int) -> Split:
    """Cut a validation part out of the train part of `split`, as `holdout` does.

    Raises
    ------
    DataError : a validation part is there already, or no group can be spared
    """
    _check_fraction(fraction)
    if len(split.validation):
        raise DataError(f"The split {split.name!r} has a validation part already; use that.")
    train, validation, notes = _cut(dataset, split.train, fraction=fraction, seed=seed)
    return replace(split, train=train, validation=validation, notes=split.notes + notes)


def _cut(dataset: Dataset, indices: Indices, *, fraction: float, seed: int) -> tuple[Indices, Indices, tuple[str, ...]]:
    """Cut whole groups out of the rows `indices`: rows kept, rows held out, notes."""
    # Groups are those of the whole dataset: rows outside `indices` may be what connects two of them.
    counts = count_groups(dataset.groups()[indices], dataset.targets()[indices] > 0)
    held = hold_out(counts, fraction=fraction, seed=seed)
    if not held.any():
        raise DataError(
            "To hold clips out, some class must have clips of two groups (recordings) or more. "
            "Got none; add recordings, or give the split yourself as train/ and test/ folders."
        )
    held_clips = held[counts.group_of_clip]
    rows = dataset.select(indices)
    return indices[~held_clips], indices[held_clips], _notes_on_kept(rows, counts, ~held)


def _notes_on_kept(dataset: Dataset, counts: GroupCounts, kept: NDArray[np.bool_]) -> tuple[str, ...]:
    """A sentence for each class that is only in groups that are kept for training."""
    n_classes = len(dataset.labels)
    present = counts.clips[:, :n_classes].sum(axis=0) > 0
    held_out = counts.clips[~kept, :n_classes].sum(axis=0) > 0
    return tuple(
        f"The class {dataset.labels[i].id!r} has too few groups (recordings) to hold any out: all its "
        "clips are for training."
        for i in np.flatnonzero(present & ~held_out)
    )


def _official_parts(dataset: Dataset, split: Split) -> Split:
    """The parts as they were published, without what would leak into the test part."""
    split = _without_test_recordings(dataset, split)
    groups = dataset.groups()
    tested = np.isin(groups[split.validation], groups[split.test])
    split = replace(split, validation=split.validation[~tested])
    _check_classes(dataset, split)
    if shared := set(groups[split.train]) & set(groups[split.validation]):
        note = (
            f"{len(shared)} groups (recordings) have clips in the train and in the validation part, as those who made "
            "the corpus chose them; none has in the test part."
        )
        return replace(split, notes=(*split.notes, note))
    return split


def _without_test_recordings(dataset: Dataset, split: Split) -> Split:
    groups = dataset.groups()
    shared = np.isin(groups[split.train], groups[split.test])
    if not shared.any():
        return split
    left_out = dataset.select(split.train[shared]).table["uri"].to_pylist()
    note = f"{len(left_out)} training clips are left out, as clips of the same recordings are tested: {some(left_out)}."
    return replace(split, train=split.train[~shared], notes=(*split.notes, note))


def _checked(dataset: Dataset, split: Split, *, allow_leakage: bool = False) -> Split:
    """The split itself, if its train part has every class and no group straddles it."""
    _check_classes(dataset, split)
    groups = dataset.groups()
    pairs = _leaks(groups, split)
    if not pairs:
        return split
    if allow_leakage:
        leaking = sorted({str(groups[one]) for one, _ in pairs})
        groups_have = "1 group (recording) has" if len(leaking) == 1 else f"{len(leaking)} groups (recordings) have"
        note = f"{groups_have} clips in more than one part: figures come out too good."
        return replace(split, leaking_groups=tuple(leaking), notes=(*split.notes, note))
    uris = dataset.table["uri"]
    named = [f"{uris[one].as_py()} and {uris[other].as_py()}" for one, other in pairs]
    raise DataError(
        f"The split {split.name!r} leaks: clips of one recording, or of equal content, must be in one part. "
        f"Got {len(pairs)} such groups in two parts: {some(named)}; move or remove these clips, "
        "or pass allow_leakage=True, knowing that figures come out too good."
    )


def _leaks(groups: NDArray[np.str_], split: Split) -> list[tuple[int, int]]:
    """For each group that is in several parts, one row in an earlier part and one in a later."""
    first: dict[str, tuple[str, int]] = {}
    pairs: dict[str, tuple[int, int]] = {}
    for part in PARTS:
        for row in getattr(split, part):
            part_seen, row_seen = first.setdefault(str(groups[row]), (part, int(row)))
            if part_seen != part:
                pairs.setdefault(str(groups[row]), (row_seen, int(row)))
    return list(pairs.values())


def _check_classes(dataset: Dataset, split: Split) -> None:
    present = dataset.targets() > 0
    trained = present[split.train].any(axis=0)
    if trained.all():
        return
    untrained = [dataset.labels[i].id for i in np.flatnonzero(~trained)]
    raise DataError(
        f"Every class must have clips in the train part of the split {split.name!r}. "
        f"Got none of {some(untrained)}; add some, or leave the class out."
    )


def _check_class_sizes(dataset: Dataset) -> None:
    """A class of one clip can be trained on or tested on, never both."""
    present = dataset.targets() > 0
    for i in np.flatnonzero(present.sum(axis=0) == 1):
        uri = dataset.table["uri"][int(np.flatnonzero(present[:, i])[0])].as_py()
        raise DataError(
            f"The class {dataset.labels[i].id!r} must have at least two clips to be split. Got one, {uri!r}; "
            "record more, leave the class out, or give the split yourself as train/ and test/ folders."
        )


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise DataError(f"The 'fraction' parameter must lie between 0 and 1. Got {fraction} instead.")
