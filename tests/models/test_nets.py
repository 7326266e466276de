"""The networks: shapes, sizes, and independence of the neighbours in a batch."""

from __future__ import annotations

import pytest
import torch

from auscult.features import preset
from auscult.models.nets.mel_resnet import SIZES, MelResNet
from auscult.models.nets.waveform_net import WaveformNet, activate


@pytest.fixture(params=sorted(SIZES))
def net(request):
    torch.manual_seed(0)
    return MelResNet(64, request.param).eval()


@pytest.mark.parametrize("frames", [1, 2, 15, 16, 17, 250])
def test_any_number_of_frames(net, frames):
    assert net(torch.randn(2, 64, frames)).shape == (2, net.embedding_dim)


@pytest.mark.parametrize("n_mels", [16, 40, 128])
def test_any_number_of_bands(n_mels):
    assert MelResNet(n_mels, "tiny").eval()(torch.randn(1, n_mels, 30)).shape == (1, 96)


@torch.no_grad()
def test_no_result_depends_on_its_neighbours(net):
    batch = torch.randn(5, 64, 40)
    alone = torch.cat([net(row.unsqueeze(0)) for row in batch])
    assert torch.allclose(net(batch), alone, atol=1e-5)


def test_sizes_are_as_the_table_says():
    millions = {size: sum(p.numel() for p in MelResNet(64, size).parameters()) / 1e6 for size in SIZES}
    assert millions == pytest.approx({"tiny": 0.18, "small": 0.7, "base": 2.8}, rel=0.05)


def test_an_unknown_size_names_the_rule():
    with pytest.raises(ValueError, match="must be one of"):
        MelResNet(64, "giant")


@torch.no_grad()
def test_the_embedding_does_not_depend_on_when_a_sound_comes():
    """Shifting the picture by whole strides moves the features; the mean and maximum over time stay."""
    net = MelResNet(64, "tiny").eval()
    picture = torch.zeros(1, 64, 320)
    picture[:, 20:30, 96:112] = 1.0
    later = torch.roll(picture, 64, dims=2)
    assert torch.allclose(net(picture), net(later), atol=1e-4)


def test_waveform_net_gives_logits_and_embedding():
    net = WaveformNet(preset("auscult", sample_rate=8000), MelResNet(64, "tiny"), 3).eval()
    logits, embedding = net(torch.randn(2, 8000))
    assert logits.shape == (2, 3)
    assert embedding.shape == (2, 96)


def test_scores_of_one_label_add_up_to_one_and_of_many_stand_alone():
    logits = torch.tensor([[0.0, 0.0]])
    assert activate(logits, "single_label").tolist() == [[0.5, 0.5]]
    assert activate(torch.tensor([[0.0, 100.0]]), "multi_label").tolist() == [[0.5, 1.0]]
