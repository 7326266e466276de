"""From scores to decisions: what a sound as a whole is, and in which order its labels come."""

from auscult.decide.aggregate import Aggregate, aggregate_windows
from auscult.decide.ranking import rank

__all__ = ["Aggregate", "aggregate_windows", "rank"]
