"""What every backbone must do, over all of the registry. YAMNet's weights are random here, so no file is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from auscult.classifier import load
from auscult.errors import DownloadError, UsageError
from auscult.models.nets import yamnet
from auscult.models.nets.waveform_net import WaveformNet
from auscult.training import TrainOptions, backbones, cross_validate, train
from auscult.training.backbones import BACKBONES, find_backbone
from auscult.training.options import BACKBONES as NAMES
from auscult.training.plan import plan_training, settle
from auscult.training.strategies import body_layers, parameter_groups
from tests.tiny_corpora import class_folders
from tests.training.test_plan import clip

N_CLASSES = 3


@pytest.fixture(autouse=True)
def weights_without_a_file(monkeypatch):
    def load_yamnet(path, *, dropout: float = 0.0) -> WaveformNet:
        torch.manual_seed(1)
        return WaveformNet(yamnet.FEATURES, yamnet.YamnetBody(), 521, dropout=dropout).eval()

    monkeypatch.setattr(yamnet, "load_yamnet", load_yamnet)
    monkeypatch.setattr(backbones, "_fetch_yamnet", lambda quiet: Path("yamnet.tflite"))


def built(name: str, *, seconds: float = 1.0, **changes):
    options = TrainOptions(backbone=name, size="tiny", **changes)
    recipe = find_backbone(name).recipe
    plan = plan_training([clip(seconds, 22050)] * 4, options, recipe)
    settled = settle(options, recipe, plan.epochs)
    torch.manual_seed(0)
    return plan, settled, find_backbone(name).build(plan, settled, N_CLASSES).eval()


def test_the_registry_and_the_options_name_the_same():
    assert sorted([*BACKBONES, "auto"]) == sorted(NAMES)


def test_one_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match=r"'backbone' option .* one of auto, scratch, yamnet, or hf:.* Got 'vgg'"):
        find_backbone("vgg")


@pytest.mark.parametrize("head", ["linear", "hidden"])
@pytest.mark.parametrize("name", BACKBONES)
def test_windows_become_logits_and_embeddings(name, head):
    plan, _, net = built(name, head=head)
    windows = 0.1 * torch.randn(3, plan.window_samples)
    with torch.no_grad():
        logits, embedding = net(windows)
        alone = net(windows[1:2])[0]
    assert logits.shape == (3, net.n_classes) == (3, N_CLASSES)
    assert embedding.shape == (3, net.embedding_dim)
    assert torch.allclose(alone, logits[1:2], atol=1e-4)


@pytest.mark.parametrize("name", BACKBONES)
def test_nothing_that_the_loop_needs_stays_open(name):
    _, settled, _ = built(name)
    assert settled.strategy is not None
    assert settled.learning_rate is not None
    assert settled.layer_decay is not None
    assert settle(settled, find_backbone(name).recipe, 10) == settled
    given = settle(TrainOptions(backbone=name, learning_rate=0.5), find_backbone(name).recipe, 10)
    assert given.learning_rate == 0.5


@pytest.mark.parametrize("name", BACKBONES)
def test_every_weight_has_a_learning_rate(name):
    _, settled, net = built(name)
    grouped = [id(one) for group in parameter_groups(net, settled) for one in group["params"]]
    assert sorted(grouped) == sorted(id(one) for one in net.parameters())
    assert len(body_layers(net.body)) >= 5


@pytest.mark.parametrize("name", BACKBONES)
def test_the_same_seed_gives_the_same_first_weights(name):
    one, other = built(name)[2], built(name)[2]
    assert all(torch.equal(first, second) for first, second in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", BACKBONES)
def test_a_window_holds_a_whole_clip(name):
    plan, _, _ = built(name, seconds=2.0)
    assert plan.window_samples >= 2.0 * plan.sample_rate
    assert 1 <= plan.hop_samples <= plan.window_samples


def test_patches_of_yamnet_fill_the_window():
    for seconds, window_samples in ((0.2, 15600), (0.97, 15600), (1.0, 23280), (5.0, 84720)):
        assert built("yamnet", seconds=seconds)[0].window_samples == window_samples


def test_yamnet_works_at_one_rate():
    with pytest.raises(UsageError, match=r"'sample_rate' option .* must be 16000 for the backbone yamnet.* Got 8000"):
        built("yamnet", sample_rate=8000)


@pytest.mark.slow  # trains YAMNet's whole network for an epoch each and exports it: some 15 s
@pytest.mark.parametrize("strategy", ["freeze", "no_freeze"])
def test_yamnet_becomes_a_model_file_of_our_own(cache_home, tmp_path, monkeypatch, strategy):
    # To random weights all sounds are much the same, so the head magnifies what is left, rounding included.
    monkeypatch.setattr("auscult.export.onnx.MAX_SCORE_DIFFERENCE", 1e-3)
    source = class_folders(tmp_path / "sounds", clips_per_class=4)
    options = TrainOptions(backbone="yamnet", strategy=strategy, epochs=1, batch_size=8, threads=1, test=0.3)
    run = train(source, output=tmp_path / "run", options=options, quiet=True)
    model = load(run.model)
    assert model.spec.sample_rate == 16000
    assert model.spec.features == yamnet.FEATURES.to_dict()
    assert model.spec.provenance.origin == "yamnet"
    assert model.spec.license == "unspecified: that of the training clips holds, and that of yamnet (Apache-2.0)"
    scores = model.classify(np.zeros(8000, np.float32)).scores.values
    assert scores.shape == (1, 3)


@pytest.mark.parametrize("trained", [train, cross_validate])
@pytest.mark.parametrize("quiet", [False, True])
def test_weights_that_cannot_be_had_are_named_before_a_clip_is_decoded(tmp_path, monkeypatch, trained, quiet):
    asked = []

    def unreachable(quiet):
        asked.append(quiet)
        raise DownloadError("yamnet", "unreachable", "could not be fetched", "go online once")

    monkeypatch.setattr(backbones, "_fetch_yamnet", unreachable)
    monkeypatch.setattr("auscult.training.run.prepare", lambda *_, **__: pytest.fail("clips were decoded"))
    sounds = class_folders(tmp_path / "sounds", clips_per_class=6)
    with pytest.raises(DownloadError, match="yamnet: could not be fetched"):
        trained(sounds, output=tmp_path / "run", options=TrainOptions(backbone="yamnet"), quiet=quiet)
    assert asked == [quiet]
    assert not (tmp_path / "run").exists()
