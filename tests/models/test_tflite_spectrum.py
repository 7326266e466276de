"""The spectrum computed before the graph, against the whole graph in LiteRT, which computes it itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from auscult.audio import load_waveform, plan_windows
from auscult.models import tflite_spectrum
from auscult.models.runners import OpenOptions, open_runner
from auscult.models.tflite_edit import beginning_behind
from auscult.models.tflite_file import TfliteFile, read_tflite
from auscult.models.tflite_spectrum import Spectra, find_spectrum
from auscult.records import FloatArray
from tests.tiny_models import tiny_spec
from tests.tiny_tflite import Graph, label_file, model_metadata, with_metadata

PART, PARTS_A_FRAME, HOP_PARTS, N_FRAMES, FFT = 20, 3, 2, 8, 64
FRAME, BINS = PART * PARTS_A_FRAME, FFT // 2 + 1
N_PARTS = HOP_PARTS * (N_FRAMES - 1) + PARTS_A_FRAME
N_SAMPLES = PART * N_PARTS
HOP = PART * HOP_PARTS
N_CLASSES = 3
SPEC = tiny_spec(["rain", "siren", "dog"], part_samples=50)


class SpectralGraph(Graph):
    """waveform -> spectrum, step for step as tf.signal.stft is converted -> mean over time -> dense -> scores.

    What each constant holds can be set, to make graphs that are almost one.
    """

    def __init__(self, **changed: Any) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        places = HOP_PARTS * np.arange(N_FRAMES)[:, None] + np.arange(PARTS_A_FRAME)
        constants: dict[str, Any] = {
            "begin": [0],
            "end": [N_SAMPLES],
            "strides": [1],
            "places": places,
            "window": np.hanning(FRAME).astype(np.float32),
            "fill": [[0, 0], [0, FFT - FRAME]],
            **changed,
        }
        named = {
            name: self.constant(name, np.asarray(value, None if name == "window" else np.int32))
            for name, value in constants.items()
        }
        self.waveform = self.tensor("waveform", [N_SAMPLES])
        begin_end_strides = [named["begin"], named["end"], named["strides"]]
        cut = self.step(
            "STRIDED_SLICE",
            [self.waveform, *begin_end_strides],
            "cut",
            [N_SAMPLES],
            options=schema.StridedSliceOptionsT(),
        )
        split = self._reshape(cut, "split", [N_PARTS, PART])
        gathered = self.step(
            "GATHER",
            [split, named["places"]],
            "gathered",
            [N_FRAMES, PARTS_A_FRAME, PART],
            options=schema.GatherOptionsT(),
        )
        frames = self._reshape(gathered, "frames", [N_FRAMES, FRAME])
        times = schema.MulOptionsT()
        framed = self.step("MUL", [frames, named["window"]], "framed", [N_FRAMES, FRAME], options=times)
        filled = self.step("PAD", [framed, named["fill"]], "filled", [N_FRAMES, FFT], options=schema.PadOptionsT())
        rows = self._reshape(filled, "rows", [N_FRAMES, 1, FFT])
        size = self.constant("size", np.array([1, FFT], np.int32))
        turned = self.step(
            "RFFT2D", [rows, size], "turned", [N_FRAMES, 1, BINS], kind="COMPLEX64", options=schema.Rfft2dOptionsT()
        )
        spectrum = self._reshape(turned, "spectrum", [N_FRAMES, BINS], kind="COMPLEX64")
        self.magnitude = self.step("COMPLEX_ABS", [spectrum], "magnitude", [N_FRAMES, BINS])
        axis = self.constant("axis", np.array([0], np.int32))
        mean = schema.ReducerOptionsT()
        mean.keepDims = True
        embedding = self.step("MEAN", [self.magnitude, axis], "embedding", [1, BINS], options=mean)
        weights = self.constant("weights", random.normal(0, 0.3, (N_CLASSES, BINS)).astype(np.float32))
        bias = self.constant("bias", np.zeros(N_CLASSES, np.float32))
        dense = schema.FullyConnectedOptionsT()
        logits = self.step("FULLY_CONNECTED", [embedding, weights, bias], "logits", [1, N_CLASSES], options=dense)
        self.graph.inputs = [self.waveform]
        self.graph.outputs = [self.step("LOGISTIC", [logits], "scores", [1, N_CLASSES])]

    def _reshape(self, tensor: int, name: str, shape: list[int], *, kind: str = "FLOAT32") -> int:
        options = schema.ReshapeOptionsT()
        options.newShape = shape
        number = self.constant(f"{name}_shape", np.array(shape, np.int32))
        return self.step("RESHAPE", [tensor, number], name, shape, kind=kind, options=options)

    def file(self) -> bytes:
        labels = label_file([label.id for label in SPEC.heads[0].labels])
        return with_metadata(self, model_metadata(SPEC), {"labels.txt": labels})


def sound(n_samples: int, seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    return (10 ** random.uniform(-4, 0) * random.uniform(-1, 1, n_samples)).astype(np.float32)


def whole_graph(content: bytes, windows: FloatArray, tensor: int) -> FloatArray:
    """What LiteRT gives for each window at a tensor, which is made the only output."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    model.subgraphs[0].outputs = [tensor]
    made = Graph()
    made.model, made.graph = model, model.subgraphs[0]
    interpreter = Interpreter(model_content=made.to_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    rows = []
    for window in windows:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
        interpreter.invoke()
        rows.append(interpreter.get_tensor(tensor).copy())
    return np.stack(rows)


def spectra_of(content: bytes, *, hop_samples: int = N_SAMPLES) -> Spectra:
    steps = find_spectrum(read_tflite(content))
    assert steps is not None
    return Spectra(steps, window_samples=N_SAMPLES, hop_samples=hop_samples)


def magnitudes(spectra: Spectra, windows: FloatArray) -> FloatArray:
    return np.stack([one.copy() for one in spectra.of(windows)])


def test_the_steps_are_read_from_the_graph() -> None:
    steps = find_spectrum(read_tflite(SpectralGraph().file()))
    assert steps is not None
    assert (steps.n_steps, steps.n_frames, steps.hop_samples, steps.fft_samples) == (10, N_FRAMES, HOP, FFT)
    assert steps.window.tobytes() == np.hanning(FRAME).astype(np.float32).tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_magnitudes_are_litert_s(seed: int) -> None:
    made = SpectralGraph()
    content = made.file()
    windows = sound(10 * N_SAMPLES, seed).reshape(10, N_SAMPLES)
    expected = whole_graph(content, windows, made.magnitude)
    spectra = spectra_of(content)
    found = magnitudes(spectra, windows)
    # Not a bit but where float64 rounds just beside the border of two float32: one unit in the last place.
    np.testing.assert_array_max_ulp(found, expected, maxulp=1)
    assert (found != expected).mean() < 1e-3


def test_magnitudes_are_those_of_the_definition() -> None:
    window = sound(N_SAMPLES)
    frames = np.stack([window[HOP * k : HOP * k + FRAME] for k in range(N_FRAMES)])
    expected = np.abs(np.fft.rfft(frames.astype(np.float64) * np.hanning(FRAME), n=FFT))
    found = magnitudes(spectra_of(SpectralGraph().file()), window[None])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 20, 1000])
