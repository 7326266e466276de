"""A run folder belongs to one run."""

from __future__ import annotations

import pytest

from auscult.errors import OutputError, UsageError
from auscult.files import atomic_path
from auscult.training.folder import RunFolder

CONFIG = {"source": "sounds", "options": {"seed": 0, "epochs": None}, "threads": 2}


def begin(path):
    """A run that has trained an epoch."""
    folder = RunFolder(path)
    folder.open(config=CONFIG, resume=False)
    folder.results.write_text("epoch")
    return folder


def test_a_new_folder_takes_a_run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(config=CONFIG, resume=False)
    assert "seed: 0" in folder.config.read_text()


def test_an_empty_folder_and_one_with_a_killed_write_take_a_run(tmp_path):
    (tmp_path / ".config.yaml.x1.partial.yaml").write_text("half")
    RunFolder(tmp_path).open(config=CONFIG, resume=False)


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    """The names are those that the writer gives, not ones made up here."""
    folder = begin(tmp_path)
    folder.checkpoints.mkdir()
    whole = [folder.model, folder.report, folder.checkpoints / "last.ckpt", tmp_path / "metrics.json"]
    for path in whole:
        with atomic_path(path) as unfinished:
            unfinished.write_text("whole")
            killed = path.with_name(unfinished.name)
        killed.write_text("half")
    kept = {folder.config, folder.results, folder.checkpoints, *whole}
    assert set(tmp_path.rglob("*")) > kept
    folder.open(config=CONFIG, resume=True)
    assert set(tmp_path.rglob("*")) == kept


def test_a_run_is_not_overwritten(tmp_path):
    begin(tmp_path)
    with pytest.raises(UsageError, match="holds a run already; add --resume"):
        RunFolder(tmp_path).open(config=CONFIG, resume=False)


def test_the_same_run_resumes_wherever_its_clips_lie(tmp_path):
    begin(tmp_path)
    RunFolder(tmp_path).open(config={**CONFIG, "source": "../sounds"}, resume=True)


def test_another_run_is_told_what_differs(tmp_path):
    begin(tmp_path)
    other = {**CONFIG, "options": {"seed": 1, "epochs": None}}
    with pytest.raises(UsageError, match=r"options\.seed was 0, is 1"):
        RunFolder(tmp_path).open(config=other, resume=True)


def test_resuming_what_was_not_begun_begins_it(tmp_path):
    RunFolder(tmp_path / "run").open(config=CONFIG, resume=True)
    assert (tmp_path / "run" / "config.yaml").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.doc"):
        RunFolder(tmp_path).open(config=CONFIG, resume=False)


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        RunFolder(tmp_path / "run").open(config=CONFIG, resume=False)


def test_a_damaged_config_is_named(tmp_path):
    begin(tmp_path).config.write_text("a: [")
    with pytest.raises(UsageError, match=r"config\.yaml: cannot be read"):
        RunFolder(tmp_path).open(config=CONFIG, resume=True)


def test_a_run_that_was_refused_before_it_trained_leaves_the_folder_free(tmp_path):
    RunFolder(tmp_path).open(config=CONFIG, resume=False)
    (tmp_path / "split.csv").write_text("clip_id")
    other = {**CONFIG, "threads": 1}
    folder = RunFolder(tmp_path)
    folder.open(config=other, resume=False)
    assert "threads: 1" in folder.config.read_text()


def test_two_processes_cannot_train_in_one_folder(tmp_path):
    with (
        RunFolder(tmp_path).locked(),
        pytest.raises(UsageError, match="another process trains here"),
        RunFolder(tmp_path).locked(),
    ):
        pass
    with RunFolder(tmp_path).locked():
        pass
    assert not list(tmp_path.iterdir())


def test_what_follows_from_options_is_not_named_beside_them(tmp_path):
    folder = RunFolder(tmp_path / "run")
    before = {"options": {"epochs": 4}, "plan": {"epochs": 4}, "settled": {"layer_decay": 0.9}}
    folder.open(config=before, resume=False)
    folder.results.write_text("epoch")
    now = {"options": {"epochs": 7}, "plan": {"epochs": 7}, "settled": None}
    with pytest.raises(UsageError, match=r"begun otherwise \(options\.epochs was 4, is 7\);"):
        folder.open(config=now, resume=True)
    with pytest.raises(UsageError, match=r"begun otherwise \(plan\.epochs was 4, is 5\);"):
        folder.open(config={**before, "plan": {"epochs": 5}}, resume=True)
