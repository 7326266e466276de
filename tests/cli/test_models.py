from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

import auscult as library
from auscult.models.modelspec import Provenance, UnknownSpec
from tests.models.test_tflite_runner import two_heads
from tests.tiny_models import describe, tiny_graph, tiny_spec, write_tiny_model

from .conftest import Auscult, TrainedRun


def test_json_is_what_python_says(auscult: Auscult, trained: TrainedRun) -> None:
    path = trained.folder / "model.onnx"
    done = auscult("models", "show", path, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.records == [library.load(path).describe()]
    assert done.records[0]["training_clips"] == 10


def test_text_tells_what_matters_within_the_terminal(auscult: Auscult, trained: TrainedRun) -> None:
    done = auscult("models", "show", trained.folder / "model.onnx")
    assert (done.code, done.err) == (0, "")
    said = " ".join(done.out.split())
    for words in (
        "classes 2, one for each sound: high, low",
        "sound 8000 Hz, mean of the channels",
        "window 0.5 s, one every 0.25 s",
        "front end 64 mel bands from 50 to 4000 Hz",
        "trained on 10 clips",
        f"SHA-256 {library.load(trained.folder / 'model.onnx').digest}",
    ):
        assert words in said
    assert max(map(len, done.out.splitlines())) <= 80


def test_many_classes_are_wrapped_and_what_is_not_known_is_left_out(auscult: Auscult, tmp_path: Path) -> None:
    labels = [f"sound number {number}" for number in range(40)]
    path = write_tiny_model(tmp_path / "model.onnx", tiny_spec(labels, task="multi_label"))
    done = auscult("models", "show", path)
    assert "classes         40, any number for each sound\n" in done.out
    last = " ".join(done.out.partition("the classes")[2].split())
    assert last == ", ".join(labels)
    assert max(map(len, done.out.splitlines())) <= 80
    assert "trained on" not in done.out
    assert "None" not in done.out


def test_what_is_one_word_and_long_stays_whole(
    auscult: Auscult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address is not broken, and begins where there is most room: a terminal can still follow it."""
    address = "https://sounds.example/" + "a-long-way/" * 5
    for columns in (80, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        spec = replace(tiny_spec(), provenance=Provenance(origin=address))
        done = auscult("models", "show", write_tiny_model(tmp_path / "model.onnx", spec))
        assert f"from\n  {address}" in done.out
        assert all(len(line) <= columns or line.split() == [line.strip()] for line in done.out.splitlines())


def test_names_with_commas_are_told_apart(auscult: Auscult, tmp_path: Path) -> None:
    done = auscult(
        "models", "show", write_tiny_model(tmp_path / "model.onnx", tiny_spec(("child, speaking", "bells, small", "c")))
    )
    assert "3, one for each sound: child, speaking; bells, small; c\n" in done.out


def test_a_label_for_unknown_sounds_is_explained(auscult: Auscult, tmp_path: Path) -> None:
    spec = tiny_spec(("high", "low", "none"))
    head = replace(spec.heads[0], unknown=UnknownSpec(label="none", rule="distance", threshold=1.5))
    done = auscult("models", "show", write_tiny_model(tmp_path / "model.onnx", replace(spec, heads=(head,))))
    assert "unknown         'none' for sounds of no class: distance above 1.5\n" in done.out


def truncated(path: Path) -> None:
    write_tiny_model(path)
    path.write_bytes(path.read_bytes()[:-100])


def newer(path: Path) -> None:
    spec = tiny_spec()
    description = spec.to_json().replace('"format_version": 1', '"format_version": 3')
    assert description != spec.to_json()
    path.write_bytes(describe(tiny_graph(spec), description).SerializeToString())


def other_onnx(path: Path) -> None:
    onnx.save(tiny_graph(tiny_spec()), path)


def text(path: Path) -> None:
    path.write_text("this is not a model\n" * 10)


def nothing(path: Path) -> None:
    path.touch()


def absent(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (truncated, "cut off"),
        (newer, "newer"),
        (other_onnx, "is an ONNX model without auscult's description"),
        (text, "is not an ONNX file"),
        (nothing, "the file holds no bytes"),
        (absent, "there is no such file"),
        (Path.mkdir, "is a folder"),
    ],
)
@pytest.mark.parametrize("command", ["models", "classify", "evaluate"])
def test_files_that_are_no_model_of_ours(
    auscult: Auscult, tmp_path: Path, clip: Path, new_sounds: Path, make, said: str, command: str
) -> None:
    path = tmp_path / "model.onnx"
    make(path)
    arguments = {
        "models": ["models", "show", path],
        "classify": ["classify", clip, "--model", path, "--json"],
        "evaluate": ["evaluate", path, new_sounds],
    }[command]
    done = auscult(*arguments)
    assert (done.code, done.out) == (2, "")
    (message,) = done.err.splitlines()
    assert message.startswith(f"auscult: {path}: ")
    assert said in message
    assert "; " in message  # what to do


def test_each_head_has_a_line(auscult: Auscult, tmp_path: Path) -> None:
    """However long its name is, it does not run into what it stands beside."""
    path = tmp_path / "two.tflite"
    path.write_bytes(two_heads())
    lines = auscult("models", "show", path).out.splitlines()
    assert [line for line in lines if line.startswith("head ")] == [
        "head part       3 classes, one for each sound: rain, siren, dog",
        "head late_parts 2 classes, any number for each sound: b, c",
    ]
