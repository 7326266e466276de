"""From labelled sounds to a run folder, end to end on small corpora."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import numpy_helper

from auscult.classifier import load
from auscult.data import Dataset, Reading, WaveformCache, default_cache_folder, open_dataset
from auscult.errors import AuscultError, UsageError
from auscult.evaluation import evaluate
from auscult.models.runners import open_runner
from auscult.training import Run, TrainOptions, clips, cross_validate, cross_validation, train
from auscult.training.learner import Learner
from tests.tiny_corpora import (
    FREQUENCIES_HZ,
    SAMPLE_RATE,
    class_folders,
    esc50_tree,
    split_folders,
    stereo_folders,
    table_of_many_labels,
    table_with_groups,
    tones,
)

RUN_FILES = {
    "checkpoints",
    "config.yaml",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "metrics.json",
    "model.onnx",
    "predictions.csv",
    "report.html",
    "results.csv",
    "split.csv",
    "train_batch.png",
}


def quick(**changes) -> TrainOptions:
    quickest = {"size": "tiny", "epochs": 1, "batch_size": 8, "threads": 1, "precision": "32"}
    return TrainOptions(**({"backbone": "scratch"} | quickest | changes))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def parts_of(run: Run) -> dict[str, str]:
    """Path -> part, of `split.csv`."""
    return {os.path.normpath(run.folder / row["path"]): row["split"] for row in rows_of(run.folder / "split.csv")}


def weights_of(model: Path) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in onnx.load(model).graph.initializer}


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name]), name


def assert_honest(run: Run, dataset: Dataset) -> None:
    """No recording in two parts, every test clip unknown to the model, every other one known."""
    parts = parts_of(run)
    paths = [str(clip.source) for clip in dataset.clips()]
    of_group: dict[str, set[str]] = {}
    for path, group in zip(paths, dataset.groups(), strict=True):
        of_group.setdefault(group, set()).add(parts[path])
    assert all(len(found - {"left_out"}) <= 1 for found in of_group.values())
    ids = dict(zip(paths, dataset.table["clip_id"].to_pylist(), strict=True))
    known = set(load(run.model).spec.provenance.training_clips)
    assert known == {ids[path] for path, part in parts.items() if part in ("train", "validation")}
    assert not known & {ids[path] for path, part in parts.items() if part == "test"}


def assert_figures_are_those_of_the_file(run: Run, dataset: Dataset) -> None:
    parts = parts_of(run)
    tested = dataset.select([i for i, clip in enumerate(dataset.clips()) if parts[str(clip.source)] == "test"])
    written = json.loads((run.folder / "metrics.json").read_text())
    assert written == evaluate(load(run.model), tested, quiet=True).to_dict()
    kept = open_dataset(run.folder / "split.csv")
    tested = kept.select([i for i, clip in enumerate(kept.clips()) if clip.split == "test"])
    assert written == evaluate(load(run.model), tested, quiet=True).to_dict()
    assert written == run.metrics_dict()


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> Path:
    """A folder a class, one of them rare, with a copy of a clip and a file that is no sound."""
    root = class_folders(tmp_path_factory.mktemp("corpora") / "folders", clips_per_class=8)
    shutil.copy(root / "low" / "0.wav", root / "low" / "copy of 0.wav")
    for i in range(3):
        (root / "high" / f"{i}.wav").unlink()
    (root / "high" / "notes.wav").write_text("not a sound")
    return root


@pytest.fixture(scope="session")
def folders_run(cache_home, tmp_path_factory, folders) -> Run:
    options = quick(epochs=3, validation=0.2)
    return train(folders, output=tmp_path_factory.mktemp("runs") / "folders", options=options, quiet=True)


@pytest.fixture(scope="session")
def fold_run(cache_home, tmp_path_factory) -> tuple[Dataset, Run]:
    """ESC-50's tree, tested on fold 1."""
    dataset = open_dataset(esc50_tree(tmp_path_factory.mktemp("corpora") / "esc50"))
    run = train(dataset, output=tmp_path_factory.mktemp("runs") / "fold", options=quick(), fold=1, quiet=True)
    return dataset, run


@pytest.fixture(scope="session")
def parts_run(cache_home, tmp_path_factory) -> Run:
    """`train/ val/ test/` folders."""
    root = split_folders(tmp_path_factory.mktemp("corpora") / "parts")
    options = quick(epochs=2, imbalance="sampling")
    return train(root, output=tmp_path_factory.mktemp("runs") / "parts", options=options, quiet=True)


