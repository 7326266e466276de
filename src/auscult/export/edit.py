"""Change a model file that is there: what it says of itself, a label for unknown sounds, weights of half the size.

Each function takes the bytes of a model file and gives those of another; torch is not needed, nor the network's code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.errors import ModelFileError
from auscult.extras import require_extra
from auscult.models.modelfile import METADATA_KEY, ModelSpec, UnknownSpec
from auscult.records import FloatArray, Label

DISTANCE = "distance"
# What holds a number a class beside the logits, and the number that changes nothing; see `export.onnx.ShippedNet`.
_CALIBRATION = {"calibration_scale": 1.0, "calibration_bias": 0.0}
# Of an embedding; a sound that leaves the network silent has shares of 0.
_MIN_SUM = 1e-6
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


@dataclass(frozen=True, eq=False, kw_only=True)
class DistanceRule:
    """A sound is unknown where its embedding is far from those of every class.

    The distance is Mahalanobis', of the roots of the embedding's shares (`roots_of_shares`): classes are clouds of one
    shape around their centres, and `whitening` makes that shape a ball. Lee et al., "A simple unified framework for
    detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018.

    Attributes
    ----------
    centres : float32 (classes, dim), of the roots of each class
    whitening : float32 (dim, dim); `(roots - centre) @ whitening` is as long as the distance
    threshold : distance from the nearest centre beyond which a sound is unknown
    slope : the odds of unknown against the best class are `exp(slope * (distance - threshold))`; more than 0

    Raises
    ------
    ValueError : where a field breaks its rule
    """

    centres: FloatArray
    whitening: FloatArray
    threshold: float
    slope: float

    def __post_init__(self) -> None:
        shapes = (self.centres.ndim, self.whitening.shape) == (2, self.centres.shape[-1:] * 2)
        if not shapes or {self.centres.dtype, self.whitening.dtype} != {np.dtype(np.float32)}:
            raise ValueError(
                "A DistanceRule takes float32 centres (classes, dim) and whitening (dim, dim). Got "
                f"{self.centres.dtype} {self.centres.shape} and {self.whitening.dtype} {self.whitening.shape} instead."
            )
        values = (*self.centres.ravel(), *self.whitening.ravel(), self.threshold, self.slope)
        if not np.isfinite(values).all() or self.slope <= 0:
            raise ValueError("A DistanceRule takes finite numbers, and a slope above 0. Got others instead.")

    def distances(self, embeddings: FloatArray) -> NDArray[np.float64]:
        """Of embeddings (sounds, dim) from the nearest centre: float64 (sounds,), 0 or more."""
        offsets = roots_of_shares(embeddings)[:, None] - self.centres
        return np.asarray(np.linalg.norm(offsets @ self.whitening.astype(np.float64), axis=2).min(axis=1))


def roots_of_shares(embeddings: FloatArray) -> NDArray[np.float64]:
    """Square roots of what each number of an embedding is of their sum: float64, axes as `embeddings`, in [0, 1].

    Embeddings of our networks are never negative. Their shares do not depend on how large all of them are, and the root
    evens out that large shares spread more than small ones.

    >>> roots_of_shares(np.array([[1, 0, 3], [0, 0, 0]], np.float32)).round(3).tolist()
    [[0.5, 0.0, 0.866], [0.0, 0.0, 0.0]]
    """
    positive = np.maximum(embeddings, 0).astype(np.float64)
    return np.asarray(np.sqrt(positive / np.maximum(positive.sum(axis=-1, keepdims=True), _MIN_SUM)))


def with_unknown(
    content: bytes, spec: ModelSpec, rule: DistanceRule, *, found_by: str, label: str = "unknown"
) -> bytes:
    """The model file with one more label, the last, which scores best for sounds that `rule` says are unknown.

    The classes' logits stay as they are; their scores are divided by a sum that the new label is part of.

    Parameters
    ----------
    content : a model file whose only head gives one label a sound, none of them for unknown sounds
    spec : what it says of itself
    rule : of as many classes as the head has
    found_by : how the rule's threshold was chosen, in words
    label : id and name of the new label

    Raises
    ------
    ModelFileError : where `content` is no ONNX file, or no graph of ours
    ValueError : where `spec` or `rule` is not as said, or `label` is one of its labels
    """
    (head,) = spec.heads
    if head.unknown is not None:
        raise ValueError(f"The model {spec.name!r} has a label for unknown sounds already: {head.unknown.label!r}.")
    if len(rule.centres) != len(head.labels):
        raise ValueError(f"The rule must have {len(head.labels)} centres, one a class. Got {len(rule.centres)}.")
    unknown = UnknownSpec(label=label, rule=DISTANCE, threshold=rule.threshold, found_by=found_by)
    thresholds = None if head.thresholds is None else (*head.thresholds, 0.0)
    head = replace(head, labels=(*head.labels, Label(label)), thresholds=thresholds, unknown=unknown)
    model = _parsed(content)
    _append_logit(model.graph, rule)
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


def _append_logit(graph: Any, rule: DistanceRule) -> None:
    """Put the logit of unknown beside those that the graph gives as its output "logits"."""
    from onnx import helper, numpy_helper

    position = next((i for i, node in enumerate(graph.node) if "logits" in node.output), None)
    if position is None or not any("embedding" in node.output for node in list(graph.node)[:position]):
        raise ModelFileError("The graph has no node that gives 'logits' from 'embedding'; export the model again.")
    outputs = graph.node[position].output
    outputs[list(outputs).index("logits")] = "class_logits"
    constants = {
        "centres": rule.centres[None],
        "whitening": rule.whitening,
        "threshold": np.float32(rule.threshold),
        "slope": np.float32(rule.slope),
        "least_sum": np.float32(_MIN_SUM),
        "class_axis": np.array([1], np.int64),
        "last_axis": np.array([2], np.int64),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"unknown.{name}"))
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Relu", ["embedding"], "positive", {}),
        ("ReduceSum", ["positive", "class_axis"], "sum", {"keepdims": 1}),
        ("Max", ["sum", "least_sum"], "whole", {}),
        ("Div", ["positive", "whole"], "shares", {}),
        ("Sqrt", ["shares"], "roots", {}),
        ("Unsqueeze", ["roots", "class_axis"], "column", {}),
        ("Sub", ["column", "centres"], "offsets", {}),
        ("MatMul", ["offsets", "whitening"], "whitened", {}),
        ("ReduceL2", ["whitened", "last_axis"], "distances", {"keepdims": 0}),
        ("ReduceMin", ["distances", "class_axis"], "distance", {"keepdims": 1}),
        ("Sub", ["distance", "threshold"], "beyond", {}),
        ("Mul", ["beyond", "slope"], "log_odds", {}),
        ("ReduceMax", ["class_logits", "class_axis"], "best", {"keepdims": 1}),
        ("Add", ["best", "log_odds"], "logit", {}),
    ]
    ours = {name for *_, name, _ in steps} | set(constants)
    nodes = [
        helper.make_node(kind, [f"unknown.{one}" if one in ours else one for one in inputs], [f"unknown.{name}"], **how)
        for kind, inputs, name, how in steps
    ]
    nodes.append(helper.make_node("Concat", ["class_logits", "unknown.logit"], ["logits"], axis=1))
    for node in reversed(nodes):
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
