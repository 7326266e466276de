"""The records that flow through auscult: sound in, windows, scores, predictions out.

Frozen dataclasses with one validation gate each (`__post_init__`). Axes are `(channels, samples)`,
`(windows, classes)`; samples are float32 in [-1, 1]; sample positions are integers at the record's own rate.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file says of itself, without its samples being decoded.

    `n_frames` is the number of samples in each channel, None where only decoding could tell (some streams).
    """

    sample_rate: int
    n_channels: int
    n_frames: int | None
    format: str
    subtype: str

    @property
    def duration_s(self) -> float | None:
        return None if self.n_frames is None else self.n_frames / self.sample_rate


@dataclass(frozen=True)
class Sound:
    """Decoded sound as the file holds it: float32 `(channels, samples)`, nominally in [-1, 1]."""

    samples: FloatArray
    sample_rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "sample_rate", whole_rate(self.sample_rate))
        _check_samples(self.samples, "Sound", ("channels", "samples"))


@dataclass(frozen=True)
class Waveform:
    """Mono sound ready for a model: float32 `(samples,)`, nominally in [-1, 1], at `sample_rate` Hz."""

    samples: FloatArray
    sample_rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "sample_rate", whole_rate(self.sample_rate))
        _check_samples(self.samples, "Waveform", ("samples",))

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Window:
    """One window of a window plan, in samples at the model's rate.

    `valid_samples` of its `length` samples are sound; the rest, beyond the end of the sound, are zeros.
    """

    index: int
    start: int
    length: int
    valid_samples: int

    @property
    def end(self) -> int:
        """First sample after the sound in this window: the padding is not counted."""
        return self.start + self.valid_samples


@dataclass(frozen=True)
class Label:
    """A class: `id` is exact (Unicode NFC) and is what datasets and models meet by; `name` is for people."""

    id: str
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", unicodedata.normalize("NFC", self.id))
        object.__setattr__(self, "name", unicodedata.normalize("NFC", self.name or self.id))


@dataclass(frozen=True)
class Prediction:
    """A label with its score in [0, 1]: `label` is the id of a `Label`, `name` what people call it."""

    label: str
    score: float
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.label)

    def to_dict(self) -> dict[str, Any]:
        """Label and score; the name too, where it is another word than the label."""
        named = {} if self.name == self.label else {"name": self.name}
        return {"label": self.label, "score": self.score, **named}


@dataclass(frozen=True)
class Event:
    """A label that is heard in a recording from `start_s` to `end_s`, in seconds from its beginning.

    `label` is the id of a `Label`, `name` what people call it; `score`, in [0, 1], is the highest in the event.

    Examples
    --------
    >>> Event("night.flac", 12.0, 12.96, "dog", 0.75).to_dict()
    {'source': 'night.flac', 'start_s': 12.0, 'end_s': 12.96, 'label': 'dog', 'score': 0.75}
    """

    source: str
    start_s: float
    end_s: float
    label: str
    score: float
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.label)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the name only where it is another word than the label."""
        named = {} if self.name == self.label else {"name": self.name}
        return {
            "source": self.source,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "label": self.label,
            "score": self.score,
            **named,
        }


@dataclass(frozen=True)
class Scores:
    """What a model says of one sound: a row a window, a column a class, float32 in [0, 1]."""

    labels: tuple[Label, ...]
    windows: tuple[Window, ...]
    values: FloatArray
    sample_rate: int

    def __post_init__(self) -> None:
        expected = (len(self.windows), len(self.labels))
        if self.values.shape != expected:
            raise ValueError(
                f"The 'values' parameter of Scores must have the shape (windows, classes) = {expected}. "
                f"Got {self.values.shape} instead."
            )


def whole_rate(sample_rate: Any) -> int:
    """A sample rate as int; numpy's numbers and floats such as 44100.0 are whole numbers too.

    Raises
    ------
    ValueError : it is anything else

    Examples
    --------
    >>> whole_rate(44100.0)
    44100
    """
    is_whole = isinstance(sample_rate, int | np.integer) and not isinstance(sample_rate, bool)
    if isinstance(sample_rate, float | np.floating):
        is_whole = float(sample_rate).is_integer()
    if not is_whole or sample_rate <= 0:
        raise ValueError(
            f"The 'sample_rate' parameter must be a positive whole number of Hz. Got {sample_rate!r} instead."
        )
    return int(sample_rate)


def _check_samples(samples: Any, record: str, axes: tuple[str, ...]) -> None:
    is_array = isinstance(samples, np.ndarray)
    if not is_array or samples.ndim != len(axes) or samples.dtype != np.float32:
        got = f"{samples.dtype} of shape {samples.shape}" if is_array else f"a {type(samples).__name__}"
        raise ValueError(
            f"The 'samples' parameter of {record} must be float32 with axes ({', '.join(axes)}). Got {got} instead."
        )