class TestAFolderAClass:
    def test_the_run_folder_is_complete(self, folders_run):
        assert {path.name for path in folders_run.folder.iterdir()} == RUN_FILES
        assert [path.name for path in (folders_run.folder / "checkpoints").iterdir()] == ["last.ckpt"]
        assert folders_run.report == folders_run.folder / "report.html"

    def test_the_figures_are_those_of_the_file(self, folders_run, folders):
        assert_figures_are_those_of_the_file(folders_run, open_dataset(folders))

    def test_the_split_is_honest(self, folders_run, folders):
        dataset = open_dataset(folders)
        assert set(parts_of(folders_run).values()) == {"train", "validation", "test"}
        assert_honest(folders_run, dataset)

    def test_the_validation_columns_are_filled(self, folders_run):
        rows = rows_of(folders_run.folder / "results.csv")
        assert [row["epoch"] for row in rows] == ["1", "2", "3"]
        assert all(float(row["val_loss"]) > 0 and 0 <= float(row["val_accuracy"]) <= 1 for row in rows)

    def test_what_is_no_sound_is_named_and_left_out(self, folders_run):
        (problem,) = folders_run.problems
        assert "notes.wav" in str(problem)
        assert "notes.wav" in folders_run.report.read_text(encoding="utf-8")
        assert not any("notes.wav" in path for path in parts_of(folders_run))

    def test_the_config_repeats_the_run(self, folders_run, folders):
        config = yaml.safe_load((folders_run.folder / "config.yaml").read_text())
        assert TrainOptions(**config["options"]) == quick(epochs=3, validation=0.2)
        assert config["source"] == str(folders)
        assert config["dataset_digest"] == open_dataset(folders).digest()

    def test_the_model_file_opens_alone_and_without_torch(self, folders_run, tmp_path):
        shutil.copy(folders_run.model, tmp_path / "model.onnx")
        script = (
            "import sys, numpy, auscult\n"
            "answer = auscult.load('model.onnx')(numpy.zeros(4000, numpy.float32))\n"
            "assert len(answer) == 3 and abs(sum(one['score'] for one in answer) - 1) < 1e-5\n"
            "print(sorted({'torch', 'onnx', 'lightning', 'matplotlib'} & set(sys.modules)))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"

    def test_it_is_not_overwritten(self, folders_run, folders):
        with pytest.raises(UsageError, match="holds a run already; add --resume"):
            train(folders, output=folders_run.folder, options=quick(epochs=3, validation=0.2), quiet=True)

    def test_another_run_with_the_same_cache_decodes_nothing(
        self, folders_run, folders, tmp_path, monkeypatch, cache_home
    ):
        decoded = []
        monkeypatch.setattr(clips, "iter_waveform", lambda path, **_: decoded.append(path))
        run = train(folders, output=tmp_path / "run", options=quick(validation=0.2, imbalance="weights"), quiet=True)
        assert decoded == []

        # The same batches, but the rare class counts more.
        first, again = (rows_of(one.folder / "results.csv")[0]["train_loss"] for one in (folders_run, run))
        assert first != again


class TestGivenParts:
    def test_they_are_taken_as_they_are(self, parts_run):
        parts = {Path(path).parts[-3:]: part for path, part in parts_of(parts_run).items()}
        assert parts.pop(("train", "low", "nan.wav")) == "left_out"
        folder = {"train": "train", "val": "validation", "test": "test"}
        assert parts == {path: folder[path[0]] for path in parts}
        assert parts_run.metrics["accuracy"].n == 9

    def test_a_clip_that_cannot_be_decoded_is_named_and_left_out(self, parts_run):
        (problem,) = parts_run.problems
        assert problem.kind == "not_finite"
        assert "nan.wav" in problem.source
        assert "nan.wav" in parts_run.report.read_text(encoding="utf-8")


class TestOfficialFolds:
    def test_one_fold_is_tested_by_what_the_others_taught(self, fold_run):
        dataset, run = fold_run
        parts = parts_of(run)
        assert {path: part for path, part in parts.items() if "/1-" in path} == {
            path: "test" for path in parts if "/1-" in path
        }
        assert set(parts.values()) == {"train", "test"}
        assert run.metrics["accuracy"].n == 18
        assert_honest(run, dataset)
        assert_figures_are_those_of_the_file(run, dataset)

    def test_there_is_no_validation_part_to_fill_columns(self, fold_run):
        (row,) = rows_of(fold_run[1].folder / "results.csv")
        assert row["val_loss"] == row["val_accuracy"] == ""

    def test_all_folds_at_once(self, fold_run, tmp_path):
        """Pooled figures, and folds that are bit for bit what they are when trained one by one."""
        dataset, alone = fold_run
        done = cross_validate(dataset, output=tmp_path / "cv", options=quick(), jobs=2, quiet=True)
        assert [name for name, _ in done.folds] == ["fold-1", "fold-2"]
        assert_same_weights(alone.model, done.folds[0][1].model)
        assert_pooled(done.folder, n_clips=36)
        for _, run in done.folds:
            assert_honest(run, dataset)


def assert_pooled(folder: Path, *, n_clips: int) -> None:
    """What lies in a cross-validation's folder against what its folds say."""
    runs = sorted(path for path in folder.iterdir() if path.is_dir())
    predictions = rows_of(folder / "predictions.csv")
    assert predictions == [row for run in runs for row in rows_of(run / "predictions.csv")]
    assert len({row["uri"] for row in predictions}) == len(predictions) == n_clips

    pooled = json.loads((folder / "metrics.json").read_text())
    right = sum(row["true"] == row["predicted"] for row in predictions)
    assert pooled["accuracy"]["value"] == pytest.approx(right / n_clips, abs=1e-6)
    assert pooled["accuracy"]["n"] == n_clips

    of_folds = [json.loads((run / "metrics.json").read_text()) for run in runs]
    for name, figure in pooled.items():
        values = [one[name]["value"] for one in of_folds]
        assert figure["fold_mean"] == pytest.approx(np.mean(values), abs=1e-5)
        assert figure["fold_deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-5)

    rows = rows_of(folder / "folds.csv")
    assert [row["fold"] for row in rows] == [run.name for run in runs]
    assert [float(row["accuracy"]) for row in rows] == [one["accuracy"]["value"] for one in of_folds]

    def counts(path: Path) -> np.ndarray:
        with (path / "confusion_matrix.csv").open(newline="") as file:
            return np.array([row[1:] for row in list(csv.reader(file))[1:]], dtype=int)

    assert np.array_equal(counts(folder), sum(counts(run) for run in runs))
    assert counts(folder).sum() == n_clips
    assert (folder / "confusion_matrix.png").is_file()
    assert (folder / "report.html").is_file()


def test_folds_by_group_go_on_after_an_interruption(cache_home, tmp_path, monkeypatch):
    dataset = open_dataset(table_with_groups(tmp_path / "sounds"))
    output = tmp_path / "cv"
    started = []

    def interrupted(*arguments, **options):
        started.append(options["output"].name)
        if len(started) == 2:
            raise KeyboardInterrupt
        return train_split(*arguments, **options)

    train_split = cross_validation.train_split
    with monkeypatch.context() as patch:
        patch.setattr(cross_validation, "train_split", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cross_validate(dataset, output=output, options=quick(), n_folds=2, quiet=True)
    before = weights_of(output / "fold-1" / "model.onnx")
    assert not (output / "metrics.json").exists()

    with pytest.raises(UsageError, match="holds a run already; add --resume"):
        cross_validate(dataset, output=output, options=quick(), n_folds=2, quiet=True)
    with pytest.raises(UsageError, match=r"begun otherwise .*folds\.fold-3 was None"):
        cross_validate(dataset, output=output, options=quick(), n_folds=3, resume=True, quiet=True)

    done = cross_validate(dataset, output=output, options=quick(), n_folds=2, resume=True, quiet=True)
    after = weights_of(output / "fold-1" / "model.onnx")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert_pooled(output, n_clips=24)
    tested = [{path for path, part in parts_of(run).items() if part == "test"} for _, run in done.folds]
    assert not tested[0] & tested[1]
    for _, run in done.folds:
        assert_honest(run, dataset)


def test_a_cross_validation_leaves_other_things_alone(tmp_path):
    dataset = open_dataset(table_with_groups(tmp_path / "sounds"))
    output = tmp_path / "cv"
    output.mkdir()
    (output / "thesis.doc").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.doc"):
        cross_validate(dataset, output=output, options=quick(), n_folds=2, quiet=True)
    assert [path.name for path in output.iterdir()] == ["thesis.doc"]


def test_many_labels(cache_home, tmp_path):
    dataset = open_dataset(table_of_many_labels(tmp_path / "sounds"))
    run = train(dataset, output=tmp_path / "run", options=quick(epochs=2), quiet=True)
    model = load(run.model)
    assert model.spec.heads[0].task == "multi_label"
    assert next(iter(run.metrics)) == "mean_average_precision"
    assert {path.name for path in run.folder.iterdir()} == RUN_FILES - {"confusion_matrix.csv", "confusion_matrix.png"}
    assert_honest(run, dataset)
    assert_figures_are_those_of_the_file(run, dataset)

    windows = np.stack([tones(["low", "high"], 1), tones([], 2)])
    answer = open_runner(run.model).run(windows)
    assert np.allclose(answer["scores"], 1 / (1 + np.exp(-answer["logits"].astype(np.float64))), atol=1e-6)


def test_one_channel_of_several(cache_home, tmp_path):
    root = stereo_folders(tmp_path / "sounds")
    run = train(root, output=tmp_path / "run", options=quick(mono=1, test=0.3), quiet=True)
    model = load(run.model)
    assert model.spec.mono == 1
    (problem,) = run.problems
    assert "channel 1 was asked for" in str(problem)
    assert "single.wav" in problem.source


def test_without_a_test_part_there_are_no_figures(cache_home, tmp_path, folders):
    run = train(folders, output=tmp_path / "run", options=quick(test=0.0, validation=0.0), quiet=True)
    assert run.evaluation is None
    assert run.metrics_dict() == {}
    assert set(parts_of(run).values()) == {"train"}
    assert "No clips were kept apart for testing" in run.report.read_text(encoding="utf-8")


def test_a_loss_that_is_no_number_leaves_no_model(cache_home, tmp_path, folders, monkeypatch):
    monkeypatch.setattr(Learner, "loss", lambda self, logits, targets: logits.sum() * float("nan"))
    with pytest.raises(AuscultError, match=r"training loss became nan in epoch 1; .* a lower --learning-rate"):
        train(folders, output=tmp_path / "run", options=quick(), quiet=True)
    assert not (tmp_path / "run" / "model.onnx").exists()


def test_the_cache_holds_the_channel_that_was_asked_for(cache_home, tmp_path):
    dataset = open_dataset(stereo_folders(tmp_path / "sounds"))
    cache = WaveformCache(default_cache_folder())
    chosen = dataset.clips()[0]
    keys, problems = clips.fill_cache([chosen], cache, sample_rate=SAMPLE_RATE, mono=1, quiet=True)
    assert problems == [None]
    label = chosen.labels[0]
    expected = tones([label], 100 * list(FREQUENCIES_HZ).index(label))
    assert cache.get(keys[0]) == pytest.approx(expected, abs=2 / 32768)


def test_a_split_that_leaks_says_so_beside_each_figure(tmp_path, cache_home):
    parts = split_folders(tmp_path / "parts")
    one = next(path for path in sorted((parts / "train").rglob("*.wav")) if path.name != "nan.wav")
    shutil.copy(one, parts / "test" / one.parent.name / "again.wav")
    run = train(parts, output=tmp_path / "run", options=quick(allow_leakage=True), quiet=True)
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {figure["caveat"] for figure in figures.values()} == {"on clips it was trained on"}
    assert any("clips in more than one part" in note for note in run.notes)
    assert "on clips it was trained on" in (tmp_path / "run" / "report.html").read_text()
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["options"]["allow_leakage"] is True


def test_how_a_source_was_read_is_kept_and_said_again(tmp_path, cache_home):
    sounds = class_folders(tmp_path / "sounds", clips_per_class=4)
    chosen = tuple(sorted(FREQUENCIES_HZ)[:2])
    train(sounds, output=tmp_path / "run", options=quick(), reading=Reading(only_labels=chosen), quiet=True)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["reading"] == {"only_labels": list(chosen)}
    assert f"--only-labels {chosen[0]} --only-labels {chosen[1]}" in (tmp_path / "run" / "report.html").read_text()
    assert [label.id for label in load(tmp_path / "run" / "model.onnx").labels] == list(chosen)
