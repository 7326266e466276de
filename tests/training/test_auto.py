"""The backbone that suits the clips: tried on recordings held out of the training part alone, and kept."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from auscult.classifier import load
from auscult.data import open_dataset, validation_split
from auscult.errors import DownloadError
from auscult.models.nets.waveform_net import WaveformNet
from auscult.training import TrainOptions, auto, backbones, train
from auscult.training.auto import Choice, Contest, Trial, choose_backbone, could_be_beaten, within, won_by_luck
from auscult.training.backbones import Backbone
from auscult.training.material import choose_split
from auscult.training.plan import SCRATCH
from tests.tiny_corpora import class_folders

OPTIONS = TrainOptions(backbone="auto", size="tiny", epochs=15, batch_size=8, threads=1, precision="32", validation=0.0)


class Bands(nn.Module):
    """A body that knows tones: the mean of each band. Deaf, it says the same of every sound."""

    def __init__(self, *, deaf: bool) -> None:
        super().__init__()
        self.embedding_dim = 64
        # Not a plain number: graphs are told apart by what torch keeps of a network.
        self.register_buffer("hearing", torch.tensor(0.0 if deaf else 1.0))
        self.level = nn.Parameter(torch.ones(64))

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        bands = log_mel.mean(dim=2)
        return self.hearing * (bands - bands.mean(dim=1, keepdim=True)) * self.level


def stand_in(*, deaf: bool) -> Backbone:
    """A "YAMNet" that is there without a file, at the rate of the clips."""

    def build(plan, options, n_classes) -> WaveformNet:
        return WaveformNet(plan.features, Bands(deaf=deaf), n_classes)

    defaults = {"strategy": "freeze", "learning_rate": 0.1, "layer_decay": 1.0}
    return Backbone("yamnet", replace(SCRATCH, defaults=defaults), build)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory) -> Path:
    return class_folders(tmp_path_factory.mktemp("corpora") / "auto", clips_per_class=16)


@pytest.fixture
def use(monkeypatch):
    """Put a backbone in YAMNet's place, and let no clock have a say."""
    monkeypatch.setattr(auto, "_seconds_an_epoch", lambda material, options: 0.01)

    def put(backbone: Backbone) -> None:
        monkeypatch.setitem(backbones.BACKBONES, "yamnet", backbone)

    return put


def chosen(sounds: Path, **changes) -> Choice:
    dataset = open_dataset(sounds)
    options = replace(OPTIONS, **changes)
    return choose_backbone(dataset, choose_split(dataset, None, options), options, quiet=True)


def test_where_the_frozen_head_is_right_nothing_else_is_tried(cache_home, sounds, use):
    use(stand_in(deaf=False))
    choice = chosen(sounds)
    assert (choice.backbone, choice.strategy) == ("yamnet", "freeze")
    first, *rest = choice.trials
    assert first.right == 1.0
    assert [trial.note for trial in rest] == ["not tried: yamnet leaves nothing to gain"] * 3


def test_data_unlike_what_yamnet_knows_ends_with_another_network(cache_home, sounds, use):
    use(stand_in(deaf=True))
    choice = chosen(sounds)
    assert (choice.backbone, choice.strategy) == ("scratch", "no_freeze")
    frozen, tuned, scratch, steady = choice.trials
    assert frozen.right < 0.6 > tuned.right
    assert scratch.right > 0.9
    assert (steady.without, steady.note) == ("resampling", "not tried: scratch leaves nothing to gain")
    assert "scratch no_freeze, " in choice.reason


def test_the_frozen_head_is_judged_by_the_embeddings_that_are_kept(cache_home, sounds, use, monkeypatch):
    use(stand_in(deaf=False))
    monkeypatch.setattr(auto, "predict", None)  # the network in torch
    (first, *_) = chosen(sounds, time=0.0).trials
    assert first.right == 1.0


def test_without_time_the_frozen_head_stays(cache_home, sounds, use):
    use(stand_in(deaf=True))
    choice = chosen(sounds, time=0.0)
    assert (choice.backbone, choice.strategy) == ("yamnet", "freeze")
    assert [trial.note for trial in choice.trials[1:]] == ["not tried: no time left"] * 3


