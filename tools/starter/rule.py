"""When is a sound unknown? Distances of embeddings from the clouds of the classes, and where to draw the line.

A network has seen its training clips: they lie closer than others of their kind, and the more so the longer it was
trained. So distances are counted in units of the median distance of clips that it knows the kind of and has not heard.
For the network that hears all clips, that unit comes from the networks of the folds, which are trained alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from auscult import Classifier, load
from auscult.data import Dataset
from auscult.export.edit import DistanceRule, roots_of_shares
from auscult.records import FloatArray
from tools.starter.nets import LeftOut


@dataclass(frozen=True)
class Chosen:
    """Threshold and slope of `DistanceRule`, in units, and the clips that they were found on."""

    threshold: float
    slope: float
    n_known: int
    n_unknown: int


@dataclass(frozen=True)
class Sides:
    """Distances in a network that misses classes, in units: of unheard clips of its own classes, and of others.

    `right` says of the known clips whether the class that scores best is theirs.
    """

    known: NDArray[np.float64]
    unknown: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def auroc(self) -> float:
        return auroc(self.known, self.unknown)


def auroc(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> float:
    """How often an unknown sound is farther away than a known one."""
    return float(roc_auc_score(np.r_[np.zeros(len(known)), np.ones(len(unknown))], np.concatenate([known, unknown])))


def sides_of(net: LeftOut, dataset: Dataset) -> Sides:
    """What a network that misses classes makes of the clips that it has not heard."""
    model = load(net.model)
    labels = labels_of(dataset)
    is_unknown = np.isin(labels, net.missing)
    is_apart = np.array(dataset.table["fold"].to_pylist()) == net.fold
    heard, known = ~is_unknown & ~is_apart, ~is_unknown & is_apart
    embeddings = embed(model, dataset)
    rule = cloud(embeddings[heard], labels[heard], model)
    distances = rule.distances(embeddings)
    distances /= np.median(distances[known])
    right = [model(clip.source, top_k=1)[0]["label"] == clip.labels[0] for clip in dataset.select(known).clips()]
    return Sides(distances[known], distances[is_unknown], np.array(right))


def embed(model: Classifier, dataset: Dataset) -> FloatArray:
    """Embeddings of the clips: float32 (clips, dim), of each the mean of its windows'."""
    return np.stack([model.embed(clip.source).mean(axis=0) for clip in dataset.clips()])


def cloud(
    embeddings: FloatArray,
    labels: NDArray[np.str_],
    model: Classifier,
    *,
    unit: float = 1.0,
    threshold: float = 1.0,
    slope: float = 1.0,
) -> DistanceRule:
    """The rule whose centres and whitening are those of these clips, which the network was trained on.

    With fewer clips than would tell a covariance of 192 dimensions, it is shrunk towards a ball, by the amount of
    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004.
    """
    points = roots_of_shares(embeddings)
    classes = [label.id for label in model.labels]
    centres = np.stack([points[labels == one].mean(axis=0) for one in classes])
    offsets = points - centres[[classes.index(one) for one in labels]]
    precision = LedoitWolf(assume_centered=True).fit(offsets).precision_
    return DistanceRule(
        centres=centres.astype(np.float32),
        whitening=(np.linalg.cholesky(precision) / unit).astype(np.float32),
        threshold=threshold,
        slope=slope,
    )


def rule_of(model: Classifier, heard: Dataset, chosen: Chosen, unit: float) -> DistanceRule:
    """The rule of a network that was trained on `heard`."""
    return cloud(
        embed(model, heard), labels_of(heard), model, unit=unit, threshold=chosen.threshold, slope=chosen.slope
    )


def median_distance(model: Classifier, heard: Dataset, apart: Dataset) -> float:
    """Of clips `apart` that the network knows the kind of, and has not heard."""
    rule = cloud(embed(model, heard), labels_of(heard), model)
    return float(np.median(rule.distances(embed(model, apart))))


def labels_of(dataset: Dataset) -> NDArray[np.str_]:
    """Of each clip its one label."""
    return np.array([clip.labels[0] for clip in dataset.clips()])


def choose(sides: list[Sides]) -> Chosen:
    """Threshold and slope: a logistic regression of unknown against known, both sides weighing the same.

    The threshold is the distance of even odds, the slope how much the log of the odds rises with the distance.
    """
    known = np.concatenate([one.known for one in sides])
    unknown = np.concatenate([one.unknown for one in sides])
    distances = np.concatenate([known, unknown])[:, None]
    truth = np.r_[np.zeros(len(known)), np.ones(len(unknown))]
    fitted = LogisticRegression(class_weight="balanced", C=1e6).fit(distances, truth)
    slope = float(fitted.coef_[0, 0])
    return Chosen(-float(fitted.intercept_[0]) / slope, slope, len(known), len(unknown))


def found_by(chosen: Chosen) -> str:
    """For the model file."""
    return (
        "logistic regression on distances of networks that missed two classes of ESC-10 each: "
        f"{chosen.n_unknown} clips of missing classes against {chosen.n_known} unheard clips of the others, "
        "both sides weighing the same; distances in units of the median of unheard clips"
    )
