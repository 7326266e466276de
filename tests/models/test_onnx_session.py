"""Where an ONNX model runs. No graphics card is needed: what ONNX Runtime says of its providers is made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import auscult
from auscult.errors import MissingExtraError, ModelFileError, UsageError
from auscult.models.runners import OpenOptions, open_runner
from auscult.models.runners.onnx import GPU_BATCH_WINDOWS, OnnxRunner
from auscult.models.runners.onnx_session import CPU_PROVIDER
from auscult.records import FloatArray
from tests.tiny_models import expected_scores, tiny_spec, write_tiny_model
from tests.tiny_tflite import write_tiny_tflite

SPEC = tiny_spec(["rain", "siren", "dog"], part_samples=50)
CUDA, DIRECTML = "CUDAExecutionProvider", "DmlExecutionProvider"


class Card:
    """A session that runs on the processor, says that it runs elsewhere, and counts the windows of each call."""

    batches: list[int]
    asked: list[Any]

    def __init__(self, *, starts: bool, fails: bool = False) -> None:
        self.batches, self.asked = [], []
        self._starts, self._fails = starts, fails
        self._session = onnxruntime.InferenceSession

    def __call__(self, content: bytes, options: Any, *, providers: list[Any]) -> Any:
        first = providers[0]
        name = first if isinstance(first, str) else first[0]
        session: Any = self._session(content, options, providers=[CPU_PROVIDER])
        if name == CPU_PROVIDER:
            return session
        self.asked.append(first)
        if self._fails:
            raise RuntimeError("libcudart.so.12: cannot open shared object file")
        return _Session(session, name if self._starts else CPU_PROVIDER, self.batches)


class _Session:
    def __init__(self, session: Any, provider: str, batches: list[int]) -> None:
        self._session, self._provider, self._batches = session, provider, batches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return [self._provider, CPU_PROVIDER]

    def run(self, names: list[str], inputs: dict[str, FloatArray]) -> Any:
        (values,) = inputs.values()
        self._batches.append(len(values))
        return self._session.run(names, inputs)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Card]:
    """Make ONNX Runtime know providers, all of which start or do not."""

    def install(*names: str, starts: bool = True, fails: bool = False) -> Card:
        card = Card(starts=starts, fails=fails)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, CPU_PROVIDER])
        monkeypatch.setattr(onnxruntime, "InferenceSession", card)
        return card

    return install


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model.onnx", SPEC)


def opened(path: Path, device: str | None) -> OnnxRunner:
    runner = open_runner(path, OpenOptions(device=device))
    assert isinstance(runner, OnnxRunner)
    return runner


def windows(n: int) -> FloatArray:
    return np.random.default_rng(0).uniform(-1, 1, (n, 150)).astype(np.float32)


@pytest.mark.parametrize("device", [None, "cpu", "auto"])
def test_the_processor_where_there_is_no_card(device: str | None, path: Path, install: Callable[..., Card]) -> None:
    install()
    runner = opened(path, device)
    assert (runner.provider, runner.batch_windows) == (CPU_PROVIDER, 1)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_the_processor_where_nothing_else_is_asked_for(
    device: str | None, path: Path, install: Callable[..., Card]
) -> None:
    card = install(CUDA)
    assert opened(path, device).provider == CPU_PROVIDER
    assert card.asked == []


@pytest.mark.parametrize("device", ["gpu", "auto"])
def test_a_card_takes_windows_in_batches(device: str, path: Path, install: Callable[..., Card]) -> None:
    card = install(CUDA)
    runner = opened(path, device)
    assert (runner.provider, runner.batch_windows) == (CUDA, GPU_BATCH_WINDOWS)
    # In full precision: what NVIDIA calls TF32 is off.
    assert card.asked == [(CUDA, {"use_tf32": "0"})]
    given = windows(2 * GPU_BATCH_WINDOWS + 5)
    found = runner.run(given)
    assert card.batches == [GPU_BATCH_WINDOWS, GPU_BATCH_WINDOWS, 5]
    np.testing.assert_allclose(found["scores"], expected_scores(given, SPEC), atol=1e-6)
    assert [len(runner.run(windows(0))[name]) for name in runner.outputs] == [0, 0, 0]


def test_a_long_sound_fills_the_batches(path: Path, install: Callable[..., Card]) -> None:
    card = install(CUDA)
    sound = np.random.default_rng(0).uniform(-1, 1, 150 * 3 * GPU_BATCH_WINDOWS).astype(np.float32)
    long_windows = write_tiny_model(path.with_name("long.onnx"), tiny_spec(["a", "b"], part_samples=100_000))
    on_card = auscult.load(long_windows, device="gpu")
    for _ in on_card.window_scores([np.tile(sound, 500)], workers=1):
        pass
    assert max(card.batches) == GPU_BATCH_WINDOWS
    expected = auscult.load(path).classify(sound)
    np.testing.assert_allclose(
        auscult.load(path, device="gpu").classify(sound).sound_scores, expected.sound_scores, atol=1e-6
    )


def test_the_first_that_starts(path: Path, install: Callable[..., Card]) -> None:
    assert opened(path, None).provider == CPU_PROVIDER
    card = install(DIRECTML, CUDA)
    assert opened(path, "gpu").provider == CUDA
    assert [name for name, _ in card.asked] == [CUDA]


@pytest.mark.parametrize("how", [{"starts": False}, {"fails": True}])
def test_a_card_that_cannot_be_started(how: dict[str, bool], path: Path, install: Callable[..., Card]) -> None:
    """ONNX Runtime passes over a provider whose libraries are absent, and says so in a log at most."""
    install(CUDA, **how)
    assert opened(path, "auto").provider == CPU_PROVIDER
    with pytest.raises(UsageError, match=r"could not start CUDAExecutionProvider; .*CUDA and cuDNN"):
        opened(path, "gpu")


def test_a_damaged_model_is_not_the_card_s_fault(path: Path, install: Callable[..., Card]) -> None:
    content = bytearray(path.read_bytes())
    content[10:40] = bytes(30)
    damaged = path.with_name("damaged.onnx")
    damaged.write_bytes(content)
    install(CUDA)
    with pytest.raises(ModelFileError, match=r"damaged\.onnx"):
        opened(damaged, "gpu")


def test_without_a_package_for_cards_the_error_names_it(path: Path, install: Callable[..., Card]) -> None:
    install()
    with pytest.raises(MissingExtraError, match="pip install onnxruntime-gpu"):
        auscult.load(path, device="gpu")


def test_devices_that_are_none(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'device' must be one of cpu, gpu, auto\. Got 'cuda'"):
        auscult.load(path, device="cuda")
    tflite = write_tiny_tflite(tmp_path / "model.tflite", SPEC)
    with pytest.raises(UsageError, match=r"graphics card was asked for, and this model runs on none: .*LiteRT"):
        auscult.load(tflite, device="gpu")
    assert auscult.load(tflite, device="auto").labels == auscult.load(tflite, device="cpu").labels
