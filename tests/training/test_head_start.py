"""The first head of a pretrained network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auscult.models.nets.waveform_net import WaveformNet, hidden_head
from auscult.training.head_start import PENALTY, SMALL, SMALL_OF_SIZE, start_head
from auscult.training.learner import Learner
from tests.training.test_auto import Bands


@pytest.fixture
def learner(make_learner):
    like = make_learner(backbone="yamnet", strategy="no_freeze")
    net = WaveformNet(like.plan.features, Bands(deaf=False), 2)
    return Learner(
        net, like.clips, validation=like.validation, task="single_label", plan=like.plan, options=like.options
    )


def embeddings_of(learner: Learner) -> torch.Tensor:
    windows = torch.from_numpy(np.stack([learner.clips.waveform(i) for i in range(len(learner.clips))]))
    with torch.no_grad():
        return learner.net(windows)[1]


def test_it_is_the_logistic_regression_of_scikit_learn(learner):
    from sklearn.linear_model import LogisticRegression

    body = [one.clone() for one in learner.net.body.parameters()]
    start_head(learner, quiet=True)
    x = embeddings_of(learner).numpy().astype(np.float64)
    deviation = x.std(axis=0, ddof=1)
    deviation = np.maximum(deviation, max(SMALL * deviation.max(), SMALL_OF_SIZE * np.sqrt((x**2).mean())))
    y = learner.clips.targets.argmax(axis=1)
    z = (x - x.mean(axis=0)) / deviation
    # Its penalty is half the squared weights over C and the sum of the losses. Two columns share what it gives to one.
    reference = LogisticRegression(C=2 / (PENALTY * len(y)), max_iter=10_000, tol=1e-10).fit(z, y)
    expected = 1 / (1 + np.exp(-reference.decision_function(z)))
    with torch.no_grad():
        scores = torch.softmax(learner.net.head(torch.from_numpy(x).float()), dim=1)[:, 1].numpy()
    assert scores == pytest.approx(expected, abs=2e-3)
    assert all(torch.equal(before, after) for before, after in zip(body, learner.net.body.parameters(), strict=True))
    assert learner.net.training


def test_a_hidden_layer_too(learner):
    learner.net.head = hidden_head(64, 2, units=8)
    start_head(learner, quiet=True)
    with torch.no_grad():
        told = learner.net.eval().head(embeddings_of(learner)).argmax(dim=1).numpy()
    assert (told == learner.clips.targets.argmax(axis=1)).all()
