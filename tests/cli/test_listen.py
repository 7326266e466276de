"""`auscult listen`: real pipes, signals that end it, a terminal, a microphone that is played."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult.classifier import load
from auscult.cli.app import run
from tests.audio.live.fake_sounddevice import FakeSounddevice, FakeStream
from tests.audio.live.test_addresses import cut_off, endless, radio
from tests.cli.conftest import Auscult
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

AUSCULT = [sys.executable, "-m", "auscult", "listen"]
LONG_S = 100
EVENTS = ("--on", "0.6", "--off", "0.4")


@pytest.fixture(scope="module")
def ears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with windows of 50 ms, which tells whether the first or the second half of one is louder."""
    return write_tiny_model(tmp_path_factory.mktemp("ears") / "model.onnx", tiny_spec(part_samples=200))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    samples = random.uniform(-1, 1, 16000) * np.abs(np.sin(np.arange(16000) / 700))
    path = tmp_path_factory.mktemp("recording") / "sound.wav"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    return path


def pcm(recording: Path) -> bytes:
    content: bytes = soundfile.read(recording, dtype="int16")[0].tobytes()
    return content


def listen(*options: object, given: bytes) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*AUSCULT, *map(str, options)], input=given, capture_output=True, timeout=LONG_S)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("has_header", [False, True])
def test_a_pipe_gives_what_the_file_gives(ears: Path, recording: Path, has_header: bool) -> None:
    given = recording.read_bytes() if has_header else pcm(recording)
    form = [] if has_header else ["--rate", SAMPLE_RATE]
    done = listen("-", *form, "-m", ears, "--json", "--windows", "--show", 2, *EVENTS, given=given)
    assert done.returncode == 0
    assert done.stderr.startswith("heard 2.0 s in 79 windows, ")
    found = records(done.stdout)
    from auscult.decide import EventOptions

    model = load(ears, top_k=2)
    events = [one for one in found if "label" in one]
    assert len(events) > 3
    expected = [
        {**one.to_dict(), "source": "<stdin>"} for one in model.detect(recording, EventOptions(on=0.6, off=0.4))
    ]
    assert [{name: one[name] for name in expected[0]} for one in events] == expected
    windows = [one for one in found if "predictions" in one]
    shown = [
        {"source": "<stdin>", "start_s": one.start_s, "end_s": one.end_s, "predictions": one.predictions}
        for one in model.classify(recording).windows
    ]
    for one, other in zip(windows, shown, strict=True):
        assert one.pop("latency_ms") > 0
        assert one == {**other, "predictions": [prediction.to_dict() for prediction in other["predictions"]]}
    # By the clock, events are as far apart as in the sound.
    first, *_, last = events
    apart = datetime.fromisoformat(last["time"]) - datetime.fromisoformat(first["time"])
    assert apart.total_seconds() == pytest.approx(last["start_s"] - first["start_s"], abs=1e-5)


