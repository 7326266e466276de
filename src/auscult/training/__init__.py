"""Training: options, clips and batches, augmentation, the loop, the run folder.

The names below are imported when they are first used: the command line reads `options.py`, which needs no torch, on
every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from auscult.extras import require_installed

if TYPE_CHECKING:
    from auscult.training.cross_validation import CrossValidation, cross_validate
    from auscult.training.options import TrainOptions
    from auscult.training.run import Run, train

# What the extra `train` brings.
PACKAGES = ("yaml", "pyarrow", "matplotlib", "onnx", "onnxscript", "torch", "lightning")

_HOMES = {
    "CrossValidation": "cross_validation",
    "cross_validate": "cross_validation",
    "TrainOptions": "options",
    "Run": "run",
    "train": "run",
}

__all__ = ["CrossValidation", "Run", "TrainOptions", "cross_validate", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name != "TrainOptions":
        for package in PACKAGES:
            require_installed(package, extra="train", purpose="training")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
