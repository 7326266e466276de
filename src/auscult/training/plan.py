"""What the options leave open, settled from the clips: sample rate, window, epochs.

A plan depends on the training clips alone. It is written to the run's `config.yaml`, so that the run can be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from auscult.audio import probe, source_name
from auscult.data import Clip
from auscult.data.schema import medium_of
from auscult.errors import DataError, InputError, UsageError
from auscult.features import FeatureSpec, preset
from auscult.models.modelspec import PICTURE_FORMAT, PictureSpec
from auscult.training.options import TrainOptions, flag_of

MAX_SAMPLE_RATE = 32000
MIN_SAMPLE_RATE = 4000
MAX_WINDOW_S = 5.0
MIN_WINDOW_S = 0.5
HARDLY_LONGER = 1.1
# Clips shown to the network in a whole training, and the epochs that this may come to.
AUTO_PRESENTATIONS = 90_000
MIN_EPOCHS, MAX_EPOCHS = 30, 250


@dataclass(frozen=True)
class Recipe:
    """What a backbone asks for, and what it takes where the options leave something open.

    Parameters
    ----------
    sample_rate : Hz that the backbone works at; None: that of the clips
    features : name of the front end's preset; None: the front end is the backbone's own
    window_grid : the shortest window, and by how much longer ones may grow, in samples; None: any length
    max_window_s : longer clips are cut into several windows
    longest_window_s : the longest window that the backbone can hear, whatever is asked for; None: any
    presentations, min_epochs, max_epochs : clips shown in a whole training, and the epochs that this may come to
    defaults : values of options that are not given
    """

    sample_rate: int | None = None
    features: str | None = "auscult"
    window_grid: tuple[int, int] | None = None
    max_window_s: float = MAX_WINDOW_S
    longest_window_s: float | None = None
    presentations: int = AUTO_PRESENTATIONS
    min_epochs: int = MIN_EPOCHS
    max_epochs: int = MAX_EPOCHS
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def epochs(self, n_clips: int) -> int:
        """Few clips are shown more often, many less often.

        Examples
        --------
        >>> [Recipe().epochs(n_clips) for n_clips in (320, 2000, 100_000)]
        [250, 45, 30]
        """
        return min(max(self.presentations // max(1, n_clips), self.min_epochs), self.max_epochs)


SCRATCH = Recipe(
    defaults={"strategy": "no_freeze", "learning_rate": 2e-3, "layer_decay": 1.0},
)


@dataclass(frozen=True)
class PicturePlan:
    """Of a training on pictures: what the graph will take, and the window and hop of the sound that they are made of.

    Where that is not known, the window counts the frames of a picture.
    """

    spec: PictureSpec
    window_samples: int
    hop_samples: int


@dataclass(frozen=True)
class TrainPlan:
    """The numbers of one training: `window_samples` and `hop_samples` at `sample_rate`.

    `features` is None where the front end is a backbone's own. They are kept in the run's `config.yaml`.

    With `picture`, clips are pictures, flattened frame by frame, and `window_samples` and `hop_samples` count their
    pixels: windows and zeros behind a clip are then those of sound.
    """

    sample_rate: int
    features: FeatureSpec | None
    window_samples: int
    hop_samples: int
    epochs: int
    picture: PicturePlan | None = None

    def of_model(self) -> dict[str, Any]:
        """The fields of `ModelSpec` that say what the model takes."""
        picture = self.picture
        return {
            "sample_rate": self.sample_rate,
            "window_samples": self.window_samples if picture is None else picture.window_samples,
            "hop_samples": self.hop_samples if picture is None else picture.hop_samples,
            "features": self.features.to_dict() if self.features else None,
            **({} if picture is None else {"picture": picture.spec, "format_version": PICTURE_FORMAT}),
        }

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan_training(clips: Sequence[Clip], options: TrainOptions, recipe: Recipe = SCRATCH) -> TrainPlan:
    """Settle what `options` leaves open for clips such as `clips` and a backbone of this `recipe`.

    Raises
    ------
    DataError : where the sample rate is open and no clip can be read
    UsageError : see `check_asked`
    """
    if clips and all(medium_of(clip.uri) == "picture" for clip in clips):
        # Imported here: it makes plans.
        from auscult.training.pictures import plan_pictures

        return plan_pictures(clips, options, recipe)
    check_asked(options, recipe)
    clips = [_probed(clip) for clip in clips]
    sample_rate = recipe.sample_rate or options.sample_rate or common_sample_rate(clips)
    window_s = options.window_s or common_window_s(clips, recipe.max_window_s)
    features = preset(recipe.features, sample_rate=sample_rate) if recipe.features else None
    window_samples = max(round(window_s * sample_rate), features.n_fft if features else 1)
    if recipe.window_grid is not None:
        first, step = recipe.window_grid
        window_samples = first + step * math.ceil(max(0, window_samples - first) / step)
    return TrainPlan(
        sample_rate=sample_rate,
        features=features,
        window_samples=window_samples,
        hop_samples=max(1, window_samples // 2),
        epochs=options.epochs or recipe.epochs(len(clips)),
    )


def check_asked(options: TrainOptions, recipe: Recipe) -> None:
    """Refuse what the backbone of this `recipe` cannot do, before a clip is looked at.

    Raises
    ------
    UsageError : where the options ask for a rate that the backbone does not work at, or a window that it cannot hear
    """
    if recipe.sample_rate and options.sample_rate not in (None, recipe.sample_rate):
        raise UsageError(
            f"The 'sample_rate' option of training must be {recipe.sample_rate} for the backbone {options.backbone}, "
            f"or left open. Got {options.sample_rate} instead."
        )
    longest_s = recipe.longest_window_s
    if longest_s is not None and options.window_s is not None and options.window_s > longest_s:
        raise UsageError(
            f"The 'window_s' option of training must be at most {longest_s:g} for the backbone {options.backbone}, or "
            f"left open: longer clips are heard in several windows. Got {options.window_s:g} instead."
        )


def settle(options: TrainOptions, recipe: Recipe, epochs: int) -> TrainOptions:
    """The options with nothing left open that the loop needs: what is not given comes from the recipe.

    Raises
    ------
    UsageError : where the epochs are over before anything but the head trains, see `TrainOptions.strategy`

    Examples
    --------
    >>> settle(TrainOptions(backbone="scratch"), SCRATCH, 250).learning_rate
    0.002
    """
    open_ones = {name: value for name, value in recipe.defaults.items() if getattr(options, name) is None}
    settled = replace(options, **open_ones)
    _check_thaws(settled, epochs)
    if settled.strategy == "freeze_unfreeze" and settled.unfreeze_epoch is None:
        return replace(settled, unfreeze_epoch=max(1, epochs // 3))
    return settled


def _check_thaws(options: TrainOptions, epochs: int) -> None:
    """Refuse a schedule by which the training ends before its body begins to train."""
    name, first = "unfreeze_epoch", options.unfreeze_epoch
    if options.milestones is not None:
        name, first = "milestones", options.milestones[0]
    if first is not None and first >= epochs:
        raise UsageError(
            f"The {name!r} option of training must begin before the last of its {epochs} epochs, or the body never "
            f"trains. Got epoch {first} instead; take an earlier one, more epochs, or the strategy freeze."
        )


# What a head that is fitted to frozen embeddings has no use for.
_OF_THE_LOOP = ("epochs", "learning_rate", "layer_decay", "early_stop")


def note_on_idle(given: TrainOptions, settled: TrainOptions) -> tuple[str, ...]:
    """A sentence on options that were given and change nothing, if there are any; "auto" may use them all.

    Examples
    --------
    >>> given = TrainOptions(backbone="yamnet", epochs=5)
    >>> note_on_idle(given, settle(given, Recipe(defaults={"strategy": "freeze"}), 5))
    ('Of a head on a frozen backbone, the option epochs changes nothing.',)
    """
    idle = [flag_of(name) for name in _OF_THE_LOOP if getattr(given, name) is not None]
    if not idle or settled.strategy != "freeze" or given.backbone == "auto":
        return ()
    said = f"option {idle[0]} changes" if len(idle) == 1 else f"options {', '.join(idle)} change"
    return (f"Of a head on a frozen backbone, the {said} nothing.",)


def settled_values(given: TrainOptions, settled: TrainOptions) -> dict[str, Any]:
    """What was settled: the options that were not given, as YAML holds them."""
    before, after = given.to_dict(), settled.to_dict()
    return {name: value for name, value in after.items() if value != before[name]}


def _probed(clip: Clip) -> Clip:
    """The clip with what its file's header says, where its dataset does not; as it is where the file cannot be read."""
    if clip.sample_rate:
        return clip
    try:
        info = probe(clip.source)
    except InputError:
        return clip  # decoding will name it
    return replace(clip, sample_rate=info.sample_rate, n_frames=info.n_frames)


