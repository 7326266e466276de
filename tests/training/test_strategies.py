"""What trains when, and that a killed training with a strategy ends as one that was left in peace."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from auscult.errors import UsageError
from auscult.models.nets.waveform_net import WaveformNet
from auscult.training import loop
from auscult.training.learner import Learner, batch_norms
from auscult.training.options import TrainOptions
from auscult.training.strategies import body_layers, freeze, parameter_groups, trained_layers
from tests.training.test_loop import assert_same_weights, train, weights

STRATEGIES = {
    "no_freeze": {},
    "freeze": {},
    "freeze_unfreeze": {"unfreeze_epoch": 2},
    "unfreeze_milestones": {"milestones": (1, 3, 2)},
}


class Body(nn.Module):
    """Three layers with batch norms and dropout, and a weight that is in none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_dim = 6
        self.shift = nn.Parameter(torch.zeros(64, 1))
        self.layers = nn.Sequential(*(_layer(c_in, c_out) for c_in, c_out in ((64, 8), (8, 8), (8, 6))))

    def forward(self, log_mel):
        return self.layers(log_mel + self.shift).mean(dim=2)


def _layer(c_in: int, c_out: int) -> nn.Module:
    return nn.Sequential(nn.Conv1d(c_in, c_out, 3), nn.BatchNorm1d(c_out), nn.ReLU(), nn.Dropout(0.1))


@pytest.fixture
def make_pretrained(make_learner):
    """A learner of a network whose body counts as pretrained."""

    def make(strategy: str, *, epochs: int = 4, **options) -> Learner:
        chosen = {"backbone": "yamnet", "strategy": strategy, "averaging": 0.0, **STRATEGIES[strategy], **options}
        like = make_learner(epochs=epochs, **chosen)
        torch.manual_seed(5)
        net = WaveformNet(like.plan.features, Body(), 2)
        for norm in batch_norms(net):
            norm.running_mean.normal_()
        empty = like.validation
        return Learner(net, like.clips, validation=empty, task="single_label", plan=like.plan, options=like.options)

    return make


def changed(before: dict, after: dict) -> set[str]:
    """Which of shift, layers and head have other weights or statistics."""
    names = {name for name in before if not torch.equal(before[name], after[name])}
    return {".".join(name.split(".")[1:3]) if "layers" in name else name.split(".")[-1] for name in names} & {
        "layers.0",
        "layers.1",
        "layers.2",
        "shift",
        "weight",
    }


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("no_freeze", [3, 3, 3, 3]),
        ("freeze", [0, 0, 0, 0]),
        ("freeze_unfreeze", [0, 0, 3, 3]),
        ("unfreeze_milestones", [0, 2, 2, 3]),
    ],
)
def test_each_strategy_trains_its_layers_in_each_epoch(make_pretrained, tmp_path, strategy, expected):
    learner = make_pretrained(strategy)
    seen = [weights(learner.net)]
    learner.on_train_epoch_end = lambda: seen.append(weights(learner.net))
    train(learner, tmp_path)
    everything = ["layers.2", "layers.1", "layers.0"]
    for epoch, n_layers in enumerate(expected):
        names = {*everything[:n_layers], "weight", *(["shift"] if n_layers == 3 else [])}
        assert changed(seen[epoch], seen[epoch + 1]) == names, epoch


def test_what_was_frozen_to_the_end_is_shipped_as_it_came(make_pretrained, tmp_path):
    learner = make_pretrained("freeze")
    before = weights(learner.net.body)
    done = train(learner, tmp_path)
    assert_same_weights(weights(done.net.body), before)


