"""Sound in: anything that holds sound becomes mono float32 at a rate, cut into windows.

Read `waveform.py` first: it puts the rest together. `decoding.py` reads files, through `libsndfile.py` or
`pyav.py`; `windows.py` is the one window plan.
"""

from auscult.audio.arrays import sound_from_array
from auscult.audio.decoding import decode, iter_blocks, probe
from auscult.audio.encode import encode_flac, encode_ogg, encode_wav
from auscult.audio.find import AUDIO_SUFFIXES, find_audio_files, find_files, list_folder, walk_files
from auscult.audio.mono import MonoPolicy, to_mono
from auscult.audio.resampling import StreamResampler, resample
from auscult.audio.sources import NamedPath, Source, source_name
from auscult.audio.waveform import decoding_version, iter_waveform, load_waveform
from auscult.audio.windows import WindowCutter, plan_windows

__all__ = [
    "AUDIO_SUFFIXES",
    "MonoPolicy",
    "NamedPath",
    "Source",
    "StreamResampler",
    "WindowCutter",
    "decode",
    "decoding_version",
    "encode_flac",
    "encode_ogg",
    "encode_wav",
    "find_audio_files",
    "find_files",
    "iter_blocks",
    "iter_waveform",
    "list_folder",
    "load_waveform",
    "plan_windows",
    "probe",
    "resample",
    "sound_from_array",
    "source_name",
    "to_mono",
    "walk_files",
]
