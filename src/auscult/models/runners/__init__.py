"""Running a model. One protocol, one class a kind of model; `open_runner` finds the class.

A new kind of model file is a class that satisfies `Runner`, a line in `RUNNERS`, and nothing else: the tests
of the protocol run over the registry.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from auscult.errors import ModelFileError
from auscult.models.modelfile import ModelSpec, require_model_file
from auscult.models.runners.heads import HeadRunner
from auscult.models.runners.onnx import OnnxRunner
from auscult.models.runners.options import NO_OPTIONS, OpenOptions
from auscult.models.runners.tflite import TfliteRunner
from auscult.records import FloatArray

__all__ = ["RUNNERS", "HeadRunner", "OnnxRunner", "OpenOptions", "Runner", "TfliteRunner", "open_runner"]

HF_PREFIX = "hf:"


class Runner(Protocol):
    """An opened model.

    Attributes
    ----------
    spec : what the model says of itself
    digest : SHA-256 of the file, hexadecimal
    path : where it was read from
    outputs : names of what `run` gives
    batch_windows : how many windows are best given to `run` at once, at least; 1 where each is computed by itself
    """

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def digest(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def batch_windows(self) -> int: ...

    @property
    def outputs(self) -> tuple[str, ...]: ...

    def run(self, windows: FloatArray, valid_samples: Sequence[int] | None = None) -> dict[str, FloatArray]:
        """What the model says of each window, which depends on no other window: to the last bit, on the processor.

        May be called from several threads at once.

        Parameters
        ----------
        windows : float32 (windows, `spec.window_samples`), mono, in [-1, 1]; may hold no window
        valid_samples : how many samples of each window are sound, the rest being zeros after its end; None:
            all. A model that takes windows of one length hears the zeros; one that takes any length does not.

        Returns
        -------
        What `outputs` names, rows in the order of `windows`: always "scores", float32 (windows, classes);
        where the model has them, "logits", float32 (windows, classes), "embedding", float32 (windows, dim),
        and "scores_<head>" for each further head

        Raises
        ------
        ValueError : where `windows` has another type or shape
        ModelFileError : where the model fails
        """
        ...


RUNNERS: dict[str, Callable[[Path, OpenOptions], Runner]] = {".onnx": OnnxRunner, ".tflite": TfliteRunner}


def open_runner(model: str | os.PathLike[str], options: OpenOptions = NO_OPTIONS, *, quiet: bool = False) -> Runner:
    """Open a model: "hf:..." through transformers, a name that auscult knows, else a file by its ending.

    Parameters
    ----------
    model : a path, a name such as "yamnet", which has neither folder nor ending and is fetched if need be, or
        "hf:" and the name or folder of a transformers checkpoint
    options : see `OpenOptions`
    quiet : show no progress where a model is fetched

    Raises
    ------
    ModelFileError : where there is no such file, its ending is unknown, or it is damaged or not one of ours
    UsageError : where the model does not take an option, or has no head of the name asked for
    """
    runner = _open(model, options, quiet)
    return runner if options.head is None else HeadRunner(runner, options.head)


def _open(model: str | os.PathLike[str], options: OpenOptions, quiet: bool) -> Runner:
    if isinstance(model, str) and model.startswith(HF_PREFIX):
        from auscult.models.runners.hf import HfRunner

        return HfRunner(model.removeprefix(HF_PREFIX), options, quiet=quiet)
    path = Path(model)
    if _may_be_a_name(model):
        from auscult.models.registry import MODELS, model_file, named_model

        if named := MODELS.get(str(model)):
            path = model_file(named.name, quiet=quiet)
            options = replace(options, hop_s=options.hop_s or named.hop_s)
        elif not path.exists():
            named_model(str(model))  # which says what names there are
    opener = RUNNERS.get(path.suffix.lower())
    if opener is None:
        require_model_file(path)
        raise ModelFileError(
            f"{path}: a model file ends in {' or '.join(RUNNERS)}; name one that auscult wrote, or rename it"
        )
    return opener(path, options)


def _may_be_a_name(model: str | os.PathLike[str]) -> bool:
    """Whether this is a bare word: no folder before it, no ending after it."""
    return isinstance(model, str) and not Path(model).suffix and Path(model).name == model
