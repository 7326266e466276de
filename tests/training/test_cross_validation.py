"""Folds at once, stopped; what folds give is tested with whole runs in `test_run.py`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.tiny_corpora import table_with_groups

pytestmark = pytest.mark.usefixtures("interruptible")

OPTIONS = ["--folds", "3", "--jobs", "2", "--size", "tiny", "--batch-size", "8", "--epochs", "100000"]


def trainings_of(group: int) -> list[str]:
    """Command lines of the processes of a group that run a fold."""
    lines = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            line = " ".join(process.cmdline())  # nothing of a process that has ended
            if os.getpgid(process.pid) == group and "spawn_main" in line:
                lines.append(line)
    return lines


@pytest.mark.slow  # three processes import torch
@pytest.mark.parametrize("to_all", [True, False], ids=["ctrl-c", "signal to one"])
def test_an_interruption_stops_every_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to_all: bool):
    """A terminal tells every process of Ctrl-C; `kill` only the one that was started."""
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    table = table_with_groups(tmp_path / "sounds")
    output = tmp_path / "cv"
    command = [sys.executable, "-m", "auscult", "train", str(table), "-o", str(output), "--cross-validate", *OPTIONS]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        while running.poll() is None and not all((output / f"fold-{i}" / "results.csv").exists() for i in (1, 2)):
            time.sleep(0.05)
        assert len(trainings_of(running.pid)) == 2
        (os.killpg if to_all else os.kill)(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "Traceback" not in err
        assert not list(output.rglob(".*.partial*"))
        assert not (output / "fold-3").exists()
        assert not trainings_of(running.pid)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
