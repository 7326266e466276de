"""Model files small enough to know by heart, for tests: which part of a window is loudest?

The window is cut into as many equal parts as there are classes. The embedding is the mean power of each part,
the logits are its logarithm, log(power + 1e-4), and the scores their softmax or sigmoid. So the softmax of a
part is its share of the power, and silence scores alike everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from auscult.features import preset
from auscult.models.modelfile import METADATA_KEY, HeadSpec, ModelSpec, Provenance
from auscult.records import FloatArray, Label

SAMPLE_RATE = 8000
POWER_OFFSET = 1e-4


def tiny_spec(
    classes: Sequence[str] = ("early", "late"),
    *,
    task: str = "single_label",
    part_samples: int = 400,
    hop_samples: int | None = None,
    aggregate: str = "mean",
    training_clips: Sequence[str] = (),
    thresholds: tuple[float, ...] | None = None,
) -> ModelSpec:
    """A description that `write_tiny_model` can make a graph for."""
    window_samples = part_samples * len(classes)
    head = HeadSpec(
        name="main",
        task=task,
        labels=tuple(Label(one) for one in classes),
        aggregate=aggregate,
        thresholds=thresholds,
    )
    return ModelSpec(
        name="loudest-part",
        heads=(head,),
        sample_rate=SAMPLE_RATE,
        window_samples=window_samples,
        hop_samples=hop_samples or window_samples // 2,
        features=preset("auscult", sample_rate=SAMPLE_RATE).to_dict(),
        license="CC0-1.0",
        provenance=Provenance(training_clips=tuple(training_clips), seed=0),
    )


def tiny_graph(spec: ModelSpec) -> onnx.ModelProto:
    """The graph of `spec`'s first head, without its description."""
    n_classes = len(spec.heads[0].labels)
    activation = "Softmax" if spec.heads[0].task == "single_label" else "Sigmoid"
    shapes = {"parts": np.array([0, n_classes, -1]), "last": np.array([2])}
    constants = [numpy_helper.from_array(value, name) for name, value in shapes.items()]
    constants.append(numpy_helper.from_array(np.float32(POWER_OFFSET), "offset"))
    nodes = [
        helper.make_node("Reshape", ["waveform", "parts"], ["cut"]),
        helper.make_node("Mul", ["cut", "cut"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "last"], ["embedding"], keepdims=0),
        helper.make_node("Add", ["embedding", "offset"], ["lifted"]),
        helper.make_node("Log", ["lifted"], ["logits"]),
        helper.make_node(activation, ["logits"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "loudest-part",
        [_value("waveform", spec.window_samples)],
        [_value(name, n_classes) for name in ("scores", "logits", "embedding")],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def describe(graph: onnx.ModelProto, description: str) -> onnx.ModelProto:
    """The graph with `description` under auscult's metadata key."""
    helper.set_model_props(graph, {METADATA_KEY: description})
    return graph


def write_tiny_model(path: Path, spec: ModelSpec | None = None) -> Path:
    """A whole model file at `path`."""
    spec = spec or tiny_spec()
    path.write_bytes(describe(tiny_graph(spec), spec.to_json()).SerializeToString())
    return path


def expected_scores(windows: FloatArray, spec: ModelSpec) -> FloatArray:
    """What the graph computes, in double precision: float64 (windows, classes)."""
    n_classes = len(spec.heads[0].labels)
    power = (windows.astype(np.float64) ** 2).reshape(len(windows), n_classes, -1).mean(axis=2) + POWER_OFFSET
    if spec.heads[0].task == "single_label":
        return power / power.sum(axis=1, keepdims=True)
    return power / (1 + power)


def _value(name: str, columns: int) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", columns])
