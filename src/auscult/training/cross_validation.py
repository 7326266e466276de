"""`cross_validate`: train and test once for each fold, and put the tested clips together."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from importlib.metadata import version
from multiprocessing.connection import wait as wait_for_processes
from pathlib import Path
from typing import Any

import numpy as np

from auscult.classifier import available_cores
from auscult.data import (
    Dataset,
    Reading,
    Split,
    check_trainable,
    fold_split,
    grouped_folds,
    leave_one_group_out,
    open_dataset,
    validation_split,
)
from auscult.errors import InputError, UsageError, unique_problems
from auscult.evaluation import Evaluation
from auscult.files import csv_text, write_text
from auscult.metrics import Figure
from auscult.progress import progress
from auscult.training.backbones import find_backbone
from auscult.training.folder import RunFolder
from auscult.training.frozen import make_ready
from auscult.training.options import TrainOptions
from auscult.training.plan import check_asked
from auscult.training.run import Run, settled_plan, source_in_config, train_split
from auscult.training.summary import write_cross_validation_report

DEFAULT_FOLDS = 5
GRACE_S = 10.0  # for processes that were told to stop


@dataclass(frozen=True)
class CrossValidation:
    """Figures over all folds.

    `metrics` are over all tested clips together, their intervals from resampling groups; `evaluation` holds the clips.
    """

    folder: Path
    folds: tuple[tuple[str, Run], ...]
    evaluation: Evaluation
    report: Path
    model: None = None

    @property
    def metrics(self) -> dict[str, Figure]:
        return self.evaluation.metrics

    @property
    def problems(self) -> tuple[InputError, ...]:
        return unique_problems(problem for _, run in self.folds for problem in run.problems)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures should know; the main figure of each fold comes first."""
        of_folds = dict.fromkeys(note for _, run in self.folds for note in run.notes)
        return (in_words(self.folds), *of_folds)

    def metrics_dict(self) -> dict[str, Any]:
        """What `metrics.json` holds: each figure, and the mean and standard deviation of the folds' own."""
        return {
            name: {**figure.to_dict(), **fold_spread([run.metrics[name].value for _, run in self.folds])}
            for name, figure in self.metrics.items()
        }


