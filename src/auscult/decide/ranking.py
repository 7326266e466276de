"""From scores to labels, best first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auscult.records import FloatArray, Label, Prediction


def rank(labels: Sequence[Label], scores: FloatArray, *, top_k: int | None = None) -> list[Prediction]:
    """Labels with their scores, best first; equal scores keep the order of `labels`.

    Parameters
    ----------
    labels : the model's classes, in its order
    scores : float32 (classes,), in [0, 1], no NaN
    top_k : how many to return, from 1; None, or more than there are, gives all

    Returns
    -------
    Predictions that hold the labels' `id` and `name`.

    Raises
    ------
    ValueError : where scores and labels differ in number, a score is NaN, or `top_k` is below 1

    Examples
    --------
    >>> import numpy as np
    >>> labels = [Label("rain"), Label("siren"), Label("dog")]
    >>> [p.label for p in rank(labels, np.array([0.25, 0.5, 0.25], dtype=np.float32), top_k=2)]
    ['siren', 'rain']
    """
    if scores.shape != (len(labels),):
        raise ValueError(
            f"The 'scores' parameter of rank must have the shape (classes,) = ({len(labels)},). "
            f"Got {scores.shape} instead."
        )
    if np.isnan(scores).any():
        raise ValueError("The 'scores' parameter of rank must hold numbers. Got NaN among them instead.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"The 'top_k' parameter of rank must be 1 or more, or None for all. Got {top_k} instead.")
    order = np.argsort(-scores, kind="stable")[:top_k]
    return [Prediction(labels[i].id, float(scores[i]), labels[i].name) for i in order]
