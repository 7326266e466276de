"""Pictures through the commands: drawn, trained on, classified, measured."""

from __future__ import annotations

from pathlib import Path

import yaml

from .conftest import Auscult, write_tones


def test_from_sounds_to_pictures_to_a_model_and_back(auscult: Auscult, tmp_path: Path) -> None:
    source, run = write_tones(tmp_path / "sounds", clips=6), tmp_path / "run"
    # Beside their sounds, as ClearML's example has them.
    assert auscult("data", "spectrograms", source, source, "--features", "auscult", "-q").code == 0
    quick = ["--epochs", "1", "--size", "tiny", "--threads", "1", "--batch-size", "4", "--validation", "0"]
    done = auscult("train", source, "--pictures", "-o", run, *quick, "--json", "-q")
    assert done.code == 0, done.err
    assert done.records[0]["accuracy"]["n"] >= 2
    assert yaml.safe_load((run / "config.yaml").read_text())["reading"] == {"pictures": True}
    model = run / "model.onnx"
    both = auscult("classify", source / "low" / "0.png", source / "low" / "0.wav", "-m", model, "--json").records
    assert both[0]["predictions"] == both[1]["predictions"]
    assert both[0]["duration_s"] == both[1]["duration_s"]
    shown = auscult("models", "show", model).out
    assert "64 bands" in shown
    assert "or the sound that they are made of" in " ".join(shown.split())
    part = auscult("evaluate", model, run / "split.csv", "--part", "test", "--json", "-q")
    assert part.records == done.records
    assert auscult("evaluate", model, source, "--allow-seen", "--json", "-q").records[0]["accuracy"]["n"] == 12


def test_pictures_where_there_are_none(auscult: Auscult, tmp_path: Path) -> None:
    done = auscult("train", write_tones(tmp_path / "sounds", clips=1), "--pictures", "-o", tmp_path / "run")
    assert done.code == 2
    assert "no picture was found" in done.err
    assert not (tmp_path / "run").exists()
