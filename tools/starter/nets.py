"""The networks: one a fold, five that miss two classes each, and the one that is shipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from auscult.data import Dataset, Split
from auscult.training import TrainOptions
from auscult.training.cross_validation import cross_validate
from auscult.training.run import train_split

# From scratch with every option at its default: that recipe was chosen on UrbanSound8K, see decision 0013.
RECIPE = TrainOptions(backbone="scratch", size="small", seed=0, threads=1)
# Networks that miss classes are trained for a quarter of the time: only ratios of distances are taken from them.
SHORT = replace(RECIPE, epochs=60)
N_LEFT_OUT = 5


@dataclass(frozen=True)
class LeftOut:
    """A network that heard neither the classes `missing` nor the clips of `fold`."""

    model: Path
    missing: tuple[str, ...]
    fold: int


def folds(dataset: Dataset, folder: Path) -> dict[int, Path]:
    """Fold -> model file of the network that did not hear it."""
    if not (folder / "report.html").exists():
        cross_validate(dataset, output=folder, options=RECIPE, jobs=2, resume=folder.exists())
    return finished_folds(dataset, folder)


def finished_folds(dataset: Dataset, folder: Path) -> dict[int, Path]:
    """The folds of a cross-validation that are done, whether the others are or not."""
    files = {fold: folder / f"fold-{fold}" / "model.onnx" for fold in dataset.folds()}
    return {fold: file for fold, file in files.items() if file.exists()}


def left_out(dataset: Dataset, folder: Path) -> Iterator[LeftOut]:
    """Five networks: the k-th hears neither the k-th and the (k + 5)-th class, nor fold k.

    So every class is missing once, and every fold is kept apart once: the clips of the other classes in it are sounds
    that the network knows the kind of, and has not heard.
    """
    fold_of = np.array(dataset.table["fold"].to_pylist())
    label_of = np.array([clip.labels[0] for clip in dataset.clips()])
    ids = [label.id for label in dataset.labels]
    for k in range(N_LEFT_OUT):
        missing, fold = (ids[k], ids[k + N_LEFT_OUT]), k + 1
        held = ~np.isin(label_of, missing)
        part = replace(dataset.select(held), labels=tuple(one for one in dataset.labels if one.id not in missing))
        split = Split(
            f"without {' and '.join(missing)}, and fold {fold}",
            np.flatnonzero(fold_of[held] != fold),
            test=np.flatnonzero(fold_of[held] == fold),
        )
        yield LeftOut(_trained(part, split, folder / f"net-{k}", SHORT), missing, fold)


def whole(dataset: Dataset, folder: Path) -> Path:
    """The network that hears all clips."""
    return _trained(dataset, Split("all clips", np.arange(len(dataset))), folder, RECIPE)


def _trained(dataset: Dataset, split: Split, folder: Path, options: TrainOptions) -> Path:
    if not (folder / "report.html").exists():
        train_split(
            dataset, split, output=folder, source="ESC-10", options=options, resume=folder.exists(), quiet=False
        )
    return folder / "model.onnx"
