"""A sounddevice with a microphone that tests speak into: its callback has the real one's signature."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


class PortAudioError(Exception):
    pass


class FakeSounddevice(ModuleType):
    """To be put into `sys.modules`. `script` is called by a thread for each stream that is started."""

    PortAudioError = PortAudioError

    def __init__(self, script: Callable[[FakeStream], None] | None = None) -> None:
        super().__init__("sounddevice")
        self.script = script or (lambda stream: None)
        self.streams: list[FakeStream] = []
        self.n_looks = 0
        self.has_input = True
        self.inputs = [
            {"index": 0, "name": "Speaker", "max_input_channels": 0, "default_samplerate": 48000.0},
            {"index": 1, "name": "Built-in Microphone", "max_input_channels": 2, "default_samplerate": 44100.0},
            {"index": 3, "name": "USB Audio", "max_input_channels": 1, "default_samplerate": 8000.0},
        ]

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        if device is None and kind is None:
            return self.inputs
        if not self.has_input:
            raise PortAudioError("Error querying device -1")
        if device is None:
            return self.inputs[1]
        for one in self.inputs:
            if device == one["index"] or (isinstance(device, str) and device.lower() in str(one["name"]).lower()):
                if not one["max_input_channels"]:
                    raise ValueError(f"Not an input device: {one['name']!r}")
                return one
        raise ValueError(f"No input device matching {device!r}")

    def InputStream(self, **given: Any) -> FakeStream:
        if given["channels"] > self.query_devices(given["device"], "input")["max_input_channels"]:
            raise PortAudioError("Error opening InputStream: Invalid number of channels", -9998)
        stream = FakeStream(self, given)
        self.streams.append(stream)
        return stream

    def _terminate(self) -> None:
        self.n_looks += 1

    def _initialize(self) -> None:
        self.n_looks += 1


class FakeStream:
    def __init__(self, module: FakeSounddevice, given: dict[str, Any]) -> None:
        self.module = module
        self.given = given
        self.recorded_s = 5.0
        self.closed = threading.Event()
        self.thread = threading.Thread(target=module.script, args=(self,), daemon=True)

    def __enter__(self) -> FakeStream:
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.closed.set()

    def speak(self, samples: np.ndarray, *, lost_s: float = 0.0, overflow: bool = False) -> None:
        """Hand over `(channels, samples)` as PortAudio does: in a buffer of (frames, channels) that it takes back."""
        self.recorded_s += lost_s
        buffer = np.ascontiguousarray(samples.T, np.float32)
        times = SimpleNamespace(
            inputBufferAdcTime=self.recorded_s, currentTime=self.recorded_s, outputBufferDacTime=0.0
        )
        self.given["callback"](buffer, len(buffer), times, SimpleNamespace(input_overflow=overflow))
        buffer[:] = np.nan
        self.recorded_s += len(samples[0]) / self.given["samplerate"]
