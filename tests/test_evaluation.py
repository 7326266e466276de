"""Figures of a model file on labelled clips, each expected from how the clips were made."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.classifier import Classifier, load
from auscult.data import Dataset, Split, WaveformCache, open_dataset
from auscult.errors import DataError, ModelFileError
from auscult.evaluation import Evaluation, evaluate
from auscult.models.modelspec import UnknownSpec
from auscult.records import FloatArray
from auscult.report import RunReport
from auscult.report.html import report_html
from auscult.training.clips import fill_cache
from tests.tiny_models import SAMPLE_RATE, tiny_spec, write_tiny_model

PARTS = ["early", "late"]
SPEC = tiny_spec(PARTS, part_samples=400, hop_samples=800)


def clip(part: str, seed: int, parts: Sequence[str] = PARTS) -> FloatArray:
    """One window with noise in the part named, much louder than the silence in the others."""
    samples = np.zeros(400 * len(parts), dtype=np.float32)
    start = parts.index(part) * 400
    samples[start : start + 400] = np.random.default_rng(seed).uniform(-0.5, 0.5, 400)
    return samples


def write_clips(root: Path, made: Mapping[str, list[str]], parts: Sequence[str] = PARTS) -> Path:
    """A folder a label; `made` says for each label which part is loud in its clips."""
    for label, loud in made.items():
        (root / label).mkdir(parents=True)
        for i, part in enumerate(loud):
            soundfile.write(root / label / f"{i}.wav", clip(part, hash_of(label, i), parts), SAMPLE_RATE)
    return root


def hash_of(label: str, number: int) -> int:
    return sum(map(ord, label)) * 1000 + number


@pytest.fixture
def model(tmp_path: Path) -> Classifier:
    return load(write_tiny_model(tmp_path / "model.onnx", SPEC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five clips; the model is wrong on one of the three `late` ones."""
    return write_clips(tmp_path / "sounds", {"early": ["early"] * 2, "late": ["late", "late", "early"]})


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


