"""`--backbone auto`: which backbone suits these clips, tried on recordings held out of the training part.

First the frozen head on YAMNet, in seconds. Where it leaves much to gain, or enough recordings wrong that a network
without a mistake would be better by more than luck, a fine-tuned YAMNet and a network from scratch are tried too, on
short schedules within `TrainOptions.time`; then, where that is still so, a network from scratch that is shown no sound
faster or slower than it is, for classes that differ in speed or pitch alone. The best one on the held-out recordings
is then trained on all training clips. No clip of the test part has a say.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from auscult.data import Dataset, Split, validation_split
from auscult.errors import DataError, DownloadError
from auscult.files import csv_text
from auscult.records import FloatArray
from auscult.training.backbones import find_backbone
from auscult.training.fitting import build_learner, fit_network
from auscult.training.folder import RunFolder
from auscult.training.judging import predict
from auscult.training.material import Material, prepare
from auscult.training.options import Strategy, TrainOptions
from auscult.training.plan import plan_training, settle

HELD_OUT = 0.25  # of the training clips, by group
MOST_HELD_OUT = 2000  # clips: more would tell no more than they cost
LUCK = 0.05  # a rival that could not win with less than this chance of luck is not tried
MUCH = (
    0.1  # unless there is this much to gain: a handful of recordings, all of them wrong, is no proof of anything else
)
VERY_LUCKY = 0.01  # chance of a guess that passes for knowledge; there are several trials, and clips are not alone
TIMED_STEPS = 3
PLANNED = 0.8  # of a budget, in epochs
FEWEST_EPOCHS = 5  # of a trial; with too many clips for that, it sees a part of them


@dataclass(frozen=True)
class Trial:
    """A row of the table. `right` is a share of the clips held out, None where it was not tried; `note` says why.

    `without` names the option that was 0 in it, whatever was given.
    """

    backbone: str
    strategy: Strategy
    without: str = ""
    epochs: int | None = None
    n_clips: int | None = None
    seconds: float | None = None
    right: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """The backbone and strategy that were chosen, the trials in their order, and in words why."""

    backbone: str
    strategy: Strategy
    reason: str
    trials: tuple[Trial, ...] = ()
    without: str = ""

    def options(self, options: TrainOptions) -> TrainOptions:
        """The options with the choice in them."""
        return with_choice(options, self.backbone, self.strategy, self.without)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"trials": [asdict(trial) for trial in self.trials]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Choice:
        trials = tuple(Trial(**trial) for trial in values["trials"])
        return cls(values["backbone"], values["strategy"], values["reason"], trials, values["without"])

    def to_csv(self) -> str:
        names = list(Trial.__annotations__)
        return csv_text(names, [list(asdict(trial).values()) for trial in self.trials])

    def table(self) -> list[str]:
        """The trials for people, a line each.

        Examples
        --------
        >>> trial = Trial("yamnet", "freeze", "", None, 240, 2.5, 0.975)
        >>> print("\\n".join(Choice("yamnet", "freeze", "", (trial,)).table()))
        backbone  strategy   epochs  seconds  right
        yamnet    freeze          -      2.5  97.5 %
        """
        lines = ["backbone  strategy   epochs  seconds  right"]
        for trial in self.trials:
            epochs = "-" if trial.epochs is None else str(trial.epochs)
            seconds = "-" if trial.seconds is None else f"{trial.seconds:.1f}"
            right = trial.note if trial.right is None else f"{100 * trial.right:.1f} %"
            without = f" (without {trial.without})" if trial.without else ""
            lines.append(f"{trial.backbone:<9} {trial.strategy:<10} {epochs:>6}  {seconds:>7}  {right}{without}")
        return lines


@dataclass(frozen=True)
class Contest:
    """What the trials of one training have in common; `inner` holds recordings out of the training part."""

    dataset: Dataset
    inner: Split
    options: TrainOptions
    quiet: bool

    @property
    def groups(self) -> NDArray[np.str_]:
        return self.dataset.groups()

    def material(self, backbone: str, strategy: Strategy, without: str = "") -> tuple[Material, TrainOptions]:
        options = replace(with_choice(self.options, backbone, strategy, without), early_stop=None)
        recipe = find_backbone(backbone).recipe
        plan = plan_training(self.dataset.select(self.inner.train).clips(), options, recipe)
        settled = settle(options, recipe, plan.epochs)
        return prepare(self.dataset, self.inner, plan, settled, quiet=self.quiet), settled


def choose_backbone(dataset: Dataset, split: Split, options: TrainOptions, *, quiet: bool) -> Choice:
    """Try what may be best on the training part of `split`; see the top of this file."""
    if dataset.medium == "picture":
        return Choice("scratch", "no_freeze", "YAMNet hears sounds, so for pictures a network from scratch is trained.")
    rate = find_backbone("yamnet").recipe.sample_rate
    if options.sample_rate not in (None, rate):
        reason = (
            f"YAMNet works at {rate} Hz and {options.sample_rate} were asked for, so a network from scratch is trained."
        )
        return Choice("scratch", "no_freeze", reason)
    try:
        find_backbone("yamnet").fetch(quiet)
    except DownloadError as error:
        return Choice("scratch", "no_freeze", f"YAMNet cannot be had, so a network from scratch is trained. {error}")
    fraction = min(HELD_OUT, MOST_HELD_OUT / len(split.train))
    try:
        inner = validation_split(dataset, Split("inner", split.train), fraction=fraction, seed=options.seed)
    except DataError:
        return Choice("yamnet", "freeze", "No class has recordings to spare for a comparison of backbones.")
    contest = Contest(dataset, inner, options, quiet)
    ends = time.monotonic() + 60 * options.time
    first, scores = try_one(contest, "yamnet", "freeze", budget_s=math.inf)
    trials, best, best_scores = [first], first, scores
    rivals: list[tuple[str, Strategy, str]] = [("yamnet", "no_freeze", ""), ("scratch", "no_freeze", "")]
    if options.resampling:
        rivals.append(("scratch", "no_freeze", "resampling"))
    for number, rival in enumerate(rivals):
        left_s = ends - time.monotonic()
        if not could_be_beaten(best_scores):
            trials.append(Trial(*rival, note=f"not tried: {best.backbone} leaves nothing to gain"))
        elif left_s <= 0:
            trials.append(Trial(*rival, note="not tried: no time left"))
        else:
            trial, scores = try_one(contest, *rival, budget_s=left_s / (len(rivals) - number))
            trials.append(trial)
            if trial.right is not None and best.right is not None and trial.right > best.right:
                best, best_scores = trial, scores
    reason = _reason(trials, best, len(inner.validation))
    guess = guessed(contest)
    lost = [_name(trial) for trial in trials if trial.right is not None and trial.right < guess]
    if lost and could_be_beaten(best_scores):
        reason += (
            f" In so short a time, {' and '.join(lost)} told no more than guessing; a longer --time may show more."
        )
    if best.right is not None and best.right < guess and trials[-1].right is not None:
        # Some classes take a network longer to tell than a trial lasts; the last one learns most on its full schedule.
        best = trials[-1]
        reason = (
            f"No backbone told held-out clips better than guessing, so {_name(best)} gets its full schedule. {reason}"
        )
    return Choice(best.backbone, best.strategy, reason, tuple(trials), best.without)


def guessed(contest: Contest) -> float:
    """Share of the held-out clips that guessing may tell right: what is most frequent in training, and some luck."""
    dataset, inner = contest.dataset, contest.inner
    usual = dataset.select(inner.train).targets().mean(axis=0)
    targets = dataset.select(inner.validation).targets()
    share = float(told(np.tile(usual, (len(targets), 1)), targets, dataset.task).mean())
    return max(share + MUCH, lucky_share(share, len(targets)))


def lucky_share(share: float, n: int) -> float:
    """The share of `n` clips that chance tells right at best, but for one time in a hundred, where it tells `share`.

    Examples
    --------
    >>> round(lucky_share(1 / 3, 9), 3), round(lucky_share(1 / 3, 36), 3), round(lucky_share(0.1, 1000), 3)
    (0.667, 0.528, 0.123)
    """
    if not 0 < share < 1:
        return share
    tail = 0.0
    for k in range(n, 0, -1):
        ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        tail += math.exp(ways + k * math.log(share) + (n - k) * math.log(1 - share))
        if tail >= VERY_LUCKY:
            return k / n
    return 0.0


def with_choice(options: TrainOptions, backbone: str, strategy: Strategy, without: str) -> TrainOptions:
    """The options with a backbone, its strategy, and 0 for the option that `without` names."""
    changes: dict[str, Any] = {without: 0.0} if without else {}
    return replace(options, backbone=backbone, strategy=strategy, **changes)


def try_one(
    contest: Contest, backbone: str, strategy: Strategy, without: str = "", *, budget_s: float
) -> tuple[Trial, FloatArray]:
    """Train on what is left of the training part, and judge each held-out recording.

    Returns
    -------
    trial : its row of the table
    recordings : float32 (recordings,), the mean of `told` over the clips of each; in every trial the same order
    """
    began = time.monotonic()
    material, options = contest.material(backbone, strategy, without)
    budget_s -= time.monotonic() - began  # spent on decoding
    if not len(material.validation):
        note = "not tried: no clip held out could be decoded"
        return Trial(backbone, strategy, without, note=note), np.zeros(0, np.float32)
    if math.isfinite(budget_s):
        # What the schedule leaves over is for judging, and for a machine that grows busier.
        material = within(material, options, max(1.0, PLANNED * budget_s))
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit_network(material, RunFolder(folder), options, quiet=contest.quiet, trial_s=budget_s)
    logits = fitted.val_logits
    if logits is None:
        logits = predict(fitted.net, material.validation, material.plan, options.batch_size).numpy()
    of_clips = told(logits, material.validation.targets, contest.dataset.task)
    trial = Trial(
        backbone,
        strategy,
        without,
        epochs=len(fitted.rows) or None,
        n_clips=len(material.train),
        seconds=round(time.monotonic() - began, 1),
        right=round(float(of_clips.mean()), 6),
    )
    return trial, means_of_groups(of_clips, contest.groups[material.split.validation])


def within(material: Material, options: TrainOptions, budget_s: float) -> Material:
    """The material with a schedule as short as the budget asks for, and fewer clips where that is too long."""
    epoch_s = _seconds_an_epoch(material, options)
    epochs = min(material.plan.epochs, int(budget_s / epoch_s))
    train = material.train
    if epochs < FEWEST_EPOCHS < material.plan.epochs:
        epochs = FEWEST_EPOCHS
        n_clips = max(options.batch_size, int(len(train) * budget_s / (FEWEST_EPOCHS * epoch_s)))
        order = np.random.default_rng(options.seed).permutation(len(train))
        train = train.subset(np.sort(order[:n_clips]))
    return replace(material, train=train, plan=replace(material.plan, epochs=max(1, epochs)))


def _seconds_an_epoch(material: Material, options: TrainOptions) -> float:
    """By the clock, from a few steps; the first, which sets things up, is not counted."""
    learner = build_learner(material, options).train()
    batches = learner.batches(0)
    began, n_steps = 0.0, 0
    for batch in batches:
        torch.autograd.backward(learner.training_step(batch, 0))
        n_steps += 1
        if n_steps == 1:
            began = time.monotonic()
        if n_steps > TIMED_STEPS:
            break
    return max(1e-3, (time.monotonic() - began) / max(1, n_steps - 1) * len(batches))


def told(logits: FloatArray, targets: FloatArray, task: str) -> FloatArray:
    """How right each clip was told, float32 (clips,) from 0 to 1.

    With one label, whether the best class is the clip's. With many, the share of its (present, absent) pairs of classes
    that stand in the right order; 1 for a clip to which that does not apply.

    Examples
    --------
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], np.float32)
    >>> told(logits, np.array([[1, 0, 0], [1, 0, 0]], np.float32), "single_label").tolist()
    [1.0, 0.0]
    >>> told(logits, np.array([[1, 0, 1], [0, 0, 0]], np.float32), "multi_label").tolist()
    [0.5, 1.0]
    """
    if task == "single_label":
        right: FloatArray = (logits.argmax(axis=1) == targets.argmax(axis=1)).astype(np.float32)
        return right
    shares = np.ones(len(logits), np.float32)
    for row, (scores, present) in enumerate(zip(logits, targets > 0.5, strict=True)):
        if present.any() and not present.all():
            shares[row] = (scores[present][:, np.newaxis] > scores[~present]).mean()
    return shares


def means_of_groups(values: FloatArray, groups: NDArray[np.str_]) -> FloatArray:
    """The mean over the clips of each recording, recordings in the order of their names."""
    _, numbers = np.unique(groups, return_inverse=True)
    means: FloatArray = (np.bincount(numbers, values) / np.bincount(numbers)).astype(np.float32)
    return means


def could_be_beaten(recordings: FloatArray) -> bool:
    """Whether a network without a mistake would be better by much, or by more than luck.

    Luck is judged by the sign test, paired by recording: it would win every recording that is not told right throughout
    and lose none. Where few are held out, all of them may be wrong without that being proof, so much is enough.

    Examples
    --------
    >>> could_be_beaten(np.array([0, 0, 0, 0, 0, 1, 1], np.float32))
    True
    >>> could_be_beaten(np.array([0.5] * 4 + [1] * 96, np.float32))
    False
    >>> could_be_beaten(np.array([0, 0, 0, 0], np.float32))
    True
    """
    return won_by_luck(int((recordings < 1).sum()), 0) < LUCK or float((1 - recordings).mean()) > MUCH


def won_by_luck(n_won: int, n_lost: int) -> float:
    """Chance that as many or more of the recordings in which two differ are won, where each is won or lost evenly.

    Examples
    --------
    >>> won_by_luck(5, 0), won_by_luck(1, 1), won_by_luck(0, 0)
    (0.03125, 0.75, 1.0)
    """
    n = n_won + n_lost
    return float(sum(math.comb(n, k) for k in range(n_won, n + 1)) / 2**n)


def _reason(trials: Sequence[Trial], best: Trial, n_held: int) -> str:
    others = [trial for trial in trials if trial is not best]
    tried = "; ".join(f"{_name(trial)} {trial.note or f'{trial.right:.1%}'}" for trial in others)
    return f"Chosen by {n_held} clips held out of the training part: {_name(best)}, {best.right:.1%} right ({tried})."


def _name(trial: Trial) -> str:
    return f"{trial.backbone} {trial.strategy}" + (f" without {trial.without}" if trial.without else "")
