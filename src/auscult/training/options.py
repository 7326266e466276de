"""Every choice of a training, in one place; the command line reads its defaults from here.

No torch in this file, so that `auscult train --help` is instant.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from auscult.errors import UsageError

Strategy = Literal["no_freeze", "freeze", "freeze_unfreeze", "unfreeze_milestones"]
Head = Literal["linear", "hidden"]
Size = Literal["tiny", "small", "base"]
Schedule = Literal["cosine", "one_cycle"]
Imbalance = Literal["none", "weights", "sampling"]
Precision = Literal["auto", "32", "bf16"]
SplitName = Literal["given", "official", "holdout", "kfold", "leave-one-group-out"]

# What `backbone` may be, beside "hf:" and the name or folder of a transformers checkpoint.
BACKBONES = ("auto", "scratch", "yamnet")
HF = "hf:"

_CHOICES: dict[str, tuple[str, ...]] = {
    "head": get_args(Head),
    "size": get_args(Size),
    "schedule": get_args(Schedule),
    "imbalance": get_args(Imbalance),
    "precision": get_args(Precision),
}


@dataclass(frozen=True)
class TrainOptions:
    """How to train. The defaults were chosen on UrbanSound8K's folds; see `docs/decisions/`."""

    backbone: str = "auto"
    """What training begins from: "scratch", a network that has seen no other data; "yamnet"; "hf:NAME" or "hf:FOLDER",
    a transformers checkpoint; or "auto", which tries what may be best on the clips, see the option time."""

    strategy: Strategy | None = None
    """How a pretrained backbone is trained on: "no_freeze" all of it, "freeze" the head alone, "freeze_unfreeze" the
    head first and all of it after --unfreeze-epoch, "unfreeze_milestones" in three steps, see --milestones. If not
    given, "freeze"; a scratch network is never frozen."""

    unfreeze_epoch: int | None = None
    """With freeze_unfreeze: epochs in which the head trains alone; if not given, a third of them."""

    milestones: tuple[int, int, int] | None = None
    """With unfreeze_milestones: epochs E1 and E2 and a number of layers N. After E1 epochs the last N layers of the
    backbone train too, after E2 all. If not given, a third and two thirds of the epochs, and half of the layers."""

    head: Head = "linear"
    """What tells the classes from the embedding: "linear", or with one "hidden" layer in between."""

    keep_head: bool = False
    """Keep YAMNet's own 521 classes beside the new ones, as the head yamnet of the model file; classifying takes a
    third as long again. With the strategy freeze alone: on a body that has been trained that head would no longer be
    right. transformers checkpoints have none to keep."""

    copies: int = 0
    """With the strategy freeze: altered copies of each clip that the head is fitted to beside it, as the options of
    augmentation say. Each costs as much computing as the clips; none that was tried helped."""

    layer_decay: float | None = None
    """Learning rate of each layer of a backbone over that of the layer above it, more than 0 and at most 1; if not
    given, what suits the backbone."""

    time: float = 10.0
    """Minutes in which the backbone "auto" may try what it cannot rule out; the last network may take longer. With
    --cross-validate each fold chooses for itself, without its test part, so this is for each."""

    size: Size = "small"
    """How large the scratch network is; larger ones take longer."""

    epochs: int | None = None
    """Passes over the training clips; if not given, as many as their number asks for: from scratch 250 for few, 30 for
    many, fewer on a pretrained backbone; a head on frozen embeddings needs none."""

    seed: int = 0
    """Of everything random: first weights, order of clips, augmentation, splits."""

    batch_size: int = 32
    """Clips in one step."""

    learning_rate: float | None = None
    """The highest that the schedule reaches; if not given, 0.002 from scratch, lower for a pretrained backbone."""

    weight_decay: float = 0.05
    """Of AdamW, on the weights of convolutions and the head."""

    schedule: Schedule = "cosine"
    """How the learning rate goes: "cosine" after a short rise, or "one_cycle"."""

    mixing: float = 0.8
    """Share of the clips that are mixed with another one, from 0 to 1."""

    resampling: float = 0.5
    """Share of the clips that are played faster or slower."""

    shifting: float = 1.0
    """Share of the clips that are turned round in time."""

    gain_db: float = 6.0
    """Clips are made louder or quieter by up to this many decibels."""

    noise: float = 0.2
    """Share of the clips that noise is added to."""

    masking: float = 0.5
    """Share of the spectrograms of which a band and a span are covered."""

    dropout: float = 0.2
    """Share of the embedding that is dropped in training."""

    averaging: float = 0.995
    """Decay of the running average of the weights; 0 takes the last weights."""

    imbalance: Imbalance = "none"
    """For rare classes: "weights" makes them count more, "sampling" shows them more often."""

    early_stop: int | None = None
    """Epochs without a better validation loss after which training ends; never if not given."""

    validation: float = 0.1
    """Share of the training clips kept apart, by group, for curves and early stop; with official folds none is,
    unless to stop early."""

    split: SplitName | None = None
    """Which clips are tested on: the "given" parts, an "official" fold, or clips held out by group, "holdout"; with
    --cross-validate "official" folds, "kfold" cut by group, or "leave-one-group-out". If not given, the first of these
    that there is."""

    allow_leakage: bool = False
    """Take given parts or folds although a recording, or the same content, is in more than one. The figures come out
    too good, and each one says so."""

    test: float = 0.2
    """Share of all clips kept apart, by group, for the figures, where no folds or parts are given."""

    sample_rate: int | None = None
    """Hz that the model works at; if not given, that of the clips, at most 32000."""

    window_s: float | None = None
    """Seconds that the network hears at once; if not given, as long as nearly all clips, at most 5."""

    mono: Literal["mean"] | int = "mean"
    """What of several channels: their "mean", or the number of one, from 0."""

    precision: Precision = "auto"
    """Of the network's arithmetic: "auto" takes bfloat16 where the processor multiplies it directly."""

    threads: int | None = None
    """Of the processor; all if not given."""

    def __post_init__(self) -> None:
        self._check("split", self.split in (None, *get_args(SplitName)), f"one of {', '.join(get_args(SplitName))}")
        for name, choices in _CHOICES.items():
            self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        self._check_backbone()
        self._check_strategy()
        for name in ("mixing", "resampling", "shifting", "noise", "masking"):
            self._check(name, _is_number(getattr(self, name), 0, 1), "a share from 0 to 1")
        for name in ("dropout", "averaging", "validation", "test"):
            value = getattr(self, name)
            self._check(name, _is_number(value, 0, 1) and value < 1, "at least 0 and less than 1")
        for name in ("epochs", "early_stop", "threads"):
            value = getattr(self, name)
            self._check(name, value is None or _is_whole(value, 1), "a whole number from 1")
        self._check("seed", _is_whole(self.seed, 0), "a whole number from 0")
        self._check("batch_size", _is_whole(self.batch_size, 2), "a whole number from 2, as the batch norms need")
        rate = self.learning_rate is None or _is_number(self.learning_rate, 1e-9, 10)
        self._check("learning_rate", rate, "a number from 1e-9 to 10")
        self._check("time", _is_number(self.time, 0, 100_000), "a number of minutes from 0")
        self._check("weight_decay", _is_number(self.weight_decay, 0, 10), "a number from 0 to 10")
        self._check("gain_db", _is_number(self.gain_db, 0, 60), "a number of dB from 0 to 60")
        rates_hz = self.sample_rate is None or (_is_whole(self.sample_rate, 4000) and self.sample_rate <= 192_000)
        self._check("sample_rate", rates_hz, "a whole number of Hz from 4000 to 192000")
        window_s = self.window_s is None or _is_number(self.window_s, 0.1, 120)
        self._check("window_s", window_s, "a number of seconds from 0.1 to 120")
        self._check("mono", self.mono == "mean" or _is_whole(self.mono, 0), "mean, or the number of a channel, from 0")
        self._check("early_stop", self.early_stop is None or self.validation > 0, "used with a validation part")

    def _check_backbone(self) -> None:
        named = isinstance(self.backbone, str) and self.backbone.startswith(HF) and len(self.backbone) > len(HF)
        rule = f"one of {', '.join(BACKBONES)}, or {HF}NAME_OR_FOLDER of a transformers checkpoint"
        self._check("backbone", named or self.backbone in BACKBONES, rule)

    def _check_strategy(self) -> None:
        choices = get_args(Strategy)
        self._check("strategy", self.strategy is None or self.strategy in choices, f"one of {', '.join(choices)}")
        frozen = self.strategy not in (None, "no_freeze")
        self._check("strategy", not (frozen and self.backbone == "scratch"), "no_freeze for the backbone scratch")
        self._check("strategy", self.strategy is None or self.backbone != "auto", "left open for the backbone auto")
        epoch = self.unfreeze_epoch
        self._check("unfreeze_epoch", epoch is None or _is_whole(epoch, 0), "a whole number from 0")
        belongs = epoch is None or self.strategy == "freeze_unfreeze"
        self._check("unfreeze_epoch", belongs, "used with the strategy freeze_unfreeze")
        self._check_kept()
        frozen_body = self.backbone not in ("auto", "scratch") and self.strategy in (None, "freeze")
        self._check("copies", _is_whole(self.copies, 0), "a whole number from 0")
        rule = "used with the strategy freeze of a backbone that is named: what is trained hears altered clips anyway"
        self._check("copies", frozen_body or not self.copies, rule)
        decay = self.layer_decay
        self._check(
            "layer_decay", decay is None or (_is_number(decay, 0, 1) and decay > 0), "more than 0 and at most 1"
        )
        if self.milestones is None:
            return
        stones = tuple(self.milestones)  # YAML gives a list back
        object.__setattr__(self, "milestones", stones)
        rule = "two epochs, the first not after the second, and a number of layers from 1"
        whole = len(stones) == 3 and all(_is_whole(one, 0) for one in stones)
        self._check("milestones", whole and stones[0] <= stones[1] and stones[2] >= 1, rule)
        self._check("milestones", self.strategy == "unfreeze_milestones", "used with the strategy unfreeze_milestones")

    def _check_kept(self) -> None:
        self._check("keep_head", isinstance(self.keep_head, bool), "true or false")
        asked = f"the backbone {self.backbone}" + (f" with {self.strategy}" if self.strategy else "")
        rule = "on a body that is trained that head would no longer be right, and other backbones have none to keep"
        holds = not self.keep_head or (self.backbone == "yamnet" and self.strategy in (None, "freeze"))
        self._check("keep_head", holds, f"left out for {asked}, or used with yamnet and freeze: {rule}")

    def _check(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            raise UsageError(f"The '{name}' option of training must be {rule}. Got {getattr(self, name)!r} instead.")

    def to_dict(self) -> dict[str, Any]:
        """The fields as YAML holds them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object, least: float, most: float) -> bool:
    # A NaN is in no range.
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def flag_of(name: str) -> str:
    """What the option for a parameter is called: without its unit, and without the ``n`` of a number.

    Examples
    --------
    >>> [flag_of(name) for name in ("max_clip_s", "snr_db", "n_events", "sample_rate")]
    ['max-clip', 'snr', 'events', 'sample-rate']
    """
    return name.removesuffix("_s").removesuffix("_db").removeprefix("n_").lower().replace("_", "-").strip("-")