class TestFigures:
    def test_right_and_wrong_are_counted(self, model: Classifier, folder: Path) -> None:
        found = evaluate(model, folder, quiet=True)
        assert found.metrics["accuracy"].value == pytest.approx(4 / 5)
        assert found.metrics["accuracy"].n == 5
        assert found.confusion is not None
        assert found.confusion.tolist() == [[2, 0], [1, 2]]
        assert [(one.label, one.recall) for one in found.classes] == [
            ("early", 1.0),
            ("late", pytest.approx(2 / 3)),
        ]
        assert found.problems == found.notes == ()

    def test_scores_are_those_that_users_get(self, model: Classifier, folder: Path) -> None:
        found = evaluate(model, folder, quiet=True)
        for tested, scores in zip(found.clips, found.outcomes.scores, strict=True):
            result = model.classify(tested.clip.source)
            assert scores.tobytes() == result.sound_scores.tobytes()
            assert tested.predictions == result.predictions
            assert tested.predicted == (result.predictions[0].label,)

    def test_the_model_s_order_of_labels_rules(self, folder: Path, tmp_path: Path) -> None:
        turned = tiny_spec(["late", "absent", "early"], part_samples=400, hop_samples=1200)
        found = evaluate(write_tiny_model(tmp_path / "turned.onnx", turned), folder, quiet=True)
        assert found.labels == ("late", "absent", "early")
        assert [one.true[0] for one in found.clips] == ["early"] * 2 + ["late"] * 3
        assert found.outcomes.targets.argmax(axis=1).tolist() == [2, 2, 0, 0, 0]
        assert found.notes == ("no clip holds 'absent', which the model knows: figures are of the other classes.",)

    def test_a_range_of_a_file_is_a_clip(self, model: Classifier, tmp_path: Path) -> None:
        samples = np.concatenate([clip("late", 1), clip("early", 2), clip("late", 3)])
        soundfile.write(tmp_path / "long.wav", samples, SAMPLE_RATE, subtype="FLOAT")
        soundfile.write(tmp_path / "other.wav", clip("late", 4), SAMPLE_RATE)
        (tmp_path / "clips.csv").write_text("path,label\nlong.wav,early\nother.wav,late\n")
        whole = Dataset.from_csv(tmp_path / "clips.csv")
        rows = whole.table.to_pylist()
        rows[0] |= {"start": 800, "end": 1600, "clip_id": rows[0]["clip_id"] + ":800-1600"}
        table = whole.table.from_pylist(rows, schema=whole.table.schema)
        dataset = Dataset(table, whole.root, whole.labels, whole.task)
        found = evaluate(model, dataset, quiet=True)
        assert found.metrics["accuracy"].value == 1.0
        np.testing.assert_array_equal(found.outcomes.scores[0], model.classify(clip("early", 2)).sound_scores)

    def test_several_labels(self, tmp_path: Path) -> None:
        spec = tiny_spec(PARTS, task="multi_label", hop_samples=800, thresholds=(0.05, 0.05))
        model = load(write_tiny_model(tmp_path / "multi.onnx", spec))
        both = clip("early", 1) + clip("late", 2)
        for name, samples in {"both": both, "early": clip("early", 3), "none": np.zeros(800)}.items():
            soundfile.write(tmp_path / f"{name}.wav", samples, SAMPLE_RATE)
        (tmp_path / "clips.csv").write_text("path;label\nboth.wav;early|late\nearly.wav;early\nnone.wav;\n")
        dataset = Dataset.from_csv(tmp_path / "clips.csv", label_delimiter="|")
        found = evaluate(model, dataset, quiet=True)
        assert [one.true for one in found.clips] == [("early", "late"), ("early",), ()]
        assert [one.predicted for one in found.clips] == [("early", "late"), ("early",), ()]
        assert found.metrics["subset_accuracy"].value == 1.0
        assert found.confusion is None
        found.write(tmp_path / "run")
        assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
            "metrics.json",
            "predictions.csv",
        ]
        assert rows_of(tmp_path / "run" / "predictions.csv")[1][4:6] == ['["early", "late"]'] * 2


class TestOneClassAlone:
    """Only one of the model's classes is there: 2 of 3 clips of `late` are heard as such."""

    @pytest.fixture
    def found(self, model: Classifier, tmp_path: Path) -> Evaluation:
        return evaluate(model, write_clips(tmp_path / "night", {"late": ["late", "late", "early"]}), quiet=True)

    def test_the_figures_are_of_that_class(self, found: Evaluation) -> None:
        assert found.metrics["accuracy"].value == pytest.approx(2 / 3)
        assert found.metrics["balanced_accuracy"].value == pytest.approx(2 / 3)
        assert found.metrics["macro_f1"].value == pytest.approx(2 * 2 / (2 * 2 + 0 + 1))
        assert found.confusion is not None
        assert found.confusion.tolist() == [[0, 0], [1, 2]]
        assert found.classes[0].recall is None

    def test_a_note_says_so(self, found: Evaluation) -> None:
        assert found.notes == ("no clip holds 'early', which the model knows: figures are of the other classes.",)

    def test_its_files_can_be_written(self, found: Evaluation, tmp_path: Path) -> None:
        found.write(tmp_path / "run")
        assert json.loads((tmp_path / "run" / "metrics.json").read_text())["accuracy"]["n"] == 3


