"""auscult learns to tell sounds apart from a folder of recordings and runs what it learned anywhere.

>>> import auscult
>>> auscult.Label("dog").id
'dog'

Nothing is imported before it is used: `import auscult` takes no time, and only training needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from auscult.archive.run import ArchiveRun, detect_archive
    from auscult.archive.unit import ModelChoice, detect_files
    from auscult.audio import sound_from_array
    from auscult.classifier import Classifier, load
    from auscult.data import Dataset, Reading, open_dataset
    from auscult.decide import EventOptions
    from auscult.errors import (
        AuscultError,
        DataError,
        InputError,
        MissingExtraError,
        ModelFileError,
        OutputError,
        UsageError,
    )
    from auscult.evaluation import Evaluation, evaluate
    from auscult.records import AudioInfo, Event, Label, Prediction, Scores, Sound, Waveform, Window
    from auscult.result import Excerpt, Result
    from auscult.streaming import Stream, StreamWindow
    from auscult.training import CrossValidation, Run, TrainOptions, cross_validate, train

_HOMES = {
    "archive.run": "ArchiveRun detect_archive",
    "archive.unit": "ModelChoice detect_files",
    "audio": "sound_from_array",
    "classifier": "Classifier load",
    "data": "Dataset Reading open_dataset",
    "decide": "EventOptions",
    "errors": "AuscultError DataError InputError MissingExtraError ModelFileError OutputError UsageError",
    "evaluation": "Evaluation evaluate",
    "records": "AudioInfo Event Label Prediction Scores Sound Waveform Window",
    "result": "Excerpt Result",
    "streaming": "Stream StreamWindow",
    "training": "CrossValidation Run TrainOptions cross_validate train",
}
_HOME_OF = {name: f"auscult.{home}" for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ArchiveRun",
    "AudioInfo",
    "AuscultError",
    "Classifier",
    "CrossValidation",
    "DataError",
    "Dataset",
    "Evaluation",
    "Event",
    "EventOptions",
    "Excerpt",
    "InputError",
    "Label",
    "MissingExtraError",
    "ModelChoice",
    "ModelFileError",
    "OutputError",
    "Prediction",
    "Reading",
    "Result",
    "Run",
    "Scores",
    "Sound",
    "Stream",
    "StreamWindow",
    "TrainOptions",
    "UsageError",
    "Waveform",
    "Window",
    "cross_validate",
    "detect_archive",
    "detect_files",
    "evaluate",
    "load",
    "open_dataset",
    "sound_from_array",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # 30 ms of imports, which only those who ask should pay.
        from importlib.metadata import version

        return version("auscult")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'auscult' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
