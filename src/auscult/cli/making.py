"""What `auscult detect` makes of each recording besides its events: clips, and a picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from auscult.errors import AuscultError

if TYPE_CHECKING:
    from auscult.archive.making import Maker
    from auscult.archive.results import Searched
    from auscult.archive.unit import ModelChoice
    from auscult.classifier import Classifier
    from auscult.records import Event

_Made = Iterator[tuple[Path, AuscultError | None]]


def makers_of(choice: ModelChoice, clips: Path | None, plot: Path | None, jobs: int | None) -> dict[str, Maker]:
    """What was asked for, each under a word that says where to."""
    makers: dict[str, Maker] = {}
    if clips is not None:
        makers[f"clips in {clips.absolute()}"] = _clips_into(clips)
    if plot is not None:
        makers[f"pictures in {plot.absolute()}"] = _pictures_into(plot, choice, jobs)
    return makers


def name_by_path(source: str) -> str:
    """What files of a recording are called where it is not known which others there are: as its whole path.

    Examples
    --------
    >>> name_by_path("/mnt/card/../sd/001.wav"), name_by_path("https://a.org/owl.mp3?x=1")
    ('mnt/card/sd/001', 'https/a.org/owl')
    """
    from auscult.data.writers import safe_name

    path = PurePath(source.partition("?")[0].replace("://", "/") if "://" in source else source)
    parts = [part for part in path.with_suffix("").parts if part not in (path.anchor, "..", ".")]
    return "/".join(safe_name(part) for part in parts) or "recording"


def _clips_into(folder: Path) -> Maker:
    def make(searched: Searched, name: str, events: list[Event]) -> _Made:
        from auscult.cutting import cut_clips

        for cut in cut_clips(searched.source, events, folder, name=name):
            yield cut.path.absolute(), cut.problem

    return make


def _pictures_into(folder: Path, choice: ModelChoice, jobs: int | None) -> Maker:
    @cache
    def classifier() -> Classifier:
        return choice.open(quiet=True)

    def make(searched: Searched, name: str, events: list[Event]) -> _Made:
        from auscult.picturing import draw_day

        path = (folder / f"{name}.png").absolute()
        try:
            draw_day(classifier(), searched.source, events, path, started_at=searched.started_at, workers=jobs)
        except AuscultError as problem:
            yield path, problem
        else:
            yield path, None

    return make
