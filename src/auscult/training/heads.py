"""A linear head on embeddings: fitted in seconds, its strength chosen on recordings held out of the training part.

1. Weights: of clips of one recording, each counts less than one alone, as the root of their number; classes keep their
   share, or get equal ones.
2. Axes: the embeddings are turned to their principal axes and those scaled by the fourth root of their variance, half
   of the way to whitening. What differs much between recordings of one class is often the largest axis.
3. Logistic regression with a quadratic penalty, of which grouped folds of the training clips choose the strength by
   their loss. Softmax where a clip has one label, a sigmoid for each class where it may have several.

Steps 2 and 3 are both linear, so what comes out is one matrix and one bias. The numbers were compared on UrbanSound8K:
`docs/decisions/0025-the-frozen-head.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from auscult.data.stratify import count_groups, deal_into_folds
from auscult.records import FloatArray

# The larger, the closer the head follows its clips.
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
USUAL_STRENGTH = 3.0  # where no recordings can be spared to choose one
INNER_FOLDS = 4
# Power of the variance that an axis is divided by, and the share of all variance below which an axis is noise.
SCALING = 0.25
FLOOR = 1e-3
# Variance below this share of the mean's square counts as if it were that much.
ALIKE = 0.1
# Axes with less than this share of it are left out: they change nothing but the time.
LEAST = 3e-5
# The mean square of a scaled embedding; with it, the strengths above mean the same for every backbone.
MEAN_SQUARE = 0.6
MOST_STEPS = 200

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to learn from.

    Attributes
    ----------
    embeddings : float (rows, dim)
    targets : float (rows, classes), in [0, 1]
    groups : (rows,); rows of one group are never on both sides of an inner split
    shares : float (rows,), what each row counts beside the others of its clip; those of a clip add up to 1
    """

    embeddings: FloatArray
    targets: FloatArray
    groups: NDArray[np.str_]
    shares: Float64Array

    def select(self, rows: NDArray[np.bool_]) -> Examples:
        return Examples(self.embeddings[rows], self.targets[rows], self.groups[rows], self.shares[rows])


@dataclass(frozen=True, eq=False)
class LinearHead:
    """`embeddings @ weight.T + bias` are the logits; `weight` float32 (classes, dim), `bias` float32 (classes,).

    `strength` is the one chosen; `losses` are those of the clips held out, by strength, empty where none could be.
    """

    weight: FloatArray
    bias: FloatArray
    strength: float
    losses: dict[float, float]
    train_loss: float

    def logits(self, embeddings: FloatArray) -> FloatArray:
        return embeddings @ self.weight.T + self.bias

    def state(self) -> dict[str, Tensor]:
        """Weights by the names that `torch.nn.Linear` has for them."""
        return {"weight": torch.from_numpy(self.weight), "bias": torch.from_numpy(self.bias)}


def fit_head(examples: Examples, *, task: str, balanced: bool = False, seed: int = 0) -> LinearHead:
    """Fit a head, the same for the same examples in the same order.

    Parameters
    ----------
    task : "single_label" or "multi_label"
    balanced : every class counts alike, however few its clips
    seed : of the inner folds
    """
    with one_thread():
        losses = inner_losses(examples, task=task, balanced=balanced, seed=seed)
        strength = min(losses, key=lambda one: losses[one]) if losses else USUAL_STRENGTH
        regression = _Regression(examples, task=task, balanced=balanced)
        weight, bias = regression.fit(strength)
        train_loss = _loss(examples, weight, bias, task=task, balanced=balanced)
    return LinearHead(weight.astype(np.float32), bias.astype(np.float32), strength, losses, train_loss)


