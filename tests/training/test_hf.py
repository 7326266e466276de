"""Training on checkpoints of transformers, from sounds to a model file that opens without transformers."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auscult.classifier import load
from auscult.data import Split, open_dataset
from auscult.errors import ModelFileError, UsageError
from auscult.training import TrainOptions, cross_validate, loop, train
from auscult.training.backbones import find_backbone
from auscult.training.fitting import fit_network
from auscult.training.folder import RunFolder
from auscult.training.learner import Learner
from auscult.training.material import Material, prepare
from auscult.training.plan import plan_training, settle
from tests.tiny_corpora import class_folders
from tests.tiny_hf import some_sound, write_ast, write_image, write_waveform
from tests.training.test_plan import clip

pytest.importorskip("transformers", reason="the extra hf is not installed")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_folders(tmp_path_factory.mktemp("sounds"), clips_per_class=6)


WRITERS: dict[str, Any] = {"ast": write_ast, "resnet": write_image, "wav2vec2": write_waveform}


# Each trains a network, exports it and opens the file: 15 to 30 s, most of it in torch's exporter.
@pytest.mark.slow
@pytest.mark.usefixtures("cache_home")
@pytest.mark.parametrize(
    ("name", "strategy"),
    [("ast", "no_freeze"), ("resnet", "unfreeze_milestones"), ("wav2vec2", "freeze_unfreeze"), ("ast", "freeze")],
)
def test_from_a_checkpoint_to_a_model_file(sounds: Path, tmp_path: Path, name: str, strategy: Any) -> None:
    folder = WRITERS[name](tmp_path / name)
    options = TrainOptions(backbone=f"hf:{folder}", strategy=strategy, epochs=3, batch_size=4)
    run = train(sounds, output=tmp_path / "run", options=options, quiet=True)
    assert 0 <= run.metrics["accuracy"].value <= 1
    model = load(run.model)
    assert model.spec.provenance.origin == f"hf:{folder}"
    assert (model.spec.features is None) == (name != "resnet")
    assert model.embed(some_sound(1.0, model.spec.sample_rate)).shape[1] == (16 if name == "resnet" else 32)
    assert f"hf:{folder}" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.slow  # as above
@pytest.mark.usefixtures("cache_home")
def test_the_file_needs_neither_torch_nor_transformers(sounds: Path, tmp_path: Path) -> None:
    folder = write_image(tmp_path / "resnet")
    options = TrainOptions(backbone=f"hf:{folder}", strategy="no_freeze", epochs=1, batch_size=4)
    run = train(sounds, output=tmp_path / "run", options=options, quiet=True)
    sound = next(sounds.rglob("*.wav"))
    code = (
        "import sys, auscult; print(auscult.load(sys.argv[1])(sys.argv[2])[0]['score']);"
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.model), str(sound)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(load(run.model)(sound)[0]["score"])


@pytest.mark.parametrize("seconds", [1.0, 5.0, 10.0, 10.2, 10.9, 60.0])
def test_windows_are_never_longer_than_the_network_hears(tmp_path: Path, seconds: float) -> None:
    backbone = find_backbone(f"hf:{write_ast(tmp_path / 'ast')}")
    options = TrainOptions(backbone=backbone.name)
    plan = plan_training([clip(seconds, 44100)] * 4, options, backbone.recipe)
    assert plan.sample_rate == 16000
    assert plan.window_samples <= 163840
    net = backbone.build(plan, options, 3)
    with torch.no_grad():
        logits, embedding = net(torch.zeros(1, plan.window_samples))
    assert (logits.shape, embedding.shape) == ((1, 3), (1, 32))
    assert np.isfinite(logits.numpy()).all()


@pytest.mark.parametrize("trained", [train, cross_validate])
def test_a_window_that_it_cannot_hear_is_refused_before_anything_is_decoded(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Any
) -> None:
    monkeypatch.setattr("auscult.training.run.prepare", lambda *_, **__: pytest.fail("clips were decoded"))
    monkeypatch.setattr("auscult.training.plan.probe", lambda _: pytest.fail("a clip was looked at"))
    name = f"hf:{write_ast(tmp_path / 'ast')}"
    rule = rf"'window_s' option .* must be at most 10\.24 for the backbone {name}, or left open.* Got 11 instead"
    with pytest.raises(UsageError, match=rule):
        trained(sounds, output=tmp_path / "run", options=TrainOptions(backbone=name, window_s=11), quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("cache_home")
@pytest.mark.parametrize("name", ["wav2vec2", "resnet"])
def test_an_interrupted_fine_tuning_ends_with_the_same_weights(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    material, options = fine_tuning(sounds, WRITERS[name](tmp_path / name))
    whole = fit_network(material, new_folder(tmp_path / "whole"), options, quiet=True, trial_s=math.inf)
    folder = new_folder(tmp_path / "stopped")
    step = Learner.training_step

    def interrupted_step(self: Learner, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.current_epoch == 2 and batch.step == 1:
            raise InterruptedError
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "training_step", interrupted_step)
        with pytest.raises(InterruptedError):
            fit_network(material, folder, options, quiet=True, trial_s=math.inf)
    resumed = fit_network(material, folder, options, quiet=True, trial_s=math.inf)
    assert [row.epoch for row in resumed.rows] == [1, 2, 3, 4]
    assert [row.train_loss for row in resumed.rows] == [row.train_loss for row in whole.rows]
    before, after = whole.net.state_dict(), resumed.net.state_dict()
    assert [one for one in before if not torch.equal(before[one], after[one])] == []


def fine_tuning(sounds: Path, folder: Path) -> tuple[Material, TrainOptions]:
    backbone = find_backbone(f"hf:{folder}")
    given = TrainOptions(
        backbone=backbone.name, strategy="no_freeze", epochs=4, batch_size=4, threads=1, precision="32"
    )
    dataset = open_dataset(sounds)
    plan = plan_training(dataset.clips(), given, backbone.recipe)
    options = settle(given, backbone.recipe, plan.epochs)
    return prepare(dataset, Split("all", np.arange(len(dataset))), plan, options, quiet=True), options


def new_folder(path: Path) -> RunFolder:
    path.mkdir()
    return RunFolder(path)


@pytest.mark.usefixtures("cache_home")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_length": 0}, "'max_length' of its preprocessor_config.json must be a number above 0"),
        ({"sampling_rate": -16000}, "'sampling_rate' of its preprocessor_config.json must be a number above 0"),
        ({"sampling_rate": 10**12}, "must be a number above 0 and at most 1e.07"),
        ({"num_mel_bins": 17}, "its files do not go together"),
    ],
)
def test_a_front_end_that_is_not_the_networks_is_refused(
    sounds: Path, tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    folder = write_ast(tmp_path / "ast")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    with pytest.raises(ModelFileError, match=said):
        train(sounds, output=tmp_path / "run", options=TrainOptions(backbone=f"hf:{folder}"), quiet=True)
