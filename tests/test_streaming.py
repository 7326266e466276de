"""Sound in blocks gives what a file gives, to the last bit, whatever the blocks; gaps are ends and beginnings."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.classifier import Classifier, load
from auscult.decide import EventFinder, EventOptions
from auscult.errors import InputError, UsageError
from auscult.models.modelspec import ModelSpec
from auscult.models.runners import RUNNERS
from auscult.records import Event, FloatArray
from auscult.streaming import Found, Stream, StreamWindow
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model
from tests.tiny_tflite import write_tiny_tflite

# 50 ms a window, 20 ms from one to the next; sigmoids, so that labels come and go apart.
SPEC = tiny_spec(["start", "middle", "end"], part_samples=133, hop_samples=160, task="multi_label")
OPTIONS = EventOptions(on=0.06, off=0.05, smooth_s=0.05, max_gap_s=0.03, min_s=0.03, pad_s=0.01)
WRITERS = {".onnx": write_tiny_model, ".tflite": write_tiny_tflite}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Classifier]:
    folder = tmp_path_factory.mktemp("models")
    return {suffix: load(write(folder / f"model{suffix}", SPEC)) for suffix, write in WRITERS.items()}


@pytest.fixture(scope="module")
def model(models: dict[str, Classifier]) -> Classifier:
    return models[".onnx"]


@cache
def sound(n_samples: int, channels: int = 1) -> np.ndarray:
    """int16 (channels, samples) of noise that swells and fades, each channel at its own pace."""
    random = np.random.default_rng(n_samples)
    swell = 0.5 + 0.5 * np.sin(np.arange(n_samples) / 1999 + np.arange(channels)[:, np.newaxis])
    return (20000 * swell * random.uniform(-1, 1, (channels, n_samples))).astype(np.int16)


def blocks_of(samples: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    cuts = np.cumsum(sizes)
    return np.split(samples, cuts[cuts < samples.shape[-1]], axis=-1)


def play(stream: Stream, blocks: list[np.ndarray]) -> list[Found]:
    found = [one for block in blocks for one in stream.push(block)]
    return found + stream.finish()


def windows_of(found: list[Any]) -> list[StreamWindow]:
    return [one for one in found if isinstance(one, StreamWindow)]


def events_of(found: list[Any]) -> list[Event]:
    return [one for one in found if isinstance(one, Event)]


def assert_as_the_file(model: Classifier, path: Path, found: list[Found], options: EventOptions) -> None:
    scores = model.classify(path).scores
    windows = windows_of(found)
    assert np.array_equal(np.stack([window.scores for window in windows]), scores.values)
    rate = scores.sample_rate
    assert [(one.index, one.start_s, one.end_s) for one in windows] == [
        (one.index, one.start / rate, one.end / rate) for one in scores.windows
    ]
    assert [replace(one, source="") for one in events_of(found)] == [
        replace(one, source="") for one in model.detect(path, options)
    ]


def test_each_kind_of_model_file_is_streamed_to_here() -> None:
    assert set(WRITERS) == set(RUNNERS)


@pytest.mark.parametrize("suffix", WRITERS)
@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([SAMPLE_RATE, 16000, 44100, 11025]),
    channels=st.integers(1, 3),
    n_samples=st.integers(100, 20000),
    sizes=st.lists(st.integers(0, 5000), max_size=60),
)
def test_a_stream_gives_what_a_file_gives_for_any_blocks(
    models: dict[str, Classifier],
    tmp_path_factory: pytest.TempPathFactory,
    suffix: str,
    rate: int,
    channels: int,
    n_samples: int,
    sizes: list[int],
) -> None:
    model = models[suffix]
    samples = sound(n_samples, channels)
    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    soundfile.write(path, samples.T, rate, subtype="PCM_16")
    found = play(model.stream(rate, OPTIONS), blocks_of(samples, sizes))
    assert_as_the_file(model, path, found, OPTIONS)


def test_there_are_events_in_what_is_compared(model: Classifier) -> None:
    found = play(model.stream(SAMPLE_RATE, OPTIONS), [sound(20000)])
    assert len(events_of(found)) >= 3


@pytest.mark.slow  # fifty times a recording, at times in blocks of a few samples
def test_fifty_random_patterns_of_blocks_on_a_recording(shared_data: Path) -> None:
    path = sorted((shared_data / "esc10" / "audio").glob("*.ogg"))[0]
    model = load(shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite")
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 44100
    options = EventOptions(smooth_s=1.0)
    whole = play(model.stream(rate, options), [samples])
    assert_as_the_file(model, path, whole, options)
    random = np.random.default_rng(0)
    for _ in range(50):
        # From single samples to half a second: the sizes are spread over the orders of magnitude.
        largest = 10 ** random.uniform(0.5, 4.3)
        sizes: list[int] = []
        while sum(sizes) < len(samples):
            sizes += random.integers(0, int(largest) + 1, 200).tolist()
        assert_same(play(model.stream(rate, options), blocks_of(samples, sizes)), whole)


def assert_same(found: list[Found], expected: list[Found]) -> None:
    """The same windows and events in the same order."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, StreamWindow) and isinstance(other, StreamWindow):
            assert np.array_equal(one.scores, other.scores)
            assert (one.index, one.start_s, one.end_s) == (other.index, other.start_s, other.end_s)
        else:
            assert one == other


