"""Sounds from files to labels with YAMNet: auscult beside loops over the libraries that people use today.

python -m benchmarks.peers FOLDER [--model yamnet] [--ast-clips 20]

Each takes the same files from the disk and names five labels a file. MediaPipe's loop reads with soundfile and lets the
library resample; it looks at windows that do not overlap, so auscult is timed with those too, beside the model's own
hop. The Audio Spectrogram Transformer has random weights, which cost as much as trained ones; as it is slow, it gets
the first files only, already decoded.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import soundfile

from auscult import load
from auscult.audio import find_audio_files, load_waveform, probe
from auscult.classifier import available_cores
from auscult.models.registry import MODELS, model_file
from benchmarks.machine import describe_machine

REPEATS = 3
AST_SAMPLE_RATE = 16000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("folder", type=Path, help="sounds to classify")
    parser.add_argument("--model", default="yamnet", help="YAMNet by name, or its .tflite")
    parser.add_argument("--ast-clips", type=int, default=20, help="how many files the transformer gets; 0: none")
    arguments = parser.parse_args()
    files = [str(path) for path in find_audio_files(arguments.folder)]
    path = model_file(arguments.model) if arguments.model in MODELS else Path(arguments.model)
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}, load {os.getloadavg()[0]:.1f}")
    print(f"{len(files)} files of {arguments.folder.name}; least of {REPEATS} times")
    window_s = load(path).spec.window_s
    hop_s = MODELS["yamnet"].hop_s
    report("auscult, windows that do not overlap", files, lambda: auscult_loop(files, path, window_s))
    report(f"auscult, a window every {hop_s:g} s", files, lambda: auscult_loop(files, path, hop_s))
    report("MediaPipe, a loop in Python", files, lambda: mediapipe_loop(files, path))
    if some := files[: arguments.ast_clips]:
        report("transformers pipeline, AST", some, ast_pipeline(some), repeats=1)


def report(name: str, files: Sequence[str], work: Callable[[], object], *, repeats: int = REPEATS) -> None:
    """Run and print how many times faster than real time it was."""
    duration_s = sum(info.duration_s or 0.0 for info in map(probe, files))
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    print(f"  {name:<38} {duration_s / min(seconds):7.1f} x real time  {min(seconds):6.2f} s", flush=True)


def auscult_loop(files: Sequence[str], model: Path, hop_s: float) -> list[object]:
    """All cores, as `auscult classify` has it."""
    classifier = load(model, hop_s=hop_s)
    return [outcome.predictions for outcome in classifier.classify_many(files, workers=available_cores())]


def mediapipe_loop(files: Sequence[str], model: Path) -> list[object]:
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import audio
    from mediapipe.tasks.python.components.containers import AudioData

    options = audio.AudioClassifierOptions(base_options=tasks.BaseOptions(model_asset_path=str(model)), max_results=5)
    answers: list[object] = []
    with audio.AudioClassifier.create_from_options(options) as classifier:
        for file in files:
            samples, rate = soundfile.read(file, dtype="float32")
            answers.append(classifier.classify(AudioData.create_from_array(samples, rate)))
    return answers


def ast_pipeline(files: Sequence[str]) -> Callable[[], object]:
    """The pipeline over decoded sounds; opening it is not counted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification, pipeline

        classify = pipeline(
            "audio-classification",
            model=ASTForAudioClassification(ASTConfig(num_labels=527)).eval(),
            feature_extractor=ASTFeatureExtractor(),
        )
    sounds = [load_waveform(file, sample_rate=AST_SAMPLE_RATE).samples for file in files]
    return lambda: [classify({"raw": sound, "sampling_rate": AST_SAMPLE_RATE}) for sound in sounds]


if __name__ == "__main__":
    main()