def common_sample_rate(clips: Sequence[Clip]) -> int:
    """The rate that half of the clips have at least, within `MIN_SAMPLE_RATE` and `MAX_SAMPLE_RATE`.

    A rate above that of the recordings would only add empty bands.
    """
    rates = [clip.sample_rate for clip in clips if clip.sample_rate]
    if not rates:
        first = f", {source_name(clips[0].source)} for one" if clips else ""
        raise DataError(
            f"None of {len(clips)} clips for training can be read{first}; check their paths, or set the sample rate."
        )
    median = int(np.percentile(rates, 50, method="lower"))
    return min(max(median, MIN_SAMPLE_RATE), MAX_SAMPLE_RATE)


def common_window_s(clips: Sequence[Clip], most_s: float = MAX_WINDOW_S) -> float:
    """A window that holds all but the longest twentieth of the clips whole, and these too if they are hardly longer.

    From half a second to `most_s`, or a little more where that holds whole clips: one of 5.001 s cut into two windows
    would be judged half by a window that is half empty.
    """
    durations_s = [duration for clip in clips if (duration := clip_duration_s(clip)) is not None]
    if not durations_s:
        return most_s
    long_s, longest_s = float(np.percentile(durations_s, 95)), max(durations_s)
    if longest_s <= HARDLY_LONGER * long_s:
        long_s = longest_s
    if long_s > HARDLY_LONGER * most_s:
        return most_s
    return max(math.ceil(long_s * 100) / 100, MIN_WINDOW_S)


def clip_duration_s(clip: Clip) -> float | None:
    """Seconds of a clip's part of its file; None where only decoding could tell."""
    end = clip.end if clip.end is not None else clip.n_frames
    if end is None or not clip.sample_rate:
        return None
    return (end - (clip.start or 0)) / clip.sample_rate
