from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

from auscult.cli.help import TRAINING_PANELS
from auscult.training.options import TrainOptions, flag_of

from .conftest import Auscult, TrainedRun

RUN_FILES = {
    "config.yaml",
    "split.csv",
    "train_batch.png",
    "results.csv",
    "checkpoints",
    "model.onnx",
    "metrics.json",
    "predictions.csv",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "report.html",
}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_run_folder_holds_what_the_documents_name_and_nothing_else(trained: TrainedRun) -> None:
    assert trained.done.code == 0
    assert {path.name for path in trained.folder.iterdir()} == RUN_FILES
    assert [path.name for path in (trained.folder / "checkpoints").iterdir()] == ["last.ckpt"]
    for picture in trained.folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_json_is_what_metrics_json_holds(trained: TrainedRun) -> None:
    (printed,) = trained.done.records
    assert printed == json.loads((trained.folder / "metrics.json").read_text())
    assert next(iter(printed)) == "accuracy"
    for figure in printed.values():
        assert set(figure) == {"value", "low", "high", "n"}


def test_every_clip_is_in_one_part_and_those_tested_are_the_test_part(trained: TrainedRun) -> None:
    split = rows(trained.folder / "split.csv")
    assert len({row["clip_id"] for row in split}) == len(split) == 12
    assert {row["split"] for row in split} == {"train", "validation", "test"}
    tested = {row["clip_id"] for row in rows(trained.folder / "predictions.csv")}
    assert tested == {row["clip_id"] for row in split if row["split"] == "test"}


def test_results_have_a_row_an_epoch_and_config_repeats_the_options(trained: TrainedRun, sounds: Path) -> None:
    assert [row["epoch"] for row in rows(trained.folder / "results.csv")] == ["1"]
    config = yaml.safe_load((trained.folder / "config.yaml").read_text())
    assert config["source"] == str(sounds)
    assert TrainOptions(**config["options"]) == TrainOptions(backbone="scratch", size="tiny", epochs=1)


def test_messages_name_the_report_and_the_model(trained: TrainedRun) -> None:
    assert f"report  {trained.folder / 'report.html'}" in trained.done.err
    assert f"model   {trained.folder / 'model.onnx'}" in trained.done.err


def test_a_folder_that_holds_a_run_is_left_alone(auscult: Auscult, trained: TrainedRun, sounds: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.folder.iterdir()}
    done = auscult("train", sounds, "-o", trained.folder)
    assert (done.code, done.out) == (2, "")
    assert "add --resume to go on with it" in done.err
    assert {path: path.stat().st_mtime_ns for path in trained.folder.iterdir()} == before


OTHER_EPOCHS = ("--size", "tiny", "--epochs", 9, "--resume")


def test_resuming_with_other_options_says_which(auscult: Auscult, trained: TrainedRun, sounds: Path) -> None:
    done = auscult("train", sounds, "-o", trained.folder, "--backbone", "scratch", *OTHER_EPOCHS)
    assert (done.code, done.out) == (2, "")
    assert "epochs was 1, is 9" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fold", "1", "--cross-validate"], "--fold and --cross-validate exclude each other"),
        (["--folds", "3"], "--folds belongs to --cross-validate"),
        (["--jobs", "3"], "--jobs belongs to --cross-validate"),
        (["--cross-validate", "--jobs", "0"], "--jobs must be at least 1. Got 0 instead."),
        (["--epochs", "0"], "'epochs' option of training must be a whole number from 1. Got 0 instead."),
        (["--size", "huge"], 'Choose from: "tiny", "small", "base"'),
        (["--mixing", "2"], "'mixing' option of training must be a share from 0 to 1. Got 2.0 instead."),
        (["--fold", "7"], "fold"),
    ],
)
def test_wrong_use_says_what_is_right_and_leaves_no_folder(
    auscult: Auscult, sounds: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = auscult("train", sounds, "-o", tmp_path / "run", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (tmp_path / "run").exists()


def test_output_that_is_a_file_is_named(auscult: Auscult, sounds: Path, clip: Path) -> None:
    done = auscult("train", sounds, "-o", clip)
    assert (done.code, done.out) == (1, "")
    assert f"{clip}: is a file; choose a folder with -o." in done.err


def test_help_names_each_option_once_with_its_default(auscult: Auscult) -> None:
    done = auscult("train", "--help")
    assert done.code == 0
    named = re.findall(r"^│ +\*? +?(--[a-z-]+)|^│ (--[a-z-]+)", done.out, re.MULTILINE)
    named = [first or second for first, second in named]
    for option in TrainOptions().to_dict():
        assert named.count(f"--{flag_of(option)}") == 1
    assert f"[default: {TrainOptions().weight_decay}]" in " ".join(done.out.replace("│", " ").split())
    assert all(title in done.out for title in TRAINING_PANELS)
    assert "[default: False]" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_cross_validation_writes_a_run_a_fold_and_joins_them(auscult: Auscult, sounds: Path, tmp_path: Path) -> None:
    output = tmp_path / "cv"
    options = ["--backbone", "scratch", "--size", "tiny", "--epochs", 1, "--quiet", "--json"]
    done = auscult("train", sounds, "-o", output, "--cross-validate", "--folds", 2, "--jobs", 1, *options)
    assert (done.code, done.err) == (0, "")
    (printed,) = done.records
    assert printed == json.loads((output / "metrics.json").read_text())
    assert set(printed["accuracy"]) == {"value", "low", "high", "n", "fold_mean", "fold_deviation"}
    assert printed["accuracy"]["n"] == 12
    assert {path.name for path in output.iterdir()} == {
        "fold-1",
        "fold-2",
        "config.yaml",
        "folds.csv",
        "metrics.json",
        "predictions.csv",
        "confusion_matrix.csv",
        "confusion_matrix.png",
        "report.html",
    }
    assert {path.name for path in (output / "fold-1").iterdir()} == RUN_FILES
    assert len({row["clip_id"] for row in rows(output / "predictions.csv")}) == 12
