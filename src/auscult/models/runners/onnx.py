"""ONNX files through ONNX Runtime, on the processor, or on a graphics card where that is asked for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import ModelFileError, UsageError
from auscult.features import PictureForm, log_mel
from auscult.models.modelfile import ModelSpec, read_model_file
from auscult.models.pictures import form_of
from auscult.models.runners.onnx_session import ANOTHER, CPU_PROVIDER, first_line, open_session
from auscult.models.runners.options import NO_OPTIONS, OpenOptions, with_hop
from auscult.models.runners.windows import aligned, check_windows
from auscult.records import FloatArray

_INPUT, _PICTURE_INPUT = "waveform", "picture"
_FLOAT = "tensor(float)"
# A card needs many at once to be busy. The number is not measured: no card was at hand.
GPU_BATCH_WINDOWS = 32


class OnnxRunner:
    """An ONNX model file in ONNX Runtime. See `Runner`.

    A window is computed by itself, in a buffer that is always aligned alike. Within a batch, its place
    decides which elements a vector instruction takes and which the loop after it, and their last bits differ
    (seen with ONNX Runtime 1.31: `Log` by 1.2e-7, `ReduceMean` by 1.2e-9). On one thread a batch is no
    faster.

    A model that was trained on pictures is given the log-mel of each window as its picture would have it, gray by gray
    (`features.PictureForm`), so that a sound and its picture give the same scores; zeros behind are not heard.

    On a graphics card windows are computed `GPU_BATCH_WINDOWS` at a time: there the last bits may depend on the batch,
    and differ from the processor's.

    Of the options it takes `hop_s` and `device`; the file itself says the rest.
    """

    def __init__(self, path: Path, options: OpenOptions = NO_OPTIONS) -> None:
        content, spec = read_model_file(path)
        options.refuse("labels", "sample_rate", "locale", "revision", why=f"{path} itself says what it is")
        self._spec = with_hop(spec, options.hop_s)
        self._path = path
        self._digest = hashlib.sha256(content).hexdigest()
        self._session, self.provider = open_session(path, content, options.device)
        self._widths = _output_widths(self._spec)
        picture = spec.picture
        self._input = _INPUT if picture is None else _PICTURE_INPUT
        self._shape = (spec.window_samples,) if picture is None else (picture.bands, picture.frames)
        self._form = _form(path, spec)
        self._check_graph()

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def path(self) -> Path:
        return self._path

    @property
    def batch_windows(self) -> int:
        return 1 if self.provider == CPU_PROVIDER else GPU_BATCH_WINDOWS

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self._widths)

    def run(self, windows: FloatArray, valid_samples: Sequence[int] | None = None) -> dict[str, FloatArray]:
        check_windows(windows, self._spec.window_samples)
        if self._spec.picture is None:
            return self._run_each(windows)
        form = self._form
        if form is None:
            raise ValueError(f"The model {self._spec.name!r} takes pictures; give them to run_pictures.")
        counts = [len(window) for window in windows] if valid_samples is None else valid_samples
        return self._run_each(self._drawn(window[:count], form) for window, count in zip(windows, counts, strict=True))

    def _drawn(self, samples: FloatArray, form: PictureForm) -> FloatArray:
        """The picture of a window that holds so much sound; black behind, as a shorter picture is filled up."""
        picture = np.zeros(self._shape, np.float32)
        drawn = form.brightness(log_mel(samples, form.features))
        picture[:, : drawn.shape[1]] = drawn
        return picture

    def run_pictures(self, pictures: FloatArray) -> dict[str, FloatArray]:
        """As `run`, of float32 (pictures, bands, frames) in [0, 1], for a model that takes pictures.

        Raises
        ------
        ValueError : where the model takes none, or `pictures` has another type or shape
        ModelFileError : where the model fails
        """
        if self._spec.picture is None or pictures.shape[1:] != self._shape or pictures.dtype != np.float32:
            raise ValueError(
                f"The 'pictures' parameter of run_pictures must be float32 with axes (pictures, {self._shape}), for a "
                f"model that takes them. Got {pictures.dtype} of shape {pictures.shape} instead."
            )
        return self._run_each(pictures)

    def _run_each(self, inputs: Iterable[FloatArray]) -> dict[str, FloatArray]:
        size = self.batch_windows
        buffer = aligned(size * math.prod(self._shape)).reshape(size, *self._shape)
        remaining = iter(inputs)
        parts: list[list[FloatArray]] = []
        while batch := list(islice(remaining, size)):
            for row, one in zip(buffer, batch, strict=False):
                row[:] = one
            parts.append(self._run_batch(buffer[: len(batch)]))
        if not parts:
            return {name: np.zeros((0, width or 0), np.float32) for name, width in self._widths.items()}
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(self._widths)}

    def _run_batch(self, values_in: FloatArray) -> list[FloatArray]:
        try:
            values: list[FloatArray] = self._session.run(list(self._widths), {self._input: values_in})
        except Exception as error:
            raise ModelFileError(f"{self._path}: the model failed ({first_line(error)}); {ANOTHER}") from error
        for (name, width), value in zip(self._widths.items(), values, strict=True):
            if value.ndim != 2 or value.shape[0] != len(values_in) or width not in (None, value.shape[1]):
                raise ModelFileError(
                    f"{self._path}: the output {name!r} must have a row a window and {_columns(width)}; "
                    f"the model gave the shape {value.shape} for {_windows(len(values_in))}; {ANOTHER}"
                )
        return values

    def _check_graph(self) -> None:
        """The graph's own words against the description's, as far as the graph says anything."""
        inputs = {one.name: one for one in self._session.get_inputs()}
        if set(inputs) != {self._input} or not _fits(inputs[self._input], *self._shape):
            said = ", ".join(map(str, self._shape))
            raise self._mismatch(f"take one input, {self._input!r}, float32 [batch, {said}]", inputs)
        outputs = {one.name: one for one in self._session.get_outputs()}
        for name, width in self._widths.items():
            if name not in outputs or not _fits(outputs[name], width):
                raise self._mismatch(f"give an output {name!r}, float32 [batch, {width or 'any number'}]", outputs)

    def _mismatch(self, rule: str, found: dict[str, Any]) -> ModelFileError:
        said = ", ".join(f"{one.name} {one.type} {one.shape}" for one in found.values())
        return ModelFileError(f"{self._path}: by its description the graph must {rule}; it has {said}; {ANOTHER}")


def _output_widths(spec: ModelSpec) -> dict[str, int | None]:
    """Output -> columns; the embedding may have any number."""
    first, *further = spec.heads
    widths: dict[str, int | None] = {
        "scores": len(first.labels),
        "logits": len(first.labels),
        "embedding": None,
    }
    return widths | {f"scores_{head.name}": len(head.labels) for head in further}


def _form(path: Path, spec: ModelSpec) -> PictureForm | None:
    try:
        return form_of(spec)
    except UsageError as error:
        raise ModelFileError(f"{path}: the model's description cannot be used: {error}") from error


def _fits(node: Any, *widths: int | None) -> bool:
    """Whether a graph's input or output can be float32 [batch, *widths], any width where None is asked for.

    Columns that the graph leaves open are looked at when it runs.
    """
    if node.type != _FLOAT or len(node.shape) != 1 + len(widths) or isinstance(node.shape[0], int):
        return False
    pairs = zip(node.shape[1:], widths, strict=True)
    return all(width is None or not isinstance(found, int) or found == width for found, width in pairs)


def _columns(width: int | None) -> str:
    return "any number of columns" if width is None else f"{width} columns"


def _windows(count: int) -> str:
    return "one window" if count == 1 else f"{count} windows"
