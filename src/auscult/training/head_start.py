"""The head of a pretrained network, fitted before anything else trains.

A head that begins at random pulls the body about until it has learned something; one that begins where frozen
embeddings leave it does not. One pass over the clips gives the embeddings; the fit takes seconds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auscult.models.nets.waveform_net import WaveformNet
from auscult.progress import progress
from auscult.training.batches import plain_batches
from auscult.training.learner import Learner

STEPS = 200
# Weight of half the squared weights beside the mean loss, on embeddings of mean 0 and variance 1.
PENALTY = 1e-2
# What varies less than these shares of the largest deviation and of the embeddings' own size counts for less, or
# rounding would be blown up.
SMALL, SMALL_OF_SIZE = 0.05, 0.02


def start_head(learner: Learner, *, quiet: bool) -> None:
    """Fit the learner's head to the embeddings of its training clips, body frozen, without augmentation."""
    net = learner.net.eval()
    embeddings, targets = _embeddings(learner, quiet)
    mean, deviation = embeddings.mean(dim=0), embeddings.std(dim=0)
    size = embeddings.square().mean().sqrt()
    deviation = deviation.clamp(min=float(torch.maximum(SMALL * deviation.max(), SMALL_OF_SIZE * size)) + 1e-9)
    _fit(net, (embeddings - mean) / deviation, targets, learner)
    entrance = net.head if isinstance(net.head, nn.Linear) else next(m for m in net.head.modules() if _is_linear(m))
    _fold(entrance, mean, deviation)
    learner.train()


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)


@torch.no_grad()
def _embeddings(learner: Learner, quiet: bool) -> tuple[Tensor, Tensor]:
    """Of every window, float32 `(windows, dim)`, with the targets of its clip."""
    net, plan, clips = learner.net, learner.plan, learner.clips
    rows: list[Tensor] = []
    owners: list[int] = []
    batches = plain_batches(
        clips,
        window_samples=plan.window_samples,
        hop_samples=plan.hop_samples,
        batch_size=learner.options.batch_size,
    )
    with progress("Embedding", len(clips), quiet=quiet) as advance:
        for waveforms, of_clips in batches:
            rows.append(net.body(net.front_end(waveforms.to(learner.device))).float())
            advance(done=len({*of_clips} - {*owners[-1:]}))
            owners += of_clips
    return torch.cat(rows), torch.from_numpy(clips.targets[owners]).to(learner.device)


def _fit(net: WaveformNet, inputs: Tensor, targets: Tensor, learner: Learner) -> None:
    parameters = list(net.head.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.LBFGS(parameters, max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = sum((one.square().sum() for one in parameters if one.ndim > 1), torch.zeros(()).to(inputs))
        loss = learner.loss(net.head(inputs), targets) + PENALTY / 2 * penalty
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    optimizer.zero_grad()


@torch.no_grad()
def _fold(linear: nn.Module, mean: Tensor, deviation: Tensor) -> None:
    """Let a layer that was fitted to standardised inputs take them as they are."""
    assert isinstance(linear, nn.Linear)
    linear.weight /= deviation
    linear.bias.sub_(linear.weight @ mean)