@given(sizes=st.lists(st.integers(1, 3000), max_size=40))
@settings(max_examples=30, deadline=None)
def test_the_order_of_windows_and_events_is_that_of_one_large_block(model: Classifier, sizes: list[int]) -> None:
    samples = sound(15000)
    whole = play(model.stream(SAMPLE_RATE, OPTIONS), [samples])
    assert_same(play(model.stream(SAMPLE_RATE, OPTIONS), blocks_of(samples, sizes)), whole)


def test_types_of_samples_are_scaled_as_those_of_arrays(model: Classifier) -> None:
    shorts = sound(3000)[0]
    floats = (shorts / 2.0**15).astype(np.float32)
    wide = shorts.astype(np.int32) * 2**16
    for samples in (floats, floats.astype(np.float64), wide, floats[np.newaxis], list(floats)):
        assert_same(play(model.stream(SAMPLE_RATE), [samples]), play(model.stream(SAMPLE_RATE), [shorts]))  # type: ignore[list-item]


def test_the_channel_that_the_model_file_names_is_heard(tmp_path: Path) -> None:
    model = load(write_tiny_model(tmp_path / "model.onnx", replace(SPEC, mono=1)))
    samples = sound(3000, 2)
    assert_same(
        play(model.stream(SAMPLE_RATE), [samples]),
        play(model.stream(SAMPLE_RATE), [np.stack([samples[1], samples[1]])]),
    )
    with pytest.raises(InputError, match="channel 1 was asked for, counted from 0, and the sound has 1"):
        model.stream(SAMPLE_RATE).push(samples[0])


def test_a_block_may_be_changed_after_it_was_pushed(model: Classifier) -> None:
    samples = sound(9000)[0].astype(np.float32) / 32768
    stream = model.stream(SAMPLE_RATE)
    found: list[Found] = []
    buffer = np.empty(700, np.float32)
    for first in range(0, 9000, 700):
        part = samples[first : first + 700]
        buffer[: len(part)] = part
        found += stream.push(buffer[: len(part)])
        buffer[:] = 9.0
    assert_same(found + stream.finish(), play(model.stream(SAMPLE_RATE), [samples]))


