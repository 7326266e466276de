"""Batches of windows, drawn from clips as a function of (seed, epoch, step) and of nothing else.

So an interrupted epoch can begin again, and a resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from auscult.audio import plan_windows
from auscult.records import FloatArray
from auscult.training.augment import EnergyMix, PictureMix, RandomResampling, WaveformTransform
from auscult.training.clips import ClipStore

Item = TypeVar("Item")


@dataclass(frozen=True)
class Batch:
    """Windows `(batch, samples)` and targets `(batch, classes)`; `step` counts from 0 within the epoch."""

    waveforms: Tensor
    targets: Tensor
    step: int


def random_seed(*numbers: int) -> int:
    """One seed from several numbers, such that any change of one gives an unrelated seed."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


@dataclass(frozen=True)
class TrainBatches:
    """The batches of one epoch. Every clip comes once, or, with `balanced`, every class about equally often.

    `resampling` is applied to a clip before a window is cut from it, `transforms` to the window, `mix` to the batch.
    Windows begin at multiples of `grain`: the bands of pictures that are flattened frame by frame.
    """

    clips: ClipStore
    window_samples: int
    batch_size: int
    seed: int
    epoch: int
    balanced: bool = False
    resampling: RandomResampling | None = None
    transforms: tuple[WaveformTransform, ...] = ()
    mix: EnergyMix | PictureMix | None = None
    grain: int = 1

    def __len__(self) -> int:
        return steps_per_epoch(len(self.clips), self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return prefetch(self._batch_makers())

    def _batch_makers(self) -> Iterator[Callable[[], Batch]]:
        for step, indices in enumerate(np.array_split(self._order(), len(self))):
            yield lambda step=step, indices=indices: self._make(step, indices)  # type: ignore[misc]

    def _order(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        generator = np.random.default_rng(random_seed(self.seed, self.epoch))
        if not self.balanced:
            return generator.permutation(len(self.clips))
        chances = balanced_chances(self.clips.targets)
        return generator.choice(len(self.clips), size=len(self.clips), p=chances)

    def _make(self, step: int, indices: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Batch:
        generator = np.random.default_rng(random_seed(self.seed, self.epoch, step))
        waveforms = np.stack([self._window(self.clips.waveform(int(index)), generator) for index in indices])
        targets = self.clips.targets[indices]
        if self.mix is not None:
            waveforms, targets = self.mix(waveforms, targets, generator)
        return Batch(torch.from_numpy(waveforms), torch.from_numpy(targets), step)

    def _window(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        if self.resampling is not None:
            # Enough of a long clip for the fastest ratio, and no more work than that.
            most = math.ceil(self.window_samples * self.resampling.max_ratio)
            sound = self.resampling(window_at_random(sound, min(most, len(sound)), generator), generator)
        window = window_at_random(sound, self.window_samples, generator, grain=self.grain)
        for transform in self.transforms:
            window = transform(window, generator)
        return window


def steps_per_epoch(n_clips: int, batch_size: int) -> int:
    """Batches of nearly equal size, so that none is too small for the batch norms."""
    return max(1, round(n_clips / batch_size))


def balanced_chances(targets: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Chance of each clip, such that each class has the same chance; a clip of many labels goes by its rarest."""
    counts = np.maximum(targets.sum(axis=0, dtype=np.float64), 1e-9)
    weights = (targets / counts).max(axis=1)
    # A clip with no label at all is an example of "none of these": as likely as the average clip.
    weights = np.where(targets.any(axis=1), weights, weights.mean() or 1.0)
    chances: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / weights.sum()
    return chances


def window_at_random(
    sound: FloatArray, n_samples: int, generator: np.random.Generator, *, grain: int = 1
) -> FloatArray:
    """`n_samples` from anywhere in a longer sound, or zeros with a shorter one laid anywhere into them.

    Offsets are multiples of `grain`.
    """
    slack = len(sound) - n_samples
    offset = grain * int(generator.integers(0, abs(slack) // grain + 1))
    if slack >= 0:
        return sound[offset : offset + n_samples]
    window = np.zeros(n_samples, np.float32)
    window[offset : offset + len(sound)] = sound
    return window


def plain_batches(
    clips: ClipStore, *, window_samples: int, hop_samples: int, batch_size: int
) -> Iterator[tuple[Tensor, list[int]]]:
    """Every clip in the windows that classification will cut, in order: windows `(batch, samples)`, clip numbers."""
    rows: list[FloatArray] = []
    owners: list[int] = []
    for index in range(len(clips)):
        sound = clips.waveform(index)
        for window in plan_windows(len(sound), length=window_samples, hop=hop_samples):
            row = np.zeros(window_samples, np.float32)
            row[: window.valid_samples] = sound[window.start : window.end]
            rows.append(row)
            owners.append(index)
            if len(rows) == batch_size:
                yield torch.from_numpy(np.stack(rows)), owners
                rows, owners = [], []
    if rows:
        yield torch.from_numpy(np.stack(rows)), owners


def prefetch(makers: Iterable[Callable[[], Item]]) -> Iterator[Item]:
    """Make the next item in a thread while this one is in use, so that the network does not wait for it."""
    pool = ThreadPoolExecutor(1)
    try:
        pending = None
        for maker in makers:
            following = pool.submit(maker)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
    finally:
        # Without a wait: where this runs while garbage is collected, a Ctrl-C that falls into it would be lost.
        pool.shutdown(wait=False, cancel_futures=True)
