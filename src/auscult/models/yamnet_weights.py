"""YAMNet's weights out of its published .tflite, as float32 arrays for `nets.yamnet`, without torch.

The file keeps weights as int8 with a scale for each output channel and biases as int32: a weight is its whole number
times its scale, exactly what the file computes with. What its layers give, the file rounds to int8 too; those scales
are read as `Grid`s. The graph is followed from the first convolution to the last product, and each step must be the
one that the network has in its place: any other file is refused, not loaded in part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.errors import ModelFileError
from auscult.models.modelfile import read_bytes
from auscult.models.tflite_file import Quantization, TfliteFile, TfliteOperator, TfliteTensor, read_tflite
from auscult.records import FloatArray

# Enumerations of the schema that LiteRT publishes.
_SAME = 0
_RELU6 = 3
# Fields of Conv2DOptions and DepthwiseConv2DOptions: these three stand alike in both, the activation does not.
_PADDING, _STRIDE_W, _STRIDE_H = 0, 1, 2
_ACTIVATION = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 4}
# Axes of stored weights -> (out, in, height, width), as torch and ONNX have them.
_TO_OIHW = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}


@dataclass(frozen=True)
class Grid:
    """The values that a rounded tensor can have: `(whole - zero_point) * scale`, `whole` from -128 to 127."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class YamnetWeights:
    """What `read_yamnet` finds.

    Attributes
    ----------
    weights : by the names of `nets.yamnet`, float32; convolutions `(out, in, height, width)`
    grids : by the place of a rounding in the network, what the file rounds to there; "head" for the logits. Empty for a
        file in float32.
    source : the file
    """

    weights: Mapping[str, FloatArray]
    grids: Mapping[str, Grid]
    source: Path

    def require_grids(self) -> Mapping[str, Grid]:
        """`grids`.

        Raises
        ------
        ModelFileError : there are none
        """
        if not self.grids:
            raise ModelFileError(
                f"{self.source}: rounds nothing that its layers give, so there is no rounding to follow; "
                "load it with rounded=False"
            )
        return self.grids


@dataclass(frozen=True)
class _Layer:
    """A step that the network has: its name there, the operator, the stored shape of its weights, its stride."""

    name: str
    operator: str
    shape: tuple[int, ...]
    stride: int = 1


def read_yamnet(
    path: str | os.PathLike[str], *, stem_channels: int, blocks: Sequence[tuple[int, int]], kernel: int = 3
) -> YamnetWeights:
    """The weights of a YAMNet, and how it rounds.

    Parameters
    ----------
    path : the published .tflite, or one with the same network and other weights, quantised or float32
    stem_channels, blocks, kernel : the network's sizes, see `nets.yamnet`

    Raises
    ------
    ModelFileError : the file cannot be read, or holds another network
    """
    path = Path(path)
    content = read_bytes(path)
    try:
        return _Reading(read_tflite(content), path).all_of(_convolutions(stem_channels, blocks, kernel))
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def _convolutions(stem_channels: int, blocks: Sequence[tuple[int, int]], kernel: int) -> Iterator[_Layer]:
    yield _Layer("body.layers.0", "CONV_2D", (stem_channels, kernel, kernel, 1), stride=2)
    c_in = stem_channels
    for index, (c_out, stride) in enumerate(blocks, start=1):
        name = f"body.layers.{index}"
        yield _Layer(f"{name}.depthwise", "DEPTHWISE_CONV_2D", (1, kernel, kernel, c_in), stride)
        yield _Layer(f"{name}.pointwise", "CONV_2D", (c_out, 1, 1, c_in))
        c_in = c_out


