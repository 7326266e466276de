from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.models.modelspec import UnknownSpec
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

from .conftest import Auscult, TrainedRun, write_tones


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It knows the classes of the sounds here, and has heard none of them."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx", tiny_spec(("high", "low")))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds with given parts: train/, val/ and test/ folders."""
    root = tmp_path_factory.mktemp("parts") / "corpus"
    for seed, (part, clips) in enumerate({"train": 3, "val": 1, "test": 2}.items()):
        write_tones(root / part, clips=clips, seed=10 + seed)
    return root


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ESC-50's own tree, with two folds."""
    root = tmp_path_factory.mktemp("folds") / "corpus"
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    header = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    rows = []
    for fold in (1, 2):
        drawn = write_tones(root.parent / f"drawn-{fold}", clips=fold, seed=20 + fold)
        for path in sorted(drawn.glob("*/*.wav")):
            target = ("high", "low").index(path.parent.name)
            name = f"{fold}-{fold}{target}{path.stem}-A-{target}.wav"
            path.rename(root / "audio" / name)
            rows.append([name, fold, target, path.parent.name, True, f"{fold}{target}{path.stem}", "A"])
    with open(root / "meta" / "esc50.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return root


def test_json_is_what_metrics_json_holds(auscult: Auscult, model: Path, new_sounds: Path, tmp_path: Path) -> None:
    done = auscult("evaluate", model, new_sounds, "--json", "--quiet", "-o", tmp_path / "figures")
    assert (done.code, done.err) == (0, "")
    (printed,) = done.records
    assert printed == json.loads((tmp_path / "figures" / "metrics.json").read_text())
    assert next(iter(printed)) == "accuracy"
    assert printed["accuracy"]["n"] == 6
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "metrics.json",
        "predictions.csv",
        "confusion_matrix.csv",
    }


def test_a_run_is_measured_again_to_the_same_figures(auscult: Auscult, trained: TrainedRun) -> None:
    """The clips of the run's test part, by themselves: what you evaluate is what you ship."""
    done = auscult("evaluate", trained.folder / "model.onnx", trained.folder / "split.csv", "--part", "test", "--json")
    assert done.code == 0
    assert done.records == trained.done.records


def test_one_class_alone(auscult: Auscult, model: Path, new_sounds: Path, tmp_path: Path) -> None:
    shutil.copytree(new_sounds / "low", tmp_path / "night" / "low")
    done = auscult("evaluate", model, tmp_path / "night", "--json")
    assert (done.code, done.records[0]["accuracy"]["n"]) == (0, 3)
    assert "note: no clip holds 'high'" in done.err


def test_text_is_a_table(auscult: Auscult, model: Path, new_sounds: Path) -> None:
    done = auscult("evaluate", model, new_sounds, "--quiet")
    header, first, *_ = done.out.splitlines()
    assert header.split() == ["95", "%", "interval", "clips"]
    assert first.split()[0] == "Accuracy"
    assert first.endswith(" 6")
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(("part", "n_clips"), [("train", 6), ("validation", 2), ("test", 4)])
def test_part(auscult: Auscult, model: Path, parts: Path, part: str, n_clips: int) -> None:
    done = auscult("evaluate", model, parts, "--part", part, "--json")
    assert (done.code, done.records[0]["accuracy"]["n"]) == (0, n_clips)


def test_unknown_part_names_the_known_ones(auscult: Auscult, model: Path, parts: Path, new_sounds: Path) -> None:
    done = auscult("evaluate", model, parts, "--part", "val")
    assert (done.code, done.out) == (2, "")
    assert 'Invalid value "val" for --part. Choose from: "train", "validation", "test".' in done.err
    done = auscult("evaluate", model, new_sounds, "--part", "test")
    assert (done.code, done.out) == (2, "")
    assert "--part test: the sounds have no such split. They have none;" in done.err


@pytest.mark.parametrize("fold", [1, 2])
def test_fold(auscult: Auscult, model: Path, folds: Path, fold: int) -> None:
    done = auscult("evaluate", model, folds, "--fold", fold, "--json")
    assert (done.code, done.records[0]["accuracy"]["n"]) == (0, 2 * fold)


def test_unknown_fold_names_the_known_ones(auscult: Auscult, model: Path, folds: Path, new_sounds: Path) -> None:
    done = auscult("evaluate", model, folds, "--fold", 3)
    assert (done.code, done.out) == (2, "")
    assert "--fold 3: the sounds have no such fold. They have 1, 2;" in done.err
    done = auscult("evaluate", model, new_sounds, "--fold", 1)
    assert done.code == 2
    assert "They have none" in done.err


