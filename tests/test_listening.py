"""Live sound through a model: what is heard is what a stream hears, and what is not heard is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.audio.live import ALWAYS_LIVE_S, NEVER_LIVE_S, Capture, Lapse, LiveBlock
from auscult.classifier import Classifier, load
from auscult.decide import EventOptions
from auscult.errors import InputError, UsageError
from auscult.listening import Gap, Heard, Listening
from auscult.records import Event, FloatArray
from auscult.streaming import StreamWindow
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

SPEC = tiny_spec(["early", "late"], part_samples=400, hop_samples=400)
OPTIONS = EventOptions(on=0.6, off=0.4)
NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)
LONG_S = 60.0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx", SPEC)


@pytest.fixture(scope="module")
def model(path: Path) -> Classifier:
    return load(path)


def noise(n_samples: int, seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    return (random.uniform(-1, 1, n_samples) * np.abs(np.sin(np.arange(n_samples) / 700))).astype(np.float32)


def blocks_of(samples: FloatArray, size: int = 160, rate: int = SAMPLE_RATE) -> list[LiveBlock]:
    return [LiveBlock(samples[np.newaxis, first : first + size], rate, 0.0) for first in range(0, len(samples), size)]


class Script:
    """An input that gives these blocks; `last` is set when it has given them all."""

    name = "<script>"

    def __init__(self, blocks: list[Any], lead_s: float = NEVER_LIVE_S) -> None:
        self.script = blocks
        self.lead_s = lead_s
        self.given = threading.Event()

    def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
        for one in self.script:
            if isinstance(one, Exception):
                raise one
            yield one
        self.given.set()


def listen(model: Classifier, blocks: list[Any], **given: Any) -> tuple[list[Heard], Listening]:
    with Capture(Script(blocks), backlog_s=1.0) as capture:
        listening = Listening(model, capture, OPTIONS, **given)
        heard: list[Heard] = []
        while not listening.ended:
            heard += listening.take(LONG_S)
        return heard + listening.finish(), listening


def as_said(heard: list[Any], shift_s: float = 0.0) -> list[Any]:
    said: list[Any] = []
    for one in heard:
        if isinstance(one, StreamWindow):
            said.append((round(one.start_s + shift_s, 9), round(one.end_s + shift_s, 9), one.scores.tolist()))
        elif isinstance(one, Event):
            said.append((round(one.start_s + shift_s, 9), round(one.end_s + shift_s, 9), one.label, one.score))
    return said


def streamed(model: Classifier, samples: FloatArray, rate: int = SAMPLE_RATE) -> list[Any]:
    stream = model.stream(rate, OPTIONS)
    return stream.push(samples) + stream.finish()


def test_what_is_heard_is_what_a_stream_hears(model: Classifier) -> None:
    samples = noise(20000)
    heard, listening = listen(model, blocks_of(samples))
    assert as_said(heard) == as_said(streamed(model, samples))
    events = [one for one in heard if isinstance(one, Event)]
    assert len(events) > 3
    assert (listening.n_windows, listening.n_events, listening.n_dropped_windows) == (49, len(events), 0)
    assert listening.duration_s == 2.5
    assert listening.source == "<script>"
    assert listening.sample_rate == SAMPLE_RATE
    assert listening.latency_s() is not None
    assert listening.levels() is not None


def test_it_ends_after_so_many_seconds(model: Classifier) -> None:
    samples = noise(20000)
    heard, listening = listen(model, blocks_of(samples), seconds=1.01)
    assert as_said(heard) == as_said(streamed(model, samples[:8080]))
    assert listening.duration_s == 1.01
    late = LiveBlock(samples[np.newaxis], SAMPLE_RATE, 0.0, Lapse(3.0, "interrupted"))
    heard, listening = listen(model, [*blocks_of(samples[:4000]), late], seconds=2.0)
    assert [(one.start_s, one.end_s) for one in heard if isinstance(one, Gap)] == [(0.5, 2.0)]
    assert listening.duration_s == 2.0
    with pytest.raises(UsageError, match="'seconds' parameter must be a number above 0"):
        listen(model, [], seconds=0)


def test_a_source_that_is_gone_does_not_hold_up_the_end(model: Classifier) -> None:
    class Gone(Script):
        def blocks(self, stop: threading.Event) -> Iterator[LiveBlock]:
            yield from super().blocks(stop)
            stop.wait(LONG_S)

    now = 0.5
    with Capture(Gone(blocks_of(noise(4000))), backlog_s=1.0) as capture:
        listening = Listening(model, capture, OPTIONS, seconds=2.0, monotonic=lambda: now)
        while listening.duration_s < 0.5:
            listening.take(LONG_S)
        now = 6.9
        assert listening.take(0.01) == []
        assert not listening.ended
        now = 7.1
        assert listening.take(0.01) == []
        assert listening.ended


def test_the_clock_begins_with_the_first_sample(model: Classifier) -> None:
    # It came 30 s ago, and is heard only now.
    first = LiveBlock(noise(4000)[np.newaxis], SAMPLE_RATE, 70.0, Lapse(0.25, "overload"))
    _, listening = listen(model, [first], now=lambda: NOON, monotonic=lambda: 100.0)
    assert listening.began_at == NOON - timedelta(seconds=30.75)
    assert listening.clock(2.0) == NOON - timedelta(seconds=28.75)
    _, silent = listen(model, [])
    assert silent.clock(1.0) is None
    assert (silent.duration_s, silent.sample_rate, silent.latency_s(), silent.levels()) == (0.0, None, None, None)


def test_what_is_missing_is_a_gap_and_times_stay_true(model: Classifier) -> None:
    before, after = noise(5000), noise(9000, seed=1)
    first, *rest = blocks_of(after)
    blocks = [*blocks_of(before), LiveBlock(first.samples, SAMPLE_RATE, 0.0, Lapse(3.0, "interrupted")), *rest]
    heard, listening = listen(model, blocks)
    gap = Gap("<script>", 0.625, 3.625, "interrupted", 60)
    assert [one for one in heard if isinstance(one, Gap)] == [gap]
    assert gap.to_dict() == {
        "source": "<script>",
        "gap": {"start_s": 0.625, "end_s": 3.625, "why": "interrupted", "n_windows": 60},
    }
    place = heard.index(gap)
    assert as_said(heard[:place]) == as_said(streamed(model, before))
    assert as_said(heard[place:]) == as_said(streamed(model, after), 3.625)
    assert listening.n_dropped_windows == 60


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_a_gap(model: Classifier, bad: float) -> None:
    broken = LiveBlock(np.full((1, 800), bad, np.float32), SAMPLE_RATE, 0.0)
    heard, _ = listen(model, [*blocks_of(noise(4000)), broken, *blocks_of(noise(4000))])
    assert [one for one in heard if isinstance(one, Gap)] == [Gap("<script>", 0.5, 0.6, "not finite", 2)]
    said = as_said(heard)
    expected = as_said(streamed(model, noise(4000)))
    assert said == [*expected, *as_said(streamed(model, noise(4000)), 0.6)]


def test_a_device_that_gives_no_numbers_for_long_makes_one_gap(model: Classifier) -> None:
    broken = [LiveBlock(np.full((1, 80), np.nan, np.float32), SAMPLE_RATE, 0.0)] * 100
    heard, listening = listen(model, [*broken, *blocks_of(noise(4000)), *broken, broken[0]])
    gaps = [one for one in heard if isinstance(one, Gap)]
    assert [(one.start_s, one.end_s, one.why) for one in gaps] == [
        (0.0, pytest.approx(1.0), "not finite"),
        (pytest.approx(1.5), pytest.approx(2.51), "not finite"),
    ]
    assert as_said(heard) == as_said(streamed(model, noise(4000)), gaps[0].end_s)
    assert listening.duration_s == pytest.approx(2.51)
    _, listening = listen(model, broken, seconds=0.5)
    assert listening.duration_s == pytest.approx(0.5)


def test_scores_that_are_no_numbers_are_a_gap(model: Classifier) -> None:
    loud = LiveBlock(np.full((1, 1600), 3e38, np.float32), SAMPLE_RATE, 0.0)
    heard, _ = listen(model, [*blocks_of(noise(4000)), loud, *blocks_of(noise(4000))])
    assert [one for one in heard if isinstance(one, Gap)] == [Gap("<script>", 0.5, 0.7, "not finite", 4)]
    # The windows that would have reached into it are lost with it.
    expected = as_said(streamed(model, noise(4000)), 0.7)
    assert as_said(heard)[-len(expected) :] == expected


def test_another_form_of_sound_on_the_way(model: Classifier) -> None:
    other = noise(22050, seed=2)
    stereo = np.stack([noise(4000), noise(4000)])
    blocks = [*blocks_of(noise(4000)), *blocks_of(other, rate=22050), LiveBlock(stereo, SAMPLE_RATE, 0.0)]
    heard, listening = listen(model, blocks)
    gaps = [one for one in heard if isinstance(one, Gap)]
    assert [(one.start_s, one.end_s, one.why, one.n_windows) for one in gaps] == [
        (0.5, 0.5, "another sample rate", 0),
        (1.5, 1.5, "another sample rate", 0),
    ]
    expected = as_said(streamed(model, noise(4000)))
    expected += as_said(streamed(model, other, rate=22050), 0.5) + as_said(streamed(model, noise(4000)), 1.5)
    assert as_said(heard) == expected
    assert listening.n_dropped_windows == 0
    heard, _ = listen(model, [*blocks_of(noise(4000)), LiveBlock(stereo, SAMPLE_RATE, 0.0)])
    assert [one.why for one in heard if isinstance(one, Gap)] == ["other channels"]


def test_an_input_that_fails_is_said_after_what_was_heard(model: Classifier) -> None:
    failure = InputError("<script>", "unreachable", "gone", "look")
    with Capture(Script([*blocks_of(noise(4000)), failure]), backlog_s=1.0) as capture:
        listening = Listening(model, capture, OPTIONS)
        heard: list[Heard] = []
        with pytest.raises(InputError, match="gone"):
            heard.extend(one for _ in iter(int, 1) for one in listening.take(LONG_S))
        assert listening.ended
        heard += listening.finish()
    assert as_said(heard) == as_said(streamed(model, noise(4000)))


def test_a_channel_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    right = load(write_tiny_model(tmp_path / "model.onnx", replace(SPEC, mono=1)))
    with pytest.raises(InputError, match="<script>: channel 1 was asked for, counted from 0, and the sound has 1"):
        listen(right, blocks_of(noise(4000)))


class Held:
    """The model's runner, held at a window until it may go on."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self.at_work = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def run(self, *given: Any) -> Any:
        self.at_work.set()
        assert self.go_on.wait(LONG_S)
        return self._runner.run(*given)


