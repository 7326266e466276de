"""Killed training, resumed, ends with the weights of one that was left in peace."""

from __future__ import annotations

import pytest

from benchmarks.kills import kill_and_compare
from tests.tiny_corpora import class_folders


@pytest.mark.slow  # five trainings, each in a process of its own: half a minute
def test_kills_change_nothing(tmp_path):
    source = class_folders(tmp_path / "sounds", clips_per_class=5)
    options = ["--backbone", "scratch", "--epochs", "8", "--size", "tiny", "--batch-size", "8", "--threads", "1"]
    outcome = kill_and_compare(source, tmp_path, n_kills=3, options=options)
    assert len(outcome.kills) == 3
    assert outcome.different == ()
    assert outcome.unfinished == ()
