"""From sounds to labelled scores: what comes out, in which order, and that nothing around it matters."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult import scoring as scoring_module
from auscult.audio import plan_windows
from auscult.classifier import Classifier, Excerpt, Result, load
from auscult.errors import InputError, ModelFileError, UsageError
from auscult.features import FeatureSpec, log_mel
from auscult.records import FloatArray, Label, Sound, Waveform
from tests.test_in_order import wait_for_threads
from tests.tiny_models import SAMPLE_RATE, expected_scores, tiny_spec, write_tiny_model

SPEC_LABELS = ["start", "middle", "end"]
SPEC = tiny_spec(SPEC_LABELS, part_samples=133, hop_samples=200)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return load(write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx", SPEC))


def noise(n_samples: int, seed: int = 0) -> FloatArray:
    """Noise that swells and fades, so that windows differ."""
    random = np.random.default_rng(seed)
    swell = 0.5 + 0.5 * np.sin(np.arange(n_samples) / 97 + seed)
    return (0.5 * swell * random.uniform(-1, 1, n_samples)).astype(np.float32)


def burst(part: str) -> FloatArray:
    """One window of silence with a loud stretch in the part that the model has that name for."""
    samples = np.zeros(SPEC.window_samples, dtype=np.float32)
    index = SPEC_LABELS.index(part)
    samples[index * 133 : (index + 1) * 133] = 0.5
    return samples


def write_wav(path: Path, samples: FloatArray, rate: int = SAMPLE_RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def labels(answer: list[dict[str, Any]]) -> list[str]:
    return [one["label"] for one in answer]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("sound") / "sound with ünïcode.WAV", noise(1000))


@pytest.fixture(scope="module")
def sounds() -> list[FloatArray]:
    lengths = [1, 200, 399, 400, 5000, 70_001, 399, 30_000, 2]
    return [noise(length, seed) for seed, length in enumerate(lengths)]


@pytest.fixture(scope="module")
def alone(model: Classifier, sounds: list[FloatArray]) -> list[bytes]:
    return [bits(model.classify(sound)) for sound in sounds]


class TestCall:
    def test_best_first_with_theory_s_scores(self, model: Classifier) -> None:
        answer = model(burst("end"))
        quiet, loud = 1e-4, 0.25 + 1e-4
        total = loud + 2 * quiet
        assert labels(answer) == ["end", "start", "middle"]
        assert [one["score"] for one in answer] == pytest.approx([loud / total, quiet / total, quiet / total])
        assert all(type(one["score"]) is float for one in answer)

    def test_a_list_gives_a_list(self, model: Classifier) -> None:
        answers = model([burst("end"), burst("start")], top_k=1)
        assert [labels(answer) for answer in answers] == [["end"], ["start"]]
        assert model([]) == []
        assert model((burst("end"),)) == [model(burst("end"))]

    @pytest.mark.parametrize(("top_k", "count"), [(1, 1), (2, 2), (3, 3), (99, 3), (None, 3)])
    def test_top_k(self, model: Classifier, top_k: int | None, count: int) -> None:
        answer = model(burst("middle"), top_k=top_k)
        assert answer == model(burst("middle"), top_k=None)[:count]

    def test_five_are_named_where_nothing_is_asked_for(self, tmp_path: Path) -> None:
        spec = tiny_spec([f"part {i}" for i in range(8)], part_samples=100)
        opened = load(write_tiny_model(tmp_path / "eight.onnx", spec))
        assert len(opened(noise(800))) == 5

    def test_the_first_failure_is_raised(self, model: Classifier, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"absent\.wav: "):
            model([burst("end"), tmp_path / "absent.wav", burst("start")])
        with pytest.raises(InputError, match=r"absent\.wav: "):
            model(tmp_path / "absent.wav")

    def test_failures_take_their_sound_s_place_where_asked_for(self, model: Classifier, tmp_path: Path) -> None:
        answers = model([burst("end"), tmp_path / "absent.wav", burst("start")], top_k=1, on_error="return")
        assert labels(answers[0]) == ["end"]
        assert isinstance(answers[1], InputError)
        assert answers[1].kind == "missing"
        assert labels(answers[2]) == ["start"]
        assert isinstance(model(tmp_path / "absent.wav", on_error="return"), InputError)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"top_k": 0}, "'top_k' parameter must be a whole number from 1, or None. Got 0"),
            ({"top_k": 1.5}, "'top_k' parameter must be a whole number from 1, or None. Got 1.5"),
            ({"top_k": "2"}, "'top_k' parameter must be a whole number from 1, or None. Got '2'"),
            ({"top_k": True}, "'top_k' parameter must be a whole number from 1, or None. Got True"),
            ({"on_error": "ignore"}, "'on_error' parameter must be 'raise' or 'return'. Got 'ignore'"),
        ],
    )
    def test_wrong_options(self, model: Classifier, options: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            model(burst("end"), **options)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    path = write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx", SPEC)
    return load(path, top_k=2, deny=["start"])


class TestSelection:
    """Which labels are named; `decide/test_selection.py` has the rules."""

    def test_what_was_given_at_load_holds_for_every_call(self, chosen: Classifier) -> None:
        assert labels(chosen(burst("end"))) == ["end", "middle"]
        assert [one.label for one in chosen.classify(burst("start")).predictions] == ["middle", "end"]
        assert [labels(answer) for answer in chosen([burst("end")] * 2)] == [["end", "middle"]] * 2
        windows = chosen.classify(np.concatenate([burst("end"), burst("middle")])).windows
        assert all({one.label for one in window.predictions} == {"end", "middle"} for window in windows)

    def test_a_call_s_own_take_its_place(self, chosen: Classifier) -> None:
        assert labels(chosen(burst("end"), top_k=1)) == ["end"]
        assert labels(chosen(burst("start"), allow=["start", "end"])) == ["start", "end"]
        assert labels(chosen(burst("start"), top_k=None, deny=None)) == ["start", "middle", "end"]
        assert labels(chosen(burst("start"), score_threshold=0.5)) == []
        assert labels(chosen(burst("end"))) == ["end", "middle"]

    def test_scores_hold_all_labels(self, chosen: Classifier, model: Classifier) -> None:
        result = chosen.classify(burst("start"), score_threshold=1.0)
        assert result.predictions == ()
        assert bits(result) == bits(model.classify(burst("start")))

    def test_an_unknown_label_is_an_error(self, model: Classifier, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"'deny' parameter names 'stort', .* did you mean 'start'"):
            model.classify_many([], deny=["stort"])
        with pytest.raises(UsageError, match=r"'allow' parameter names 'dog'"):
            load(write_tiny_model(tmp_path / "model.onnx", SPEC), allow=["dog"])

    def test_names_that_differ_from_their_labels_are_said(self, tmp_path: Path) -> None:
        named = tuple(Label(one.id, one.id.upper()) for one in SPEC.heads[0].labels)
        spec = replace(SPEC, heads=(replace(SPEC.heads[0], labels=named),))
        answer = load(write_tiny_model(tmp_path / "model.onnx", spec), allow=["END"])(burst("end"))
        assert [(one["label"], one["name"]) for one in answer] == [("end", "END")]


class TestEmbed:
    def test_a_row_a_window(self, model: Classifier) -> None:
        samples = noise(1050)
        plan = plan_windows(1050, length=SPEC.window_samples, hop=SPEC.hop_samples)
        found = model.embed(samples)
        assert (found.shape, found.dtype) == ((len(plan), 3), np.float32)
        power = [(samples[one.start : one.start + 133].astype(np.float64) ** 2).mean() for one in plan[:-1]]
        np.testing.assert_allclose(found[:-1, 0], power, rtol=1e-5)

    def test_of_an_excerpt_of_a_file(self, model: Classifier, path: Path) -> None:
        np.testing.assert_allclose(model.embed(Excerpt(path, 0.025, 0.1)), model.embed(noise(1000)[200:800]), atol=1e-6)

    def test_a_sound_that_is_not_there(self, model: Classifier, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"absent\.wav: "):
            model.embed(tmp_path / "absent.wav")


class TestSpectrogram:
    def test_of_all_that_the_windows_hold(self, model: Classifier) -> None:
        samples = noise(1000)
        front_end = FeatureSpec.from_dict(SPEC.features or {})
        last = plan_windows(1000, length=SPEC.window_samples, hop=SPEC.hop_samples)[-1]
        padded = np.pad(samples, (0, last.start + last.length - 1000))
        np.testing.assert_array_equal(model.spectrogram(samples), log_mel(padded, front_end))

    def test_where_the_front_end_is_not_known(self, tmp_path: Path) -> None:
        opened = load(write_tiny_model(tmp_path / "model.onnx", replace(SPEC, features=None)))
        with pytest.raises(UsageError, match="It is not known how the model 'loudest-part' looks at sound"):
            opened.spectrogram(noise(1000))
        assert opened.classify(noise(1000)).plot().axes


class TestSources:
    """What transformers' pipeline takes and what auscult's own records hold: the same scores."""

    def test_every_kind_of_source(self, model: Classifier, path: Path) -> None:
        samples = noise(1000)
        sources = [
            path,
            str(path),
            path.read_bytes(),
            io.BytesIO(path.read_bytes()),
            samples,
            samples.astype(np.float64),
            {"sampling_rate": SAMPLE_RATE, "raw": samples},
            {"sampling_rate": SAMPLE_RATE, "array": samples},
            Sound(samples[np.newaxis], SAMPLE_RATE),
            Waveform(samples, SAMPLE_RATE),
            Excerpt(path),
        ]
        answers = model(sources, top_k=None)
        assert answers == [answers[0]] * len(sources)

    def test_names(self, model: Classifier, path: Path) -> None:
        assert model.classify(path).source == str(path)
        assert model.classify(noise(10)).source == "<array>"
        assert model.classify(path.read_bytes()).source == "<bytes>"

    def test_an_array_is_taken_at_the_model_s_rate(self, model: Classifier) -> None:
        assert model.classify(noise(SAMPLE_RATE // 4)).duration_s == 0.25

    def test_another_rate_is_resampled(self, model: Classifier) -> None:
        result = model.classify({"sampling_rate": 44100, "array": noise(44100)})
        assert result.duration_s == 1.0
        assert result.sample_rate == SAMPLE_RATE

    def test_an_array_with_unnamed_axes_is_refused(self, model: Classifier) -> None:
        with pytest.raises(InputError, match="must be 1-D") as caught:
            model(noise(100).reshape(2, 50))
        assert caught.value.kind == "invalid"

    def test_an_excerpt_is_the_same_part_of_the_sound(self, model: Classifier, path: Path) -> None:
        part = model.classify(Excerpt(path, 0.025, 0.1))
        cut = model.classify(noise(1000)[200:800])
        assert part.duration_s == 0.075
        np.testing.assert_array_equal(part.scores.values, cut.scores.values)
        assert bits(model.classify(Excerpt(noise(1000), 0.025, 0.1))) == bits(cut)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("times", "got"), [(("1",), "'start_s'.*'1'"), ((None,), "'start_s'.*None"), ((0, True), "'end_s'.*True")]
    )
    def test_the_times_of_an_excerpt_are_numbers(self, path: Path, times: tuple[Any, ...], got: str) -> None:
        with pytest.raises(UsageError, match=f"{got} instead"):
            Excerpt(path, *times)


class TestResult:
    def test_windows_follow_the_plan_and_theory(self, model: Classifier) -> None:
        samples = noise(1050)
        result = model.classify(samples)
        plan = plan_windows(1050, length=SPEC.window_samples, hop=SPEC.hop_samples)
        rows = np.zeros((len(plan), SPEC.window_samples), dtype=np.float32)
        for row, window in zip(rows, plan, strict=True):
            row[: window.valid_samples] = samples[window.start : window.end]
        expected = expected_scores(rows, SPEC)
        assert result.scores.windows == plan
        np.testing.assert_allclose(result.scores.values, expected, atol=1e-6)
        np.testing.assert_allclose(result.sound_scores, expected.mean(axis=0), atol=1e-6)

    def test_the_head_says_how_windows_are_put_together(self, tmp_path: Path) -> None:
        spec = tiny_spec(SPEC_LABELS, part_samples=133, hop_samples=200, aggregate="max", task="multi_label")
        result = load(write_tiny_model(tmp_path / "max.onnx", spec)).classify(noise(1050))
        np.testing.assert_array_equal(result.sound_scores, result.scores.values.max(axis=0))

    def test_as_json(self, model: Classifier, tmp_path: Path) -> None:
        path = write_wav(tmp_path / "a.wav", np.concatenate([burst("start"), burst("end")[:200]]))
        result = model.classify(path, top_k=1)
        record = json.loads(json.dumps(result.to_dict(windows=True)))
        assert list(record) == ["source", "duration_s", "model", "predictions", "windows"]
        assert record["source"] == str(path)
        assert record["duration_s"] == 599 / SAMPLE_RATE
        assert record["model"] == {"name": "loudest-part", "digest": model.digest}
        assert labels(record["predictions"]) == ["start"]
        assert [(one["start_s"], one["end_s"]) for one in record["windows"]] == [
            (0.0, 399 / 8000),
            (0.025, 599 / 8000),
        ]
        assert all(len(one["predictions"]) == 1 for one in record["windows"])
        assert "windows" not in result.to_dict()

    def test_a_sound_shorter_than_a_window(self, model: Classifier) -> None:
        result = model.classify(np.full(1, 0.5, dtype=np.float32))
        assert [(one.start_s, one.end_s) for one in result.windows] == [(0.0, 1 / SAMPLE_RATE)]
        assert result.predictions[0].label == "start"

    def test_silence_is_a_sound(self, model: Classifier) -> None:
        result = model.classify(np.zeros(1000, dtype=np.float32))
        np.testing.assert_allclose(result.scores.values, 1 / 3, atol=1e-6)

    def test_a_sound_beyond_all_measure(self, model: Classifier) -> None:
        with pytest.raises(InputError, match=r"scores for it are not numbers in \[0, 1\]; see whether its samples"):
            model(np.full(1000, 3e38, dtype=np.float32))


class TestSameness:
    @given(workers=st.integers(1, 4), group_samples=st.integers(1, 30_000), order=st.permutations(range(9)))
    @settings(deadline=None, max_examples=25)
    def test_workers_groups_and_neighbours_change_no_bit(
        self,
        model: Classifier,
        sounds: list[FloatArray],
        alone: list[bytes],
        workers: int,
        group_samples: int,
        order: list[int],
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scoring_module, "GROUP_SAMPLES", group_samples)
            found = list(model.classify_many([sounds[i] for i in order], workers=workers))
        assert [bits(result) for result in found] == [alone[i] for i in order]

    @pytest.mark.parametrize("rate", [SAMPLE_RATE, 22050])
    def test_a_file_is_its_samples(self, model: Classifier, tmp_path: Path, rate: int) -> None:
        samples = noise(300_000)
        path = write_wav(tmp_path / "long.wav", samples, rate)
        assert bits(model.classify(path)) == bits(model.classify({"sampling_rate": rate, "array": samples}))

    def test_a_window_does_not_know_the_sound_around_it(self, model: Classifier) -> None:
        whole = model.classify(noise(5000))
        later = model.classify(noise(5000)[600:])
        np.testing.assert_array_equal(whole.scores.values[3:], later.scores.values)


def bits(result: Result | InputError) -> bytes:
    assert isinstance(result, Result)
    return result.scores.values.tobytes() + result.sound_scores.tobytes()


class TestClassifyMany:
    def test_results_keep_the_order_whatever_takes_long(self, model: Classifier, tmp_path: Path) -> None:
        sources: list[Any] = [
            noise(200_000),
            burst("end"),
            tmp_path / "absent.wav",
            burst("start"),
            noise(100_000),
        ]
        found = list(model.classify_many(sources, workers=3))
        assert [getattr(one, "duration_s", None) for one in found] == [
            25.0,
            399 / 8000,
            None,
            399 / 8000,
            12.5,
        ]

    def test_sources_are_read_only_a_little_ahead(self, model: Classifier) -> None:
        taken = 0

        def endless() -> Iterator[FloatArray]:
            nonlocal taken
            while True:
                taken += 1
                yield burst("end")

        results = model.classify_many(endless(), workers=2)
        assert taken == 0
        for count in range(1, 30):
            next(results)
            assert count <= taken <= count + 5
        results.close()

    def test_a_bad_file_stops_nothing(self, model: Classifier, tmp_path: Path) -> None:
        good = write_wav(tmp_path / "good.wav", noise(1000))
        (tmp_path / "empty.wav").touch()
        (tmp_path / "text.wav").write_text("not a sound at all, whatever its name says")
        (tmp_path / "folder.wav").mkdir()
        write_wav(tmp_path / "nan.wav", np.full(1000, np.nan, dtype=np.float32))
        names = ["empty.wav", "text.wav", "folder.wav", "nan.wav"]
        sources = [path for name in names for path in (tmp_path / name, good)]
        found = list(model.classify_many(sources))
        assert [isinstance(one, Result) for one in found] == [False, True] * 4
        kinds = [one.kind for one in found if isinstance(one, InputError)]
        assert kinds == ["empty", "unsupported", "not_a_file", "not_finite"]

    def test_a_format_that_needs_an_extra_is_one_failed_file(
        self, model: Classifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def without_av(*args: Any, **kwargs: Any) -> Iterator[FloatArray]:
            raise scoring_module.MissingExtraError("reading AAC needs the package 'av'; install it with: pip")

        monkeypatch.setattr(scoring_module, "iter_waveform", without_av)
        (found,) = model.classify_many(["song.m4a"])
        assert isinstance(found, InputError)
        assert str(found) == "song.m4a: reading AAC needs the package 'av'; install it with: pip"
        assert found.kind == "unsupported"

    def test_a_model_that_fails_ends_the_work(self, model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(windows: FloatArray, valid_samples: list[int]) -> dict[str, FloatArray]:
            raise ModelFileError("model.onnx: the model failed")

        monkeypatch.setattr(model._runner, "run", broken)
        with pytest.raises(ModelFileError, match="the model failed"):
            list(model.classify_many([noise(100_000)] * 3))

    @pytest.mark.parametrize("options", [{"workers": 0}, {"top_k": 0}])
    def test_wrong_options_are_refused_at_once(self, model: Classifier, options: dict[str, int]) -> None:
        with pytest.raises(UsageError, match=r"parameter must be a whole number from 1, or None\. Got 0 instead"):
            model.classify_many([], **options)

    @pytest.mark.parametrize(
        "single",
        ["a.wav", Path("a.wav"), b"RIFF", io.BytesIO(b"RIFF"), noise(10), {"sampling_rate": 8000, "array": [0.0]}],
        ids=lambda single: type(single).__name__,
    )
    def test_a_single_source_is_not_taken_for_many(self, model: Classifier, single: Any) -> None:
        with pytest.raises(UsageError, match=r"must be several sounds.*Got a single \w+ instead; put it into a list"):
            model.classify_many(single)

    def test_what_describes_no_sound_stops_nothing(self, model: Classifier) -> None:
        wrong: list[Any] = [
            3,
            {"sampling_rate": SAMPLE_RATE, "array": [[1], [2, 3]]},
            {"sampling_rate": "8000", "array": [0.0]},
            {"sampling_rate": 1e300, "array": [0.0]},
        ]
        found = list(model.classify_many([*wrong, burst("end")]))
        assert [one.kind for one in found if isinstance(one, InputError)] == ["invalid"] * 4
        assert isinstance(found[-1], Result)

    def test_no_thread_is_left_behind(self, model: Classifier) -> None:
        before = threading.active_count()
        results = model.classify_many([noise(2_000_000) for _ in range(6)], workers=2)
        next(results)
        results.close()
        wait_for_threads(before)

    def test_a_long_file_needs_little_memory(self, tmp_path: Path) -> None:
        # An hour at 8 kHz in float32 would be 115 MB.
        spec = tiny_spec(SPEC_LABELS, part_samples=8000)
        opened = load(write_tiny_model(tmp_path / "second.onnx", spec))
        path = tmp_path / "hour.wav"
        with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, subtype="PCM_16") as file:
            for minute in range(60):
                file.write(noise(60 * SAMPLE_RATE, minute))
        opened.classify(noise(SAMPLE_RATE * 60))
        peak = Peak()
        with peak:
            result = opened.classify(path)
        assert result.duration_s == 3600
        assert peak.grown_bytes < 40e6


class Peak:
    """How far this process's memory grew inside the block, looked at every 5 ms."""

    def __enter__(self) -> Peak:
        self._process = psutil.Process()
        self._before = self._highest = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._highest = max(self._highest, self._process.memory_info().rss)

    @property
    def grown_bytes(self) -> int:
        return self._highest - self._before


