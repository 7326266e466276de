"""What a scene is made of, as plain records that go into JSON and back."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auscult.data.writers import safe_name
from auscult.scenes.options import BUILT_IN, MOST_DB, check_length

_Span = tuple[float, float]


@dataclass(frozen=True)
class Placement:
    """A clip in a scene.

    Attributes
    ----------
    clip : its file
    label : what it is
    start_s : where it begins in the scene
    snr_db : its signal-to-noise ratio
    clip_start_s, clip_end_s : the part of the file that is heard
    events : where it sounds in the scene, pauses left out: what the truth says

    Raises
    ------
    ValueError : a value breaks its rule
    """

    clip: str
    label: str
    start_s: float
    snr_db: float
    clip_start_s: float
    clip_end_s: float
    events: tuple[_Span, ...]

    def __post_init__(self) -> None:
        _check("start_s", self.start_s >= 0, "0 s or more", self.start_s)
        _check("snr_db", abs(self.snr_db) <= MOST_DB, f"within {MOST_DB} dB", self.snr_db)
        span = (self.clip_start_s, self.clip_end_s)
        _check("clip_start_s", 0 <= span[0] < span[1] < math.inf, "before 'clip_end_s'", span)
        for start_s, end_s in self.events:
            _check("events", 0 <= start_s < end_s < math.inf, "a start before an end", (start_s, end_s))


@dataclass(frozen=True)
class ScenePlan:
    """All that a scene is made of; `render` makes the same bits of it each time.

    Attributes
    ----------
    name : of its file, without ending
    duration_s, sample_rate, background_level_db, trim_db, fade_s : as in `SceneOptions`
    background : a built-in one, or files one after the other, the first from `background_start_s` on
    noise_seed : of a built-in background
    placements : by start

    Raises
    ------
    ValueError : a value breaks its rule
    """

    name: str
    duration_s: float
    sample_rate: int
    background: tuple[str, ...]
    background_level_db: float
    background_start_s: float
    noise_seed: int
    trim_db: float
    fade_s: float
    placements: tuple[Placement, ...]

    def __post_init__(self) -> None:
        check_name(self.name)
        check_length(self.duration_s, self.sample_rate)
        for name in ("background_start_s", "noise_seed", "fade_s"):
            value = getattr(self, name)
            _check(name, 0 <= value < math.inf, "0 or more", value)
        _check("trim_db", 0 < self.trim_db < math.inf, "above 0 dB", self.trim_db)
        level_db = self.background_level_db
        _check("background_level_db", -MOST_DB <= level_db <= 0, f"from {-MOST_DB} to 0 dBFS", level_db)
        is_one_kind = len(self.background) == 1 or not set(self.background) & set(BUILT_IN)
        _check("background", bool(self.background) and is_one_kind, "one that is built in, or files", self.background)
        for one in self.placements:
            _check("start_s", one.start_s < self.duration_s, f"in the scene of {self.duration_s:g} s", one.start_s)

    def to_dict(self, folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """For JSON; floats keep every bit. Files are named from `folder` on, see `path_from`; None: as they are."""
        return {
            **vars(self),
            "background": [path_from(folder, one) for one in self.background],
            "placements": [
                {**vars(one), "clip": path_from(folder, one.clip), "events": [list(span) for span in one.events]}
                for one in self.placements
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], folder: str | os.PathLike[str] | None = None) -> ScenePlan:
        """What `to_dict` gave for this `folder`.

        Raises
        ------
        KeyError, TypeError, ValueError : it is something else
        """
        placements = tuple(
            Placement(
                clip=_path_in(folder, str(one["clip"])),
                label=str(one["label"]),
                start_s=float(one["start_s"]),
                snr_db=float(one["snr_db"]),
                clip_start_s=float(one["clip_start_s"]),
                clip_end_s=float(one["clip_end_s"]),
                events=tuple((float(start), float(end)) for start, end in one["events"]),
            )
            for one in values["placements"]
        )
        return cls(
            name=str(values["name"]),
            duration_s=float(values["duration_s"]),
            sample_rate=int(values["sample_rate"]),
            background=tuple(_path_in(folder, str(one)) for one in values["background"]),
            background_level_db=float(values["background_level_db"]),
            background_start_s=float(values["background_start_s"]),
            noise_seed=int(values["noise_seed"]),
            trim_db=float(values["trim_db"]),
            fade_s=float(values["fade_s"]),
            placements=placements,
        )


def path_from(folder: str | os.PathLike[str] | None, name: str) -> str:
    """A file as a path from `folder` on, so that both can move together.

    It stays absolute where the two have only the root in common, and so do not move together. A built-in background
    is no file.

    Examples
    --------
    >>> path_from("/data/scenes", "/data/esc10/dog.wav"), path_from("/tmp/scenes", "/data/esc10/dog.wav")
    ('../esc10/dog.wav', '/data/esc10/dog.wav')
    """
    if folder is None or name in BUILT_IN:
        return name
    path, start = os.path.abspath(name), os.path.abspath(folder)
    try:
        shared = Path(os.path.commonpath([path, start]))
    except ValueError:  # on another drive
        return path
    return path if shared == Path(shared.anchor) else Path(os.path.relpath(path, start)).as_posix()


def _path_in(folder: str | os.PathLike[str] | None, name: str) -> str:
    return name if folder is None or name in BUILT_IN else os.path.abspath(os.path.join(folder, name))


def check_name(name: str) -> None:
    """Say where a scene is called as no file can be.

    Raises
    ------
    ValueError
    """
    _check("name", safe_name(name) == name, f"the name of a file, such as {safe_name(name)!r}", name)


def _check(name: str, is_right: bool, rule: str, value: object) -> None:
    if not is_right:
        raise ValueError(f"The {name!r} of a scene must be {rule}. Got {value!r} instead.")
