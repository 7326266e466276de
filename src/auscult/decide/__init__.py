"""From scores to decisions: what a sound as a whole is, which of its labels are named, and what happens when."""

from auscult.decide.aggregate import Aggregate, WindowAggregate, aggregate_windows
from auscult.decide.events import EventFinder, EventOptions
from auscult.decide.ranking import rank
from auscult.decide.selection import NOT_GIVEN, Count, Names, Selection, Shortlist, Threshold, check_count
from auscult.decide.summary import LabelSummary, Summary, Summing

__all__ = [
    "NOT_GIVEN",
    "Aggregate",
    "Count",
    "EventFinder",
    "EventOptions",
    "LabelSummary",
    "Names",
    "Selection",
    "Shortlist",
    "Summary",
    "Summing",
    "Threshold",
    "WindowAggregate",
    "aggregate_windows",
    "check_count",
    "rank",
]
