"""The loop: it learns, and an interrupted training ends with the weights of an uninterrupted one."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from auscult.errors import AuscultError
from auscult.training import loop
from auscult.training.learner import Learner
from auscult.training.loop import CHECKPOINT, fit


def train(learner: Learner, folder, **changes):
    torch.set_num_threads(1)
    return fit(learner, folder, **({"precision": "32", "early_stop": None, "quiet": True} | changes))


def weights(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_it_learns_two_tones(make_learner, tmp_path, store):
    learner = make_learner(epochs=15, learning_rate=5e-3, mixing=0.0, masking=0.0)
    done = train(learner, tmp_path)
    windows = torch.from_numpy(np.stack([store.waveform(i) for i in range(len(store))]))
    with torch.no_grad():
        told = done.net(windows)[0].argmax(dim=1)
    assert (told == torch.from_numpy(store.targets).argmax(dim=1)).float().mean() > 0.95
    assert done.rows[-1].train_loss < done.rows[0].train_loss


def test_results_csv_has_a_row_an_epoch(make_learner, tmp_path):
    train(make_learner(epochs=3), tmp_path)
    rows = list(csv.DictReader((tmp_path / "results.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert all(float(row["train_loss"]) > 0 for row in rows)
    assert {row["val_loss"] for row in rows} == {""}


def test_same_seed_same_weights(make_learner, tmp_path):
    one = train(make_learner(), tmp_path / "one").net
    other = train(make_learner(), tmp_path / "other").net
    assert_same_weights(weights(one), weights(other))


def test_another_seed_gives_other_weights(make_learner, tmp_path):
    one = train(make_learner(seed=1), tmp_path / "one").net
    other = train(make_learner(seed=2), tmp_path / "other").net
    assert not torch.equal(one.head.weight, other.head.weight)


class Stop(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("where", ["in the middle of the epoch", "before its checkpoint"])
@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_resumed_training_ends_with_the_same_weights(make_learner, tmp_path, monkeypatch, epoch, where, schedule):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    whole = train(make_learner(epochs=4, schedule=schedule), tmp_path / "whole")

    stopped = make_learner(epochs=4, schedule=schedule)
    step = stopped.training_step

    def interrupted_step(batch, batch_idx):
        if stopped.current_epoch == epoch and (batch.step == 1 or where == "before its checkpoint"):
            raise Stop
        return step(batch, batch_idx)

    stopped.training_step = interrupted_step
    with pytest.raises(Stop):
        train(stopped, tmp_path / "stopped")
    assert (tmp_path / "stopped" / "checkpoints" / CHECKPOINT).exists()

    resumed = train(make_learner(epochs=4, schedule=schedule), tmp_path / "stopped")
    assert_same_weights(weights(whole.net), weights(resumed.net))
    assert [row.epoch for row in resumed.rows] == [1, 2, 3, 4]
    assert [row.train_loss for row in resumed.rows] == [row.train_loss for row in whole.rows]


def test_a_finished_training_resumes_to_the_same_weights(make_learner, tmp_path):
    first = train(make_learner(), tmp_path)
    again = train(make_learner(), tmp_path)
    assert_same_weights(weights(first.net), weights(again.net))
    assert len(again.rows) == 3


def test_ctrl_c_comes_out_as_itself(make_learner, tmp_path):
    import signal

    learner = make_learner()

    def interrupted(batch, batch_idx):
        raise KeyboardInterrupt

    learner.training_step = interrupted
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(learner, tmp_path)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_loss_that_is_no_number_ends_with_advice(make_learner, tmp_path):
    learner = make_learner()
    with torch.no_grad():
        learner.net.head.weight.fill_(float("nan"))
    with pytest.raises(AuscultError, match="lower --learning-rate"):
        train(learner, tmp_path)


def test_early_stop_waits_for_its_epochs(make_learner, tmp_path, store):
    learner = make_learner(epochs=50, early_stop=2, learning_rate=1e-9)
    learner.validation = store
    figures = iter([(1.0, 0.5), (0.5, 0.5), (0.6, 0.5), (0.7, 0.5), (0.1, 0.5)])
    learner.validation_figures = lambda: next(figures)
    done = train(learner, tmp_path, early_stop=2)
    assert [row.val_loss for row in done.rows] == [1.0, 0.5, 0.6, 0.7]


def test_a_training_that_stopped_early_stays_stopped(make_learner, tmp_path, store):
    """Killed between its last checkpoint and its model file, it must not train on when it is resumed."""

    def stopping() -> Learner:
        learner = make_learner(epochs=50, early_stop=1, learning_rate=1e-3)
        learner.validation = store
        figures = iter([(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)])
        learner.validation_figures = lambda: next(figures)
        return learner

    first = train(stopping(), tmp_path, early_stop=1)
    again = train(stopping(), tmp_path, early_stop=1)
    assert len(first.rows) == len(again.rows) == 2
    assert_same_weights(weights(first.net), weights(again.net))


def test_bfloat16_trains_too(make_learner, tmp_path):
    done = train(make_learner(epochs=2), tmp_path, precision="bf16")
    assert all(torch.isfinite(value).all() for value in done.net.state_dict().values())
    assert done.net.head.weight.dtype == torch.float32


def test_when_its_time_is_over_no_further_epoch_begins(make_learner, tmp_path):
    done = train(make_learner(epochs=50), tmp_path, most_s=0.0)
    assert [row.epoch for row in done.rows] == [1]
