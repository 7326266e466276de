"""A disk that fills up at any moment of a run: said so, exit code 1, nothing half-written, and on from there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Auscult

TRAIN_OPTIONS = ("--backbone", "scratch", "--size", "tiny", "--epochs", "1", "--quiet")
Disk = Callable[[str], Path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a disk of so many bytes, or give the one that is mounted another size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def sized(size: str) -> Path:
        remount = ",remount" if folder.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}{remount}", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk can be mounted only by root, on Linux")
        return folder

    yield sized
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# Sizes of the disk, and what of a run fits that did not fit before.
STAGES = {
    "40k": ["config.yaml", "split.csv"],
    "1m": ["train_batch.png", "results.csv"],
    "3400k": ["checkpoints/last.ckpt"],
}
FAILS_AT = {"40k": "train_batch.png", "1m": "checkpoints/last.ckpt", "3400k": "model.onnx"}


@pytest.mark.slow  # one run, begun four times
def test_in_training(auscult: Auscult, sounds: Path, small_disk: Disk) -> None:
    whole: set[str] = set()
    for size, added in STAGES.items():
        run = small_disk(size) / "run"
        done = auscult("train", sounds, "-o", run, *TRAIN_OPTIONS, *(["--resume"] if whole else []))
        assert (done.code, done.out) == (1, "")
        assert done.err == (
            f"auscult: {run / FAILS_AT[size]}: the disk is full, nothing was written; free some space and run again\n"
        )
        whole |= set(added)
        assert files(run) == whole
    small_disk("20m")
    done = auscult("train", sounds, "-o", run, *TRAIN_OPTIONS, "--resume")
    assert (done.code, done.err) == (0, "")
    assert {"model.onnx", "metrics.json", "report.html"} <= files(run)


def test_where_decoded_clips_are_kept(
    auscult: Auscult, sounds: Path, small_disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk("40k")
    monkeypatch.setenv("AUSCULT_HOME", str(disk))
    done = auscult("train", sounds, "-o", tmp_path / "run", *TRAIN_OPTIONS)
    assert (done.code, done.out) == (1, "")
    assert "the waveform cache cannot be written (No space left on device); free some space" in done.err
    # A clip of 0.3 s is 9600 bytes and a header; what is there is whole.
    assert {path.stat().st_size for path in disk.rglob("*") if path.is_file()} == {9728}


def test_in_evaluation_and_pictures(
    auscult: Auscult, model: Path, new_sounds: Path, clip: Path, small_disk: Disk, tmp_path: Path
) -> None:
    disk = small_disk("4k")
    (disk / "filled").write_bytes(bytes(4096))
    done = auscult("spectrogram", clip, "-o", disk, "-q")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"auscult: {disk / 'good.png'}: the disk is full, nothing was written; free some space and run again\n"
    )
    for old, new in (("high", "early"), ("low", "late")):
        shutil.copytree(new_sounds / old, tmp_path / "renamed" / new)
    done = auscult("evaluate", model, tmp_path / "renamed", "-o", disk, "-q")
    assert (done.code, done.out) == (1, "")
    assert "metrics.json: the disk is full, nothing was written" in done.err
    assert files(disk) == {"filled"}