def test_where_yamnet_cannot_be_had_a_network_from_scratch_is_trained(cache_home, sounds, use):
    def unreachable(quiet: bool) -> None:
        raise DownloadError("https://a.org/x", "unreachable", "no answer", "try again")

    use(replace(stand_in(deaf=False), fetch=unreachable))
    choice = chosen(sounds)
    assert (choice.backbone, choice.trials) == ("scratch", ())
    assert "YAMNet cannot be had, so a network from scratch is trained. https://a.org/x: no answer" in choice.reason


def test_where_nothing_does_better_than_guessing_a_network_from_scratch_gets_its_full_schedule(
    cache_home, sounds, use, monkeypatch
):
    use(stand_in(deaf=True))

    def try_one(contest, backbone, strategy, without="", *, budget_s):
        right = 0.4 if strategy == "freeze" else 0.3
        return Trial(backbone, strategy, without, 5, 9, 1.0, right), np.full(9, right, np.float32)

    monkeypatch.setattr(auto, "try_one", try_one)
    choice = chosen(sounds)
    assert (choice.backbone, choice.without) == ("scratch", "resampling")
    assert "better than guessing" in choice.reason
    assert "a longer --time" in choice.reason


def test_a_trial_too_short_to_tell_is_said_to_be(cache_home, sounds, use, monkeypatch):
    use(stand_in(deaf=True))

    def try_one(contest, backbone, strategy, without="", *, budget_s):
        right = 0.8 if strategy == "freeze" else 0.3 if backbone == "scratch" else 0.7
        return Trial(backbone, strategy, without, 5, 9, 1.0, right), np.full(9, right, np.float32)

    monkeypatch.setattr(auto, "try_one", try_one)
    choice = chosen(sounds)
    assert (choice.backbone, choice.strategy) == ("yamnet", "freeze")
    assert "scratch no_freeze and scratch no_freeze without resampling told no more than guessing; a longer" in (
        choice.reason
    )


def test_another_rate_than_that_of_yamnet_leaves_a_network_from_scratch(cache_home, sounds, use):
    at_16_khz = stand_in(deaf=False)
    use(replace(at_16_khz, recipe=replace(at_16_khz.recipe, sample_rate=16000)))
    choice = chosen(sounds, sample_rate=8000)
    assert (choice.backbone, choice.trials) == ("scratch", ())
    assert "YAMNet works at 16000 Hz and 8000 were asked for" in choice.reason


def test_clips_of_the_test_part_have_no_say(cache_home, sounds, use, monkeypatch):
    use(stand_in(deaf=True))
    seen: set[int] = set()
    prepare = auto.prepare

    def noted(dataset, split, plan, options, *, quiet):
        seen.update(split.train.tolist(), split.validation.tolist())
        assert not len(split.test)
        groups = dataset.groups()
        assert not set(groups[split.train]) & set(groups[split.validation])
        return prepare(dataset, split, plan, options, quiet=quiet)

    monkeypatch.setattr(auto, "prepare", noted)
    dataset = open_dataset(sounds)
    split = choose_split(dataset, None, OPTIONS)
    choose_backbone(dataset, split, replace(OPTIONS, epochs=1), quiet=True)
    assert seen == set(split.train.tolist())


def test_the_run_keeps_the_table_and_a_resumed_one_chooses_no_more(cache_home, sounds, use, tmp_path, monkeypatch):
    use(stand_in(deaf=False))
    run = train(sounds, output=tmp_path / "run", options=OPTIONS, quiet=True)
    assert run.notes[0].startswith("Chosen by ")
    assert run.notes[0].split("(")[0] in run.report.read_text(encoding="utf-8")
    rows = list(csv.DictReader((run.folder / "backbones.csv").read_text().splitlines()))
    assert [(row["backbone"], row["strategy"]) for row in rows] == [
        ("yamnet", "freeze"),
        ("yamnet", "no_freeze"),
        ("scratch", "no_freeze"),
        ("scratch", "no_freeze"),
    ]
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["options"]["backbone"] == "auto"
    assert config["chosen"]["backbone"] == "yamnet"
    assert config["chosen"]["plan"]["epochs"] == 15
    assert load(run.model).spec.sample_rate == config["chosen"]["plan"]["sample_rate"]

    monkeypatch.setattr("auscult.training.run.choose_backbone", None)
    again = train(sounds, output=tmp_path / "run", options=OPTIONS, resume=True, quiet=True)
    assert again.metrics_dict() == run.metrics_dict()


