"""Events cut out of recordings."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import auscult.cutting
from auscult.audio import decode, probe
from auscult.cutting import cut_clips
from auscult.errors import InputError, OutputError, UsageError
from auscult.records import Event

RATE = 8000


def event(start_s: float, end_s: float, label: str = "dog", name: str = "") -> Event:
    return Event("dawn.wav", start_s, end_s, label, 0.5, name)


def noise(path: Path, seconds: float = 10.0, *, channels: int = 1, subtype: str = "PCM_16", rate: int = RATE) -> Path:
    samples = np.random.default_rng(0).uniform(-1, 1, (round(seconds * rate), channels))
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("format", ["flac", "wav"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_a_clip_holds_that_part_of_the_recording(format: str, subtype: str, tmp_path: Path) -> None:
    source = noise(tmp_path / "dawn.wav", channels=2, subtype=subtype)
    (cut,) = cut_clips(source, [event(1.5, 3.25)], tmp_path / "clips", format=format)  # type: ignore[arg-type]
    assert (cut.path, cut.problem) == (tmp_path / "clips" / f"dawn_00001.500-00003.250_dog.{format}", None)
    info = probe(cut.path)
    assert (info.sample_rate, info.n_channels, info.n_frames) == (RATE, 2, 14000)
    written, wanted = decode(cut.path).samples, decode(source, start_s=1.5, end_s=3.25).samples
    # Floats have more digits than 24 bits; integers are kept.
    np.testing.assert_allclose(written, wanted, atol=2.0**-24 if subtype == "FLOAT" else 0, rtol=0)


def test_full_scale_is_kept_and_what_is_beyond_is_clipped(tmp_path: Path) -> None:
    samples = np.array([-1.5, -1.0, -32767 / 32768, 0.0, 32767 / 32768, 1.0, 1.5] * 100)
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    (cut,) = cut_clips(tmp_path / "x.wav", [event(0, 1)], tmp_path / "clips")
    assert set(decode(cut.path).samples[0, :7].tolist()) == {
        -1.0,
        -32767 / 32768,
        0.0,
        32767 / 32768,
        float(np.float32(1 - 2.0**-23)),
    }


@settings(deadline=None, max_examples=40)
@given(
    spans=st.lists(st.tuples(st.floats(0, 9.9), st.floats(0.001, 6)), min_size=1, max_size=12),
    pad_s=st.sampled_from([0.0, 0.3]),
    block=st.sampled_from([100, 1000, 65536]),
    jump_s=st.sampled_from([0.0, 0.5, 30.0]),
    most=st.sampled_from([1, 3, 64]),
)
def test_any_events_however_they_are_read(
    tmp_path_factory: pytest.TempPathFactory,
    spans: list[tuple[float, float]],
    pad_s: float,
    block: int,
    jump_s: float,
    most: int,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source = noise(folder / "dawn.wav")
    whole = decode(source).samples
    events = [event(start_s, start_s + length_s, f"l{i}") for i, (start_s, length_s) in enumerate(spans)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auscult.cutting, "_BLOCK_FRAMES", block)
        patch.setattr(auscult.cutting, "_JUMP_S", jump_s)
        patch.setattr(auscult.cutting, "_MAX_OPEN", most)
        cuts = list(cut_clips(source, events, folder / "clips", pad_s=pad_s))
    assert sorted(cut.event.label for cut in cuts) == sorted(each.label for each in events)
    for cut in cuts:
        assert cut.problem is None
        start = round(max(0.0, cut.event.start_s - pad_s) * RATE)
        end = max(start + 1, round((cut.event.end_s + pad_s) * RATE))
        np.testing.assert_array_equal(decode(cut.path).samples, whole[:, start:end])
    assert len(names(folder / "clips")) == len(events)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_other_formats(suffix: str, tmp_path: Path) -> None:
    """Lossy sound keeps its samples to 16 bits."""
    samples = 0.2 * np.sin(2 * np.pi * 440 * np.arange(20 * 44100) / 44100)
    soundfile.write(tmp_path / f"x.{suffix}", samples, 44100)
    cuts = list(cut_clips(tmp_path / f"x.{suffix}", [event(2, 3), event(17.5, 18)], tmp_path / "clips"))
    for cut in cuts:
        wanted = decode(tmp_path / f"x.{suffix}", start_s=cut.event.start_s, end_s=cut.event.end_s).samples
        np.testing.assert_allclose(decode(cut.path).samples, wanted, atol=2.0**-16 + 1e-6)


def test_names_are_safe_unique_and_stay_the_same(tmp_path: Path) -> None:
    source = noise(tmp_path / "dawn.wav")
    events = [
        event(1, 2, "../../dog"),
        event(1, 2, "..:..:dog"),
        event(1, 2, "a.b"),
        event(1, 2, "/m/0bt9lr", "Dog bark"),
        event(3, 4, "雨" * 200),
        event(5, 6, "NUL"),
        event(7, 8, "."),
    ]
    for folder in (tmp_path / "1", tmp_path / "2"):
        cuts = list(cut_clips(source, events, folder, name="site/dawn"))
        assert all(cut.problem is None for cut in cuts)
        assert {path.relative_to(folder).parts[0] for path in folder.rglob("*.flac")} == {"site"}
    assert names(tmp_path / "1") == names(tmp_path / "2")
    found = names(tmp_path / "1")
    assert len(found) == len(events)
    assert "site/dawn_00001.000-00002.000_Dog bark.flac" in found
    assert "site/dawn_00001.000-00002.000_a.b.flac" in found
    assert "site/dawn_00001.000-00002.000__.._dog (2).flac" in found
    assert all(len(name.rsplit("/", 1)[-1].encode()) <= 255 for name in found)
    first = sorted((tmp_path / "1").rglob("*.flac"))[0]
    assert first.read_bytes() == (tmp_path / "2" / first.relative_to(tmp_path / "1")).read_bytes()


def test_what_flac_cannot_hold_is_a_wav(tmp_path: Path) -> None:
    wide = noise(tmp_path / "wide.wav", 0.5, channels=10)
    (cut,) = cut_clips(wide, [event(0, 0.2)], tmp_path / "clips")
    assert (cut.path.suffix, cut.problem, probe(cut.path).n_channels) == (".wav", None, 10)
    fast = noise(tmp_path / "fast.wav", 0.1, rate=1_000_000)
    (cut,) = cut_clips(fast, [event(0, 0.05)], tmp_path / "clips")
    assert (cut.path.suffix, probe(cut.path).sample_rate) == (".wav", 1_000_000)


def test_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    source = noise(tmp_path / "dawn.wav")
    folder = tmp_path / "clips"
    (folder / "dawn_00001.000-00002.000_dog.flac").mkdir(parents=True)  # in the way
    events = [event(1, 2), event(1.5, 3, "cat"), event(20, 21, "late"), event(9, 12, "end"), event(5, 6, "owl")]
    cuts = {cut.event.label: cut for cut in cut_clips(source, events, folder)}
    assert isinstance(cuts["dog"].problem, OutputError)
    assert "'late' is to begin at 20 s, and the sound ends before" in str(cuts["late"].problem)
    assert [label for label, cut in cuts.items() if cut.problem is None] == ["cat", "owl", "end"]
    assert probe(cuts["end"].path).n_frames == RATE
    assert not list(folder.glob(".*"))


def test_a_recording_that_breaks_off_or_is_gone(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 20 * RATE)
    soundfile.write(tmp_path / "x.flac", samples, RATE)
    content = (tmp_path / "x.flac").read_bytes()
    (tmp_path / "x.flac").write_bytes(content[: len(content) // 2])
    events = [event(1, 2), event(8, 14, "cat"), event(15, 16, "owl")]
    cuts = list(cut_clips(tmp_path / "x.flac", events, tmp_path / "clips"))
    assert [(cut.event.label, cut.problem is None) for cut in cuts] == [("dog", True), ("cat", False), ("owl", False)]
    assert names(tmp_path / "clips") == ["x_00001.000-00002.000_dog.flac"]
    gone = list(cut_clips(tmp_path / "gone.wav", events, tmp_path / "clips"))
    assert [cut.problem.kind for cut in gone if isinstance(cut.problem, InputError)] == ["missing"] * 3


def test_stopping_half_way_leaves_nothing_half_written(tmp_path: Path) -> None:
    source = noise(tmp_path / "dawn.wav")
    cuts = cut_clips(source, [event(0, 0.5, "first"), event(0, 10, "long")], tmp_path / "clips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auscult.cutting, "_BLOCK_FRAMES", 1000)
        next(cuts)
        cuts.close()  # type: ignore[attr-defined]
    assert names(tmp_path / "clips") == ["dawn_00000.000-00000.500_first.flac"]


def test_memory_does_not_grow_with_the_length_of_an_event(tmp_path: Path) -> None:
    samples = np.zeros(RATE * 600, np.int16)
    soundfile.write(tmp_path / "dawn.wav", samples, RATE)
    tracemalloc.start()
    (cut,) = cut_clips(tmp_path / "dawn.wav", [event(0, 600)], tmp_path / "clips")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert probe(cut.path).n_frames == len(samples)
    assert peak < 8_000_000  # the sound as float32 has 19


@pytest.mark.parametrize("pad_s", [-1.0, float("inf"), float("nan")])
def test_padding_out_of_range(pad_s: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'pad_s' parameter must be 0 s or more"):
        cut_clips("dawn.wav", [], tmp_path, pad_s=pad_s)


def test_no_such_format_and_no_events(tmp_path: Path) -> None:
    source = noise(tmp_path / "dawn.wav", 1)
    with pytest.raises(UsageError, match=r"must be one of flac, wav. Got 'mp3'"):
        list(cut_clips(source, [event(0, 1)], tmp_path / "clips", format="mp3"))  # type: ignore[arg-type]
    assert list(cut_clips(source, [], tmp_path / "clips")) == []
