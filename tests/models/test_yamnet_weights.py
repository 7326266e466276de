"""Weights out of a .tflite: exact where it is a YAMNet, refused by name of the first step that is another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.errors import ModelFileError
from auscult.models.yamnet_weights import Grid, read_yamnet
from tests.tiny_yamnet import YamnetGraph, random_weights, round_outputs

STEM, BLOCKS, N_CLASSES = 4, ((6, 1), (8, 2)), 3
NAMES = ["body.layers.0", *(f"body.layers.{i}.{part}" for i in (1, 2) for part in ("depthwise", "pointwise"))]


def make_graph(*, quantized: bool = False) -> YamnetGraph:
    return YamnetGraph(random_weights(STEM, BLOCKS, N_CLASSES), BLOCKS, quantized=quantized)


def read(graph: YamnetGraph, folder: Path):
    path = folder / "small.tflite"
    path.write_bytes(graph.to_bytes())
    return read_yamnet(path, stem_channels=STEM, blocks=BLOCKS)


def test_weights_in_float32_come_as_they_are(tmp_path):
    graph = make_graph()
    found = read(graph, tmp_path)
    assert list(found.weights) == list(graph.weights)
    for name, values in found.weights.items():
        assert values.dtype == np.float32
        assert np.array_equal(values, graph.weights[name])
    assert found.grids == {}


def test_whole_numbers_come_times_their_scales(tmp_path):
    graph = make_graph(quantized=True)
    found = read(graph, tmp_path).weights
    assert found.keys() == graph.weights.keys()
    for name, values in found.items():
        stored = graph.stored[name]
        if stored.ndim == 4:
            stored = stored.transpose((3, 0, 1, 2) if "depthwise" in name else (0, 3, 1, 2))
        np.testing.assert_allclose(values, stored, rtol=1e-6)
        if name.endswith("weight"):
            # int8 with a scale for each output channel: within half a step of what was meant.
            step = np.abs(graph.weights[name]).max(axis=tuple(range(1, values.ndim)), keepdims=True) / 127
            assert (np.abs(values - graph.weights[name]) <= 0.51 * step).all()


def test_what_layers_are_rounded_to_is_read(tmp_path):
    graph = make_graph(quantized=True)
    round_outputs(graph, scale=0.0235, zero_point=-128)
    grids = read(graph, tmp_path).grids
    assert list(grids) == [
        "body.rounding_in",
        *(f"{name}.rounding" for name in NAMES),
        "body.rounding_out",
        "head",
    ]
    assert all(grid == Grid(float(np.float32(0.0235)), -128) for grid in grids.values())


def options_of(graph: YamnetGraph, index: int):
    return graph.graph.operators[index].builtinOptions


def set_stride(graph: YamnetGraph) -> None:
    options_of(graph, 1).strideW = 2


def set_padding(graph: YamnetGraph) -> None:
    options_of(graph, 2).padding = schema.Padding.VALID


def set_activation(graph: YamnetGraph) -> None:
    options_of(graph, 3).fusedActivationFunction = schema.ActivationFunctionType.RELU


def drop_options(graph: YamnetGraph) -> None:
    operator = graph.graph.operators[0]
    operator.builtinOptionsType, operator.builtinOptions = 0, None


def cut_short(graph: YamnetGraph) -> None:
    del graph.graph.operators[3:]


def break_chain(graph: YamnetGraph) -> None:
    graph.graph.operators[2].inputs[0] = 0


def drop_bias(graph: YamnetGraph) -> None:
    graph.graph.operators[1].inputs[2] = -1


def drop_convolutions(graph: YamnetGraph) -> None:
    del graph.graph.operators[:5]


def compute_weights(graph: YamnetGraph) -> None:
    graph.graph.tensors[graph.graph.operators[1].inputs[1]].buffer = 0


def forget_scales(graph: YamnetGraph) -> None:
    graph.graph.tensors[graph.graph.operators[2].inputs[1]].quantization = None


def lose_a_scale(graph: YamnetGraph) -> None:
    quantization = graph.graph.tensors[graph.graph.operators[2].inputs[1]].quantization
    del quantization.scale[-1], quantization.zeroPoint[-1]


def point_beyond_axes(graph: YamnetGraph) -> None:
    graph.graph.tensors[graph.graph.operators[2].inputs[1]].quantization.quantizedDimension = 4


def make_infinite(graph: YamnetGraph) -> None:
    graph.graph.tensors[graph.graph.operators[0].inputs[1]].quantization.scale[0] = float("inf")


def make_scalar(graph: YamnetGraph) -> None:
    graph.graph.tensors[graph.graph.operators[-2].inputs[1]].shape = []


CHANGES: dict[Callable[[YamnetGraph], None], str] = {
    set_stride: r"body\.layers\.1\.depthwise has the strides \(1, 2\) where YAMNet has 1",
    set_padding: r"body\.layers\.1\.pointwise is not padded as SAME",
    set_activation: r"body\.layers\.2\.depthwise does not end in RELU6",
    drop_options: r"body\.layers\.0 does not say its stride",
    cut_short: r"where YAMNet has DEPTHWISE_CONV_2D \(body\.layers\.2\.depthwise\) it has nothing that follows",
    break_chain: r"CONV_2D \(body\.layers\.1\.pointwise\) it has nothing that follows",
    drop_bias: r"body\.layers\.1\.depthwise has no bias",
    drop_convolutions: r"CONV_2D \(body\.layers\.0\) it has nothing that follows",
    compute_weights: r"the weights of body\.layers\.1\.depthwise are computed, not stored",
    forget_scales: r"body\.layers\.1\.pointwise is stored as int8 without a scale",
    lose_a_scale: r"body\.layers\.1\.pointwise has 5 scales along axis 0 for the shape \(6, 1, 1, 4\)",
    point_beyond_axes: r"has 6 scales along axis 4",
    make_infinite: r"body\.layers\.0 has weights that are not finite",
    make_scalar: r"head has a single number",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_another_network_is_refused(tmp_path, change):
    graph = make_graph(quantized=True)
    change(graph)
    with pytest.raises(ModelFileError, match=rf"small\.tflite: is not the YAMNet.*{CHANGES[change]}"):
        read(graph, tmp_path)


def test_another_size_is_refused(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(make_graph().to_bytes())
    with pytest.raises(ModelFileError, match=r"layers\.2\.pointwise has the shape \(8, 1, 1, 6\).*YAMNet has \(16,"):
        read_yamnet(path, stem_channels=STEM, blocks=((6, 1), (16, 2)))


@pytest.mark.parametrize("content", [b"", b"RIFF1234WAVE", b"\0\0\0\0TFL3"])
def test_what_is_no_tflite_is_refused(tmp_path, content):
    (tmp_path / "a.tflite").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"a\.tflite: "):
        read_yamnet(tmp_path / "a.tflite", stem_channels=STEM, blocks=BLOCKS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.tflite: there is no such file"):
        read_yamnet(tmp_path / "none.tflite", stem_channels=STEM, blocks=BLOCKS)


@pytest.fixture(scope="module")
def whole() -> bytes:
    return make_graph(quantized=True).to_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(whole, tmp_path, data):
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.tflite"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        found = read_yamnet(path, stem_channels=STEM, blocks=BLOCKS)
    except ModelFileError:
        return
    assert all(np.isfinite(values).all() for values in found.weights.values())
