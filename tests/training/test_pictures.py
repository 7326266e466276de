"""Training on pictures of sounds: models that take them, and sounds where it is known how they are made."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
import yaml

from auscult.audio import NamedPath
from auscult.classifier import Classifier, load
from auscult.data import Dataset, Reading, open_dataset
from auscult.data.spectrograms import picture_form, write_spectrograms
from auscult.data.versions import Store
from auscult.errors import DataError, InputError, UsageError
from auscult.evaluation import evaluate
from auscult.features import PictureForm, PictureNote, encode_picture, preset
from auscult.models.modelspec import PictureSpec
from auscult.training import Run, TrainOptions, cross_validate, train
from auscult.training.augment import FrameShift, PictureMix
from auscult.training.batches import window_at_random
from auscult.training.pictures import plan_pictures
from auscult.training.plan import SCRATCH, plan_training
from tests.tiny_corpora import SAMPLE_RATE, class_folders, esc50_tree, tones, write_sound

QUICK = TrainOptions(
    backbone="scratch", size="tiny", epochs=14, batch_size=8, threads=1, precision="32", validation=0.0, mixing=0.3
)


@dataclass(frozen=True)
class Drawn:
    """Sounds, pictures of them, and a run on the pictures."""

    sounds: Path
    pictures: Path
    run: Run

    @property
    def model(self) -> Classifier:
        return load(self.run.model)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, cache_home: Path) -> Drawn:
    root = tmp_path_factory.mktemp("drawn")
    sounds = open_dataset(class_folders(root / "sounds", clips_per_class=12))
    write_spectrograms(sounds, root / "pictures", picture_form(sounds, "auscult"), quiet=True)
    # No backbone is named: for pictures that is a network from scratch.
    options = TrainOptions(**{**QUICK.to_dict(), "backbone": "auto"})
    return Drawn(
        root / "sounds", root / "pictures", train(root / "pictures", output=root / "run", options=options, quiet=True)
    )


def foreign(root: Path, *, suffix: str = ".jpg", clips: int = 12) -> Path:
    """Colour pictures of two kinds, of several sizes, without a word of what they are: stripes across, and upright."""
    generator = np.random.default_rng(0)
    for kind, label in enumerate(("across", "upright")):
        for i in range(clips):
            height, width = (24, 40) if i % 3 else (30, 50)
            values = generator.uniform(0, 60, (height, width))
            values[::4, :] += 150 * (kind == 0)
            values[:, ::4] += 150 * (kind == 1)
            path = root / label / f"{i}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if suffix == ".npy":
                np.save(path, (values - 80).astype(np.float32))
            else:
                pixels = np.repeat(values[:, :, None].astype(np.uint8), 3, axis=2)
                PIL.Image.fromarray(pixels).save(path)
    return root


@pytest.fixture(scope="module")
def image_run(tmp_path_factory: pytest.TempPathFactory, cache_home: Path) -> Run:
    root = tmp_path_factory.mktemp("foreign")
    return train(foreign(root / "pictures"), output=root / "run", options=QUICK, quiet=True)


@pytest.fixture
def image_model(image_run: Run) -> Classifier:
    return load(image_run.model)


# Pictures that say what they are -------------------------------------------------------------------------------------


def test_a_sound_and_its_picture_give_the_same_scores(drawn: Drawn) -> None:
    """Not only within the quantisation of the PNG: what the graph is given of the sound is quantised alike."""
    model = drawn.model
    for clip in open_dataset(drawn.sounds).clips():
        of_sound, of_picture = (
            model.classify(clip.source),
            model.classify((drawn.pictures / clip.uri).with_suffix(".png")),
        )
        np.testing.assert_array_equal(of_sound.sound_scores, of_picture.sound_scores)
        assert of_sound.duration_s == of_picture.duration_s == 0.5
        assert of_sound.scores.windows == of_picture.scores.windows


def test_it_learns_and_is_measured_on_pictures_and_on_sounds(drawn: Drawn) -> None:
    assert drawn.run.metrics["accuracy"].value == 1.0
    assert "for pictures a network from scratch" in drawn.run.notes[0]
    on_sounds = evaluate(drawn.model, drawn.sounds, allow_seen=True, quiet=True)
    assert on_sounds.metrics["accuracy"].value == 1.0
    # The sounds that its pictures are made of were seen in training, too.
    assert "30 of 36 clips were used to train" in on_sounds.notes[0]
    with pytest.raises(DataError, match="30 of 36 clips were used to train"):
        evaluate(drawn.model, drawn.sounds, quiet=True)


def test_every_way_to_give_a_picture(drawn: Drawn) -> None:
    model, path = drawn.model, drawn.pictures / "low" / "3.png"
    expected = model.classify(path).sound_scores
    content = path.read_bytes()
    with open(path, "rb") as file, PIL.Image.open(path) as image:
        sources = [str(path), content, io.BytesIO(content), file, image, NamedPath(str(path), "STORE/x@1: low/3.png")]
        for source in sources:
            np.testing.assert_array_equal(model.classify(source).sound_scores, expected)  # type: ignore[arg-type]
    assert model([path, drawn.sounds / "low" / "3.wav"])[0] == model(path)
    np.testing.assert_array_equal(model.embed(path), model.embed(drawn.sounds / "low" / "3.wav"))
    assert model.classify(NamedPath(str(path), "STORE/x@1: low/3.png")).source == "STORE/x@1: low/3.png"


def test_long_sounds_and_long_pictures_are_cut_at_the_same_times(drawn: Drawn, tmp_path: Path) -> None:
    long = np.concatenate([tones(["low"], 1), tones(["low"], 2), tones(["low"], 3)])
    sounds = Dataset.from_files([write_sound(tmp_path / "s" / "long.wav", long)], ["low"])
    write_spectrograms(sounds, tmp_path / "p", picture_form(sounds, "auscult"), quiet=True)
    of_sound, of_picture = drawn.model.classify(tmp_path / "s/long.wav"), drawn.model.classify(tmp_path / "p/long.png")
    assert of_sound.scores.windows == of_picture.scores.windows
    assert len(of_sound.scores.windows) == 5
    # A frame at the edge of a window sees zeros beyond it in the sound, and what comes next in the picture: here these
    # are two or four frames of 26, and scores differ by what the network makes of them.
    assert np.abs(of_sound.sound_scores - of_picture.sound_scores).max() < 0.5
    assert of_sound.predictions[0].label == of_picture.predictions[0].label == "low"


def test_a_short_picture_is_filled_up_with_silence(drawn: Drawn, tmp_path: Path) -> None:
    sounds = Dataset.from_files([write_sound(tmp_path / "s" / "short.wav", tones(["high"], 5)[:2000])], ["high"])
    write_spectrograms(sounds, tmp_path / "p", picture_form(sounds, "auscult"), quiet=True)
    of_sound = drawn.model.classify(tmp_path / "s/short.wav")
    of_picture = drawn.model.classify(tmp_path / "p/short.png")
    assert of_picture.duration_s == 0.25
    np.testing.assert_array_equal(of_sound.sound_scores, of_picture.sound_scores)


def test_the_file_says_what_it_takes_and_any_runtime_runs_it(drawn: Drawn) -> None:
    spec = drawn.model.spec
    assert spec.picture == PictureSpec(bands=64, frames=26, low=-56.0206, high=41.0)
    assert (spec.format_version, spec.takes_sound, spec.sample_rate, spec.window_samples) == (2, True, 8000, 4000)
    graph = onnx.load(drawn.run.model).graph
    (taken,) = graph.input
    shape = [dim.dim_value or dim.dim_param for dim in taken.type.tensor_type.shape.dim]
    assert (taken.name, shape) == ("picture", ["batch", 64, 26])
    assert "Takes pictures" in drawn.run.report.read_text()


def test_pictures_of_other_features_are_refused_and_of_another_range_read(drawn: Drawn, tmp_path: Path) -> None:
    sounds = open_dataset(drawn.sounds).only(clips=["low/0.wav"])
    write_spectrograms(sounds, tmp_path / "other", picture_form(sounds, "clearml"), quiet=True)
    with pytest.raises(InputError, match="other features than those of the model's training"):
        drawn.model(tmp_path / "other" / "low" / "0.png")
    write_spectrograms(sounds, tmp_path / "range", picture_form(sounds, "auscult", high_db=60.0), quiet=True)
    of_other = drawn.model.classify(tmp_path / "range" / "low" / "0.png")
    of_own = drawn.model.classify(drawn.pictures / "low" / "0.png")
    assert np.abs(of_other.sound_scores - of_own.sound_scores).max() < 0.05


def test_a_picture_without_a_word_is_taken_if_its_height_fits(drawn: Drawn, tmp_path: Path) -> None:
    with PIL.Image.open(drawn.pictures / "low" / "0.png") as image:
        plain = PIL.Image.fromarray(np.asarray(image))
    plain.save(tmp_path / "plain.png")
    expected = drawn.model.classify(drawn.pictures / "low" / "0.png").sound_scores
    np.testing.assert_array_equal(drawn.model.classify(tmp_path / "plain.png").sound_scores, expected)
    plain.resize((30, 30)).save(tmp_path / "small.png")
    with pytest.raises(InputError, match="64 bands, and this picture is 30 high"):
        drawn.model(tmp_path / "small.png")


def test_a_version_that_holds_both_trains_on_either(drawn: Drawn, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.create("tones", drawn.sounds, quiet=True)
    store.add("tones", drawn.pictures, quiet=True)
    name = f"{tmp_path}/store/tones"
    pictures = evaluate(drawn.model, open_dataset(name, Reading(pictures=True)), allow_seen=True, quiet=True)
    sounds = evaluate(drawn.model, name, allow_seen=True, quiet=True)
    assert len(pictures.clips) == len(sounds.clips) == 36
    np.testing.assert_array_equal(pictures.outcomes.scores, sounds.outcomes.scores)


@pytest.mark.usefixtures("cache_home")
def test_folds_and_recordings_of_the_sounds_are_those_of_the_pictures(tmp_path: Path) -> None:
    sounds = open_dataset(esc50_tree(tmp_path / "sounds"))
    write_spectrograms(sounds, tmp_path / "pictures", picture_form(sounds, "auscult"), quiet=True)
    options = TrainOptions(**{**QUICK.to_dict(), "epochs": 1})
    done = cross_validate(tmp_path / "pictures", output=tmp_path / "run", options=options, jobs=1, quiet=True)
    assert [name for name, _ in done.folds] == ["fold-1", "fold-2"]
    assert (done.evaluation.outcomes.n_clips, done.evaluation.outcomes.n_groups) == (36, 18)
    assert done.report.exists()


# Pictures that do not ------------------------------------------------------------------------------------------------


def test_an_image_model_learns_and_takes_pictures_of_any_size(
    image_run: Run, image_model: Classifier, tmp_path: Path
) -> None:
    assert image_run.metrics["accuracy"].value == 1.0
    plan = yaml.safe_load((image_run.folder / "config.yaml").read_text())["plan"]
    assert plan["picture"]["spec"] == {"bands": 24, "frames": 40, "low": None, "high": None}
    spec = image_model.spec
    assert (spec.picture, spec.features, spec.takes_sound) == (PictureSpec(bands=24, frames=40), None, False)
    new = foreign(tmp_path / "new", suffix=".png", clips=2) / "upright" / "0.png"
    result = image_model.classify(new)
    assert result.predictions[0].label == "upright"
    assert result.to_dict()["duration_s"] is None
    assert evaluate(image_model, tmp_path / "new", quiet=True).metrics["accuracy"].value == 1.0


def test_an_image_model_says_so_when_it_is_given_a_sound(image_model: Classifier, drawn: Drawn) -> None:
    sound = drawn.sounds / "low" / "0.wav"
    for source in (sound, sound.read_bytes(), np.zeros(800, np.float32), {"sampling_rate": 8000, "raw": np.zeros(9)}):
        with pytest.raises(InputError, match=r"trained on pictures, and does not know.*data spectrograms"):
            image_model(source)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="there is no such file"):
        image_model("gone.wav")
    with pytest.raises(DataError, match="none of 36 clips is a picture"):
        evaluate(image_model, drawn.sounds, quiet=True)


def test_a_model_of_sounds_refuses_a_dataset_of_pictures(drawn: Drawn) -> None:
    with pytest.raises(DataError, match="these are pictures, and the model 'starter' hears sounds"):
        evaluate("starter", drawn.pictures, quiet=True)


def test_the_report_of_an_image_model_leaves_out_what_has_no_meaning(image_run: Run) -> None:
    page = image_run.report.read_text()
    assert "24 bands x 40 frames" in page
    assert "Listens at" not in page
    assert "<audio" not in page
    assert (image_run.folder / "train_batch.png").stat().st_size > 5000


@pytest.mark.usefixtures("cache_home")
def test_arrays_are_scaled_by_their_own_range(tmp_path: Path) -> None:
    run = train(foreign(tmp_path / "arrays", suffix=".npy"), output=tmp_path / "run", options=QUICK, quiet=True)
    picture = load(run.model).spec.picture
    assert picture is not None
    assert picture.low == pytest.approx(-80, abs=1)
    assert run.metrics["accuracy"].value == 1.0
    array = np.load(tmp_path / "arrays" / "across" / "0.npy")
    assert load(run.model)({"array": array})[0]["label"] == "across"
    with pytest.raises(InputError, match="trained on arrays, and this is a picture"):
        load(run.model)(foreign(tmp_path / "pictures", clips=1) / "across" / "0.jpg")


def test_pictures_and_arrays_are_not_learned_together(tmp_path: Path) -> None:
    foreign(tmp_path, suffix=".npy", clips=2)
    foreign(tmp_path, suffix=".png", clips=2)
    with pytest.raises(DataError, match=r"4 of 8 training clips are arrays"):
        plan_pictures(Dataset.from_folder(tmp_path).clips(), QUICK, SCRATCH)


# Options -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"backbone": "yamnet"}, "must be scratch, or an image network.*'yamnet' instead, which hears sound"),
        ({"backbone": "scratch", "window_s": 1.0}, "'window_s' option of training must be left out for pictures"),
        ({"backbone": "scratch", "sample_rate": 8000}, "'sample_rate' option of training must be left out"),
    ],
)
def test_what_has_no_meaning_for_pictures_is_refused(tmp_path: Path, options: dict[str, object], what: str) -> None:
    from auscult.training.backbones import find_backbone

    chosen = TrainOptions(**options)
    with pytest.raises(UsageError, match=what):
        plan_training(
            Dataset.from_folder(foreign(tmp_path, clips=2)).clips(), chosen, find_backbone(chosen.backbone).recipe
        )


def test_the_window_of_pictures_follows_their_sounds(drawn: Drawn) -> None:
    clips = open_dataset(drawn.pictures).clips()
    plan = plan_pictures(clips, TrainOptions(backbone="scratch", window_s=0.25), SCRATCH)
    assert plan.picture is not None
    assert (plan.picture.window_samples, plan.picture.spec.frames, plan.sample_rate) == (2000, 13, SAMPLE_RATE)
    assert plan.window_samples == 13 * 64
    assert plan.picture.hop_samples == 6 * 160
    with pytest.raises(UsageError, match="must be that of the pictures, 8000"):
        plan_pictures(clips, TrainOptions(backbone="scratch", sample_rate=16000), SCRATCH)


def test_pictures_that_cannot_be_read_are_named_and_left_out(drawn: Drawn, tmp_path: Path) -> None:
    form = PictureForm.of(preset("yamnet"))
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(2):
            pixels = np.random.default_rng(i).normal(0, 1, (64, 30 + i)).astype(np.float32)
            (tmp_path / label / f"{i}.png").write_bytes(encode_picture(pixels, PictureNote(form, label)))
    whole = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])
    run = train(
        tmp_path,
        output=tmp_path.parent / "run-cut",
        options=TrainOptions(**{**QUICK.to_dict(), "epochs": 1, "test": 0.0}),
        quiet=True,
    )
    assert [Path(problem.source).name for problem in run.problems] == ["cut.png"]


# Augmentation --------------------------------------------------------------------------------------------------------


def test_shifts_are_of_whole_frames() -> None:
    flat = np.arange(12, dtype=np.float32)
    shifted = {tuple(FrameShift(1.0, 3)(flat, np.random.default_rng(i))) for i in range(40)}
    assert shifted == {tuple(np.roll(flat, 3 * k)) for k in range(4)}
    np.testing.assert_array_equal(FrameShift(0.0, 3)(flat, np.random.default_rng(0)), flat)


def test_windows_of_pictures_begin_at_frames() -> None:
    flat = np.arange(30, dtype=np.float32)
    starts = {int(window_at_random(flat, 9, np.random.default_rng(i), grain=3)[0]) for i in range(60)}
    assert starts == {0, 3, 6, 9, 12, 15, 18, 21}
    short = window_at_random(flat[:3] + 1, 9, np.random.default_rng(1), grain=3)
    assert np.flatnonzero(short)[0] % 3 == 0


@pytest.mark.parametrize("union", [False, True])
def test_mixed_pictures_are_as_bright_as_their_targets_say(union: bool) -> None:
    pictures, targets = np.array([[1.0, 0], [0, 1.0]], np.float32), np.eye(2, dtype=np.float32)
    seen = []
    for i in range(20):
        mixed, wanted = PictureMix(1.0, union=union)(pictures, targets, np.random.default_rng(i))
        assert (mixed.dtype, wanted.dtype) == (np.float32, np.float32)
        assert ((mixed >= 0) & (mixed <= 1)).all()
        if union:
            assert set(wanted.ravel()) <= {0.0, 1.0}
        else:
            np.testing.assert_allclose(mixed, wanted)
        seen.append(mixed)
    assert len({tuple(one.ravel()) for one in seen}) > 10
    alone, own = PictureMix(0.0)(pictures, targets, np.random.default_rng(0))
    np.testing.assert_array_equal(alone, pictures)
    np.testing.assert_array_equal(own, targets)


# Image networks ------------------------------------------------------------------------------------------------------


# Two trainings on a small ResNet, each with an export: about 30 s.
@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["freeze", "no_freeze"])
def test_an_image_network_of_transformers_is_trained_on_pictures(drawn: Drawn, tmp_path: Path, strategy: str) -> None:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    from tests.tiny_hf import write_image

    backbone = f"hf:{write_image(tmp_path / 'resnet')}"
    options = TrainOptions(backbone=backbone, strategy=strategy, epochs=2, batch_size=8, threads=1)  # type: ignore[arg-type]
    run = train(drawn.pictures, output=tmp_path / "run", options=options, quiet=True)
    model = load(run.model)
    assert model.spec.takes_sound
    clip = open_dataset(drawn.sounds).clips()[0]
    of_sound, of_picture = model.classify(clip.source), model.classify((drawn.pictures / clip.uri).with_suffix(".png"))
    np.testing.assert_array_equal(of_sound.sound_scores, of_picture.sound_scores)
