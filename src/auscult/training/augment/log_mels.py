"""Augmentation of log-mel spectrograms."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


class SpecMask:
    """Cover a band of frequencies and a span of time in a `share` of the spectrograms with the clip's own mean.

    Bands and spans are at most `max_mels` and `max_frames` (shares of the whole) wide; the two are drawn apart.
    Source: Park et al., "SpecAugment" (2019), with one mask each, which is enough for short clips.
    """

    def __init__(self, share: float, *, max_mels: float = 0.19, max_frames: float = 0.125) -> None:
        self.share = share
        self.max_mels = max_mels
        self.max_frames = max_frames

    def __call__(self, log_mels: Tensor, generator: Generator) -> Tensor:
        """`(batch, mels, frames)` to the same shape."""
        mean = log_mels.mean(dim=(1, 2), keepdim=True)
        band = self._covered(log_mels, log_mels.shape[1], self.max_mels, generator).unsqueeze(2)
        span = self._covered(log_mels, log_mels.shape[2], self.max_frames, generator).unsqueeze(1)
        return torch.where(band | span, mean, log_mels)

    def _covered(self, batch: Tensor, length: int, max_share: float, generator: Generator) -> Tensor:
        """True where the mask lies: `(batch, length)`."""
        # Drawn on the processor, so that a GPU covers what a CPU would cover.
        wide, late, chance = torch.rand(3, len(batch), 1, generator=generator).to(batch.device)
        width = (wide * max_share * length).floor()
        start = (late * (length - width)).floor()
        position = torch.arange(length, device=batch.device).unsqueeze(0)
        covered: Tensor = (position >= start) & (position < start + width) & (chance < self.share)
        return covered
