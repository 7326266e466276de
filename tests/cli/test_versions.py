"""Versions from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from auscult.cli.data import versions
from auscult.data import layouts
from auscult.data.versions import Store
from auscult.data.versions.content import content_key
from tests.tiny_models import SAMPLE_RATE

from .conftest import Auscult, tone, write_tones


@pytest.fixture
def pets(auscult: Auscult, tmp_path: Path) -> str:
    """A dataset whose version 2 has lost a clip, got another name for one, and a new one."""
    source, name = write_tones(tmp_path / "sounds", clips=2), f"{tmp_path}/store/pets"
    assert auscult("data", "create", name, source, "-q").out.startswith("pets@1: 4 clips, 2 classes (4 added); ")
    (source / "low" / "0.wav").unlink()
    (source / "low" / "1.wav").rename(source / "low" / "7.wav")
    soundfile.write(source / "high" / "9.wav", tone("high", 9), SAMPLE_RATE)
    done = auscult("data", "sync", name, source, "-m", "second", "-q", "--json")
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert (record["number"], record["message"], record["new"]) == (2, "second", True)
    return name


def test_a_difference_in_json_and_in_words(auscult: Auscult, pets: str) -> None:
    (found,) = auscult("data", "diff", f"{pets}@1", f"{pets}@2", "--json").records
    assert found == {
        "added": ["high/9.wav"],
        "removed": ["low/0.wav"],
        "changed": [],
        "renamed": [["low/1.wav", "low/7.wav"]],
    }
    assert auscult("data", "diff", f"{pets}@1", pets).out.splitlines() == [
        "- low/0.wav",
        "+ high/9.wav",
        "> low/1.wav -> low/7.wav",
        "1 added, 1 removed, 1 renamed",
    ]
    assert auscult("data", "diff", pets, pets).out == "nothing is different\n"


def test_a_folder_is_compared_with_a_version(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    assert auscult("data", "diff", pets, tmp_path / "sounds").out == "nothing is different\n"
    assert auscult("data", "sync", pets, tmp_path / "sounds", "-q").out == (
        "pets@2: nothing is different, so there is no new version\n"
    )


def test_verifying_tells_by_json_and_exit_code(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    done = auscult("data", "verify", pets, "--json", "-q")
    assert (done.code, done.records) == (0, [{"missing": [], "damaged": []}])
    store = Store(tmp_path / "store")
    clips = {clip.uri: clip for clip in store.open("pets@1").clips()}
    store.place.delete(content_key(clips["low/0.wav"].content_hash))
    store.place.replace(content_key(clips["high/0.wav"].content_hash), b"RIFF")
    done = auscult("data", "verify", f"{pets}@1", "--json", "-q")
    assert (done.code, done.records) == (1, [{"missing": ["low/0.wav"], "damaged": ["high/0.wav"]}])
    done = auscult("data", "verify", pets, "-q")
    assert (done.code, done.out) == (1, "damaged high/0.wav\n")
    done = auscult("data", "verify", tmp_path / "store", "--json", "-q")
    assert (done.code, done.records) == (1, [{"missing": ["low/0.wav"], "damaged": ["high/0.wav"]}])


def test_a_version_comes_out_again(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    assert auscult("data", "get", f"{pets}@1", tmp_path / "out", "-q").code == 0
    assert auscult("data", "diff", f"{pets}@1", tmp_path / "out").out == "nothing is different\n"
    done = auscult("data", "get", pets, tmp_path / "out", "-q")
    assert done.code == 1
    assert "the folder must be new or empty" in done.err
    assert auscult("data", "get", pets, tmp_path / "out", "-q", "--replace").code == 0
    assert auscult("data", "diff", pets, tmp_path / "out").out == "nothing is different\n"


def test_any_sounds_come_out_in_a_layout(auscult: Auscult, tmp_path: Path) -> None:
    source = write_tones(tmp_path / "sounds", clips=5)
    assert auscult("data", "get", source, tmp_path / "out", "--layout", "folders", "-q").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["test", "train", "val"]
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 10
    done = auscult("data", "get", source, tmp_path / "other", "--layout", "yolo")
    assert done.code == 2


def test_history_list_and_tags(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    assert auscult("data", "tag", f"{pets}@1", "paper").out == "pets@1 is paper\n"
    records = auscult("data", "log", pets, "--json").records
    assert auscult("data", "log", f"{pets}@1", "--json").records == records
    assert [(record["number"], record["message"], record["tags"]) for record in records] == [
        (2, "second", []),
        (1, "", ["paper"]),
    ]
    lines = auscult("data", "log", pets).out.splitlines()
    assert lines[0].startswith("pets@2  20")
    assert lines[1:3] == [
        "    second",
        "    4 clips, 2 classes (1 added, 1 removed, 1 renamed); " + lines[2].rpartition("; ")[2],
    ]
    (record,) = auscult("data", "list", tmp_path / "store", "--json").records
    assert (record["name"], record["number"], record["versions"], record["tags"]) == ("pets", 2, [1, 2], {"paper": 1})
    assert "paper = 1" in auscult("data", "list", tmp_path / "store").out
    assert auscult("data", "tag", pets, "paper", "--remove").code == 0
    assert auscult("data", "log", f"{pets}@paper").code == 2


def test_rows_and_columns_are_changed(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    assert auscult("data", "remove", pets, "high/*").out.startswith("pets@3: 1 clips, 1 classes (3 removed)")
    assert auscult("data", "add", f"{pets}@1", tmp_path / "sounds", "--under", "more", "-q").code == 0
    table = tmp_path / "table.csv"
    table.write_text("path,label,quality\nlow/7.wav,bass,good\n")
    assert auscult("data", "set", f"{pets}@2", table).code == 0
    assert Store(tmp_path / "store").open("pets").table["quality"].to_pylist() == [None, None, None, "good"]
    pictures = tmp_path / "pictures" / "high"
    pictures.mkdir(parents=True)
    (pictures / "0.png").write_bytes(b"PNG")
    assert auscult("data", "set", pets, "--column", f"picture={tmp_path / 'pictures'}").code == 0
    assert auscult("data", "set", pets, "--drop", "quality").code == 0
    assert Store(tmp_path / "store").version("pets").columns == ("picture",)
    done = auscult("data", "set", pets)
    assert (done.code, "Give one of a table" in done.err) == (2, True)
    done = auscult("data", "set", pets, "--column", "x=nowhere")
    assert (done.code, "--column must be NAME=FOLDER" in done.err) == (2, True)


@pytest.mark.parametrize("content", [b"no array", b""])
def test_a_value_that_cannot_be_read_is_named(content: bytes, auscult: Auscult, pets: str, tmp_path: Path) -> None:
    (tmp_path / "mel" / "low" / "7.npy").mkdir(parents=True)  # a folder is no value
    (tmp_path / "mel" / "high").mkdir()
    (tmp_path / "mel" / "high" / "0.npy").write_bytes(content)
    done = auscult("data", "set", pets, "--column", f"mel={tmp_path / 'mel'}")
    assert done.code == 1
    assert "0.npy: it cannot be read" in done.err


def test_a_damaged_dataset_does_not_hide_the_others(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    auscult("data", "create", f"{tmp_path}/store/others", pets, "-q")
    Store(tmp_path / "store").place.replace("versions/others/000001.json", b"{")
    done = auscult("data", "list", tmp_path / "store", "--json")
    assert (done.code, [record["name"] for record in done.records]) == (2, ["pets"])
    assert "versions/others/000001.json: this file of the store is damaged" in done.err


def test_old_versions_are_pruned(auscult: Auscult, pets: str, tmp_path: Path) -> None:
    (planned,) = auscult("data", "prune", pets, "--keep", "1", "--dry-run", "--json").records
    assert planned["versions"] == ["pets@1"]
    (done,) = auscult("data", "prune", pets, "--keep", "1", "--json").records
    assert done == planned
    assert auscult("data", "prune", tmp_path / "store").out == "no version; 0 files, 0 bytes removed\n"
    assert auscult("data", "log", pets, "--json").records[1]["pruned"]


def test_a_bad_file_is_named_and_the_others_are_kept(auscult: Auscult, tmp_path: Path) -> None:
    source = write_tones(tmp_path / "sounds", clips=2)
    (source / "low" / "bad.wav").write_bytes(b"no sound")
    done = auscult("data", "create", f"{tmp_path}/store/pets", source, "-q")
    assert done.code == 1
    assert done.out.startswith("pets@1: 4 clips")
    assert "bad.wav" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("log", "nowhere/pets"), "there is no store of datasets"),
        (("create", "store/a b", "sounds"), "The name of a dataset must be of letters"),
        (("verify", "nowhere/pets@x"), "there is no store of datasets"),
        (("diff", "nowhere/pets@1", "nowhere/pets@2"), "STORE/NAME@VERSION"),
    ],
)
def test_what_cannot_be_is_wrong_usage(
    auscult: Auscult, arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tones(tmp_path / "sounds", clips=1)
    done = auscult("data", *arguments)
    assert (done.code, said in done.err) == (2, True), done.err


def test_the_layouts_are_those_that_can_be_written() -> None:
    """They stand in the command line again, so that its help loads nothing."""
    assert versions.LAYOUTS == layouts.LAYOUTS
