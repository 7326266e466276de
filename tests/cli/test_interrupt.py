"""Ctrl-C in the middle of work: 130, a short message, and no half-written file."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("interruptible")

AUSCULT = [sys.executable, "-m", "auscult"]


def interrupt(command: list[object], when: Callable[[], bool]) -> tuple[int, str, str]:
    """Start, send SIGINT as soon as `when` holds, and give code, stdout and stderr."""
    running = subprocess.Popen(
        [*AUSCULT, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        ends = time.monotonic() + 100
        while not when() and running.poll() is None and time.monotonic() < ends:
            time.sleep(0.02)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    return running.returncode, out, err


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".partial" in path.name]


@pytest.mark.slow  # two processes that import torch
def test_in_training_and_on_from_there(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "run"
    command = ["train", sounds, "-o", folder, "--backbone", "scratch", "--size", "tiny", "--epochs", 20000]
    code, out, err = interrupt(command, (folder / "results.csv").exists)
    assert (code, out) == (130, "")
    assert err.endswith("To go on from here, run the same command with --resume.\nauscult: interrupted\n")
    assert "Traceback" not in err
    assert unfinished(tmp_path) == []
    assert not (folder / "model.onnx").exists()
    # What is there can be gone on with, and is interrupted again.
    n_rows = len((folder / "results.csv").read_text().splitlines())
    code, out, err = interrupt(
        [*command, "--resume"], lambda: len((folder / "results.csv").read_text().splitlines()) > n_rows
    )
    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_before_it_has_begun() -> None:
    program = """
import sys

class Interrupting:
    def find_spec(name, path=None, target=None):
        if name == "auscult.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting)
from auscult.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "auscult: interrupted\n")


def test_in_classifying(model: Path, new_sounds: Path, tmp_path: Path) -> None:
    with open(tmp_path / "results.jsonl", "w") as results:
        running = subprocess.Popen(
            [*AUSCULT, "classify", *[new_sounds] * 5000, "--model", model, "--json"],
            stdout=results,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not (tmp_path / "results.jsonl").stat().st_size and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "auscult: interrupted\n")
    assert (tmp_path / "results.jsonl").read_text().endswith("}\n")


def test_while_code_from_a_string_runs(tmp_path: Path) -> None:
    # Dataclasses are made so: it happens in the middle of imports. Only with `-m` does CPython look for it at the end.
    (tmp_path / "stopped.py").write_text("""
from auscult.cli import app

def command(*_, **__):
    exec("raise KeyboardInterrupt")

app.app = command
app.main()
""")
    finished = subprocess.run([sys.executable, "-m", "stopped"], cwd=tmp_path, capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (130, "auscult: interrupted\n")
