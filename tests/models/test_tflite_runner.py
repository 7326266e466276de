"""What only .tflite files have: metadata, heads, quantised outputs, thresholds, calibration; and YAMNet whole.

`test_runners.py` has what every runner must do.
"""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import pytest
import soundfile
from ai_edge_litert.interpreter import Interpreter

import auscult
from auscult.audio import plan_windows
from auscult.errors import ModelFileError, UsageError
from auscult.models.runners import OpenOptions, open_runner
from auscult.models.runners.tflite import TfliteRunner
from auscult.models.tflite_file import TfliteFile, read_tflite
from auscult.records import FloatArray, Label
from tests.tiny_models import expected_scores, tiny_spec
from tests.tiny_tflite import (
    AXIS_CALIBRATION,
    AXIS_LABELS,
    CALIBRATION_OPTIONS,
    THRESHOLDING_OPTIONS,
    Fields,
    Graph,
    activation,
    associated,
    label_file,
    model_metadata,
    tiny_graph,
    tiny_tflite,
    with_metadata,
    write_tiny_tflite,
)

SPEC = tiny_spec(["rain", "siren", "dog"], part_samples=50)
LABELS = label_file(["rain", "siren", "dog"])


def noise(n_windows: int = 4, seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    loudness = 10 ** random.uniform(-1, 0, (n_windows, 3, 1))
    return (loudness * random.uniform(-1, 1, (n_windows, 3, 50))).reshape(n_windows, 150).astype(np.float32)


def opened(tmp_path: Path, content: bytes, **options: Any) -> TfliteRunner:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    runner = open_runner(path, OpenOptions(**options))
    assert isinstance(runner, TfliteRunner)
    return runner


def one_output(files: list[Fields] | None = None, units: list[Fields] | None = None) -> list[Fields]:
    """TensorMetadata of a single output."""
    return [{0: "scores", 4: units or [], 6: files or [associated("labels.txt", AXIS_LABELS)]}]


class TestMetadata:
    def test_what_it_says(self, tmp_path: Path) -> None:
        spec = opened(tmp_path, tiny_tflite(SPEC)).spec
        assert (spec.name, spec.license, spec.sample_rate) == ("loudest-part", "CC0-1.0", 8000)
        assert (spec.window_samples, spec.hop_samples) == (150, 150)
        assert spec.heads[0].labels == (Label("rain"), Label("siren"), Label("dog"))
        assert spec.features is None

    def test_what_it_does_not_say(self, tmp_path: Path) -> None:
        metadata = model_metadata(SPEC)
        del metadata[0], metadata[5]
        spec = opened(tmp_path, with_metadata(tiny_graph(SPEC), metadata, {"labels.txt": LABELS})).spec
        assert (spec.name, spec.license) == ("model", "not stated")

    @pytest.mark.parametrize("shape", [[150], [1, 150], [1, 1, 150]])
    def test_shapes_of_a_waveform(self, shape: list[int], tmp_path: Path) -> None:
        content = with_metadata(tiny_graph(SPEC, input_shape=shape), model_metadata(SPEC), {"labels.txt": LABELS})
        found = opened(tmp_path, content).run(noise())["scores"]
        np.testing.assert_allclose(found, expected_scores(noise(), SPEC), atol=1e-6)

    def test_names_by_locale(self, tmp_path: Path) -> None:
        files = [
            associated("labels.txt", AXIS_LABELS),
            associated("labels_en.txt", AXIS_LABELS, "en"),
            associated("labels_de.txt", AXIS_LABELS, "de"),
        ]
        packed = {
            "labels.txt": b"/m/1\n/m/2\n/m/3\n",
            "labels_en.txt": b"Rain\nSiren\nDog",
            "labels_de.txt": "Regen\r\nSirene\r\nHündin\r\n".encode(),
        }
        content = with_metadata(tiny_graph(SPEC), model_metadata(SPEC, outputs=one_output(files)), packed)
        english = opened(tmp_path, content).spec.heads[0].labels
        assert english == (Label("/m/1", "Rain"), Label("/m/2", "Siren"), Label("/m/3", "Dog"))
        german = opened(tmp_path, content, locale="de").spec.heads[0].labels
        assert [label.name for label in german] == ["Regen", "Sirene", "Hündin"]
        with pytest.raises(UsageError, match=r"'locale' must be one in which .* \('en', 'de'\)\. Got 'fr'"):
            opened(tmp_path, content, locale="fr")

    def test_labels_that_are_alike_or_missing(self, tmp_path: Path) -> None:
        content = with_metadata(tiny_graph(SPEC), model_metadata(SPEC), {"labels.txt": b"dog\n\ndog\n"})
        labels = opened(tmp_path, content).spec.heads[0].labels
        assert [label.id for label in labels] == ["dog", "class 1", "dog (2)"]

    def test_another_number_of_labels(self, tmp_path: Path) -> None:
        content = with_metadata(tiny_graph(SPEC), model_metadata(SPEC), {"labels.txt": b"rain\nsiren\n"})
        with pytest.raises(ModelFileError, match=r"model\.tflite: has 3 classes, and 2 labels"):
            opened(tmp_path, content)

    def test_a_file_of_labels_that_is_not_there(self, tmp_path: Path) -> None:
        content = with_metadata(tiny_graph(SPEC), model_metadata(SPEC), {"others.txt": LABELS})
        with pytest.raises(ModelFileError, match=r"'labels\.txt' .* is not packed in it \(it has 'others\.txt'\)"):
            opened(tmp_path, content)

    def test_several_channels_are_refused(self, tmp_path: Path) -> None:
        content = with_metadata(tiny_graph(SPEC), model_metadata(SPEC, channels=2), {"labels.txt": LABELS})
        with pytest.raises(ModelFileError, match="takes sound of 2 channels, and auscult gives models mono"):
            opened(tmp_path, content)

    def test_metadata_of_another_kind(self, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        made.add_metadata("TFLITE_METADATA", b"no FlatBuffer at all, but long enough")
        with pytest.raises(ModelFileError, match="its metadata is damaged"):
            opened(tmp_path, made.to_bytes())


NAMES_BOTH = r"no TFLite metadata.*labels= \(--labels\), 3 names.* and sample_rate= \(--sample-rate\), in Hz"


class TestWithoutMetadata:
    def test_an_error_names_what_is_missing(self, tmp_path: Path) -> None:
        content = tiny_graph(SPEC).to_bytes()
        with pytest.raises(ModelFileError, match=NAMES_BOTH):
            opened(tmp_path, content)
        with pytest.raises(ModelFileError, match=r"labels= \(--labels\), 3 names in the order of its output$"):
            opened(tmp_path, content, sample_rate=8000)
        with pytest.raises(ModelFileError, match=r"sample rate; name it with sample_rate= \(--sample-rate\)"):
            opened(tmp_path, content, labels=["a", "b", "c"])

    def test_options_supply_it(self, tmp_path: Path) -> None:
        runner = opened(tmp_path, tiny_graph(SPEC).to_bytes(), labels=["a", "b", "c"], sample_rate=8000)
        assert [label.id for label in runner.spec.heads[0].labels] == ["a", "b", "c"]
        assert runner.spec.sample_rate == 8000
        np.testing.assert_allclose(runner.run(noise())["scores"], expected_scores(noise(), SPEC), atol=1e-6)

    def test_another_number_of_labels(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"'labels' must have as many labels as one output .* \(3\)\. Got 2"):
            opened(tmp_path, tiny_graph(SPEC).to_bytes(), labels=["a", "b"], sample_rate=8000)

    def test_labels_take_the_place_of_the_file_s(self, tmp_path: Path) -> None:
        runner = opened(tmp_path, tiny_tflite(SPEC), labels=["a", "b", "c"])
        assert [label.id for label in runner.spec.heads[0].labels] == ["a", "b", "c"]

    def test_another_rate_than_the_file_s_is_refused(self, tmp_path: Path) -> None:
        assert opened(tmp_path, tiny_tflite(SPEC), sample_rate=8000).spec.sample_rate == 8000
        with pytest.raises(UsageError, match=r"'sample_rate' must be the model's own, 8000, or left out\. Got 16000"):
            opened(tmp_path, tiny_tflite(SPEC), sample_rate=16000)


def two_heads() -> bytes:
    """Shares of power in three parts, and, under another name, how loud the two last parts are by themselves."""
    made = tiny_graph(SPEC)
    logits = next(i for i, one in enumerate(made.graph.tensors) if one.name == "logits")
    begin, size = made.constant("begin", np.array([0, 1], np.int32)), made.constant("size", np.array([1, 2], np.int32))
    late = made.step("SLICE", [logits, begin, size], "late", [1, 2], options=schema.SliceOptionsT())
    made.graph.outputs.append(activation(made, "multi_label", late, "late_scores", 2))
    outputs: list[Fields] = [
        {0: "part", 6: [associated("labels.txt", AXIS_LABELS)]},
        {0: "late parts", 6: [associated("late.txt", AXIS_LABELS)]},
    ]
    return with_metadata(made, model_metadata(SPEC, outputs=outputs), {"labels.txt": LABELS, "late.txt": b"b\nc\n"})


class TestHeads:
    def test_each_output_is_a_head(self, tmp_path: Path) -> None:
        runner = opened(tmp_path, two_heads())
        assert [(head.name, head.task) for head in runner.spec.heads] == [
            ("part", "single_label"),
            ("late_parts", "multi_label"),
        ]
        assert runner.outputs == ("scores", "scores_late_parts", "embedding")
        found = runner.run(noise())
        np.testing.assert_allclose(found["scores"], expected_scores(noise(), SPEC), atol=1e-6)
        each = dataclasses.replace(SPEC, heads=(dataclasses.replace(SPEC.heads[0], task="multi_label"),))
        np.testing.assert_allclose(found["scores_late_parts"], expected_scores(noise(), each)[:, 1:], atol=1e-6)

    def test_outputs_without_labels_are_no_heads(self, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        made.graph.outputs.insert(0, next(i for i, one in enumerate(made.graph.tensors) if one.name == "squares"))
        outputs: list[Fields] = [{0: "inner"}, *one_output()]
        runner = opened(tmp_path, with_metadata(made, model_metadata(SPEC, outputs=outputs), {"labels.txt": LABELS}))
        assert runner.outputs == ("scores", "embedding")
        np.testing.assert_allclose(runner.run(noise())["scores"], expected_scores(noise(), SPEC), atol=1e-6)


class TestScores:
    @pytest.mark.parametrize("kind", ["UINT8", "INT8"])
    def test_quantised_outputs_are_dequantised(self, kind: str, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        zero_point = {"UINT8": 0, "INT8": -128}[kind]
        made.graph.outputs = [made.quantize_output(made.graph.outputs[0], 1 / 256, zero_point, kind)]
        runner = opened(tmp_path, with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS}))
        assert runner.spec.heads[0].task == "single_label"
        found = runner.run(noise())["scores"]
        assert set((found * 256 % 1).ravel()) == {0}
        # Half a step, and the largest value that a byte holds.
        np.testing.assert_allclose(found, expected_scores(noise(), SPEC), atol=1 / 256)

    def test_a_threshold_holds_unless_told_otherwise(self, tmp_path: Path) -> None:
        options: Fields = {0: np.uint8(THRESHOLDING_OPTIONS), 1: {0: np.float32(0.25)}}
        metadata = model_metadata(SPEC, outputs=one_output(units=[options]))
        runner = opened(tmp_path, with_metadata(tiny_graph(SPEC), metadata, {"labels.txt": LABELS}))
        assert runner.spec.heads[0].thresholds == (0.25, 0.25, 0.25)
        model = auscult.load(tmp_path / "model.tflite")
        window = np.zeros(150, np.float32)
        window[:50] = 0.5
        assert [one["label"] for one in model(window)] == ["rain"]
        assert len(model(window, score_threshold=0.0)) == 3
        assert len(auscult.load(tmp_path / "model.tflite", score_threshold=0)(window)) == 3

    @pytest.mark.parametrize("transformation", [0, 1, 2], ids=["identity", "log", "inverse logistic"])
    def test_calibration(self, transformation: int, tmp_path: Path) -> None:
        """Against the formula of the metadata schema, in plain Python."""
        options: Fields = {
            0: np.uint8(CALIBRATION_OPTIONS),
            1: {0: np.int8(transformation), 1: np.float32(0.03125)},
        }
        files = [associated("labels.txt", AXIS_LABELS), associated("calibration.txt", AXIS_CALIBRATION)]
        metadata = model_metadata(SPEC, outputs=one_output(files, [options]))
        packed = {"labels.txt": LABELS, "calibration.txt": b"0.5,2.0,-0.25,0.3\n\n1.0,-1.5,0.5\n"}
        runner = opened(tmp_path, with_metadata(tiny_graph(SPEC), metadata, packed))
        assert runner.spec.heads[0].task == "multi_label"
        g = [lambda x: x, math.log, lambda x: math.log(x) - math.log(1 - x)][transformation]
        scores = expected_scores(noise(), SPEC)
        expected = [
            [
                0.5 / (1 + math.exp(-(2 * g(first) - 0.25))) if first >= 0.3 else 0.03125,
                0.03125,
                1 / (1 + math.exp(-(-1.5 * g(last) + 0.5))),
            ]
            for first, _, last in scores
        ]
        assert {first >= 0.3 for first in scores[:, 0]} == {True, False}
        np.testing.assert_allclose(runner.run(noise())["scores"], expected, atol=1e-6)

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (b"1,1,1\n", "calibration of scores has 2 lines for 3 labels"),
            (b"1,1,1\n1,1\n1,1,1\n", "line 2 of its calibration .* it is '1,1'"),
            (b"1,1,1\n1,1,1\n1,x,1\n", "line 3 of its calibration"),
            (b"-1,1,1\n1,1,1\n1,1,1\n", "line 1 of its calibration .* not negative"),
            (b"1,nan,1\n1,1,1\n1,1,1\n", "line 1 of its calibration"),
        ],
    )
    def test_a_calibration_that_is_none(self, lines: bytes, message: str, tmp_path: Path) -> None:
        options: Fields = {0: np.uint8(CALIBRATION_OPTIONS), 1: {0: np.int8(0)}}
        files = [associated("labels.txt", AXIS_LABELS), associated("calibration.txt", AXIS_CALIBRATION)]
        metadata = model_metadata(SPEC, outputs=one_output(files, [options]))
        content = with_metadata(tiny_graph(SPEC), metadata, {"labels.txt": LABELS, "calibration.txt": lines})
        with pytest.raises(ModelFileError, match=message):
            opened(tmp_path, content)


