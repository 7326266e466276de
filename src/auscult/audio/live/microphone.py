"""Microphones, through sounddevice and PortAudio; needs the extra `live`."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auscult.audio.live.blocks import ALWAYS_LIVE_S, Lapse, LiveBlock
from auscult.audio.live.reconnecting import Reconnecting
from auscult.errors import InputError, MissingExtraError
from auscult.extras import require_extra

_POLL_S = 0.2
_NO_SUCH = "choose one that `auscult listen --devices` shows"


@dataclass(frozen=True)
class Device:
    """A device that sound can come from."""

    index: int
    name: str
    channels: int
    sample_rate: int
    is_default: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "index": self.index,
            "name": self.name,
            "channels": self.channels,
            "sample_rate": self.sample_rate,
            "default": self.is_default,
        }


def devices() -> list[Device]:
    """All devices that sound can come from.

    Raises
    ------
    MissingExtraError : without sounddevice or PortAudio
    """
    sounddevice = _sounddevice()
    try:
        default = sounddevice.query_devices(None, "input")["index"]
    except (ValueError, sounddevice.PortAudioError):
        default = None
    return [
        Device(
            one["index"],
            one["name"],
            one["max_input_channels"],
            round(one["default_samplerate"]),
            one["index"] == default,
        )
        for one in sounddevice.query_devices()
        if one["max_input_channels"] > 0
    ]


class MicrophoneInput(Reconnecting):
    """A device, opened again when it is gone: when it gives nothing for `silence_s`.

    Parameters
    ----------
    device : its number, its name or a part of it; None: the system's default
    sample_rate : Hz; None: the device's own
    channels : how many, from the first
    silence_s : how long it may give nothing, silence being something
    waits : `first_wait_s` and `longest_wait_s`, see `reconnecting`
    """

    lead_s = ALWAYS_LIVE_S

    def __init__(
        self,
        device: int | str | None = None,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        silence_s: float = 5.0,
        **waits: Any,
    ) -> None:
        super().__init__("<microphone>" if device is None else f"<{device}>", **waits)
        self._device = device
        self._sample_rate = sample_rate
        self._channels = channels
        self._silence_s = silence_s
        self._was_open = False

    def _session(self, stop: threading.Event) -> Iterator[LiveBlock]:
        sounddevice = _sounddevice()
        # Between PortAudio's own thread, which must never wait, and ours.
        came: queue.SimpleQueue[_Came] = queue.SimpleQueue()

        def callback(indata: Any, frames: int, times: Any, status: Any) -> None:
            # PortAudio takes its buffer back, so this is the one copy that is needed.
            recorded_s = float(times.inputBufferAdcTime)
            came.put(_Came(indata.T.copy(), recorded_s, bool(status.input_overflow), time.monotonic()))

        try:
            if self._was_open:
                # PortAudio looks for devices once; this is how it sees one that was plugged in again.
                sounddevice._terminate()
                sounddevice._initialize()
            found = sounddevice.query_devices(self._device, "input")
            rate = self._sample_rate or round(found["default_samplerate"])
            stream = sounddevice.InputStream(
                samplerate=rate,
                device=self._device,
                channels=self._channels,
                dtype="float32",
                latency="low",
                callback=callback,
            )
            self.name = f"<{found['name']}>"
            self._was_open = True
            with stream:
                yield from self._received(came, rate, stop)
        except ValueError as error:
            raise InputError(self.name, "missing", f"it cannot be used ({error})", _NO_SUCH) from error
        except sounddevice.PortAudioError as error:
            said = str(error.args[0]) if error.args else str(error)
            raise InputError(self.name, "unreachable", f"it cannot be opened ({said})", _NO_SUCH) from error

    def _received(self, came: queue.SimpleQueue[_Came], rate: int, stop: threading.Event) -> Iterator[LiveBlock]:
        last_s = time.monotonic()
        expected_s: float | None = None
        while not stop.is_set():
            try:
                one = came.get(timeout=min(_POLL_S, self._silence_s))
            except queue.Empty:
                if time.monotonic() - last_s < self._silence_s:
                    continue
                problem = f"it has given nothing for {self._silence_s:g} s"
                raise InputError(self.name, "unreachable", problem, "plug it in again") from None
            last_s = one.arrived_s
            lapse = None
            if one.overflow:
                # PortAudio tells that samples are missing, and not how many: its clock of the recording does.
                missing_s = 0.0 if expected_s is None else max(0.0, one.recorded_s - expected_s)
                lapse = Lapse(missing_s, "device overflow")
            expected_s = one.recorded_s + one.samples.shape[1] / rate
            yield LiveBlock(one.samples, rate, one.arrived_s, lapse)


@dataclass(frozen=True, eq=False)
class _Came:
    samples: Any
    recorded_s: float
    overflow: bool
    arrived_s: float


def _sounddevice() -> Any:
    try:
        return require_extra("sounddevice", extra="live", purpose="listening to a microphone")
    except OSError as error:
        raise MissingExtraError(
            f"listening to a microphone needs the PortAudio library, which is not found ({error}); install it, on "
            "Debian and Ubuntu with: apt install libportaudio2"
        ) from error
