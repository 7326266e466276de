"""YAMNet at two levels: what is levelled, which patches are heard how, and that silence behind a clip says nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from auscult.features.torch_mel import LogMel
from auscult.models.nets.yamnet import FEATURES, SILENCE, YamnetBody
from auscult.models.nets.yamnet_levels import LEVEL, TwoLevelYamnet, level


class Listener(nn.Module):
    """In the place of YAMNet's body: a patch's embedding is the mean power of each band; it keeps what it was shown."""

    embedding_dim = 64

    def embed_cut(self, patches):
        self.shown = patches
        return torch.exp(2 * patches).mean(dim=2)


def log_mel(samples: np.ndarray) -> torch.Tensor:
    return LogMel(FEATURES)(torch.from_numpy(samples.astype(np.float32))[None])


def noise(n_samples: int, *, size: float = 0.05, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, n_samples)


@pytest.mark.parametrize("size", [0.0005, 0.01, 0.3])
def test_a_levelled_sound_has_one_level(size):
    levelled = torch.exp(level(log_mel(noise(15600, size=size)))) - FEATURES.log_offset
    assert float(levelled.square().mean().sqrt()) == pytest.approx(LEVEL, rel=0.01)


def test_how_loud_a_sound_is_does_not_change_it_levelled():
    quiet, loud = level(log_mel(noise(15600, size=0.005))), level(log_mel(noise(15600, size=0.05)))
    assert torch.allclose(quiet, loud, atol=1e-2)


def test_silence_stays_silence():
    assert torch.allclose(level(torch.full((1, 64, 96), SILENCE)), torch.full((1, 64, 96), SILENCE), atol=1e-6)


def test_the_gain_is_that_of_the_frames_that_hold_sound():
    sound = log_mel(noise(15600))
    padded = torch.cat([sound, torch.full((1, 64, 200), SILENCE)], dim=2)
    assert torch.allclose(level(padded)[:, :, :96], level(sound), atol=1e-4)


@pytest.mark.parametrize(("n_frames", "heard"), [(96, 2), (144, 3), (192, 4), (528, 11)])
def test_every_patch_is_heard_once_and_the_first_one_both_ways(n_frames, heard):
    body = Listener()
    frames = torch.randn(1, 64, n_frames)
    TwoLevelYamnet(body)(frames)
    assert body.shown.shape[1] == heard
    assert torch.equal(body.shown[0, 0], frames[0, :, :96].T)


@pytest.mark.parametrize("n_silent", [48, 96, 480])
def test_silence_behind_a_clip_says_nothing(n_silent):
    net = TwoLevelYamnet(Listener())
    clip = torch.cat([log_mel(noise(15600)), torch.full((1, 64, 48), SILENCE)], dim=2)
    padded = torch.cat([clip, torch.full((1, 64, n_silent), SILENCE)], dim=2)
    assert torch.allclose(net(padded), net(clip), atol=1e-5)


@pytest.mark.parametrize("samples", [np.zeros(46320), np.eye(1, 46320)[0], noise(46320, size=1.0)])
def test_every_window_has_an_embedding_of_unit_length(samples):
    embedding = TwoLevelYamnet(Listener())(log_mel(samples))
    assert float(embedding.norm()) == pytest.approx(1, abs=1e-4)
    assert (embedding >= 0).all()


def test_no_result_depends_on_its_neighbours():
    net = TwoLevelYamnet(Listener())
    rows = [log_mel(noise(46320, seed=seed, size=0.1**seed)) for seed in range(4)]
    together = net(torch.cat(rows))
    assert torch.allclose(together, torch.cat([net(row) for row in rows]), atol=1e-6)


@pytest.mark.parametrize("n_samples", [15600, 23280, 54000])
def test_what_the_own_head_reads_is_the_mean_over_all_patches_as_they_are(n_samples):
    torch.manual_seed(0)
    plain = YamnetBody().requires_grad_(False).eval()
    body = TwoLevelYamnet(plain)
    heard = log_mel(noise(n_samples))
    embedding, own = body.with_own(heard)
    np.testing.assert_allclose(embedding.numpy(), body(heard).numpy(), atol=1e-6)
    np.testing.assert_allclose(own.numpy(), plain(heard).numpy(), rtol=1e-4, atol=1e-6)


def test_without_the_own_head_no_patch_is_heard_for_it():
    listener = Listener()
    TwoLevelYamnet(listener)(log_mel(noise(54000)))
    assert listener.shown.shape[1] == 3 + 4  # of 6 patches: 0, 2, 4 as they are, 0, 1, 3, 5 levelled
    TwoLevelYamnet(listener).with_own(log_mel(noise(54000)))
    assert listener.shown.shape[1] == 3 + 4 + 3
