"""How options are called, and how help pages show them: what is set often comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from cyclopts import Group
from cyclopts.help import DefaultFormatter

from auscult.data.reading import Reading
from auscult.scenes.options import SceneOptions
from auscult.training.options import TrainOptions, flag_of

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

# What a quantity is counted in stands at the end of its name in Python, and behind its option on the command line.
_UNITS = {"_s": "SECONDS", "_db": "DB", "sample_rate": "HZ"}

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
    "What the model hears": ("sample-rate", "window", "mono"),
    "Augmentation": ("mixing", "resampling", "shifting", "gain", "noise", "masking"),
    "Fine points of training": (),
}


class _WithUnits(DefaultFormatter):
    """Shows the unit of a quantity in place of the type of its number."""

    def __init__(self, record: type) -> None:
        super().__init__()
        self._units = {
            f"--{flag_of(field.name)}": unit
            for field in fields(record)
            for end, unit in _UNITS.items()
            if field.name.endswith(end)
        }

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        entries = [self._with_unit(entry) for entry in panel.entries]
        super().__call__(console, options, panel.copy(entries=entries))

    def _with_unit(self, entry: HelpEntry) -> HelpEntry:
        unit = self._units.get(entry.positive_names[0]) if entry.positive_names else None
        if unit is None or entry.metavar is None:
            return entry
        return entry.copy(metavar=entry.metavar.replace("FLOAT", unit).replace("INT", unit))


class _Panels(_WithUnits):
    """Cuts one long panel of options into several."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        left = {entry.positive_names[0].removeprefix("--"): entry for entry in panel.entries}
        for title, names in TRAINING_PANELS.items():
            entries = [left.pop(name) for name in names or tuple(left)]
            super().__call__(console, options, panel.copy(title=title, entries=entries))


TRAINING = Group("Training", help_formatter=_Panels(TrainOptions), sort_key=1)
SCENES = Group("Scenes", help_formatter=_WithUnits(SceneOptions), sort_key=1)
READING = Group("How the sounds are read, and which are meant", help_formatter=_WithUnits(Reading), sort_key=2)
