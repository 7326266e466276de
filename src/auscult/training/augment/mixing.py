"""Mixing of two sounds into one, with targets mixed to match."""

from __future__ import annotations

import numpy as np

from auscult.records import FloatArray

FRAME_S = 0.1
SILENCE = 1e-8  # mean square of a frame below which a sound counts as silent: -80 dB


class EnergyMix:
    """Between-class mixing: lay another sound of the batch over a `share` of the sounds.

    The ratio r of the targets is drawn evenly from [0, 1). The waveforms are weighted so that r is the share of what an
    ear would hear, not of the samples: a loud sound mixed half and half with a quiet one would drown it. Levels are
    those of each sound's loudest frame. For sounds with many labels the target is the union of both.

    Source: Tokozume, Ushiku, Harada, "Learning from between-class examples for deep sound recognition" (2018), eq. 2.
    """

    def __init__(self, share: float, sample_rate: int, *, union: bool = False) -> None:
        self.share = share
        self.frame_samples = max(1, int(FRAME_S * sample_rate))
        self.union = union

    def __call__(
        self, waveforms: FloatArray, targets: FloatArray, generator: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """`(batch, samples)` and `(batch, classes)` to new ones of the same shapes."""
        partners = generator.permutation(len(waveforms))
        ratios = generator.random(len(waveforms))
        rows = np.flatnonzero(generator.random(len(waveforms)) < self.share)
        levels_db = [loudest_frame_db(waveform, self.frame_samples) for waveform in waveforms]
        mixed, mixed_targets = waveforms.copy(), targets.copy()
        for row in rows:
            partner, ratio = partners[row], ratios[row]
            weight = first_weight(ratio, levels_db[row] - levels_db[partner])
            mixed[row] = mix(waveforms[row], waveforms[partner], weight)
            mixed_targets[row] = (
                np.maximum(targets[row], targets[partner])
                if self.union
                else ratio * targets[row] + (1 - ratio) * targets[partner]
            )
        return mixed, mixed_targets


def first_weight(ratio: float, level_difference_db: float) -> float:
    """Weight of the first waveform such that `ratio` of what is heard is it, where it is that much louder."""
    odds = 10.0 ** (level_difference_db / 20.0) * (1 - ratio) / max(ratio, 1e-6)
    return float(1 / (1 + odds))


def mix(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """Both, weighted. Two unrelated sounds add in power: dividing by the root keeps the level of the mixture."""
    root = (weight**2 + (1 - weight) ** 2) ** 0.5
    return first * np.float32(weight / root) + second * np.float32((1 - weight) / root)


def loudest_frame_db(waveform: FloatArray, frame_samples: int) -> float:
    """Mean square of the loudest frame, in dB re 1; what is left over at the end is not counted."""
    frame_samples = min(frame_samples, len(waveform))
    n_frames = len(waveform) // frame_samples
    frames = waveform[: n_frames * frame_samples].reshape(n_frames, frame_samples)
    energies = np.einsum("fs,fs->f", frames, frames) / frame_samples
    return float(10 * np.log10(max(float(energies.max()), SILENCE)))
