"""Reading through libsndfile: WAV, FLAC, OGG (Vorbis, Opus), MP3, AIFF, CAF, AU and more."""

from __future__ import annotations

import numpy as np
import soundfile

from auscult.audio.containers import is_sound, ogg_end_frames
from auscult.audio.sources import SoundFile
from auscult.errors import InputError
from auscult.records import AudioInfo, FloatArray

#: How far before the wanted frame decoding starts, where a decoder carries something over from frame to
#: frame. MP3: a frame may take bits from up to 511 bytes of earlier frames, which at the lowest bit rates (11
#: bytes of sound in a frame) are 24 frames; each gives up to 1152 samples. Opus forgets slowly: its standard
#: asks for 80 ms until the difference is not heard; a second takes it below float32's precision. Vorbis: one
#: long block.
_PREROLL_FRAMES = {"MPEG_LAYER_III": 32 * 1152, "OPUS": 48000, "VORBIS": 8192}

_SKIP_SAMPLES = 1 << 18

#: libsndfile's numbers for "not a sound" and "no decoder for it"; all others are about sounds that are wrong
#: inside.
_UNRECOGNISED, _NO_CODEC = 1, 4


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """A SoundFile that stays where reading left it.

    python-soundfile seeks after each read to where the file already stands, if the file can seek at all. For
    MP3 that throws away the decoder's state, and the next block differs from the same part of the whole by up
    to 0.37.
    """

    def seekable(self) -> bool:
        return False

    def can_seek(self) -> bool:
        return bool(super().seekable())


class SndfileReader:
    """A reader (see `auscult.audio.decoding.Reader`) over libsndfile. It closes the file that it is given."""

    def __init__(self, source: SoundFile, head: bytes) -> None:
        self.name = source.name
        self._descriptor = source.file
        self._descriptor.seek(0)
        self._size = source.size
        try:
            self._file = _ForwardFile(source.file.fileno(), closefd=False)
        except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
            raise _open_error(source.name, head, error) from error
        file = self._file
        # For MPEG's layers I and II libsndfile only guesses the length.
        n_frames = None if file.subtype in ("MPEG_LAYER_I", "MPEG_LAYER_II") else file.frames
        self.info = AudioInfo(file.samplerate, file.channels, n_frames, file.format, file.subtype)
        # An MP3 decoder may leave out a frame at either end.
        self.tolerance_frames = 2 * 1152 if file.subtype == "MPEG_LAYER_III" else 0

    def seek(self, frame: int) -> None:
        preroll = _PREROLL_FRAMES.get(self.info.subtype, 0)
        start = max(0, min(frame, self._last_seekable()) - preroll)
        if self._file.can_seek():
            try:
                self._file.seek(start)
            except (soundfile.SoundFileError, OSError) as error:
                raise self._read_error(error) from error
        else:
            start = 0
        self._skip(frame - start)

    def read_into(self, out: FloatArray) -> int:
        try:
            return len(self._file.read(len(out), out=out))
        except (soundfile.SoundFileError, OSError) as error:
            raise self._read_error(error) from error

    def close(self) -> None:
        self._file.close()
        self._descriptor.close()

    def _last_seekable(self) -> int:
        """The last frame that libsndfile finds.

        In the last page of a Vorbis file it arrives too late by what its encoder filled the page up with.
        """
        n_frames = self._file.frames
        if self.info.subtype != "VORBIS":
            return int(n_frames)
        # libsndfile reads through the same descriptor, so it must find the position as it left it.
        position = self._descriptor.tell()
        in_last_page = ogg_end_frames(self._descriptor, self._size)
        self._descriptor.seek(position)
        return 0 if in_last_page is None else max(0, n_frames - in_last_page)

    def _skip(self, n_frames: int) -> None:
        block = max(1, _SKIP_SAMPLES // self.info.n_channels)
        scratch = np.empty((min(block, n_frames), self.info.n_channels), np.float32)
        while n_frames > 0:
            got = self.read_into(scratch[:n_frames])
            if got == 0:
                return
            n_frames -= got

    def _read_error(self, error: Exception) -> InputError:
        return InputError(
            self.name,
            "damaged",
            f"it cannot be decoded to its end ({_said(error)})",
            "copy or download it again, or repair it with a sound editor",
        )


def _open_error(name: str, head: bytes, error: Exception) -> InputError:
    code = getattr(error, "code", _UNRECOGNISED)
    if code == _NO_CODEC or not is_sound(head):
        return InputError(
            name,
            "unsupported",
            f"this is not a sound in a format that can be read ({_said(error)})",
            "convert it to WAV or FLAC",
        )
    return InputError(
        name,
        "damaged",
        f"it begins like a sound file and cannot be read as one ({_said(error)})",
        "copy or download it again",
    )


def _said(error: Exception) -> str:
    said = getattr(error, "error_string", None) or str(error) or type(error).__name__
    return str(said).strip().rstrip(".")