def test_a_file_as_standard_input_is_heard_whole(ears: Path, recording: Path) -> None:
    command = [*AUSCULT, "-", "-m", str(ears), "--json", "--backlog", "0.1", *EVENTS]
    with open(recording, "rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 0
    assert "no windows dropped" in done.stderr
    assert not any("gap" in one for one in records(done.stdout))


def test_people_read_lines(ears: Path, recording: Path) -> None:
    done = listen("-", "-m", ears, *EVENTS, "--quiet", given=recording.read_bytes())
    assert (done.returncode, done.stderr) == (0, "")
    clock, length, unit, score, name = done.stdout.splitlines()[0].split()
    assert len(clock) == len("12:00:00.0")
    assert (float(length) > 0, unit, score[-1], name in ("early", "late")) == (True, "s", "%", True)
    done = listen("-", "-m", ears, "--windows", "--quiet", "--on", "1", given=recording.read_bytes())
    assert len(done.stdout.splitlines()) == 79
    assert "early" in done.stdout.splitlines()[0]
    assert "window" in done.stdout.splitlines()[0]


def test_it_ends_after_so_many_seconds(ears: Path, recording: Path) -> None:
    done = listen("-", "-m", ears, "--duration", 0.5, given=recording.read_bytes())
    assert done.returncode == 0
    assert done.stderr.startswith("heard 0.5 s in 19 windows")


@pytest.mark.parametrize(
    ("options", "given", "code", "message"),
    [
        (["-"], bytes(100), 1, "<stdin>: it has no WAV header, so its rate is not known; state it with --rate"),
        (["-", "--rate", "0"], b"", 2, "--rate must be at least 1"),
        (["-", "--rate", "8000", "--encoding", "mp3"], b"", 2, "The encoding of PCM is one of u8, s16le"),
        (["-", "--device", "1"], b"", 2, "A source and --device exclude each other"),
        (["-", "--duration", "0"], b"", 2, "--duration must be a number of seconds above 0. Got 0 instead"),
        (["-", "--backlog", "nan"], b"", 2, "--backlog must be a number of seconds above 0. Got nan instead"),
        (["-", "--show", "0"], b"", 2, "--show must be at least 1"),
        (["-", "--on", "x"], b"", 2, "--on x: must be a score from 0 to 1"),
        (["nowhere.mp3"], b"", 1, "nowhere.mp3: there is no such file"),
        (["http://127.0.0.1:1/x", "--rate", "8000"], b"", 2, "--rate and --channels are for microphones and PCM"),
        (["http://127.0.0.1:1/x"], b"", 1, "http://127.0.0.1:1/x: it cannot be heard (Connection refused)"),
    ],
)
def test_what_is_wrong_is_said(
    ears: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    given: bytes,
    code: int,
    message: str,
) -> None:
    reading, writing = os.pipe()
    os.write(writing, given)
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run(["listen", *options, "-m", str(ears), "--json"]) == code
    written = capfd.readouterr()
    assert message in written.err
    if code == 1 and written.out:
        (record,) = records(written.out)
        assert set(record["error"]) == {"kind", "message"}


class Running:
    """A listener with an open pipe: it has heard all that was sent, and waits for more."""

    def __init__(self, ears: Path, recording: Path, *options: object) -> None:
        command = [*AUSCULT, "-", "-m", str(ears), "--rate", str(SAMPLE_RATE), "--json", *EVENTS]
        self.process = subprocess.Popen(
            [*command, *map(str, options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(pcm(recording))
        self.process.stdin.flush()
        # The line of its first event: it is at work.
        self.first = self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=LONG_S)
        return self.process.returncode, (self.first + out).decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_well(ears: Path, recording: Path, number: signal.Signals) -> None:
    running = Running(ears, recording)
    running.process.send_signal(number)
    code, out, err = running.end()
    assert code == 0
    assert err.startswith("heard ")
    assert "Traceback" not in err
    assert out.endswith("}\n")


def test_a_reader_that_goes_ends_it(ears: Path, recording: Path) -> None:
    running = Running(ears, recording)
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert running.process.stdin is not None
    # Sound goes on until the listener has noticed.
    with contextlib.suppress(BrokenPipeError):
        while running.process.poll() is None:
            running.process.stdin.write(pcm(recording))
            running.process.stdin.flush()
            time.sleep(0.05)
    assert running.process.wait(LONG_S) == 0
    assert running.process.stderr is not None
    assert b"Traceback" not in running.process.stderr.read()
    running.process.stderr.close()
    with contextlib.suppress(BrokenPipeError):
        running.process.stdin.close()


def test_on_a_terminal_it_shows_a_panel(ears: Path, recording: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*AUSCULT, "-", "-m", str(ears), *EVENTS]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "90", "LINES": "30"}
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(theirs)
    assert running.stdin is not None
    running.stdin.write(recording.read_bytes())
    running.stdin.flush()
    shown = _read_until(ours, "dBFS")
    running.stdin.close()
    shown += _read_until(ours, None)
    assert running.wait(LONG_S) == 0
    os.close(ours)
    for text in ("auscult", "loudest-part", "stdin", "level", "dBFS", "early", "nothing missed", "Ctrl-C ends"):
        assert text in shown


def _read_until(descriptor: int, text: str | None) -> str:
    found = b""
    while text is None or text.encode() not in found:
        if not select.select([descriptor], [], [], LONG_S)[0]:
            break
        try:
            more = os.read(descriptor, 1 << 16)
        except OSError:  # the other end was closed
            break
        if not more:
            break
        found += more
    return found.decode(errors="replace")


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    module = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_a_microphone(auscult: Auscult, ears: Path, recording: Path, microphone: FakeSounddevice) -> None:
    samples = soundfile.read(recording, dtype="float32")[0]

    def speaks(stream: FakeStream) -> None:
        for part in np.array_split(samples, 50):
            stream.speak(part[np.newaxis])

    microphone.script = speaks
    done = auscult("listen", "-m", ears, "--device", "3", "--json", "--duration", 2, *EVENTS)
    assert done.code == 0
    expected = [one.to_dict() for one in load(ears).detect(recording, _options())]
    assert [one["source"] for one in done.records] == ["<USB Audio>"] * len(expected)
    assert [(one["start_s"], one["label"]) for one in done.records] == [
        (one["start_s"], one["label"]) for one in expected
    ]
    assert microphone.streams[0].given["device"] == 3


def _options() -> Any:
    from auscult.decide import EventOptions

    return EventOptions(on=0.6, off=0.4)


def test_the_microphones(auscult: Auscult, microphone: FakeSounddevice) -> None:
    done = auscult("listen", "--devices")
    assert done.code == 0
    assert done.out.splitlines()[1].split() == ["1", "Built-in", "Microphone", "2", "44100", "default"]
    done = auscult("listen", "--devices", "--json")
    assert done.records[1] == {"index": 3, "name": "USB Audio", "channels": 1, "sample_rate": 8000, "default": False}
    microphone.inputs.clear()
    microphone.has_input = False
    done = auscult("listen", "--devices")
    assert (done.code, done.err) == (1, "There is no microphone.\n")


def test_without_a_microphone(auscult: Auscult, ears: Path, microphone: FakeSounddevice) -> None:
    microphone.has_input = False
    done = auscult("listen", "-m", ears, "--json")
    assert done.code == 1
    assert "<microphone>: it cannot be opened (Error querying device -1); choose one that" in done.err
    assert done.records[0]["error"]["kind"] == "unreachable"


def test_a_server_that_breaks_off(auscult: Auscult, ears: Path) -> None:
    with radio() as server:
        server.answers = [cut_off, endless]
        done = auscult("listen", server.url, "-m", ears, "--json", "--duration", 5)
        assert server.n_requests == 2
    assert done.code == 0
    assert f"auscult: {server.url}: it cannot be heard (Input/output error); trying again\n" in done.err
    assert [one["gap"]["why"] for one in done.records if "gap" in one] == ["interrupted"]


def test_a_terminal_is_no_sound(
    ears: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert run(["listen", "-", "-m", str(ears)]) == 2
    assert "Standard input is a terminal; send PCM or WAV through a pipe" in capsys.readouterr().err


def test_no_thread_is_left(auscult: Auscult, ears: Path, microphone: FakeSounddevice) -> None:
    microphone.script = lambda stream: stream.speak(np.zeros((1, 16000), np.float32))
    before = set(threading.enumerate())
    assert auscult("listen", "-m", ears, "--json", "--duration", 0.2).code == 0
    assert [one for one in set(threading.enumerate()) - before if one.name.startswith("capture")] == []