class TestGraphs:
    def test_no_embedding_where_there_is_no_dense_layer(self, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        dense = next(one for one in made.graph.operators if made.graph.tensors[one.outputs[0]].name == "lifted")
        made.model.operatorCodes[dense.opcodeIndex].builtinCode = 0  # ADD
        made.model.operatorCodes[dense.opcodeIndex].deprecatedBuiltinCode = 0
        dense.inputs = [dense.inputs[0], dense.inputs[2]]
        dense.builtinOptionsType, dense.builtinOptions = 0, None
        runner = opened(tmp_path, with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS}))
        assert runner.outputs == ("scores",)
        with pytest.raises(UsageError, match=r"'loudest-part' has no embedding: it gives scores;"):
            auscult.load(tmp_path / "model.tflite").embed(noise()[0])

    def test_a_further_output_changes_no_bit_of_the_scores(self, tmp_path: Path) -> None:
        content = tiny_tflite(SPEC)
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        found = opened(tmp_path, content).run(noise())
        for window, scores in zip(noise(), found["scores"], strict=True):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
            interpreter.invoke()
            plain = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            assert plain.tobytes() == scores.tobytes()

    @pytest.mark.parametrize(
        ("shape", "kind", "message"),
        [
            ([150], "INT32", "float32 of shape .samples. .*; this model takes int32 of shape .150."),
            ([3, 50], "FLOAT32", r"this model takes float32 of shape \[3, 50\]"),
            ([1], "FLOAT32", "takes sound of any length, and auscult runs models of a fixed one"),
            ([150], "STRING", "this model takes another type"),
        ],
    )
    def test_inputs_that_are_no_waveform(self, shape: list[int], kind: str, message: str, tmp_path: Path) -> None:
        made = Graph()
        waveform = made.tensor("waveform", shape, kind)
        made.graph.inputs = [waveform]
        made.graph.outputs = [made.step("LOGISTIC", [waveform], "scores", [1, 3])]
        with pytest.raises(ModelFileError, match=message):
            opened(tmp_path, with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS}))

    def test_two_inputs(self, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        made.graph.inputs.append(made.tensor("gain", [1]))
        with pytest.raises(ModelFileError, match="takes one input, this model takes 2"):
            opened(tmp_path, with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS}))

    def test_an_operator_that_litert_does_not_have(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        made = tiny_graph(SPEC)
        log = made.model.operatorCodes[made.graph.operators[-2].opcodeIndex]
        log.builtinCode, log.deprecatedBuiltinCode, log.customCode = 32, 32, "private"
        content = with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS})
        with pytest.raises(ModelFileError, match=r"model\.tflite: LiteRT cannot open it \(.*private"):
            opened(tmp_path, content)
        assert capfd.readouterr() == ("", "")

    def test_an_output_of_another_size_than_it_says(self, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        made.graph.tensors[made.graph.outputs[0]].shape = [1, 4]
        runner = opened(tmp_path, with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS + b"cat\n"}))
        with pytest.raises(ModelFileError, match=r"model\.tflite: the model failed \(.*size 3.*\(1,4\)\); export"):
            runner.run(noise())

    def test_steps_that_go_in_a_circle(self, tmp_path: Path) -> None:
        made = tiny_graph(SPEC)
        made.graph.operators[-2].inputs = made.graph.operators[-1].outputs
        content = with_metadata(made, model_metadata(SPEC), {"labels.txt": LABELS})
        assert opened(tmp_path, content).outputs == ("scores",)


