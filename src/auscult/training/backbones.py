"""What training can begin from: for each backbone what it asks for, and how its network is built.

To add one: a `Recipe` (rate, front end, windows, defaults of options) and a function that builds the network, both
entered in `BACKBONES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from auscult.errors import AuscultError, UsageError
from auscult.models.modelspec import HeadSpec
from auscult.models.nets.mel_resnet import MelResNet
from auscult.models.nets.waveform_net import FlatPictures, WaveformNet, hidden_head
from auscult.models.registry import model_file, named_model
from auscult.models.runners import open_runner
from auscult.training.options import BACKBONES as NAMES
from auscult.training.options import HF, TrainOptions
from auscult.training.plan import HARDLY_LONGER, MAX_WINDOW_S, SCRATCH, Recipe, TrainPlan

if TYPE_CHECKING:
    from auscult.models.nets.hf import HfBody

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
    licence : of its weights, "" where it is not known
    own_head : describes the classes of its own that `TrainOptions.keep_head` keeps; None: it has none to keep
    fetch : given `quiet`, has its weights on this machine in the end, or raises `DownloadError`
    """

    name: str
    recipe: Recipe
    build: Build
    pretrained: bool = True
    fetch: Callable[[bool], object] = bool
    licence: str = ""
    own_head: Callable[[], HeadSpec] | None = None

    def licence_of_result(self) -> str:
        """What the model file says of the licence of weights that began from these."""
        clips = "unspecified: that of the training clips holds"
        if not self.pretrained:
            return clips
        return f"{clips}, and that of {self.name}" + (f" ({self.licence})" if self.licence else "")


def find_backbone(name: str, *, quiet: bool = False) -> Backbone:
    """The backbone of this name.

    Parameters
    ----------
    quiet : show no progress where a checkpoint is fetched from the hub

    Raises
    ------
    UsageError : where there is none
    """
    if name.startswith(HF):
        return _hf(name, quiet=quiet)
    if name not in BACKBONES:
        raise UsageError(
            f"The 'backbone' option of training must be one of {', '.join(NAMES)}, or {HF}NAME_OR_FOLDER. "
            f"Got {name!r} instead."
        )
    return BACKBONES[name]


def kept_heads(options: TrainOptions) -> tuple[HeadSpec, ...]:
    """Of the backbone's own heads those that stay beside the new one: one or none."""
    own_head = find_backbone(options.backbone).own_head if options.keep_head else None
    return (own_head(),) if own_head is not None else ()


def new_head(options: TrainOptions, embedding_dim: int, n_classes: int) -> nn.Module:
    """An untrained head of the kind that the options name."""
    if options.head == "hidden":
        return hidden_head(embedding_dim, n_classes, dropout=options.dropout)
    return nn.Linear(embedding_dim, n_classes)


# Scratch -------------------------------------------------------------------------------------------------------------


def _build_scratch(plan: TrainPlan, options: TrainOptions, n_classes: int) -> WaveformNet:
    front_end = _flat_pictures(plan)
    if front_end is None:
        assert plan.features is not None
        body = MelResNet(plan.features.n_mels, options.size)
    else:
        body = MelResNet(front_end.bands, options.size)
    head = new_head(options, body.embedding_dim, n_classes)
    net = WaveformNet(plan.features, body, n_classes, dropout=options.dropout, head=head, front_end=front_end)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it


def _flat_pictures(plan: TrainPlan) -> FlatPictures | None:
    """The front end of a network that is shown pictures; None: it hears sounds."""
    return None if plan.picture is None else FlatPictures(plan.picture.spec.bands, plan.picture.spec.frames)


# YAMNet --------------------------------------------------------------------------------------------------------------

YAMNET = Recipe(
    sample_rate=16000,
    features="yamnet",
    # Patches of 0.975 s begin every 0.48 s: between two lengths on this grid, samples would be in no patch.
    window_grid=(15600, 7680),
    presentations=6_000,
    min_epochs=6,
    max_epochs=20,
    defaults={"strategy": "freeze", "learning_rate": 5e-5, "layer_decay": 0.9},
)


def _fetch_yamnet(quiet: bool) -> Path:
    return model_file("yamnet", quiet=quiet)


def _build_yamnet(plan: TrainPlan, options: TrainOptions, n_classes: int) -> WaveformNet:
    from auscult.models.nets.yamnet import YamnetBody, load_yamnet
    from auscult.models.nets.yamnet_levels import TwoLevelYamnet

    yamnet = load_yamnet(_fetch_yamnet(quiet=False))
    assert isinstance(yamnet.body, YamnetBody)
    body = TwoLevelYamnet(yamnet.body)
    head = new_head(options, body.embedding_dim, n_classes)
    kept = yamnet.head if options.keep_head else None
    net = WaveformNet(plan.features, body, n_classes, dropout=options.dropout, head=head, kept_head=kept)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _yamnet_head() -> HeadSpec:
    """Its 521 classes, each by itself."""
    (head,) = open_runner(_fetch_yamnet(quiet=False)).spec.heads
    return replace(head, name="yamnet", aggregate="mean")


# transformers --------------------------------------------------------------------------------------------------------


def _hf(name: str, *, quiet: bool) -> Backbone:
    """A transformers checkpoint. Its rate and window are its own, so they are read from its configuration here.

    Its name says which revision it is, so that a run can be repeated.
    """
    from auscult.models.hf_checkpoint import not_together
    from auscult.models.nets.hf import WAVEFORM_WINDOW_S, open_backbone

    found = open_backbone(name.removeprefix(HF), quiet=quiet)
    is_image = found.kind == "image"
    longest_s = MAX_WINDOW_S if is_image else WAVEFORM_WINDOW_S
    if found.max_window_s is not None:
        # Windows of clips that are hardly longer hold them whole: not even these may be longer than can be heard.
        longest_s = min(longest_s, found.max_window_s / HARDLY_LONGER)

    def build(plan: TrainPlan, options: TrainOptions, n_classes: int) -> WaveformNet:
        front_end, body = parts(plan)
        head = new_head(options, body.embedding_dim, n_classes)
        return WaveformNet(plan.features, body, n_classes, dropout=options.dropout, head=head, front_end=front_end)

    def parts(plan: TrainPlan) -> tuple[nn.Module | None, HfBody]:
        try:
            if (pictures := _flat_pictures(plan)) is not None:
                return pictures, found.build_for_pictures((pictures.bands, pictures.frames))
            front_end, body = found.build(plan.window_samples, plan.features)
            if front_end is not None:
                with torch.no_grad():
                    body(front_end(torch.zeros(1, plan.window_samples)))  # that it can be heard at all
            return front_end, body
        except AuscultError:
            raise
        except Exception as error:
            raise not_together(found.checkpoint, error) from error

    recipe = Recipe(
        sample_rate=found.sample_rate,
        features="auscult" if is_image else None,
        max_window_s=longest_s,
        longest_window_s=found.max_window_s,
        presentations=6_000,
        min_epochs=6,
        max_epochs=20,
        # Rates and epochs that are usual for such networks; none was measured here.
        defaults={"strategy": "freeze", "learning_rate": 3e-4 if is_image else 1e-4, "layer_decay": 0.9},
    )
    return Backbone(found.checkpoint.origin, recipe, build)


BACKBONES: dict[str, Backbone] = {
    "scratch": Backbone("scratch", SCRATCH, _build_scratch, pretrained=False),
    "yamnet": Backbone(
        "yamnet",
        YAMNET,
        _build_yamnet,
        fetch=lambda quiet: _fetch_yamnet(quiet),
        licence=named_model("yamnet").licence,
        own_head=_yamnet_head,
    ),
}
