"""A small world in which training takes seconds: two classes of tones in noise, in a waveform cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from auscult.data import WaveformCache
from auscult.features import preset
from auscult.models.nets.mel_resnet import MelResNet
from auscult.models.nets.waveform_net import WaveformNet
from auscult.training.clips import ClipStore
from auscult.training.learner import Learner
from auscult.training.options import TrainOptions
from auscult.training.plan import SCRATCH, TrainPlan, settle

SAMPLE_RATE = 8000


def tone_clip(label: int, index: int, *, seconds: float = 0.5) -> np.ndarray:
    generator = np.random.default_rng((label, index))
    time_s = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    frequency_hz = (400, 1600)[label] * generator.uniform(0.9, 1.1)
    sound = 0.3 * np.sin(2 * np.pi * frequency_hz * time_s) + generator.normal(0, 0.05, len(time_s))
    return sound.astype(np.float32)


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A waveform cache of the tests' own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUSCULT_HOME", str(home))
        yield home


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    cache = WaveformCache(tmp_path / "cache")
    keys, labels = [], []
    for index in range(12):
        for label in (0, 1):
            key = f"{label:04x}{index:04x}"
            cache.put(key, tone_clip(label, index))
            keys.append(key)
            labels.append(label)
    return ClipStore(cache, tuple(keys), np.eye(2, dtype=np.float32)[labels])


@pytest.fixture
def make_learner(store: ClipStore) -> Callable[..., Learner]:
    def make(*, epochs: int = 3, **options) -> Learner:
        import torch

        given = {"backbone": "scratch", "size": "tiny", "batch_size": 8, **options}
        chosen = settle(TrainOptions(**given), SCRATCH, epochs)
        features = preset("auscult", sample_rate=SAMPLE_RATE)
        plan = TrainPlan(SAMPLE_RATE, features, window_samples=4000, hop_samples=2000, epochs=epochs)
        torch.manual_seed(chosen.seed)
        net = WaveformNet(features, MelResNet(features.n_mels, "tiny"), 2, dropout=chosen.dropout)
        empty = store.subset(np.array([], dtype=np.int64))
        return Learner(net, store, validation=empty, task="single_label", plan=plan, options=chosen)

    return make
