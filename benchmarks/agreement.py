"""YAMNet's published .tflite beside its torch port and the ONNX file made of it: how far apart are they, and why?

python -m benchmarks.agreement YAMNET.tflite [SOUNDS ...]

SOUNDS are files or folders of sounds, each a row of the table; upstream's three synthetic signals come first. Windows
begin every 0.48 s, and a sound's class is that of the mean of its windows' scores. The port is compared twice: as it
is, and with values rounded where and as the .tflite rounds them, so that what is left is not rounding.

"equal" is the share of the embeddings' values that are the same; "class" counts the sounds of which both say the same;
"margin" is how far below the .tflite's first class, at most, its score lies for the class that the other has first.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from auscult.audio import find_audio_files, load_waveform, plan_windows
from auscult.export.onnx import write_model_file
from auscult.models.modelspec import ModelSpec
from auscult.models.nets.yamnet import EMBEDDING_DIM, FEATURES, PATCH_HOP_SAMPLES, PATCH_SAMPLES, load_yamnet
from auscult.models.runners import open_runner
from benchmarks.machine import describe_machine

REPEATS = 200
EQUAL = 1e-4  # a step of the file's embedding is 0.022
LONG_PATCHES = 10
Outputs = tuple[np.ndarray, np.ndarray]
Model = Callable[[np.ndarray], Outputs]


@dataclass
class Agreement:
    """Differences from the .tflite, summed over the windows of a row."""

    n_windows: int = 0
    sums: tuple[float, float] = (0.0, 0.0)
    largest: tuple[float, float] = (0.0, 0.0)
    n_equal: int = 0  # values of embeddings, of EMBEDDING_DIM a window
    n_sounds: int = 0
    n_same: int = 0
    widest_margin: float = 0.0

    def add(self, expected: Outputs, found: Outputs) -> None:
        differences = [np.abs(one - other) for one, other in zip(expected, found, strict=True)]
        self.n_windows += len(expected[0])
        self.sums = tuple(s + float(d.mean(axis=1).sum()) for s, d in zip(self.sums, differences, strict=True))
        self.largest = tuple(max(m, float(d.max())) for m, d in zip(self.largest, differences, strict=True))
        self.n_equal += int((differences[1] < EQUAL).sum())
        first = expected[0].mean(axis=0)
        chosen = int(found[0].mean(axis=0).argmax())
        self.n_sounds += 1
        self.n_same += int(chosen == first.argmax())
        self.widest_margin = max(self.widest_margin, float(first.max() - first[chosen]))

    def cells(self) -> str:
        (scores, embeddings), (worst_score, worst_embedding) = self.sums, self.largest
        equal = self.n_equal / self.n_windows / EMBEDDING_DIM
        return (
            f"{scores / self.n_windows:.5f} | {worst_score:.3f} | {embeddings / self.n_windows:.5f} | "
            f"{worst_embedding:.3f} | {equal:.1%} | {self.n_same} of {self.n_sounds} | {self.widest_margin:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement")
    parser.add_argument("model", type=Path, help="yamnet.tflite")
    parser.add_argument("sounds", nargs="*", type=Path, help="files or folders, a row each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        runner = open_runner(arguments.model)
        spec = replace(runner.spec, features=FEATURES.to_dict(), hop_samples=PATCH_HOP_SAMPLES)
        port = load_yamnet(arguments.model)
        exported = Path(folder) / "yamnet.onnx"
        write_model_file(exported, port, spec)
        models = {
            "torch": _of_net(port),
            "ONNX": _of_runner(exported),
            "torch, rounded as the file": _of_net(load_yamnet(arguments.model, rounded=True)),
        }
        for line in _table(_of_runner(arguments.model), models, arguments.sounds):
            print(line, flush=True)
        print()
        long_spec = replace(spec, window_samples=PATCH_SAMPLES + (LONG_PATCHES - 1) * PATCH_HOP_SAMPLES)
        long = Path(folder) / "long.onnx"
        write_model_file(long, port, long_spec)
        for line in _times({".tflite": arguments.model, "ONNX": exported, f"ONNX, {LONG_PATCHES} patches": long}):
            print(line, flush=True)


def _table(published: Model, models: dict[str, Model], sources: list[Path]) -> Iterator[str]:
    """A row for each group of sounds and model."""
    yield "| sounds | windows | model | scores: mean | largest | embedding: mean | largest | equal | class | margin |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, sounds in _groups(sources):
        rows = {model: Agreement() for model in models}
        for samples in sounds:
            windows = _windows(samples)
            expected = published(windows)
            for model, compute in models.items():
                rows[model].add(expected, compute(windows))
        for model, row in rows.items():
            yield f"| {name} | {row.n_windows} | {model} | {row.cells()} |"


def _groups(sources: list[Path]) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    n = 3 * FEATURES.sample_rate
    noise = np.random.RandomState(51773).uniform(-1, 1, n)  # upstream's own generator and seed
    sine = np.sin(2 * np.pi * 440 * np.arange(n) / FEATURES.sample_rate)
    for name, signal in {"silence": np.zeros(n), "white noise": noise, "sine of 440 Hz": sine}.items():
        yield name, iter([signal.astype(np.float32)])
    for source in sources:
        files = find_audio_files(source) if source.is_dir() else [source]
        yield (
            source.parent.name if source.is_dir() else source.name,
            (load_waveform(file, sample_rate=FEATURES.sample_rate).samples for file in files),
        )


def _windows(samples: np.ndarray) -> np.ndarray:
    plan = plan_windows(len(samples), length=PATCH_SAMPLES, hop=PATCH_HOP_SAMPLES)
    rows = np.zeros((len(plan), PATCH_SAMPLES), np.float32)
    for row, window in zip(rows, plan, strict=True):
        row[: window.valid_samples] = samples[window.start : window.end]
    return rows


def _of_runner(path: Path) -> Model:
    runner = open_runner(path)

    def compute(windows: np.ndarray) -> Outputs:
        outputs = runner.run(windows)
        return outputs["scores"], outputs["embedding"]

    return compute


def _of_net(net: torch.nn.Module) -> Model:
    @torch.no_grad()
    def compute(windows: np.ndarray) -> Outputs:
        logits, embedding = net(torch.from_numpy(windows))
        return torch.sigmoid(logits).numpy(), embedding.numpy()

    return compute


def _times(files: dict[str, Path]) -> Iterator[str]:
    """Time of a window, and of a patch where a window has several; a patch is needed every 0.48 s of sound."""
    yield "| one thread | ms a window, least | median | ms a patch | times real time, windows every 0.48 s |"
    yield "| --- | --- | --- | --- | --- |"
    for name, path in files.items():
        runner = open_runner(path)
        spec: ModelSpec = runner.spec
        n_patches = 1 + (spec.window_samples - PATCH_SAMPLES) // PATCH_HOP_SAMPLES
        window = np.random.default_rng(0).normal(0, 0.1, (1, spec.window_samples)).astype(np.float32)
        times_ms = []
        for _ in range(max(20, REPEATS // n_patches)):
            began = time.perf_counter()
            runner.run(window)
            times_ms.append((time.perf_counter() - began) * 1e3)
        patch_ms = min(times_ms) / n_patches
        real_time = PATCH_HOP_SAMPLES / FEATURES.sample_rate * 1e3 / patch_ms
        yield f"| {name} | {min(times_ms):.2f} | {np.median(times_ms):.2f} | {patch_ms:.2f} | {real_time:.0f} |"


if __name__ == "__main__":
    main()
