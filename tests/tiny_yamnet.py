"""YAMNet's network as a .tflite with weights made by a test: what the reader of weights reads, and LiteRT can run.

::

    patch (1, 96, mels, 1) -> CONV_2D -> (DEPTHWISE_CONV_2D -> CONV_2D) for each block -> MEAN -> FULLY_CONNECTED
    -> LOGISTIC -> scores

LiteRT computes the convolutions with TensorFlow's own padding SAME: an outside reference for ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tests.tiny_tflite import Graph

PATCH = (96, 64)
Weights = dict[str, np.ndarray]


def random_weights(stem_channels: int, blocks: Sequence[tuple[int, int]], n_classes: int, seed: int = 0) -> Weights:
    """Weights by the names of `nets.yamnet`, of a size with which no layer fades and some values pass 6."""
    random = np.random.default_rng(seed)
    shapes = {"body.layers.0.conv": (stem_channels, 1, 3, 3)}
    c_in = stem_channels
    for index, (c_out, _) in enumerate(blocks, start=1):
        shapes[f"body.layers.{index}.depthwise.conv"] = (c_in, 1, 3, 3)
        shapes[f"body.layers.{index}.pointwise.conv"] = (c_out, c_in, 1, 1)
        c_in = c_out
    shapes["head"] = (n_classes, c_in)
    weights = {}
    for name, shape in shapes.items():
        spread = np.sqrt(2 / np.prod(shape[1:]))
        weights[f"{name}.weight"] = random.normal(0, spread, shape).astype(np.float32)
        weights[f"{name}.bias"] = random.normal(0, 0.3, shape[0]).astype(np.float32)
    return weights


class YamnetGraph(Graph):
    """The graph in the making; `quantized` stores weights as int8 with a scale for each output channel."""

    def __init__(self, weights: Weights, blocks: Sequence[tuple[int, int]], *, quantized: bool = False) -> None:
        super().__init__()
        self.weights = weights
        self.quantized = quantized
        self.stored: Weights = {}  # what a reader should find
        patch = self.tensor("patch", [1, *PATCH, 1])
        size = PATCH
        x, size = self._convolution("body.layers.0.conv", "CONV_2D", patch, size, stride=2)
        for index, (_, stride) in enumerate(blocks, start=1):
            name = f"body.layers.{index}"
            x, size = self._convolution(f"{name}.depthwise.conv", "DEPTHWISE_CONV_2D", x, size, stride=stride)
            x, size = self._convolution(f"{name}.pointwise.conv", "CONV_2D", x, size, stride=1)
        n_classes, dim = weights["head.weight"].shape
        axes = self.constant("axes", np.array([1, 2], np.int32))
        embedding = self.step("MEAN", [x, axes], "embedding", [1, dim], options=schema.ReducerOptionsT())
        inputs = [embedding, *self._stored("head", axis=0)]
        logits = self.step("FULLY_CONNECTED", inputs, "logits", [1, n_classes], options=schema.FullyConnectedOptionsT())
        scores = self.step("LOGISTIC", [logits], "scores", [1, n_classes])
        self.graph.inputs, self.graph.outputs = [patch], [embedding, scores]

    def _convolution(
        self, name: str, operator: str, x: int, size: tuple[int, int], *, stride: int
    ) -> tuple[int, tuple[int, int]]:
        depthwise = operator == "DEPTHWISE_CONV_2D"
        options: Any = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        if depthwise:
            options.depthMultiplier = 1
        options.padding = schema.Padding.SAME
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        size = (-(-size[0] // stride), -(-size[1] // stride))
        shape = [1, *size, len(self.weights[f"{name}.bias"])]
        inputs = [x, *self._stored(name, axis=3 if depthwise else 0)]
        return self.step(operator, inputs, f"{name}.out", shape, options=options), size

    def _stored(self, name: str, *, axis: int) -> list[int]:
        """Weights as TensorFlow has them: (out, h, w, in), depthwise (1, h, w, out); and the bias."""
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        if weight.ndim == 4:
            weight = weight.transpose((1, 2, 3, 0) if axis == 3 else (0, 2, 3, 1))
        if not self.quantized:
            self.stored[f"{name}.weight"], self.stored[f"{name}.bias"] = weight, bias
            return [self.constant(f"{name}.weight", np.ascontiguousarray(weight)), self.constant(f"{name}.bias", bias)]
        scales = np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != axis)) / 127
        along = [-1 if i == axis else 1 for i in range(weight.ndim)]
        whole = np.round(weight / scales.reshape(along)).astype(np.int8)
        steps = (scales * 0.05).astype(np.float32)
        return [
            self._whole(f"{name}.weight", whole, "INT8", scales.astype(np.float32), axis),
            self._whole(f"{name}.bias", np.round(bias / steps).astype(np.int32), "INT32", steps, 0),
        ]

    def _whole(self, name: str, values: np.ndarray, kind: str, scales: np.ndarray, axis: int) -> int:
        number = self.tensor(name, values.shape, kind, self.buffer(values.tobytes()))
        quantization = schema.QuantizationParametersT()
        quantization.scale = [float(one) for one in scales]
        quantization.zeroPoint = [0] * len(scales)
        quantization.quantizedDimension = axis
        self.graph.tensors[number].quantization = quantization
        along = [-1 if i == axis else 1 for i in range(values.ndim)]
        self.stored[name] = values * scales.reshape(along)
        return number


def round_outputs(graph: YamnetGraph, *, scale: float, zero_point: int) -> None:
    """Say that the patch and all that is computed is int8 on one grid, but for the scores. LiteRT need not run it."""
    for number in [graph.graph.inputs[0], *(one.outputs[0] for one in graph.graph.operators[:-1])]:
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = [scale], [zero_point]
        graph.graph.tensors[number].type = schema.TensorType.INT8
        graph.graph.tensors[number].quantization = quantization


def run_patch(content: bytes, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embedding (dim,) and scores (classes,) that LiteRT gives for a patch (96, mels)."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], patch[None, :, :, None].astype(np.float32))
    interpreter.invoke()
    embedding, scores = (interpreter.get_tensor(one["index"])[0] for one in interpreter.get_output_details())
    return embedding.reshape(-1), scores
