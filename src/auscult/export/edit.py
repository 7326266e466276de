"""Change a model file that is there: what it says of itself, a label for unknown sounds, weights of half the size.

Each function takes the bytes of a model file and gives those of another; the network is not needed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from auscult.errors import ModelFileError
from auscult.extras import require_extra
from auscult.models.modelfile import METADATA_KEY, ModelSpec, UnknownSpec
from auscult.records import Label

CONSTANT_LOGIT = "constant_logit"
# What holds a number a class beside the logits, and the number that changes nothing; see `export.onnx.ShippedNet`.
_CALIBRATION = {"calibration_scale": 1.0, "calibration_bias": 0.0}
# Smaller tensors, such as biases and norms, save nothing worth the loss.
_MIN_HALF_ELEMENTS = 256


def with_spec(content: bytes, spec: ModelSpec) -> bytes:
    """The model file with another description; the graph must be one that it describes.

    Raises
    ------
    ModelFileError : where `content` is no ONNX file
    """
    model = _parsed(content)
    _describe(model, spec)
    return _bytes(model)


def with_unknown(content: bytes, spec: ModelSpec, *, logit: float, found_by: str, label: str = "unknown") -> bytes:
    """The model file with one more label, whose logit is the same for every sound.

    Where no class has a higher logit, that label scores best. The classes' logits stay as they are; their scores are
    divided by a sum that the new label is part of.

    Parameters
    ----------
    content : a model file whose only head gives one label a sound, none of them for unknown sounds
    spec : what it says of itself
    logit : of the new label
    found_by : how `logit` was chosen, in words
    label : id and name of the new label, which is the last

    Raises
    ------
    ModelFileError : where `content` is no ONNX file, or no graph of ours
    ValueError : where `spec` is not as said, `label` is one of its labels, or `logit` is not finite
    """
    (head,) = spec.heads
    if head.unknown is not None:
        raise ValueError(f"The model {spec.name!r} has a label for unknown sounds already: {head.unknown.label!r}.")
    unknown = UnknownSpec(label=label, rule=CONSTANT_LOGIT, threshold=logit, found_by=found_by)
    thresholds = None if head.thresholds is None else (*head.thresholds, 0.0)
    head = replace(head, labels=(*head.labels, Label(label)), thresholds=thresholds, unknown=unknown)
    model = _parsed(content)
    _append_logit(model.graph, logit)
    _widen(model.graph, len(head.labels))
    _describe(model, replace(spec, heads=(head,)))
    return _bytes(model)


def with_half_weights(content: bytes, *, prefix: str = "body.") -> bytes:
    """The model file with the network's larger weights stored as 16-bit floats, about half as large.

    They are rounded to 11 significant bits, and become 32-bit floats again when the file is opened: all arithmetic is
    as before.

    Parameters
    ----------
    prefix : of the names of the tensors that are meant

    Raises
    ------
    ModelFileError : where `content` is no ONNX file
    """
    from onnx import TensorProto, helper, numpy_helper

    model = _parsed(content)
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or not tensor.name.startswith(prefix):
            continue
        values = numpy_helper.to_array(tensor)
        # Beyond 65504 a 16-bit float has no number.
        if values.size < _MIN_HALF_ELEMENTS or float(np.abs(values).max()) > float(np.finfo(np.float16).max):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return _bytes(model)


def _append_logit(graph: Any, logit: float) -> None:
    """Put a column that holds `logit` beside those that the graph gives as its output "logits"."""
    from onnx import helper, numpy_helper

    position = next((i for i, node in enumerate(graph.node) if "logits" in node.output), None)
    if position is None:
        raise ModelFileError("The graph has no node that gives 'logits'; export the model again.")
    outputs = graph.node[position].output
    outputs[list(outputs).index("logits")] = "class_logits"
    one = numpy_helper.from_array(np.array([1], np.int64), "unknown.one")
    graph.initializer.append(one)
    value = numpy_helper.from_array(np.array([logit], np.float32))
    column = [
        helper.make_node("Shape", ["class_logits"], ["unknown.batch"], start=0, end=1),
        helper.make_node("Concat", ["unknown.batch", "unknown.one"], ["unknown.shape"], axis=0),
        helper.make_node("ConstantOfShape", ["unknown.shape"], ["unknown.logit"], value=value),
        helper.make_node("Concat", ["class_logits", "unknown.logit"], ["logits"], axis=1),
    ]
    for node in reversed(column):
        graph.node.insert(position + 1, node)


def _widen(graph: Any, n_labels: int) -> None:
    """Give everything that has a column a label one more."""
    from onnx import numpy_helper

    for tensor in graph.initializer:
        if tensor.name in _CALIBRATION:
            values = np.append(numpy_helper.to_array(tensor), np.float32(_CALIBRATION[tensor.name]))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for output in graph.output:
        if output.name in ("scores", "logits"):
            output.type.tensor_type.shape.dim[1].dim_value = n_labels
    # Shapes of what is in between, which the exporter noted; runtimes find them out themselves.
    del graph.value_info[:]


def _parsed(content: bytes) -> Any:
    onnx = require_extra("onnx", extra="export", purpose="changing a model file")
    try:
        model = onnx.load_from_string(content)
    except Exception as error:
        raise ModelFileError(f"This is no ONNX file ({error}); give the bytes of a model file.") from error
    if not model.graph.node:
        raise ModelFileError("This ONNX file holds no graph; give the bytes of a model file.")
    return model


def _describe(model: Any, spec: ModelSpec) -> None:
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = spec.to_json()
            return
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, spec.to_json()


def _bytes(model: Any) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content