def test_overload_drops_the_oldest_and_tells_it(path: Path) -> None:
    """The model is at its first window until all sound has come: 10 s, of which 1 s may wait."""
    slow = load(path)
    runner = Held(slow._runner)
    slow._runner = runner  # type: ignore[assignment]
    samples = noise(80000)
    source = Script(blocks_of(samples), lead_s=ALWAYS_LIVE_S)
    heard: list[Heard] = []
    with Capture(source, backlog_s=1.0) as capture:
        listening = Listening(slow, capture, OPTIONS)

        def hears() -> None:
            while not listening.ended:
                heard.extend(listening.take(LONG_S))
            heard.extend(listening.finish())

        thread = threading.Thread(target=hears)
        thread.start()
        assert source.given.wait(LONG_S)
        assert capture.waiting_s <= 1.0
        runner.go_on.set()
        thread.join(LONG_S)
        dropped_s = capture.dropped_s
    gaps = [one for one in heard if isinstance(one, Gap)]
    assert sum(one.end_s - one.start_s for one in gaps) == pytest.approx(dropped_s)
    assert dropped_s > 8.0
    assert {one.why for one in gaps} == {"overload"}
    assert listening.n_dropped_windows == sum(one.n_windows for one in gaps) >= 160
    assert listening.duration_s == pytest.approx(10.0)
    # What stands between the gaps is what a stream says of that sound, at its time.
    expected: list[Any] = []
    begin_s = 0.0
    for end_s, next_s in [*((one.start_s, one.end_s) for one in gaps), (10.0, 10.0)]:
        part = samples[round(begin_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        if len(part):
            expected += as_said(streamed(load(path), part), begin_s)
        begin_s = next_s
    np.testing.assert_allclose([one[:2] for one in as_said(heard)], [one[:2] for one in expected], atol=1e-6)
    assert [one[2:] for one in as_said(heard)] == [one[2:] for one in expected]
