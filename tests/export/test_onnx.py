"""A model file does what the network does, or is not written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from auscult.classifier import load
from auscult.errors import AuscultError
from auscult.export import onnx as export
from auscult.export.onnx import MAX_SCORE_DIFFERENCE, ShippedNet, compare, write_model_file
from auscult.features import preset
from auscult.models.modelfile import METADATA_KEY, HeadSpec, ModelSpec, Provenance, read_model_file
from auscult.models.nets.mel_resnet import MelResNet
from auscult.models.nets.waveform_net import WaveformNet
from auscult.records import Label, Waveform
from tests.tiny_corpora import SAMPLE_RATE, tones

LABELS = ("low", "middle", "high")
WINDOW = 4000


def make_spec(*, task: str = "single_label", **changes) -> ModelSpec:
    values = {
        "name": "tones",
        "heads": (HeadSpec(name="main", task=task, labels=tuple(map(Label, LABELS))),),
        "sample_rate": SAMPLE_RATE,
        "window_samples": WINDOW,
        "hop_samples": WINDOW // 2,
        "features": preset("auscult", sample_rate=SAMPLE_RATE).to_dict(),
        "license": "CC0-1.0",
        "provenance": Provenance(seed=3, training_clips=("ab", "cd")),
    }
    return ModelSpec(**(values | changes))


def make_net() -> WaveformNet:
    """An untrained network that is sure of itself: unlike sounds get unlike scores."""
    torch.manual_seed(1)
    features = preset("auscult", sample_rate=SAMPLE_RATE)
    net = WaveformNet(features, MelResNet(features.n_mels, "tiny"), len(LABELS)).eval()
    with torch.no_grad():
        net.head.weight *= 20
    return net


@pytest.fixture(scope="session")
def net() -> WaveformNet:
    return make_net()


@pytest.fixture(scope="session")
def model_file(net, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    real = [Waveform(tones(["low"], 1), SAMPLE_RATE)]
    parity = write_model_file(path, net, make_spec(), sounds=real)
    assert parity.n_sounds == 5
    assert parity.max_difference <= MAX_SCORE_DIFFERENCE
    return path


KINDS = {
    "real": tones(["low", "high"], 5),
    "silent": np.zeros(WINDOW, np.float32),
    "one sample": np.full(1, 0.5, np.float32),
    "shorter than a window": tones(["middle"], 6)[:1500],
    "many windows": np.concatenate([tones([label], i) for i, label in enumerate(LABELS)]),
    "as loud as can be": np.sign(tones(["high"], 7)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_gives_the_scores_of_the_network(model_file, net, kind):
    samples = KINDS[kind]
    starts = range(0, max(1, len(samples) - WINDOW // 2), WINDOW // 2) if len(samples) > WINDOW else [0]
    windows = [np.pad(samples[start : start + WINDOW], (0, max(0, WINDOW - len(samples[start:])))) for start in starts]
    with torch.no_grad():
        expected = torch.softmax(net(torch.from_numpy(np.stack(windows)))[0], dim=1).numpy()
    of_file = load(model_file).classify(Waveform(samples, SAMPLE_RATE)).scores.values
    assert of_file.shape == expected.shape
    assert np.abs(of_file - expected).max() <= MAX_SCORE_DIFFERENCE


def test_unlike_sounds_get_unlike_scores(model_file):
    """Else the test above would pass with any file."""
    scores = [load(model_file).classify(Waveform(KINDS[kind], SAMPLE_RATE)).sound_scores for kind in KINDS]
    assert max(np.abs(one - other).max() for one in scores for other in scores) > 100 * MAX_SCORE_DIFFERENCE


def test_any_number_of_windows_at_once(model_file):
    session = onnxruntime.InferenceSession(model_file)
    for n_windows in (1, 2, 7):
        scores, logits, embedding = session.run(None, {"waveform": np.zeros((n_windows, WINDOW), np.float32)})
        assert scores.shape == logits.shape == (n_windows, 3)
        assert embedding.shape == (n_windows, 96)
        assert scores.sum(axis=1) == pytest.approx(np.ones(n_windows), abs=1e-6)


def test_the_graph_is_plain_onnx_with_everything_inside(model_file):
    model = onnx.load(model_file, load_external_data=False)
    onnx.checker.check_model(model)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert {one.domain for one in model.opset_import} <= {"", "ai.onnx"}
    assert not model.functions
    assert all(one.data_location == onnx.TensorProto.DEFAULT for one in model.graph.initializer)
    assert [path.name for path in model_file.parent.iterdir()] == ["model.onnx"]
    (waveform,) = model.graph.input
    assert waveform.name == "waveform"
    assert [one.name for one in model.graph.output] == ["scores", "logits", "embedding"]
    batch, samples = waveform.type.tensor_type.shape.dim
    assert (bool(batch.dim_param), samples.dim_value) == (True, WINDOW)


def test_the_file_says_what_it_is(model_file):
    (entry,) = onnx.load(model_file).metadata_props
    assert entry.key == METADATA_KEY
    assert ModelSpec.from_json(entry.value) == read_model_file(model_file)[1] == make_spec()


def test_scores_of_many_labels_stand_alone(net, tmp_path):
    write_model_file(tmp_path / "model.onnx", net, make_spec(task="multi_label"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    scores, logits, _ = session.run(None, {"waveform": np.stack([tones(["low"], 1), tones(["high"], 2)])})
    assert scores == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


def test_calibration_acts_before_the_activation_and_begins_as_nothing(net):
    shipped = ShippedNet(net, "single_label").eval()
    waveform = torch.from_numpy(tones(["low"], 1))[None]
    with torch.no_grad():
        scores, logits, _ = shipped(waveform)
        assert torch.equal(scores, torch.softmax(logits, dim=1))
        shipped.calibration_scale.fill_(0.5)
        shipped.calibration_bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
        calibrated, same_logits, _ = shipped(waveform)
    assert torch.equal(same_logits, logits)
    assert torch.allclose(calibrated, torch.softmax(0.5 * logits + torch.tensor([1.0, 0.0, -1.0]), dim=1))


def test_one_channel_of_several(net, tmp_path, model_file):
    """The windows are mono; a model that will be given stereo is compared all the same."""
    content = onnx.load(model_file)
    spec = make_spec(mono=1)
    content.metadata_props[0].value = spec.to_json()
    onnx.save(content, tmp_path / "model.onnx")
    parity = compare(tmp_path / "model.onnx", net, spec, [Waveform(KINDS["many windows"], SAMPLE_RATE)])
    assert parity.n_windows == 5
    assert parity.max_difference <= MAX_SCORE_DIFFERENCE


class TestAFileThatDiffersIsRefused:
    @pytest.fixture
    def tampered(self, monkeypatch, model_file):
        """Let the exporter give the graph of `model_file` with a change."""

        def tamper(change) -> None:
            model = onnx.load(model_file)
            change(model)
            monkeypatch.setattr(export, "to_onnx", lambda *_: model.SerializeToString())

        return tamper

    @staticmethod
    def change_head(model: onnx.ModelProto, change) -> None:
        (head,) = (one for one in model.graph.initializer if one.name == "head.bias")
        values = change(onnx.numpy_helper.to_array(head).copy())
        head.CopyFrom(onnx.numpy_helper.from_array(values, head.name))

    @pytest.mark.parametrize(
        "value", [np.float32(0.01), np.float32("nan"), np.float32("inf")], ids=["shifted", "nan", "infinite"]
    )
    def test_other_weights(self, tampered, net, tmp_path, value):
        def change(values):
            values[0] += value
            return values

        tampered(lambda model: self.change_head(model, change))
        with pytest.raises(AuscultError, match=r"not written, because its scores would differ .* checkpoint is kept"):
            write_model_file(tmp_path / "model.onnx", net, make_spec())
        assert list(tmp_path.iterdir()) == []

    def test_an_older_file_stays(self, tampered, net, tmp_path):
        tampered(lambda model: self.change_head(model, lambda values: values[::-1].copy()))
        (tmp_path / "model.onnx").write_text("older")
        with pytest.raises(AuscultError, match="not written"):
            write_model_file(tmp_path / "model.onnx", net, make_spec())
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("model.onnx", "older")]

    def test_another_window_plan(self, tampered, net, tmp_path):
        """The file would cut long sounds differently from what the network is compared on."""
        tampered(lambda model: setattr(model.metadata_props[0], "value", make_spec(hop_samples=WINDOW).to_json()))
        with pytest.raises(AuscultError, match="not written"):
            write_model_file(tmp_path / "model.onnx", net, make_spec())
        assert list(tmp_path.iterdir()) == []

    def test_a_network_without_numbers(self, tmp_path, monkeypatch, model_file):
        net = make_net()
        with torch.no_grad():
            net.head.weight.fill_(float("nan"))
        monkeypatch.setattr(export, "to_onnx", lambda *_: model_file.read_bytes())
        with pytest.raises(AuscultError, match="differ from the trained network's by up to inf"):
            write_model_file(tmp_path / "model.onnx", net, make_spec())
        assert list(tmp_path.iterdir()) == []