@pytest.mark.parametrize("hop_samples", [HOP, 3 * HOP, 7 * HOP, 8 * HOP - 1, HOP + 1, N_SAMPLES])
def test_overlap_changes_no_bit(hop_samples: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tflite_spectrum, "ROWS", rows)
    content = SpectralGraph().file()
    samples = sound(N_SAMPLES + 9 * hop_samples)
    samples[-N_SAMPLES // 2 :] = 0
    windows = np.stack([samples[k * hop_samples : k * hop_samples + N_SAMPLES] for k in range(10)])
    # Then in another order, with another sound between, and one twice: there is nothing to take over.
    windows = np.concatenate([windows, windows[3:4], sound(N_SAMPLES, seed=1)[None], windows[[4, 4, 0, 1, 2, 9]]])
    overlapping, alone = spectra_of(content, hop_samples=hop_samples), spectra_of(content)
    expected = b"".join(magnitudes(alone, window[None]).tobytes() for window in windows)
    for _ in range(2):
        assert magnitudes(overlapping, windows).tobytes() == expected


def test_no_window_has_no_magnitudes() -> None:
    assert list(spectra_of(SpectralGraph().file()).of(np.zeros((0, N_SAMPLES), np.float32))) == []


def test_frames_in_common_are_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    spectra = spectra_of(SpectralGraph().file(), hop_samples=3 * HOP)
    samples = sound(N_SAMPLES + 9 * HOP)
    n_rows: list[int] = []
    rfft: Callable[..., Any] = np.fft.rfft
    monkeypatch.setattr(np.fft, "rfft", lambda rows, axis: n_rows.append(len(rows)) or rfft(rows, axis=axis))
    magnitudes(spectra, np.stack([samples[3 * k * HOP :][:N_SAMPLES] for k in range(4)]))
    assert n_rows == [N_FRAMES, 3 * 3]


def test_a_runner_gives_the_whole_graph_s_scores_and_embedding(tmp_path: Path) -> None:
    made = SpectralGraph()
    content = made.file()
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    runner = open_runner(path, OpenOptions(hop_s=2 * HOP / SPEC.sample_rate))
    samples = sound(N_SAMPLES + 18 * HOP)
    windows = np.stack([samples[2 * k * HOP : 2 * k * HOP + N_SAMPLES] for k in range(10)])
    found = runner.run(windows)
    for name, tensor in (("scores", "scores"), ("embedding", "embedding")):
        number = [one.name for one in read_tflite(content).main.tensors].index(tensor)
        expected = whole_graph(content, windows, number).reshape(10, -1)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)
    singles = [runner.run(window[None]) for window in windows[::-1]][::-1]
    for name, values in found.items():
        assert b"".join(one[name].tobytes() for one in singles) == values.tobytes()


