"""A graph that was exported once takes any head of its shape, and is known by everything but the head."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import auscult
from auscult.classifier import load
from auscult.errors import AuscultError
from auscult.export import graphs
from auscult.export.graphs import code_digest, exported_graph, graph_digest
from auscult.export.onnx import ShippedNet, to_onnx, with_head, write_model_file
from auscult.features import preset
from auscult.models.nets.mel_resnet import MelResNet
from auscult.models.nets.waveform_net import WaveformNet, hidden_head
from auscult.models.nets.yamnet import YamnetBody
from auscult.models.nets.yamnet_levels import TwoLevelYamnet
from auscult.records import Waveform
from tests.export.test_onnx import LABELS, SAMPLE_RATE, make_net, make_spec
from tests.tiny_corpora import tones

HEADS = {"linear": lambda: torch.nn.Linear(96, 3), "hidden": lambda: hidden_head(96, 3, dropout=0.3)}


def net_with(head: torch.nn.Module) -> WaveformNet:
    torch.manual_seed(1)
    features = preset("auscult", sample_rate=SAMPLE_RATE)
    return WaveformNet(features, MelResNet(features.n_mels, "tiny"), len(LABELS), head=head).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphs")


@pytest.mark.parametrize("kind", HEADS)
def test_a_kept_graph_with_another_head_does_what_the_network_does(kind, folder, tmp_path, monkeypatch):
    graph = exported_graph(net_with(HEADS[kind]()), make_spec(), folder)
    net = net_with(HEADS[kind]())
    with torch.no_grad():
        for parameter in net.head.parameters():
            parameter *= 10
    monkeypatch.setattr("auscult.export.onnx.to_onnx", None)  # not exported again
    spec = make_spec(name="other")
    parity = write_model_file(
        tmp_path / "model.onnx", net, spec, sounds=[Waveform(tones(["low"], 1), SAMPLE_RATE)], graph=graph.path
    )
    assert parity.max_difference < 1e-5
    model = load(tmp_path / "model.onnx")
    assert model.spec == spec
    plain = load(graph.path).classify(tones(["low"], 1)).scores.values
    assert np.abs(model.classify(tones(["low"], 1)).scores.values - plain).max() > 0.01


def test_a_graph_is_exported_once(folder, monkeypatch):
    first = exported_graph(net_with(HEADS["linear"]()), make_spec(), folder)
    monkeypatch.setattr(graphs, "to_onnx", None)
    assert exported_graph(net_with(HEADS["linear"]()), make_spec(name="any"), folder) == first


def test_the_digest_knows_body_window_and_task_and_no_head():
    net, spec = make_net(), make_spec()
    digest = graph_digest(net, spec)
    with torch.no_grad():
        net.head.weight += 1
    assert graph_digest(net, spec) == digest
    assert graph_digest(net, replace(spec, window_samples=8000)) != digest
    assert graph_digest(net, make_spec(task="multi_label")) != digest
    with torch.no_grad():
        next(net.body.parameters())[0] += 1e-3
    assert graph_digest(net, spec) != digest


def test_a_head_of_another_shape_is_not_put_in(folder):
    graph = exported_graph(net_with(HEADS["linear"]()), make_spec(), folder)
    assert with_head(graph.path.read_bytes(), torch.nn.Linear(96, 4), make_spec()) is None
    assert with_head(graph.path.read_bytes(), hidden_head(96, 3), make_spec()) is None


def test_nothing_but_head_and_description_changes(folder):
    graph = exported_graph(net_with(HEADS["linear"]()), make_spec(), folder)
    before = onnx.load(graph.path)
    after = onnx.load_from_string(with_head(graph.path.read_bytes(), HEADS["linear"](), make_spec()))
    for model in (before, after):
        for tensor in model.graph.initializer:
            if tensor.name.startswith("head."):
                tensor.ClearField("raw_data")
        del model.metadata_props[:]
    assert before.graph == after.graph


class TestCode:
    """A graph is made anew where the code that builds graphs has changed."""

    @pytest.mark.parametrize("file", ["export/onnx.py", "features/torch_mel.py", "models/nets/deeper/net.py"])
    def test_a_change_anywhere_in_it_counts(self, tmp_path, file):
        for name in ("export/onnx.py", "features/torch_mel.py", "models/nets/deeper/net.py", "cli/app.py"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"# {name}")
        digests = [code_digest(tmp_path)]
        (tmp_path / "cli" / "app.py").write_text("# something else")
        code_digest.cache_clear()
        assert code_digest(tmp_path) == digests[0]
        (tmp_path / file).write_text("# changed")
        code_digest.cache_clear()
        digests.append(code_digest(tmp_path))
        (tmp_path / file).rename(tmp_path / file.replace(".py", "_2.py"))
        code_digest.cache_clear()
        if file != "export/onnx.py":
            digests.append(code_digest(tmp_path))
        assert len(set(digests)) == len(digests)

    def test_the_digest_of_a_graph_depends_on_it(self, monkeypatch):
        digest = graph_digest(make_net(), make_spec())
        monkeypatch.setattr(graphs, "code_digest", lambda: "another")
        assert graph_digest(make_net(), make_spec()) != digest

    def test_every_module_of_ours_in_a_graph_is_in_it(self):
        """Where a part of a network is moved elsewhere, `GRAPH_CODE` has to follow."""
        package = Path(auscult.__file__).parent
        counted = set(graphs._sources(package))
        for shipped in (ShippedNet(make_net(), "single_label"), ShippedNet(yamnet_net(), "multi_label")):
            kinds = {type(module) for module in shipped.modules() if type(module).__module__.startswith("auscult.")}
            assert len(kinds) > 3
            assert {Path(inspect.getfile(kind)) for kind in kinds} <= counted


def yamnet_net() -> WaveformNet:
    features = preset("yamnet")
    return WaveformNet(features, TwoLevelYamnet(YamnetBody()), len(LABELS), head=torch.nn.Linear(1024, 3)).eval()


def test_a_graph_that_does_something_else_is_not_kept(tmp_path, monkeypatch):
    other = net_with(HEADS["linear"]())
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 1.3
    content = to_onnx(other, make_spec())
    monkeypatch.setattr(graphs, "to_onnx", lambda *_: content)
    with pytest.raises(AuscultError, match="not written, because its scores would differ"):
        exported_graph(net_with(HEADS["linear"]()), make_spec(), tmp_path)
    assert list(tmp_path.iterdir()) == []
