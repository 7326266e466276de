"""YAMNet's port: its padding and patches by theory, the network against LiteRT, training, the exported file.

With the published weights beside the checkout: its scores and embeddings against those of the published file.
"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from auscult import load
from auscult.audio import load_waveform, plan_windows
from auscult.errors import ModelFileError
from auscult.export.onnx import MAX_SCORE_DIFFERENCE, write_model_file
from auscult.features.torch_mel import LogMel
from auscult.models.modelspec import HeadSpec, ModelSpec
from auscult.models.nets import yamnet
from auscult.models.nets.waveform_net import WaveformNet
from auscult.models.nets.yamnet import (
    BLOCKS,
    FEATURES,
    PATCH_HOP_SAMPLES,
    PATCH_SAMPLES,
    SILENCE,
    STEM_CHANNELS,
    SameConv,
    YamnetBody,
    cut_patches,
    load_yamnet,
    n_patches,
    padded_samples,
    same_padding,
)
from auscult.records import Label, Waveform
from tests.tiny_yamnet import YamnetGraph, random_weights, round_outputs, run_patch

N_CLASSES = 7


# Padding -------------------------------------------------------------------------------------------------------------


def test_a_stride_of_two_on_an_even_size_pads_at_the_end_alone():
    """By hand: all weights 0.05 and a ramp 0 ... 15, so each output is a twentieth of the sum under the kernel.

    The first kernel covers rows and columns 0 to 2, the last 2 to 3 and a row and a column of zeros. With zeros all
    around (`padding=1`) the first output would be (0 + 1 + 4 + 5) / 20 = 0.5.
    """
    layer = SameConv(1, 1, stride=2)
    with torch.no_grad():
        layer.conv.weight.fill_(0.05)
        layer.conv.bias.zero_()
        out = layer(torch.arange(16.0).reshape(1, 1, 4, 4))
    expected = torch.tensor([[45, 39], [66, 50]]) / 20
    assert out.shape == (1, 1, 2, 2)
    assert torch.allclose(out[0, 0], expected)


@pytest.mark.parametrize(
    ("size", "stride", "zeros"), [(96, 2, (0, 1)), (64, 2, (0, 1)), (3, 2, (1, 1)), (6, 1, (1, 1)), (1, 1, (1, 1))]
)
def test_same_padding_is_tensorflow_s(size, stride, zeros):
    assert same_padding(size, stride=stride) == zeros


def convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """The definition of SAME, point by point: `x` (c, h, w), depthwise `weight` (c, 3, 3)."""
    _, h, w = x.shape
    out_h, out_w = -(-h // stride), -(-w // stride)
    top = max((out_h - 1) * stride + 3 - h, 0) // 2
    left = max((out_w - 1) * stride + 3 - w, 0) // 2
    out = np.tile(bias[:, None, None], (1, out_h, out_w)).astype(np.float64)
    for i, j, di, dj in np.ndindex(out_h, out_w, 3, 3):
        row, column = i * stride + di - top, j * stride + dj - left
        if 0 <= row < h and 0 <= column < w:
            out[:, i, j] += x[:, row, column] * weight[:, di, dj]
    return out.clip(0, 6)


@given(h=st.integers(1, 9), w=st.integers(1, 9), stride=st.sampled_from([1, 2]), seed=st.integers(0, 99))
def test_depthwise_convolutions_follow_the_definition(h, w, stride, seed):
    random = np.random.default_rng(seed)
    x, weight, bias = random.normal(0, 2, (3, h, w)), random.normal(0, 1, (3, 3, 3)), random.normal(0, 1, 3)
    layer = SameConv(3, 3, stride=stride, groups=3)
    with torch.no_grad():
        layer.conv.weight.copy_(torch.from_numpy(weight[:, None]))
        layer.conv.bias.copy_(torch.from_numpy(bias))
        out = layer(torch.from_numpy(x[None]).float())[0].numpy()
    np.testing.assert_allclose(out, convolved(x, weight, bias, stride), atol=1e-5)


# Patches -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_samples", "frames", "patches"),
    [(1, 96, 1), (15600, 96, 1), (15601, 144, 2), (48000, 336, 6), (80000, 528, 10), (160000, 1008, 20)],
)
def test_patches_of_a_sound_are_as_upstream_cuts_them(n_samples, frames, patches):
    padded = padded_samples(n_samples)
    assert padded >= n_samples
    assert (padded - PATCH_SAMPLES) % PATCH_HOP_SAMPLES == 0
    assert FEATURES.n_frames(padded) == frames
    assert n_patches(n_samples) == patches
    log_mel = torch.zeros(1, 64, frames)
    assert cut_patches(log_mel).shape == (1, patches, 96, 64)


def test_a_patch_begins_every_48_frames():
    frames = torch.arange(192.0).expand(1, 64, -1)
    patches = cut_patches(frames)
    assert patches[0, :, :, 0].tolist() == [list(range(start, start + 96)) for start in (0, 48, 96)]


@pytest.mark.parametrize("frames", [1, 95, 97, 143])
def test_what_is_missing_is_silence(frames):
    log_mel = torch.randn(2, 64, frames)
    filled = torch.full((2, 64, 96 if frames <= 96 else 144), SILENCE)
    filled[:, :, :frames] = log_mel
    assert torch.equal(cut_patches(log_mel), cut_patches(filled))


def test_silence_is_the_log_mel_of_zeros():
    assert LogMel(FEATURES)(torch.zeros(1, 800)).numpy() == pytest.approx(SILENCE)


# The network ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    """The whole network with random weights, in a file that LiteRT runs too."""
    path = tmp_path_factory.mktemp("yamnet") / "random.tflite"
    path.write_bytes(YamnetGraph(random_weights(STEM_CHANNELS, BLOCKS, N_CLASSES), BLOCKS).to_bytes())
    return path


@pytest.fixture(scope="module")
def net(model_file) -> WaveformNet:
    return load_yamnet(model_file)


def log_mels(n: int, frames: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(n).normal(-2, 2, (n, 64, frames)).astype(np.float32))


@torch.no_grad()
def test_the_network_computes_what_litert_computes(net, model_file):
    (log_mel,) = log_mels(1, 96)
    embedding, scores = run_patch(model_file.read_bytes(), log_mel.T.numpy())
    logits, ours = net.from_features(log_mel[None])
    assert embedding.std() > 0.1
    assert ours[0].numpy() == pytest.approx(embedding, abs=2e-5)
    assert torch.sigmoid(logits)[0].numpy() == pytest.approx(scores, abs=1e-5)


@torch.no_grad()
def test_symmetric_padding_would_be_noticed(net, model_file, monkeypatch):
    """The trap itself: else the test above might pass with either."""
    monkeypatch.setattr(yamnet, "same_padding", lambda size, *, kernel, stride: (kernel // 2,) * 2)
    (log_mel,) = log_mels(1, 96)
    embedding, _ = run_patch(model_file.read_bytes(), log_mel.T.numpy())
    assert np.abs(net.body(log_mel[None])[0].numpy() - embedding).max() > 0.1


@torch.no_grad()
def test_the_embedding_is_the_mean_over_patches(net):
    log_mel = log_mels(2, 192)
    alone = [net.body(log_mel[:, :, start : start + 96]) for start in (0, 48, 96)]
    assert torch.allclose(net.body.embed_patches(log_mel), torch.stack(alone, dim=1), atol=1e-5)
    assert torch.allclose(net.body(log_mel), torch.stack(alone).mean(dim=0), atol=1e-5)


@torch.no_grad()
def test_no_result_depends_on_its_neighbours(net):
    batch = log_mels(5, 144)
    alone = torch.cat([net.body(row[None]) for row in batch])
    assert torch.allclose(net.body(batch), alone, atol=1e-5)


@torch.no_grad()
def test_untrained_weights_let_sound_through():
    """Without norms, weights of another size would fade to nothing within 27 layers, or fill all of ReLU6."""
    torch.manual_seed(0)
    embedding = YamnetBody().eval()(log_mels(3, 96))
    assert 0.05 < float(embedding.std()) < 3
    assert (embedding[0] - embedding[1]).abs().max() > 0.02


def test_rounding_follows_the_file(tmp_path):
    """On a grid of 0.05 all values are multiples of it, near those without rounding, and gradients go through."""
    graph = YamnetGraph(random_weights(STEM_CHANNELS, BLOCKS, N_CLASSES), BLOCKS, quantized=True)
    round_outputs(graph, scale=0.05, zero_point=-8)
    path = tmp_path / "rounded.tflite"
    path.write_bytes(graph.to_bytes())
    plain, rounded = load_yamnet(path), load_yamnet(path, rounded=True)
    log_mel = log_mels(2, 144)
    expected = plain.body.embed_patches(log_mel)
    embedding = rounded.body.embed_patches(log_mel)
    steps = embedding / 0.05
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    assert 0 < (embedding - expected).abs().mean() < 0.1
    logits, _ = rounded.from_features(log_mel)
    logits.sum().backward()
    assert rounded.body.layers[0].conv.weight.grad.abs().max() > 0


def test_a_file_that_rounds_nothing_says_so(model_file):
    with pytest.raises(ModelFileError, match=r"random\.tflite: rounds nothing.*rounded=False"):
        load_yamnet(model_file, rounded=True)


def test_it_is_as_large_as_published():
    body = YamnetBody()
    assert len(body.layers) == 14
    assert sum(p.numel() for p in body.parameters()) + 1025 * 521 == 3_729_481
    assert body.embedding_dim == 1024


@pytest.mark.parametrize("shape", [(2, 40, 96), (2, 96, 64), (64, 96)])
def test_another_log_mel_is_refused(shape):
    with pytest.raises(ValueError, match=r"axes \(batch, 64, frames\).*preset 'yamnet'"):
        YamnetBody()(torch.zeros(shape))


def test_a_file_that_is_no_yamnet_is_refused(tmp_path):
    (tmp_path / "a.tflite").write_bytes(YamnetGraph(random_weights(8, BLOCKS, 3), BLOCKS).to_bytes())
    with pytest.raises(ModelFileError, match=r"a\.tflite: is not the YAMNet that auscult knows.*auscult models get"):
        load_yamnet(tmp_path / "a.tflite")


# Training and export -------------------------------------------------------------------------------------------------


def make_spec(window_samples: int, labels: tuple[str, ...]) -> ModelSpec:
    return ModelSpec(
        name="yamnet",
        heads=(HeadSpec(name="main", task="multi_label", labels=tuple(map(Label, labels))),),
        sample_rate=FEATURES.sample_rate,
        window_samples=window_samples,
        hop_samples=PATCH_HOP_SAMPLES,
        features=FEATURES.to_dict(),
        license="Apache-2.0",
    )


def test_it_can_be_trained_and_the_file_does_what_the_trained_network_does(model_file, tmp_path):
    net = load_yamnet(model_file)
    before = {name: values.clone() for name, values in net.state_dict().items()}
    sounds = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (4, 23280)).astype(np.float32))
    targets = torch.tensor([0, 1, 2, 0])
    optimizer = torch.optim.SGD(net.train().parameters(), lr=1e-3)
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(net(sounds)[0], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert [name for name, values in net.state_dict().items() if torch.equal(values, before[name])] == []
    spec = make_spec(23280, tuple(f"class {i}" for i in range(N_CLASSES)))
    parity = write_model_file(tmp_path / "model.onnx", net.eval(), spec, sounds=[Waveform(sounds[0].numpy(), 16000)])
    assert parity.max_difference <= MAX_SCORE_DIFFERENCE
    check_any_number_of_windows(tmp_path / "model.onnx", net, sounds)


@torch.no_grad()
def check_any_number_of_windows(path: Path, net: WaveformNet, sounds: torch.Tensor) -> None:
    session = onnxruntime.InferenceSession(path)
    for n_windows in (1, 3):
        scores, logits, embedding = session.run(None, {"waveform": sounds[:n_windows].numpy()})
        of_net, embedding_of_net = net(sounds[:n_windows])
        assert scores.shape == logits.shape == (n_windows, N_CLASSES)
        assert logits == pytest.approx(of_net.numpy(), abs=1e-3)
        assert embedding == pytest.approx(embedding_of_net.numpy(), abs=1e-3)


# The published weights -----------------------------------------------------------------------------------------------


class Published:
    """The published .tflite in LiteRT, its embedding read from inside."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LiteRT warns that tensors inside cost memory
            self.interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        self.interpreter.allocate_tensors()
        details = {one["name"]: one for one in self.interpreter.get_tensor_details()}
        self.inside = details["tower0/network/layer28/reduce_mean"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def __call__(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings and scores of windows (n, 15600)."""
        scale, zero_point = self.inside["quantization"]
        embeddings, scores = [], []
        for window in windows:
            self.interpreter.set_tensor(0, window)
            self.interpreter.invoke()
            whole = self.interpreter.get_tensor(self.inside["index"]).reshape(-1).astype(np.float32)
            embeddings.append((whole - zero_point) * scale)
            scores.append(self.interpreter.get_tensor(self.output)[0].copy())
        return np.stack(embeddings), np.stack(scores)


@pytest.fixture(scope="module")
def folder(shared_data) -> Path:
    return shared_data / "yamnet"


@pytest.fixture(scope="module")
def class_names(folder) -> list[str]:
    with (folder / "yamnet_class_map.csv").open(encoding="utf-8") as file:
        return [row["display_name"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def published(folder) -> Published:
    return Published(folder / "yamnet_audio_classifier_with_metadata.tflite")


@pytest.fixture(scope="module")
def port(folder) -> WaveformNet:
    return load_yamnet(folder / "yamnet_audio_classifier_with_metadata.tflite")


def cut(samples: np.ndarray) -> np.ndarray:
    plan = plan_windows(len(samples), length=PATCH_SAMPLES, hop=PATCH_HOP_SAMPLES)
    rows = np.zeros((len(plan), PATCH_SAMPLES), np.float32)
    for row, window in zip(rows, plan, strict=True):
        row[: window.valid_samples] = samples[window.start : window.end]
    return rows


@torch.no_grad()
def of_port(port: WaveformNet, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logits, embeddings = port(torch.from_numpy(windows))
    return embeddings.numpy(), torch.sigmoid(logits).numpy()


UPSTREAM = {
    "Silence": np.zeros(48000),
    "White noise": np.random.RandomState(51773).uniform(-1, 1, 48000),  # upstream's own generator
    "Sine wave": np.sin(2 * np.pi * 440 * np.arange(48000) / 16000),
}


@pytest.mark.parametrize("expected", UPSTREAM)
def test_upstream_s_own_tests(port, class_names, expected):
    _, scores = of_port(port, cut(UPSTREAM[expected].astype(np.float32)))
    best = np.argsort(scores.mean(axis=0))[::-1][:10]
    assert expected in [class_names[i] for i in best]


@pytest.fixture(scope="module")
def of_clips(published, shared_data) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Windows, embeddings and scores of every tenth clip of ESC-10; `benchmarks/agreement.py` takes all of them."""
    clips = sorted((shared_data / "esc10" / "audio").glob("*.ogg"))[::10]
    assert len(clips) == 40
    cuts = [cut(load_waveform(clip, sample_rate=16000).samples) for clip in clips]
    return [(windows, *published(windows)) for windows in cuts]


def test_it_gives_what_the_published_file_would_give_without_rounding(port, of_clips):
    """A step of the file's embedding is 0.022, and a step of its logits 0.35: up to 0.09 in a score."""
    of_embeddings, of_scores, margins = [], [], []
    for windows, embeddings, scores in of_clips:
        our_embeddings, our_scores = of_port(port, windows)
        of_embeddings.append(np.abs(our_embeddings - embeddings).mean())
        of_scores.append(np.abs(our_scores - scores).mean())
        mean = scores.mean(axis=0)
        margins.append(mean.max() - mean[our_scores.mean(axis=0).argmax()])
    assert np.mean(of_embeddings) < 0.002
    assert np.mean(of_scores) < 0.0006
    assert max(margins) < 0.03  # where another class is first, it is one that the file has nearly first


def test_with_the_file_s_rounding_it_is_the_file(folder, of_clips):
    """But for sums on the border of two values, which then change what follows."""
    rounded = load_yamnet(folder / "yamnet_audio_classifier_with_metadata.tflite", rounded=True)
    same_class, same_values = [], []
    for windows, embeddings, scores in of_clips:
        our_embeddings, our_scores = of_port(rounded, windows)
        same_class.append(our_scores.mean(axis=0).argmax() == scores.mean(axis=0).argmax())
        same_values.append((np.abs(our_embeddings - embeddings) < 1e-4).mean())
    assert np.mean(same_class) >= 0.97
    assert np.mean(same_values) > 0.95


def test_its_file_gives_its_scores_for_speech(port, class_names, folder, tmp_path):
    path = tmp_path / "yamnet.onnx"
    speech = load_waveform(folder / "speech.wav", sample_rate=16000)
    parity = write_model_file(path, port, make_spec(PATCH_SAMPLES, tuple(class_names)), sounds=[speech])
    assert parity.max_difference < 1e-5
    assert load(path)(folder / "speech.wav")[0]["label"] == "Speech"
