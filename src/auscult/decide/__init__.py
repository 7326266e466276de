"""From scores to decisions: what a sound as a whole is, and which of its labels are named, in which order."""

from auscult.decide.aggregate import Aggregate, aggregate_windows
from auscult.decide.ranking import rank
from auscult.decide.selection import NOT_GIVEN, Count, Names, Selection, Shortlist, Threshold, check_count

__all__ = [
    "NOT_GIVEN",
    "Aggregate",
    "Count",
    "Names",
    "Selection",
    "Shortlist",
    "Threshold",
    "aggregate_windows",
    "check_count",
    "rank",
]