def test_batch_norms_that_trained_are_refreshed_and_frozen_ones_are_not(make_pretrained, tmp_path):
    learner = make_pretrained("unfreeze_milestones", milestones=(1, 4, 1))
    before = weights(learner.net.body)
    after = weights(train(learner, tmp_path).net.body)
    names = {name for name in before if "running_mean" in name and not torch.equal(before[name], after[name])}
    assert names == {"layers.2.1.running_mean"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_frozen_is_in_evaluation_mode_and_gets_no_gradient(make_pretrained, strategy):
    learner = make_pretrained(strategy)
    learner.train()
    n_trained = trained_layers(learner.options, epoch=0, epochs=4, n_layers=3)
    for height, layer in enumerate(body_layers(learner.net.body)):
        trains = height >= 3 - n_trained
        assert all(module.training == trains for module in layer.modules())
        assert all(parameter.requires_grad == trains for parameter in layer.parameters())
    assert learner.net.head.training
    assert learner.net.head.weight.requires_grad


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_resumed_training_ends_with_the_same_weights(make_pretrained, tmp_path, monkeypatch, strategy, epoch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    whole = train(make_pretrained(strategy), tmp_path / "whole")

    stopped = make_pretrained(strategy)
    step = stopped.training_step

    def interrupted_step(batch, batch_idx):
        if stopped.current_epoch == epoch and batch.step == 1:
            raise InterruptedError
        return step(batch, batch_idx)

    stopped.training_step = interrupted_step
    with pytest.raises(InterruptedError):
        train(stopped, tmp_path / "stopped")
    resumed = train(make_pretrained(strategy), tmp_path / "stopped")
    assert_same_weights(weights(whole.net), weights(resumed.net))
    assert [row.train_loss for row in resumed.rows] == [row.train_loss for row in whole.rows]


def test_learning_rates_fall_by_the_same_factor_from_layer_to_layer(make_pretrained):
    options = TrainOptions(backbone="yamnet", strategy="no_freeze", learning_rate=1.0, layer_decay=0.5)
    net = make_pretrained("no_freeze").net
    rates = {id(one): group["lr"] for group in parameter_groups(net, options) for one in group["params"]}
    assert set(rates) == {id(one) for one in net.parameters()}
    assert {rates[id(one)] for one in net.head.parameters()} == {1.0}
    for height, rate in enumerate((0.125, 0.25, 0.5)):
        assert {rates[id(one)] for one in net.body.layers[height].parameters()} == {rate}
    assert rates[id(net.body.shift)] == 0.125


def test_decay_pulls_on_products_alone(make_pretrained):
    net = make_pretrained("no_freeze").net
    options = TrainOptions(backbone="yamnet", learning_rate=1.0, layer_decay=1.0, weight_decay=0.3)
    for group in parameter_groups(net, options):
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.3 if parameter.ndim > 1 else 0.0)


def test_thawing_undoes_freezing():
    net = WaveformNet(None, Body(), 2, front_end=nn.Identity()).train()
    freeze(net, 0)
    freeze(net, 3)
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(module.training for module in net.modules())


def test_layers_of_a_body_that_does_not_name_them():
    body = nn.Module()
    body.entrance = nn.Conv2d(1, 2, 3)
    body.act = nn.ReLU()
    body.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))])
    assert [type(layer) for layer in body_layers(body)] == [nn.Conv2d, nn.Linear, nn.Linear, nn.BatchNorm1d]


def test_more_layers_than_there_are():
    options = TrainOptions(backbone="yamnet", strategy="unfreeze_milestones", milestones=(1, 2, 15))
    with pytest.raises(UsageError, match=r"'milestones' option of training must name at most the 14 layers"):
        trained_layers(options, epoch=0, epochs=5, n_layers=14)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"backbone": "resnet"}, "'backbone' option .* must be one of auto, scratch, yamnet, or hf:NAME_OR_FOLDER"),
        ({"backbone": "hf:"}, "'backbone' option .* Got 'hf:'"),
        ({"backbone": 3}, "'backbone' option .* Got 3"),
        (
            {"backbone": "scratch", "strategy": "freeze"},
            "'strategy' option .* must be no_freeze for the backbone scratch",
        ),
        ({"backbone": "auto", "strategy": "freeze"}, "'strategy' option .* left open for the backbone auto"),
        ({"backbone": "yamnet", "strategy": "thaw"}, "'strategy' option .* must be one of no_freeze, freeze,"),
        (
            {"backbone": "yamnet", "unfreeze_epoch": 3},
            "'unfreeze_epoch' option .* used with the strategy freeze_unfreeze",
        ),
        (
            {"backbone": "yamnet", "strategy": "freeze_unfreeze", "unfreeze_epoch": -1},
            "'unfreeze_epoch' option .* a whole number from 0",
        ),
        ({"backbone": "yamnet", "milestones": (1, 2, 3)}, "'milestones' option .* used with the strategy"),
        (
            {"backbone": "yamnet", "strategy": "unfreeze_milestones", "milestones": (3, 2, 1)},
            "'milestones' option .* two epochs, the first not after the second",
        ),
        (
            {"backbone": "yamnet", "strategy": "unfreeze_milestones", "milestones": (1, 2)},
            "'milestones' option .* two epochs",
        ),
        ({"layer_decay": 0}, "'layer_decay' option .* more than 0 and at most 1"),
        ({"time": -1}, "'time' option .* a number of minutes from 0"),
        ({"head": "deep"}, "'head' option .* one of linear, hidden"),
    ],
)
def test_options_that_do_not_go_together_name_the_rule(changes, rule):
    with pytest.raises(UsageError, match=rule):
        TrainOptions(**changes)


def test_milestones_come_back_from_yaml_as_they_were():
    options = TrainOptions(backbone="yamnet", strategy="unfreeze_milestones", milestones=(1, 2, 3))
    assert options.to_dict()["milestones"] == [1, 2, 3]
    assert TrainOptions(**options.to_dict()) == options