def test_windows_come_as_soon_as_they_are_whole_and_times_go_on(model: Classifier) -> None:
    stream = model.stream(SAMPLE_RATE)
    found = [(n, one) for n in range(0, 2000, 10) for one in windows_of(stream.push(sound(2000)[:, n : n + 10]))]
    assert [n + 10 for n, _ in found] == [10 * -(-(SPEC.window_samples + 160 * k) // 10) for k in range(len(found))]
    assert [one.timestamp_ms for _, one in found] == [20 * k for k in range(len(found))]
    assert stream.duration_s == 0.25
    assert stream.n_windows == len(found) == 11


def test_labels_are_named_as_asked(model: Classifier) -> None:
    (window, *_) = windows_of(play(model.stream(SAMPLE_RATE, top_k=1, deny=["start"]), [sound(3000)]))
    assert len(window.predictions) == 1
    assert window.predictions[0].label in ("middle", "end")
    assert set(window.to_dict()) == {"source", "start_s", "end_s", "predictions", "latency_ms"}
    events = events_of(play(model.stream(SAMPLE_RATE, OPTIONS, allow=["end"], source="door"), [sound(20000)]))
    assert {(one.label, one.source) for one in events} == {("end", "door")}


def test_a_damaged_block_is_refused_and_the_stream_goes_on(model: Classifier) -> None:
    samples = sound(3000)[0].astype(np.float32) / 32768
    stream = model.stream(SAMPLE_RATE, source="microphone")
    found = stream.push(samples[:1000])
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="microphone: NaN or infinity is among its samples") as caught:
            stream.push(np.array([0.0, bad], np.float32))
        assert caught.value.kind == "not_finite"
    for odd in (np.zeros((2, 10), np.float32), np.zeros((1, 1, 10), np.float32), np.zeros(3, complex), np.array("a")):
        with pytest.raises(InputError, match="microphone: ") as caught:
            stream.push(odd)
        assert caught.value.kind == "invalid"
    found += stream.push(samples[1000:])
    assert_same(found + stream.finish(), play(model.stream(SAMPLE_RATE), [samples]))


def test_scores_that_are_no_numbers_cost_a_stretch_and_no_more(tmp_path: Path) -> None:
    one_label = replace(SPEC, heads=(replace(SPEC.heads[0], task="single_label"),))
    model = load(write_tiny_model(tmp_path / "model.onnx", one_label))
    stream = model.stream(SAMPLE_RATE)
    # Squares of such samples are beyond float32, and a softmax of infinities is no number.
    with pytest.raises(InputError, match="the model's scores for it are not numbers"):
        stream.push(np.full(SPEC.window_samples, 3e38, np.float32))
    found = stream.push(sound(3000))
    assert windows_of(found)[0].start_s == SPEC.window_samples / SAMPLE_RATE
    assert (
        windows_of(found)[0].scores.tolist()
        == windows_of(model.stream(SAMPLE_RATE).push(sound(3000)))[0].scores.tolist()
    )


def test_what_was_found_before_scores_that_are_no_numbers_is_not_lost(tmp_path: Path) -> None:
    one_label = replace(SPEC, heads=(replace(SPEC.heads[0], task="single_label"),))
    model = load(write_tiny_model(tmp_path / "model.onnx", one_label))
    options = EventOptions(on=0.2, off=0.1)
    samples = sound(3000)[0].astype(np.float32) / 32768
    stream = model.stream(SAMPLE_RATE, options)
    found = stream.push(samples[:2000])
    before = events_of(found)
    with pytest.raises(InputError, match="the model's scores for it are not numbers"):
        stream.push(np.append(samples[2000:], np.full(4000, 3e38, np.float32)))
    found += stream.gap(0)
    # All that was still going on has ended: each label is heard from the first sample on.
    events = events_of(found)
    assert not before
    assert [one.start_s for one in events] == [0.0] * len(events)
    assert len(events) >= 2
    assert [one.index for one in windows_of(found)] == list(range(stream.n_windows))
    assert stream.finish() == []


def test_many_channels_are_to_be_stated(model: Classifier) -> None:
    swapped = np.zeros((480, 2), np.float32)
    with pytest.raises(InputError, match=r"shape \(480, 2\); transpose it if its axes are \(samples, channels\)"):
        model.stream(SAMPLE_RATE).push(swapped)
    with pytest.raises(InputError, match="its number of channels is 2; this one has the shape"):
        model.stream(SAMPLE_RATE, channels=2).push(swapped)
    assert model.stream(SAMPLE_RATE, channels=480).push(swapped) == []


def test_after_the_end_nothing_can_be_pushed(model: Classifier) -> None:
    with model.stream(SAMPLE_RATE) as stream:
        stream.push(sound(100))
        assert len(windows_of(stream.finish())) == 1
        for call in (lambda: stream.push(sound(100)), stream.finish, lambda: stream.gap(1)):
            with pytest.raises(UsageError, match="The stream is finished"):
                call()
    with model.stream(SAMPLE_RATE) as left:
        pass
    with pytest.raises(UsageError, match="The stream is finished"):
        left.push(sound(100))


def test_nothing_pushed_is_nothing_heard(model: Classifier) -> None:
    stream = model.stream(44100)
    assert stream.push(np.zeros(0, np.float32)) == []
    assert stream.push(np.zeros((2, 0), np.float32)) == []
    assert stream.gap(1.0) == []
    assert stream.finish() == []
    assert stream.duration_s == 1.0


@pytest.mark.parametrize("rate", [0, -1, 44100.5, "44100", None, True])
def test_a_rate_is_a_whole_number(model: Classifier, rate: Any) -> None:
    with pytest.raises(UsageError, match="'sample_rate' parameter must be a positive whole number of Hz"):
        model.stream(rate)


@settings(max_examples=30, deadline=None)
@given(
    stretches=st.lists(
        st.tuples(st.integers(0, 6000), st.sampled_from([SAMPLE_RATE, 11025]), st.integers(1, 2), st.integers(0, 8)),
        min_size=1,
        max_size=5,
    ),
    size=st.integers(50, 4000),
)
def test_stretches_between_gaps_give_what_streams_of_their_own_give(
    model: Classifier, stretches: list[tuple[int, int, int, int]], size: int
) -> None:
    stream = model.stream(stretches[0][1], OPTIONS)
    found: list[Found] = []
    expected: list[Found] = []
    origin_s = 0.0
    index = 0
    for k, (n_samples, rate, channels, gap_s) in enumerate(stretches):
        if k:
            found += stream.gap(gap_s, sample_rate=rate)
            origin_s += gap_s
        samples = sound(n_samples, channels) if n_samples else np.zeros((channels, 0), np.int16)
        for block in blocks_of(samples, [size] * (n_samples // size + 1)):
            found += stream.push(block)
        for one in play(model.stream(rate, OPTIONS), [samples]):
            moved: Any = replace(one, start_s=origin_s + one.start_s, end_s=origin_s + one.end_s)
            if isinstance(one, StreamWindow):
                moved = replace(moved, index=index)
                index += 1
            expected.append(moved)
        origin_s += n_samples / rate
    assert_same(found + stream.finish(), expected)
    assert stream.duration_s == pytest.approx(origin_s)


def test_a_gap_has_a_length(model: Classifier) -> None:
    stream = model.stream(SAMPLE_RATE)
    for odd in (-1, np.nan, np.inf, "1"):
        with pytest.raises(UsageError, match="'duration_s' parameter of gap"):
            stream.gap(odd)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'sample_rate' parameter"):
        stream.gap(1, sample_rate=0)
    # And the stream is as it was.
    assert stream.duration_s == 0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowRunner:
    """The model, for which each window takes a second of the clock."""

    def __init__(self, model: Classifier, clock: Clock) -> None:
        self._runner: Any = model._runner
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def run(self, windows: FloatArray, valid: Any = None) -> Any:
        self._clock.now += len(windows)
        return self._runner.run(windows, valid)


def timed_stream(model: Classifier, clock: Clock, rate: int = SAMPLE_RATE) -> Stream:
    spec: ModelSpec = model.spec

    def finder(source: str) -> EventFinder:
        return EventFinder(
            source,
            spec.heads[0].labels,
            range(3),
            OPTIONS,
            thresholds=None,
            sample_rate=spec.sample_rate,
            window_samples=spec.window_samples,
            hop_samples=spec.hop_samples,
        )

    runner: Any = SlowRunner(model, clock)
    return Stream(runner, model._shortlist, finder, sample_rate=rate, clock=clock)


def test_latency_counts_from_the_arrival_of_the_last_sample(model: Classifier) -> None:
    clock = Clock()
    stream = timed_stream(model, clock)
    # The first window is whole with its sample 399, the second with 559, the third with 719.
    assert stream.push(sound(1000)[:, :398], arrived_s=0.5) == []
    clock.now = 10.0
    (first,) = windows_of(stream.push(sound(1000)[:, 398:600], arrived_s=4.0)[:1])
    # Both windows in the block are computed together, in two seconds.
    assert first.latency_s == 12.0 - 4.0
    clock.now = 20.0
    assert [one.latency_s for one in windows_of(stream.push(sound(1000)[:, 600:730]))] == [1.0]


def test_latency_counts_what_the_resampler_holds_back(model: Classifier) -> None:
    clock = Clock()
    stream = timed_stream(model, clock, rate=2 * SAMPLE_RATE)
    samples = sound(3000)
    found: list[Found] = []
    for n in range(3000):
        clock.now = float(n)
        found += stream.push(samples[:, n : n + 1])
    first = windows_of(found)[0]
    # The last sample of the window is made of sample 796 and its neighbours. soxr waits for more of them than the
    # filter is long, for a tenth of a second here.
    assert 1 < first.latency_s - 1.0 < 1600


def test_memory_is_constant(model: Classifier) -> None:
    stream = model.stream(44100, OPTIONS)
    held = []
    for _ in range(30):
        for first in range(0, 20000, 100):
            stream.push(sound(20000)[:, first : first + 100])
        held.append(len(stream._arrivals))
    assert max(held[10:]) <= max(held[:10])
    assert max(held) < 50
