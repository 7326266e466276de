"""Recordings that may end a process, searched one by one in a process of their own; see `alone`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from auscult import alone
from auscult.alone import Begun, Crashed, Said, Unclear
from auscult.archive.unit import ModelChoice
from auscult.decide import EventOptions, LabelSummary
from auscult.errors import InputError
from auscult.records import Event
from auscult.result import Heard

Tried = Begun | Event | Heard | InputError | Crashed | Unclear


def try_alone(
    sources: Sequence[str], choice: ModelChoice, options: EventOptions, *, workers: int | None
) -> Generator[tuple[int, Tried], None, None]:
    """What `Classifier.detect_many` gives, with the index of the source, in processes that may end at any of them.

    Raises
    ------
    KeyboardInterrupt : the child was stopped from outside
    """
    given = {"model": choice.to_dict(), "options": asdict(options), "workers": workers}
    with closing(alone.try_alone(f"{__name__}:searching", given, sources)) as tried:
        for index, one in tried:
            yield index, _found(*one.value) if isinstance(one, Said) else one


def searching(given: Mapping[str, Any]) -> Callable[[str], Iterator[Any]]:
    """What the child does with each recording."""
    classifier = ModelChoice(**given["model"]).open(quiet=True)
    options = EventOptions(**given["options"])

    def search(source: str) -> Iterator[Any]:
        for one in classifier.detect_many([source], options, workers=given["workers"]):
            if isinstance(one, InputError):
                values = {name: getattr(one, name) for name in ("source", "kind", "problem", "next_step")}
            else:
                values = asdict(one)
            yield type(one).__name__, values

    return search


def _found(kind: str, values: dict[str, Any]) -> Event | Heard | InputError:
    if kind == Heard.__name__:
        values["labels"] = tuple(LabelSummary(**label) for label in values["labels"])
        return Heard(**values)
    return Event(**values) if kind == Event.__name__ else InputError(**values)
