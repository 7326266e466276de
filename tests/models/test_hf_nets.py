"""Networks of transformers as backbones: what they are shown, what they give, and that it exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.errors import ModelFileError, UsageError
from auscult.export.onnx import write_model_file
from auscult.features import preset
from auscult.models.modelspec import HeadSpec, ModelSpec
from auscult.models.nets.waveform_net import WaveformNet
from auscult.records import Label
from tests.tiny_hf import (
    FAMILIES,
    IMAGE_FAMILIES,
    WAVEFORM_FAMILIES,
    some_sound,
    write_clap,
    write_image,
    write_waveform,
)

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

import torch  # noqa: E402

from auscult.models.nets.hf import HfBody, levels, open_backbone  # noqa: E402
from auscult.models.nets.hf_front_ends import LogMelPicture, Standardised, scaling  # noqa: E402

# Of transformers' own AST extractor.
pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")

Find = Callable[[str], Path]
AUDIO = ("ast", "whisper", *WAVEFORM_FAMILIES, "clap")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Find:
    root = tmp_path_factory.mktemp("tiny")

    def find(name: str) -> Path:
        folder = root / name
        if folder.exists():
            return folder
        return write_image(folder, name) if name in IMAGE_FAMILIES else {**FAMILIES, "clap": write_clap}[name](folder)

    return find


def build(folder: Path, window_s: float) -> tuple[Any, HfBody, int]:
    """Front end, body and samples of a window."""
    found = open_backbone(str(folder))
    rate = found.sample_rate or 16000
    features = preset("auscult", sample_rate=rate) if found.kind == "image" else None
    n_samples = round(window_s * rate)
    front_end, body = found.build(n_samples, features)
    return front_end, body, n_samples


def as_batch(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples)[None]


def extractor_of(folder: Path) -> Any:
    return transformers.AutoFeatureExtractor.from_pretrained(folder)


# What they are shown -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window_s", [10.24, 10.0, 3.0])
def test_the_front_end_of_ast_is_the_extractors(tiny: Find, window_s: float) -> None:
    front_end, _, n_samples = build(tiny("ast"), window_s)
    samples = some_sound(window_s)[:n_samples]
    wanted = extractor_of(tiny("ast"))(samples, sampling_rate=16000, return_tensors="pt").input_values[0].T
    ours = front_end(as_batch(samples))[0]
    # All frames, and as much of the padding behind as the patches reach into; of 1024, AST's patches reach 1016.
    assert ours.shape[1] >= min(1016, 1 + (n_samples - 400) // 160)
    assert float((ours - wanted[:, : ours.shape[1]]).abs().max()) < 1e-4


@pytest.mark.parametrize("window_s", [30.0, 5.0, 1.23])
def test_the_front_end_of_whisper_is_the_extractors(tiny: Find, window_s: float) -> None:
    front_end, _, n_samples = build(tiny("whisper"), window_s)
    samples = some_sound(window_s)[:n_samples]
    wanted = extractor_of(tiny("whisper"))(samples, sampling_rate=16000, return_tensors="pt").input_features[0]
    ours = front_end(as_batch(samples))[0]
    assert float((ours - wanted[:, : ours.shape[1]]).abs().max()) < 1e-4


@pytest.mark.parametrize("window_s", [10.0, 4.0, 0.7])
def test_the_front_end_of_clap_is_the_extractors(tiny: Find, window_s: float) -> None:
    front_end, _, n_samples = build(tiny("clap"), window_s)
    samples = some_sound(window_s, 48000)[:n_samples]
    wanted = extractor_of(tiny("clap"))([samples], sampling_rate=48000, return_tensors="pt").input_features[0, 0]
    # In dB.
    assert float((front_end(as_batch(samples))[0] - wanted.T).abs().max()) < 1e-3


@pytest.mark.parametrize("normalise", [True, False])
def test_waveforms_are_standardised_where_the_extractor_does_it(normalise: bool) -> None:
    samples = 0.1 + 0.02 * some_sound(0.5)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=normalise)
    wanted = extractor(samples, sampling_rate=16000, return_tensors="np").input_values[0]
    ours = Standardised(on=normalise)(as_batch(samples))[0].numpy()
    np.testing.assert_allclose(ours, wanted, atol=2e-5)


def test_silence_is_standardised_to_silence() -> None:
    assert float(Standardised(on=True)(torch.zeros(1, 800)).abs().max()) == 0


def picture_of(shape: tuple[int, int], size: tuple[int, int]) -> LogMelPicture:
    return LogMelPicture(shape, size, levels=(0.0, 1.0), mean=[0.0, 0.5, 0.0], std=[1.0, 1.0, 0.5])


def test_a_log_mel_becomes_three_pictures_alike_but_for_mean_and_std() -> None:
    log_mel = torch.rand(2, 64, 150)
    red, green, blue = picture_of((64, 150), (48, 224))(log_mel).unbind(1)
    assert red.shape == (2, 48, 224)
    torch.testing.assert_close(green, red - 0.5)
    torch.testing.assert_close(blue, red / 0.5)


def test_a_log_mel_is_neither_cropped_nor_turned() -> None:
    picture = picture_of((64, 300), (224, 224))
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        log_mel = torch.zeros(1, 64, 300)
        log_mel[0, row, column] = 1.0
        shown = picture(log_mel)[0, 0]
        assert float(shown[row, column]) == float(shown.max()) > 0.1
    # A level that is the same everywhere stays so, to the very border.
    torch.testing.assert_close(picture(torch.full((1, 64, 300), 0.7))[0, 0], torch.full((224, 224), 0.7))


@pytest.mark.parametrize(("n_in", "n_out"), [(64, 224), (501, 224), (7, 7), (3, 1)])
def test_scaling_keeps_level_and_order(n_in: int, n_out: int) -> None:
    matrix = scaling(n_in, n_out)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    positions = matrix @ np.arange(n_in)
    assert (np.diff(positions) >= 0).all()
    assert float(positions.mean()) == pytest.approx((n_in - 1) / 2)


@pytest.mark.parametrize("name", ["auscult", "yamnet", "clearml"])
def test_levels_are_those_of_silence_and_of_full_scale(name: str) -> None:
    from auscult.features import log_mel

    spec = preset(name)
    black, white = levels(spec)
    assert float(log_mel(np.zeros(spec.sample_rate, np.float32), spec).max()) == pytest.approx(black, abs=1e-4)
    time_s = np.arange(spec.sample_rate) / spec.sample_rate
    loudest = float(log_mel(np.sin(2 * np.pi * 1000 * time_s).astype(np.float32), spec).max())
    # The sine falls between bins and shares its band with quieter ones.
    assert 0.7 < (loudest - black) / (white - black) < 1.1


# What they give ------------------------------------------------------------------------------------------------------


def test_a_full_window_of_ast_gives_what_the_network_pools(tiny: Find) -> None:
    front_end, body, n_samples = build(tiny("ast"), 10.24)
    samples = some_sound(10.24)[:n_samples]
    inputs = extractor_of(tiny("ast"))(samples, sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        wanted = transformers.AutoModel.from_pretrained(tiny("ast")).eval()(**inputs).pooler_output
        ours = body(front_end(as_batch(samples)))
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=0)


def test_a_shorter_window_of_ast_keeps_the_positions_of_its_patches(tiny: Find) -> None:
    front_end, body, n_samples = build(tiny("ast"), 3.0)
    whole = transformers.AutoModel.from_pretrained(tiny("ast")).eval()
    samples = some_sound(3.0)[:n_samples]
    inputs = extractor_of(tiny("ast"))(samples, sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        wanted = whole.embeddings(inputs)[0, 2:].reshape(12, 101, -1)
        ours = body.network.embeddings(front_end(as_batch(samples)).transpose(1, 2))[0, 2:].reshape(12, -1, 32)
    assert ours.shape[1] == 30  # of 298 frames: patches of 16 every 10
    torch.testing.assert_close(ours, wanted[:, :30], atol=1e-3, rtol=0)


@pytest.mark.parametrize("window_s", [30.0, 2.0])
def test_whisper_gives_the_mean_of_its_encoder(tiny: Find, window_s: float) -> None:
    front_end, body, n_samples = build(tiny("whisper"), window_s)
    encoder = transformers.WhisperForAudioClassification.from_pretrained(tiny("whisper")).eval().encoder
    kept = encoder.embed_positions.weight[: round(window_s * 50)]
    torch.testing.assert_close(body.network.embed_positions.weight, kept)
    if window_s == 30.0:
        samples = some_sound(window_s)[:n_samples]
        inputs = extractor_of(tiny("whisper"))(samples, sampling_rate=16000, return_tensors="pt").input_features
        with torch.no_grad():
            wanted = encoder(inputs).last_hidden_state.mean(dim=1)
            torch.testing.assert_close(body(front_end(as_batch(samples))), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", WAVEFORM_FAMILIES)
def test_waveform_networks_give_the_mean_of_their_last_layer(tiny: Find, family: str) -> None:
    front_end, body, n_samples = build(tiny(family), 1.5)
    samples = some_sound(1.5)[:n_samples]
    inputs = extractor_of(tiny(family))(samples, sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        wanted = transformers.AutoModel.from_pretrained(tiny(family)).eval()(**inputs).last_hidden_state.mean(dim=1)
        ours = body(front_end(as_batch(samples)))
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=0)


def test_a_full_window_of_clap_gives_what_the_network_pools(tiny: Find) -> None:
    front_end, body, n_samples = build(tiny("clap"), 10.0)
    samples = some_sound(10.0, 48000)[:n_samples]
    inputs = extractor_of(tiny("clap"))([samples], sampling_rate=48000, return_tensors="pt").to(torch.float32)
    with torch.no_grad():
        whole = transformers.AutoModel.from_pretrained(tiny("clap")).eval()
        wanted = whole.audio_model(**inputs).pooler_output
        ours = body(front_end(as_batch(samples)))
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_image_networks_give_what_their_own_head_reads(tiny: Find, family: str) -> None:
    _, body, _ = build(tiny(family), 2.0)
    seen: list[torch.Tensor] = []
    whole = transformers.AutoModelForImageClassification.from_pretrained(tiny(family)).eval()
    last = [one for one in whole.modules() if isinstance(one, torch.nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    log_mel = torch.randn(2, 64, preset("auscult", sample_rate=16000).n_frames(32000)) - 3
    with torch.no_grad():
        whole(pixel_values=body.picture(log_mel))
        ours = body(log_mel)
    torch.testing.assert_close(ours, seen[0].flatten(1), atol=1e-4, rtol=0)
    assert ours.shape == (2, body.embedding_dim)


@pytest.mark.parametrize("name", [*AUDIO, *IMAGE_FAMILIES])
def test_every_body_is_built_alike_each_time_and_names_its_layers(tiny: Find, name: str) -> None:
    _, body, _ = build(tiny(name), 2.0)
    _, again, _ = build(tiny(name), 2.0)
    for (key, value), other in zip(body.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(value, other), key
    in_layers = {id(parameter) for layer in body.layers for parameter in layer.parameters()}
    n_known = sum(parameter.numel() for parameter in body.parameters() if id(parameter) in in_layers)
    assert n_known > 0.9 * sum(parameter.numel() for parameter in body.parameters())
    assert len(body.layers) >= 3


@pytest.mark.parametrize("name", [*AUDIO, *IMAGE_FAMILIES])
def test_every_weight_learns(tiny: Find, name: str) -> None:
    front_end, body, n_samples = build(tiny(name), 1.0)
    waveform = as_batch(some_sound(1.0, n_samples))
    shown = front_end(waveform) if front_end is not None else torch.randn(1, 64, 51)
    body.train()(torch.cat([shown, 0.5 * shown])).square().sum().backward()
    without = [key for key, one in body.named_parameters() if one.requires_grad and one.grad is None]
    # Conformers have a convolution for positions that they do not use.
    assert [key for key in without if not (name == "wav2vec2-conformer" and ".pos_conv_embed." in key)] == []


# Refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "window_s", "most"), [("ast", 10.5, "10.24"), ("whisper", 31.0, "30")])
def test_a_window_may_be_as_long_as_the_network_hears(tiny: Find, name: str, window_s: float, most: str) -> None:
    with pytest.raises(UsageError, match=rf"'window_s' option of training must be at most {most}"):
        build(tiny(name), window_s)


def test_a_checkpoint_for_speech_recognition_is_a_backbone(tmp_path: Path) -> None:
    _, body, _ = build(write_waveform(tmp_path / "ctc", head="ForCTC"), 1.0)
    assert body.embedding_dim == 32


def test_families_that_hear_nothing_are_refused(tmp_path: Path) -> None:
    transformers.BertModel(
        transformers.BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    ).save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelFileError, match="family 'bert' cannot be a backbone here; take an audio encoder"):
        open_backbone(str(tmp_path / "bert"))


def test_clap_with_fusion_is_no_backbone(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="CLAP without fusion"):
        open_backbone(str(write_clap(tmp_path / "clap", fusion=True)))


# Export --------------------------------------------------------------------------------------------------------------


def _write(folder: Path, path: Path, window_s: float) -> float:
    """Largest difference between the model file and the network."""
    found = open_backbone(str(folder))
    rate = found.sample_rate or 16000
    features = preset("auscult", sample_rate=rate) if found.kind == "image" else None
    n_samples = round(window_s * rate)
    front_end, body = found.build(n_samples, features)
    torch.manual_seed(0)
    net = WaveformNet(features, body, 3, front_end=front_end).eval()
    torch.nn.init.normal_(net.head.weight, 0, 0.3)
    head = HeadSpec(name="main", task="single_label", labels=(Label("a"), Label("b"), Label("c")))
    spec = ModelSpec(
        name="tiny",
        heads=(head,),
        sample_rate=rate,
        window_samples=n_samples,
        hop_samples=n_samples // 2,
        features=features.to_dict() if features else None,
        license="CC0-1.0",
    )
    return write_model_file(path, net, spec).max_difference


@pytest.mark.slow  # the exporter of torch takes 3 to 10 s a network, and four times that for CLAP
@pytest.mark.parametrize("name", ["ast", "whisper", "wav2vec2", "hubert", "wavlm", "clap", *IMAGE_FAMILIES])
def test_every_kind_exports_and_does_what_it_did(tiny: Find, tmp_path: Path, name: str) -> None:
    assert _write(tiny(name), tmp_path / "model.onnx", 2.4) < 1e-4
