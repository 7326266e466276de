"""What lies where: drawn with a seed, chosen in a table, or read back from JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auscult.audio import probe
from auscult.errors import DataError, InputError, UsageError
from auscult.scenes.clips import ClipSounds, SceneClip
from auscult.scenes.options import BUILT_IN, MOST_DB, SceneOptions
from auscult.scenes.records import Placement, ScenePlan, check_name

PLAN_VERSION = 1
# Where clips may overlap, so often a place is drawn for one before it is left out.
N_TRIES = 100


def plan_scenes(
    clips: Sequence[SceneClip],
    options: SceneOptions,
    n_scenes: int = 1,
    *,
    on_problem: Callable[[InputError], None] | None = None,
) -> Iterator[ScenePlan]:
    """Draw scenes, one after the other.

    A label is drawn first, each as likely as the others. Its clips come in a drawn order, none again before all have
    come. The ratio is drawn evenly between the two of `snr_db`, the place evenly among those where the clip fits. Clips
    for which there is no room are left out.

    Parameters
    ----------
    clips : at least one
    options : see there
    n_scenes : how many, from 1
    on_problem : called with what is wrong with a clip that cannot be read or is all silence, in whose place another is
        drawn; None: it is raised

    Raises
    ------
    UsageError : no clips, or no scenes
    InputError : a clip, or with `on_problem` each of them, or a background cannot be read, or is all silence
    """
    if not clips:
        raise UsageError("The 'clips' parameter of plan_scenes must hold at least one clip. Got none.")
    if isinstance(n_scenes, bool) or not isinstance(n_scenes, int) or n_scenes < 1:
        raise UsageError(f"The number of scenes must be a whole number from 1. Got {n_scenes!r} instead.")
    return _planned(clips, options, n_scenes, on_problem)


def _planned(
    clips: Sequence[SceneClip],
    options: SceneOptions,
    n_scenes: int,
    on_problem: Callable[[InputError], None] | None,
) -> Iterator[ScenePlan]:
    by_label: dict[str, list[SceneClip]] = {}
    for clip in sorted(clips, key=lambda one: (one.label, one.path, one.start_s)):
        by_label.setdefault(clip.label, []).append(clip)
    draw = _Draw(list(by_label.values()), options, on_problem)
    for number in range(1, n_scenes + 1):
        generator = np.random.default_rng([options.seed, number])
        yield _plan(f"scene-{number:04d}", options, generator, tuple(draw.placements(generator)))


def _plan(
    name: str, options: SceneOptions, generator: np.random.Generator, placements: tuple[Placement, ...]
) -> ScenePlan:
    background = options.background
    start_s = 0.0
    if background[0] not in BUILT_IN:
        background = tuple(os.path.abspath(background[i]) for i in generator.permutation(len(background)))
        duration_s = probe(background[0]).duration_s
        if len(background) == 1 and duration_s is not None and duration_s > options.duration_s:
            start_s = float(generator.uniform(0, duration_s - options.duration_s))
    return ScenePlan(
        name=name,
        duration_s=options.duration_s,
        sample_rate=options.sample_rate,
        background=background,
        background_level_db=options.background_level_db,
        background_start_s=start_s,
        noise_seed=int(generator.integers(2**32)),
        trim_db=options.trim_db,
        fade_s=options.fade_s,
        placements=tuple(sorted(placements, key=lambda one: (one.start_s, one.label, one.clip))),
    )


@dataclass
class _Drawn:
    """A clip that was drawn: spans in samples of its file; `start` in the scene comes later."""

    clip: SceneClip
    snr_db: float
    spans: list[tuple[int, int]]
    start: int = 0

    @property
    def length(self) -> int:
        return self.spans[-1][1] - self.spans[0][0]


class _Draw:
    def __init__(
        self,
        by_label: list[list[SceneClip]],
        options: SceneOptions,
        on_problem: Callable[[InputError], None] | None = None,
    ) -> None:
        self._by_label = by_label
        self._on_problem = on_problem
        self._options = options
        self._rate = options.sample_rate
        self._length = round(options.duration_s * self._rate)
        self._gap = round(options.gap_s * self._rate)
        self._sounds = ClipSounds(self._rate)
        # Of each label the clips that have not come yet, and a generator of its own for the order of the next round.
        self._left: list[list[SceneClip]] = [[] for _ in by_label]
        self._orders = [np.random.default_rng([options.seed, 0, number]) for number in range(len(by_label))]

    def placements(self, generator: np.random.Generator) -> list[Placement]:
        options = self._options
        n = int(generator.integers(options.n_events[0], options.n_events[1] + 1))
        drawn = [self._drawn(generator) for _ in range(n)]
        placed = self._anywhere(drawn, generator) if options.overlap else self._in_a_row(drawn, generator)
        return [_placement(one, self._rate) for one in placed]

    def _drawn(self, generator: np.random.Generator) -> _Drawn:
        while True:
            number, clip = self._next(generator)
            snr_db = float(generator.uniform(*self._options.snr_db))
            try:
                return self.cut(clip, snr_db)
            except InputError as problem:
                if self._on_problem is None:
                    raise
                self._on_problem(problem)
                self._by_label[number].remove(clip)
                if not self._by_label[number]:
                    del self._by_label[number], self._left[number], self._orders[number]
                if not self._by_label:
                    raise

    def _next(self, generator: np.random.Generator) -> tuple[int, SceneClip]:
        """The number of a label, and the clip of it whose turn it is."""
        number = int(generator.integers(len(self._by_label)))
        left, of_label = self._left[number], self._by_label[number]
        if not left:
            left += [of_label[i] for i in self._orders[number].permutation(len(of_label))]
        return number, left.pop()

    def cut(self, clip: SceneClip, snr_db: float) -> _Drawn:
        """A clip without what is silent at its ends, and no longer than allowed."""
        spans = self._sounds.sound_of(clip, trim_db=self._options.trim_db, pause_s=self._options.pause_s)
        longest_s = self._options.max_clip_s
        longest = self._length if longest_s is None else min(self._length, round(longest_s * self._rate))
        last = spans[0][0] + longest
        return _Drawn(clip, snr_db, [(start, min(end, last)) for start, end in spans if start < last])

    def _in_a_row(self, drawn: list[_Drawn], generator: np.random.Generator) -> list[_Drawn]:
        """All places where clips do not overlap are as likely: what is free is cut at drawn points."""
        fitting: list[_Drawn] = []
        free = self._length
        for one in drawn:
            needed = one.length + (self._gap if fitting else 0)
            if needed <= free:
                fitting.append(one)
                free -= needed
        position = 0
        before = np.sort(generator.integers(0, free + 1, len(fitting)))
        for one, free_before in zip(fitting, before.tolist(), strict=True):
            one.start = position + free_before
            position += one.length + self._gap
        return fitting

    def _anywhere(self, drawn: list[_Drawn], generator: np.random.Generator) -> list[_Drawn]:
        placed: list[_Drawn] = []
        for one in drawn:
            same = [other for other in placed if other.clip.label == one.clip.label]
            for _ in range(N_TRIES):
                one.start = int(generator.integers(0, self._length - one.length + 1))
                if all(
                    one.start >= other.start + other.length + self._gap
                    or other.start >= one.start + one.length + self._gap
                    for other in same
                ):
                    placed.append(one)
                    break
        return placed


def _placement(one: _Drawn, rate: int) -> Placement:
    shift = one.start - one.spans[0][0]
    return Placement(
        clip=one.clip.path,
        label=one.clip.label,
        start_s=one.start / rate,
        snr_db=one.snr_db,
        clip_start_s=one.spans[0][0] / rate,
        clip_end_s=one.spans[-1][1] / rate,
        events=tuple(((start + shift) / rate, (end + shift) / rate) for start, end in one.spans),
    )


def chosen_scenes(table: str | os.PathLike[str], options: SceneOptions) -> list[ScenePlan]:
    """Scenes as a table says: a row a clip.

    Parameters
    ----------
    table : CSV with the columns ``clip`` (a path, from the table's folder on), ``start_s`` (where its sound begins in
        the scene) and ``snr_db``, and if wanted ``label`` (else the name of the clip's folder) and ``scene`` (else
        all are one)
    options : of length and background; what is drawn there plays no part, but for the background

    Raises
    ------
    DataError : the table cannot be read, or a clip does not begin in the scene
    InputError : a clip or a background cannot be read, or is all silence
    """
    from auscult.data.tables import read_table

    path = Path(table)
    read = read_table(path)
    missing = [column for column in ("clip", "start_s", "snr_db") if column not in read.header]
    if missing:
        raise DataError(f"{read.name}: a table of a scene needs the column {missing[0]!r}. Got {list(read.header)}.")
    draw = _Draw([], options)
    scenes: dict[str, list[Placement]] = {}
    for row in read.rows:
        fields = row.fields
        clip = os.path.abspath(path.parent / str(fields["clip"]))
        label = str(fields.get("label") or Path(clip).parent.name)
        start_s, snr_db = (_number(read.name, row.place, name, fields[name]) for name in ("start_s", "snr_db"))
        if abs(snr_db) > MOST_DB:
            raise DataError(f"{read.name}: a ratio must be within {MOST_DB} dB. Got {snr_db:g} ({row.place}).")
        if not 0 <= start_s < options.duration_s:
            raise DataError(
                f"{read.name}: a clip must begin in the scene, from 0 to {options.duration_s:g} s. Got {start_s:g} "
                f"({row.place})."
            )
        one = draw.cut(SceneClip(clip, label), snr_db)
        one.start = round(start_s * options.sample_rate)
        scene = str(fields.get("scene") or "scene-0001")
        try:
            check_name(scene)
        except ValueError as error:
            raise DataError(f"{read.name}: {error} ({row.place})") from None
        scenes.setdefault(scene, []).append(_placement(_within(one, options), options.sample_rate))
    if not scenes:
        raise DataError(f"{read.name}: the table has no rows; give a clip in each.")
    return [
        _plan(name, options, np.random.default_rng([options.seed, number]), tuple(placements))
        for number, (name, placements) in enumerate(scenes.items(), start=1)
    ]


def _within(one: _Drawn, options: SceneOptions) -> _Drawn:
    """What would last beyond the end of the scene is cut there."""
    last = one.spans[0][0] + round(options.duration_s * options.sample_rate) - one.start
    one.spans = [(start, min(end, last)) for start, end in one.spans if start < last]
    return one


def _number(name: str, place: str, column: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise DataError(f"{name}: the column {column!r} must hold numbers. Got {value!r} instead ({place}).")
    return number


def read_plans(path: str | os.PathLike[str]) -> list[ScenePlan]:
    """The plans that `write_scenes` wrote as ``scenes.json``.

    Raises
    ------
    DataError : it cannot be read, or is something else
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["version"] != PLAN_VERSION:
            raise DataError(
                f"{path}: this is version {content['version']!r} of such files, and version {PLAN_VERSION} is known; "
                "use the auscult that wrote it."
            )
        return [ScenePlan.from_dict(values, Path(path).parent) for values in content["scenes"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Of a KeyError, the text is the key alone.
        said = repr(error) if isinstance(error, KeyError) else str(error)
        raise DataError(f"{path}: this is no scenes.json as `auscult mix` writes it ({said.rstrip('.')}).") from error
