"""The libraries that people use today, over the same sounds as auscult: see `stages.py`.

Each takes the same files from the disk and names five labels a file. MediaPipe's loop reads with soundfile and lets the
library resample; it looks at windows that do not overlap. The Audio Spectrogram Transformer has random weights, which
cost as much as trained ones; it gets sounds that are decoded already.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import soundfile

from auscult.audio import load_waveform

AST_SAMPLE_RATE = 16000


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
