"""Figures for clips that hold any number of classes.

Conventions: scores are (clips, classes); a class is decided to be present where its score is at or over its
threshold. A macro average is over the classes for which the figure is defined: those with clips (and, for
the AUROC, with clips that lack the class). `per_class` says which those are.

Measures
--------
* `mean_average_precision`: mean over classes of the average precision: the precision at each score of a clip
  that holds the class, averaged
* `macro_auroc`: mean over classes of the chance that a clip with the class scores higher than one without
* `macro_f1`: mean over classes of F1 at the thresholds
* `micro_f1`: F1 at the thresholds over all decisions
* `subset_accuracy`: share of clips for which every class is decided rightly
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.metrics.outcomes import Outcomes
from auscult.metrics.resampling import Counts, Floats, Measure, additive, divide, mean_of_defined
from auscult.metrics.single_label import class_counts, macro_f1, mean_over_clips, right_decisions


def measures(outcomes: Outcomes, group_of: NDArray[np.intp]) -> dict[str, Measure]:
    """Name -> measure, the main one first."""
    rankings = [Ranking.of_class(outcomes, index, group_of) for index in range(len(outcomes.labels))]
    return {
        "mean_average_precision": _macro(rankings, average_precision),
        "macro_auroc": _macro(rankings, auroc),
        "macro_f1": macro_f1(outcomes, group_of),
        "micro_f1": micro_f1(outcomes, group_of),
        "subset_accuracy": mean_over_clips(right_decisions(outcomes), group_of),
    }


def micro_f1(outcomes: Outcomes, group_of: NDArray[np.intp]) -> Measure:
    """F1 over all decisions about all classes; undefined where nothing is present and nothing decided."""
    counts = class_counts(outcomes).reshape(outcomes.n_clips, 3, -1).sum(axis=2)
    return additive(counts, group_of, lambda t: divide(2 * t[:, 0], t[:, 1] + t[:, 2]))


@dataclass(frozen=True, eq=False)
class Ranking:
    """The clips by descending score of one class, cut where the score of a clip that holds the class begins
    and ends.

    Equal scores stay in one segment, and all clips between two such scores are one segment too: what a rare
    class costs depends on how many clips hold it, not on how many there are.
    """

    groups: NDArray[np.intp]
    """(clips,): number of the group, in descending order of score."""
    starts: NDArray[np.intp]
    """(segments,): where each segment begins."""
    holds: NDArray[np.bool_]
    """(segments,): at least one clip of the segment holds the class."""
    positive_groups: NDArray[np.intp]
    """(clips that hold the class,): number of the group, in the same order."""
    positive_starts: NDArray[np.intp]
    """(segments that hold,): where each begins among the clips that hold the class."""

    @classmethod
    def of_class(cls, outcomes: Outcomes, index: int, group_of: NDArray[np.intp]) -> Ranking:
        order = np.argsort(-outcomes.scores[:, index], kind="stable")
        scores, present = outcomes.scores[order, index], outcomes.present()[order, index]
        positives = scores[present]
        is_new = np.diff(positives, prepend=np.inf) != 0 if len(positives) else np.zeros(0, dtype=bool)
        first = np.searchsorted(-scores, -positives[is_new], side="left")
        after = np.searchsorted(-scores, -positives[is_new], side="right")
        starts = np.unique(np.concatenate([[0], first, after[after < len(scores)]]))
        return cls(
            groups=group_of[order],
            starts=starts,
            holds=np.isin(starts, first),
            positive_groups=group_of[order][present],
            positive_starts=np.flatnonzero(is_new),
        )

    def totals(self, counts: Counts) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each score that a clip with the class has, best first: clips over it, clips at it, and of those
        with the class the same two; each (resamples, scores)."""
        if len(self.positive_groups) == 0:
            nothing = np.zeros((len(counts), 0))
            return nothing, nothing, nothing, nothing
        segments = np.add.reduceat(np.take(counts, self.groups, axis=1), self.starts, axis=1).astype(np.float64)
        at = segments[:, self.holds]
        over = segments.cumsum(axis=1)[:, self.holds] - at
        taken = np.take(counts, self.positive_groups, axis=1)
        positive_at = np.add.reduceat(taken, self.positive_starts, axis=1).astype(np.float64)
        return over, at, positive_at.cumsum(axis=1) - positive_at, positive_at


def average_precision(ranking: Ranking, counts: Counts) -> Floats:
    """Average precision (resamples,); NaN where no clip of the resample holds the class."""
    over, at, positive_over, positive_at = ranking.totals(counts)
    # A score that was not drawn has no weight; its precision may be 0 / 0.
    precision = np.nan_to_num(divide(positive_over + positive_at, over + at))
    return divide((precision * positive_at).sum(axis=1), positive_at.sum(axis=1))


def auroc(ranking: Ranking, counts: Counts) -> Floats:
    """Area under the ROC curve (resamples,), equal scores counting half; NaN where all clips, or none, hold
    the class.

    It is the chance that a clip with the class scores higher than one without (Mann and Whitney).
    """
    over, at, positive_over, positive_at = ranking.totals(counts)
    positives = positive_at.sum(axis=1)
    negatives = counts[:, ranking.groups].sum(axis=1) - positives
    negative_over, negative_at = over - positive_over, at - positive_at
    beaten = negatives[:, None] - negative_over - negative_at / 2
    return divide((beaten * positive_at).sum(axis=1), positives * negatives)


def _macro(rankings: list[Ranking], of_class: Callable[[Ranking, Counts], Floats]) -> Measure:
    return lambda counts: mean_of_defined(np.column_stack([of_class(r, counts) for r in rankings]))