class _Reading:
    """A pass over a file's graph."""

    def __init__(self, file: TfliteFile, source: Path) -> None:
        self._file = file
        self._source = source
        self._steps = _from_first_convolution(file)
        self._weights: dict[str, FloatArray] = {}
        self._grids: dict[str, Grid] = {}

    def all_of(self, layers: Iterator[_Layer]) -> YamnetWeights:
        channels = 0
        for layer in layers:
            channels = self._convolution(layer)
        self._keep_grid("body.rounding_out", self._next("MEAN", "the mean over the last map").outputs)
        step = self._next("FULLY_CONNECTED", "head")
        n_classes = self._tensor(step, 1, "head").shape[0]
        self._weights["head.weight"] = self._real_values(step, 1, (n_classes, channels), "head")
        self._weights["head.bias"] = self._real_values(step, 2, (n_classes,), "head")
        self._keep_grid("head", step.outputs)
        return YamnetWeights(self._weights, self._grids, self._source)

    def _convolution(self, layer: _Layer) -> int:
        """Take one layer; its channels."""
        step = self._next(layer.operator, layer.name)
        _check_options(step, layer)
        weight = self._real_values(step, 1, layer.shape, layer.name).transpose(_TO_OIHW[layer.operator])
        if not self._weights:
            self._keep_grid("body.rounding_in", step.inputs)
        self._weights[f"{layer.name}.conv.weight"] = np.ascontiguousarray(weight)
        self._weights[f"{layer.name}.conv.bias"] = self._real_values(step, 2, weight.shape[:1], layer.name)
        self._keep_grid(f"{layer.name}.rounding", step.outputs)
        return len(weight)

    def _next(self, operator: str, name: str) -> TfliteOperator:
        step = next(self._steps, None)
        if step is None or step.name != operator:
            found = step.name if step else "nothing that follows"
            raise _other(f"where YAMNet has {operator} ({name}) it has {found}")
        return step

    def _keep_grid(self, name: str, tensors: tuple[int, ...]) -> None:
        if not tensors or tensors[0] < 0:
            raise _other(f"a step has nothing in the place of {name}")
        tensor = self._file.main.tensors[tensors[0]]
        scaling = tensor.quantization
        if tensor.dtype == np.int8 and scaling is not None and len(scaling.scales) == 1:
            self._grids[name] = Grid(float(scaling.scales[0]), int(scaling.zero_points[0]))

    def _tensor(self, step: TfliteOperator, position: int, name: str) -> TfliteTensor:
        """The weights (1) or the bias (2) of a step."""
        if len(step.inputs) <= position or step.inputs[position] < 0:
            raise _other(f"{name} has no {'weights' if position == 1 else 'bias'}")
        tensor = self._file.main.tensors[step.inputs[position]]
        if not tensor.shape:
            raise _other(f"{name} has a single number in the place of its weights or bias")
        return tensor

    def _real_values(self, step: TfliteOperator, position: int, shape: tuple[int, ...], name: str) -> FloatArray:
        """Values of a tensor as float32: those of whole numbers by their scales."""
        tensor = self._tensor(step, position, name)
        if tensor.shape != shape:
            raise _other(f"{name} has the shape {tensor.shape} where YAMNet has {shape}")
        stored = self._file.values(tensor)
        if stored is None:
            raise _other(f"the weights of {name} are computed, not stored")
        if tensor.quantization is None and stored.dtype != np.float32:
            raise _other(f"{name} is stored as {stored.dtype} without a scale")
        values = _dequantized(stored, tensor.quantization, name)
        if not np.isfinite(values).all():
            raise _other(f"{name} has weights that are not finite")
        return values


def _from_first_convolution(file: TfliteFile) -> Iterator[TfliteOperator]:
    """Operators that each take what the one before gave, from the first convolution on."""
    operators = file.main.operators
    first = next((i for i, one in enumerate(operators) if one.name == "CONV_2D"), len(operators))
    before: TfliteOperator | None = None
    for one in operators[first:]:
        if before is not None and one.inputs[:1] != before.outputs:
            return
        yield one
        before = one


def _check_options(step: TfliteOperator, layer: _Layer) -> None:
    options = step.options
    if options is None:
        raise _other(f"{layer.name} does not say its stride")
    strides = (options.integer(_STRIDE_H), options.integer(_STRIDE_W))
    if strides != (layer.stride, layer.stride):
        raise _other(f"{layer.name} has the strides {strides} where YAMNet has {layer.stride}")
    if options.integer(_PADDING, "i1") != _SAME:
        raise _other(f"{layer.name} is not padded as SAME")
    if options.integer(_ACTIVATION[layer.operator], "i1") != _RELU6:
        raise _other(f"{layer.name} does not end in RELU6")


def _dequantized(stored: NDArray[Any], scaling: Quantization | None, name: str) -> FloatArray:
    values = stored.astype(np.float64)
    if scaling is not None:
        n_scales, shape = len(scaling.scales), stored.shape
        if not 0 <= scaling.axis < len(shape) or n_scales not in (1, shape[scaling.axis]):
            raise _other(f"{name} has {n_scales} scales along axis {scaling.axis} for the shape {shape}")
        along = [1] * len(shape)
        along[scaling.axis] = -1
        # The product of a whole number and a scale has more digits than float32: it is rounded once.
        values = (values - scaling.zero_points.reshape(along)) * scaling.scales.astype(np.float64).reshape(along)
    return values.astype(np.float32)


def _other(found: str) -> ModelFileError:
    return ModelFileError(
        f"is not the YAMNet that auscult knows: {found}; take the published file, which `auscult models get yamnet` "
        "fetches"
    )
