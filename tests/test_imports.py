"""What a fresh process has imported after some work: heavy packages stay out until they are used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.tiny_models import SAMPLE_RATE, write_tiny_model
from tests.tiny_tflite import write_tiny_tflite

HEAVY = frozenset(
    {
        "av",
        "librosa",
        "lightning",
        "matplotlib",
        "onnx",
        "onnxscript",
        "pandas",
        "pyarrow",
        "scipy",
        "sounddevice",
        "sklearn",
        "sympy",
        "torch",
        "transformers",
    }
)
# What only a command, a model or a sound needs.
MIDDLING = frozenset({"ai_edge_litert", "cyclopts", "numpy", "onnxruntime", "rich", "soundfile", "soxr"})


def imported_by(code: str, *arguments: str) -> set[str]:
    """Top-level packages in `sys.modules` after `code` ran in a fresh interpreter."""
    report = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_model(tmp_path_factory.mktemp("model") / "model.onnx"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 4000), SAMPLE_RATE)
    return str(path)


def test_importing_auscult_imports_nothing() -> None:
    assert imported_by("import auscult") & (HEAVY | MIDDLING) == set()


def test_opening_a_model_and_classifying_is_light(model: str, sound: str) -> None:
    code = "import sys, auscult; print(auscult.load(sys.argv[1])(sys.argv[2]))"
    found = imported_by(code, model, sound)
    assert found & HEAVY == set()
    assert found >= {"numpy", "onnxruntime", "soundfile", "soxr"}
    assert "ai_edge_litert" not in found


def test_a_tflite_needs_no_other_runtime(sound: str, tmp_path: Path) -> None:
    model = str(write_tiny_tflite(tmp_path / "model.tflite"))
    code = "import sys, auscult; print(auscult.load(sys.argv[1])(sys.argv[2]))"
    found = imported_by(code, model, sound)
    assert found & (HEAVY | {"flatbuffers", "onnxruntime"}) == set()
    assert "ai_edge_litert" in found


def test_reading_a_description_needs_no_runtime(model: str) -> None:
    code = "import sys; from auscult.models.modelfile import read_model_file; read_model_file(sys.argv[1])"
    assert imported_by(code, model) & (HEAVY | {"onnxruntime"}) == set()


def test_evaluating_needs_tables_and_nothing_else_heavy(model: str, tmp_path: Path) -> None:
    for label in ("early", "late"):
        (tmp_path / label).mkdir()
        seed = len(label)
        soundfile.write(tmp_path / label / "1.wav", np.random.default_rng(seed).uniform(-0.5, 0.5, 900), SAMPLE_RATE)
    code = "import sys, auscult; auscult.evaluate(sys.argv[1], sys.argv[2], quiet=True).to_dict()"
    found = imported_by(code, model, str(tmp_path))
    # pyarrow looks for pandas when it is there.
    assert found & (HEAVY - {"pandas", "pyarrow"}) == set()


COMMAND = "import sys; from auscult.cli.app import run; code = run(sys.argv[1:]); assert code == 0, code"
HELP_PAGES = (
    "",
    "classify",
    "detect",
    "listen",
    "train",
    "evaluate",
    "embed",
    "search",
    "spectrogram",
    "models",
    "models show",
    "models list",
    "models get",
    "data",
    "data create",
    "data diff",
    "data get",
    "demo",
)


@pytest.mark.parametrize("command", HELP_PAGES)
def test_help_needs_nothing_heavy(command: str) -> None:
    assert imported_by(COMMAND, *command.split(), "--help") & (HEAVY | {"onnxruntime"}) == set()


def test_the_version_needs_nothing_heavy() -> None:
    assert imported_by(COMMAND, "--version") & (HEAVY | {"onnxruntime"}) == set()


def test_the_command_that_classifies_is_light(model: str, sound: str) -> None:
    assert imported_by(COMMAND, "classify", sound, "--model", model, "--json") & HEAVY == set()


def test_the_commands_that_search_are_light(model: str, sound: str, tmp_path: Path) -> None:
    index = str(tmp_path / "index")
    assert imported_by(COMMAND, "embed", sound, "-m", model, "-o", index, "-q") & HEAVY == set()
    assert imported_by(COMMAND, "search", index, sound, "--json") & HEAVY == set()


def test_the_command_that_detects_is_light(model: str, sound: str, tmp_path: Path) -> None:
    assert imported_by(COMMAND, "detect", sound, "--model", model, "--json", "-q") & HEAVY == set()
    assert imported_by(COMMAND, "detect", sound, "--model", model, "-q", "-o", str(tmp_path / "out")) & HEAVY == set()


def test_listening_to_a_pipe_is_light(model: str, sound: str) -> None:
    code = "import os, sys; os.dup2(os.open(sys.argv.pop(), os.O_RDONLY), 0)"
    found = imported_by(f"{code}; {COMMAND}", "listen", "-", "--model", model, "--json", "--quiet", sound)
    assert found & HEAVY == set()


def test_the_command_that_shows_a_model_is_light(model: str) -> None:
    assert imported_by(COMMAND, "models", "show", model) & HEAVY == set()


def test_the_command_that_draws_needs_matplotlib_and_nothing_else_heavy(sound: str, tmp_path: Path) -> None:
    found = imported_by(COMMAND, "spectrogram", sound, "--quiet", "-o", str(tmp_path))
    # matplotlib looks for pandas where it is there.
    assert found & (HEAVY - {"matplotlib", "pandas"}) == set()


def test_the_command_that_evaluates_needs_no_plots_and_no_torch(model: str, tmp_path: Path) -> None:
    for seed, label in enumerate(("early", "late")):
        (tmp_path / label).mkdir()
        samples = np.random.default_rng(seed).uniform(-0.5, 0.5, 900)
        soundfile.write(tmp_path / label / "1.wav", samples, SAMPLE_RATE)
    found = imported_by(COMMAND, "evaluate", model, str(tmp_path), "--quiet")
    assert found & (HEAVY - {"pandas", "pyarrow"}) == set()


@pytest.mark.parametrize("command", ["list", "show yamnet"])
def test_looking_at_named_models_is_light(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path))
    assert imported_by(COMMAND, "models", *command.split(), "--json") & (HEAVY | {"onnxruntime"}) == set()
