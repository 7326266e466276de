"""YAMNet's own head beside the new one: its scores are those of plain YAMNet, and without it nothing is paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from auscult.classifier import load
from auscult.errors import UsageError
from auscult.export.graphs import graph_digest
from auscult.export.onnx import compare, write_model_file
from auscult.models.modelspec import HeadSpec, ModelSpec
from auscult.models.nets.waveform_net import WaveformNet
from auscult.models.nets.yamnet import FEATURES, YamnetBody
from auscult.models.nets.yamnet_levels import TwoLevelYamnet
from auscult.models.runners import OnnxRunner
from auscult.records import Label, Waveform
from auscult.training import backbones, train
from auscult.training.backbones import new_head
from auscult.training.options import TrainOptions
from auscult.training.plan import SCRATCH
from tests.tiny_corpora import class_folders

N_OWN = 7
OWN = HeadSpec(name="yamnet", task="multi_label", labels=tuple(Label(f"own {i}") for i in range(N_OWN)))
KEEP = TrainOptions(backbone="yamnet", strategy="freeze", keep_head=True, threads=1)


def plain_yamnet() -> WaveformNet:
    """YAMNet as the port has it, with weights of the test's own: 7 classes, each by itself."""
    torch.manual_seed(3)
    net = WaveformNet(FEATURES, YamnetBody(), N_OWN).requires_grad_(False).eval()
    torch.nn.init.normal_(net.head.weight, 0, 0.1)
    return net


def two_headed(options: TrainOptions, n_classes: int) -> WaveformNet:
    plain = plain_yamnet()
    head = new_head(options, 1024, n_classes)
    kept = plain.head if options.keep_head else None
    net = WaveformNet(FEATURES, TwoLevelYamnet(plain.body), n_classes, head=head, kept_head=kept)
    return net.requires_grad_(False).eval()


@torch.no_grad()
def plain_scores(window: np.ndarray) -> np.ndarray:
    logits, _ = plain_yamnet()(torch.from_numpy(window)[None])
    return torch.sigmoid(logits)[0].numpy()


def spec_of(heads: tuple[HeadSpec, ...], window_samples: int = 38640) -> ModelSpec:
    return ModelSpec(
        name="two",
        heads=heads,
        sample_rate=16000,
        window_samples=window_samples,
        hop_samples=window_samples // 2,
        features=FEATURES.to_dict(),
        license="CC0-1.0",
    )


MAIN = HeadSpec(name="main", task="single_label", labels=(Label("a"), Label("b"), Label("c")))


@pytest.mark.parametrize("head", ["linear", "hidden"])
def test_the_kept_scores_are_those_of_plain_yamnet(tmp_path: Path, head: str) -> None:
    options = replace(KEEP, head=head)
    net = two_headed(options, 3)
    spec = spec_of((MAIN, OWN))
    sound = np.random.default_rng(1).normal(0, 0.1, 38640).astype(np.float32)
    parity = write_model_file(tmp_path / "model.onnx", net, spec, sounds=[Waveform(sound, 16000)])
    assert parity.max_difference < 1e-4
    runner = OnnxRunner(tmp_path / "model.onnx")
    assert runner.outputs == ("scores", "logits", "embedding", "scores_yamnet")
    short = np.where(np.arange(38640) < 9000, sound, 0).astype(np.float32)  # zeros count, as in plain YAMNet
    for window in (sound, 0.01 * sound, short, np.zeros_like(sound)):
        found = runner.run(window[None])["scores_yamnet"][0]
        np.testing.assert_allclose(found, plain_scores(window), atol=1e-4)


def test_a_kept_head_that_differs_in_the_file_is_noticed(tmp_path: Path) -> None:
    net = two_headed(KEEP, 3)
    spec = spec_of((MAIN, OWN), 15600)
    write_model_file(tmp_path / "model.onnx", net, spec)
    torch.nn.init.normal_(net.kept_head.bias, 0, 1.0)
    assert (
        compare(tmp_path / "model.onnx", net, spec, [Waveform(np.zeros(15600, np.float32), 16000)]).max_difference
        > 0.01
    )


