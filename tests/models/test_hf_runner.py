"""Checkpoints as classifiers, beside transformers' own pipelines on the same sounds."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import auscult
from auscult.audio import load_waveform
from auscult.errors import ModelFileError, UsageError
from auscult.models.runners import OpenOptions
from tests.tiny_hf import FAMILIES, LABELS, some_sound, write_ast, write_clap, write_image, write_waveform

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

from auscult.models.runners.hf import HfRunner  # noqa: E402

# Of the pipelines: AST's 128 bands over 512 points leave some empty.
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

NEAR = 1e-4
SOUNDS = ("a dog", "rain on a tin roof", "the sea")

Find = Callable[..., Path]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """The folder of a checkpoint, written when it is first asked for."""
    root = tmp_path_factory.mktemp("tiny")

    def find(name: str, **options: Any) -> Path:
        folder = root / "-".join([name, *map(str, options.values())])
        if not folder.exists():
            {**FAMILIES, "clap": write_clap}[name](folder, **options)
        return folder

    return find


def pipeline_scores(
    folder: Path, samples: Any, *, task: str = "audio-classification", **options: Any
) -> dict[str, float]:
    pipe = transformers.pipeline(task, model=str(folder), device="cpu")
    answer = pipe(samples, **({"top_k": None} if task == "audio-classification" else {}), **options)
    return {one["label"]: one["score"] for one in answer}


def our_scores(model: auscult.Classifier, source: Any) -> dict[str, float]:
    return {one["label"]: one["score"] for one in model(source, top_k=None)}


def assert_near(ours: dict[str, float], theirs: dict[str, float]) -> None:
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[label] - theirs[label]) for label in ours) <= NEAR


@pytest.mark.parametrize("seconds", [0.05, 0.73, 4.1, 10.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_the_pipeline(tiny: Find, family: str, seconds: float) -> None:
    folder = tiny(family)
    samples = some_sound(seconds)
    model = auscult.load(f"hf:{folder}")
    assert_near(our_scores(model, samples), pipeline_scores(folder, samples))


@pytest.mark.parametrize("family", ["ast", "whisper", "wav2vec2"])
def test_many_labels_at_once_are_scored_each_by_itself(tiny: Find, family: str) -> None:
    folder = tiny(family, multi_label=True)
    samples = some_sound(2.0)
    model = auscult.load(f"hf:{folder}")
    ours = our_scores(model, samples)
    assert_near(ours, pipeline_scores(folder, samples))
    assert model.spec.heads[0].task == "multi_label"
    assert abs(sum(ours.values()) - 1) > 0.01


@pytest.mark.parametrize("seconds", [0.05, 3.0, 10.0])
@pytest.mark.parametrize("fusion", [False, True])
def test_clap_listens_for_the_labels_that_are_named(tiny: Find, fusion: bool, seconds: float) -> None:
    folder = tiny("clap", fusion=fusion)
    samples = some_sound(seconds, 48000)
    model = auscult.load(f"hf:{folder}", labels=list(SOUNDS))
    theirs = pipeline_scores(folder, samples, task="zero-shot-audio-classification", candidate_labels=list(SOUNDS))
    assert_near(our_scores(model, samples), theirs)


def test_the_answer_looks_like_the_pipelines(tiny: Find) -> None:
    folder = tiny("ast")
    samples = some_sound(1.0)
    theirs = transformers.pipeline("audio-classification", model=str(folder), device="cpu")(samples, top_k=3)
    ours = auscult.load(f"hf:{folder}")(samples, top_k=3)
    assert [one["label"] for one in ours] == [one["label"] for one in theirs]
    assert [set(one) for one in ours] == [set(one) for one in theirs]


def test_takes_what_the_pipeline_takes(tiny: Find, tmp_path: Path) -> None:
    import torch

    folder, samples = tiny("wav2vec2"), some_sound(1.5)
    soundfile.write(tmp_path / "sound.wav", samples, 16000, subtype="FLOAT")
    content = (tmp_path / "sound.wav").read_bytes()
    theirs = pipeline_scores(folder, samples)
    model = auscult.load(f"hf:{folder}")
    sources: list[Any] = [
        samples,
        samples.astype(np.float64),
        {"sampling_rate": 16000, "raw": samples},
        {"sampling_rate": 16000, "array": samples, "path": "where/it/was.wav"},
        {"sampling_rate": 16000, "array": torch.from_numpy(samples)},
        str(tmp_path / "sound.wav"),
        tmp_path / "sound.wav",
        content,
        io.BytesIO(content),
    ]
    for answer in model(sources, top_k=None):
        assert_near({one["label"]: one["score"] for one in answer}, theirs)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100])
def test_other_rates_and_channels_are_brought_to_the_models(tiny: Find, tmp_path: Path, sample_rate: int) -> None:
    folder, path = tiny("ast"), tmp_path / "sound.wav"
    stereo = np.stack([some_sound(1.2, sample_rate), some_sound(1.2, sample_rate, seed=1)], axis=1)
    soundfile.write(path, stereo, sample_rate, subtype="FLOAT")
    heard = load_waveform(path, sample_rate=16000).samples
    assert_near(our_scores(auscult.load(f"hf:{folder}"), path), pipeline_scores(folder, heard))


@pytest.mark.parametrize(("family", "window_s"), [("ast", 10.24), ("whisper", 30.0), ("wav2vec2", 30.0)])
def test_long_sounds_are_windowed_not_cut(tiny: Find, family: str, window_s: float) -> None:
    folder = tiny(family)
    # The end differs from the rest, and is beyond what the model hears at once.
    samples = np.concatenate([some_sound(1.4 * window_s), 0.5 * np.sign(some_sound(1.0, seed=2))]).astype(np.float32)
    result = auscult.load(f"hf:{folder}").classify(samples)
    starts = [window.start for window in result.scores.windows]
    assert starts == [0, round(window_s * 8000)]
    for window, scores in zip(result.scores.windows, result.scores.values, strict=True):
        theirs = pipeline_scores(folder, samples[window.start : window.end])
        assert max(abs(scores[i] - theirs[label]) for i, label in enumerate(LABELS)) <= NEAR
    assert result.scores.windows[-1].end == len(samples)


def test_a_hop_may_be_chosen(tiny: Find) -> None:
    model = auscult.load(f"hf:{tiny('ast')}", hop_s=1.0)
    assert [window.start_s for window in model.classify(some_sound(13.0)).windows] == [0, 1, 2, 3]


def test_a_window_depends_on_no_other(tiny: Find) -> None:
    runner = HfRunner(str(tiny("wav2vec2")))
    length = runner.spec.window_samples
    counts = [length, 5000, 1, 70_001]
    windows = np.zeros((4, length), np.float32)
    for row, count in enumerate(counts):
        windows[row, :count] = some_sound(count / 16000, seed=row)
    together = runner.run(windows, counts)
    assert set(together) == set(runner.outputs) == {"scores", "logits", "embedding"}
    for row, count in enumerate(counts):
        alone = runner.run(windows[row : row + 1], [count])
        for name in runner.outputs:
            np.testing.assert_array_equal(together[name][row], alone[name][0])


def test_what_is_behind_the_end_of_a_sound_is_not_heard(tiny: Find) -> None:
    runner = HfRunner(str(tiny("hubert")))
    window = some_sound(runner.spec.window_s)[np.newaxis]
    other = window.copy()
    other[:, 4000:] = 0
    np.testing.assert_array_equal(runner.run(window, [4000])["scores"], runner.run(other, [4000])["scores"])


def test_no_window_gives_no_row(tiny: Find) -> None:
    runner = HfRunner(str(tiny("ast")))
    outputs = runner.run(np.zeros((0, runner.spec.window_samples), np.float32))
    assert {name: values.shape for name, values in outputs.items()} == {
        "scores": (0, 5),
        "logits": (0, 5),
        "embedding": (0, 32),
    }


@pytest.mark.parametrize("counts", [[0], [10**9], [1, 1], []])
def test_valid_samples_must_fit(tiny: Find, counts: list[int]) -> None:
    runner = HfRunner(str(tiny("ast")))
    with pytest.raises(ValueError, match="'valid_samples' parameter of run"):
        runner.run(np.zeros((1, runner.spec.window_samples), np.float32), counts)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_samples", [1, 399])
def test_a_sound_may_be_shorter_than_a_frame(tiny: Find, family: str, n_samples: int) -> None:
    model = auscult.load(f"hf:{tiny(family)}")
    assert sum(our_scores(model, some_sound(n_samples / 16000)).values()) == pytest.approx(1)


@pytest.mark.parametrize(("family", "dim"), [("ast", 32), ("whisper", 16), ("wav2vec2", 16), ("clap", 16)])
def test_embeddings_are_what_the_last_layer_reads(tiny: Find, family: str, dim: int) -> None:
    model = auscult.load(f"hf:{tiny(family)}", labels=SOUNDS if family == "clap" else None)
    embedding = model.embed(some_sound(1.0, model.spec.sample_rate))
    assert embedding.shape == (1, dim)
    assert float(np.abs(embedding).max()) > 0


def test_arguments_given_at_construction_hold(tiny: Find) -> None:
    model = auscult.load(f"hf:{tiny('ast')}", top_k=2, deny=["rain"])
    samples = some_sound(1.0)
    answer = model(samples)
    assert len(answer) == 2
    assert "rain" not in [one["label"] for one in answer]
    assert len(model(samples, top_k=None)) == len(LABELS) - 1
    assert len(model(samples)) == 2


def test_scores_do_not_depend_on_the_number_of_workers(tiny: Find) -> None:
    model = auscult.load(f"hf:{tiny('ast')}")
    sources = [some_sound(seconds, seed=round(seconds)) for seconds in (1, 12, 3, 25)]
    alone = [result.scores.values for result in model.classify_many(sources, workers=1)]
    for one, result in zip(alone, model.classify_many(sources, workers=3), strict=True):
        np.testing.assert_array_equal(result.scores.values, one)


def test_what_the_checkpoint_is_stands_in_its_description(tiny: Find) -> None:
    model = auscult.load(f"hf:{tiny('ast')}")
    described = model.describe()
    assert described["origin"] == f"hf:{tiny('ast')}"
    assert described["packages"]["transformers"] == transformers.__version__
    assert len(model.digest) == 64
    assert auscult.load(f"hf:{tiny('ast', multi_label=True)}").digest != model.digest


def test_other_labels_are_another_model(tiny: Find) -> None:
    one, other = (auscult.load(f"hf:{tiny('clap')}", labels=labels) for labels in (SOUNDS, SOUNDS[:2]))
    assert one.digest != other.digest


def test_classes_may_get_names_of_the_users_own(tiny: Find) -> None:
    model = auscult.load(f"hf:{tiny('ast')}", labels=["a", "b", "c", "d", "e"])
    assert [label.id for label in model.labels] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"labels": ["dog"]}, r"must name all its 5 classes .* Got 1 instead; to see some only, use allow="),
        ({"labels": ["dog", "dog", "a", "b", "c"]}, "each another one"),
        ({"sample_rate": 44100}, "must be the model's own 16000 Hz"),
        ({"hop_s": 11.0}, "'hop_s' must be from"),
        ({"locale": "de"}, "'locale' is not for this model"),
    ],
)
def test_options_that_do_not_fit(tiny: Find, options: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        auscult.load(f"hf:{tiny('ast')}", **options)


def test_clap_needs_labels(tiny: Find) -> None:
    with pytest.raises(UsageError, match=r"no classes of its own.* give them as labels"):
        HfRunner(str(tiny("clap")), OpenOptions())


# Refused -------------------------------------------------------------------------------------------------------------


def test_speech_recognition_is_offered_as_a_backbone(tmp_path: Path) -> None:
    folder = write_waveform(tmp_path / "ctc", head="ForCTC")
    match = rf"no audio classifier: .*Wav2Vec2ForCTC.* auscult train SOURCE --backbone hf:{folder}"
    with pytest.raises(ModelFileError, match=match):
        auscult.load(f"hf:{folder}")


def test_an_image_network_is_offered_as_a_backbone(tmp_path: Path) -> None:
    folder = write_image(tmp_path / "resnet")
    with pytest.raises(ModelFileError, match=rf"no audio classifier: .*--backbone hf:{folder}"):
        auscult.load(f"hf:{folder}")


def test_a_text_network_is_refused(tmp_path: Path) -> None:
    transformers.BertModel(
        transformers.BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    ).save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelFileError, match="family 'bert', which does not classify sounds"):
        auscult.load(f"hf:{tmp_path / 'bert'}")


@pytest.fixture
def copy(tiny: Find, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny("ast"), tmp_path / "copy"))


def change_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_head_without_weights_would_be_random(tiny: Find, copy: Path) -> None:
    transformers.ASTModel.from_pretrained(copy).save_pretrained(copy)
    change_config(copy, architectures=["ASTForAudioClassification"])
    with pytest.raises(ModelFileError, match=r"weights that ASTForAudioClassification needs are not in its file"):
        auscult.load(f"hf:{copy}")


def test_an_estimator_of_numbers_is_no_classifier(copy: Path) -> None:
    change_config(copy, problem_type="regression")
    with pytest.raises(ModelFileError, match="estimates numbers"):
        auscult.load(f"hf:{copy}")


def test_classes_of_one_name_need_others(copy: Path) -> None:
    change_config(copy, id2label={0: "dog", 1: "rain", 2: "dog", 3: "clock", 4: "saw"})
    with pytest.raises(UsageError, match=r"labels must be different.* Got \['dog'\] instead; give labels="):
        auscult.load(f"hf:{copy}")
    assert auscult.load(f"hf:{copy}", labels=list("abcde")).labels[2].id == "c"


def test_damaged_weights(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelFileError, match=r"its model\.safetensors cannot be loaded"):
        auscult.load(f"hf:{copy}")


def test_no_feature_extractor(copy: Path) -> None:
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(ModelFileError, match=r"its preprocessor_config\.json cannot be loaded"):
        auscult.load(f"hf:{copy}")


def test_half_precision_is_computed_in_single(tmp_path: Path) -> None:
    import torch

    folder = write_ast(tmp_path / "ast")
    network = transformers.ASTForAudioClassification.from_pretrained(folder)
    network.to(torch.float16).save_pretrained(folder)
    scores = our_scores(auscult.load(f"hf:{folder}"), some_sound(1.0))
    assert sum(scores.values()) == pytest.approx(1)


def test_neither_torchaudio_nor_torchvision_is_needed(tiny: Find) -> None:
    import sys

    auscult.load(f"hf:{tiny('ast')}")(some_sound(1.0))
    auscult.load(f"hf:{tiny('clap')}", labels=SOUNDS)(some_sound(1.0, 48000))
    assert not {"torchaudio", "torchvision"} & set(sys.modules)


@pytest.mark.parametrize(
    ("family", "name", "values"),
    [
        ("ast", "preprocessor_config.json", {"max_length": 0}),
        ("ast", "preprocessor_config.json", {"max_length": None}),
        ("wav2vec2", "preprocessor_config.json", {"sampling_rate": -16000}),
        ("wav2vec2", "preprocessor_config.json", {"sampling_rate": 10**12}),
        ("ast", "config.json", {"id2label": {"0": "a", "1": "b", "2": "c", "3": "d", "7": "e"}}),
    ],
)
def test_files_that_do_not_go_together_are_an_error(
    tiny: Find, tmp_path: Path, family: str, name: str, values: dict[str, Any]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny(family), copy)
    written = json.loads((copy / name).read_text()) | values
    (copy / name).write_text(json.dumps(written))
    with pytest.raises(ModelFileError, match="its files do not go together"):
        auscult.load(f"hf:{copy}")


def test_a_label_too_long_for_clap_is_refused(tiny: Find) -> None:
    with pytest.raises(UsageError, match=r"at most 62 parts of words.*Got 'wwww"):
        auscult.load(f"hf:{tiny('clap')}", labels=["a", "w" * 80])
    # The sentence has 20 letters round the label, and two tokens of its own.
    auscult.load(f"hf:{tiny('clap')}", labels=["a", "w" * 38])
