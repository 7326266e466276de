"""Asking another head of a model than its first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from auscult.classifier import load
from auscult.errors import UsageError
from auscult.models.modelfile import METADATA_KEY, HeadSpec, ModelSpec
from auscult.models.runners import HeadRunner, OnnxRunner, OpenOptions, open_runner
from auscult.records import Label
from tests.tiny_models import describe, tiny_graph, tiny_spec

SECOND = HeadSpec(name="loud", task="multi_label", labels=(Label("first", "Premier"), Label("second")), aggregate="max")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two heads: the second one's scores are the logistic function of the first one's logits, exchanged."""
    spec = tiny_spec()
    model = tiny_graph(spec)
    model.graph.initializer.append(helper.make_tensor("order", TensorProto.INT64, [2], [1, 0]))
    model.graph.node.append(helper.make_node("Gather", ["logits", "order"], ["exchanged"], axis=1))
    model.graph.node.append(helper.make_node("Sigmoid", ["exchanged"], ["scores_loud"]))
    model.graph.output.append(helper.make_tensor_value_info("scores_loud", TensorProto.FLOAT, ["batch", 2]))
    path = tmp_path_factory.mktemp("heads") / "two.onnx"
    described = replace(spec, heads=(*spec.heads, SECOND))
    onnx.save(describe(model, described.to_json()), path)
    return path


def sound(spec: ModelSpec) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 3 * spec.window_samples).astype(np.float32)


def test_the_other_head_comes_first_and_the_rest_stays(path: Path) -> None:
    first, other = OnnxRunner(path), open_runner(path, OpenOptions(head="loud"))
    assert isinstance(other, HeadRunner)
    assert [head.name for head in other.spec.heads] == ["loud", "main"]
    assert other.outputs == ("scores", "scores_main", "embedding")
    assert (other.digest, other.path) == (first.digest, first.path)
    windows = sound(first.spec)[: first.spec.window_samples][None]
    before, after = first.run(windows), other.run(windows)
    assert np.array_equal(after["scores"], before["scores_loud"])
    assert np.array_equal(after["scores_main"], before["scores"])
    assert np.array_equal(after["embedding"], before["embedding"])
    assert after["scores"][0] == pytest.approx(1 / (1 + np.exp(-before["logits"][0, ::-1])), abs=1e-6)


def test_a_classifier_names_the_labels_of_the_head_and_says_which_it_was(path: Path) -> None:
    model = load(path, head="loud")
    assert [label.id for label in model.labels] == ["first", "second"]
    result = model.classify(sound(model.spec), top_k=None)
    assert result.sound_scores == pytest.approx(result.scores.values.max(axis=0))  # as the head aggregates
    assert result.to_dict()["model"]["head"] == "loud"
    assert {one["label"] for one in result.to_dict()["predictions"]} == {"first", "second"}
    assert load(path, head="loud", allow=["second"])(sound(model.spec))[0]["label"] == "second"


def test_without_a_choice_it_is_the_first(path: Path) -> None:
    result = load(path).classify(sound(tiny_spec()))
    assert result.to_dict()["model"]["head"] == "main"
    assert {one["label"] for one in result.to_dict()["predictions"]} == {"early", "late"}


def test_a_head_that_is_not_there_is_an_error_that_names_those_that_are(path: Path) -> None:
    with pytest.raises(UsageError, match=r"'head' must be one of the model's, main, loud\. Got 'bird' instead"):
        load(path, head="bird")
    with pytest.raises(UsageError, match=r"'head' must be a word\. Got '' instead"):
        load(path, head="")


def test_where_there_is_one_head_nothing_is_said_of_it(tmp_path: Path) -> None:
    onnx.save(describe(tiny_graph(tiny_spec()), tiny_spec().to_json()), tmp_path / "one.onnx")
    model = load(tmp_path / "one.onnx")
    assert set(model.classify(sound(model.spec)).to_dict()["model"]) == {"name", "digest"}


def test_the_description_of_the_file_names_both(path: Path) -> None:
    (entry,) = [one for one in onnx.load(path).metadata_props if one.key == METADATA_KEY]
    assert [head["name"] for head in json.loads(entry.value)["heads"]] == ["main", "loud"]