class TestUnknown:
    """A model with the classes `early` and `late` and a label for all other sounds."""

    PARTS = ("early", "late", "unknown")

    @pytest.fixture
    def model(self, tmp_path: Path) -> Classifier:
        spec = tiny_spec(self.PARTS, hop_samples=1200)
        unknown = UnknownSpec(label="unknown", rule="loudest", threshold=0.0)
        heads = (replace(spec.heads[0], unknown=unknown),)
        return load(write_tiny_model(tmp_path / "model.onnx", replace(spec, heads=heads)))

    def test_clips_of_classes_that_come_out_as_unknown_are_wrong_and_counted(
        self, model: Classifier, tmp_path: Path
    ) -> None:
        made = {"early": ["early", "unknown", "unknown"], "late": ["late", "early"]}
        found = evaluate(model, write_clips(tmp_path / "sounds", made, self.PARTS), quiet=True)
        assert found.metrics["accuracy"].value == pytest.approx(2 / 5)
        assert [one.predicted for one in found.clips[:3]] == [("early",), ("unknown",), ("unknown",)]
        # In silence both classes score alike, and of equal ones the first counts.
        assert found.notes == (
            "2 of 5 clips of the classes came out as 'unknown' and count as wrong; the best class is right for 2 of "
            "them.",
        )

    def test_it_has_a_column_of_its_own_and_an_empty_row(self, model: Classifier, tmp_path: Path) -> None:
        made = {"early": ["early", "unknown", "unknown"], "late": ["late", "early"]}
        found = evaluate(model, write_clips(tmp_path / "sounds", made, self.PARTS), quiet=True)
        found.write(tmp_path / "run")
        assert rows_of(tmp_path / "run" / "confusion_matrix.csv") == [
            ["true \\ predicted", "early", "late", "unknown"],
            ["early", "1", "0", "2"],
            ["late", "1", "1", "0"],
            ["unknown", "0", "0", "0"],
        ]
        header, *rows = rows_of(tmp_path / "run" / "predictions.csv")
        true, predicted = header.index("true"), header.index("predicted")
        assert [(row[true], row[predicted]) for row in rows] == [
            ("early", "early"),
            ("early", "unknown"),
            ("early", "unknown"),
            ("late", "late"),
            ("late", "early"),
        ]

    def test_no_clip_of_it_counts_for_no_figure_of_classes(self, model: Classifier, tmp_path: Path) -> None:
        """Recall 1/3 and 1/2, F1 2/5 and 2/3: means over the two classes, not over three labels."""
        made = {"early": ["early", "unknown", "unknown"], "late": ["late", "early"]}
        found = evaluate(model, write_clips(tmp_path / "sounds", made, self.PARTS), quiet=True)
        assert found.metrics["balanced_accuracy"].value == pytest.approx((1 / 3 + 1 / 2) / 2)
        assert found.metrics["macro_f1"].value == pytest.approx((2 / 5 + 2 / 3) / 2)
        assert [(one.label, one.support, one.recall) for one in found.classes] == [
            ("early", 3, pytest.approx(1 / 3)),
            ("late", 2, 0.5),
            ("unknown", 0, None),
        ]

    def test_a_report_names_it_among_what_clips_were_taken_for(self, model: Classifier, tmp_path: Path) -> None:
        made = {"early": ["early", "unknown", "unknown"], "late": ["late", "early"]}
        found = evaluate(model, write_clips(tmp_path / "sounds", made, self.PARTS), quiet=True)
        report = RunReport(
            title="run",
            metrics=found.metrics,
            notes=found.notes,
            confusion=found.confusion,
            labels=found.labels,
            classes=found.classes,
        )
        cells = re.sub(r"<[^>]*>+", "|", report_html(report)).replace(" ", "")
        assert "|early||unknown||2||66.7" in cells
        assert "2of5clipsoftheclassescameoutas" in cells

    def test_other_sounds_may_be_given_under_that_label(self, model: Classifier, tmp_path: Path) -> None:
        made = {"early": ["early"], "late": ["late"], "unknown": ["unknown", "unknown", "late"]}
        found = evaluate(model, write_clips(tmp_path / "sounds", made, self.PARTS), quiet=True)
        assert found.metrics["accuracy"].value == pytest.approx(4 / 5)
        assert found.notes == ()

    def test_sounds_of_other_labels_are_refused_and_the_label_named(self, model: Classifier, tmp_path: Path) -> None:
        root = write_clips(tmp_path / "sounds", {"early": ["early"], "noon": ["late"]}, self.PARTS)
        with pytest.raises(DataError, match=r"Clips that are labelled 'unknown' count as sounds of no class\."):
            evaluate(model, root, quiet=True)


