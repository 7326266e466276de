"""Known corpora on the command line: the list, the card, fetching, checking, and the name as a source."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from auscult.data.corpora.registry import CORPORA
from tests.corpus_trees import SMALL
from tests.folder_server import FolderServer, serving_folder

from .conftest import Auscult


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderServer]:
    """Has the archives of two corpora in small, which the registry knows by their names."""
    with serving_folder(tmp_path / "served") as server:
        for name in ("yesno", "fsd50k"):
            monkeypatch.setitem(CORPORA, name, SMALL[name]().write_archives(server.folder, server.url))
        yield server


def test_the_list(auscult: Auscult, server: FolderServer, home: Path) -> None:
    assert auscult("data", "corpora", "get", "yesno").code == 0
    done = auscult("data", "corpora", "list")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["clips", "classes", "hours", "to", "fetch", "licence"]
    starts = [line.split()[0] for line in lines[1:] if not line.startswith("    ")]
    assert starts == list(CORPORA)
    assert max(map(len, lines)) <= 80
    (line,) = [line for line in lines if line.split()[0] == "yesno"]
    assert line.split()[-4:] == ["see", "its", "page", "fetched"]
    records = auscult("data", "corpora", "list", "--json").records
    assert [record["name"] for record in records] == list(CORPORA)
    assert {record["name"]: record["path"] for record in records}["yesno"] == str(home / "corpora" / "yesno")
    assert {record["path"] for record in records if record["name"] != "yesno"} == {None}


@pytest.mark.parametrize("name", list(CORPORA))
def test_the_card(auscult: Auscult, name: str) -> None:
    done = auscult("data", "corpora", "show", name)
    assert (done.code, done.err) == (0, "")
    said = " ".join(done.out.split())
    corpus = CORPORA[name]
    for words in (corpus.title, corpus.citation, corpus.homepage, corpus.remotes[-1].url, str(corpus.n_clips)):
        assert words in said
    assert ("not all of it for commerce" in said) == (not corpus.commercial)
    assert all(len(line) <= 80 for line in done.out.splitlines() if "http" not in line)
    (record,) = auscult("data", "corpora", "show", name, "--json").records
    assert record["name"] == name
    assert record["files"][0] == {
        "url": corpus.remotes[0].url,
        "checksum": corpus.remotes[0].checksum,
        "size_bytes": corpus.remotes[0].size_bytes,
    }


def test_fetching_prints_where_it_is_and_nothing_else(auscult: Auscult, server: FolderServer, home: Path) -> None:
    done = auscult("data", "corpora", "get", "fsd50k")
    assert (done.code, done.out) == (0, f"{home / 'corpora' / 'fsd50k'}\n")
    # What one should know comes first.
    assert done.err.splitlines()[0].startswith("FSD50K: is under CC-BY-4.0. Not all of it may be used for commerce")
    assert "Fetching FSD50K.dev_audio.z01" in done.err
    assert "Unpacking FSD50K.dev_audio.zip" in done.err
    again = auscult("data", "corpora", "get", "fsd50k", "-q")
    assert (again.code, again.out, again.err) == (0, done.out, "")


def test_copies_and_a_folder_of_ones_own(auscult: Auscult, server: FolderServer, tmp_path: Path, home: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copyfile(server.folder / "waves_yesno.tar.gz", copy)
    done = auscult("data", "corpora", "get", "yesno", "--from", copy, "--to", tmp_path / "mine", "-q")
    assert (done.code, done.out, done.err) == (0, f"{tmp_path / 'mine'}\n", "")
    assert server.asked == []
    assert auscult("data", "corpora", "validate", "yesno", tmp_path / "mine", "-q").code == 0
    copy.write_bytes(b"other")
    done = auscult("data", "corpora", "get", "yesno", "--from", copy, "--to", tmp_path / "other")
    assert (done.code, done.out) == (2, "")
    assert "is none of the files of YESNO: waves_yesno.tar.gz: it has 5 bytes where" in done.err


def test_what_is_missing_or_corrupt_is_named(auscult: Auscult, server: FolderServer, home: Path) -> None:
    auscult("data", "corpora", "get", "yesno", "-q")
    folder = home / "corpora" / "yesno"
    done = auscult("data", "corpora", "validate", "yesno", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"4 of 4 files in {folder} are right, by checksums from when it was unpacked\n"
    (folder / "waves_yesno" / "README").unlink()
    (folder / "waves_yesno" / "0_0_0_0_1_1_1_1.wav").write_bytes(b"")
    done = auscult("data", "corpora", "validate", "yesno", "-q")
    assert done.code == 1
    assert done.out.splitlines() == [
        "missing  waves_yesno/README",
        "corrupt  waves_yesno/0_0_0_0_1_1_1_1.wav",
        f"2 of 4 files in {folder} are right, by checksums from when it was unpacked",
    ]
    done = auscult("data", "corpora", "validate", "yesno", "--json", "-q")
    assert done.code == 1
    (record,) = done.records
    assert record["missing"] == ["waves_yesno/README"]
    assert record["corrupt"] == ["waves_yesno/0_0_0_0_1_1_1_1.wav"]


def test_many_files_are_not_named_one_by_one(auscult: Auscult, tmp_path: Path) -> None:
    root = SMALL["esc10"]().write_tree(tmp_path / "tree")
    done = auscult("data", "corpora", "validate", "esc10", root, "-q")
    assert done.code == 1
    assert "missing  and 380 more; --json names them all" in done.out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "esc5"], "'esc5' is not the name of a known corpus; did you mean 'esc50'?"),
        (["get", "ESC-50"], "did you mean 'esc50'?"),
        (["validate", "yesno"], "this corpus is not here yet; fetch it with auscult data corpora get yesno"),
        (["validate", "yesno", "absent"], "there is no such folder"),
    ],
)
def test_what_goes_wrong(auscult: Auscult, arguments: list[str], said: str) -> None:
    done = auscult("data", "corpora", *arguments)
    assert (done.code, done.out) == (2, "")
    (message,) = done.err.splitlines()
    assert said in message


def test_without_a_server_one_is_told_what_to_do(auscult: Auscult, server: FolderServer) -> None:
    (server.folder / "waves_yesno.tar.gz").unlink()
    done = auscult("data", "corpora", "get", "yesno", "-q")
    assert (done.code, done.out) == (1, "")
    assert "waves_yesno.tar.gz could not be fetched from http" in done.err
    assert "or bring the file from elsewhere: auscult data corpora get yesno --from FILE" in done.err
