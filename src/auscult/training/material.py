"""What a training works on: clips in their parts, decoded, and the plan that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from auscult.data import (
    Clip,
    Dataset,
    Split,
    WaveformCache,
    check_trainable,
    default_cache_folder,
    fold_split,
    given_split,
    holdout,
    validation_split,
)
from auscult.errors import DataError, InputError, UsageError
from auscult.records import FloatArray
from auscult.training.clips import ClipStore, fill_cache
from auscult.training.options import SplitName, TrainOptions
from auscult.training.pictures import fill_pictures
from auscult.training.plan import TrainPlan


@dataclass(frozen=True)
class Material:
    """Clips that could be decoded, each in its part."""

    dataset: Dataset
    split: Split
    plan: TrainPlan
    train: ClipStore
    validation: ClipStore
    problems: tuple[InputError, ...]


def choose_split(dataset: Dataset, fold: int | None, options: TrainOptions) -> Split:
    """Given parts and official folds are taken as they are; otherwise clips are held out by group."""
    check_trainable(dataset)
    split = _split(dataset, fold, options)
    # Where folds are official, figures are compared with those of others, who train on all that is left.
    if not len(split.validation) and options.validation > 0 and (not dataset.folds() or options.early_stop):
        return _with_validation(dataset, split, options)
    return split


def _split(dataset: Dataset, fold: int | None, options: TrainOptions) -> Split:
    how = options.split or _usual_split(dataset, fold)
    if fold is not None and how != "official":
        raise UsageError(f"The 'fold' parameter belongs to the split 'official'. Got {how!r}; leave out one of them.")
    if how == "official":
        # A dataset without folds is told so.
        number = fold if fold is not None else max(dataset.folds(), default=1)
        return fold_split(dataset, number, allow_leakage=options.allow_leakage)
    if how == "given":
        return given_split(dataset, allow_leakage=options.allow_leakage)
    if how != "holdout":
        raise UsageError(f"The split {how!r} tests on every clip in turn; give cross_validate (--cross-validate) too.")
    if options.test > 0:
        return holdout(dataset, fraction=options.test, seed=options.seed)
    return Split("all for training", np.arange(len(dataset)))


def _usual_split(dataset: Dataset, fold: int | None) -> SplitName:
    if fold is not None:
        return "official"
    if any(dataset.table["split"].to_pylist()):
        return "given"
    return "official" if dataset.folds() else "holdout"


def _with_validation(dataset: Dataset, split: Split, options: TrainOptions) -> Split:
    """Cut a validation part where clips can be spared; early stop needs one, curves can do without."""
    try:
        return validation_split(dataset, split, fraction=options.validation, seed=options.seed)
    except DataError:
        if options.early_stop is not None:
            raise
        note = "No class has recordings to spare for a validation part, so there is none."
        return replace(split, notes=(*split.notes, note))


def prepare(dataset: Dataset, split: Split, plan: TrainPlan, options: TrainOptions, *, quiet: bool) -> Material:
    """Decode the clips of the training and validation parts; those that fail are named and left out."""
    cache = WaveformCache(default_cache_folder())
    stores = []
    problems = list(dataset.problems)
    parts = {}
    for part in ("train", "validation"):
        indices = getattr(split, part)
        chosen = dataset.select(indices)
        keys, failures = decode_clips(chosen.clips(), cache, plan, options, quiet=quiet)
        good = np.array([failure is None for failure in failures], dtype=bool)
        problems += [failure for failure in failures if failure is not None]
        parts[part] = indices[good]
        stores.append(ClipStore(cache, tuple(keys), chosen.targets()).subset(np.flatnonzero(good)))
    _check_classes_left(dataset, stores[0], dataset.select(split.train).targets(), problems)
    if options.early_stop is not None and not len(stores[1]):
        raise DataError(f"No clip of the validation part could be decoded, and early stop needs some: {problems[-1]}")
    return Material(dataset, replace(split, **parts), plan, stores[0], stores[1], tuple(problems))


def decode_clips(
    clips: Sequence[Clip], cache: WaveformCache, plan: TrainPlan, options: TrainOptions, *, quiet: bool
) -> tuple[list[str], list[InputError | None]]:
    """Decode sounds or pictures that the cache does not hold yet; see `clips.fill_cache`."""
    if plan.picture is not None:
        return fill_pictures(clips, cache, plan, quiet=quiet)
    return fill_cache(clips, cache, sample_rate=plan.sample_rate, mono=options.mono, quiet=quiet)


def _check_classes_left(dataset: Dataset, train: ClipStore, wanted: FloatArray, problems: Sequence[InputError]) -> None:
    lost = np.flatnonzero((wanted.sum(axis=0) > 0) & (train.targets.sum(axis=0) == 0))
    if len(lost):
        names = ", ".join(dataset.labels[i].id for i in lost)
        raise DataError(
            f"No clip of {names} could be decoded for training; repair these files, or leave the class out. "
            f"The first of {len(problems)} problems: {problems[0]}"
        )
