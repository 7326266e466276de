"""Model files changed after they were written, against what the numbers must then be."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from auscult.classifier import load
from auscult.errors import ModelFileError
from auscult.export.edit import DistanceRule, roots_of_shares, with_half_weights, with_spec, with_unknown
from auscult.models.modelfile import ModelSpec, UnknownSpec, read_model_file
from auscult.models.runners import open_runner
from auscult.records import FloatArray, Label
from tests.tiny_models import POWER_OFFSET, tiny_spec, write_tiny_model

CLASSES = ("early", "middle", "late")
SPEC = tiny_spec(CLASSES, part_samples=20, hop_samples=60)
FOUND_BY = "a guess"


def rule(threshold: float = 0.5, slope: float = 8.0, dim: int = 3) -> DistanceRule:
    """Centres: all the power in one part. Lengths along the first axis count twice."""
    whitening = np.eye(dim, dtype=np.float32)
    whitening[0, 0] = 2
    return DistanceRule(centres=np.eye(dim, dtype=np.float32), whitening=whitening, threshold=threshold, slope=slope)


def unknown_file(folder: Path, used: DistanceRule | None = None, spec: ModelSpec = SPEC) -> Path:
    content = write_tiny_model(folder / "before.onnx", spec).read_bytes()
    path = folder / "model.onnx"
    path.write_bytes(with_unknown(content, spec, used or rule(), found_by=FOUND_BY))
    return path


def loud(*powers: float) -> FloatArray:
    """A window whose parts have these powers: constant, for its power is then exact."""
    return np.repeat(np.sqrt(np.array(powers)), 20).astype(np.float32)


class TestRule:
    def test_the_distance_is_that_from_the_nearest_centre_along_the_whitened_axes(self) -> None:
        embeddings = np.array([[1, 0, 0], [0, 7, 0], [1, 0, 1], [0, 1, 1], [-1, -1, 5], [0, 0, 0]], np.float32)
        # Of two equal shares the roots are 0.7071. From the third they lie (2 x 0.7071, 0.2929) away, from the first
        # (2 x 0.2929, 0.7071). Where there is no share, a centre on the second axis is one unit away.
        root = np.sqrt(0.5)
        expected = [0, 0, np.hypot(2 * (1 - root), root), np.hypot(1 - root, root), 0, 1]
        assert rule().distances(embeddings) == pytest.approx(expected)

    @given(loudness=st.floats(0.01, 1e4))
    def test_it_does_not_depend_on_how_large_the_embedding_is(self, loudness: float) -> None:
        embedding = np.array([[0.2, 0.7, 0.4]], np.float32)
        scaled = (embedding * loudness).astype(np.float32)
        assert rule().distances(scaled) == pytest.approx(rule().distances(embedding), rel=1e-5)

    def test_is_mahalanobis_distance(self) -> None:
        """Against scipy's, with a covariance that is no diagonal."""
        from scipy.spatial.distance import mahalanobis

        generator = np.random.default_rng(0)
        points = generator.normal(0, 1, (40, 3)) @ generator.normal(0, 1, (3, 3))
        precision = np.linalg.inv(np.cov(points, rowvar=False))
        whitening = np.linalg.cholesky(precision).astype(np.float32)
        found = DistanceRule(
            centres=points[:2].astype(np.float32), whitening=whitening, threshold=1.0, slope=1.0
        ).distances(points.astype(np.float32))
        roots = roots_of_shares(points.astype(np.float32))
        expected = [min(mahalanobis(one, centre, precision) for centre in points[:2]) for one in roots]
        assert found == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize(
        "fields",
        [
            {"slope": 0.0},
            {"threshold": float("inf")},
            {"centres": np.eye(3)},
            {"centres": np.eye(2, dtype=np.float32)},
            {"whitening": np.full((3, 3), np.nan, np.float32)},
        ],
    )
    def test_what_is_refused(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="A DistanceRule takes"):
            replace(rule(), **fields)