def test_graphs_with_and_without_are_kept_apart() -> None:
    with_it, without = two_headed(KEEP, 3), two_headed(replace(KEEP, keep_head=False), 3)
    assert graph_digest(with_it, spec_of((MAIN, OWN))) != graph_digest(without, spec_of((MAIN,)))
    assert not [name for name in without.state_dict() if "kept" in name]


@pytest.fixture
def small_yamnet(monkeypatch: pytest.MonkeyPatch, cache_home: Path) -> None:
    """The network of `two_headed` in YAMNet's place."""

    def build(plan, options, n_classes):
        return two_headed(options, n_classes)

    recipe = replace(backbones.YAMNET, defaults=SCRATCH.defaults | {"strategy": "freeze"})
    known = backbones.BACKBONES["yamnet"]
    small = replace(known, recipe=recipe, build=build, fetch=bool, own_head=lambda: OWN)
    monkeypatch.setitem(backbones.BACKBONES, "yamnet", small)
    monkeypatch.setattr("auscult.training.run.write_run_report", lambda *_: None)
    # Embeddings of random weights are all but alike, so a head that tells them apart makes much of the last bits.
    monkeypatch.setattr("auscult.export.onnx.MAX_SCORE_DIFFERENCE", 0.01)


@pytest.mark.usefixtures("small_yamnet")
def test_a_training_keeps_the_head_and_is_measured_by_the_new_one(tmp_path: Path) -> None:
    sounds = class_folders(tmp_path / "sounds", clips_per_class=8)
    run = train(sounds, output=tmp_path / "run", options=KEEP, quiet=True)
    assert [head.name for head in load(run.model).spec.heads] == ["main", "yamnet"]
    assert run.evaluation.outcomes.labels == ("high", "low", "middle")
    kept = load(run.model, head="yamnet", top_k=None)
    result = kept.classify(np.random.default_rng(0).normal(0, 0.1, 15600).astype(np.float32))
    np.testing.assert_allclose(
        result.sound_scores, plain_scores(np.random.default_rng(0).normal(0, 0.1, 15600).astype(np.float32)), atol=1e-4
    )
    assert {one.label for one in result.predictions} == {label.id for label in OWN.labels}
    assert "keep_head: true" in (run.folder / "config.yaml").read_text()
    without = train(sounds, output=tmp_path / "off", options=replace(KEEP, keep_head=False), quiet=True)
    assert [one.name for one in onnx.load(without.model).graph.output] == ["scores", "logits", "embedding"]


@pytest.mark.parametrize(
    "others",
    [
        {"backbone": "auto"},
        {"backbone": "scratch"},
        {"backbone": "hf:a/b"},
        {"backbone": "yamnet", "strategy": "no_freeze"},
        {"backbone": "yamnet", "strategy": "freeze_unfreeze"},
    ],
)
def test_elsewhere_there_is_no_head_to_keep(others: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"'keep_head' option of training must be left out for the backbone .*freeze"):
        TrainOptions(keep_head=True, **others)  # type: ignore[arg-type]
    TrainOptions(keep_head=False, **others)  # type: ignore[arg-type]


def test_yamnet_gives_its_own_labels(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
    monkeypatch.setattr(backbones, "_fetch_yamnet", lambda quiet: file)
    (head,) = backbones.kept_heads(KEEP)
    assert (head.name, head.task, head.aggregate, len(head.labels)) == ("yamnet", "multi_label", "mean", 521)
    assert head.labels[0].name == "Speech"


def test_the_published_head_on_two_levels_scores_as_the_port_does(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auscult.models.nets.yamnet import load_yamnet
    from auscult.training.plan import TrainPlan

    file = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
    monkeypatch.setattr(backbones, "_fetch_yamnet", lambda quiet: file)
    plan = TrainPlan(16000, FEATURES, window_samples=38640, hop_samples=19320, epochs=1)
    net = backbones.find_backbone("yamnet").build(plan, KEEP, 3).eval()
    window = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, 38640)).astype(np.float32))
    with torch.no_grad():
        of_net = torch.sigmoid(net.kept_logits(net.front_end(window))[1])
        of_port = torch.sigmoid(load_yamnet(file)(window)[0])
    np.testing.assert_allclose(of_net.numpy(), of_port.numpy(), atol=1e-6)