class TestPlot:
    def test_a_picture_of_a_sound(self, model: Classifier, tmp_path: Path) -> None:
        path = write_wav(tmp_path / "a.wav", noise(4000))
        figure = model.classify(path).plot(tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
        waveform, spectrogram, scores = figure.axes
        assert waveform.get_xlim() == (0, 0.5)
        assert [text.get_text() for text in scores.get_yticklabels()]
        assert spectrogram.images

    def test_a_picture_is_a_png_whatever_it_is_called(self, model: Classifier, tmp_path: Path) -> None:
        model.classify(noise(400)).plot(tmp_path / "p.xyz")
        assert (tmp_path / "p.xyz").read_bytes().startswith(b"\x89PNG")

    def test_an_excerpt_is_drawn_as_an_excerpt(self, model: Classifier, tmp_path: Path) -> None:
        path = write_wav(tmp_path / "a.wav", noise(4000))
        figure = model.classify(Excerpt(path, 0.1, 0.3)).plot()
        assert figure.axes[0].get_xlim() == pytest.approx((0, 0.2))

    def test_only_labels_that_may_be_named_are_drawn(self, model: Classifier) -> None:
        figure = model.classify(noise(4000), deny=["start"]).plot()
        drawn = {text.get_text() for text in figure.axes[2].get_yticklabels()}
        assert {"middle", "end"} <= drawn
        assert "start" not in drawn

    def test_an_open_file_can_be_read_only_once(self, model: Classifier, tmp_path: Path) -> None:
        path = write_wav(tmp_path / "a.wav", noise(4000))
        with path.open("rb") as file:
            result = model.classify(file)
        with pytest.raises(UsageError, match=r"came from an open file.*classify its path or its bytes"):
            result.plot()


def test_describes_itself_without_the_list_of_training_clips(tmp_path: Path) -> None:
    spec = tiny_spec(training_clips=["ab", "cd", "ef"])
    opened = load(write_tiny_model(tmp_path / "model.onnx", spec))
    described = json.loads(json.dumps(opened.describe()))
    assert described["name"] == "loudest-part"
    assert described["digest"] == opened.digest
    assert described["training_clips"] == 3
    assert described["sample_rate"] == SAMPLE_RATE


def test_load_refuses_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such file"):
        load(tmp_path / "absent.onnx")
