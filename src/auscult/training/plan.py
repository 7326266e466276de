"""What the options leave open, settled from the clips: sample rate, window, epochs.

A plan depends on the training clips alone. It is written to the run's `config.yaml`, so that the run can be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from auscult.audio import probe
from auscult.data import Clip
from auscult.errors import DataError, InputError
from auscult.features import FeatureSpec, preset
from auscult.training.options import TrainOptions

MAX_SAMPLE_RATE = 32000
MIN_SAMPLE_RATE = 4000
MAX_WINDOW_S = 5.0
MIN_WINDOW_S = 0.5
HARDLY_LONGER = 1.1
# Clips shown to the network in a whole training, and the epochs that this may come to.
AUTO_PRESENTATIONS = 90_000
MIN_EPOCHS, MAX_EPOCHS = 30, 250


@dataclass(frozen=True)
class TrainPlan:
    """The numbers of one training: `window_samples` and `hop_samples` at `features.sample_rate`.

    They are kept in the run's `config.yaml`.
    """

    features: FeatureSpec
    window_samples: int
    hop_samples: int
    epochs: int

    @property
    def sample_rate(self) -> int:
        return self.features.sample_rate

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan_training(clips: Sequence[Clip], options: TrainOptions) -> TrainPlan:
    """Settle what `options` leaves open for clips such as `clips`.

    Raises
    ------
    DataError : where the sample rate is open and no clip can be read
    """
    clips = [_probed(clip) for clip in clips]
    sample_rate = options.sample_rate or common_sample_rate(clips)
    window_s = options.window_s or common_window_s(clips)
    features = preset("auscult", sample_rate=sample_rate)
    window_samples = max(round(window_s * sample_rate), features.n_fft)
    return TrainPlan(
        features=features,
        window_samples=window_samples,
        hop_samples=max(1, window_samples // 2),
        epochs=options.epochs or auto_epochs(len(clips)),
    )


def _probed(clip: Clip) -> Clip:
    """The clip with what its file's header says, where its dataset does not; as it is where the file cannot be read."""
    if clip.sample_rate:
        return clip
    try:
        info = probe(clip.path)
    except InputError:
        return clip  # decoding will name it
    return replace(clip, sample_rate=info.sample_rate, n_frames=info.n_frames)


def common_sample_rate(clips: Sequence[Clip]) -> int:
    """The rate that half of the clips have at least, within `MIN_SAMPLE_RATE` and `MAX_SAMPLE_RATE`.

    A rate above that of the recordings would only add empty bands.
    """
    rates = [clip.sample_rate for clip in clips if clip.sample_rate]
    if not rates:
        first = f", {clips[0].path} for one" if clips else ""
        raise DataError(
            f"None of {len(clips)} clips for training can be read{first}; check their paths, or set the sample rate."
        )
    median = int(np.percentile(rates, 50, method="lower"))
    return min(max(median, MIN_SAMPLE_RATE), MAX_SAMPLE_RATE)


def common_window_s(clips: Sequence[Clip]) -> float:
    """A window that holds all but the longest twentieth of the clips whole, and these too if they are hardly longer.

    From half a second to five, or a little more where that holds whole clips: one of 5.001 s cut into two windows would
    be judged half by a window that is half empty.
    """
    durations_s = [duration for clip in clips if (duration := clip_duration_s(clip)) is not None]
    if not durations_s:
        return MAX_WINDOW_S
    long_s, longest_s = float(np.percentile(durations_s, 95)), max(durations_s)
    if longest_s <= HARDLY_LONGER * long_s:
        long_s = longest_s
    if long_s > HARDLY_LONGER * MAX_WINDOW_S:
        return MAX_WINDOW_S
    return max(math.ceil(long_s * 100) / 100, MIN_WINDOW_S)


def clip_duration_s(clip: Clip) -> float | None:
    """Seconds of a clip's part of its file; None where only decoding could tell."""
    end = clip.end if clip.end is not None else clip.n_frames
    if end is None or not clip.sample_rate:
        return None
    return (end - (clip.start or 0)) / clip.sample_rate


def auto_epochs(n_clips: int) -> int:
    """Few clips are shown more often, many less often.

    Examples
    --------
    >>> auto_epochs(320), auto_epochs(2000), auto_epochs(100_000)
    (250, 45, 30)
    """
    return min(max(AUTO_PRESENTATIONS // n_clips, MIN_EPOCHS), MAX_EPOCHS)
