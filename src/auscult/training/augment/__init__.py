"""What training does to sounds so that a network learns what matters: each a small class, a share, a generator."""

from auscult.training.augment.log_mels import SpecMask
from auscult.training.augment.mixing import EnergyMix
from auscult.training.augment.pictures import FrameShift, PictureMix
from auscult.training.augment.waveforms import (
    BandNoise,
    CircularShift,
    RandomGain,
    RandomPolarity,
    RandomResampling,
    WaveformTransform,
)

__all__ = [
    "BandNoise",
    "CircularShift",
    "EnergyMix",
    "FrameShift",
    "PictureMix",
    "RandomGain",
    "RandomPolarity",
    "RandomResampling",
    "SpecMask",
    "WaveformTransform",
]