class TestUnknown:
    def test_the_description_names_it_last(self, tmp_path: Path) -> None:
        head = load(unknown_file(tmp_path)).spec.heads[0]
        assert head.labels == (*SPEC.heads[0].labels, Label("unknown"))
        assert head.unknown == UnknownSpec(label="unknown", rule="distance", threshold=0.5, found_by=FOUND_BY)
        assert head.classes == SPEC.heads[0].labels

    @given(
        threshold=st.floats(0.1, 3),
        slope=st.floats(0.1, 9),
        powers=st.lists(st.lists(st.floats(0, 0.9), min_size=3, max_size=3), min_size=1, max_size=4),
    )
    @settings(deadline=None, max_examples=25)
    def test_the_odds_of_unknown_follow_from_the_distance(
        self, tmp_path_factory: pytest.TempPathFactory, threshold: float, slope: float, powers: list[list[float]]
    ) -> None:
        """exp of a tiny model's logits is power + 1e-4, and the embedding is the power."""
        used = rule(threshold, slope)
        answer = open_runner(unknown_file(tmp_path_factory.mktemp("unknown"), used)).run(
            np.stack([loud(*one) for one in powers])
        )
        distances = used.distances(np.array(powers, np.float32))
        classes = np.array(powers) + POWER_OFFSET
        unknown = classes.max(axis=1) * np.exp(slope * (distances - threshold))
        weights = np.hstack([classes, unknown[:, None]])
        assert answer["scores"] == pytest.approx(weights / weights.sum(axis=1, keepdims=True), abs=1e-4)
        assert answer["scores"].sum(axis=1) == pytest.approx(1, abs=1e-6)
        is_first = answer["scores"].argmax(axis=1) == 3
        clear = np.abs(distances - threshold) > 1e-3
        assert (is_first == (distances > threshold))[clear].all()

    def test_the_classes_logits_and_the_embedding_do_not_change_by_a_bit(self, tmp_path: Path) -> None:
        after = open_runner(unknown_file(tmp_path))
        before = open_runner(tmp_path / "before.onnx")
        windows = np.random.default_rng(0).normal(0, 0.3, (5, 60)).astype(np.float32)
        one, other = before.run(windows), after.run(windows)
        assert np.array_equal(one["logits"], other["logits"][:, :-1])
        assert np.array_equal(one["embedding"], other["embedding"])

    def test_it_is_a_label_like_any_other_for_who_classifies(self, tmp_path: Path) -> None:
        model = load(unknown_file(tmp_path, rule(threshold=0.8, slope=20.0)))
        # All of the first window's power is in a part, half of the second's.
        distances = 0, np.hypot(2 * (1 - np.sqrt(0.5)), np.sqrt(0.5))
        odds = [np.exp(20 * (distance - 0.8)) for distance in distances]
        result = model.classify(np.concatenate([loud(0.9, 0, 0), loud(0.1, 0, 0.1)]))
        assert [one.predictions[0].label for one in result.windows] == ["early", "unknown"]
        # The sound's scores are the means of its windows'.
        scores = {one.label: one.score for one in result.predictions}
        assert scores["unknown"] == pytest.approx(np.mean([odds[0] / (1 + odds[0]), odds[1] / (2 + odds[1])]), abs=2e-3)
        assert scores["early"] == pytest.approx(np.mean([1 / (1 + odds[0]), 1 / (2 + odds[1])]), abs=2e-3)
        record = result.to_dict(windows=True)
        assert record["windows"][1]["predictions"][0]["label"] == "unknown"
        assert [one["label"] for one in model(loud(0, 0.2, 0.1), deny=["unknown"], top_k=1)] == ["middle"]

    def test_calibration_leaves_it_as_it_is(self, tmp_path: Path) -> None:
        content = calibrated(write_tiny_model(tmp_path / "plain.onnx", SPEC).read_bytes(), scale=2.0, bias=1.0)
        path = tmp_path / "model.onnx"
        path.write_bytes(with_unknown(content, SPEC, rule(), found_by=FOUND_BY))
        powers = np.array([0.5, 0.2, 0.1])
        answer = open_runner(path).run(loud(*powers)[None])
        logits = np.log(powers + POWER_OFFSET)
        (distance,) = rule().distances(powers.astype(np.float32)[None])
        logits = np.append(2 * logits + 1, logits.max() + 8 * (distance - 0.5))
        assert answer["scores"][0] == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-5)

    def test_a_second_one_is_refused(self, tmp_path: Path) -> None:
        content, spec = read_model_file(unknown_file(tmp_path))
        with pytest.raises(ValueError, match="has a label for unknown sounds already: 'unknown'"):
            with_unknown(content, spec, rule(), found_by=FOUND_BY, label="other")

    def test_a_label_that_is_there_is_refused(self, tmp_path: Path) -> None:
        content = write_tiny_model(tmp_path / "model.onnx", SPEC).read_bytes()
        with pytest.raises(ValueError, match=r"labels with different ids. Got \"more than once: \['late'\]\""):
            with_unknown(content, SPEC, rule(), found_by=FOUND_BY, label="late")

    def test_a_rule_of_another_number_of_classes_is_refused(self, tmp_path: Path) -> None:
        content = write_tiny_model(tmp_path / "model.onnx", SPEC).read_bytes()
        with pytest.raises(ValueError, match=r"must have 3 centres, one a class. Got 4\."):
            with_unknown(content, SPEC, rule(dim=4), found_by=FOUND_BY)

    def test_several_labels_a_sound(self, tmp_path: Path) -> None:
        spec = tiny_spec(CLASSES, task="multi_label", part_samples=20)
        content = write_tiny_model(tmp_path / "model.onnx", spec).read_bytes()
        with pytest.raises(ValueError, match="null where sounds may have several labels"):
            with_unknown(content, spec, rule(), found_by=FOUND_BY)


