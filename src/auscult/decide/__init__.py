"""From scores to decisions: what a sound as a whole is, which of its labels are named, and what happens when."""

from auscult.decide.aggregate import Aggregate, WindowAggregate, aggregate_windows
from auscult.decide.events import EventFinder, EventOptions
from auscult.decide.ranking import rank
from auscult.decide.selection import NOT_GIVEN, Count, Names, Selection, Shortlist, Threshold, check_count
from auscult.decide.summary import SUMMARY_COLUMNS, LabelSummary, Summary, Summing, longest_first, summary_row

__all__ = [
    "NOT_GIVEN",
    "SUMMARY_COLUMNS",
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
    "longest_first",
    "rank",
    "summary_row",
]