@contextmanager
def one_thread() -> Iterator[None]:
    """Steps of a millisecond are not worth sharing, and wait long for each other where other work keeps cores busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def inner_losses(examples: Examples, *, task: str, balanced: bool, seed: int) -> dict[float, float]:
    """Mean loss of the clips held out in turn, by strength up to the first one that is worse again.

    Empty where fewer than two folds can be cut.
    """
    folds = [
        (_Regression(others, task=task, balanced=balanced), held) for others, held in inner_folds(examples, seed=seed)
    ]
    if len(folds) < 2:
        return {}
    n_held = sum(float(held.shares.sum()) for _, held in folds)
    losses: dict[float, float] = {}
    for strength in STRENGTHS:
        loss = 0.0
        for regression, held in folds:
            weight, bias = regression.fit(strength)
            loss += _loss(held, weight, bias, task=task, balanced=balanced) * float(held.shares.sum()) / n_held
        worse = bool(losses) and loss > min(losses.values())
        losses[strength] = loss
        if worse:
            break
    return losses


def inner_folds(examples: Examples, *, seed: int) -> list[tuple[Examples, Examples]]:
    """Pairs (to fit on, held out); whole groups are held out, each at most once, and no class as a whole."""
    counts = count_groups(examples.groups, examples.targets > 0)
    n_groups = int((counts.clips[:, :-1] > 0).sum(axis=0).max(initial=0))
    if n_groups < 2:
        return []
    fold_of_group = deal_into_folds(counts, k=min(INNER_FOLDS, n_groups), seed=seed)
    fold_of_row = fold_of_group[counts.group_of_clip]
    return [
        (examples.select(fold_of_row != fold), examples.select(fold_of_row == fold))
        for fold in range(INNER_FOLDS)
        if (fold_of_row == fold).any() and _every_class_in(examples.targets[fold_of_row != fold], examples.targets)
    ]


def _every_class_in(targets: FloatArray, wanted: FloatArray) -> bool:
    return bool((targets.any(axis=0) | ~wanted.any(axis=0)).all())


def row_weights(examples: Examples, *, balanced: bool) -> Float64Array:
    """What each row counts; all together, as many as there are clips."""
    _, group_of_row = np.unique(examples.groups, return_inverse=True)
    clips_of_group = np.bincount(group_of_row, weights=examples.shares)
    weights = examples.shares / np.sqrt(clips_of_group[group_of_row])
    # A clip of several classes counts as the mean of them says; one of none as it is.
    held = np.column_stack([examples.targets, examples.targets.sum(axis=1) == 0]).astype(np.float64)
    now = weights @ held
    wanted = np.where(now > 0, 1.0, 0.0) if balanced else examples.shares @ held
    factor = np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
    weights = weights * (held @ factor) / held.sum(axis=1)
    return np.asarray(weights * (examples.shares.sum() / weights.sum()))


class _Regression:
    """The logistic regression of one set of examples; each fit begins where the one before ended."""

    def __init__(self, examples: Examples, *, task: str, balanced: bool) -> None:
        weights = row_weights(examples, balanced=balanced)
        self.task = task
        self.centre, self.axes = scaled_axes(examples.embeddings, weights)
        self.inputs = torch.from_numpy(examples.embeddings - self.centre) @ torch.from_numpy(self.axes)
        self.targets = torch.from_numpy(shares_of(examples.targets, task))
        self.counts = torch.from_numpy(weights)
        n_classes = self.targets.shape[1]
        self.weight = torch.zeros(n_classes, self.inputs.shape[1], dtype=torch.float64, requires_grad=True)
        self.bias = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)

    def fit(self, strength: float) -> tuple[Float64Array, Float64Array]:
        """Weight `(classes, dim)` and bias `(classes,)` for embeddings as they come."""
        optimiser = torch.optim.LBFGS(
            [self.weight, self.bias],
            max_iter=MOST_STEPS,
            # Per example; ten times less changed no decision on UrbanSound8K, at three times the cost.
            tolerance_grad=1e-5 * len(self.counts),
            tolerance_change=1e-6 * len(self.counts),
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        @torch.no_grad()
        def objective() -> Tensor:
            # The gradient is written out: tracing it took twice the time of all the rest.
            logits = self.inputs @ self.weight.T + self.bias
            slopes = self.counts[:, None] * slopes_of(logits, self.targets, self.task)
            self.weight.grad = slopes.T @ self.inputs + self.weight / strength
            self.bias.grad = slopes.sum(dim=0)
            losses = losses_of(logits, self.targets, self.task)
            return (losses * self.counts).sum() + (self.weight * self.weight).sum() / (2 * strength)

        optimiser.step(objective)  # type: ignore[no-untyped-call]
        matrix = self.weight.detach() @ torch.from_numpy(self.axes).T
        bias = self.bias.detach() - matrix @ torch.from_numpy(self.centre)
        return matrix.numpy(), bias.numpy()


def losses_of(logits: Tensor, targets: Tensor, task: str) -> Tensor:
    """Loss of each row; `targets` as `shares_of` gives them."""
    if task == "single_label":
        return functional.cross_entropy(logits, targets, reduction="none")
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(dim=1)


def slopes_of(logits: Tensor, targets: Tensor, task: str) -> Tensor:
    """Derivative of `losses_of` by each logit."""
    if task == "single_label":
        return torch.softmax(logits, dim=1) * targets.sum(dim=1, keepdim=True) - targets
    return torch.sigmoid(logits) - targets


def _loss(examples: Examples, weight: Float64Array, bias: Float64Array, *, task: str, balanced: bool) -> float:
    """Mean over clips, weighted as in training."""
    logits = torch.from_numpy(examples.embeddings).double() @ torch.from_numpy(weight).T + torch.from_numpy(bias)
    losses = losses_of(logits, torch.from_numpy(shares_of(examples.targets, task)), task).numpy()
    return float(np.average(losses, weights=row_weights(examples, balanced=balanced)))


def mean_loss(logits: FloatArray, targets: FloatArray, *, task: str) -> float:
    """Mean over clips of the loss that training minimises, without weights; logits and targets (clips, classes)."""
    return float(losses_of(torch.from_numpy(logits).double(), torch.from_numpy(shares_of(targets, task)), task).mean())


def shares_of(targets: FloatArray, task: str) -> Float64Array:
    """Float64; labels of one clip as shares where there is one answer."""
    values = targets.astype(np.float64)
    if task == "single_label":
        values = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-12)
    return values


def scaled_axes(embeddings: FloatArray, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The embeddings' weighted mean `(dim,)`, and a matrix `(dim, axes)` to their scaled principal axes."""
    share = weights / weights.sum()
    # All products are torch's, which keeps to one thread where it is told to: numpy's threads wait for each other by
    # turning in circles, and a fit took three times as long.
    centre = (torch.from_numpy(share) @ torch.from_numpy(embeddings).double()).numpy()
    rows = (embeddings - centre) * np.sqrt(share)[:, None]
    # Of the covariance's two forms the smaller; they have the same eigenvalues.
    wide = rows.shape[0] < rows.shape[1]
    matrix = torch.from_numpy(rows)
    found = torch.linalg.eigh(matrix @ matrix.T if wide else matrix.T @ matrix)
    values, vectors = found[0].numpy(), found[1].numpy()
    # Embeddings that are all but alike are not blown up: their differences may be rounding.
    total = max(float(values.sum()), ALIKE * float(centre @ centre))
    kept = values > LEAST * total
    if not kept.any():  # there is nothing to learn but how frequent classes are
        return centre, np.zeros((rows.shape[1], 1))
    values, vectors = values[kept], vectors[:, kept]
    directions = (matrix.T @ torch.from_numpy(vectors)).numpy() / np.sqrt(values) if wide else vectors
    scales = (values + FLOOR * total) ** -SCALING
    mean_square = float((values * scales**2).sum()) * total / float(values.sum())
    return centre, directions * scales * np.sqrt(MEAN_SQUARE / mean_square)
