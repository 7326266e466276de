"""Running a model file. One protocol, one class a kind of file; `RUNNERS` says which ending belongs to which.

A new kind of file is a class that satisfies `Runner`, a line in `RUNNERS`, and nothing else: the tests of the
protocol run over the registry.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from auscult.errors import ModelFileError
from auscult.models.modelfile import ModelSpec, require_model_file
from auscult.models.runners.onnx import OnnxRunner
from auscult.records import FloatArray

__all__ = ["RUNNERS", "OnnxRunner", "Runner", "open_runner"]


class Runner(Protocol):
    """An opened model file.

    Attributes
    ----------
    spec : what the file says of itself
    digest : SHA-256 of the file, hexadecimal
    path : where it was read from
    """

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def digest(self) -> str: ...

    @property
    def path(self) -> Path: ...

    def run(self, windows: FloatArray) -> dict[str, FloatArray]:
        """What the model says of each window, which depends on no other window, to the last bit.

        May be called from several threads at once.

        Parameters
        ----------
        windows : float32 (windows, `spec.window_samples`), mono, in [-1, 1]; may hold no window

        Returns
        -------
        "scores" and "logits", float32 (windows, classes), "embedding", float32 (windows, dim), and
        "scores_<head>" for each further head, rows in the order of `windows`

        Raises
        ------
        ValueError : where `windows` has another type or shape
        ModelFileError : where the model fails
        """
        ...


RUNNERS: dict[str, Callable[[Path], Runner]] = {".onnx": OnnxRunner}


def open_runner(path: str | os.PathLike[str]) -> Runner:
    """Open a model file; its ending tells the kind.

    Raises
    ------
    ModelFileError : where there is no such file, its ending is unknown, or it is damaged or not one of ours
    """
    path = Path(path)
    opener = RUNNERS.get(path.suffix.lower())
    if opener is None:
        require_model_file(path)
        raise ModelFileError(
            f"{path}: a model file ends in {' or '.join(RUNNERS)}; name one that auscult wrote, or rename it"
        )
    return opener(path)