class TestFiles:
    def test_what_is_written(self, model: Classifier, folder: Path, tmp_path: Path) -> None:
        found = evaluate(model, folder, quiet=True)
        found.write(tmp_path / "run")
        metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert metrics == json.loads(json.dumps(found.to_dict()))
        assert list(metrics["accuracy"]) == ["value", "low", "high", "n"]
        header, *rows = rows_of(tmp_path / "run" / "predictions.csv")
        assert header == ["clip_id", "uri", "group", "fold", "true", "predicted", "score"]
        assert [row[1] for row in rows] == [
            "early/0.wav",
            "early/1.wav",
            "late/0.wav",
            "late/1.wav",
            "late/2.wav",
        ]
        assert [row[5] for row in rows] == ["early", "early", "late", "late", "early"]
        assert [float(row[6]) for row in rows] == [one.predictions[0].score for one in found.clips]
        assert rows_of(tmp_path / "run" / "confusion_matrix.csv") == [
            ["true \\ predicted", "early", "late"],
            ["early", "2", "0"],
            ["late", "1", "2"],
        ]


class TestDecoded:
    """Clips whose samples are at hand are not decoded again; nothing else is different."""

    @pytest.fixture
    def cache(self, folder: Path, tmp_path: Path) -> WaveformCache:
        cache = WaveformCache(tmp_path / "cache")
        fill_cache(open_dataset(folder).clips(), cache, sample_rate=SPEC.sample_rate, mono="mean", quiet=True)
        return cache

    def test_not_a_bit_is_different(self, model: Classifier, folder: Path, cache: WaveformCache) -> None:
        found, plain = (evaluate(model, folder, decoded=one, quiet=True) for one in (cache, None))
        np.testing.assert_array_equal(found.outcomes.scores, plain.outcomes.scores)
        assert found.clips == plain.clips

    def test_files_are_read_where_it_has_no_samples(self, model: Classifier, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "sounds" / "early" / "bad.wav").write_bytes(b"RIFF")
        found = evaluate(model, folder, decoded=WaveformCache(tmp_path / "empty"), quiet=True)
        assert len(found.clips) == 5
        assert [Path(problem.source).name for problem in found.problems] == ["bad.wav"]

    def test_samples_at_hand_need_no_file(self, model: Classifier, folder: Path, cache: WaveformCache) -> None:
        dataset = open_dataset(folder)
        for clip in dataset.clips():
            Path(str(clip.source)).unlink()
        assert len(evaluate(model, dataset, decoded=cache, quiet=True).clips) == 5

    def test_a_model_of_one_channel_hears_the_file(self, folder: Path, cache: WaveformCache, tmp_path: Path) -> None:
        first = load(write_tiny_model(tmp_path / "first.onnx", replace(SPEC, mono=0)))
        assert not evaluate(first, folder, decoded=cache, quiet=True).problems


