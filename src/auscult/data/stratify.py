"""Choosing groups of clips such that each class comes out in its share. Row numbers in, choices out.

Groups are taken in the order of a hash of (seed, group name): the same on every machine and with every
version of numpy, and whatever the order of the rows.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """How many clips of each class each group has: `clips` int64 `(groups, classes + 1)`, groups by name.

    The last column counts clips that have no class at all, so that they are shared out too.
    """

    names: tuple[str, ...]
    group_of_clip: NDArray[np.int64]
    clips: NDArray[np.int64]

    @property
    def lonely(self) -> NDArray[np.bool_]:
        """Groups `(groups,)` that are the only one of some class: they can be trained on only."""
        has = self.clips > 0
        only_once = has.sum(axis=0) == 1
        only_once[-1] = False  # nothing has to be learned from clips of no class
        return np.asarray(has[:, only_once].any(axis=1))


def count_groups(groups: NDArray[np.str_], present: NDArray[np.bool_]) -> GroupCounts:
    """Count clips by group and class. `groups` `(clips,)`, `present` `(clips, classes)`."""
    names, group_of_clip = np.unique(groups, return_inverse=True)
    columns = np.column_stack([present, ~present.any(axis=1)]).astype(np.int64)
    clips = np.zeros((len(names), columns.shape[1]), np.int64)
    np.add.at(clips, group_of_clip, columns)
    return GroupCounts(tuple(map(str, names)), group_of_clip.astype(np.int64), clips)


def hold_out(counts: GroupCounts, *, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Choose groups `(groups,)` that hold about `fraction` of the clips of each class.

    Each class keeps a group. A group is chosen while that brings the counts nearer to what is wanted (sum
    over classes of squared relative difference); then each class that still has nothing gives its smallest
    group, where it can.
    """
    totals = counts.clips.sum(axis=0)
    wanted = [max(fraction * float(total), 1.0) for total in totals]
    held = np.zeros(len(totals), np.int64)
    kept_groups = (counts.clips > 0).sum(axis=0)
    chosen = np.zeros(len(counts.names), np.bool_)

    def take(group: int) -> None:
        chosen[group] = True
        held[:] += counts.clips[group]
        kept_groups[:] -= counts.clips[group] > 0

    def spare(group: int) -> bool:
        # The last column (no class) may be used up.
        return not chosen[group] and bool((kept_groups[:-1][counts.clips[group, :-1] > 0] > 1).all())

    order = _shuffled(counts.names, seed)
    for group in order:
        if spare(group) and _change(counts.clips[group], held, wanted, totals) < 0:
            take(group)
    for column in np.flatnonzero((held == 0) & (totals > 0)):
        candidates = [group for group in order if counts.clips[group, column] and spare(group)]
        if held[column] == 0 and candidates:
            take(min(candidates, key=lambda group: int(counts.clips[group].sum())))
    return chosen


def deal_into_folds(counts: GroupCounts, *, k: int, seed: int) -> NDArray[np.int64]:
    """A fold in [0, k) for each group `(groups,)`, or -1 for one that every train part needs.

    Large groups first, each to the fold where its classes are least present so far (which keeps the sum of
    squared shares least), then to the one with the fewest clips. No class ends up in one fold alone.
    """
    totals = counts.clips.sum(axis=0)
    folds = np.zeros((k, len(totals)), np.int64)
    groups_left = (counts.clips > 0).sum(axis=0)
    homes: list[set[int]] = [set() for _ in totals]
    fold_of_group = np.full(len(counts.names), -1, np.int64)
    lonely = counts.lonely
    for group in sorted(_shuffled(counts.names, seed), key=lambda g: -int(counts.clips[g].sum())):
        classes = np.flatnonzero(counts.clips[group])
        groups_left[classes] -= 1
        closing = {
            fold
            for c in classes[classes < len(totals) - 1]
            if groups_left[c] == 0 and len(homes[c]) == 1
            for fold in homes[c]
        }
        allowed = [fold for fold in range(k) if fold not in closing]
        if lonely[group] or not allowed:
            for c in classes:
                homes[c].add(-1)
            continue
        best = min(allowed, key=lambda fold: _crowding(counts.clips[group], folds[fold], totals))
        fold_of_group[group] = best
        folds[best] += counts.clips[group]
        for c in classes:
            homes[c].add(best)
    return fold_of_group


def _shuffled(names: tuple[str, ...], seed: int) -> list[int]:
    keys = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in names]
    return sorted(range(len(names)), key=lambda group: keys[group])


def _change(clips: NDArray[np.int64], held: NDArray[np.int64], wanted: list[float], totals: NDArray[np.int64]) -> float:
    """By how much the squared relative difference grows if `clips` are held out too."""
    # fsum rounds alike on every machine.
    terms = []
    for c in np.flatnonzero(clips):
        before = (int(held[c]) - wanted[c]) / int(totals[c])
        after = (int(held[c]) + int(clips[c]) - wanted[c]) / int(totals[c])
        terms += [after * after, -before * before]
    return math.fsum(terms)


def _crowding(clips: NDArray[np.int64], fold: NDArray[np.int64], totals: NDArray[np.int64]) -> tuple[float, int]:
    shares = [int(clips[c]) * int(fold[c]) / int(totals[c]) ** 2 for c in np.flatnonzero(clips)]
    return math.fsum(shares), int(fold.sum())
