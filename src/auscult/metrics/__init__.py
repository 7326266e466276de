"""Figures of an evaluation, with intervals that resample what is independent.

Goal: say how well a model does on clips that it has not seen, and how sure one can be of it.

Conventions
-----------
* Records in (`Outcomes`), figures out (`Figure`); no model is seen here.
* Matrices are (clips, classes); confusion matrices are (true, predicted).
* Shares and scores are in [0, 1], losses in nats; `n` counts clips.
* None is "cannot be said": a figure is never guessed, and no NaN goes out.
* Clips of one recording succeed or fail together. An interval that took each clip for independent would be
  too narrow; here whole groups are resampled, with all their clips.

How far to trust an interval
----------------------------
Percentile intervals are too narrow where there are few groups. Simulated with four clips a group, whose
outcomes hang together (correlation 0.5, accuracy 0.8), an interval of 95 % for the accuracy holds the truth
in 88 % of cases with 5 or 10 groups, 92 % with 20, 94 % with 40 or 80; one that resampled clips would do so
in 74 to 80 %. Below some twenty groups, read an interval as a lower bound of the doubt.

Resampling cannot see what no group shows, either: a class with one group has no spread of its own. In
resamples that miss a class, a macro average is over the other classes.

Figures
-------
* `evaluate_outcomes`: all figures of the task, with intervals (see `single_label` and `multi_label` for the
  lists)
* `evaluate_events`, `events_per_class`: found events beside true ones (see `events` for the rules)
* `confusion_matrix`, `normalise_rows`, `per_class`: tables
"""

from auscult.metrics.events import (
    EventClassFigures,
    EventCriteria,
    EventOutcomes,
    EventRule,
    evaluate_events,
    events_per_class,
)
from auscult.metrics.figures import evaluate_outcomes
from auscult.metrics.outcomes import Figure, Outcomes, Task
from auscult.metrics.tables import ClassFigures, confusion_matrix, normalise_rows, per_class

__all__ = [
    "ClassFigures",
    "EventClassFigures",
    "EventCriteria",
    "EventOutcomes",
    "EventRule",
    "Figure",
    "Outcomes",
    "Task",
    "confusion_matrix",
    "evaluate_events",
    "evaluate_outcomes",
    "events_per_class",
    "normalise_rows",
    "per_class",
]