class TestProblems:
    def test_a_bad_file_is_named_and_the_rest_is_evaluated(self, model: Classifier, folder: Path) -> None:
        dataset = Dataset.from_folder(folder)
        (folder / "late" / "1.wav").write_bytes(b"no longer a sound, since the dataset was read")
        found = evaluate(model, dataset, quiet=True)
        assert [problem.source for problem in found.problems] == [str(folder / "late" / "1.wav")]
        assert found.metrics["accuracy"].n == 4
        assert [one.uri for one in found.clips] == ["early/0.wav", "early/1.wav", "late/0.wav", "late/2.wav"]
        assert found.confusion is not None
        assert found.confusion.tolist() == [[2, 0], [1, 1]]

    def test_a_file_that_the_dataset_left_out_is_named_too(self, model: Classifier, folder: Path) -> None:
        (folder / "late" / "9.wav").touch()
        found = evaluate(model, folder, quiet=True)
        assert [problem.kind for problem in found.problems] == ["empty"]
        assert found.metrics["accuracy"].n == 5

    def test_nothing_readable(self, model: Classifier, folder: Path) -> None:
        dataset = Dataset.from_folder(folder)
        for path in folder.rglob("*.wav"):
            path.unlink()
        with pytest.raises(DataError, match=r"none of 5 clips could be read; the first: .*0\.wav: there is no"):
            evaluate(model, dataset, quiet=True)

    def test_no_clip(self, model: Classifier, folder: Path) -> None:
        with pytest.raises(DataError, match="there is no clip to evaluate"):
            evaluate(model, Dataset.from_folder(folder).select([]), quiet=True)

    def test_labels_that_the_model_does_not_know(self, model: Classifier, tmp_path: Path) -> None:
        made = {"early": ["early"], "Late": ["late"], "noon": ["late"]}
        with pytest.raises(DataError) as caught:
            evaluate(model, write_clips(tmp_path / "sounds", made), quiet=True)
        message = str(caught.value)
        assert "does not know 2 of the labels, 'Late', 'noon'" in message
        assert "labels are matched exactly, and it has 'late' in other case" in message
        assert "it knows 'early', 'late'. Rename the labels, or leave those clips out." in message

    def test_a_label_that_no_clip_has_is_no_matter(self, model: Classifier, tmp_path: Path) -> None:
        root = write_clips(tmp_path / "sounds", {"early": ["early"], "late": ["late"], "noon": ["late"]})
        dataset = Dataset.from_folder(root)
        held = [i for i, one in enumerate(dataset.clips()) if one.labels != ("noon",)]
        assert evaluate(model, dataset.select(held), quiet=True).metrics["accuracy"].value == 1.0

    def test_several_labels_for_a_model_that_gives_one(self, model: Classifier, tmp_path: Path) -> None:
        for name in PARTS:
            soundfile.write(tmp_path / f"{name}.wav", clip(name, 1), SAMPLE_RATE)
        (tmp_path / "clips.csv").write_text("path;label\nearly.wav;early|late\nlate.wav;late\n")
        dataset = Dataset.from_csv(tmp_path / "clips.csv", label_delimiter="|")
        with pytest.raises(DataError, match="clips may hold several labels, and the model 'loudest-part' gives one"):
            evaluate(model, dataset, quiet=True)

    def test_no_model(self, folder: Path) -> None:
        with pytest.raises(ModelFileError, match="there is no such file"):
            evaluate(folder / "model.onnx", folder, quiet=True)


