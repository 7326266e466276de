"""Help pages: what is set often comes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cyclopts import Group
from cyclopts.help import DefaultFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

# A panel for each, in this order; options that are named nowhere here are in the last.
TRAINING_PANELS: Mapping[str, tuple[str, ...]] = {
    "What training begins from": (
        "backbone",
        "strategy",
        "unfreeze-epoch",
        "milestones",
        "head",
        "layer-decay",
        "size",
    ),
    "Training": ("epochs", "time", "seed", "imbalance", "early-stop", "threads"),
    "What is tested on": ("split", "test", "validation", "allow-leakage"),
    "What the model hears": ("sample-rate", "window-s", "mono"),
    "Augmentation": ("mixing", "resampling", "shifting", "gain-db", "noise", "masking"),
    "Fine points of training": (),
}


class _Panels(DefaultFormatter):
    """Cuts one long panel of options into several."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        left = {entry.positive_names[0].removeprefix("--"): entry for entry in panel.entries}
        for title, names in TRAINING_PANELS.items():
            entries = [left.pop(name) for name in names or tuple(left)]
            super().__call__(console, options, panel.copy(title=title, entries=entries))


TRAINING = Group("Training", help_formatter=_Panels(), sort_key=1)
READING = Group("How the sounds are read, and which are meant", sort_key=2)
