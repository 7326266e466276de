"""The model in the package: that it is whole, that its card says what it says, and what it hears."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import auscult
from auscult import Classifier
from auscult.data import open_dataset
from auscult.demo.sounds import SOUNDS
from auscult.errors import DataError
from auscult.evaluation import evaluate
from auscult.files import sha256_of_file
from auscult.models.registry import MODELS, model_file
from auscult.records import FloatArray
from tools.starter.attributions import Attribution
from tools.starter.card import card_text

MAX_BYTES = 3_000_000
CLASSES = (
    "dog",
    "rooster",
    "rain",
    "sea_waves",
    "crackling_fire",
    "crying_baby",
    "sneezing",
    "clock_tick",
    "helicopter",
    "chainsaw",
)
# The demo makes these from physical models; a clock, dogs, rain, engines and wind would be like one of the ten.
UNLIKE = ("bell", "bird", "cricket", "knock", "siren")


@pytest.fixture(scope="module")
def folder() -> Path:
    return model_file("starter").parent


@pytest.fixture(scope="module")
def model() -> Classifier:
    return auscult.load("starter", top_k=1)


def attributions(folder: Path) -> list[Attribution]:
    with (folder / "attributions.csv").open(newline="", encoding="utf-8") as file:
        return [Attribution(**row) for row in csv.DictReader(file)]


def heard(model: Classifier, samples: FloatArray) -> str:
    return str(model(samples)[0]["label"])


class TestFile:
    def test_it_opens_alone_in_an_empty_folder(self, folder: Path, tmp_path: Path) -> None:
        alone = shutil.copy(folder / "starter.onnx", tmp_path / "model.onnx")
        assert auscult.load(alone).spec.name == "starter"

    def test_the_registry_says_what_it_is(self, model: Classifier, folder: Path) -> None:
        row, spec = MODELS["starter"], model.spec
        file = folder / "starter.onnx"
        assert (row.size_bytes, row.sha256) == (file.stat().st_size, sha256_of_file(file))
        assert (row.sample_rate, row.licence) == (spec.sample_rate, spec.license)
        assert (row.window_s, row.hop_s) == pytest.approx((spec.window_s, spec.hop_s))
        assert row.n_classes == len(spec.heads[0].labels) == 11
        assert row.size_bytes <= MAX_BYTES

    def test_it_has_the_ten_classes_and_a_label_for_the_rest(self, model: Classifier) -> None:
        (head,) = model.spec.heads
        assert tuple(label.id for label in head.classes) == CLASSES
        assert head.unknown is not None
        assert [label.id for label in head.labels] == [*CLASSES, "unknown"]
        assert head.unknown.rule == "distance"

    def test_it_names_every_clip_that_it_was_trained_on(self, model: Classifier) -> None:
        clips = model.spec.provenance.training_clips
        assert len(clips) == len(set(clips)) == 400
        assert model.spec.provenance.seed == 0


class TestCard:
    def test_it_says_what_the_file_says(self, model: Classifier, folder: Path) -> None:
        """Every figure of the card is one of the file's, and no other card can be made of it."""
        text = (folder / "README.md").read_text(encoding="utf-8")
        assert text == card_text(model, attributions(folder))
        figures = model.spec.provenance.metrics
        assert f"**{figures['accuracy']:.1%}".removesuffix("%") in text
        assert f"**{figures['auroc']:.3f}**" in text
        assert f"**{figures['urbansound8k_auroc']:.3f}**" in text

    def test_every_clip_is_attributed(self, folder: Path) -> None:
        rows = attributions(folder)
        assert len({row.clip for row in rows}) == 400
        assert Counter(row.label for row in rows) == dict.fromkeys(CLASSES, 40)
        assert all(row.author and row.title and row.url.startswith("http") for row in rows)
        assert {row.licence for row in rows} == {"CC0", "CC-BY", "CC-Sampling+"}


class TestUnknown:
    def test_silence_and_tones_are_none_of_the_classes(self, model: Classifier) -> None:
        time_s = np.arange(5 * model.spec.sample_rate) / model.spec.sample_rate
        sounds = {f"{hz} Hz": 0.3 * np.sin(2 * np.pi * hz * time_s) for hz in (110, 440, 1000, 3000)}
        sounds |= {"square": 0.3 * np.sign(np.sin(2 * np.pi * 440 * time_s)), "silence": np.zeros_like(time_s)}
        assert {name: heard(model, sound.astype(np.float32)) for name, sound in sounds.items()} == dict.fromkeys(
            sounds, "unknown"
        )

    def test_most_sounds_of_other_things_are_none_of_the_classes(self, model: Classifier) -> None:
        rate = model.spec.sample_rate
        found = Counter(
            heard(model, 0.5 * SOUNDS[kind](generator).play(generator, rate, 5.0))
            for kind in UNLIKE
            for generator in map(np.random.default_rng, range(4))
        )
        assert found["unknown"] >= 0.8 * found.total(), found

    def test_noise_is_no_reason_to_be_sure(self, model: Classifier) -> None:
        """White noise is like rain, to people too; but not as rain that one has heard."""
        noise = np.random.default_rng(0).normal(0, 0.1, 5 * model.spec.sample_rate).astype(np.float32)
        (best,) = model(noise)
        assert best["label"] == "unknown" or best["score"] < 0.9


class TestRecordings:
    """On clips that it was trained on: this shows that the file works, not how good it is."""

    def test_the_clips_of_esc10_are_recognised(self, model: Classifier, shared_data: Path) -> None:
        dataset = open_dataset(shared_data / "esc10")
        clips = dataset.clips()[::10]
        right = sum(model(clip.source)[0]["label"] == clip.labels[0] for clip in clips)
        assert right >= 0.95 * len(clips)

    def test_it_cannot_be_evaluated_on_them(self, model: Classifier, shared_data: Path) -> None:
        with pytest.raises(DataError, match="400 of 400 clips were used to train the model 'starter'"):
            evaluate(model, shared_data / "esc10", quiet=True)

    def test_other_sounds_labelled_unknown_are_counted(
        self, model: Classifier, shared_data: Path, tmp_path: Path
    ) -> None:
        """Speech is none of the ten, and a label `unknown` in a dataset means the model's."""
        (tmp_path / "unknown").mkdir()
        (tmp_path / "dog").mkdir()
        shutil.copy(shared_data / "yamnet" / "speech.wav", tmp_path / "unknown")
        shutil.copy(next((shared_data / "esc10" / "audio").glob("1-*-0.ogg")), tmp_path / "dog")
        found = evaluate(model, tmp_path, allow_seen=True, quiet=True)
        assert found.metrics["accuracy"].n == 2