class TestSeen:
    def trained_on(self, clip_ids: list[str], tmp_path: Path) -> Classifier:
        spec = tiny_spec(PARTS, hop_samples=800, training_clips=clip_ids)
        return load(write_tiny_model(tmp_path / "trained.onnx", spec))

    def test_clips_of_the_training_are_refused(self, folder: Path, tmp_path: Path) -> None:
        dataset = Dataset.from_folder(folder)
        seen = [one.clip_id for one in dataset.clips()[:2]]
        model = self.trained_on(seen, tmp_path)
        with pytest.raises(DataError, match=r"2 of 5 clips were used to train.*allow_seen=True \(--allow-seen\)"):
            evaluate(model, dataset, quiet=True)
        assert evaluate(model, dataset.select([2, 3, 4]), quiet=True).metrics["accuracy"].n == 3

    def test_unless_they_are_asked_for_and_then_noted(self, folder: Path, tmp_path: Path) -> None:
        model = self.trained_on([Dataset.from_folder(folder).clips()[0].clip_id], tmp_path)
        found = evaluate(model, folder, allow_seen=True, quiet=True)
        assert found.metrics["accuracy"].n == 5
        assert found.notes[0].startswith("1 of 5 clips were used to train the model 'loudest-part'")

    def test_the_refusal_names_the_clips_that_the_run_kept_apart(self, folder: Path, tmp_path: Path) -> None:
        dataset = Dataset.from_folder(folder)
        run = tmp_path / "my run"
        Split("holdout", np.array([0, 2, 4]), test=np.array([1, 3])).to_csv(dataset, run / "split.csv")
        spec = tiny_spec(PARTS, hop_samples=800, training_clips=[dataset.clips()[i].clip_id for i in (0, 2, 4)])
        model = write_tiny_model(run / "model.onnx", spec)
        with pytest.raises(DataError) as caught:
            evaluate(model, folder, quiet=True)
        command = f"auscult evaluate '{model}' '{run / 'split.csv'}' --part test"
        assert str(caught.value).endswith(f"The run's split.csv has the clips that were kept apart: {command}")
        for source in (model, load(model)):
            with pytest.raises(DataError, match=r"allow_seen=True \(--allow-seen\)\.$"):
                evaluate(source, dataset.select([0, 2, 4]), quiet=True)  # none of these was kept apart
        (run / "split.csv").unlink()
        with pytest.raises(DataError, match=r"allow_seen=True \(--allow-seen\)\.$"):
            evaluate(model, folder, quiet=True)

    @pytest.mark.parametrize(
        ("heard", "seen"),
        [("", True), (":0-10", True), (":799-", True), (":800-", False), (":800-900", False)],
    )
    def test_a_part_of_a_heard_file_is_heard(self, folder: Path, tmp_path: Path, heard: str, seen: bool) -> None:
        dataset = Dataset.from_folder(folder)
        rows = dataset.table.to_pylist()
        content = rows[0]["clip_id"]
        rows[0] |= {"start": 0, "end": 800, "clip_id": f"{content}:0-800"}
        table = dataset.table.from_pylist(rows, schema=dataset.table.schema)
        parts = Dataset(table, dataset.root, dataset.labels, dataset.task)
        model = self.trained_on([content + heard], tmp_path)
        assert bool(evaluate(model, parts, allow_seen=True, quiet=True).notes) == seen


class TestSplitOfARun:
    """`split.csv` is a source: the part that was kept apart gives exactly the figures of the run."""

    def again(self, table: Path, model: Classifier) -> Evaluation:
        """As `auscult evaluate MODEL RUN/split.csv --part test`."""
        dataset = open_dataset(table)
        assert dataset.problems == ()
        tested = [i for i, clip in enumerate(dataset.clips()) if clip.split == "test"]
        return evaluate(model, dataset.select(tested), quiet=True)

    def assert_same(self, one: Evaluation, other: Evaluation) -> None:
        assert one.to_dict() == other.to_dict()
        assert one.outcomes.scores.tobytes() == other.outcomes.scores.tobytes()
        assert one.outcomes.groups.tolist() == other.outcomes.groups.tolist()
        assert [tested.true for tested in one.clips] == [tested.true for tested in other.clips]

    def test_of_a_folder_named_by_a_relative_path(
        self, model: Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "late" / "2.wav").rename(folder / "late" / 'a "b", é.wav')
        monkeypatch.chdir(tmp_path)
        whole = Dataset.from_folder("sounds")
        dataset = Dataset(whole.table, Path("sounds"), whole.labels, whole.task)
        split = Split("holdout", np.array([0]), test=np.array([1, 3, 4]))
        split.to_csv(dataset, "run/split.csv")
        found = evaluate(model, dataset.select(split.test), quiet=True)
        monkeypatch.chdir("/")
        self.assert_same(self.again(tmp_path / "run" / "split.csv", model), found)

    def test_of_clips_that_may_hold_several_labels_though_none_does(self, tmp_path: Path) -> None:
        spec = tiny_spec(PARTS, task="multi_label", hop_samples=800, thresholds=(0.05, 0.05))
        model = load(write_tiny_model(tmp_path / "multi.onnx", spec))
        names = ("early", "late", "none", "early again", "late again")
        for i, name in enumerate(names):
            samples = np.zeros(800) if name == "none" else clip(name.split()[0], i)
            soundfile.write(tmp_path / f"{name}.wav", samples, SAMPLE_RATE)
        rows = [f"{name}.wav,{'' if name == 'none' else name.split()[0]},g{i % 2}" for i, name in enumerate(names)]
        (tmp_path / "clips.csv").write_text("\n".join(["path,label,group", *rows]))
        dataset = Dataset.from_csv(tmp_path / "clips.csv", label_delimiter="|")
        split = Split("by hand", np.array([0]), test=np.array([1, 2, 3, 4]))
        split.to_csv(dataset, tmp_path / "run" / "split.csv")
        found = evaluate(model, dataset.select(split.test), quiet=True)
        assert [one.true for one in found.clips] == [("late",), (), ("early",), ("late",)]
        self.assert_same(self.again(tmp_path / "run" / "split.csv", model), found)


