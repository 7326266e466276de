"""Tables of an evaluation: which class is taken for which, and figures a class.

* `confusion_matrix`: int (true, predicted), clips
* `normalise_rows`: the same as shares of the true class
* `per_class`: precision, recall, F1, support and, where clips hold several classes, AUROC and average
  precision
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.metrics.multi_label import Ranking, auroc, average_precision
from auscult.metrics.outcomes import Outcomes
from auscult.metrics.resampling import Floats, divide, number_groups
from auscult.metrics.single_label import class_counts


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class; None where one is undefined.

    `support` is the number of clips that hold the class. Without any, recall, F1, AUROC and average precision
    are None, and the class is left out of macro averages. Precision is None where the class is never decided.
    AUROC and average precision belong to multi-label tasks and are None for single-label ones.
    """

    label: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    auroc: float | None = None
    average_precision: float | None = None


def confusion_matrix(outcomes: Outcomes) -> NDArray[np.int64]:
    """How many clips of each class were taken for each.

    Returns
    -------
    int64 (true, predicted), in the order of `outcomes.labels`

    Raises
    ------
    ValueError : where clips may hold several classes, for then no class is taken *for* another
    """
    if outcomes.task != "single_label":
        raise ValueError(
            "The 'outcomes' parameter of confusion_matrix must be of a single_label task. Got multi_label "
            "instead; per_class has the figures of each class."
        )
    return outcomes.present().T.astype(np.int64) @ outcomes.predicted().astype(np.int64)


def normalise_rows(matrix: NDArray[np.int64]) -> Floats:
    """Each row as shares of its sum; a class without clips has a row of zeros.

    >>> import numpy as np
    >>> normalise_rows(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [0.0, 0.0]]
    """
    counts = matrix.astype(np.float64)
    return np.nan_to_num(divide(counts, counts.sum(axis=1, keepdims=True)))


def per_class(outcomes: Outcomes) -> list[ClassFigures]:
    """Figures of each class, in the order of `outcomes.labels`."""
    hits, held, decided = np.split(class_counts(outcomes).sum(axis=0), 3)
    precision, recall = divide(hits, decided), divide(hits, held)
    f1 = np.where(held > 0, divide(2 * hits, held + decided), np.nan)
    areas, averages = _ranked(outcomes)
    return [
        ClassFigures(
            label=label,
            support=int(held[i]),
            precision=_or_none(precision[i]),
            recall=_or_none(recall[i]),
            f1=_or_none(f1[i]),
            auroc=_or_none(areas[i]),
            average_precision=_or_none(averages[i]),
        )
        for i, label in enumerate(outcomes.labels)
    ]


def _ranked(outcomes: Outcomes) -> tuple[Floats, Floats]:
    n_classes = len(outcomes.labels)
    if outcomes.task == "single_label":
        return np.full(n_classes, np.nan), np.full(n_classes, np.nan)
    group_of, n_groups = number_groups(outcomes.groups)
    once = np.ones((1, n_groups), dtype=np.int32)
    rankings = [Ranking.of_class(outcomes, index, group_of) for index in range(n_classes)]
    areas = [auroc(ranking, once)[0] for ranking in rankings]
    return np.array(areas), np.array([average_precision(ranking, once)[0] for ranking in rankings])


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