def test_labels_that_the_model_does_not_know(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    sounds = write_tones(tmp_path / "sounds", clips=1)
    (sounds / "low").rename(sounds / "Low")
    done = auscult("evaluate", model, sounds)
    assert (done.code, done.out) == (2, "")
    assert "the model does not know 1 of the labels, 'Low'" in done.err
    assert "it has 'low' in other case" in done.err


def test_clips_that_it_was_trained_on_are_refused_unless_asked_for(
    auscult: Auscult, trained: TrainedRun, sounds: Path
) -> None:
    model = trained.folder / "model.onnx"
    done = auscult("evaluate", model, sounds, "--json")
    assert (done.code, done.out) == (2, "")
    assert "10 of 12 clips were used to train the model 'run'" in done.err
    assert "--allow-seen" in done.err
    assert f"auscult evaluate {model} {trained.folder / 'split.csv'} --part test" in done.err
    done = auscult("evaluate", model, sounds, "--allow-seen", "--json")
    assert (done.code, done.records[0]["accuracy"]["n"]) == (0, 12)
    assert "note: 10 of 12 clips were used to train" in done.err


def test_a_bad_file_is_named_and_the_others_are_counted(auscult: Auscult, model: Path, tmp_path: Path) -> None:
    sounds = write_tones(tmp_path / "sounds", clips=2)
    (sounds / "low" / "bad.wav").write_text("no sound")
    done = auscult("evaluate", model, sounds, "--json", "--quiet")
    assert (done.code, done.records[0]["accuracy"]["n"]) == (1, 4)
    assert done.err.startswith(f"auscult: {sounds / 'low' / 'bad.wav'}: ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["model.onnx"], ["model.onnx", "sounds", "more"]])
def test_model_and_source_are_both_needed(auscult: Auscult, arguments: list[str]) -> None:
    done = auscult("evaluate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert "See auscult evaluate --help." in done.err


class TestUnknown:
    """A model that may say of a sound that it is of no class, and four clips: one of them comes out so."""

    LABELS = ("early", "late", "unknown")

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        spec = tiny_spec(self.LABELS, hop_samples=1200)
        head = replace(spec.heads[0], unknown=UnknownSpec(label="unknown", rule="loudest", threshold=0.0))
        return write_tiny_model(tmp_path / "unknown.onnx", replace(spec, heads=(head,)))

    @pytest.fixture
    def clips(self, tmp_path: Path) -> Path:
        for label, loud in {"early": ["early", "unknown"], "late": ["late", "late"]}.items():
            (tmp_path / "clips" / label).mkdir(parents=True)
            for i, part in enumerate(loud):
                samples = np.zeros((len(self.LABELS), 400))
                samples[self.LABELS.index(part)] = 0.1 * (1 + i) * np.resize([1, -1], 400)
                soundfile.write(tmp_path / "clips" / label / f"{i}.wav", samples.ravel(), SAMPLE_RATE)
        return tmp_path / "clips"

    def test_evaluate(self, auscult: Auscult, model: Path, clips: Path, tmp_path: Path) -> None:
        done = auscult("evaluate", model, clips, "--json", "-o", tmp_path / "figures")
        assert done.code == 0
        assert done.records[0]["accuracy"]["value"] == 0.75
        assert done.records[0]["balanced_accuracy"]["value"] == 0.75
        assert (
            "note: 1 of 4 clips of the classes came out as 'unknown' and count as wrong; the best class is right for "
            "1 of them." in done.err
        )
        assert "no clip holds" not in done.err
        assert (tmp_path / "figures" / "confusion_matrix.csv").read_text().splitlines() == [
            "true \\ predicted,early,late,unknown",
            "early,1,0,1",
            "late,0,2,0",
            "unknown,0,0,0",
        ]

    def test_a_class_that_it_does_not_know_is_not_taken_for_unknown(
        self, auscult: Auscult, model: Path, clips: Path
    ) -> None:
        (clips / "late").rename(clips / "noon")
        done = auscult("evaluate", model, clips)
        assert (done.code, done.out) == (2, "")
        assert "does not know 1 of the labels, 'noon'" in done.err
        assert "Clips that are labelled 'unknown' count as sounds of no class." in done.err
        (clips / "noon").rename(clips / "unknown")
        done = auscult("evaluate", model, clips, "--json")
        assert (done.code, done.records[0]["accuracy"]["value"]) == (0, 0.25)

    def test_classify_names_it_like_any_label(self, auscult: Auscult, model: Path, clips: Path) -> None:
        sound = clips / "early" / "1.wav"
        assert "unknown" in auscult("classify", sound, "-m", model, "-k", 1).out.splitlines()[1]
        (record,) = auscult("classify", sound, "-m", model, "--json").records
        assert [one["label"] for one in record["predictions"]] == ["unknown", "early", "late"]
        assert sum(one["score"] for one in record["predictions"]) == pytest.approx(1, abs=1e-6)
        rows = list(csv.DictReader(auscult("classify", sound, "-m", model, "--csv").out.splitlines()))
        assert [row["label"] for row in rows] == ["unknown", "early", "late"]
        (record,) = auscult("classify", sound, "-m", model, "--json", "--deny", "unknown").records
        assert [one["label"] for one in record["predictions"]] == ["early", "late"]
