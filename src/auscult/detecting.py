"""From the scores of windows to events, and to a line a label: what `Classifier.detect` does to each sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from auscult.decide import EventFinder, EventOptions, Selection, Summing
from auscult.errors import UsageError
from auscult.models.modelspec import ModelSpec
from auscult.records import Event
from auscult.result import Heard

if TYPE_CHECKING:
    from auscult.scoring import AnySource, Scoring


class Detecting:
    """When the scores of a model make events. Wrong options are refused here, before any sound is read.

    Parameters
    ----------
    spec : of the model
    selection : which labels may be events. One that stands for sounds unlike all classes is none unless it is named.
        A score threshold takes the place of the model's own.
    options : see there

    Raises
    ------
    UsageError : the model takes pictures only, or an option names a label that it does not have
    """

    def __init__(self, spec: ModelSpec, selection: Selection, options: EventOptions) -> None:
        if not spec.takes_sound:
            raise UsageError(f"The model {spec.name!r} takes pictures, in which nothing has a time.")
        self._labels = spec.heads[0].labels
        # Whoever names labels is told of them also where they are not heard.
        self._is_named = selection.allow is not None
        own = spec.heads[0].thresholds
        if selection.score_threshold is not None:
            own = (selection.score_threshold,) * len(self._labels)
        self._pattern = EventFinder(
            "",
            self._labels,
            event_columns(spec, selection),
            options,
            thresholds=own,
            sample_rate=spec.sample_rate,
            window_samples=spec.window_samples,
            hop_samples=spec.hop_samples,
        )

    def finder(self, source: str) -> EventFinder:
        """What finds the events of a sound of this name."""
        return self._pattern.like(source)

    def search(self, scoring: Scoring, source: AnySource, *, every_label: bool = False) -> Iterator[Event | Heard]:
        """The events of a sound as they become certain, then what was heard, its labels summed up.

        Parameters
        ----------
        every_label : sum up all that may be events, and not only those that are heard
        """
        events = self.finder(scoring.name(source))
        always = None if every_label or self._is_named else ()
        summing = Summing(self._labels, events.columns, always=always)
        for part in scoring.heard(source, "scores"):
            if isinstance(part, Heard):
                summing.add(found := events.finish())
                yield from found
                yield replace(part, labels=summing.finish())
            else:
                summing.push(part.values)
                summing.add(found := events.push(part.windows, part.values))
                yield from found


def event_columns(spec: ModelSpec, selection: Selection) -> tuple[int, ...]:
    """Which of a model's labels may be events, by their place among them.

    Raises
    ------
    UsageError : the selection names a label that the model does not have
    """
    head = spec.heads[0]
    columns = selection.shortlist(head.labels).columns
    if selection.allow is None and head.unknown is not None:
        columns = tuple(column for column in columns if head.labels[column].id != head.unknown.label)
    return columns
