"""How scenes are made; the command line takes its words and defaults from here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from auscult.errors import UsageError

BUILT_IN = ("pink", "white", "silence")
# A scene is in memory several times over, in double precision: of the longest, one copy is 1 GB.
MOST_SAMPLES = 2**27
# No recorder and no ear has so wide a range.
MOST_DB = 300


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """How scenes are made.

    Raises
    ------
    UsageError : a value breaks its rule
    """

    duration_s: float = 60.0
    """Length of a scene in seconds."""

    sample_rate: int = 16000
    """Of the scenes, in Hz."""

    background: tuple[str, ...] = ("pink",)
    """What the clips are laid over: pink, white, silence, or sound files. One file is cut from a drawn place, or
    repeated; several follow each other in a drawn order, at one level, faded into each other."""

    background_level_db: float = -40.0
    """Level (RMS) of the background in dBFS."""

    n_events: tuple[int, int] = (5, 10)
    """Fewest and most clips in a scene, as far as there is room."""

    snr_db: tuple[float, float] = (0.0, 20.0)
    """Least and highest signal-to-noise ratio of a clip, in dB."""

    overlap: bool = False
    """Clips of different labels may overlap. Those of one label never do."""

    gap_s: float = 0.5
    """Least time between clips that do not overlap."""

    max_clip_s: float | None = None
    """Longer clips are cut to their first so many seconds; if not given, to the length of the scene."""

    trim_db: float = 40.0
    """What is so much quieter than the loudest 10 ms of a clip is cut off at its ends."""

    pause_s: float = 1.0
    """Where a clip is so quiet for so long, it is several events."""

    fade_s: float = 0.01
    """A clip is faded in and out over this time."""

    seed: int = 0
    """Of all that is drawn. Scene 3 is the same, however many are made."""

    def __post_init__(self) -> None:
        for name in ("duration_s", "gap_s", "max_clip_s", "trim_db", "pause_s", "fade_s", "background_level_db"):
            self._make_number(name)
        for name in ("sample_rate", "seed"):
            object.__setattr__(self, name, _whole(name, getattr(self, name), 0 if name == "seed" else 1))
        try:
            check_length(self.duration_s, self.sample_rate)
        except ValueError as error:
            raise UsageError(str(error)) from None
        object.__setattr__(self, "n_events", _pair("n_events", self.n_events, whole=True))
        object.__setattr__(self, "snr_db", _pair("snr_db", self.snr_db, whole=False))
        if max(map(abs, self.snr_db)) > MOST_DB:
            raise UsageError(
                f"The 'snr_db' parameter of a scene must be within {MOST_DB} dB. Got {self.snr_db!r} instead."
            )
        self._check_background()

    def _make_number(self, name: str) -> None:
        value = getattr(self, name)
        if value is None and name == "max_clip_s":
            return
        if not _is_number(value):
            raise UsageError(f"The {name!r} parameter of a scene must be a number. Got {value!r} instead.")
        if name in ("duration_s", "max_clip_s", "trim_db", "pause_s") and not value > 0:
            raise UsageError(f"The {name!r} parameter of a scene must be above 0. Got {value!r} instead.")
        if name in ("gap_s", "fade_s") and value < 0:
            raise UsageError(f"The {name!r} parameter of a scene must be 0 or more. Got {value!r} instead.")
        if name == "background_level_db" and not -MOST_DB <= value <= 0:
            raise UsageError(f"The {name!r} parameter must be from {-MOST_DB} to 0 dBFS. Got {value!r} instead.")
        object.__setattr__(self, name, float(value))

    def _check_background(self) -> None:
        background: Any = self.background
        given = (background,) if isinstance(background, str) else tuple(background)
        if not given or not all(isinstance(one, str) and one for one in given):
            raise UsageError(
                f"The 'background' parameter must be one of {', '.join(BUILT_IN)}, or sound files. Got {given!r}."
            )
        if len(given) > 1 and set(given) & set(BUILT_IN):
            raise UsageError(
                f"The 'background' parameter must be one of {', '.join(BUILT_IN)} alone, or files. Got {given!r}."
            )
        object.__setattr__(self, "background", given)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def check_length(duration_s: float, sample_rate: int) -> None:
    """Say where a scene has no sample, or more than fit into memory.

    Raises
    ------
    ValueError
    """
    n_samples = duration_s * sample_rate
    if not 0.5 < n_samples <= MOST_SAMPLES:
        most_s = MOST_SAMPLES / max(sample_rate, 1)
        raise ValueError(
            f"The 'duration_s' of a scene must hold a sample, and at {sample_rate} Hz be at most {most_s:,.0f} s: "
            f"it is all in memory. Got {duration_s:g} s instead; make several scenes."
        )


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UsageError(
            f"The {name!r} parameter of a scene must be a whole number from {least}. Got {value!r} instead."
        )
    return int(value)


def _pair(name: str, value: Any, *, whole: bool) -> Any:
    """The least and the highest; one number stands for both."""
    pair = (value, value) if _is_number(value) else tuple(value) if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(_is_number(one) for one in pair) or pair[0] > pair[1]:
        raise UsageError(
            f"The {name!r} parameter of a scene must be one number, or the least and the highest. Got {value!r}."
        )
    if whole:
        return tuple(_whole(name, one, 0) for one in pair)
    return tuple(float(one) for one in pair)
