"""The demo: the whole way, in a folder of its own, without the network."""

from __future__ import annotations

import csv
import json
import socket
from pathlib import Path

import pytest

from auscult.demo.run import MARKER, Demo, run_demo
from auscult.demo.sounds import SOUNDS
from auscult.errors import OutputError, UsageError


def refuse_to_connect(*arguments, **options):
    raise AssertionError("the demo reached for the network")


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    """The smallest one, in the place of an earlier one, with every connection refused."""
    output = tmp_path_factory.mktemp("demo") / "demo-run"
    output.mkdir()
    (output / MARKER).write_text("an earlier demo was here")
    (output / "left over.txt").write_text("of the earlier demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUSCULT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(socket.socket, "connect", refuse_to_connect)
        patch.setattr(socket, "getaddrinfo", refuse_to_connect)
        return run_demo(output, clips_per_class=6, epochs=1, quiet=True)


def test_it_makes_sounds_a_run_and_new_sounds(demo):
    output = demo.run.folder.parent
    assert {path.name for path in output.iterdir()} == {MARKER, "sounds", "new-sounds", "run"}
    assert len(list((output / "sounds").rglob("*.wav"))) == 6 * len(SOUNDS)
    assert demo.run.model.is_file()
    assert demo.run.report.is_file()
    assert demo.run.problems == ()


def test_takes_of_a_recording_stay_together(demo):
    with (demo.run.folder / "split.csv").open(newline="", encoding="utf-8") as file:
        parts = {row["path"]: row["split"] for row in csv.DictReader(file)}
    assert set(parts.values()) == {"train", "validation", "test"}
    assert all(path.startswith("../sounds/") for path in parts)
    for path, part in parts.items():
        recording = path.rpartition("-")[0]
        assert {other for name, other in parts.items() if name.startswith(recording)} == {part}


def test_the_figures_are_those_of_the_run_folder(demo):
    written = json.loads((demo.run.folder / "metrics.json").read_text())
    assert written == demo.run.metrics_dict()
    assert next(iter(written)) == "accuracy"


def test_it_hears_sounds_that_were_made_anew(demo):
    assert [sound.labels for sound, _ in demo.heard][-1] == ("knock", "bird")
    for sound, result in demo.heard:
        assert sound.path.parent.name == "new-sounds"
        assert result.source == str(sound.path)
        assert {prediction.label for prediction in result.predictions} == set(SOUNDS)


def test_an_earlier_demo_is_replaced(demo):
    assert not (demo.run.folder.parent / "left over.txt").exists()


@pytest.mark.parametrize("name", ["thesis.doc", "sounds"])
def test_a_folder_that_no_demo_made_is_left_alone(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"holds something that no demo has made.* choose another folder with -o"):
        run_demo(tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_folders_place_is_left_alone(tmp_path: Path):
    (tmp_path / "demo-run").write_text("mine")
    with pytest.raises(UsageError, match="holds something that no demo has made"):
        run_demo(tmp_path / "demo-run", quiet=True)
    assert (tmp_path / "demo-run").read_text() == "mine"


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        run_demo(tmp_path / "file" / "demo-run", quiet=True)
