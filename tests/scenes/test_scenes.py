"""Scenes: levels and times that are known before anything is mixed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult import Dataset
from auscult.audio import load_waveform
from auscult.errors import DataError, InputError, UsageError
from auscult.scenes import (
    PEAK,
    SceneClip,
    SceneOptions,
    ScenePlan,
    active_spans,
    chosen_scenes,
    clips_of,
    plan_scenes,
    read_plans,
    render,
    write_scenes,
)
from auscult.scenes.backgrounds import make_background, rms

RATE = 16000
SHORT = SceneOptions(duration_s=12.0, n_events=3)


def tone(seconds: float, hz: float = 440.0, amplitude: float = 0.25, rate: int = RATE) -> Any:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float) -> Any:
    return np.zeros(round(seconds * RATE), np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def written(name: str, *parts: Any, rate: int = RATE) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.concatenate(parts), rate, subtype="FLOAT")
        return str(path)

    return written


@pytest.fixture
def clips(write: Callable[..., str]) -> list[SceneClip]:
    return [
        SceneClip(write("beep/a.wav", silence(0.5), tone(1.0), silence(0.5)), "beep"),
        SceneClip(write("beep/b.wav", tone(0.5)), "beep"),
        SceneClip(write("hum/c.wav", silence(1.0), tone(2.0, 100.0)), "hum"),
        SceneClip(write("knock/d.wav", tone(0.1), silence(1.5), tone(0.2), silence(0.2)), "knock"),
    ]


# ------------------------------------------------------------------------------------------- levels


def level_db(samples: Any) -> float:
    return float(20 * math.log10(rms(samples)))


@pytest.mark.parametrize("background", ["pink", "white"])
@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 17.5])
def test_the_ratio_is_what_was_asked_for(clips: list[SceneClip], background: str, snr_db: float) -> None:
    options = replace(SHORT, background=(background,), snr_db=snr_db)
    (plan,) = plan_scenes(clips[:3], options)
    scene = render(plan)
    assert len(scene.sounds) == 3
    for one, sound in zip(plan.placements, scene.sounds, strict=True):
        start = round(one.start_s * RATE)
        under = scene.background[start : start + len(sound)]
        # A tone between fades of 10 ms: all of its frames count, the faded ones too.
        assert level_db(sound) - level_db(under) == pytest.approx(snr_db, abs=0.01)
        assert one.snr_db == snr_db


def test_pauses_do_not_count_as_signal(clips: list[SceneClip]) -> None:
    plan = next(iter(plan_scenes(clips[3:], replace(SHORT, n_events=1, snr_db=6.0))))
    scene = render(plan)
    (sound,) = scene.sounds
    assert len(sound) == round(1.8 * RATE)
    heard = np.concatenate([sound[: round(0.1 * RATE)], sound[round(1.6 * RATE) :]])
    start = round(plan.placements[0].start_s * RATE)
    under = scene.background[start : start + len(sound)]
    assert level_db(heard) - level_db(under) == pytest.approx(6.0, abs=0.01)


def test_the_mixture_is_the_sum_of_its_parts(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips, replace(SHORT, overlap=True, n_events=6))
    scene = render(plan)
    total = scene.background.astype(np.float64)
    for one, sound in zip(plan.placements, scene.sounds, strict=True):
        start = round(one.start_s * RATE)
        total[start : start + len(sound)] += sound
    np.testing.assert_allclose(scene.samples, total, atol=1e-6)
    assert scene.gain_db == 0.0


def test_what_would_be_too_loud_is_made_quieter_as_a_whole(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips, replace(SHORT, background_level_db=-20.0, snr_db=30.0))
    scene = render(plan)
    assert np.abs(scene.samples).max() == pytest.approx(PEAK, abs=1e-6)
    assert scene.gain_db < -6
    for one, sound in zip(plan.placements, scene.sounds, strict=True):
        start = round(one.start_s * RATE)
        if one.label != "knock":
            assert level_db(sound) - level_db(scene.background[start : start + len(sound)]) == pytest.approx(
                30, abs=0.01
            )


def test_over_silence_the_nominal_level_counts(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips[:2], replace(SHORT, background=("silence",), background_level_db=-50.0, snr_db=20.0))
    scene = render(plan)
    assert not scene.background.any()
    assert [level_db(sound) for sound in scene.sounds] == pytest.approx([-30.0] * 3, abs=0.01)


def test_clips_begin_and_end_without_a_step(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips[2:3], replace(SHORT, background=("silence",), n_events=1))
    (sound,) = render(plan).sounds
    assert abs(sound[0]) < 1e-3 * np.abs(sound).max()
    assert abs(sound[-1]) < 1e-3 * np.abs(sound).max()


# ------------------------------------------------------------------------------------------- backgrounds


@pytest.mark.parametrize(("kind", "db_an_octave"), [("pink", 0.0), ("white", 3.0103)])
def test_noise_has_the_slope_of_its_name(kind: str, db_an_octave: float) -> None:
    """Power in octaves: equal in pink noise, doubled from each to the next in white noise."""
    samples = make_background([kind], 60 * RATE, RATE, background_level_db=-40.0, start_s=0.0, seed=1)
    assert level_db(samples) == pytest.approx(-40.0, abs=1e-6)
    power = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    octaves = [10 * math.log10(power[(hz >= low) & (hz < 2 * low)].sum()) for low in (62.5, 125, 250, 500, 1000, 2000)]
    assert np.diff(octaves) == pytest.approx([db_an_octave] * 5, abs=0.25)


def test_a_long_file_is_cut(write: Callable[..., str], clips: list[SceneClip]) -> None:
    noise = np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32) * 0.1
    path = write("noise.wav", noise)
    (plan,) = plan_scenes(clips, replace(SHORT, background=(path,), n_events=0))
    assert 0 < plan.background_start_s <= 8
    scene = render(plan)
    assert level_db(scene.samples) == pytest.approx(-40.0, abs=1e-4)
    start = round(plan.background_start_s * RATE)
    np.testing.assert_allclose(
        scene.samples / rms(scene.samples),
        noise[start : start + 12 * RATE] / rms(noise[start : start + 12 * RATE]),
        atol=1e-4,
    )


def test_short_files_follow_each_other_at_one_level(write: Callable[..., str], clips: list[SceneClip]) -> None:
    generator = np.random.default_rng(0)
    loud = write("n/loud.wav", generator.standard_normal(2 * RATE).astype(np.float32) * 0.2)
    quiet = write("n/quiet.wav", generator.standard_normal(3 * RATE).astype(np.float32) * 0.002)
    scene = render(next(iter(plan_scenes(clips, replace(SHORT, background=(loud, quiet), n_events=0)))))
    assert sorted(scene.plan.background) == sorted([loud, quiet])
    levels = [level_db(scene.samples[at : at + RATE // 2]) for at in range(0, 12 * RATE, RATE // 2)]
    assert levels == pytest.approx([-40.0] * 24, abs=0.6)


def test_a_silent_background_is_named(write: Callable[..., str], clips: list[SceneClip]) -> None:
    path = write("nothing.wav", silence(1.0))
    (plan,) = plan_scenes(clips, replace(SHORT, background=(path,)))
    with pytest.raises(InputError, match=r"nothing.wav: this background is all silence; choose another"):
        render(plan)


# ------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("parts", "pause_s", "expected_s"),
    [
        ([1.0], 1.0, [(0.0, 1.0)]),
        ([-0.5, 1.0, -0.5], 1.0, [(0.5, 1.5)]),
        ([0.5, -0.9, 0.5], 1.0, [(0.0, 1.9)]),
        ([0.5, -1.1, 0.5], 1.0, [(0.0, 0.5), (1.6, 2.1)]),
        ([0.5, -1.1, 0.5], 2.0, [(0.0, 2.1)]),
        ([-1.0], 1.0, []),
    ],
)
def test_where_a_clip_sounds(parts: list[float], pause_s: float, expected_s: list[tuple[float, float]]) -> None:
    """Lengths of tone, and of silence where they are negative; tones of whole periods to each 10 ms."""
    clip = np.concatenate([tone(length, 400.0) if length > 0 else silence(-length) for length in parts])
    expected = [(round(start_s * RATE), round(end_s * RATE)) for start_s, end_s in expected_s]
    assert active_spans(clip, RATE, pause_s=pause_s) == expected


def test_what_is_40_db_down_is_cut_off() -> None:
    clip = np.concatenate([tone(0.5, 400.0, 0.0024), tone(0.5, 400.0, 0.25), tone(0.5, 400.0, 0.0026)])
    assert active_spans(clip, RATE) == [(RATE // 2, 3 * RATE // 2)]
    assert active_spans(clip, RATE, within_db=41.0) == [(0, 3 * RATE // 2)]


def test_the_truth_is_exact(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips, replace(SHORT, n_events=4, background=("silence",), fade_s=0.0))
    scene = render(plan)
    assert len(plan.placements) >= 3
    is_truth = np.zeros(len(scene.samples), bool)
    for event in scene.truth:
        start, end = event.start_s * RATE, event.end_s * RATE
        assert start == round(start)
        assert end == round(end)
        is_truth[round(start) : round(end)] = True
    assert not scene.samples[~is_truth].any()
    # A tone is silent for a sample now and then.
    assert (scene.samples[is_truth] != 0).mean() > 0.95


def test_a_clip_with_a_long_pause_is_two_events(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips[3:], replace(SHORT, n_events=1))
    scene = render(plan)
    lengths = [event.end_s - event.start_s for event in scene.truth]
    assert lengths == pytest.approx([0.1, 0.2], abs=1e-9)
    assert scene.truth[1].start_s - scene.truth[0].end_s == pytest.approx(1.5)


def test_clips_do_not_overlap_unless_they_may(clips: list[SceneClip]) -> None:
    for plan in plan_scenes(clips, replace(SHORT, n_events=(2, 9)), 30):
        ends = [0.0 - SHORT.gap_s]
        for one in plan.placements:
            assert one.start_s >= ends[-1] + SHORT.gap_s - 1e-9
            ends.append(one.start_s + one.clip_end_s - one.clip_start_s)
        assert ends[-1] <= 12.0


def test_those_of_one_label_never_overlap(clips: list[SceneClip]) -> None:
    n_overlaps = 0
    for plan in plan_scenes(clips, replace(SHORT, n_events=9, overlap=True), 20):
        for i, one in enumerate(plan.placements):
            for other in plan.placements[i + 1 :]:
                meets = other.start_s < one.start_s + one.clip_end_s - one.clip_start_s
                n_overlaps += meets
                assert not (meets and one.label == other.label)
    assert n_overlaps > 10


def test_long_clips_are_cut(clips: list[SceneClip]) -> None:
    for plan in plan_scenes(clips, replace(SHORT, max_clip_s=0.3), 5):
        assert all(one.clip_end_s - one.clip_start_s <= 0.3 + 1e-9 for one in plan.placements)
    for plan in plan_scenes(clips, replace(SHORT, duration_s=0.7, n_events=1), 5):
        assert all(end_s <= 0.7 for one in plan.placements for _, end_s in one.events)


def test_no_clip_comes_again_before_all_of_its_label_have_come(write: Callable[..., str]) -> None:
    beeps = [SceneClip(write(f"beep/{number}.wav", tone(0.1)), "beep") for number in range(7)]
    plans = list(plan_scenes(beeps, replace(SHORT, n_events=7), 3))
    for plan in plans:
        assert {one.clip for one in plan.placements} == {clip.path for clip in beeps}
    # Fewer scenes are the first of more.
    assert list(plan_scenes(beeps, replace(SHORT, n_events=7), 2)) == plans[:2]


def test_what_does_not_fit_is_left_out(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips, replace(SHORT, duration_s=4.0, n_events=50))
    assert 1 <= len(plan.placements) < 8


# ------------------------------------------------------------------------------------------- the same again


def test_a_seed_gives_the_same_bits(clips: list[SceneClip]) -> None:
    first, again = (list(plan_scenes(clips, SHORT, 3)) for _ in range(2))
    assert first == again
    assert [render(one).samples.tobytes() for one in first] == [render(one).samples.tobytes() for one in again]
    assert list(plan_scenes(clips[::-1], SHORT, 5))[:3] == first
    other = list(plan_scenes(clips, replace(SHORT, seed=1), 3))
    assert [one.placements for one in other] != [one.placements for one in first]


def test_scenes_are_made_again_from_json(clips: list[SceneClip], tmp_path: Path) -> None:
    sounds = write_scenes(plan_scenes(clips, SHORT, 2), tmp_path / "out", options=SHORT)
    plans = read_plans(tmp_path / "out" / "scenes.json")
    assert plans == list(plan_scenes(clips, SHORT, 2))
    write_scenes(plans, tmp_path / "again")
    for sound in sounds:
        assert (tmp_path / "again" / sound.name).read_bytes() == sound.read_bytes()
    content = json.loads((tmp_path / "out" / "scenes.json").read_text())
    assert SceneOptions(**content["options"]) == SHORT


def test_clips_and_scenes_move_together(write: Callable[..., str], tmp_path: Path) -> None:
    clips = [SceneClip(write("here/sounds/beep/a.wav", tone(1.0)), "beep")]
    options = replace(SHORT, background=(write("here/hiss.wav", tone(2.0, 3000.0)),))
    (sound,) = write_scenes(plan_scenes(clips, options), tmp_path / "here" / "scenes", options=options)
    before = sound.read_bytes()
    content = json.loads((tmp_path / "here" / "scenes" / "scenes.json").read_text())
    assert content["options"]["background"] == content["scenes"][0]["background"] == ["../hiss.wav"]
    assert {one["clip"] for one in content["scenes"][0]["placements"]} == {"../sounds/beep/a.wav"}
    (tmp_path / "here").rename(tmp_path / "there")
    (again,) = write_scenes(read_plans(tmp_path / "there" / "scenes" / "scenes.json"), tmp_path / "again")
    assert again.read_bytes() == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1, "scenes": [{}]}', '{"version": 9, "scenes": []}'])
def test_another_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "scenes.json").write_text(content)
    with pytest.raises(DataError, match=r"scenes\.json: this is"):
        read_plans(tmp_path / "scenes.json")


# ------------------------------------------------------------------------------------------- on disk


@pytest.mark.parametrize(("sound_format", "tolerance"), [("wav", 0.0), ("flac", 2.0**-23)])
def test_sounds_are_written(clips: list[SceneClip], tmp_path: Path, sound_format: Any, tolerance: float) -> None:
    scenes: list[Any] = []
    paths = write_scenes(
        plan_scenes(clips, SHORT, 2), tmp_path / "out", sound_format=sound_format, report=scenes.append
    )
    assert [path.name for path in paths] == [f"scene-0001.{sound_format}", f"scene-0002.{sound_format}"]
    for path, scene in zip(paths, scenes, strict=True):
        read = load_waveform(path, sample_rate=RATE).samples
        np.testing.assert_allclose(read, scene.samples, atol=tolerance, rtol=0)


@pytest.mark.parametrize("truth_format", ["csv", "raven", "audacity", "elan"])
def test_the_truth_is_read_back_as_annotations(clips: list[SceneClip], tmp_path: Path, truth_format: str) -> None:
    scenes: list[Any] = []
    write_scenes(plan_scenes(clips, SHORT, 2), tmp_path / "out", truth_format=truth_format, report=scenes.append)
    data = Dataset.from_annotations(tmp_path / "out")
    found = sorted((Path(clip.uri).name, *clip.range_s(), clip.labels) for clip in data.clips())
    expected = sorted(
        (f"{event.source}.wav", event.start_s, event.end_s, (event.label,)) for scene in scenes for event in scene.truth
    )
    assert [(name, labels) for name, _, _, labels in found] == [(name, labels) for name, _, _, labels in expected]
    # CSV keeps every bit, ELAN milliseconds, the others microseconds; clips begin at whole samples.
    tolerance = {"csv": 1e-9, "elan": 0.00051 + 1 / RATE}.get(truth_format, 1e-6 + 1 / RATE)
    for one, other in zip(found, expected, strict=True):
        assert one[1:3] == pytest.approx(other[1:3], abs=tolerance)


def test_a_folder_that_holds_something_is_left_alone(clips: list[SceneClip], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="there is something in this folder already"):
        write_scenes(plan_scenes(clips, SHORT), tmp_path / "out")


def test_two_scenes_of_one_name_are_refused(clips: list[SceneClip], tmp_path: Path) -> None:
    plan = next(iter(plan_scenes(clips, SHORT)))
    with pytest.raises(UsageError, match="Two scenes are called 'scene-0001'"):
        write_scenes([plan, plan], tmp_path / "out")


# ------------------------------------------------------------------------------------------- chosen scenes


def test_a_table_says_what_lies_where(clips: list[SceneClip], tmp_path: Path) -> None:
    table = tmp_path / "plan.csv"
    table.write_text(
        "scene,clip,start_s,snr_db,label\none,beep/a.wav,1.5,10,\none,hum/c.wav,11.0,-3,engine\ntwo,beep/b.wav,0,0,\n"
    )
    one, two = chosen_scenes(table, SHORT)
    assert [plan.name for plan in (one, two)] == ["one", "two"]
    # The silence before the tone is cut off, and so is what lies beyond the end of the scene.
    assert [(p.label, p.start_s, p.snr_db, p.clip_start_s, p.clip_end_s) for p in one.placements] == [
        ("beep", 1.5, 10.0, 0.5, 1.5),
        ("engine", 11.0, -3.0, 1.0, 2.0),
    ]
    assert [p.events for p in two.placements] == [((0.0, 0.5),)]
    assert [(e.start_s, e.end_s) for e in render(one).truth] == [(1.5, 2.5), (11.0, 12.0)]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("clip,start_s\nbeep/a.wav,1\n", "needs the column 'snr_db'"),
        ("clip,start_s,snr_db\nbeep/a.wav,12,0\n", "must begin in the scene, from 0 to 12 s. Got 12"),
        ("clip,start_s,snr_db\nbeep/a.wav,1,loud\n", "column 'snr_db' must hold numbers. Got 'loud'"),
        ("clip,start_s,snr_db\nbeep/a.wav,1,1000\n", "a ratio must be within 300 dB. Got 1000"),
        ("scene,clip,start_s,snr_db\n../out,beep/a.wav,1,0\n", "'name' of a scene must be the name of a file"),
        ("clip,start_s,snr_db\n", "row"),
    ],
)
def test_a_table_that_says_too_little_is_refused(clips: list[SceneClip], tmp_path: Path, text: str, match: str) -> None:
    table = tmp_path / "plan.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=match):
        chosen_scenes(table, SHORT)


# ------------------------------------------------------------------------------------------- clips of datasets


def test_clips_of_a_dataset(write: Callable[..., str], tmp_path: Path) -> None:
    write("sounds/dog/1.wav", tone(0.5))
    write("sounds/cat/1.wav", tone(0.5, 300.0))
    found = clips_of(Dataset.from_folder(tmp_path / "sounds"))
    assert [(Path(clip.path).parent.name, clip.label) for clip in found] == [("cat", "cat"), ("dog", "dog")]
    (tmp_path / "two.csv").write_text("path,label,start_s,end_s\nsounds/dog/1.wav,dog;pet,,\n")
    with pytest.raises(DataError, match=r"must have exactly one label\. This one has 2 labels"):
        clips_of(Dataset.from_csv(tmp_path / "two.csv", label_delimiter=";"))
    arrays = Dataset.from_arrays([tone(0.5), tone(0.6)], sample_rate=RATE, labels=["a", "b"])
    with pytest.raises(DataError, match="scenes are made of files"):
        clips_of(arrays)


def test_parts_of_files_are_clips(write: Callable[..., str]) -> None:
    path = write("long.wav", tone(1.0, 400.0), silence(1.0), tone(1.0, 400.0), silence(1.0))
    (plan,) = plan_scenes([SceneClip(path, "beep", 1.5, 4.0)], replace(SHORT, n_events=1))
    (one,) = plan.placements
    assert (one.clip_start_s, one.clip_end_s) == (2.0, 3.0)


def test_a_silent_clip_is_named(write: Callable[..., str]) -> None:
    path = write("nothing.wav", silence(1.0))
    with pytest.raises(InputError, match=r"nothing.wav: this clip is all silence; leave it out"):
        list(plan_scenes([SceneClip(path, "beep")], SHORT))


def test_clips_that_cannot_be_used_are_left_out_where_that_is_asked_for(write: Callable[..., str]) -> None:
    good = SceneClip(write("beep/good.wav", tone(0.3)), "beep")
    bad = [
        SceneClip(write("beep/silent.wav", silence(0.5)), "beep"),
        SceneClip(write("hum/silent.wav", silence(0.5)), "hum"),
    ]
    problems: list[InputError] = []
    for plan in plan_scenes([good, *bad], replace(SHORT, n_events=9), 3, on_problem=problems.append):
        assert [one.clip for one in plan.placements] == [good.path] * 9
    assert sorted(problem.source for problem in problems) == sorted(clip.path for clip in bad)
    with pytest.raises(InputError, match="all silence"):
        list(plan_scenes(bad, SHORT, on_problem=problems.append))


def test_clips_at_other_rates_are_resampled(write: Callable[..., str]) -> None:
    path = write("cd.wav", tone(1.0, 400.0, rate=44100), rate=44100)
    (plan,) = plan_scenes([SceneClip(path, "beep")], replace(SHORT, n_events=1, background=("silence",), snr_db=20.0))
    (event,) = render(plan).truth
    assert event.end_s - event.start_s == pytest.approx(1.0, abs=0.011)


# ------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"duration_s": 0}, "'duration_s' parameter of a scene must be above 0. Got 0"),
        ({"duration_s": math.nan}, "'duration_s' parameter of a scene must be a number. Got nan"),
        ({"sample_rate": 0}, "'sample_rate' parameter of a scene must be a whole number from 1"),
        ({"sample_rate": True}, "'sample_rate'"),
        ({"seed": -1}, "'seed' parameter of a scene must be a whole number from 0"),
        ({"n_events": (3, 2)}, "'n_events' parameter of a scene must be one number, or the least and the highest"),
        ({"n_events": (0.5, 2)}, "'n_events' parameter of a scene must be a whole number from 0"),
        ({"snr_db": (1, 2, 3)}, "'snr_db'"),
        ({"gap_s": -1}, "'gap_s' parameter of a scene must be 0 or more"),
        ({"background_level_db": 3}, "to 0 dBFS"),
        ({"duration_s": 1e9}, "at 16000 Hz be at most 8,389 s"),
        ({"duration_s": 1e-6}, "must hold a sample"),
        ({"snr_db": 1e6}, "'snr_db' parameter of a scene must be within 300 dB"),
        ({"background": ()}, "'background' parameter must be one of pink, white, silence, or sound files"),
        ({"background": ("pink", "a.wav")}, "alone, or files"),
        ({"max_clip_s": 0}, "'max_clip_s'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        SceneOptions(**options)


def test_one_number_or_one_name_will_do() -> None:
    options = SceneOptions(n_events=4, snr_db=10, background="white")  # type: ignore[arg-type]
    assert (options.n_events, options.snr_db, options.background) == ((4, 4), (10.0, 10.0), ("white",))


def test_no_clips_and_no_scenes_are_refused(clips: list[SceneClip], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one clip"):
        plan_scenes([], SHORT)
    with pytest.raises(UsageError, match=r"number of scenes must be a whole number from 1\. Got 0"):
        plan_scenes(clips, SHORT, 0)
    with pytest.raises(UsageError, match="must be one of wav, flac"):
        write_scenes(plan_scenes(clips, SHORT), tmp_path / "out", sound_format="mp3")  # type: ignore[arg-type]


def test_plans_are_records(clips: list[SceneClip]) -> None:
    (plan,) = plan_scenes(clips, SHORT)
    assert ScenePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    "changes",
    [
        *({"name": name} for name in ("../out", "a/b", "", "con")),
        *({"duration_s": -1.0}, {"duration_s": 1e9}, {"sample_rate": 0}, {"noise_seed": -1}, {"fade_s": -1.0}),
        *({"background": []}, {"background": ["pink", "white"]}, {"trim_db": 0.0}, {"background_level_db": math.nan}),
        *({"start_s": -5.0}, {"start_s": 12.0}, {"start_s": math.nan}, {"snr_db": 1e6}, {"clip_end_s": 0.0}),
        {"events": [[3.0, 2.0]]},
    ],
    ids=str,
)
def test_a_plan_that_was_changed_by_hand_is_checked(
    clips: list[SceneClip], tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Nothing is written where it does not belong, and nothing ends in a traceback."""
    write_scenes(plan_scenes(clips, SHORT), tmp_path / "out")
    path = tmp_path / "out" / "scenes.json"
    content = json.loads(path.read_text())
    (scene,) = content["scenes"]
    for name, value in changes.items():
        (scene if name in scene else scene["placements"][0])[name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=f"'{next(iter(changes)).replace('clip_end_s', 'clip_start_s')}'|'duration_s'"):
        read_plans(path)
