"""From a waveform to a log-mel spectrogram: what a model hears.

`FeatureSpec` holds every choice; `log_mel` is the reference in numpy; `torch_mel.LogMel` is the same as a
torch module, which goes into the graph of an exported model (import it from its own file: nothing here needs
torch).
"""

from auscult.features.logmel import log_mel, mel_energies
from auscult.features.mel import band_edges_hz, mel_filter_bank
from auscult.features.picture import spectrogram_image, write_spectrogram_png
from auscult.features.picture_files import (
    PICTURE_SUFFIXES,
    Picture,
    PictureForm,
    PictureInfo,
    PictureNote,
    encode_picture,
    is_picture,
    picture_info,
    picture_of_image,
    read_picture,
)
from auscult.features.presets import PRESETS, preset
from auscult.features.spec import FeatureSpec

__all__ = [
    "PICTURE_SUFFIXES",
    "PRESETS",
    "FeatureSpec",
    "Picture",
    "PictureForm",
    "PictureInfo",
    "PictureNote",
    "band_edges_hz",
    "encode_picture",
    "is_picture",
    "log_mel",
    "mel_energies",
    "mel_filter_bank",
    "picture_info",
    "picture_of_image",
    "preset",
    "read_picture",
    "spectrogram_image",
    "write_spectrogram_png",
]