@pytest.mark.parametrize(
    "changed",
    [
        {"begin": [1]},
        {"strides": [2]},
        {"places": HOP_PARTS * np.arange(N_FRAMES)[::-1, None] + np.arange(PARTS_A_FRAME)},
        {"places": HOP_PARTS * np.arange(N_FRAMES)[:, None] + np.arange(PARTS_A_FRAME)[::-1]},
        {"places": 50 * np.arange(N_FRAMES)[:, None] + np.arange(PARTS_A_FRAME)},
        {"fill": [[0, 0], [1, FFT - FRAME - 1]]},
        {"fill": [[0, 0], [0, 2]]},
        {"begin": 0},
        {"strides": 1},
        {"places": np.arange(N_FRAMES)},
        {"window": np.float32(1)},
        {"window": np.hanning(FRAME - 1).astype(np.float32)},
    ],
)
def test_a_graph_that_is_almost_one_is_left_whole(changed: dict[str, Any]) -> None:
    assert find_spectrum(read_tflite(SpectralGraph(**changed).file())) is None


def test_a_step_that_does_more_is_left_in_the_graph() -> None:
    activated, seen, taken = SpectralGraph(), SpectralGraph(), SpectralGraph()
    product = next(one for one in activated.graph.operators if isinstance(one.builtinOptions, schema.MulOptionsT))
    product.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU
    seen.graph.outputs.append(seen.magnitude)
    taken.step("LOG", [taken.graph.operators[3].outputs[0]], "log", [N_FRAMES, FRAME])
    for made in (activated, seen, taken):
        assert find_spectrum(read_tflite(made.to_bytes())) is None


def test_the_rest_of_the_graph_begins_behind() -> None:
    file = read_tflite(SpectralGraph().to_bytes())
    steps = find_spectrum(file)
    assert steps is not None
    rest = read_tflite(beginning_behind(file.content, file.main, n_steps=steps.n_steps, tensor=steps.tensor))
    assert rest.main.inputs == (steps.tensor,)
    assert rest.main.outputs == file.main.outputs
    assert _names(rest) == _names(file)[steps.n_steps :]
    for n_steps in (0, len(file.main.operators)):
        with pytest.raises(ValueError, match=r"'n_steps' parameter must be 1 to less than 13\. Got"):
            beginning_behind(file.content, file.main, n_steps=n_steps, tensor=steps.tensor)


def _names(file: TfliteFile) -> list[str]:
    return [one.name for one in file.main.operators]


def test_yamnet_gives_its_whole_graph_s_scores(shared_data: Path) -> None:
    path = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
    content = path.read_bytes()
    file = read_tflite(content)
    assert find_spectrum(file) is not None
    runner = open_runner(path, OpenOptions(hop_s=0.48))
    sounds = sorted((shared_data / "esc10" / "audio").glob("*.ogg"))[::40]
    for source in [shared_data / "yamnet" / "speech.wav", *sounds]:
        samples = load_waveform(source, sample_rate=16000).samples
        plan = plan_windows(len(samples), length=15600, hop=7680)
        windows = np.zeros((len(plan), 15600), np.float32)
        for row, window in zip(windows, plan, strict=True):
            row[: window.valid_samples] = samples[window.start : window.end]
        expected = whole_graph(content, windows, file.main.outputs[0])[:, 0]
        assert runner.run(windows)["scores"].tobytes() == expected.tobytes()
