"""Files that are no usable sound: named with the reason, while the others go on."""

from __future__ import annotations

import hashlib
import os
import sys

import pytest

from auscult.data import Dataset
from auscult.data.scan import ScannedFile, scan_sounds
from auscult.errors import DataError, InputError


def test_hash_and_header(tmp_path, write_sound):
    paths = [write_sound(tmp_path / f"{i}.wav", samples=80 + i) for i in range(20)]
    scanned = scan_sounds(paths)
    for i, (path, file) in enumerate(zip(paths, scanned, strict=True)):
        assert isinstance(file, ScannedFile)
        assert file.content_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (file.info.sample_rate, file.info.n_frames) == (8000, 80 + i)


@pytest.fixture
def bad_files(sounds, write_sound):
    """Every kind of bad file in the class folders, by name, with the kind that is expected."""
    (sounds / "dog" / "empty.wav").write_bytes(b"")
    (sounds / "dog" / "text.wav").write_text("this is no sound at all, whatever its name says")
    write_sound(sounds / "dog" / "header.wav", samples=0)
    whole = write_sound(sounds / "dog" / "cut.wav", samples=4000)
    whole.write_bytes(whole.read_bytes()[:20])
    return {"empty.wav": "empty", "text.wav": "unsupported", "header.wav": "empty", "cut.wav": "damaged"}


def test_bad_files_are_named_and_the_others_go_on(sounds, bad_files):
    dataset = Dataset.from_folder(sounds)
    assert len(dataset) == 5
    found = {os.path.basename(problem.source): problem.kind for problem in dataset.problems}
    assert found == bad_files


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    problems = scan_sounds([tmp_path / "pipe.wav", tmp_path / "folder.wav", tmp_path / "absent.wav"])
    assert [problem.kind for problem in problems if isinstance(problem, InputError)] == [
        "not_a_file",
        "not_a_file",
        "missing",
    ]


def test_a_name_that_is_no_text(sounds, write_sound):
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        write_sound(sounds / "dog" / "x.wav").rename(sounds / "dog" / name)
    except OSError:
        pytest.skip("this file system accepts UTF-8 names only")
    dataset = Dataset.from_folder(sounds)
    assert len(dataset) == 5
    (problem,) = dataset.problems
    assert problem.source.encode("utf-8").endswith(rb"caf\xe9.wav")
    assert "not valid UTF-8" in problem.problem


def test_a_format_that_needs_an_extra_does_not_stop_the_others(sounds, write_sound, monkeypatch):
    write_sound(sounds / "dog" / "4.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0" * 40)
    monkeypatch.setitem(sys.modules, "av", None)
    dataset = Dataset.from_folder(sounds)
    assert len(dataset) == 5
    (problem,) = dataset.problems
    assert problem.kind == "unsupported"
    assert 'pip install "auscult[av]"' in str(problem)


def test_nothing_but_bad_files(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of the 2 sounds listed there can be used. The first: .*1\.wav"):
        Dataset.from_folder(tmp_path)


def test_a_class_of_bad_files_only_is_gone(tmp_path, write_sound):
    for name in ("cat/1.wav", "dog/1.wav"):
        write_sound(tmp_path / name)
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "1.wav").write_bytes(b"")
    dataset = Dataset.from_folder(tmp_path)
    assert [label.id for label in dataset.labels] == ["cat", "dog"]
    assert len(dataset.problems) == 1