def test_the_table_is_for_people_on_stderr(cache_home, sounds, use, tmp_path, capsys):
    use(stand_in(deaf=False))
    train(sounds, output=tmp_path / "run", options=OPTIONS)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "yamnet    freeze" in printed.err
    assert "100.0 %" in printed.err


def test_a_short_time_shortens_the_schedule_and_then_the_clips(cache_home, sounds, use, monkeypatch):
    use(stand_in(deaf=True))
    dataset = open_dataset(sounds)
    inner = validation_split(dataset, choose_split(dataset, None, OPTIONS), fraction=0.25, seed=0)
    material, options = Contest(dataset, inner, OPTIONS, quiet=True).material("scratch", "no_freeze")
    for epoch_s, epochs, share in ((0.01, 15, 1.0), (1.0, 10, 1.0), (2.0, 5, 1.0), (3.0, auto.FEWEST_EPOCHS, 2 / 3)):
        monkeypatch.setattr(auto, "_seconds_an_epoch", lambda material, options, epoch_s=epoch_s: epoch_s)
        shortened = within(material, options, 10.0)
        assert shortened.plan.epochs == epochs
        assert len(shortened.train) == int(share * len(material.train))


def test_a_choice_comes_back_from_yaml():
    trials = (Trial("yamnet", "freeze", "", 3, 40, 1.5, 0.5), Trial("scratch", "no_freeze", note="not tried"))
    choice = Choice("scratch", "no_freeze", "because", trials, "resampling")
    assert Choice.from_dict(yaml.safe_load(yaml.safe_dump(choice.to_dict())) | {"plan": {}, "settled": {}}) == choice


def test_luck_is_that_of_a_fair_coin():
    tosses = np.random.default_rng(0).integers(0, 2, (200_000, 9)).sum(axis=1)
    for won in range(10):
        assert won_by_luck(won, 9 - won) == pytest.approx(float((tosses >= won).mean()), abs=0.005)


@pytest.mark.parametrize(("n_wrong", "expected"), [(0, False), (4, False), (5, True), (50, True)])
def test_a_rival_needs_five_recordings_to_win(n_wrong, expected):
    recordings = np.ones(100, np.float32)
    recordings[:n_wrong] = 0.5
    assert could_be_beaten(recordings) is expected


@pytest.mark.parametrize("n_held_out", [1, 4])
def test_where_few_recordings_are_held_out_much_to_gain_is_enough(n_held_out):
    assert could_be_beaten(np.full(n_held_out, 0.3, np.float32))
    assert not could_be_beaten(np.full(n_held_out, 0.95, np.float32))


def test_classes_that_differ_in_speed_alone_are_tried_without_resampling(cache_home, sounds, use, monkeypatch):
    use(stand_in(deaf=True))
    tried = []

    def try_one(contest, backbone, strategy, without="", *, budget_s):
        _, options = contest.material(backbone, strategy, without)
        tried.append((backbone, options.resampling))
        right = 0.9 if options.resampling == 0 else 0.4
        return Trial(backbone, strategy, without, 5, 9, 1.0, right), np.full(9, right, np.float32)

    monkeypatch.setattr(auto, "try_one", try_one)
    choice = chosen(sounds)
    assert tried == [("yamnet", 0.5), ("yamnet", 0.5), ("scratch", 0.5), ("scratch", 0.0)]
    assert choice.options(OPTIONS) == replace(OPTIONS, backbone="scratch", strategy="no_freeze", resampling=0.0)
    assert "scratch no_freeze without resampling, 90.0% right" in choice.reason
    assert choice.table()[-1].endswith("90.0 % (without resampling)")
    tried.clear()
    chosen(sounds, resampling=0.0)
    assert tried == [("yamnet", 0.0), ("yamnet", 0.0), ("scratch", 0.0)]
