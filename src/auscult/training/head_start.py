"""The head of a pretrained network, fitted before anything else trains.

A head that begins at random pulls the body about until it has learned something; one that begins where frozen
embeddings leave it does not. One pass over the clips gives the embeddings; the fit takes seconds. A linear head is
the one that the strategy `freeze` ends with.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auscult.progress import progress
from auscult.records import FloatArray
from auscult.training.batches import plain_batches
from auscult.training.heads import Examples, fit_head
from auscult.training.learner import Learner

STEPS = 200
# Of a head with a hidden layer: weight of half the squared weights beside the mean loss, on embeddings of mean 0 and
# variance 1.
PENALTY = 1e-2
# What varies less than these shares of the largest deviation and of the embeddings' own size counts for less, or
# rounding would be blown up.
SMALL, SMALL_OF_SIZE = 0.05, 0.02


def start_head(learner: Learner, groups: NDArray[np.str_], *, quiet: bool) -> None:
    """Fit the learner's head to the embeddings of its training clips, body frozen, without augmentation.

    Parameters
    ----------
    groups : the recording of each training clip
    """
    learner.eval()
    embeddings, owners = _embeddings(learner, quiet)
    targets = learner.clips.targets[owners]
    head = learner.net.head
    if isinstance(head, nn.Linear):
        shares = 1.0 / np.bincount(owners)[owners]
        examples = Examples(embeddings, targets, groups[owners], shares)
        balanced = learner.options.imbalance != "none"
        fitted = fit_head(examples, task=learner.task, balanced=balanced, seed=learner.options.seed)
        head.load_state_dict(fitted.state())
    else:
        rows = torch.from_numpy(embeddings).to(learner.device)
        _fit_standardised(head, rows, torch.from_numpy(targets).to(learner.device), learner)
    learner.train()


@torch.no_grad()
def _embeddings(learner: Learner, quiet: bool) -> tuple[FloatArray, NDArray[np.int64]]:
    """Of every window, float32 `(windows, dim)`, and the number of its clip."""
    net, plan, clips = learner.net, learner.plan, learner.clips
    rows: list[FloatArray] = []
    owners: list[int] = []
    batches = plain_batches(
        clips,
        window_samples=plan.window_samples,
        hop_samples=plan.hop_samples,
        batch_size=learner.options.batch_size,
    )
    with progress("Embedding", len(clips), quiet=quiet) as advance:
        for waveforms, of_clips in batches:
            rows.append(net.body(net.front_end(waveforms.to(learner.device))).float().cpu().numpy())
            advance(done=len({*of_clips} - {*owners[-1:]}))
            owners += of_clips
    return np.concatenate(rows), np.array(owners)


def _fit_standardised(head: nn.Module, embeddings: Tensor, targets: Tensor, learner: Learner) -> None:
    """Fit to embeddings of mean 0 and variance 1, then let the head's first layer take them as they are."""
    mean, deviation = embeddings.mean(dim=0), embeddings.std(dim=0)
    size = embeddings.square().mean().sqrt()
    deviation = deviation.clamp(min=float(torch.maximum(SMALL * deviation.max(), SMALL_OF_SIZE * size)) + 1e-9)
    inputs = (embeddings - mean) / deviation
    parameters = list(head.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.LBFGS(parameters, max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = sum((one.square().sum() for one in parameters if one.ndim > 1), torch.zeros(()).to(inputs))
        loss = learner.loss(head(inputs), targets) + PENALTY / 2 * penalty
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    optimizer.zero_grad()
    _fold(next(module for module in head.modules() if isinstance(module, nn.Linear)), mean, deviation)


@torch.no_grad()
def _fold(linear: nn.Linear, mean: Tensor, deviation: Tensor) -> None:
    linear.weight /= deviation
    linear.bias.sub_(linear.weight @ mean)
