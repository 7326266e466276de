"""Labelled sounds: a table of clips, the readers that make it, splits that do not leak, the waveform cache.

Everything here ends in one record, `Dataset`; nothing here decodes samples. Needs the extra ``data``.

The names below are imported when they are first used: the command line reads `reading.py`, which needs no more than
Python, on every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auscult.data.cache import WaveformCache, default_cache_folder, waveform_key
    from auscult.data.dataset import Dataset
    from auscult.data.opening import open_dataset
    from auscult.data.reading import Reading
    from auscult.data.schema import Clip, SourceKind, Task, clip_schema
    from auscult.data.splits import (
        Split,
        check_trainable,
        fold_split,
        given_split,
        grouped_folds,
        holdout,
        leave_one_group_out,
        validation_split,
    )

_HOMES = {
    "WaveformCache": "cache",
    "default_cache_folder": "cache",
    "waveform_key": "cache",
    "Dataset": "dataset",
    "open_dataset": "opening",
    "Reading": "reading",
    "Clip": "schema",
    "SourceKind": "schema",
    "Task": "schema",
    "clip_schema": "schema",
    "Split": "splits",
    "check_trainable": "splits",
    "fold_split": "splits",
    "given_split": "splits",
    "grouped_folds": "splits",
    "holdout": "splits",
    "leave_one_group_out": "splits",
    "validation_split": "splits",
}

__all__ = [
    "Clip",
    "Dataset",
    "Reading",
    "SourceKind",
    "Split",
    "Task",
    "WaveformCache",
    "check_trainable",
    "clip_schema",
    "default_cache_folder",
    "fold_split",
    "given_split",
    "grouped_folds",
    "holdout",
    "leave_one_group_out",
    "open_dataset",
    "validation_split",
    "waveform_key",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