class TestHalfWeights:
    """A graph of one product with a matrix, so that the rounded weights can be read off its output."""

    WEIGHTS = np.random.default_rng(0).normal(0, 1, (60, 30)).astype(np.float32)

    def content(self, weights: FloatArray, name: str = "body.weight") -> bytes:
        nodes = [helper.make_node("MatMul", ["waveform", name], ["out"])]
        graph = helper.make_graph(
            nodes,
            "product",
            [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["batch", 60])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 30])],
            [numpy_helper.from_array(weights, name)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        return bytes(model.SerializeToString())

    def outcome(self, content: bytes) -> FloatArray:
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (out,) = session.run(None, {"waveform": np.eye(60, dtype=np.float32)})
        return np.asarray(out)

    def test_weights_are_rounded_to_half_precision_and_nothing_else(self) -> None:
        before = self.content(self.WEIGHTS)
        after = with_half_weights(before)
        assert np.array_equal(self.outcome(after), self.WEIGHTS.astype(np.float16).astype(np.float32))
        assert len(after) < 0.6 * len(before)
        onnx.checker.check_model(onnx.load(io.BytesIO(after)), full_check=True)

    def test_the_front_end_keeps_its_precision(self) -> None:
        content = self.content(self.WEIGHTS, "front_end.bank")
        assert np.array_equal(self.outcome(with_half_weights(content)), self.WEIGHTS)

    def test_what_half_precision_cannot_hold_stays(self) -> None:
        weights = self.WEIGHTS.copy()
        weights[3, 4] = 1e6
        assert np.array_equal(self.outcome(with_half_weights(self.content(weights))), weights)


def test_another_description(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model.onnx", SPEC)
    path.write_bytes(with_spec(path.read_bytes(), replace(SPEC, name="weather", license="CC-BY-4.0")))
    assert load(path).spec == replace(SPEC, name="weather", license="CC-BY-4.0")


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"\x08\x0a" + b"\xff" * 40])
def test_bytes_that_are_no_model(content: bytes) -> None:
    for edit in (
        lambda: with_spec(content, SPEC),
        lambda: with_unknown(content, SPEC, rule(), found_by=FOUND_BY),
        lambda: with_half_weights(content),
    ):
        with pytest.raises(ModelFileError, match=r"export the model again|give the bytes of a model file"):
            edit()


def calibrated(content: bytes, *, scale: float, bias: float) -> bytes:
    """A tiny model with the calibration of `export.onnx.ShippedNet` between logits and activation."""
    model = onnx.load_from_string(content)
    n_classes = len(CLASSES)
    for name, value in {"calibration_scale": scale, "calibration_bias": bias}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.full(n_classes, value, np.float32), name))
    activation = model.graph.node[-1]
    activation.input[0] = "calibrated"
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Mul", ["logits", "calibration_scale"], ["x"]))
    model.graph.node.insert(
        len(model.graph.node) - 1, helper.make_node("Add", ["x", "calibration_bias"], ["calibrated"])
    )
    return bytes(model.SerializeToString())
