"""From a waveform to a log-mel spectrogram: what a model hears.

`FeatureSpec` holds every choice; `log_mel` is the reference in numpy; `torch_mel.LogMel` is the same as a
torch module, which goes into the graph of an exported model (import it from its own file: nothing here needs
torch).
"""

from auscult.features.logmel import log_mel, mel_energies
from auscult.features.mel import band_edges_hz, mel_filter_bank
from auscult.features.picture import spectrogram_image, write_spectrogram_png
from auscult.features.presets import PRESETS, preset
from auscult.features.spec import FeatureSpec

__all__ = [
    "PRESETS",
    "FeatureSpec",
    "band_edges_hz",
    "log_mel",
    "mel_energies",
    "mel_filter_bank",
    "preset",
    "spectrogram_image",
    "write_spectrogram_png",
]
