"""Batches are a function of (seed, epoch, step), and show every clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.training.augment import CircularShift, EnergyMix, RandomGain, RandomResampling
from auscult.training.batches import (
    TrainBatches,
    balanced_chances,
    plain_batches,
    prefetch,
    random_seed,
    steps_per_epoch,
    window_at_random,
)


@pytest.fixture
def batches(store):
    return TrainBatches(store, window_samples=3000, batch_size=7, seed=3, epoch=2)


def test_the_same_numbers_give_the_same_batches(batches):
    for one, other in zip(batches, replace(batches), strict=True):
        assert torch.equal(one.waveforms, other.waveforms)
        assert torch.equal(one.targets, other.targets)


@pytest.mark.parametrize("change", [{"seed": 4}, {"epoch": 3}])
def test_another_seed_or_epoch_gives_other_batches(batches, change):
    first, other = next(iter(batches)), next(iter(replace(batches, **change)))
    assert not torch.equal(first.waveforms, other.waveforms)


def test_every_clip_comes_once_an_epoch(batches):
    targets = torch.cat([batch.targets for batch in batches])
    assert len(batches) == 3
    assert targets.sum(dim=0).tolist() == [12.0, 12.0]


def test_no_batch_is_small():
    for n_clips in range(2, 200):
        sizes = [len(part) for part in np.array_split(np.arange(n_clips), steps_per_epoch(n_clips, 32))]
        assert sum(sizes) == n_clips
        assert min(sizes) >= min(n_clips, 16)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32))
@settings(deadline=None)
def test_a_window_holds_the_whole_shorter_one_in_its_order(n_sound, n_window, seed):
    sound = np.arange(1, n_sound + 1, dtype=np.float32)
    window = window_at_random(sound, n_window, np.random.default_rng(seed))
    heard = window[window > 0]
    assert len(window) == n_window
    assert len(heard) == min(n_sound, n_window)
    assert np.array_equal(heard, heard[0] + np.arange(len(heard)))


def test_every_place_is_reached():
    sound = np.arange(1, 8, dtype=np.float32)
    starts = {int(window_at_random(sound, 4, np.random.default_rng(seed))[0]) for seed in range(200)}
    assert starts == {1, 2, 3, 4}


def test_transforms_and_mixing_are_applied_and_repeatable(batches):
    plain = next(iter(batches))
    changed = replace(
        batches,
        resampling=RandomResampling(1.0),
        transforms=(RandomGain(6.0), CircularShift(1.0)),
        mix=EnergyMix(1.0, 8000),
    )
    one, other = next(iter(changed)), next(iter(changed))
    assert torch.equal(one.waveforms, other.waveforms)
    assert one.waveforms.shape == plain.waveforms.shape
    assert not torch.equal(one.waveforms, plain.waveforms)
    assert (one.targets < 1).all(dim=1).any()


def test_a_long_clip_stays_full_when_played_faster(store):
    """Enough is cut from it before it is played, so that no zeros come in."""
    batches = TrainBatches(store, window_samples=2000, batch_size=24, seed=0, epoch=0, resampling=RandomResampling(1.0))
    for batch in batches:
        assert (batch.waveforms[:, -20:].abs().amax(dim=1) > 1e-3).all()


def test_balanced_chances_give_each_class_the_same():
    targets = np.array([[1, 0]] * 9 + [[0, 1]], np.float32)
    chances = balanced_chances(targets)
    assert chances[:9].sum() == pytest.approx(0.5)
    assert chances[9] == pytest.approx(0.5)


def test_balanced_batches_show_rare_classes_as_often(store):
    few = store.subset(np.array([0, 2, 4, 6, 8, 10, 12, 14, 16, 1]))
    targets = [
        batch.targets
        for epoch in range(60)
        for batch in TrainBatches(few, window_samples=100, batch_size=5, seed=0, epoch=epoch, balanced=True)
    ]
    assert torch.cat(targets)[:, 1].mean() == pytest.approx(0.5, abs=0.08)


def test_plain_batches_are_the_window_plan(store):
    seen = list(plain_batches(store, window_samples=3000, hop_samples=1000, batch_size=5))
    owners = [owner for _, batch in seen for owner in batch]
    assert owners == [index for index in range(24) for _ in range(2)]
    assert torch.equal(seen[0][0][1], torch.from_numpy(store.waveform(0)[1000:4000].copy()))


def test_prefetch_keeps_order_and_passes_errors_on():
    assert list(prefetch(lambda i=i: i for i in range(5))) == [0, 1, 2, 3, 4]

    def fail():
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        list(prefetch([fail]))


def test_seeds_differ_where_any_number_does():
    seeds = {random_seed(a, b, c) for a in range(5) for b in range(5) for c in range(5)}
    assert len(seeds) == 125
