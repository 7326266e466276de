"""A head with one hidden layer on frozen embeddings, for classes that no straight border tells apart.

Weights and axes are those of `heads`. The layer is trained on all examples at once with dropout, and grouped folds of
the training clips choose how strongly its weights are pulled towards zero. On UrbanSound8K it tells fewer clips right
than the linear head, so it is not the default.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from auscult.models.nets.waveform_net import HIDDEN_UNITS
from auscult.records import FloatArray
from auscult.training.heads import Examples, inner_folds, losses_of, one_thread, row_weights, scaled_axes, shares_of

DECAYS = (10.0, 3.0, 1.0)  # of AdamW; the first is the most careful
USUAL_DECAY = 3.0
STEPS = 100
LEARNING_RATE = 5e-3
DROPOUT = 0.5
SPREAD = 10.0  # of the scaled embeddings before the layer, so that its first weights suit them


@dataclass(frozen=True, eq=False)
class HiddenHead:
    """`relu(embeddings @ first.T + first_bias) @ second.T + second_bias` are the logits; all float32.

    `decay` is the one chosen; `losses` those of the clips held out, added up, by decay, empty where none could be.
    """

    first: FloatArray
    first_bias: FloatArray
    second: FloatArray
    second_bias: FloatArray
    decay: float
    losses: dict[float, float]
    train_loss: float

    def logits(self, embeddings: FloatArray) -> FloatArray:
        hidden: FloatArray = np.maximum(embeddings @ self.first.T + self.first_bias, 0)
        return hidden @ self.second.T + self.second_bias

    def state(self) -> dict[str, torch.Tensor]:
        """Weights by the names that `nets.waveform_net.hidden_head` has for them."""
        named = {"0.weight": self.first, "0.bias": self.first_bias, "3.weight": self.second, "3.bias": self.second_bias}
        return {name: torch.from_numpy(values) for name, values in named.items()}


def fit_hidden_head(examples: Examples, *, task: str, balanced: bool = False, seed: int = 0) -> HiddenHead:
    """Fit a head, the same for the same examples in the same order; parameters as of `heads.fit_head`."""
    with one_thread():
        folds = inner_folds(examples, seed=seed)
        losses: dict[float, float] = {}
        for decay in DECAYS if len(folds) >= 2 else ():
            sums = [
                _loss(held, _fit(others, decay, task, balanced, seed), task, balanced) * float(held.shares.sum())
                for others, held in folds
            ]
            worse = bool(losses) and sum(sums) > min(losses.values())
            losses[decay] = sum(sums)
            if worse:
                break
        decay = min(losses, key=lambda one: losses[one]) if losses else USUAL_DECAY
        weights = _fit(examples, decay, task, balanced, seed)
        train_loss = _loss(examples, weights, task, balanced)
    return HiddenHead(*weights, decay, losses, train_loss)


_Weights = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


def _fit(examples: Examples, decay: float, task: str, balanced: bool, seed: int) -> _Weights:
    weights = row_weights(examples, balanced=balanced)
    centre, axes = scaled_axes(examples.embeddings, weights)
    axes = axes * SPREAD
    inputs = torch.from_numpy((examples.embeddings - centre) @ axes).float()
    targets = torch.from_numpy(shares_of(examples.targets, task)).float()
    counts = torch.from_numpy(weights).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(inputs.shape[1], HIDDEN_UNITS)
        second = nn.Linear(HIDDEN_UNITS, targets.shape[1])
        net = nn.Sequential(first, nn.ReLU(), nn.Dropout(DROPOUT), second)
        optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = (losses_of(net(inputs), targets, task) * counts).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    matrix = first.weight.detach().double().numpy() @ axes.T
    bias = first.bias.detach().double().numpy() - matrix @ centre
    tail = (second.weight.detach().numpy(), second.bias.detach().numpy())
    return matrix.astype(np.float32), bias.astype(np.float32), *tail


def _loss(examples: Examples, weights: _Weights, task: str, balanced: bool) -> float:
    head = HiddenHead(*weights, 0.0, {}, 0.0)
    logits = torch.from_numpy(head.logits(examples.embeddings)).double()
    losses = losses_of(logits, torch.from_numpy(shares_of(examples.targets, task)), task).numpy()
    return float(np.average(losses, weights=row_weights(examples, balanced=balanced)))
