"""Training with a frozen body: what the head heard in training, the file gives; each clip is embedded once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from auscult.data import WaveformCache, default_cache_folder, open_dataset
from auscult.errors import AuscultError, UsageError
from auscult.export import graphs
from auscult.models.nets.mel_resnet import MelResNet
from auscult.models.nets.waveform_net import WaveformNet
from auscult.models.runners import OnnxRunner
from auscult.training import backbones, cross_validate, cross_validation, frozen, train
from auscult.training.backbones import new_head
from auscult.training.clips import fill_cache
from auscult.training.options import TrainOptions
from auscult.training.plan import SCRATCH
from auscult.training.run import settled_plan
from tests.tiny_corpora import class_folders, esc50_tree, table_of_many_labels, table_with_groups

FREEZE = TrainOptions(backbone="yamnet", strategy="freeze", threads=2)


@pytest.fixture(autouse=True)
def small_backbone(monkeypatch, cache_home):
    """A small network with weights of its own in the place of YAMNet."""

    def build(plan, options, n_classes):
        head = new_head(options, 96, n_classes)
        torch.manual_seed(7)
        return WaveformNet(plan.features, MelResNet(plan.features.n_mels, "tiny"), n_classes, head=head)

    recipe = replace(SCRATCH, defaults=SCRATCH.defaults | {"strategy": "freeze"})
    small = replace(backbones.BACKBONES["yamnet"], recipe=recipe, build=build, fetch=bool)
    monkeypatch.setitem(backbones.BACKBONES, "yamnet", small)
    # Pages take longer than all else here, and are tested elsewhere.
    monkeypatch.setattr("auscult.training.run.write_run_report", lambda *_: None)
    monkeypatch.setattr("auscult.training.cross_validation.write_cross_validation_report", lambda *_: None)


@pytest.fixture
def heard(monkeypatch) -> list:
    """What heads were fitted to, and the heads."""
    seen = []

    def fit_head(examples, **how):
        seen.append((examples, real(examples, **how)))
        return seen[-1][1]

    real = frozen.fit_head
    monkeypatch.setattr(frozen, "fit_head", fit_head)
    return seen


@pytest.fixture
def embedded(monkeypatch) -> list:
    """A line for each clip that an embedding is computed of."""
    lengths = []

    def embedding(self, runner, samples):
        lengths.append(len(samples))
        return real(self, runner, samples)

    real = frozen.Embedder._embedding
    monkeypatch.setattr(frozen.Embedder, "_embedding", embedding)
    return lengths


@pytest.fixture
def no_embeddings(cache_home):
    shutil.rmtree(cache_home / "embeddings", ignore_errors=True)


def weights(model: Path) -> dict[str, np.ndarray]:
    tensors = onnx.load(model).graph.initializer
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors}


@pytest.mark.parametrize("head", ["linear", "hidden"])
def test_the_file_gives_what_the_head_heard_in_training(tmp_path, monkeypatch, head):
    fitted = []
    name = "fit_hidden_head" if head == "hidden" else "fit_head"
    real = getattr(frozen, name)
    monkeypatch.setattr(frozen, name, lambda given, **how: fitted.append((given, real(given, **how))) or fitted[-1][1])
    dataset = open_dataset(class_folders(tmp_path / "sounds", clips_per_class=8))
    run = train(dataset, output=tmp_path / "run", options=replace(FREEZE, head=head, test=0), quiet=True)
    ((examples, result),) = fitted
    runner = OnnxRunner(run.model)
    validation_and_train = open_dataset(run.folder / "split.csv")
    rows = [row for row, part in enumerate(validation_and_train.table["split"].to_pylist()) if part == "train"]
    assert len(examples.shares) == len(rows)
    for embedding, row in zip(examples.embeddings, rows, strict=True):
        window = np.zeros((1, runner.spec.window_samples), np.float32)
        samples = frozen_samples(dataset.clips()[row].source)
        window[0, : len(samples)] = samples
        given = runner.run(window)
        assert np.array_equal(given["embedding"][0], embedding)
        assert np.abs(given["logits"][0] - result.logits(embedding[None])[0]).max() < 1e-4


def frozen_samples(path: Path) -> np.ndarray:
    import soundfile

    return soundfile.read(path, dtype="float32")[0]


def test_a_second_run_computes_no_embedding_and_exports_nothing(tmp_path, monkeypatch, embedded):
    source = class_folders(tmp_path / "sounds", clips_per_class=6, first=5000)
    first = train(source, output=tmp_path / "first", options=FREEZE, quiet=True)
    assert embedded
    embedded.clear()
    monkeypatch.setattr(graphs, "to_onnx", None)
    second = train(source, output=tmp_path / "second", options=FREEZE, quiet=True)
    assert embedded == []
    before, after = weights(first.model), weights(second.model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert second.metrics == first.metrics


def test_embeddings_computed_anew_give_the_same_weights(tmp_path, cache_home, no_embeddings):
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    first = train(source, output=tmp_path / "first", options=FREEZE, quiet=True)
    shutil.rmtree(cache_home / "embeddings")
    one_thread = replace(FREEZE, threads=1)
    second = train(source, output=tmp_path / "second", options=one_thread, quiet=True)
    assert np.array_equal(weights(first.model)["head.weight"], weights(second.model)["head.weight"])


def test_an_interrupted_training_goes_on_with_the_clips_that_are_missing(tmp_path, monkeypatch, no_embeddings):
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    calls = []
    real = frozen.Embedder._embedding

    def stopped(self, runner, samples):
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return real(self, runner, samples)

    monkeypatch.setattr(frozen.Embedder, "_embedding", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(source, output=tmp_path / "run", options=replace(FREEZE, threads=1), quiet=True)
    calls.clear()
    monkeypatch.setattr(
        frozen.Embedder, "_embedding", lambda self, runner, samples: calls.append(1) or real(self, runner, samples)
    )
    resumed = train(source, output=tmp_path / "run", options=replace(FREEZE, threads=1), resume=True, quiet=True)
    n_known = sum(part in ("train", "validation") for part in parts(resumed.folder))
    assert len(calls) == n_known - 5
    undisturbed = train(source, output=tmp_path / "other", options=replace(FREEZE, threads=1), quiet=True)
    assert np.array_equal(weights(resumed.model)["head.weight"], weights(undisturbed.model)["head.weight"])


def parts(folder: Path) -> list[str]:
    return open_dataset(folder / "split.csv").table["split"].to_pylist()


def test_a_damaged_embedding_is_computed_again(tmp_path, cache_home, embedded, no_embeddings):
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    first = train(source, output=tmp_path / "first", options=FREEZE, quiet=True)
    embedded.clear()
    kept = sorted((cache_home / "embeddings").glob("*/*.npy"))
    kept[0].write_bytes(kept[0].read_bytes()[:-3])
    second = train(source, output=tmp_path / "second", options=FREEZE, quiet=True)
    assert len(embedded) == 1
    assert np.array_equal(weights(first.model)["head.weight"], weights(second.model)["head.weight"])


def test_folds_share_embeddings_in_one_process(tmp_path, monkeypatch, embedded, heard, no_embeddings):
    monkeypatch.setattr(cross_validation, "_at_once", None)
    dataset = open_dataset(esc50_tree(tmp_path / "tree"))
    options = replace(FREEZE, threads=None)
    done = cross_validate(dataset, output=tmp_path / "run", options=options, jobs=2, quiet=True)
    assert len(embedded) == len(dataset)  # each clip trains once in two folds
    for (name, _), (examples, _) in zip(done.folds, heard, strict=True):
        tested = dataset.groups()[np.array(dataset.table["fold"].to_pylist()) == int(name[-1])]
        assert not set(tested) & set(examples.groups)
    assert done.metrics["accuracy"].value > 0.8


def test_folds_find_clips_and_graph_made_ready(tmp_path, cache_home, monkeypatch):
    """A clip that cannot be decoded stops nothing: the fold that trains on it names it."""
    source = esc50_tree(tmp_path / "esc")
    dataset = open_dataset(source)
    bad = dataset.clips()[0]
    Path(str(bad.source)).write_bytes(b"RIFF")
    for kept in ("graphs", "waveforms"):
        shutil.rmtree(cache_home / kept, ignore_errors=True)
    plan, settled = settled_plan(dataset.clips(), FREEZE, quiet=True)
    frozen.make_ready(dataset, plan, settled, quiet=True)
    assert len(list((cache_home / "graphs").iterdir())) == 1
    monkeypatch.setattr(graphs, "to_onnx", None)
    cache = WaveformCache(default_cache_folder())
    _, problems = fill_cache(dataset.clips(), cache, sample_rate=plan.sample_rate, mono="mean", quiet=True)
    assert [problem is None for problem in problems] == [False] + [True] * (len(dataset) - 1)
    frozen.make_ready(dataset, plan, settled, quiet=True)


def test_a_graph_that_cannot_be_exported_is_an_error_before_the_first_fold(tmp_path, cache_home, monkeypatch):
    shutil.rmtree(cache_home / "graphs", ignore_errors=True)

    def fail(*_):
        raise AuscultError("no graph")

    monkeypatch.setattr(graphs, "to_onnx", fail)
    with pytest.raises(AuscultError, match="no graph"):
        cross_validate(esc50_tree(tmp_path / "esc"), output=tmp_path / "run", options=FREEZE, quiet=True)
    assert not list((tmp_path / "run").glob("fold-*"))


def test_takes_of_a_recording_stay_together_inside(tmp_path, heard):
    train(table_with_groups(tmp_path), output=tmp_path / "run", options=replace(FREEZE, test=0.25), quiet=True)
    ((examples, head),) = heard
    assert head.losses  # a strength was chosen
    assert set(np.unique(examples.groups, return_counts=True)[1]) == {2}


def test_clips_may_hold_several_labels(tmp_path):
    options = replace(FREEZE, test=0.3, validation=0.2)
    run = train(table_of_many_labels(tmp_path), output=tmp_path / "run", options=options, quiet=True)
    assert run.evaluation.outcomes.task == "multi_label"
    assert run.metrics["mean_average_precision"].value > 0.6
    row = (run.folder / "results.csv").read_text().splitlines()[1].split(",")
    assert float(row[3]) > 0.6  # share of clips and classes told right on the validation part


def test_windows_of_a_long_clip_share_its_weight(tmp_path, heard):
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    options = replace(FREEZE, window_s=0.2)
    run = train(source, output=tmp_path / "run", options=options, quiet=True)
    ((examples, _),) = heard
    assert examples.shares.tolist() == pytest.approx(
        [1 / len(examples.shares) * parts(run.folder).count("train")] * len(examples.shares)
    )
    assert len(examples.shares) > parts(run.folder).count("train")


def test_altered_copies_share_the_weight_of_their_clip_and_are_embedded_once(tmp_path, embedded, heard, no_embeddings):
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    options = replace(FREEZE, copies=2, validation=0.0)
    first = train(source, output=tmp_path / "first", options=options, quiet=True)
    n_clips = parts(first.folder).count("train")
    assert len(embedded) == 3 * n_clips
    assert set(embedded) == {4000}  # a copy played slower is no longer
    ((examples, _),) = heard
    assert len(examples.embeddings) == 3 * n_clips
    assert examples.shares.tolist() == pytest.approx([1 / 3] * 3 * n_clips)
    assert np.array_equal(examples.groups[::3], examples.groups[2::3])
    assert len(np.unique(examples.embeddings, axis=0)) == 3 * n_clips
    second = train(source, output=tmp_path / "second", options=options, quiet=True)
    assert len(embedded) == 3 * n_clips
    assert np.array_equal(weights(first.model)["head.weight"], weights(second.model)["head.weight"])
    train(source, output=tmp_path / "third", options=replace(options, copies=1), quiet=True)
    assert len(embedded) == 3 * n_clips  # the first copy is the same one
    assert "copies: 2" in (first.folder / "config.yaml").read_text()


@pytest.mark.parametrize("changes", [{"noise": 0.9}, {"gain_db": 1.0}])
def test_copies_altered_otherwise_are_others(tmp_path, heard, changes):
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    options = replace(FREEZE, copies=1)
    train(source, output=tmp_path / "first", options=options, quiet=True)
    train(source, output=tmp_path / "second", options=replace(options, **changes), quiet=True)
    (one, _), (other, _) = heard
    assert np.array_equal(one.embeddings[::2], other.embeddings[::2])
    assert not np.array_equal(one.embeddings[1::2], other.embeddings[1::2])


@pytest.mark.parametrize("others", [{"backbone": "auto"}, {"backbone": "scratch"}, {"strategy": "no_freeze"}])
def test_copies_are_for_a_frozen_body(others):
    with pytest.raises(UsageError, match=r"'copies' option of training must be used with the strategy freeze.*Got 2"):
        TrainOptions(**{"backbone": "yamnet", "copies": 2, **others})


def test_rare_classes_count_alike_where_asked_for(tmp_path, monkeypatch):
    balanced = []
    real = frozen.fit_head
    monkeypatch.setattr(frozen, "fit_head", lambda given, **how: balanced.append(how["balanced"]) or real(given, **how))
    source = class_folders(tmp_path / "sounds", clips_per_class=6)
    for imbalance in ("none", "weights", "sampling"):
        options = replace(FREEZE, imbalance=imbalance)
        train(source, output=tmp_path / imbalance, options=options, quiet=True)
    assert balanced == [False, True, True]


@pytest.mark.slow  # embeds and classifies ESC-10 with YAMNet: some 30 s
def test_a_frozen_yamnet_knows_esc_10(shared_data, tmp_path, monkeypatch):
    from auscult.models.nets import yamnet

    monkeypatch.undo()
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(backbones, "_fetch_yamnet", lambda quiet: None)
    file = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
    load_yamnet = yamnet.load_yamnet
    monkeypatch.setattr(yamnet, "load_yamnet", lambda path: load_yamnet(file))
    options = TrainOptions(backbone="yamnet", strategy="freeze")
    run = train(shared_data / "esc10", output=tmp_path / "run", options=options, fold=1, quiet=True)
    assert run.metrics["accuracy"].value >= 0.95
