"""The corpus as a whole: its layout, whole or absent, neither trivial nor hopeless."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.demo import corpus, make_corpus, make_new_sounds
from auscult.demo.sounds import SOUNDS
from auscult.errors import OutputError, UsageError

CLIPS_PER_CLASS = 12


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("demo") / "sounds", clips_per_class=CLIPS_PER_CLASS, seed=1)


@pytest.fixture(scope="module")
def rows(table: Path) -> list[dict[str, str]]:
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def clips(table: Path, rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([soundfile.read(table.parent / row["path"], dtype="float32")[0] for row in rows])


def test_the_table_names_every_file_once(table: Path, rows: list[dict[str, str]]) -> None:
    on_disk = {path.relative_to(table.parent).as_posix() for path in table.parent.rglob("*.wav")}
    assert sorted(row["path"] for row in rows) == sorted(on_disk)
    assert len(rows) == CLIPS_PER_CLASS * len(SOUNDS)
    assert list(table.parent.parent.iterdir()) == [table.parent]


def test_folders_are_classes_and_file_names_carry_the_recording(rows: list[dict[str, str]]) -> None:
    for row in rows:
        folder, name = row["path"].split("/")
        recording, take = name.removesuffix(".wav").rsplit("-", 1)
        assert folder == row["label"]
        assert recording == row["group"]
        assert recording.startswith(row["label"])
        assert 1 <= int(take) <= corpus.TAKES_PER_RECORDING
    groups = {row["group"] for row in rows}
    assert len(groups) == len(rows) / corpus.TAKES_PER_RECORDING


def test_clips_are_16_bit_mono_of_two_seconds(table: Path, rows: list[dict[str, str]]) -> None:
    for row in rows:
        info = soundfile.info(table.parent / row["path"])
        assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 32_000)
        assert (info.format, info.subtype) == ("WAV", "PCM_16")


def test_nothing_clips_and_nothing_is_silent(clips: np.ndarray) -> None:
    peaks = np.max(np.abs(clips), axis=1)
    assert peaks.max() < 0.96
    assert peaks.min() > 0.06
    # Background noise everywhere: no tenth of a second of zeros, as an artificial fade would leave.
    frames = clips.reshape(len(clips), 20, -1)
    assert np.min(np.max(np.abs(frames), axis=2)) > 0
    assert 20 * np.log10(np.sqrt(np.mean(clips**2, axis=1)).min()) > -60


def test_levels_spread_within_every_class(clips: np.ndarray, rows: list[dict[str, str]]) -> None:
    labels = np.array([row["label"] for row in rows])
    for label in SOUNDS:
        peaks_dbfs = 20 * np.log10(np.max(np.abs(clips[labels == label]), axis=1))
        assert np.ptp(peaks_dbfs) > 6


def test_takes_of_a_recording_are_not_copies(clips: np.ndarray) -> None:
    flat = clips / np.linalg.norm(clips, axis=1, keepdims=True)
    likeness = np.abs(flat @ flat.T) - np.eye(len(flat))
    assert likeness.max() < 0.9


def test_one_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    tables = [
        make_corpus(tmp_path / name, clips_per_class=2, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]
    files = [sorted(path.relative_to(t.parent) for path in t.parent.rglob("*") if path.is_file()) for t in tables]
    assert files[0] == files[1] == files[2]
    same = [(tmp_path / "a" / p).read_bytes() == (tmp_path / "b" / p).read_bytes() for p in files[0]]
    other = [(tmp_path / "a" / p).read_bytes() == (tmp_path / "c" / p).read_bytes() for p in files[0]]
    assert all(same)
    assert sum(other) == 1  # the table


def test_a_larger_corpus_holds_the_smaller_one(table: Path, tmp_path: Path) -> None:
    small = make_corpus(tmp_path / "small", clips_per_class=1, seed=1).parent
    for path in small.rglob("*.wav"):
        assert path.read_bytes() == (table.parent / path.relative_to(small)).read_bytes()


def features(clips: np.ndarray) -> np.ndarray:
    """Mean log energy in 24 bands, evenly spaced on the logarithm from 60 Hz to 8 kHz, over the clip."""
    frames = np.lib.stride_tricks.sliding_window_view(clips, 512, axis=1)[:, ::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames, axis=2)) ** 2
    edges = np.unique(np.geomspace(2, 257, 25).astype(int))
    return np.log(np.add.reduceat(power, edges[:-1], axis=2) + 1e-6).mean(axis=1)


def nearest_centroid_accuracy(values: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """Standardised; two halves by recording, each tested on what the other one taught."""
    names = sorted(set(groups))
    first = np.isin(groups, names[::2])
    correct = 0
    for train in (first, ~first):
        scaled = (values - values[train].mean(axis=0)) / values[train].std(axis=0)
        classes = sorted(set(labels))
        centroids = np.array([scaled[train & (labels == name)].mean(axis=0) for name in classes])
        nearest = np.argmin(((scaled[~train, None] - centroids) ** 2).sum(axis=2), axis=1)
        correct += int(np.sum(np.array(classes)[nearest] == labels[~train]))
    return correct / len(labels)


def test_neither_mean_spectrum_nor_level_tells_the_class(clips: np.ndarray, rows: list[dict[str, str]]) -> None:
    labels = np.array([row["label"] for row in rows])
    groups = np.array([row["group"] for row in rows])
    level = np.log(np.stack([np.abs(clips).max(axis=1), np.sqrt((clips**2).mean(axis=1))], axis=1))
    # Chance is 0.1. A sound is told by how it moves, which neither of these sees.
    assert 0.15 < nearest_centroid_accuracy(features(clips), labels, groups) < 0.8
    assert nearest_centroid_accuracy(level, labels, groups) < 0.5


def test_new_sounds_are_in_no_corpus_of_the_seed(table: Path, clips: np.ndarray, tmp_path: Path) -> None:
    sounds = make_new_sounds(tmp_path / "new", seed=1)
    known = {path.read_bytes() for path in table.parent.rglob("*.wav")}
    assert all(sound.path.read_bytes() not in known for sound in sounds)
    assert {label for sound in sounds for label in sound.labels} <= set(SOUNDS)
    assert len({sound.path for sound in sounds}) == len(sounds)


def test_one_new_sound_has_two_events_in_a_row(tmp_path: Path) -> None:
    pairs = [sound for sound in make_new_sounds(tmp_path / "new", seed=2) if len(sound.labels) == 2]
    assert len(pairs) == 1
    samples, sample_rate = soundfile.read(pairs[0].path)
    assert len(samples) == 4 * sample_rate
    peaks = [np.max(np.abs(half)) for half in np.split(samples, 2)]
    assert min(peaks) > 0.1 * max(peaks)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="something here already"):
        make_corpus(tmp_path, clips_per_class=1)
    with pytest.raises(UsageError, match="something here already"):
        make_new_sounds(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    assert make_corpus(tmp_path / "sounds", clips_per_class=1).is_file()


@pytest.mark.parametrize(
    ("options", "match"),
    [({"clips_per_class": 0}, "clips_per_class.*at least 1.*Got 0"), ({"seed": -1}, "Got -1")],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, options: dict[str, int], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        make_corpus(tmp_path / "sounds", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_demo_that_is_stopped_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    written = []

    def stop_at_the_fifth(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) == 5:
            raise failure
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", stop_at_the_fifth)
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        make_corpus(tmp_path / "sounds", clips_per_class=2)
    assert len(written) == 5
    assert list(tmp_path.iterdir()) == []


def test_the_table_is_a_dataset_whose_groups_are_the_recordings(table: Path, rows: list[dict[str, str]]) -> None:
    pytest.importorskip("pyarrow", reason="datasets need the extra data")
    from auscult.data import Dataset

    dataset = Dataset.from_csv(table)
    groups = [str(group) for group in dataset.groups()]
    assert dataset.problems == ()
    assert [label.id for label in dataset.labels] == sorted(SOUNDS)
    assert len(set(groups)) == len({row["group"] for row in rows})
    recording_of = {row["path"]: row["group"] for row in rows}
    for clip, group in zip(dataset.clips(), groups, strict=True):
        # The group may carry more than the table's word, but never joins two recordings.
        assert recording_of[clip.source.relative_to(table.parent).as_posix()] in group
