"""Which labels are named: how many, from which score on, and which not at all. Scores are never changed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from auscult.decide.ranking import rank
from auscult.errors import UsageError
from auscult.records import FloatArray, Label, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_CLOSE_MATCHES = 3


class NotGiven(Enum):
    """The one value, `NOT_GIVEN`, of an option that a call does not name: None means something there."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven.NOT_GIVEN
Count: TypeAlias = int | NotGiven | None
Threshold: TypeAlias = float | NotGiven | None
Names: TypeAlias = Sequence[str] | NotGiven | None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is asked for, before a model's labels are known. These are the options of the TFLite Task Library.

    Attributes
    ----------
    top_k : how many labels, from 1; None, or more than there are: all
    score_threshold : only labels that score at least this, in [0, 1]; None: from the model's own threshold
        of each label, where it has any
    allow : only these labels, each by its id or its name; None: all
    deny : all but these; None: all. Not together with `allow`.

    Raises
    ------
    UsageError : where a value breaks its rule

    Examples
    --------
    >>> labels = [Label("/m/0bt9lr", "Dog"), Label("/m/01yrx", "Cat"), Label("/m/06mb1", "Rain")]
    >>> scores = np.array([0.5, 0.25, 0.125], np.float32)
    >>> found = Selection(deny=("Dog",), score_threshold=0.2).shortlist(labels).rank(scores)
    >>> [(one.name, one.score) for one in found]
    [('Cat', 0.25)]
    """

    top_k: int | None = 5
    score_threshold: float | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_count("top_k", self.top_k)
        _check_threshold(self.score_threshold)
        for name in ("allow", "deny"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        if self.allow is not None and self.deny is not None:
            raise UsageError(
                "The parameters 'allow' and 'deny' exclude each other: name the labels that may come, or those "
                "that may not."
            )

    def changed(self, *, top_k: Count, score_threshold: Threshold, allow: Names, deny: Names) -> Selection:
        """This selection with what is given in place of what it has. A given list replaces either list."""
        changes: dict[str, Any] = {"top_k": top_k, "score_threshold": score_threshold}
        if allow is not NOT_GIVEN or deny is not NOT_GIVEN:
            changes |= {
                "allow": None if allow is NOT_GIVEN else allow,
                "deny": None if deny is NOT_GIVEN else deny,
            }
        given = {name: value for name, value in changes.items() if value is not NOT_GIVEN}
        return replace(self, **given) if given else self

    def shortlist(self, labels: Sequence[Label], thresholds: Sequence[float] | None = None) -> Shortlist:
        """This selection among the labels of a model, whose own thresholds are one a label, or None.

        Raises
        ------
        UsageError : where `allow` or `deny` names a label that is not among `labels`
        """
        columns = np.arange(len(labels))
        if self.allow is not None:
            columns = np.unique(columns_of("allow", self.allow, labels))
        elif self.deny is not None:
            columns = np.setdiff1d(columns, columns_of("deny", self.deny, labels))
        floors = np.zeros(len(labels), np.float32)
        if self.score_threshold is not None:
            floors[:] = self.score_threshold
        elif thresholds is not None:
            floors[:] = thresholds
        return Shortlist(tuple(labels), tuple(columns.tolist()), floors, self.top_k)


@dataclass(frozen=True, eq=False)
class Shortlist:
    """A selection among the labels of one model.

    Attributes
    ----------
    labels : all of the model's
    columns : those of `labels` that may be named
    floors : score from which each label may be named, float32 (labels,)
    top_k : how many are named at most; None: all
    """

    labels: tuple[Label, ...]
    columns: tuple[int, ...]
    floors: FloatArray
    top_k: int | None

    def rank(self, scores: FloatArray) -> tuple[Prediction, ...]:
        """The labels that may be named, best first, with their scores.

        Parameters
        ----------
        scores : float32 (labels,), of all of the model's, in [0, 1]
        """
        columns = self._columns[scores[self._columns] >= self.floors[self._columns]]
        # The best are found among numbers, and only they become labels: there may be hundreds that nobody sees.
        best = columns[np.argsort(-scores[columns], kind="stable")[: self.top_k]]
        return tuple(rank([self.labels[column] for column in best], scores[best]))

    @cached_property
    def _columns(self) -> NDArray[np.intp]:
        return np.array(self.columns, np.intp)


def check_count(name: str, value: Any) -> None:
    """Refuse what is no number of things, from 1, and not None.

    Raises
    ------
    UsageError
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"The {name!r} parameter must be a whole number from 1, or None. Got {value!r} instead.")


def _check_threshold(value: Any) -> None:
    if value is None:
        return
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= 1:
        raise UsageError(f"The 'score_threshold' parameter must be a number in [0, 1], or None. Got {value!r} instead.")


def _names(parameter: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    # A str would be taken as many labels, of a letter each.
    names = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (None,)
    if not all(isinstance(one, str) for one in names):
        raise UsageError(
            f"The {parameter!r} parameter must be several labels, as in a list, or None. Got {value!r} instead."
        )
    if not names and parameter == "allow":
        raise UsageError("The 'allow' parameter must name at least one label, or be None for all. Got none instead.")
    return names


def columns_of(parameter: str, wanted: Sequence[str], labels: Sequence[Label]) -> list[int]:
    """Where the wanted ones are among `labels`: all of `columns_of_each`."""
    return [column for columns in columns_of_each(parameter, wanted, labels) for column in columns]


def columns_of_each(parameter: str, wanted: Sequence[str], labels: Sequence[Label]) -> list[list[int]]:
    """Where each of the wanted ones is among `labels`, found by its id, else by its name, which several may share.

    Raises
    ------
    UsageError : one of them, named by `parameter`, is not among `labels`
    """
    by_id = {label.id: i for i, label in enumerate(labels)}
    by_name: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        by_name.setdefault(label.name, []).append(i)
    found: list[list[int]] = []
    for one in wanted:
        # Made a label, so that it is compared in the same form of Unicode.
        text = Label(one).id
        if text in by_id:
            found.append([by_id[text]])
        elif text in by_name:
            found.append(by_name[text])
        else:
            raise UsageError(_unknown(parameter, text, [*by_id, *by_name]))
    return found


def _unknown(parameter: str, wanted: str, known: Sequence[str]) -> str:
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(wanted.casefold(), folded, N_CLOSE_MATCHES, 0.6)
    hint = (
        f"did you mean {' or '.join(repr(folded[one]) for one in close)}?" if close else "look at the model's labels."
    )
    return f"The {parameter!r} parameter names {wanted!r}, a label that the model does not have; {hint}"
