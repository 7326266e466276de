"""Augmentation of pictures of sounds, flattened frame by frame: what changes a waveform has no meaning here."""

from __future__ import annotations

import numpy as np

from auscult.records import FloatArray


class FrameShift:
    """Turn a picture round in time by whole frames; what leaves at the end enters at the start."""

    def __init__(self, share: float, n_bands: int) -> None:
        self.share = share
        self.n_bands = n_bands

    def __call__(self, sound: FloatArray, generator: np.random.Generator) -> FloatArray:
        if generator.random() >= self.share:
            return sound
        n_frames = len(sound) // self.n_bands
        return np.roll(sound, self.n_bands * int(generator.integers(n_frames)))


class PictureMix:
    """Lay another picture of the batch over a `share` of them, both as bright as their part in the mixture.

    For pictures with many labels the target is the union of both. Source: Zhang et al., "mixup: Beyond empirical risk
    minimization" (2018), with ratios drawn evenly from [0, 1).
    """

    def __init__(self, share: float, *, union: bool = False) -> None:
        self.share = share
        self.union = union

    def __call__(
        self, waveforms: FloatArray, targets: FloatArray, generator: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """`(batch, values)` and `(batch, classes)` to new ones of the same shapes."""
        partners = generator.permutation(len(waveforms))
        touched = generator.random(len(waveforms)) < self.share
        ratios = np.where(touched, generator.random(len(waveforms)), 1.0).astype(np.float32)[:, None]
        mixed = ratios * waveforms + (1 - ratios) * waveforms[partners]
        if self.union:
            both = np.maximum(targets, targets[partners])
            return mixed, np.where(touched[:, None], both, targets)
        return mixed, ratios * targets + (1 - ratios) * targets[partners]