@pytest.fixture(scope="module")
def yamnet_file(shared_data: Path) -> Path:
    return shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"


@pytest.fixture(scope="module")
def yamnet(yamnet_file: Path) -> auscult.Classifier:
    return auscult.load(yamnet_file)


@pytest.fixture(scope="module")
def yamnet_overlapping(yamnet_file: Path) -> auscult.Classifier:
    """As the name "yamnet" is opened."""
    return auscult.load(yamnet_file, hop_s=0.48)


class TestYamnet:
    def test_what_it_says(self, yamnet: auscult.Classifier) -> None:
        assert len(yamnet.labels) == 521
        assert yamnet.spec.name == "yamnet"
        assert (yamnet.spec.sample_rate, yamnet.spec.window_samples, yamnet.spec.hop_samples) == (16000, 15600, 15600)
        assert yamnet.spec.heads[0].task == "multi_label"
        assert yamnet.spec.license == "Apache-2.0"
        assert yamnet.spec.features is not None

    def test_labels_are_the_class_map_s(self, yamnet: auscult.Classifier, shared_data: Path) -> None:
        rows = (shared_data / "yamnet" / "yamnet_class_map.csv").read_text().splitlines()[1:]
        names = [row.split(",", 2)[2].strip('"') for row in rows]
        assert [label.id for label in yamnet.labels] == names

    def test_speech(self, yamnet: auscult.Classifier, shared_data: Path) -> None:
        assert yamnet(shared_data / "yamnet" / "speech.wav")[0]["label"] == "Speech"

    @pytest.mark.parametrize(
        ("expected", "samples"),
        [
            ("Silence", np.zeros(48000)),
            ("White noise", np.random.RandomState(51773).uniform(-1, 1, 48000)),
            ("Sine wave", np.sin(2 * np.pi * 440 * np.arange(48000) / 16000)),
        ],
        ids=["silence", "noise", "sine"],
    )
    def test_upstream_s_own_tests(
        self, expected: str, samples: FloatArray, yamnet_overlapping: auscult.Classifier
    ) -> None:
        """`yamnet_test.py` in tensorflow/models: among the ten best of the mean over three seconds."""
        best = yamnet_overlapping(samples.astype(np.float32), top_k=10)
        assert expected in [one["label"] for one in best]

    @pytest.mark.parametrize(
        ("n_samples", "n_frames", "n_patches"),
        [(15600, 96, 1), (15601, 144, 2), (48000, 336, 6), (80000, 528, 10), (160000, 1008, 20)],
    )
    def test_its_three_outputs_have_the_original_s_shapes(
        self, n_samples: int, n_frames: int, n_patches: int, yamnet_overlapping: auscult.Classifier
    ) -> None:
        samples = np.zeros(n_samples, np.float32)
        assert yamnet_overlapping.classify(samples).scores.values.shape == (n_patches, 521)
        assert yamnet_overlapping.embed(samples).shape == (n_patches, 1024)
        assert yamnet_overlapping.spectrogram(samples).shape == (64, n_frames)

    def test_scores_follow_from_the_embedding(self, yamnet: auscult.Classifier, shared_data: Path) -> None:
        """The dense layer, in numpy, on what `embed` gives: so it is the tensor that the layer takes."""
        file = read_tflite(yamnet._runner.path.read_bytes())
        dense = [one for one in file.main.operators if one.name == "FULLY_CONNECTED"][-1]
        weights, bias = (dequantised(file, number) for number in dense.inputs[1:3])
        path = shared_data / "yamnet" / "speech.wav"
        logits = yamnet.embed(path) @ weights.T + bias
        expected = 1 / (1 + np.exp(-logits))
        # Logits and scores are rounded to 8 bits on the way: steps of up to 0.25 and of 1/256.
        np.testing.assert_allclose(yamnet.classify(path).scores.values, expected, atol=0.035)

    def test_threads_give_the_same_bits(self, yamnet: auscult.Classifier) -> None:
        windows = np.random.default_rng(0).uniform(-0.5, 0.5, (8, 15600)).astype(np.float32)
        alone = [yamnet._runner.run(windows[i : i + 1]) for i in range(8)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda i: yamnet._runner.run(windows[i : i + 1]), range(8)))
        whole = yamnet._runner.run(windows)
        for name in ("scores", "embedding"):
            assert b"".join(one[name].tobytes() for one in alone) == whole[name].tobytes()
            assert b"".join(one[name].tobytes() for one in together) == whole[name].tobytes()

    def test_a_model_without_metadata(self, shared_data: Path) -> None:
        path = shared_data / "yamnet" / "model_without_metadata.tflite"
        with pytest.raises(ModelFileError, match=r"no TFLite metadata.*labels= .*527 names.*sample_rate="):
            auscult.load(path)
        model = auscult.load(path, labels=[f"class {i}" for i in range(527)], sample_rate=16000)
        assert model.classify(shared_data / "yamnet" / "two_heads.wav").scores.values.shape[1] == 527


