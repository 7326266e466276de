"""Pictures and a page of a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.data import Dataset
from auscult.data.checks import check
from auscult.data.spectrograms import picture_form, write_spectrograms
from auscult.errors import DataError
from auscult.looking import SHOWN_DB, example_sheet, look, spread_out, write_check, write_look
from tests.tiny_corpora import class_folders, split_folders, table_of_many_labels, table_with_groups

PICTURES = {"index.html", "class_histogram.png", "duration_histogram.png", "examples.png"}


def test_a_folder_of_pictures_and_a_page(tmp_path: Path) -> None:
    dataset = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=4))
    report = write_look(dataset, tmp_path / "look")
    assert {path.name for path in (tmp_path / "look").iterdir()} == PICTURES
    assert report.clips_of_classes == {"clips": (4, 4, 4)}
    assert report.lengths is not None
    assert report.lengths.counts == (12,)
    assert report.sheet is not None
    assert [(label, len(examples)) for label, examples in report.sheet.rows] == [("high", 3), ("low", 3), ("middle", 3)]


def test_the_scale_ends_at_the_loudest_moment_of_all(tmp_path: Path) -> None:
    dataset = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=2))
    sheet = example_sheet(dataset.clips(), [label.id for label in dataset.labels])
    assert sheet is not None
    assert sheet.high_db == 0
    assert -SHOWN_DB <= sheet.low_db < 0
    assert max(one.spectrogram.log_mel.max() for _, examples in sheet.rows for one in examples) == pytest.approx(0)


def test_parts_of_a_split_are_shown_apart(tmp_path: Path) -> None:
    report = look(Dataset.from_folder(split_folders(tmp_path / "sounds")))
    assert list(report.clips_of_classes) == ["train", "validation", "test"]


def test_examples_are_of_different_recordings(tmp_path: Path) -> None:
    clips = Dataset.from_csv(table_with_groups(tmp_path / "sounds")).clips()
    of_low = [clip for clip in clips if clip.labels == ("low",)]
    shown = spread_out(of_low, 3)
    assert len({clip.group for clip in shown}) == 3
    assert shown == spread_out(of_low, 3)
    assert spread_out(of_low, 100) == of_low
    assert spread_out([], 3) == []


def test_a_clip_that_cannot_be_read_is_not_shown(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "sounds", clips_per_class=1)
    nan = np.full(4000, np.nan, np.float32)
    soundfile.write(root / "low" / "a.wav", nan, 8000, subtype="FLOAT")
    dataset = Dataset.from_folder(root)
    sheet = example_sheet(dataset.clips(), [label.id for label in dataset.labels])
    assert sheet is not None
    assert {label: len(examples) for label, examples in sheet.rows} == {"high": 1, "low": 1, "middle": 1}


def test_several_labels_and_none(tmp_path: Path) -> None:
    dataset = Dataset.from_csv(table_of_many_labels(tmp_path / "sounds"))
    report = look(dataset)
    assert report.labels == ("high", "low", "middle")
    assert report.clips_of_classes == {"clips": (10, 15, 10)}


def test_a_check_is_on_the_page_and_in_files(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "sounds")
    source = root / "train" / "low" / "0.wav"
    samples, rate = soundfile.read(source)
    longer = np.concatenate([samples, np.random.default_rng(9).normal(0, 0.1, 12000)])
    soundfile.write(source, longer, rate)
    soundfile.write(root / "test" / "low" / "copy.wav", longer[3000:], rate)
    write_check(check(Dataset.from_folder(root), quiet=True), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *PICTURES,
        "check.json",
        "clips.csv",
        "near_duplicates.csv",
    }
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "train/low/0.wav" in page
    assert "test/low/copy.wav" in page
    assert "nan.wav" in page


def test_pictures_are_shown_as_they_are_and_have_no_sound_to_check(tmp_path: Path) -> None:
    sounds = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=1))
    write_spectrograms(sounds, tmp_path / "pictures", picture_form(sounds, "auscult"), quiet=True)
    report = look(Dataset.from_folder(tmp_path / "pictures"))
    assert report.lengths is None
    assert report.sheet is not None
    assert [label for label, _ in report.sheet.rows] == ["high", "low", "middle"]
    heard = look(sounds).sheet
    assert heard is not None
    shown, of_sound = report.sheet.rows[0][1][0].spectrogram, heard.rows[0][1][0].spectrogram
    # The two sheets are on scales of their own, less than a step apart.
    assert np.abs(shown.log_mel - of_sound.log_mel).max() < 2
    assert shown.duration_s == of_sound.duration_s == 0.5
    with pytest.raises(DataError, match="these are pictures"):
        check(Dataset.from_folder(tmp_path / "pictures"), quiet=True)
