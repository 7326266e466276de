"""What a model said of labelled clips, and what a figure computed from it looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray

Task = Literal["single_label", "multi_label"]
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Truth and scores of evaluated clips: a row a clip, a column a class.

    Parameters
    ----------
    labels : names of the classes, at least two, all different (at least one for multi-label)
    targets : float32 (clips, classes), 0 or 1; exactly one 1 a row where the task is single-label
    scores : float32 (clips, classes), in [0, 1]
    groups : str (clips,), what a clip was cut from (recording, place, speaker); clips of a group are not
        independent. Where a clip has no group, its own id.
    task : ``"single_label"`` or ``"multi_label"``
    thresholds : float32 (classes,), the score from which a class counts as present; used by multi-label
        figures only; None is 0.5 for each
    caveat : why the figures come out better than they would on new sounds, if they do: it stands beside each of them

    Raises
    ------
    ValueError : where a field breaks its rule
    """

    labels: tuple[str, ...]
    targets: FloatArray
    scores: FloatArray
    groups: NDArray[np.str_]
    task: Task
    thresholds: FloatArray | None = None
    caveat: str | None = None

    def __post_init__(self) -> None:
        _check_labels(self.labels, self.task)
        shape = (len(self.targets), len(self.labels))
        _check_matrix("targets", self.targets, shape)
        _check_matrix("scores", self.scores, shape)
        if self.groups.shape != shape[:1] or self.groups.dtype.kind != "U":
            raise _broken("groups", f"a str array of shape {shape[:1]}", _describe(self.groups))
        _check_targets(self.targets, self.task)
        if self.thresholds is not None and self.thresholds.shape != shape[1:]:
            raise _broken("thresholds", f"None or of shape {shape[1:]}", f"shape {self.thresholds.shape}")

    @property
    def n_clips(self) -> int:
        return len(self.targets)

    @property
    def n_groups(self) -> int:
        return len(np.unique(self.groups))

    def present(self) -> NDArray[np.bool_]:
        """Bool (clips, classes): what the clip holds."""
        return np.asarray(self.targets == 1)

    def predicted(self) -> NDArray[np.bool_]:
        """Bool (clips, classes): what the model decides.

        Single label: the highest score, of equal ones the first. Multi-label: every score at or over its
        threshold.
        """
        if self.task == "multi_label":
            thresholds = DEFAULT_THRESHOLD if self.thresholds is None else self.thresholds
            return np.asarray(self.scores >= thresholds)
        decided = np.zeros(self.scores.shape, dtype=bool)
        decided[np.arange(self.n_clips), self.scores.argmax(axis=1)] = True
        return decided


@dataclass(frozen=True)
class Figure:
    """A figure with its interval. None is "cannot be said": it stands for a value or a bound that is
    undefined.

    `n` is the number of clips that the figure was computed on. `caveat` is that of its `Outcomes`.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    caveat: str | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For `metrics.json`.

        >>> Figure(0.9, 0.85, 0.94, 400).to_dict()
        {'value': 0.9, 'low': 0.85, 'high': 0.94, 'n': 400}
        """
        figure = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        return figure if self.caveat is None else {**figure, "caveat": self.caveat}


def _check_labels(labels: tuple[str, ...], task: Task) -> None:
    if task not in get_args(Task):
        raise _broken("task", "'single_label' or 'multi_label'", repr(task))
    fewest = 2 if task == "single_label" else 1
    if len(labels) < fewest or len(set(labels)) < len(labels):
        raise _broken("labels", f"{fewest} or more names, all different", repr(labels))


def _check_matrix(name: str, matrix: FloatArray, shape: tuple[int, int]) -> None:
    if matrix.dtype != np.float32 or matrix.shape != shape or shape[0] == 0:
        rule = f"float32 with axes (clips, classes), {shape[1]} classes, and at least one clip"
        raise _broken(name, rule, _describe(matrix))
    # The negation catches NaN as well.
    if not bool(((matrix >= 0) & (matrix <= 1)).all()):
        raise _broken(name, "within [0, 1]", f"{matrix.min()} to {matrix.max()}")


def _check_targets(targets: FloatArray, task: Task) -> None:
    if not np.isin(targets, (0, 1)).all():
        raise _broken("targets", "0 or 1: evaluation is against what is known to be there", "values in between")
    if task == "single_label" and not (targets.sum(axis=1) == 1).all():
        wrong = int(np.flatnonzero(targets.sum(axis=1) != 1)[0])
        found = f"{int(targets[wrong].sum())} in row {wrong}"
        raise _broken("targets", "exactly one 1 a row where the task is single_label", found)


def _describe(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _broken(name: str, rule: str, found: str) -> ValueError:
    return ValueError(f"The '{name}' parameter of Outcomes must be {rule}. Got {found} instead.")
