"""What a page about a dataset shows: records without any drawing in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from auscult.report.plots import Spectrogram

MOST_BARS = 24


@dataclass(frozen=True)
class Lengths:
    """How many clips have which length.

    Parameters
    ----------
    edges_s : rising, one more than there are bars; two equal ones where all clips have one length
    counts : clips of each bar; a clip at an edge is in the bar that begins there, at the last edge in the last bar
    """

    edges_s: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, durations_s: Sequence[float]) -> Lengths:
        """Bars of a round width, `MOST_BARS` at most; each twice as wide as the one before where lengths differ widely.

        Examples
        --------
        >>> Lengths.of([4.0, 4.0])
        Lengths(edges_s=(4.0, 4.0), counts=(2,))
        >>> Lengths.of([0.6, 1.2, 1.4]).edges_s
        (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35, 1.4)
        """
        least, most = min(durations_s), max(durations_s)
        if most - least < 0.005:
            return cls((round(least, 3), round(least, 3)), (len(durations_s),))
        if least > 0 and most / least > 100:
            edges = [2.0**i for i in range(math.floor(math.log2(least)), math.ceil(math.log2(most)) + 1)]
        else:
            step = _round_step((most - least) / MOST_BARS)
            first, last = math.floor(least / step + 1e-6), math.ceil(most / step - 1e-6)
            edges = [round(i * step, 6) for i in range(first, last + 1)]
        # Rounding must not put the shortest or the longest beyond the edges.
        inside = np.clip(np.asarray(durations_s), edges[0], edges[-1])
        return cls(tuple(edges), tuple(np.histogram(inside, edges)[0].tolist()))

    def names(self) -> list[str]:
        """The edges in words, as few digits as tell them apart."""
        return [f"{edge:g}" if edge < 1e5 else f"{edge:.0f}" for edge in self.edges_s]


@dataclass(frozen=True, eq=False)
class Example:
    """A clip to look at: its name, its length, and its log-mel in dB."""

    name: str
    duration_s: float
    spectrogram: Spectrogram


@dataclass(frozen=True, eq=False)
class ExampleSheet:
    """A few clips of each class, all on one scale of colours: `low_db` is dark, `high_db` bright."""

    rows: tuple[tuple[str, tuple[Example, ...]], ...]
    low_db: float
    high_db: float


@dataclass(frozen=True)
class DataFinding:
    """A sentence; `harms` is whether figures come out wrong."""

    text: str
    harms: bool


@dataclass(frozen=True)
class SamePair:
    """Two clips that hold the same sound, and for how long."""

    first: str
    second: str
    where: str
    common_s: float
    similarity: float


@dataclass(frozen=True, eq=False)
class DataReport:
    """All that a page about a dataset can say; what is empty is left out of it.

    Parameters
    ----------
    title : of the page
    facts : name -> what is to be said, the first ones first
    findings : sentences, what harms figures first
    labels : names of the classes
    clips_of_classes : name of a part -> clips of each class, in the order of `labels`
    lengths : None where no clip says how long it is
    sheet : examples of each class
    pairs : near duplicates, those that matter most first
    unreadable : (name, reason)
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[DataFinding, ...] = ()
    labels: tuple[str, ...] = ()
    clips_of_classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lengths: Lengths | None = None
    sheet: ExampleSheet | None = None
    pairs: tuple[SamePair, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... times a power of ten that is not below `least`.

    >>> _round_step(0.033), _round_step(0.06), _round_step(2.0)
    (0.05, 0.1, 2.0)
    """
    tenth = 10.0 ** math.floor(math.log10(least))
    return next(factor * tenth for factor in (1, 2, 5, 10) if factor * tenth >= least * (1 - 1e-9))