class TestJoined:
    def test_the_clips_of_all_parts_are_counted_together(self, model: Classifier, folder: Path) -> None:
        dataset = Dataset.from_folder(folder)
        whole = evaluate(model, dataset, quiet=True)
        joined = Evaluation.joined([evaluate(model, dataset.select(part), quiet=True) for part in ([0, 2], [1, 3, 4])])
        assert joined.metrics["accuracy"] == whole.metrics["accuracy"]
        assert joined.confusion is not None
        assert joined.confusion.tolist() == [[2, 0], [1, 2]]
        assert [one.uri for one in joined.clips] == [whole.clips[i].uri for i in (0, 2, 1, 3, 4)]

    def test_a_problem_of_several_parts_is_named_once(self, model: Classifier, folder: Path) -> None:
        (folder / "late" / "9.wav").touch()
        found = evaluate(model, folder, quiet=True)
        assert len(Evaluation.joined([found, found]).problems) == 1

    def test_other_questions_do_not_join(self, model: Classifier, folder: Path, tmp_path: Path) -> None:
        turned = write_tiny_model(tmp_path / "turned.onnx", tiny_spec(PARTS[::-1]))
        found = [evaluate(one, folder, quiet=True) for one in (model, turned)]
        with pytest.raises(DataError, match="task, labels, their order and thresholds are the same"):
            Evaluation.joined(found)
        with pytest.raises(DataError, match="no evaluation to join"):
            Evaluation.joined([])


def test_labels_that_weigh_between_0_and_1_are_decided(model: Classifier, folder: Path, tmp_path: Path) -> None:
    """For one label a clip the heaviest counts, for several those of a half and more."""
    files = sorted(folder.rglob("*.wav"))
    weights = [0.9, 0.6, 0.2, 0.2, 0.5]
    whole = Dataset.from_files(files, [{"early": each, "late": 1 - each} for each in weights])
    found = evaluate(model, whole, quiet=True)
    assert [one.true for one in found.clips] == [("early",), ("early",), ("late",), ("late",), ("early",)]
    assert found.notes == (
        "The labels of 5 clips weigh between 0 and 1: what counts as true is the heaviest, of equals the first.",
    )
    spec = replace(SPEC, heads=(replace(SPEC.heads[0], task="multi_label", thresholds=(0.5, 0.5)),))
    several = load(write_tiny_model(tmp_path / "several.onnx", spec))
    both = Dataset.from_files(files, [{"early": 0.5, "late": 0.8}, {"early": 0.4}, *[{"late": 1.0}] * 3])
    found = evaluate(several, both, quiet=True)
    assert [one.true for one in found.clips] == [("early", "late"), (), *[("late",)] * 3]
    assert found.notes[0].startswith(
        "The labels of 2 clips weigh between 0 and 1: what counts as true are those of 0.5"
    )
