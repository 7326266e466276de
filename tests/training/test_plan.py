"""What is settled from the clips."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.audio import plan_windows
from auscult.data import Clip
from auscult.data.sounds import FolderSounds
from auscult.errors import DataError, UsageError
from auscult.training.options import TrainOptions
from auscult.training.plan import SCRATCH, plan_training, settle


def clip(seconds: float, sample_rate: int, **changes) -> Clip:
    values = {
        "clip_id": "ab",
        "uri": "a.wav",
        "sounds": FolderSounds(Path()),
        "start": None,
        "end": None,
        "labels": ("a",),
        "split": None,
        "fold": None,
        "group": None,
        "sample_rate": sample_rate,
        "n_frames": round(seconds * sample_rate),
    }
    return Clip(**(values | changes))


@pytest.mark.parametrize(
    ("clips", "sample_rate", "window_s"),
    [
        ([clip(5, 44100)] * 10, 32000, 5.0),  # ESC-50
        ([clip(4, 22050)] * 10, 22050, 4.0),  # UrbanSound8K as kept at 22 kHz
        ([clip(0.43, 8000)] * 10, 8000, 0.5),  # short words
        ([clip(0.6, 8000)] * 39 + [clip(0.97, 8000)], 8000, 0.6),
        ([clip(0.6, 8000)] * 39 + [clip(0.65, 8000)], 8000, 0.65),
        ([clip(5.001, 44100)] * 38 + [clip(5.008, 44100)] * 2, 32000, 5.01),  # ESC-10 as Ogg Vorbis
        ([clip(5.4, 16000)] * 10, 16000, 5.4),
        ([clip(5.6, 16000)] * 10, 16000, 5.0),
        ([clip(30, 22050)] * 10, 22050, 5.0),  # music
        ([clip(2, 16000)] * 6 + [clip(2, 44100)] * 4, 16000, 2.0),
        ([clip(1, 2000)] * 3, 4000, 1.0),
    ],
)
def test_rate_and_window_follow_the_clips(clips, sample_rate, window_s):
    plan = plan_training(clips, TrainOptions())
    assert plan.sample_rate == sample_rate
    assert plan.window_samples == pytest.approx(window_s * sample_rate, abs=1)
    assert plan.hop_samples == plan.window_samples // 2


def test_a_clip_that_shaped_the_window_is_one_window():
    """Resampling may round its length up: the window must still hold it."""
    for n_frames in (220544, 220864, 220499):
        clips = [clip(0, 44100, n_frames=n_frames)]
        plan = plan_training(clips, TrainOptions())
        resampled = math.ceil(n_frames * 32000 / 44100)
        assert len(plan_windows(resampled, length=plan.window_samples, hop=plan.hop_samples)) == 1


def test_a_range_counts_for_its_own_length():
    part = clip(100, 8000, start=8000, end=16000)
    assert plan_training([part], TrainOptions()).window_samples == 8000


def test_options_win():
    plan = plan_training([clip(5, 44100)], TrainOptions(sample_rate=16000, window_s=1.5, epochs=7))
    assert (plan.sample_rate, plan.window_samples, plan.epochs) == (16000, 24000, 7)


def test_epochs_fall_with_the_number_of_clips_within_bounds():
    epochs = [SCRATCH.epochs(n) for n in (1, 100, 400, 1000, 3000, 10**6)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] <= 250
    assert epochs[-1] == 30


def unprobed(path: Path) -> Clip:
    return replace(clip(0, 8000), uri=path.name, sounds=FolderSounds(path.parent), sample_rate=None, n_frames=None)


def test_clips_whose_dataset_does_not_say_their_rate_are_looked_at(tmp_path):
    """As in a `Dataset` that was made of a table with paths and labels alone."""
    for i, seconds in enumerate((0.8, 0.8, 1.0)):
        soundfile.write(tmp_path / f"{i}.wav", np.zeros(round(seconds * 12000)), 12000)
    clips = [unprobed(tmp_path / f"{i}.wav") for i in range(4)]
    plan = plan_training(clips, TrainOptions())  # the last of them is not there
    assert plan.sample_rate == 12000
    assert plan.window_samples == 12000


def test_clips_of_which_none_can_be_read(tmp_path):
    clips = [unprobed(tmp_path / f"{i}.wav") for i in range(2)]
    with pytest.raises(
        DataError, match=r"None of 2 clips for training can be read, .*0\.wav for one; check their paths"
    ):
        plan_training(clips, TrainOptions())
    assert plan_training(clips, TrainOptions(sample_rate=16000)).sample_rate == 16000


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"mixing": 1.5}, "'mixing' option of training must be a share from 0 to 1. Got 1.5"),
        ({"mixing": "x"}, "'mixing' option of training must be a share from 0 to 1. Got 'x'"),
        ({"epochs": 0}, "'epochs' option of training must be a whole number from 1"),
        ({"epochs": 2.5}, "'epochs' option of training must be a whole number from 1"),
        ({"seed": -1}, "'seed' option of training must be a whole number from 0"),
        ({"batch_size": 1}, "'batch_size' option of training must be a whole number from 2"),
        ({"learning_rate": 0}, "'learning_rate' option of training must be a number from 1e-9"),
        ({"learning_rate": math.inf}, "'learning_rate' option of training must be a number from 1e-9"),
        ({"weight_decay": math.nan}, "'weight_decay' option of training must be a number from 0"),
        ({"averaging": 1.0}, "'averaging' option of training must be at least 0 and less than 1"),
        ({"window_s": -1}, "'window_s' option of training must be a number of seconds"),
        ({"window_s": math.inf}, "'window_s' option of training must be a number of seconds"),
        ({"sample_rate": 50}, "'sample_rate' option of training must be a whole number of Hz from 4000"),
        ({"mono": -1}, "'mono' option of training must be mean, or the number of a channel"),
        ({"mono": "left"}, "'mono' option of training must be mean, or the number of a channel"),
        (
            {"early_stop": 3, "validation": 0},
            "'early_stop' option of training must be used with a validation part",
        ),
        ({"size": "huge"}, "'size' option of training must be one of tiny, small, base. Got 'huge'"),
    ],
)
def test_options_out_of_range_name_the_rule(changes, rule):
    with pytest.raises(UsageError, match=rule):
        TrainOptions(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "freeze_unfreeze", "unfreeze_epoch": 6},
        {"strategy": "unfreeze_milestones", "milestones": (6, 8, 3)},
    ],
)
def test_a_body_that_would_never_train_is_refused(changes):
    options = TrainOptions(backbone="yamnet", **changes)
    with pytest.raises(UsageError, match="must begin before the last of its 6 epochs"):
        settle(options, SCRATCH, 6)
    assert settle(options, SCRATCH, 7).strategy == changes["strategy"]
