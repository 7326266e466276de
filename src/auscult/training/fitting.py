"""The one place that knows which way of training a backbone and a strategy ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from auscult.training.backbones import find_backbone
from auscult.training.curve import Fit
from auscult.training.folder import RunFolder
from auscult.training.frozen import fit_frozen
from auscult.training.material import Material
from auscult.training.options import TrainOptions
from auscult.training.summary import write_train_batch

if TYPE_CHECKING:
    from auscult.training.learner import Learner


def fit_network(
    material: Material, folder: RunFolder, options: TrainOptions, *, quiet: bool, trial_s: float | None = None
) -> Fit:
    """The trained network, with `results.csv`, checkpoints and `train_batch.png` in the folder on the way.

    Parameters
    ----------
    options : settled, see `plan.settle`
    trial_s : of a training that only tries: seconds after which no epoch begins; no picture is drawn
    """
    if options.strategy == "freeze":
        return fit_frozen(material, folder, options, quiet=quiet)
    # Lightning takes longer to import than a frozen body takes to train.
    from auscult.training.head_start import start_head
    from auscult.training.loop import CHECKPOINT, fit

    learner = build_learner(material, options)
    if find_backbone(options.backbone).pretrained and not (folder.checkpoints / CHECKPOINT).exists():
        start_head(learner, material.dataset.groups()[material.split.train], quiet=quiet)
    if trial_s is None:
        write_train_batch(folder.path / "train_batch.png", learner, [label.id for label in material.dataset.labels])
    return fit(
        learner,
        folder.path,
        precision=options.precision,
        early_stop=options.early_stop,
        quiet=quiet,
        most_s=trial_s,
    )


def build_learner(material: Material, options: TrainOptions) -> Learner:
    """The network with its first weights; what is random about them depends on the seed alone."""
    from auscult.training.learner import Learner

    torch.manual_seed(options.seed)
    build = find_backbone(options.backbone).build
    return Learner(
        build(material.plan, options, len(material.dataset.labels)),
        material.train,
        validation=material.validation,
        task=material.dataset.task,
        plan=material.plan,
        options=options,
    )
