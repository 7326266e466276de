"""The torch front end, and its exported graph, against the numpy reference; batches against singles."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from auscult.features import PRESETS, FeatureSpec, log_mel, mel_energies, preset
from auscult.features.torch_mel import LogMel, Transform
from auscult.records import FloatArray

FloatBatch = NDArray[np.float32]
TRANSFORMS: tuple[Transform, ...] = ("fft", "matmul")
PEAK_SHARE = 1e-4
RANGE_DB = 60.0
TOLERANCE_DB = 0.1

# Beside the presets: lengths that are prime, odd, not powers of two; a window far shorter than its
# transform; hops that divide the frame and hops that are the frame; bands that leave most of the spectrum
# out.
SPECS: dict[str, FeatureSpec] = {
    **PRESETS,
    "auscult-8k": preset("auscult", sample_rate=8000, hop_s=0.01),
    "auscult-48k": preset("auscult", sample_rate=48000),
    "prime": replace(preset("auscult"), n_fft=257, frame_samples=257, hop_samples=100, n_mels=10),
    "odd": replace(preset("clearml"), n_fft=1323, frame_samples=551, hop_samples=220),
    "short-window": replace(preset("auscult"), frame_samples=33, hop_samples=7),
    "whole-hop": replace(preset("auscult"), hop_samples=1024, centered=False),
    "low-bands": replace(preset("auscult", sample_rate=48000), f_max_hz=2000.0, n_mels=24),
    "magnitude-db": replace(preset("clearml"), spectrum="magnitude", log_floor=1e-5, log_reference=0.5),
}


def sounds(n_samples: int, sample_rate: int) -> dict[str, FloatArray]:
    time_s = np.arange(n_samples) / sample_rate
    rng = np.random.default_rng(5)
    return {
        "noise": rng.uniform(-1, 1, n_samples).astype(np.float32),
        "quiet": (1e-4 * rng.standard_normal(n_samples)).astype(np.float32),
        "sine": np.sin(2 * np.pi * 0.11 * sample_rate * time_s).astype(np.float32),
        "square": np.where(np.sin(2 * np.pi * 300 * time_s) >= 0, 1.0, -1.0).astype(np.float32),
        "constant": np.ones(n_samples, np.float32),
        "silence": np.zeros(n_samples, np.float32),
    }


def assert_close_to_reference(actual: FloatArray, samples: FloatArray, spec: FeatureSpec) -> None:
    """Within 1e-4 of the peak mel power, and within 0.1 dB wherever less than 60 dB under the peak."""
    expected = log_mel(samples, spec)
    assert actual.shape == expected.shape
    assert actual.dtype == np.float32
    exponent = 2.0 if spec.spectrum == "magnitude" else 1.0
    ours, theirs = (np.exp(level.astype(np.float64) / spec.log_scale * exponent) for level in (actual, expected))
    peak = theirs.max()
    assert np.abs(ours - theirs).max() <= PEAK_SHARE * peak
    near_peak = theirs >= peak * 10 ** (-RANGE_DB / 10)
    level_db = 10 * np.log10(ours[near_peak] / theirs[near_peak])
    assert np.abs(level_db).max() <= TOLERANCE_DB


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", SPECS)
def test_torch_agrees_with_the_reference(name: str, transform: Transform) -> None:
    spec = SPECS[name]
    batch = sounds(spec.sample_rate // 2, spec.sample_rate)
    features = LogMel(spec, transform=transform)(torch.from_numpy(np.stack(list(batch.values())))).numpy()
    for row, samples in zip(features, batch.values(), strict=True):
        assert_close_to_reference(row, samples, spec)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("n_samples", [1, 2, 399, 400, 401, 441, 1023, 1025, 15600, 100_000])
def test_any_length_agrees(name: str, transform: Transform, n_samples: int) -> None:
    spec = preset(name)
    samples = sounds(n_samples, spec.sample_rate)["noise"]
    features = LogMel(spec, transform=transform)(torch.from_numpy(samples[np.newaxis])).numpy()
    assert_close_to_reference(features[0], samples, spec)


@given(
    n_fft=st.integers(64, 600),
    window_share=st.floats(0.1, 1.0),
    hop_share=st.floats(0.2, 1.0),
    n_samples=st.integers(1, 3000),
    centered=st.booleans(),
    spectrum=st.sampled_from(["magnitude", "power"]),
    transform=st.sampled_from(TRANSFORMS),
)
@settings(deadline=None, max_examples=60)
def test_any_front_end_agrees(
    n_fft: int,
    window_share: float,
    hop_share: float,
    n_samples: int,
    centered: bool,
    spectrum: Any,
    transform: Transform,
) -> None:
    frame_samples = max(4, int(window_share * n_fft))
    spec = replace(
        preset("auscult"),
        n_fft=n_fft,
        frame_samples=frame_samples,
        hop_samples=max(1, int(hop_share * frame_samples)),
        n_mels=6,
        centered=centered,
        spectrum=spectrum,
    )
    samples = sounds(n_samples, spec.sample_rate)["noise"]
    features = LogMel(spec, transform=transform)(torch.from_numpy(samples[np.newaxis])).numpy()
    assert_close_to_reference(features[0], samples, spec)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_batch_gives_what_singles_give(transform: Transform) -> None:
    spec = preset("auscult")
    batch = torch.from_numpy(np.stack(list(sounds(11025, 22050).values())))
    front_end = LogMel(spec, transform=transform)
    singles = torch.cat([front_end(row[None]) for row in batch])
    torch.testing.assert_close(front_end(batch), singles, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_nothing(transform: Transform, dtype: torch.dtype) -> None:
    front_end = LogMel(preset("auscult"), transform=transform)
    waveform = torch.from_numpy(sounds(11025, 22050)["noise"])[None].to(dtype)
    expected = front_end(waveform)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = front_end(waveform)
        assert torch.is_autocast_enabled("cpu")
    assert actual.dtype == torch.float32
    assert torch.equal(actual, expected)


def test_constants_are_no_part_of_a_checkpoint() -> None:
    front_end = LogMel(preset("auscult"), transform="matmul")
    assert not front_end.state_dict()
    assert not list(front_end.parameters())
    waveform = torch.ones(1, 4000)
    assert torch.equal(copy.deepcopy(front_end)(waveform), front_end(waveform))


def test_an_unknown_transform_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be 'fft' or 'matmul'\. Got 'dct'"):
        LogMel(preset("auscult"), transform="dct")  # type: ignore[arg-type]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    ("waveform", "what"),
    [
        (torch.zeros(22050), r"'waveform' parameter.*\(22050,\)"),
        (torch.zeros(1, 1, 22050), r"'waveform' parameter.*\(1, 1, 22050\)"),
        (torch.zeros(1, 22050, dtype=torch.int16), r"'waveform' parameter.*int16"),
        (torch.zeros(1, 0), "'n_samples' parameter must be at least 1"),
    ],
    ids=["no-batch", "channels", "integers", "empty"],
)
def test_other_axes_are_refused(transform: Transform, waveform: torch.Tensor, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        LogMel(preset("auscult"), transform=transform)(waveform)


Exported = Callable[[FloatBatch], FloatBatch]


@pytest.fixture(scope="module")
def exporter_is_quiet() -> Iterator[None]:
    """The exporter says which of its optional packages are absent; that is not about us."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module", params=list(PRESETS))
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, exporter_is_quiet: None
) -> tuple[FeatureSpec, Path, Exported]:
    """The matmul front end of half a second as an ONNX file, and a session with one thread over it."""
    spec = preset(request.param)
    path = tmp_path_factory.mktemp("graph") / f"{request.param}.onnx"
    with warnings.catch_warnings():
        # Deprecations inside torch's own exporter.
        warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning))
        torch.onnx.export(
            LogMel(spec, transform="matmul").eval(),
            (torch.zeros(2, spec.sample_rate // 2),),
            path,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["waveform"],
            external_data=False,
            verbose=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(batch: FloatBatch) -> FloatBatch:
        return np.asarray(session.run(None, {"waveform": batch})[0])

    return spec, path, run


def test_the_exported_graph_agrees_with_the_reference(exported: tuple[FeatureSpec, Path, Exported]) -> None:
    spec, _, run = exported
    batch = sounds(spec.sample_rate // 2, spec.sample_rate)
    for row, samples in zip(run(np.stack(list(batch.values()))), batch.values(), strict=True):
        assert_close_to_reference(row, samples, spec)


def test_in_the_exported_graph_no_bit_depends_on_the_batch(
    exported: tuple[FeatureSpec, Path, Exported],
) -> None:
    spec, _, run = exported
    batch = np.stack(list(sounds(spec.sample_rate // 2, spec.sample_rate).values()))
    singles = np.concatenate([run(row[np.newaxis]) for row in batch])
    np.testing.assert_array_equal(run(batch), singles)
    np.testing.assert_array_equal(run(batch[2:5]), singles[2:5])


def test_the_exported_graph_holds_plain_operators_and_little_else(
    exported: tuple[FeatureSpec, Path, Exported],
) -> None:
    _, path, _ = exported
    graph = onnx.load(path).graph
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}
    assert not graph.input[0].type.tensor_type.shape.dim[0].dim_value
    # What a runtime for small devices may lack.
    assert not {node.op_type for node in graph.node} & {
        "STFT",
        "DFT",
        "Gather",
        "GatherND",
        "Loop",
        "Scan",
        "If",
    }
    # A plain DFT matrix of 1024 points alone would be 4 MB.
    assert path.stat().st_size < 700_000


def test_quiet_sound_beside_loud_sound_is_not_lost() -> None:
    # 1 kHz at full scale and 5 kHz 50 dB below: the weak one has the level that the reference gives it.
    spec = preset("auscult")
    time_s = np.arange(22050) / 22050
    samples = (np.sin(2 * np.pi * 1000 * time_s) + 10**-2.5 * np.sin(2 * np.pi * 5000 * time_s)).astype(np.float32)
    band = int(mel_energies(np.sin(2 * np.pi * 5000 * time_s), spec)[:, 25].argmax())
    features = LogMel(spec, transform="matmul")(torch.from_numpy(samples[np.newaxis])).numpy()[0]
    np.testing.assert_allclose(features[band, 5:45], log_mel(samples, spec)[band, 5:45], atol=1e-3)
