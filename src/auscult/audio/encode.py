"""Sound out: a small file that browsers play, for reports; a WAV that keeps every bit; files written block by block."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

import numpy as np
import soundfile

from auscult.errors import OutputError, UsageError
from auscult.records import AudioInfo, FloatArray, Sound, Waveform

BLOCK_S = 1.0
WAVE_FORMAT_IEEE_FLOAT = 3

SoundFormat = Literal["flac", "wav"]
#: More FLAC cannot hold; what has more becomes a WAV.
_FLAC_CHANNELS, _FLAC_RATE_HZ = 8, 655_350
#: What decodes to no more than 16 bits, or never had any.
_SUBTYPES_OF_16_BITS = ("PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW", "VORBIS", "OPUS", "MPEG_LAYER")


def sound_format(info: AudioInfo, wanted: SoundFormat) -> SoundFormat:
    """The format that can hold a sound of such rate and channels: the one that is wanted, or WAV.

    Raises
    ------
    UsageError : no such format
    """
    if wanted not in get_args(SoundFormat):
        raise UsageError(f"The format of a sound must be one of {', '.join(get_args(SoundFormat))}. Got {wanted!r}.")
    return "wav" if info.n_channels > _FLAC_CHANNELS or info.sample_rate > _FLAC_RATE_HZ else wanted


class SoundWriter:
    """A sound file that is written block by block, with the rate and the channels of the one it is taken from.

    Integer samples come out as they went in: 16 bits for what had no more, and for lossy formats, else 24. What lies
    outside [-1, 1] is clipped. Equal samples make equal bytes.

    Parameters
    ----------
    path : of the file
    info : of the sound that it is taken from
    format : see `sound_format`

    Raises
    ------
    OutputError : the file cannot be written

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tone.flac"
    >>> with SoundWriter(path, AudioInfo(8000, 1, None, "WAV", "PCM_16"), "flac") as file:
    ...     file.write(np.full((1, 8000), 0.25, np.float32))
    >>> soundfile.info(path).duration
    1.0
    """

    def __init__(self, path: str | Path, info: AudioInfo, format: SoundFormat) -> None:
        self._name = str(path)
        self._bits = 16 if info.subtype.startswith(_SUBTYPES_OF_16_BITS) else 24
        try:
            self._file = soundfile.SoundFile(
                path, "w", info.sample_rate, info.n_channels, f"PCM_{self._bits}", format=format.upper()
            )
        except (soundfile.SoundFileError, OSError, ValueError) as error:
            raise self._error(error) from error

    def write(self, block: FloatArray) -> None:
        """Append float32 `(channels, frames)`."""
        # As integers: of floats libsndfile makes 32767 for 1, and so changes large samples by one.
        scale = 2.0 ** (self._bits - 1)
        whole = np.clip(np.rint(block.T.astype(np.float64) * scale), -scale, scale - 1).astype(np.int32)
        samples = whole.astype(np.int16) if self._bits == 16 else whole << 8
        try:
            self._file.write(samples)
        except (soundfile.SoundFileError, OSError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Finish the file. Once more does no harm."""
        try:
            self._file.close()
        except (soundfile.SoundFileError, OSError) as error:
            raise self._error(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _error(self, error: Exception) -> OutputError:
        said = str(getattr(error, "error_string", None) or error).strip().rstrip(".")
        return OutputError(f"{self._name}: the sound cannot be written ({said}); see whether the disk is full")


def encode_ogg(waveform: Waveform) -> bytes:
    """An Ogg Vorbis file of `waveform`, as bytes. What lies outside [-1, 1] is clipped.

    Examples
    --------
    >>> import numpy as np
    >>> encode_ogg(Waveform(np.zeros(8000, np.float32), 8000))[:4]
    b'OggS'
    """
    content = io.BytesIO()
    samples = np.clip(waveform.samples, -1.0, 1.0)
    block = round(BLOCK_S * waveform.sample_rate)
    with soundfile.SoundFile(
        content, "w", samplerate=waveform.sample_rate, channels=1, format="OGG", subtype="VORBIS"
    ) as file:
        # In blocks: libsndfile's Vorbis encoder keeps a write on the stack, and a minute at once overflows it.
        for start in range(0, len(samples), block):
            file.write(samples[start : start + block])
    return content.getvalue()


def encode_wav(sound: Sound) -> bytes:
    """A WAV file of float32 samples, all channels; equal sounds give equal bytes.

    libsndfile writes the time of day into such files, hence these lines. The layout is that of Microsoft's "Multiple
    Channel Audio Data and WAVE Files": a ``fmt `` chunk with an empty extension, a ``fact`` chunk, the samples.

    Examples
    --------
    >>> import numpy as np
    >>> wav = encode_wav(Sound(np.zeros((2, 10), np.float32), 8000))
    >>> wav[:4], len(wav)
    (b'RIFF', 138)
    """
    n_channels, n_frames = sound.samples.shape
    content = np.ascontiguousarray(sound.samples.T, dtype="<f4").tobytes()
    frame_bytes = 4 * n_channels
    chunks = [
        (
            b"fmt ",
            struct.pack(
                "<HHIIHHH",
                WAVE_FORMAT_IEEE_FLOAT,
                n_channels,
                sound.sample_rate,
                sound.sample_rate * frame_bytes,
                frame_bytes,
                32,
                0,
            ),
        ),
        (b"fact", struct.pack("<I", n_frames)),
        (b"data", content),
    ]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def encode_flac(sound: Sound) -> bytes:
    """A FLAC file of 24 bit, of up to 8 channels; equal sounds give equal bytes. What lies outside [-1, 1] is clipped.

    Examples
    --------
    >>> encode_flac(Sound(np.zeros((2, 10), np.float32), 8000))[:4]
    b'fLaC'
    """
    content = io.BytesIO()
    samples = np.clip(sound.samples.T, -1.0, 1.0)
    soundfile.write(content, samples, sound.sample_rate, format="FLAC", subtype="PCM_24")
    return content.getvalue()
