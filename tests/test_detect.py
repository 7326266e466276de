"""What is heard when: theory's events from sounds of known loudness, in every way of asking, in constant memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult import scoring as scoring_module
from auscult.audio import plan_windows
from auscult.classifier import Classifier, Heard, WindowValues, load
from auscult.decide import EventOptions, Summary
from auscult.errors import InputError, ModelFileError, UsageError
from auscult.models.modelspec import UnknownSpec
from auscult.records import Event, FloatArray
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

# A window of 100 ms, in two halves of 50 ms; the scores say which half is louder.
SPEC = tiny_spec(["early", "late"], part_samples=400, hop_samples=800)
EARLY = np.repeat(np.array([0.5, 0.0], np.float32), 400)
LATE = EARLY[::-1].copy()
SILENCE = np.zeros(800, np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return load(write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx", SPEC))


def of(found: Any) -> list[tuple[float, float, str]]:
    return [(one.start_s, one.end_s, one.label) for one in found]


def test_one_window_after_the_other_by_theory(model: Classifier) -> None:
    # In silence both score 0.5: nothing begins there, and what has begun goes on.
    found = list(model.detect(np.concatenate([EARLY, EARLY, SILENCE, LATE]), EventOptions(on=0.6, off=0.4)))
    assert of(found) == [(0.0, 0.3, "early"), (0.3, 0.4, "late")]
    assert all(isinstance(one, Event) and one.source == "<array>" for one in found)
    assert found[0].score == pytest.approx(0.1251 / 0.1252, abs=2e-3)


def test_thresholds_are_those_asked_for_else_those_of_the_model(model: Classifier, tmp_path: Path) -> None:
    sound = np.concatenate([EARLY, SILENCE, LATE])
    assert of(model.detect(sound, EventOptions(on=0.9, off=0.8))) == [(0.0, 0.1, "early"), (0.2, 0.3, "late")]
    strict = replace(SPEC, heads=(replace(SPEC.heads[0], thresholds=(1.0, 0.9)),))
    opened = load(write_tiny_model(tmp_path / "strict.onnx", strict))
    assert {one.label for one in opened.detect(sound)} == {"late"}
    lenient = load(tmp_path / "strict.onnx", score_threshold=0.6)
    assert {one.label for one in lenient.detect(sound)} == {"early", "late"}


def test_only_labels_that_are_allowed(model: Classifier) -> None:
    sound = np.concatenate([EARLY, LATE])
    assert {one.label for one in model.detect(sound, allow=["late"])} == {"late"}
    assert {one.label for one in model.detect(sound, deny=["late"])} == {"early"}
    with pytest.raises(UsageError, match="'deny' parameter names 'laet'"):
        model.detect(sound, deny=["laet"])


def test_what_stands_for_all_other_sounds_is_no_event_unless_it_is_named(tmp_path: Path) -> None:
    head = replace(SPEC.heads[0], unknown=UnknownSpec(label="late", rule="of this test", threshold=0.0))
    opened = load(write_tiny_model(tmp_path / "model.onnx", replace(SPEC, heads=(head,))))
    sound = np.concatenate([EARLY, LATE])
    assert {one.label for one in opened.detect(sound)} == {"early"}
    assert {one.label for one in opened.detect(sound, allow=["late"])} == {"late"}


def test_wrong_options_are_refused_at_once(model: Classifier) -> None:
    for options in (EventOptions(on={"laet": 0.5}), EventOptions(off=0.9)):
        with pytest.raises(UsageError):
            model.detect(EARLY, options)
    with pytest.raises(UsageError, match="must be several sounds"):
        model.detect_many(EARLY)
    with pytest.raises(UsageError, match="has no embeding: it gives scores, logits, embedding"):
        model.window_scores([EARLY], output="embeding")


def test_a_sound_that_fails_is_named_after_what_was_found_in_it(model: Classifier, tmp_path: Path) -> None:
    half = tmp_path / "half.wav"
    samples = np.tile(np.concatenate([EARLY, LATE]), 2000)
    samples[-1] = np.nan
    soundfile.write(half, samples, SAMPLE_RATE, subtype="FLOAT")
    found = list(model.detect_many([half, tmp_path / "absent.wav", EARLY], workers=2))
    errors = [one for one in found if isinstance(one, InputError)]
    assert [one.kind for one in errors] == ["not_finite", "missing"]
    assert isinstance(found[0], Event)
    heard = found[-1]
    assert isinstance(heard, Heard)
    assert (heard.duration_s, heard.n_windows, [line.label for line in heard.labels]) == (0.1, 1, ["early"])
    with pytest.raises(InputError, match=r"absent\.wav"):
        list(model.detect(tmp_path / "absent.wav"))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_was_found_before_the_damage_does_not_depend_on_the_threads(
    model: Classifier, tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "damaged.wav"
    samples = np.tile(np.concatenate([EARLY, LATE]), 800)
    soundfile.write(path, np.append(samples, np.float32(np.nan)), SAMPLE_RATE, subtype="FLOAT")
    found = list(model.window_scores([path], workers=workers))
    assert isinstance(found[-1], InputError)
    windows = [window for part in found[:-1] if isinstance(part, WindowValues) for window in part.windows]
    # Sound is read in blocks of 2 ** 18 samples, and the damage is in the fifth.
    assert [window.index for window in windows] == list(range(4 * 2**18 // 800))


def test_every_sound_ends_with_what_was_heard(model: Classifier) -> None:
    found = list(model.window_scores([EARLY[:10], np.tile(LATE, 1000)], workers=2))
    ends = [one for one in found if isinstance(one, Heard)]
    assert ends == [Heard("<array>", 10 / SAMPLE_RATE, 1), Heard("<array>", 100.0, 1000)]
    parts = [one for one in found if isinstance(one, WindowValues)]
    windows = [window for part in parts[1:] for window in part.windows]
    assert tuple(windows) == plan_windows(800_000, length=800, hop=800)


def test_embeddings_come_in_the_order_of_time(model: Classifier) -> None:
    sound = np.concatenate([np.tile(EARLY, 700), np.tile(LATE, 700)])
    parts = [one for one in model.window_scores([sound], output="embedding") if isinstance(one, WindowValues)]
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), model.embed(sound))


@settings(deadline=None, max_examples=25)
@given(
    steps=st.lists(st.sampled_from([EARLY, LATE, SILENCE]), min_size=1, max_size=60),
    workers=st.integers(1, 3),
    group_samples=st.integers(1, 10_000),
)
def test_workers_groups_and_neighbours_change_nothing(
    model: Classifier, steps: list[FloatArray], workers: int, group_samples: int
) -> None:
    sound = np.concatenate(steps)
    alone = list(model.detect(sound))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring_module, "GROUP_SAMPLES", group_samples)
        found = list(model.detect_many([LATE, sound, EARLY, sound], workers=workers))
    first, *others = [[]] + [list(group) for group in _by_sound(found)]  # type: ignore[var-annotated]
    assert not first
    assert others[1] == others[3] == alone


def _by_sound(found: list[Any]) -> Iterator[list[Event]]:
    events: list[Event] = []
    for one in found:
        if isinstance(one, Heard):
            yield events
            events = []
        else:
            events.append(one)


def test_the_first_event_comes_while_the_sound_is_still_being_read(
    model: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def slow(*_: Any, **__: Any) -> Iterator[FloatArray]:
        yield np.tile(np.concatenate([EARLY, LATE]), 2000)
        assert goes_on.wait(60)
        yield EARLY

    monkeypatch.setattr(scoring_module, "iter_waveform", slow)
    found = model.detect("a day.flac")
    assert of([next(found)]) == [(0.0, 0.1, "early")]
    goes_on.set()
    assert of([list(found)[-1]]) == [(400.0, 400.1, "early")]


def test_without_its_windows_a_result_has_the_same_scores(model: Classifier) -> None:
    sound = np.concatenate([np.tile(EARLY, 1000), LATE])
    (whole,) = model.classify_many([sound])
    (bare,) = model.classify_many([sound], keep_windows=False)
    assert not isinstance(whole, InputError)
    assert not isinstance(bare, InputError)
    np.testing.assert_array_equal(bare.sound_scores, whole.sound_scores)
    assert bare.to_dict() == whole.to_dict()
    with pytest.raises(UsageError, match="windows were not kept; classify it with keep_windows=True"):
        bare.to_dict(windows=True)


def test_a_model_that_fails_ends_the_work(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(windows: FloatArray, valid_samples: list[int]) -> dict[str, FloatArray]:
        raise ModelFileError("model.onnx: the model failed")

    monkeypatch.setattr(model._runner, "run", broken)
    with pytest.raises(ModelFileError, match="the model failed"):
        list(model.detect(np.tile(EARLY, 2000)))


def test_a_sound_summed_up_agrees_with_its_events_and_windows(model: Classifier) -> None:
    sounds = [np.concatenate([EARLY, EARLY, SILENCE, LATE]), LATE]
    options = EventOptions(on=0.6, off=0.4)
    summaries = list(model.summarise_many(sounds, options, workers=1))
    for sound, summary in zip(sounds, summaries, strict=True):
        assert isinstance(summary, Summary)
        events = list(model.detect(sound, options))
        scores = model.classify(sound).scores.values
        assert summary.duration_s == len(sound) / SAMPLE_RATE
        for column, line in enumerate(summary.labels):
            own = [event for event in events if event.label == line.label]
            assert (line.any, line.count) == (bool(own), len(own))
            assert line.total_s == pytest.approx(sum(event.end_s - event.start_s for event in own))
            assert line.first_s == min((event.start_s for event in own), default=None)
            assert (line.mean, line.max) == pytest.approx((scores[:, column].mean(), scores[:, column].max()))
    (alone,) = model.summarise_many([LATE], options, allow=["late"], workers=2)
    assert isinstance(alone, Summary)
    assert [line.label for line in alone.labels] == ["late"]


@pytest.mark.parametrize(
    ("names", "lines"),
    [({}, ["late"]), ({"allow": ["early", "late"]}, ["early", "late"]), ({"deny": ["early"]}, ["late"])],
)
def test_a_searched_sound_is_summed_up_too(model: Classifier, names: dict[str, list[str]], lines: list[str]) -> None:
    sound = np.concatenate([LATE, LATE])
    *_, heard = model.detect_many([sound], **names)
    assert isinstance(heard, Heard)
    assert [line.label for line in heard.labels] == lines
    (summary,) = model.summarise_many([sound], **names)
    assert isinstance(summary, Summary)
    assert set(heard.labels) <= set(summary.labels)


def test_a_sound_that_cannot_be_summed_up_is_named(model: Classifier, tmp_path: Path) -> None:
    good, bad = model.summarise_many([LATE, tmp_path / "missing.wav"])
    assert isinstance(good, Summary)
    assert isinstance(bad, InputError)