def cross_validate(
    source: str | Path | Dataset,
    *,
    output: str | Path,
    options: TrainOptions | None = None,
    n_folds: int | None = None,
    jobs: int = 1,
    reading: Reading | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> CrossValidation:
    """Train a model for each fold on the others, and measure each on the fold that it has not heard.

    Parameters
    ----------
    source, options, reading, resume, quiet : as for `train`
    output : folder for the report and figures over all folds; each fold's own run is a folder inside
    n_folds : cut this many folds by group; None: the official ones, or five where there are none
    jobs : folds trained at once, each in a process with its share of the processor's threads. Two networks on a core
        each get through more than one on two cores. As everywhere with processes, a script that asks for more than
        one must be guarded with ``if __name__ == "__main__"``.

    Raises
    ------
    DataError : the dataset cannot be cut that way
    UsageError : the folder holds another run
    """
    options = options or TrainOptions()
    for name, value, least in (("n_folds", n_folds, 2), ("jobs", jobs, 1)):
        if value is not None and value < least:
            raise UsageError(f"The '{name}' parameter must be at least {least}. Got {value} instead.")
    output = Path(output)
    dataset = open_dataset(source, reading, quiet=quiet).of_medium()
    named = source_in_config(source, reading, dataset)
    splits = fold_splits(dataset, n_folds, options)
    _check_backbone(options, quiet=quiet)
    jobs = 1 if _only_heads(options) else min(jobs, len(splits))
    if options.threads is None:
        options = replace(options, threads=max(1, available_cores() // jobs))
    RunFolder(output).open(config=_config(named, dataset, splits, options), resume=resume)
    work = [
        FoldWork(dataset, split, output / name, named, options, resume, quiet or jobs > 1) for name, split in splits
    ]
    if options.backbone == "auto" and not quiet:
        print(_in_advance(len(work), jobs, options.time), file=sys.stderr, flush=True)
    if _only_heads(options):
        _, first = splits[0]
        make_ready(dataset, *settled_plan(dataset.select(first.train).clips(), options, quiet=quiet), quiet=quiet)
    finished = [one() for one in work] if jobs == 1 else _at_once(work, jobs, quiet=quiet)
    runs = [(name, run) for (name, _), run in zip(splits, finished, strict=True)]
    evaluation = Evaluation.joined([run.evaluation for _, run in runs if run.evaluation is not None])
    evaluation.write(output)
    done = CrossValidation(output, tuple(runs), evaluation, output / "report.html")
    write_text(output / "metrics.json", json.dumps(done.metrics_dict(), indent=2) + "\n")
    write_text(output / "folds.csv", folds_to_csv(done.folds))
    write_cross_validation_report(done, dataset, options)
    return done


def _in_advance(n_folds: int, jobs: int, time: float) -> str:
    """What a person should know who chose no backbone.

    Examples
    --------
    >>> print(_in_advance(5, 2, 10.0))
    Each of 5 folds tries backbones without its test part, for up to 10 minutes (--time): 30 in all, 2 folds at once.
    """
    at_once = f", {jobs} folds at once" if jobs > 1 else ""
    return (
        f"Each of {n_folds} folds tries backbones without its test part, for up to {time:g} minutes (--time): "
        f"{math.ceil(n_folds / jobs) * time:g} in all{at_once}."
    )


def _check_backbone(options: TrainOptions, *, quiet: bool) -> None:
    """What cannot be trained leaves no folder; what has to be fetched is, once and by this process."""
    if options.backbone != "auto":
        backbone = find_backbone(options.backbone, quiet=quiet)
        check_asked(options, backbone.recipe)
        backbone.fetch(quiet)


def _only_heads(options: TrainOptions) -> bool:
    """Whether the folds share one frozen body: its embeddings take all cores, and starting processes longer than a fit.

    What "auto" chooses is known later only.
    """
    if options.backbone == "auto":
        return False
    return (options.strategy or find_backbone(options.backbone).recipe.defaults["strategy"]) == "freeze"


@dataclass(frozen=True)
class FoldWork:
    """All that the training of one fold needs, so that another process can do it."""

    dataset: Dataset
    split: Split
    folder: Path
    source: dict[str, Any]
    options: TrainOptions
    resume: bool
    quiet: bool

    def __call__(self) -> Run:
        return train_split(
            self.dataset,
            self.split,
            output=self.folder,
            source=self.source,
            options=self.options,
            resume=self.resume,
            quiet=self.quiet,
        )


def _config(
    source: dict[str, Any], dataset: Dataset, splits: Sequence[tuple[str, Split]], options: TrainOptions
) -> dict[str, Any]:
    """What `config.yaml` keeps: what was cut how, and how it is trained."""
    return {
        "auscult": version("auscult"),
        **source,
        "dataset_digest": dataset.digest(),
        "folds": {name: split.name for name, split in splits},
        "options": options.to_dict(),
    }


def _at_once(work: Sequence[FoldWork], jobs: int, *, quiet: bool) -> list[Run]:
    """Each fold in a process of its own, `jobs` at a time; the first that fails, and Ctrl-C, stop the others."""
    # What "auto" will choose, and so how many epochs there are, each fold finds out for itself.
    by_fold = any(one.options.backbone == "auto" for one in work)
    total = len(work) if by_fold else sum(one.options.epochs or _epochs(one) for one in work)
    context = multiprocessing.get_context("spawn")  # a forked process would inherit torch's threads half alive
    others = set(multiprocessing.active_children())
    with (
        progress("Training folds", total, quiet=quiet) as advance,
        ProcessPoolExecutor(jobs, mp_context=context, initializer=_stop_when_told) as pool,
    ):
        # No more than `jobs`: the pool gives what waits in it to a process that was stopped.
        futures = [pool.submit(one) for one in work[:jobs]]
        running, seen = set(futures), 0
        try:
            while running:
                done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                started = [pool.submit(one) for one in work[len(futures) : len(futures) + len(done)]]
                futures += started
                running.update(started)
                n_done = len(futures) - len(running)
                trained = n_done if by_fold else sum(_epochs_done(one.folder / "results.csv") for one in work)
                if trained > seen:
                    advance(f"{n_done} of {len(work)} folds done", done=trained - seen)
                    seen = trained
            return [future.result() for future in futures]
        except BaseException:
            processes = set(multiprocessing.active_children()) - others
            for process in processes:
                process.terminate()
            _, stuck = wait(futures, timeout=GRACE_S)
            for process in processes if stuck else ():
                process.kill()
            raise


def _epochs(work: FoldWork) -> int:
    return find_backbone(work.options.backbone).recipe.epochs(len(work.split.train))


def _stop_when_told() -> None:
    """In a fold's process: leave Ctrl-C to the process that started it, and tidy up when that one says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it can tell nobody to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_processes([parent.sentinel])
        os._exit(1)


def _epochs_done(results: Path) -> int:
    """Rows of a fold's learning curve so far."""
    try:
        return max(0, len(results.read_text(encoding="utf-8").splitlines()) - 1)
    except FileNotFoundError:
        return 0


def fold_splits(dataset: Dataset, n_folds: int | None, options: TrainOptions) -> list[tuple[str, Split]]:
    """A name and a split for each fold. A validation part is cut only where early stop needs one."""
    check_trainable(dataset)
    how = options.split or ("official" if n_folds is None and dataset.folds() else "kfold")
    if n_folds is not None and how != "kfold":
        raise UsageError(f"A number of folds belongs to the split 'kfold'. Got {how!r}; leave out one of them.")
    if how == "official":
        # A dataset without folds is told so.
        folds = dataset.folds() or (1,)
        splits = [(f"fold-{fold}", fold_split(dataset, fold, allow_leakage=options.allow_leakage)) for fold in folds]
    elif how in ("kfold", "leave-one-group-out"):
        k = DEFAULT_FOLDS if n_folds is None else n_folds
        cut = grouped_folds(dataset, k=k, seed=options.seed) if how == "kfold" else leave_one_group_out(dataset)
        splits = [(f"fold-{number:0{len(str(len(cut)))}}", split) for number, split in enumerate(cut, start=1)]
    else:
        raise UsageError(f"The split {how!r} has one test part; leave out cross_validate (--cross-validate).")
    if options.early_stop is None:
        return splits
    return [
        (name, validation_split(dataset, split, fraction=options.validation, seed=options.seed))
        for name, split in splits
    ]


def fold_spread(values: list[float | None]) -> dict[str, float | None]:
    """Mean and sample standard deviation of the folds' own figures; None where a fold has none.

    Examples
    --------
    >>> fold_spread([0.8, 0.9, 1.0])
    {'fold_mean': 0.9, 'fold_deviation': 0.1}
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(known) < 2:
        return {"fold_mean": None, "fold_deviation": None}
    return {
        "fold_mean": round(float(np.mean(known)), 6),
        "fold_deviation": round(float(np.std(known, ddof=1)), 6),
    }


def in_words(folds: Sequence[tuple[str, Run]]) -> str:
    """The main figure over the folds: its mean, its deviation, and what each fold gave."""
    main = next(iter(folds[0][1].metrics))
    values = [run.metrics[main].value for _, run in folds]
    spread = fold_spread(values)
    each = ", ".join(
        f"{name} {'-' if value is None else f'{value:.1%}'}" for (name, _), value in zip(folds, values, strict=True)
    )
    title = main.replace("_", " ")
    if spread["fold_mean"] is None:
        return f"{title} of the folds: {each}."
    return f"{title} of the folds: mean {spread['fold_mean']:.1%}, deviation {spread['fold_deviation']:.1%} ({each})."


def folds_to_csv(folds: tuple[tuple[str, Run], ...]) -> str:
    """A row a fold: its name, clips tested, and the value of each figure."""
    names = list(folds[0][1].metrics)
    rows = [[fold, run.metrics[names[0]].n, *(run.metrics[name].value for name in names)] for fold, run in folds]
    return csv_text(["fold", "n", *names], rows)
