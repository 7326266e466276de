"""When scores make an event: the options of `EventOptions` on the command line, for all commands that find events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from auscult.decide import EventOptions
from auscult.decide.selection import columns_of
from auscult.errors import UsageError

if TYPE_CHECKING:
    from auscult.records import Label

DEFAULTS = EventOptions()


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """When scores make an event."""

    on: Annotated[list[str] | None, Parameter(metavar="SCORE|LABEL=SCORE")] = None
    """An event begins at this score, from 0 to 1; if not given, at the model's own threshold of the label, or 0.5. For
    a label of its own: Dog=0.3. May be given several times."""

    off: Annotated[list[str] | None, Parameter(metavar="SCORE|LABEL=SCORE")] = None
    """It lasts while the score is at least this; if not given, 0.15 below --on, but at least half of it."""

    smooth: Annotated[float, Parameter(metavar="SECONDS")] = DEFAULTS.smooth_s
    """Scores are averaged over this time first."""

    min: Annotated[float, Parameter(metavar="SECONDS")] = DEFAULTS.min_s
    """Shorter events are left out."""

    gap: Annotated[float, Parameter(metavar="SECONDS")] = DEFAULTS.max_gap_s
    """Events of a label that lie at most this far apart become one."""

    pad: Annotated[float, Parameter(metavar="SECONDS")] = DEFAULTS.pad_s
    """Added before and after each event."""

    top_k: Annotated[int | None, Parameter(name=["--top-k", "-k"])] = DEFAULTS.top_k
    """A label counts only where it is among this many best of a window."""

    max_per_minute: int | None = DEFAULTS.max_per_minute
    """Leave out events of a label of which so many began in the minute before."""

    @property
    def names_labels(self) -> bool:
        """Whether `options` needs to know the labels of the model."""
        return any("=" in one for one in (*(self.on or ()), *(self.off or ())))

    def check(self) -> None:
        """Say what is wrong with a value before a model is opened for it.

        Raises
        ------
        UsageError
        """
        self.options([])

    def options(self, labels: Sequence[Label]) -> EventOptions:
        """What the commands take, for a model with these labels.

        Parameters
        ----------
        labels : of the model; none where it is not open yet, and named ones cannot be looked up

        Raises
        ------
        UsageError : a value breaks its rule, or names a label that the model does not have
        """
        return EventOptions(
            on=_levels("on", self.on, labels),
            off=_levels("off", self.off, labels),
            smooth_s=self.smooth,
            min_s=self.min,
            max_gap_s=self.gap,
            pad_s=self.pad,
            top_k=self.top_k,
            max_per_minute=self.max_per_minute,
        )


def _levels(name: str, given: Sequence[str] | None, labels: Sequence[Label]) -> float | dict[str, float] | None:
    """
    >>> from auscult.records import Label
    >>> _levels("on", ["0.5", "Dog=0.25"], [Label("/m/1", "Dog"), Label("/m/2", "Cat")])
    {'/m/1': 0.25, '/m/2': 0.5}
    >>> _levels("on", ["0.5"], []), _levels("on", ["a=b=0.5"], [])
    (0.5, {'a=b': 0.5})
    """
    overall: float | None = None
    named: dict[str, float] = {}
    for one in given or ():
        label, sign, score = one.rpartition("=")
        try:
            level = float(score)
        except ValueError:
            raise UsageError(
                f"--{name} {one}: must be a score from 0 to 1, or a label and its score such as Dog=0.3."
            ) from None
        if not sign:
            overall = level
        else:
            for column in columns_of(name, [label], labels) if labels else ():
                named[labels[column].id] = level
            if not labels:
                named[label] = level
    if not named:
        return overall
    return named if overall is None else {label.id: overall for label in labels} | named
