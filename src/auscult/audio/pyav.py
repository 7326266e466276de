"""Reading through PyAV (FFmpeg): m4a and AAC, MP4, WebM, and other containers that libsndfile does not know.

Needs the extra `av`. There is no seeking: a range is decoded from the beginning and what lies before it is
thrown away. For AAC that is the only way to the same samples: where an encoder replaced noise by a
description of it, the decoder puts its own random numbers there, and those depend on all that it decoded
before. Matroska and WebM, besides, keep time only to the millisecond. (AAC decodes about 1500 times faster
than real time.)

FFmpeg takes away the samples that an encoder puts before the sound (AAC: 1024 or more, Opus: 312) where the
container tells their number, as m4a, MP4 and WebM do; bare AAC (ADTS) does not, so its sound starts that much
later. Samples that fill up the last frame are cut off here, where the container (m4a, MP4) tells the length
of the sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from auscult.audio.sources import SoundFile
from auscult.errors import InputError
from auscult.extras import require_extra
from auscult.records import AudioInfo, FloatArray

#: Only these demuxers may look at a file: others (HLS, concat, DASH) would open further files and addresses.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,avi,asf,flv,mpegts,mpeg,ogg,wav,w64,aiff,caf,amr,ac3,eac3,mp3,wv,ape,"
    "tta,flac,au"
)

#: As many as libsndfile reads: that a file is read must not depend on which of the two is at hand.
MAX_CHANNELS = 1024

#: What silence and full scale are in FFmpeg's integer sample types.
_INTEGER_SCALES = {"u8": (128, 2.0**7), "s16": (0, 2.0**15), "s32": (0, 2.0**31), "s64": (0, 2.0**63)}


class PyavReader:
    """A reader (see `auscult.audio.decoding.Reader`) over PyAV. It closes the file that it is given."""

    def __init__(self, source: SoundFile) -> None:
        av = require_extra("av", extra="av", purpose=f"reading {source.name}")
        self.name = source.name
        self._descriptor = source.file
        self._descriptor.seek(0)
        # PyAV's exceptions are FFmpegError; a few calls raise plain Python ones on odd data.
        self._errors = (av.error.FFmpegError, OSError, ValueError, RuntimeError, EOFError)
        try:
            self._container = av.open(
                source.file,
                options={"format_whitelist": FORMATS, "protocol_whitelist": "none"},
                **titles_in_any_encoding(av),
            )
        except self._errors as error:
            raise self._error(error) from error
        try:
            self._stream = sound_of(self._container, self.name)
        except InputError:
            self._container.close()
            raise
        self.info = self._read_info()
        # An edit list counts in the movie's units, often milliseconds, so the promised length is not exact.
        self.tolerance_frames = self.info.sample_rate // 10
        self._frames = self._decode()
        self._rest: FloatArray = np.empty((0, self.info.n_channels), np.float32)
        self._position = 0

    def seek(self, frame: int) -> None:
        """Forward only, from the beginning, as the decoding functions use it."""
        while self._position < frame and self._fill():
            step = min(frame - self._position, len(self._rest))
            self._rest = self._rest[step:]
            self._position += step

    def read_into(self, out: FloatArray) -> int:
        wanted = len(out)
        if self.info.n_frames is not None:
            wanted = min(wanted, self.info.n_frames - self._position)
        done = 0
        while done < wanted and self._fill():
            step = min(wanted - done, len(self._rest))
            out[done : done + step] = self._rest[:step]
            self._rest = self._rest[step:]
            done += step
        self._position += done
        return done

    def close(self) -> None:
        self._container.close()
        self._descriptor.close()

    def _read_info(self) -> AudioInfo:
        stream, codec = self._stream, self._stream.codec_context
        container = self._container.format.name.split(",")[0]
        n_frames = None
        if container == "mov" and stream.duration is not None:
            n_frames = round(stream.duration * stream.time_base * codec.sample_rate)
        return AudioInfo(codec.sample_rate, codec.channels, n_frames, container.upper(), codec.name.upper())

    def _fill(self) -> bool:
        """Have at least one sample in `_rest`; False at the end."""
        while len(self._rest) == 0:
            block = next(self._frames, None)
            if block is None:
                return False
            self._rest = block
        return True

    def _decode(self) -> Iterator[FloatArray]:
        try:
            for frame in self._container.decode(self._stream):
                block = frame_samples(frame)
                if frame.sample_rate != self.info.sample_rate or block.shape[1] != self.info.n_channels:
                    raise InputError(
                        self.name,
                        "unsupported",
                        "its sample rate or number of channels changes on the way",
                        "convert it to WAV or FLAC",
                    )
                yield block
        except self._errors as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> InputError:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return InputError(
            self.name, "damaged", f"it cannot be decoded to its end ({said})", "copy or download it again"
        )


def titles_in_any_encoding(av: Any) -> dict[str, str]:
    """What lets `av.open` take a file whose titles are not UTF-8; from 19 on it does so unasked."""
    return {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


def sound_of(container: Any, name: str) -> Any:
    """The first stream of sound of what PyAV has opened.

    Raises
    ------
    InputError : kind ``unsupported`` (there is none that can be decoded) or ``damaged`` (of no form that sound has)
    """
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None:
        raise InputError(name, "unsupported", "it holds no sound that can be decoded", "name one with sound")
    codec = streams[0].codec_context
    if not codec.sample_rate or not codec.channels:
        raise InputError(name, "damaged", "its header names no sample rate or no channels", "copy it again")
    if codec.channels > MAX_CHANNELS:
        problem = f"its header names {codec.channels} channels, and {MAX_CHANNELS} are the most that are read"
        raise InputError(name, "damaged", problem, "copy it again, or split it")
    return streams[0]


def frame_samples(frame: Any) -> FloatArray:
    """A frame of any sample type as float32 `(frames, channels)`."""
    values: np.ndarray[Any, Any] = frame.to_ndarray()
    if frame.format.is_packed:
        values = values.reshape(frame.samples, -1)
    else:
        values = values.T
    silence, scale = _INTEGER_SCALES.get(frame.format.packed.name, (0, 1.0))
    if scale == 1.0:
        return values.astype(np.float32, copy=False)
    return ((values.astype(np.float64) - silence) / scale).astype(np.float32)
