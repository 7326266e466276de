"""The first head of a pretrained network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auscult.models.nets.waveform_net import WaveformNet, hidden_head
from auscult.training.head_start import start_head
from auscult.training.heads import Examples, fit_head
from auscult.training.learner import Learner
from tests.training.test_auto import Bands


@pytest.fixture
def learner(make_learner) -> Learner:
    like = make_learner(backbone="yamnet", strategy="no_freeze")
    net = WaveformNet(like.plan.features, Bands(deaf=False), 2)
    return Learner(
        net, like.clips, validation=like.validation, task="single_label", plan=like.plan, options=like.options
    )


def embeddings_of(learner: Learner) -> torch.Tensor:
    windows = torch.from_numpy(np.stack([learner.clips.waveform(i) for i in range(len(learner.clips))]))
    with torch.no_grad():
        return learner.net.eval()(windows)[1]


def test_a_linear_head_is_that_of_frozen_embeddings_and_the_body_stays(learner):
    body = [one.clone() for one in learner.net.body.parameters()]
    groups = np.array([f"recording {i // 2}" for i in range(len(learner.clips))])
    start_head(learner, groups, quiet=True)
    assert learner.net.training
    assert all(torch.equal(before, after) for before, after in zip(body, learner.net.body.parameters(), strict=True))
    embeddings = embeddings_of(learner).numpy()
    examples = Examples(embeddings, learner.clips.targets, groups, np.ones(len(groups)))
    expected = fit_head(examples, task="single_label", seed=0)
    assert learner.net.head.weight.detach().numpy() == pytest.approx(expected.weight, rel=1e-2, abs=1e-3)
    assert learner.net.head.bias.detach().numpy() == pytest.approx(expected.bias, rel=1e-2, abs=1e-3)


def test_a_hidden_layer_begins_with_what_it_can_know(learner):
    learner.net.head = hidden_head(64, 2, units=8)
    start_head(learner, np.arange(len(learner.clips)).astype(str), quiet=True)
    with torch.no_grad():
        told = learner.net.eval().head(embeddings_of(learner)).argmax(dim=1).numpy()
    assert (told == learner.clips.targets.argmax(axis=1)).all()
