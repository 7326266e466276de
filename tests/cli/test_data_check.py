"""`auscult data check` and `auscult data show`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Auscult


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Train and test folders of noise without anything wrong."""
    root = tmp_path / "parts"
    for i, part in enumerate(("train", "train", "test", "test")):
        path = root / part / ("dog" if i % 2 else "cat") / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(i).normal(0, 0.1, 16000), 8000)
    return root


def test_what_is_harmless_ends_with_0(auscult: Auscult, parts: Path) -> None:
    done = auscult("data", "check", parts, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "4 in 4 files, 8.0 s" in done.out
    assert "Nothing was found that would make figures wrong." in done.out
    (dog,) = [line for line in done.out.splitlines() if line.startswith("dog")]
    assert dog.split() == ["dog", "2", "50.0", "%", "4.0", "s", "1", "1"]


def test_a_near_duplicate_across_the_split_ends_with_1(auscult: Auscult, parts: Path) -> None:
    samples, rate = soundfile.read(parts / "train" / "dog" / "1.wav")
    soundfile.write(parts / "test" / "dog" / "copy.wav", samples[2400:] / 2, rate)
    done = auscult("data", "check", parts, "--quiet")
    assert done.code == 1
    said = " ".join(done.out.split())
    assert "WRONG 1 pair of clips in different parts of the split holds the same sound: " in said
    assert "'test/dog/copy.wav' in test and 'train/dog/1.wav' in train (1.6 s in common)" in said


def test_json_has_all_of_it_in_one_line(auscult: Auscult, parts: Path) -> None:
    (parts / "test" / "dog" / "broken.wav").write_bytes(b"RIFF")
    done = auscult("data", "check", parts, "--json", "--quiet")
    assert done.code == 1
    (found,) = done.records
    assert (found["ok"], found["n_clips"], found["parted_by"]) == (False, 4, "split")
    assert [finding["kind"] for finding in found["findings"]] == ["unreadable"]
    assert found["unreadable"][0]["source"].endswith("broken.wav")
    assert found["classes"]["dog"]["parts"] == {"train": 1, "test": 1}


def test_a_folder_of_files(auscult: Auscult, parts: Path, tmp_path: Path) -> None:
    done = auscult("data", "check", parts, "-o", tmp_path / "check", "--json")
    assert done.code == 0
    assert f"written to {tmp_path / 'check'}" in done.err
    assert json.loads((tmp_path / "check" / "check.json").read_text()) == done.records[0]
    header, *rows = (tmp_path / "check" / "clips.csv").read_text().splitlines()
    assert header.startswith("uri,start_s,end_s,labels,split,fold,group,format,sample_rate")
    assert len(rows) == 4


def test_only_some_classes(auscult: Auscult, parts: Path) -> None:
    done = auscult("data", "check", parts, "--json", "--quiet", "--only-labels", "dog")
    assert list(done.records[0]["classes"]) == ["dog"]


def test_show_prints_where_the_page_is(auscult: Auscult, parts: Path, tmp_path: Path) -> None:
    done = auscult("data", "show", parts, "-o", tmp_path / "look")
    assert (done.code, done.out.strip()) == (0, str(tmp_path / "look" / "index.html"))
    assert (tmp_path / "look" / "examples.png").exists()


def test_show_names_what_it_could_not_read(auscult: Auscult, parts: Path, tmp_path: Path) -> None:
    (parts / "test" / "dog" / "broken.wav").write_bytes(b"RIFF")
    done = auscult("data", "show", parts, "-o", tmp_path / "look")
    assert done.code == 1
    assert "broken.wav" in done.err


@pytest.mark.parametrize("command", ["check", "show"])
def test_no_such_source_is_wrong_usage(auscult: Auscult, command: str, tmp_path: Path) -> None:
    done = auscult("data", command, tmp_path / "none", "-o", tmp_path / "out")
    assert done.code == 2
    assert "none" in done.err


def test_sounds_without_labels_can_be_looked_at(parts: Path, tmp_path: Path) -> None:
    from auscult.cli.data.check import in_words
    from auscult.data import Dataset
    from auscult.data.checks import check
    from auscult.looking import write_look

    dataset = Dataset.from_files(sorted(parts.rglob("*.wav")))
    assert "No clip has a label." in in_words(check(dataset, quiet=True))
    write_look(dataset, tmp_path / "look")
    assert {path.name for path in (tmp_path / "look").iterdir()} == {
        "duration_histogram.png",
        "examples.png",
        "index.html",
    }