def dequantised(file: TfliteFile, number: int) -> FloatArray:
    tensor = file.main.tensors[number]
    values = file.values(tensor)
    assert values is not None
    assert tensor.quantization is not None
    scales = tensor.quantization.scales.reshape(-1, *[1] * (values.ndim - 1))
    return (values * scales).astype(np.float32)


class TestMediaPipe:
    """The same scores as the runtime that these files are made for."""

    def test_yamnet_on_speech(self, yamnet: auscult.Classifier, yamnet_file: Path, shared_data: Path) -> None:
        samples, rate = soundfile.read(shared_data / "yamnet" / "speech.wav", dtype="float32")
        assert rate == 16000
        self.compare(yamnet_file, samples, rate, yamnet)

    def test_yamnet_on_noise_that_ends_in_the_middle_of_a_window(
        self, yamnet: auscult.Classifier, yamnet_file: Path
    ) -> None:
        random = np.random.default_rng(0)
        samples = (random.uniform(-1, 1, 70_001) * np.linspace(0, 1, 70_001)).astype(np.float32)
        self.compare(yamnet_file, samples, 16000, yamnet)

    def test_a_tiny_model(self, tmp_path: Path) -> None:
        path = write_tiny_tflite(tmp_path / "model.tflite", SPEC)
        self.compare(path, noise(5).reshape(-1)[:700], 8000, auscult.load(path))

    def compare(self, path: Path, samples: FloatArray, rate: int, model: auscult.Classifier) -> None:
        mediapipe = pytest.importorskip("mediapipe.tasks.python", reason="MediaPipe is not installed")
        audio = pytest.importorskip("mediapipe.tasks.python.audio", reason="MediaPipe has no audio tasks here")
        components = pytest.importorskip("mediapipe.tasks.python.components.containers")
        options = audio.AudioClassifierOptions(
            base_options=mediapipe.BaseOptions(model_asset_path=str(path)), max_results=-1
        )
        clip = components.AudioData.create_from_array(samples, rate)
        with audio.AudioClassifier.create_from_options(options) as classifier:
            answers = classifier.classify(clip)
        found = np.zeros((len(answers), len(model.labels)), np.float32)
        for row, answer in enumerate(answers):
            for category in answer.classifications[0].categories:
                found[row, category.index] = category.score
                assert category.category_name == model.labels[category.index].id
        windows = plan_windows(len(samples), length=model.spec.window_samples, hop=model.spec.hop_samples)
        assert len(found) == len(windows)
        np.testing.assert_allclose(model.classify(samples).scores.values, found, atol=1e-6)


def test_given_labels_are_as_many_as_the_classes(tmp_path: Path) -> None:
    path = write_tiny_tflite(tmp_path / "model.tflite")
    with pytest.raises(UsageError, match=r"each of the model's 2 classes, in their order\. Got 3 instead"):
        TfliteRunner(path, OpenOptions(labels=("a", "b", "c")))
