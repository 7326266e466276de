"""What training can begin from: for each backbone what it asks for, and how its network is built.

To add one: a `Recipe` (rate, front end, windows, defaults of options) and a function that builds the network, both
entered in `BACKBONES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from auscult.errors import UsageError
from auscult.models.nets.mel_resnet import MelResNet
from auscult.models.nets.waveform_net import WaveformNet, hidden_head
from auscult.training.options import BACKBONES as NAMES
from auscult.training.options import HF, TrainOptions
from auscult.training.plan import SCRATCH, Recipe, TrainPlan

Build = Callable[[TrainPlan, TrainOptions, int], WaveformNet]


@dataclass(frozen=True)
class Backbone:
    """What training begins from.

    Parameters
    ----------
    name : as `TrainOptions.backbone` has it
    recipe : what it asks for and takes where options are left open
    build : plan, settled options and the number of classes to a network whose head is untrained; what is random about
        it comes from torch's own generator, seeded by the caller
    pretrained : whether its weights know other data, so that it makes sense to freeze them
    """

    name: str
    recipe: Recipe
    build: Build
    pretrained: bool = True


def find_backbone(name: str) -> Backbone:
    """The backbone of this name.

    Raises
    ------
    UsageError : where there is none
    """
    if name.startswith(HF):
        return _hf(name)
    if name not in BACKBONES:
        raise UsageError(
            f"The 'backbone' option of training must be one of {', '.join(NAMES)}, or {HF}NAME_OR_FOLDER. "
            f"Got {name!r} instead."
        )
    return BACKBONES[name]


def new_head(options: TrainOptions, embedding_dim: int, n_classes: int) -> nn.Module:
    """An untrained head of the kind that the options name."""
    if options.head == "hidden":
        return hidden_head(embedding_dim, n_classes, dropout=options.dropout)
    return nn.Linear(embedding_dim, n_classes)


# Scratch -------------------------------------------------------------------------------------------------------------


def _build_scratch(plan: TrainPlan, options: TrainOptions, n_classes: int) -> WaveformNet:
    assert plan.features is not None
    body = MelResNet(plan.features.n_mels, options.size)
    head = new_head(options, body.embedding_dim, n_classes)
    net = WaveformNet(plan.features, body, n_classes, dropout=options.dropout, head=head)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it


# YAMNet --------------------------------------------------------------------------------------------------------------

YAMNET = Recipe(
    sample_rate=16000,
    features="yamnet",
    # Patches of 0.975 s begin every 0.48 s: between two lengths on this grid, samples would be in no patch.
    window_grid=(15600, 7680),
    presentations=6_000,
    min_epochs=6,
    max_epochs=20,
    defaults={"strategy": "freeze", "learning_rate": 3e-4, "layer_decay": 0.9},
)


def _build_yamnet(plan: TrainPlan, options: TrainOptions, n_classes: int) -> WaveformNet:
    from auscult.models.nets.yamnet import load_yamnet
    from auscult.models.registry import model_file

    body = load_yamnet(model_file("yamnet")).body
    head = new_head(options, int(body.embedding_dim), n_classes)  # type: ignore[arg-type]
    net = WaveformNet(plan.features, body, n_classes, dropout=options.dropout, head=head)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


# transformers --------------------------------------------------------------------------------------------------------


def _hf(name: str) -> Backbone:
    """A transformers checkpoint. Its rate and window are its own, so they are read from its configuration here."""
    from auscult.models.nets import hf

    backbone: Backbone = hf.backbone(name.removeprefix(HF))
    return backbone


BACKBONES: dict[str, Backbone] = {
    "scratch": Backbone("scratch", SCRATCH, _build_scratch, pretrained=False),
    "yamnet": Backbone("yamnet", YAMNET, _build_yamnet),
}
