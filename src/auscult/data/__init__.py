"""Labelled sounds: a table of clips, the readers that make it, splits that do not leak, the waveform cache.

Everything here ends in one record, `Dataset`; nothing here decodes samples. Needs the extra ``data``.
"""

from auscult.data.cache import WaveformCache, default_cache_folder, waveform_key
from auscult.data.dataset import Dataset
from auscult.data.opening import Chosen, open_dataset
from auscult.data.schema import Clip, SourceKind, Task, clip_schema
from auscult.data.splits import (
    Split,
    check_trainable,
    fold_split,
    given_split,
    grouped_folds,
    holdout,
    validation_split,
)

__all__ = [
    "Chosen",
    "Clip",
    "Dataset",
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
    "open_dataset",
    "validation_split",
    "waveform_key",
]
