"""A microphone, played by a module with the names and the callback of sounddevice."""

from __future__ import annotations

import builtins
import sys
import threading
from typing import Any

import numpy as np
import pytest

from auscult.audio.live import ALWAYS_LIVE_S, LiveBlock
from auscult.audio.live.microphone import Device, MicrophoneInput, devices
from auscult.errors import InputError, MissingExtraError
from tests.audio.live.fake_sounddevice import FakeSounddevice, FakeStream

SPOKEN = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 1000)).astype(np.float32)


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    module = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def some(source: MicrophoneInput, n_samples: int) -> list[LiveBlock]:
    stop = threading.Event()
    found = []
    for block in source.blocks(stop):
        found.append(block)
        if sum(one.samples.shape[1] for one in found) >= n_samples:
            stop.set()
    return found


def test_what_is_spoken_is_heard(sounddevice: FakeSounddevice) -> None:
    def speaks(stream: FakeStream) -> None:
        for part in np.array_split(SPOKEN, 7, axis=1):
            stream.speak(part)

    sounddevice.script = speaks
    source = MicrophoneInput(channels=2)
    found = some(source, 1000)
    assert np.array_equal(np.concatenate([block.samples for block in found], axis=1), SPOKEN)
    assert {block.sample_rate for block in found} == {44100}
    assert [block.lapse for block in found] == [None] * 7
    assert source.name == "<Built-in Microphone>"
    assert source.lead_s == ALWAYS_LIVE_S
    (stream,) = sounddevice.streams
    assert stream.closed.is_set()
    asked = {name: stream.given[name] for name in ("samplerate", "device", "channels", "dtype")}
    assert asked == {"samplerate": 44100, "device": None, "channels": 2, "dtype": "float32"}


@pytest.mark.parametrize("device", [3, "usb"])
def test_a_device_by_number_or_name(sounddevice: FakeSounddevice, device: int | str) -> None:
    sounddevice.script = lambda stream: stream.speak(SPOKEN[:1])
    (block,) = some(MicrophoneInput(device, sample_rate=16000), 1000)
    assert block.sample_rate == 16000
    assert sounddevice.streams[0].given["device"] == device


def test_an_overflow_is_as_long_as_the_clock_of_the_recording_says(sounddevice: FakeSounddevice) -> None:
    def speaks(stream: FakeStream) -> None:
        stream.speak(SPOKEN[:1], overflow=True)
        stream.speak(SPOKEN[:1], lost_s=0.25, overflow=True)
        stream.speak(SPOKEN[:1])

    sounddevice.script = speaks
    lapses = [block.lapse for block in some(MicrophoneInput(), 3000)]
    assert lapses[0] is not None
    assert lapses[0].seconds == 0
    assert lapses[1] is not None
    assert (lapses[1].seconds, lapses[1].why) == (pytest.approx(0.25), "device overflow")
    assert lapses[2] is None


def test_a_device_that_falls_silent_is_opened_again(sounddevice: FakeSounddevice) -> None:
    sounddevice.script = lambda stream: stream.speak(SPOKEN[:1])
    source = MicrophoneInput(silence_s=0.5, first_wait_s=0.01, longest_wait_s=0.01)
    found = some(source, 3000)
    assert len(sounddevice.streams) == 3
    assert all(stream.closed.is_set() for stream in sounddevice.streams)
    # PortAudio is made to look for devices before each.
    assert sounddevice.n_looks == 4
    assert [block.lapse is not None for block in found] == [False, True, True]
    assert found[1].lapse is not None
    assert found[1].lapse.seconds > 0.3


def test_what_is_wrong_with_a_device_is_said(sounddevice: FakeSounddevice) -> None:
    for given, problem in (
        ({"device": "violin"}, "<violin>: it cannot be used .No input device matching 'violin'.; choose one that"),
        ({"device": 0}, "<0>: it cannot be used .Not an input device: 'Speaker'"),
        (
            {"device": 3, "channels": 2},
            "<3>: it cannot be opened .Error opening InputStream: Invalid number of channels.;",
        ),
    ):
        arguments: Any = given
        with pytest.raises(InputError, match=problem):
            some(MicrophoneInput(**arguments), 1)
    sounddevice.has_input = False
    with pytest.raises(InputError, match=r"<microphone>: it cannot be opened .Error querying device -1"):
        some(MicrophoneInput(), 1)
    assert [one.is_default for one in devices()] == [False, False]


def test_the_devices_that_hear(sounddevice: FakeSounddevice) -> None:
    assert devices() == [
        Device(1, "Built-in Microphone", 2, 44100, True),
        Device(3, "USB Audio", 1, 8000, False),
    ]


def test_without_sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r'listening to a microphone needs .* pip install "auscult\[live\]"'):
        devices()


def test_without_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    real = builtins.__import__

    def fails(name: str, *given: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *given)

    monkeypatch.setattr("importlib.import_module", lambda name: fails(name))
    with pytest.raises(MissingExtraError, match=r"needs the PortAudio library, .* apt install libportaudio2"):
        devices()
