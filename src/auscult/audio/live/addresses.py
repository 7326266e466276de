"""Sound from an address: http radio, rtsp cameras, or anything else that FFmpeg reads; needs the extra `av`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from auscult.audio.live.blocks import NEVER_LIVE_S, Lapse, LiveBlock
from auscult.audio.live.reconnecting import Reconnecting
from auscult.audio.pyav import FORMATS, frame_samples, sound_of, titles_in_any_encoding
from auscult.errors import InputError, InputErrorKind, UsageError
from auscult.extras import require_extra

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "rtp")
#: What may be opened from an address: no files, no programs.
_PROTOCOLS = "http,https,tls,tcp,udp,rtp,rtsp,rtsps,rtmp,rtmps,rtmpt,srt,srtp,httpproxy,crypto"
_LIVE_FORMATS = f"{FORMATS},hls,rtsp,sdp,rtp"
#: Servers of radio send what they have at once, so that players start quickly: up to a minute of it is still live.
_BURST_S = 60.0
#: Packets in a row that cannot be decoded; after more of them it is not the line that damages them. Of MP3: a second.
_MAX_DAMAGED = 40


class AddressInput(Reconnecting):
    """A stream at an address, or a file.

    A stream without an end is opened again when it breaks off, or sends nothing for `silence_s`. A file, here or on a
    server, ends where it ends, and is waited for.

    Parameters
    ----------
    address : a URL of one of `SCHEMES`, or a path
    silence_s : how long a server may say nothing
    waits : `first_wait_s` and `longest_wait_s`, see `reconnecting`

    Raises
    ------
    UsageError : neither a URL of a known kind nor a file
    """

    def __init__(self, address: str, *, silence_s: float = 10.0, **waits: Any) -> None:
        super().__init__(_without_password(address), **waits)
        self._scheme = urlsplit(address).scheme.lower() if "://" in address else ""
        if self._scheme not in (*SCHEMES, ""):
            raise UsageError(
                f"{self.name}: cannot be listened to; an address begins with one of {', '.join(SCHEMES)}, and a path "
                "or - for standard input may stand in its place."
            )
        if not self._scheme and not os.path.exists(address):
            raise InputError(address, "missing", "there is no such file", "name a URL, a file, or - for standard input")
        self._address = address
        self._silence_s = silence_s
        self._has_end = not self._scheme
        self.lead_s = NEVER_LIVE_S if self._has_end else _BURST_S

    def _session(self, stop: threading.Event) -> Iterator[LiveBlock]:
        av = require_extra("av", extra="av", purpose=f"listening to {self.name}")
        # PyAV's exceptions are FFmpegError; a few calls raise plain Python ones on odd data.
        errors = (av.error.FFmpegError, OSError, ValueError, RuntimeError, EOFError)
        try:
            with self._open(av) as container:
                sound = sound_of(container, self.name)
                if container.duration is not None:
                    self._has_end, self.lead_s = True, NEVER_LIVE_S
                for block in self._decoded(container.demux(sound), av.error.InvalidDataError):
                    yield block
                    if stop.is_set():
                        return
        except errors as error:
            raise self._error(error, av) from error
        if not self._has_end:
            raise InputError(self.name, "unreachable", "the stream ended", "see whether the server still sends it")

    def _decoded(self, packets: Iterable[Any], damaged: type[Exception]) -> Iterator[LiveBlock]:
        """Packets that were damaged on the way are passed over: opening the stream anew would cost more sound."""
        missing_s, n_damaged = 0.0, 0
        for packet in packets:
            try:
                frames = packet.decode()
            except damaged:
                n_damaged += 1
                if n_damaged > _MAX_DAMAGED:
                    raise
                missing_s += float(packet.duration * packet.time_base) if packet.duration else 0.0
                continue
            for frame in frames:
                lapse = Lapse(missing_s, "damaged") if n_damaged else None
                missing_s, n_damaged = 0.0, 0
                yield LiveBlock(frame_samples(frame).T, frame.sample_rate, time.monotonic(), lapse)

    def _open(self, av: Any) -> Any:
        if not self._scheme:
            return av.open(
                self._address,
                options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
                **titles_in_any_encoding(av),
            )
        options = {"format_whitelist": _LIVE_FORMATS, "protocol_whitelist": _PROTOCOLS, "user_agent": "auscult"}
        if self._scheme.startswith("rtsp"):
            # Over UDP, packets that are lost would be missing without a word.
            options = {**options, "rtsp_transport": "tcp"}
        return av.open(self._address, options=options, timeout=self._silence_s, **titles_in_any_encoding(av))

    def _comes_again(self, error: InputError) -> bool:
        return not self._has_end

    def _error(self, error: Exception, av: Any) -> InputError:
        if isinstance(error, av.error.ExitError):
            problem = f"nothing came for {self._silence_s:g} s"
        else:
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
        kind: InputErrorKind = "damaged" if self._has_end else "unreachable"
        return InputError(
            self.name, kind, f"it cannot be heard ({problem})", "check the address, or try it in a player"
        )


def _without_password(address: str) -> str:
    """
    >>> _without_password("rtsp://me:secret@camera:554/1")
    'rtsp://camera:554/1'
    """
    scheme, separator, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else address
