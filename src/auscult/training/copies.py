"""Altered copies of clips for a frozen body: what the loop does to waveforms, done once, so that embeddings are kept.

Mixing and masking are not among it: they change targets, or what comes behind the front end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.records import FloatArray
from auscult.training.augment import BandNoise, CircularShift, RandomGain, RandomPolarity, RandomResampling
from auscult.training.batches import window_at_random
from auscult.training.options import TrainOptions


@dataclass(frozen=True)
class Alteration:
    """What copy `number` of each clip undergoes; the same for the same (seed, number, clip).

    `resampling`, `shifting`, `gain_db` and `noise` are those of `TrainOptions`. All fields together name the copy in
    the cache of embeddings, see `Embedder`.

    Examples
    --------
    >>> sound = np.linspace(-1, 1, 800, dtype=np.float32)
    >>> copy = Alteration.of(TrainOptions(seed=3), number=1)
    >>> altered = copy(sound, "ab12")
    >>> altered.shape, bool(np.array_equal(altered, copy(sound, "ab12"))), bool(np.array_equal(altered, sound))
    ((800,), True, False)
    """

    number: int
    seed: int
    resampling: float
    shifting: float
    gain_db: float
    noise: float

    @classmethod
    def of(cls, options: TrainOptions, number: int) -> Alteration:
        return cls(number, options.seed, options.resampling, options.shifting, options.gain_db, options.noise)

    def __call__(self, samples: FloatArray, key: str) -> FloatArray:
        """A clip `(samples,)` altered, of the same length; `key` is the clip's in the waveform cache, hexadecimal."""
        generator = np.random.default_rng([self.seed, self.number, int(key, 16)])
        sound = RandomResampling(self.resampling)(samples, generator)
        sound = window_at_random(sound, len(samples), generator)
        transforms = (CircularShift(self.shifting), RandomPolarity(), RandomGain(self.gain_db), BandNoise(self.noise))
        for transform in transforms:
            sound = transform(sound, generator)
        return sound
