"""What one step does, against what theory says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from auscult.training.learner import batch_norms, class_weights, cosine_with_warm_up, refresh_batch_norms, told_right


def test_class_weights_make_classes_count_the_same():
    targets = np.eye(3, dtype=np.float32)[[0] * 6 + [1] * 3]
    weights = class_weights(targets)
    assert (targets.sum(axis=0) * weights)[:2] == pytest.approx([4.5, 4.5])
    assert (targets @ weights).mean() == pytest.approx(1.0)
    assert weights[2] == 1.0


def test_the_loss_of_one_label_is_weighted_cross_entropy_to_soft_targets(make_learner):
    learner = make_learner()
    logits, targets = torch.randn(5, 2), torch.softmax(torch.randn(5, 2), dim=1)
    assert learner.loss(logits, targets) == pytest.approx(nn.functional.cross_entropy(logits, targets))
    learner.class_weights = torch.tensor([0.5, 2.0])
    expected = nn.functional.cross_entropy(logits, targets, weight=learner.class_weights, reduction="none").mean()
    assert learner.loss(logits, targets) == pytest.approx(expected)


def test_the_loss_of_many_labels_is_binary_cross_entropy_that_weighs_what_is_there(make_learner):
    learner = make_learner()
    learner.task = "multi_label"
    logits, targets = torch.randn(5, 2), torch.randint(0, 2, (5, 2)).float()
    expected = nn.functional.binary_cross_entropy_with_logits(logits, targets)
    assert learner.loss(logits, targets) == pytest.approx(expected)
    learner.class_weights = torch.tensor([0.5, 2.0])
    expected = nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=learner.class_weights)
    assert learner.loss(logits, targets) == pytest.approx(expected)


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine():
    factor = cosine_with_warm_up(100)
    assert [factor(step) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factor(5) == pytest.approx(1.0)
    assert factor(5 + 95 // 2) == pytest.approx(0.5, abs=0.02)
    assert factor(99) < 0.001
    assert factor(100) == factor(200) == 0.0
    assert cosine_with_warm_up(1)(0) == 1.0


def test_refreshed_batch_norms_hold_the_mean_and_variance_of_the_batches():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    net(100 + torch.randn(8, 3))
    batches = [torch.randn(16, 3) * scale + shift for scale, shift in ((1.0, 0.0), (2.0, 5.0))]
    refresh_batch_norms(net, batch_norms(net), batches)
    norm = net[0]
    assert torch.allclose(norm.running_mean, torch.stack([one.mean(dim=0) for one in batches]).mean(dim=0), atol=1e-6)
    assert torch.allclose(norm.running_var, torch.stack([one.var(dim=0) for one in batches]).mean(dim=0), atol=1e-5)
    assert norm.momentum == 0.1


def test_the_average_forgets_the_first_weights_sooner_than_the_last(make_learner):
    """Against the recursion a <- d a + (1 - d) w with d = min(0.9, (1 + n) / (10 + n)), written out in numbers."""
    learner = make_learner(averaging=0.9)
    bias = learner.net.head.bias
    expected = None
    for n, value in enumerate([1.0, 2.0, 3.0, 4.0]):
        with torch.no_grad():
            bias.fill_(value)
        learner.on_train_batch_end(None, None, 0)
        decay = min(0.9, (1 + n) / (10 + n))
        expected = value if expected is None else decay * expected + (1 - decay) * value
    assert learner.averaged.module.head.bias.tolist() == pytest.approx([expected] * 2)


def test_told_right():
    logits = torch.tensor([[2.0, -1.0], [3.0, 1.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert told_right(logits, targets, "single_label") == 0.5
    # Of four pairs, only the first class of the second clip is told wrong.
    assert told_right(logits, targets, "multi_label") == 0.75
