"""PCM from a pipe: bare samples of a stated form, or a WAV stream, which says its own."""

from __future__ import annotations

import os
import select
import stat
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.audio.live.blocks import NEVER_LIVE_S, LiveBlock
from auscult.errors import InputError, UsageError

#: Name -> numpy type, as FFmpeg and SoX call them. 24 bits are read apart.
PCM_ENCODINGS = {
    "u8": "u1",
    "s16le": "<i2",
    "s16be": ">i2",
    "s24le": "",
    "s32le": "<i4",
    "s32be": ">i4",
    "f32le": "<f4",
    "f32be": ">f4",
    "f64le": "<f8",
}
_SAMPLE_BYTES = {"s24le": 3}
#: Seconds in the largest block that is read, and how often a stop is looked for.
_BLOCK_S = 1.0
_POLL_S = 0.2
#: What a pipe is taken to hold where the system does not tell (Linux: 64 KiB).
_PIPE_BYTES = 1 << 16
#: What a program may have ready before it starts to write, in seconds.
_WRITER_LEAD_S = 1.0
_WAV_FORMATS = {(1, 8): "u8", (1, 16): "s16le", (1, 24): "s24le", (1, 32): "s32le", (3, 32): "f32le", (3, 64): "f64le"}
_EXTENSIBLE = 0xFFFE
#: How files that are no PCM begin.
_COMPRESSED = {b"OggS": "Ogg", b"fLaC": "FLAC", b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf1": "AAC"}


@dataclass(frozen=True)
class PcmForm:
    """How PCM is written: rate in Hz, channels (interleaved), and one of `PCM_ENCODINGS`."""

    sample_rate: int
    channels: int = 1
    encoding: str = "s16le"

    def __post_init__(self) -> None:
        if self.encoding not in PCM_ENCODINGS:
            raise UsageError(
                f"The encoding of PCM is one of {', '.join(PCM_ENCODINGS)}. Got {self.encoding!r} instead."
            )
        for name, value in (("sample rate", self.sample_rate), ("number of channels", self.channels)):
            if value < 1:
                raise UsageError(f"The {name} of PCM must be at least 1. Got {value} instead.")

    @property
    def frame_bytes(self) -> int:
        sample = _SAMPLE_BYTES.get(self.encoding) or np.dtype(PCM_ENCODINGS[self.encoding]).itemsize
        return sample * self.channels

    def samples(self, content: bytes) -> NDArray[Any]:
        """Whole frames as `(channels, samples)`.

        >>> PcmForm(8000, 2).samples(bytes([1, 0, 2, 0])).tolist()
        [[1], [2]]
        >>> PcmForm(8000, 1, "s24le").samples(bytes([0, 0, 64])).tolist()
        [[1073741824]]
        """
        if self.encoding == "s24le":
            wide = np.zeros((len(content) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
            flat = wide.view("<i4")[:, 0]
        else:
            flat = np.frombuffer(content, PCM_ENCODINGS[self.encoding])
        return flat.astype(flat.dtype.newbyteorder("="), copy=False).reshape(-1, self.channels).T


class PcmInput:
    """PCM from an open file descriptor, to its end. Bytes after the last whole frame are left out.

    Parameters
    ----------
    descriptor : open for reading; it is not closed
    form : of bare samples; None where the stream must begin with a WAV header. A header, where there is one, wins.
    name : for messages
    """

    def __init__(self, descriptor: int, form: PcmForm | None = None, *, name: str = "<stdin>") -> None:
        self._descriptor = descriptor
        self._form = form
        self.name = name
        self.lead_s = 0.0

    def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
        """See `LiveInput`."""
        head = self._read_whole(b"", 12, stop)
        if not head and stop.is_set():
            return
        if not head:
            raise self._empty()
        form, rest, left = self._start(head, stop)
        # What a pipe may hold when reading begins is no sign that the sound is not live.
        held_s = _held_bytes(self._descriptor) / (form.frame_bytes * form.sample_rate)
        self.lead_s = held_s + _WRITER_LEAD_S + _BLOCK_S if held_s else NEVER_LIVE_S
        is_empty = True
        for content in self._frames(form, rest, left, stop):
            is_empty = False
            yield LiveBlock(form.samples(content), form.sample_rate, time.monotonic())
        if is_empty and not stop.is_set():
            raise self._empty()

    def _frames(self, form: PcmForm, rest: bytes, left: int, stop: threading.Event) -> Iterator[bytes]:
        """Whole frames, as they come: `rest` was read already, and `left` bytes are there at most."""
        size = max(1, round(_BLOCK_S * form.sample_rate)) * form.frame_bytes
        while left >= form.frame_bytes and not stop.is_set():
            n_whole = min(len(rest), left, size) // form.frame_bytes * form.frame_bytes
            if n_whole:
                yield rest[:n_whole]
                rest, left = rest[n_whole:], left - n_whole
            elif more := self._read(size - len(rest), stop):
                rest += more
            else:
                return

    def _start(self, head: bytes, stop: threading.Event) -> tuple[PcmForm, bytes, int]:
        """The form, what was read of the samples, and how many bytes of samples there are."""
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
            form, left = self._wav_header(stop)
            return form, b"", left
        kind = next((kind for magic, kind in _COMPRESSED.items() if head.startswith(magic)), None)
        if kind is not None and self._form is None:
            raise InputError(
                self.name,
                "unsupported",
                f"it begins like {kind}, and PCM or WAV was expected",
                "decode it first, as with: ffmpeg -i - -f wav - | auscult listen -",
            )
        if self._form is None:
            raise InputError(
                self.name, "invalid", "it has no WAV header, so its rate is not known", "state it with --rate"
            )
        return self._form, head, 1 << 62

    def _wav_header(self, stop: threading.Event) -> tuple[PcmForm, int]:
        form: PcmForm | None = None
        while True:
            head = self._read_whole(b"", 8, stop)
            if len(head) < 8:
                raise self._damaged("it ends inside its WAV header")
            (size,) = struct.unpack("<I", head[4:])
            if head[:4] == b"data":
                if form is None:
                    raise self._damaged("its WAV header does not say how samples are written")
                # Writers into a pipe cannot know the size, and put something very large, or 0.
                return form, size if 0 < size < 0x7FFFF000 else 1 << 62
            if size > 1 << 20:
                raise self._damaged(f"its WAV header has a chunk of {size} bytes")
            content = self._read_whole(b"", size + size % 2, stop)
            if head[:4] == b"fmt ":
                form = self._wav_form(content)

    def _wav_form(self, content: bytes) -> PcmForm:
        if len(content) < 16:
            raise self._damaged("its WAV header is too short")
        code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
        if code == _EXTENSIBLE and len(content) >= 26:
            (code,) = struct.unpack("<H", content[24:26])
        written = _WAV_FORMATS.get((code, bits))
        if written is None or channels < 1 or rate < 1:
            raise InputError(
                self.name,
                "unsupported",
                f"its WAV samples are of code {code} with {bits} bits, {channels} channels, {rate} Hz",
                "convert it to 16-bit PCM",
            )
        return PcmForm(rate, channels, written)

    def _read_whole(self, found: bytes, size: int, stop: threading.Event) -> bytes:
        while len(found) < size and (more := self._read(size - len(found), stop)):
            found += more
        return found

    def _read(self, size: int, stop: threading.Event) -> bytes:
        """What is there, at most `size`; nothing at the end, or when stopped."""
        if os.name == "posix":
            while not select.select([self._descriptor], [], [], _POLL_S)[0]:
                if stop.is_set():
                    return b""
        try:
            return os.read(self._descriptor, size)
        except OSError as error:
            said = error.strerror or str(error)
            raise InputError(self.name, "damaged", f"it cannot be read ({said})", "send it through a pipe") from error

    def _empty(self) -> InputError:
        return InputError(self.name, "empty", "no sound came", "send it PCM or WAV")

    def _damaged(self, problem: str) -> InputError:
        return InputError(self.name, "damaged", problem, "send PCM or WAV from its beginning")


def _held_bytes(descriptor: int) -> int:
    """How much a pipe holds; 0 of a file, which is all there already."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return 0
    try:
        import fcntl

        return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
    except (ImportError, AttributeError, OSError):
        return _PIPE_BYTES
