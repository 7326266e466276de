"""What every runner must do, over the registry, and what only ONNX files can get wrong."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from auscult.errors import ModelFileError, UsageError
from auscult.models.modelfile import HeadSpec, ModelSpec
from auscult.models.runners import RUNNERS, OpenOptions, Runner, open_runner
from auscult.records import FloatArray, Label
from tests.tiny_models import describe, expected_scores, tiny_graph, tiny_spec, write_tiny_model
from tests.tiny_tflite import as_tflite_says, write_tiny_tflite

# One writer an ending: a new kind of model file joins the conformance tests with a line here.
WRITERS: dict[str, Callable[[Path, ModelSpec], Path]] = {".onnx": write_tiny_model, ".tflite": write_tiny_tflite}
# What a kind of file cannot say comes back as its default.
SAYS: dict[str, Callable[[ModelSpec], ModelSpec]] = {".onnx": lambda spec: spec, ".tflite": as_tflite_says}
OUTPUTS = {".onnx": ("scores", "logits", "embedding"), ".tflite": ("scores", "embedding")}

# Odd sizes: a row of 7 classes and a window of 7 * 61 samples end in the middle of every vector register.
ODD = tiny_spec([f"part {i}" for i in range(7)], part_samples=61)


def noise(n_windows: int, spec: ModelSpec = ODD, seed: int = 0) -> FloatArray:
    """Windows whose parts differ in loudness by up to a factor of 100."""
    random = np.random.default_rng(seed)
    n_parts = len(spec.heads[0].labels)
    loudness = 10 ** random.uniform(-2, 0, (n_windows, n_parts, 1))
    windows = loudness * random.uniform(-1, 1, (n_windows, n_parts, spec.window_samples // n_parts))
    return windows.reshape(n_windows, spec.window_samples).astype(np.float32)


def test_every_runner_is_tested() -> None:
    assert set(WRITERS) == set(SAYS) == set(OUTPUTS) == set(RUNNERS)


@pytest.fixture(params=sorted(RUNNERS), scope="module")
def ending(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def path(ending: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[ending](tmp_path_factory.mktemp("model") / f"odd{ending}", ODD)


@pytest.fixture(scope="module")
def runner(path: Path) -> Runner:
    return open_runner(path)


class TestConformance:
    def test_says_what_it_is(self, runner: Runner, path: Path, ending: str) -> None:
        assert runner.spec == SAYS[ending](ODD)
        assert runner.outputs == OUTPUTS[ending]
        assert runner.path == path
        assert runner.digest == hashlib.sha256(path.read_bytes()).hexdigest()

    @pytest.mark.parametrize("task", ["single_label", "multi_label"])
    def test_computes_what_theory_says(self, task: str, ending: str, tmp_path: Path) -> None:
        spec = dataclasses.replace(ODD, heads=(dataclasses.replace(ODD.heads[0], task=task),))
        opened = open_runner(WRITERS[ending](tmp_path / f"model{ending}", spec))
        assert opened.spec.heads[0].task == task
        windows = noise(5, spec)
        np.testing.assert_allclose(opened.run(windows)["scores"], expected_scores(windows, spec), atol=1e-6)

    def test_types_and_shapes(self, runner: Runner) -> None:
        found = runner.run(noise(3))
        assert tuple(found) == runner.outputs
        assert {(one.shape, one.dtype.name) for one in found.values()} == {((3, 7), "float32")}

    def test_the_embedding_is_what_theory_says(self, runner: Runner) -> None:
        windows = noise(3)
        power = (windows.astype(np.float64) ** 2).reshape(3, 7, 61).mean(axis=2)
        np.testing.assert_allclose(runner.run(windows)["embedding"], power, rtol=1e-5)

    def test_no_window_gives_no_row(self, runner: Runner) -> None:
        assert {one.shape for one in runner.run(noise(0)).values()} <= {(0, 7), (0, 0)}

    def test_how_much_of_a_window_is_sound_changes_nothing_where_its_length_is_fixed(self, runner: Runner) -> None:
        windows = noise(2)
        assert runner.run(windows, [427, 3])["scores"].tobytes() == runner.run(windows)["scores"].tobytes()

    def test_another_hop(self, path: Path) -> None:
        assert open_runner(path, OpenOptions(hop_s=0.01)).spec.hop_samples == 80
        for hop_s in (0.00001, 0.1):
            with pytest.raises(UsageError, match=rf"'hop_s' must be from 0\.000125 s.*Got {hop_s:g} instead"):
                open_runner(path, OpenOptions(hop_s=hop_s))

    def test_an_option_without_effect_is_refused(self, path: Path) -> None:
        with pytest.raises(UsageError, match=r"The option 'revision' is not for this model"):
            open_runner(path, OpenOptions(revision="main"))

    @given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6), seed=st.integers(0, 99))
    @settings(deadline=None, max_examples=40)
    def test_no_bit_depends_on_the_batch(self, runner: Runner, sizes: list[int], seed: int) -> None:
        windows = noise(sum(sizes), seed=seed)
        whole = runner.run(windows)
        parts = [runner.run(part) for part in np.split(windows, np.cumsum(sizes)[:-1])]
        for name, values in whole.items():
            assert values.tobytes() == np.concatenate([part[name] for part in parts]).tobytes()

    def test_no_bit_depends_on_where_the_input_lies_in_memory(self, runner: Runner) -> None:
        windows = noise(4)
        expected = runner.run(windows)["scores"].tobytes()
        for shift in range(1, 17):
            room = np.zeros(windows.size + shift, dtype=np.float32)
            shifted = room[shift:].reshape(windows.shape)
            shifted[:] = windows
            assert runner.run(shifted)["scores"].tobytes() == expected
        assert runner.run(np.asfortranarray(windows))["scores"].tobytes() == expected

    def test_rows_come_in_the_order_of_the_windows(self, runner: Runner) -> None:
        windows = np.zeros((7, ODD.window_samples), dtype=np.float32)
        order = [3, 0, 6, 2, 5, 1, 4]
        for row, part in enumerate(order):
            windows[row, part * 61 : (part + 1) * 61] = 0.5
        assert runner.run(windows)["scores"].argmax(axis=1).tolist() == order

    def test_the_input_is_left_as_it_was(self, runner: Runner) -> None:
        windows = noise(2)
        windows.flags.writeable = False
        runner.run(windows)
        assert windows.tobytes() == noise(2).tobytes()

    def test_threads_do_not_disturb_each_other(self, runner: Runner) -> None:
        batches = [noise(6, seed=seed) for seed in range(40)]
        alone = [runner.run(batch)["scores"].tobytes() for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            together = [found["scores"].tobytes() for found in pool.map(runner.run, batches)]
        assert together == alone

    @pytest.mark.parametrize(
        "windows",
        [
            np.zeros((2, ODD.window_samples + 1), dtype=np.float32),
            np.zeros((2, ODD.window_samples - 1), dtype=np.float32),
            np.zeros(ODD.window_samples, dtype=np.float32),
            np.zeros((2, ODD.window_samples), dtype=np.float64),
        ],
        ids=["too long", "too short", "no axis of windows", "float64"],
    )
    def test_other_input_is_refused(self, runner: Runner, windows: FloatArray) -> None:
        with pytest.raises(ValueError, match=r"must be float32 with axes \(windows, samples = 427\). Got"):
            runner.run(windows)

    def test_memory_does_not_grow(self, runner: Runner) -> None:
        windows = noise(500)
        runner.run(windows)
        before = psutil.Process().memory_info().rss
        for _ in range(20):
            runner.run(windows)
        assert psutil.Process().memory_info().rss - before < 10e6

    def test_no_thread_waits_in_the_background(self, path: Path) -> None:
        before, before_of_python = psutil.Process().num_threads(), threading.active_count()
        opened = open_runner(path)
        opened.run(noise(2))
        assert psutil.Process().num_threads() == before
        assert threading.active_count() == before_of_python

    def test_a_cut_off_file_is_refused(self, path: Path, ending: str, tmp_path: Path) -> None:
        content = path.read_bytes()
        for length in range(0, len(content), 97):
            cut = tmp_path / f"cut{ending}"
            cut.write_bytes(content[:length])
            with pytest.raises(ModelFileError, match=r"cut\."):
                open_runner(cut)


class TestOpenRunner:
    def test_the_ending_may_be_upper_case(self, tmp_path: Path) -> None:
        assert open_runner(write_tiny_model(tmp_path / "MODEL.ONNX")).spec == tiny_spec()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"labels": "dog"}, "'labels' must be several names, as in a list, none of them empty. Got 'dog'"),
            ({"labels": ["dog", " "]}, "'labels' must be several names"),
            ({"labels": ["dog", "dog"]}, "'labels' must be several names, each another one. Got ['dog', 'dog']"),
            ({"labels": 3}, "'labels' must be several names"),
            ({"sample_rate": 0}, "'sample_rate' must be a positive whole number of Hz. Got 0"),
            ({"sample_rate": 16000.5}, "'sample_rate' must be a positive whole number of Hz. Got 16000.5"),
            ({"hop_s": 0}, "'hop_s' must be a positive number of seconds. Got 0"),
            ({"hop_s": float("nan")}, "'hop_s' must be a positive number of seconds. Got nan"),
            ({"locale": ""}, "'locale' must be a word. Got ''"),
        ],
    )
    def test_options_that_break_their_rule(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=re.escape(message)):
            OpenOptions(**options)

    def test_an_unknown_ending(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match=r"weights\.pt: a model file ends in \.onnx or \.tflite"):
            open_runner(write_tiny_model(tmp_path / "weights.pt"))

    def test_no_such_file_comes_before_the_ending(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match="absent: there is no such file"):
            open_runner(tmp_path / "absent")


def saved(tmp_path: Path, graph: onnx.ModelProto, spec: ModelSpec | None = None) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(describe(graph, (spec or tiny_spec()).to_json()).SerializeToString())
    return path


class TestOnnx:
    def test_further_heads_have_their_own_scores(self, tmp_path: Path) -> None:
        further = HeadSpec(name="reverse", task="single_label", labels=(Label("a"), Label("b")))
        spec = dataclasses.replace(tiny_spec(), heads=(*tiny_spec().heads, further))
        graph = tiny_graph(tiny_spec())
        graph.graph.node.append(helper.make_node("Sub", ["one", "scores"], ["scores_reverse"]))
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), "one"))
        graph.graph.output.append(helper.make_tensor_value_info("scores_reverse", TensorProto.FLOAT, ["batch", 2]))
        found = open_runner(saved(tmp_path, graph, spec)).run(noise(3, tiny_spec()))
        np.testing.assert_array_equal(found["scores_reverse"], 1 - found["scores"])

    def test_a_missing_head_is_refused(self, tmp_path: Path) -> None:
        further = HeadSpec(name="place", task="single_label", labels=(Label("a"), Label("b")))
        spec = dataclasses.replace(tiny_spec(), heads=(*tiny_spec().heads, further))
        with pytest.raises(ModelFileError, match=r"must give an output 'scores_place', float32 \[batch, 2\]; it has"):
            open_runner(saved(tmp_path, tiny_graph(tiny_spec()), spec))

    def test_a_graph_for_other_windows_is_refused(self, tmp_path: Path) -> None:
        graph = tiny_graph(tiny_spec(part_samples=200))
        with pytest.raises(ModelFileError, match=r"must take one input, 'waveform', float32 \[batch, 800\]"):
            open_runner(saved(tmp_path, graph))

    def test_a_graph_with_other_classes_is_refused(self, tmp_path: Path) -> None:
        graph = tiny_graph(tiny_spec(["a", "b", "c", "d"], part_samples=200))
        with pytest.raises(ModelFileError, match=r"an output 'scores', float32 \[batch, 2\]; it has scores"):
            open_runner(saved(tmp_path, graph))

    def test_a_graph_that_hides_its_width_is_found_out_when_it_runs(self, tmp_path: Path) -> None:
        graph = tiny_graph(tiny_spec())
        graph.graph.node[-1].output[0] = "both"
        graph.graph.node.append(helper.make_node("Compress", ["both", "kept"], ["scores"], axis=1))
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([True, False]), "kept"))
        graph.graph.output[0].type.tensor_type.shape.dim[1].Clear()
        runner = open_runner(saved(tmp_path, graph))
        with pytest.raises(ModelFileError, match=r"'scores' must have a row a window and 2 columns.*shape \(1, 1\)"):
            runner.run(noise(1, tiny_spec()))

    def test_a_fixed_batch_is_refused(self, tmp_path: Path) -> None:
        graph = tiny_graph(tiny_spec())
        graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
        with pytest.raises(ModelFileError, match=r"must take one input, 'waveform', float32 \[batch, 800\]"):
            open_runner(saved(tmp_path, graph))

    def test_operators_that_onnx_runtime_does_not_have(self, tmp_path: Path) -> None:
        graph = tiny_graph(tiny_spec())
        graph.graph.node[-1].domain = "com.example.private"
        graph.opset_import.append(helper.make_opsetid("com.example.private", 1))
        with pytest.raises(ModelFileError, match=r"ONNX Runtime .* cannot open it \(.*com\.example\.private"):
            open_runner(saved(tmp_path, graph))

    def test_a_graph_that_fails_while_running(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        graph = tiny_graph(tiny_spec())
        graph.graph.node[-1].output[0] = "all"
        graph.graph.node.append(helper.make_node("Gather", ["all", "sixth"], ["row"], axis=0))
        graph.graph.node.append(helper.make_node("Add", ["all", "row"], ["scores"]))
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([5]), "sixth"))
        runner = open_runner(saved(tmp_path, graph))
        with pytest.raises(ModelFileError, match=r"model\.onnx: the model failed \(.*Gather"):
            runner.run(noise(1, tiny_spec()))
        assert capfd.readouterr() == ("", "")
