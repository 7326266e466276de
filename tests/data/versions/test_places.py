"""One suite for every kind of place that a store can lie in."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from auscult.audio import source_name
from auscult.data.versions.folder import Folder
from auscult.data.versions.objects import Objects
from auscult.data.versions.places import Place, open_place
from auscult.errors import AuscultError, InputError, OutputError


@pytest.fixture(params=["folder", "file URL", "memory", "objects on a disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "objects on a disk":
        from obstore.store import LocalStore

        return Objects(str(tmp_path), LocalStore(tmp_path))
    urls = {"folder": str(tmp_path), "file URL": tmp_path.as_uri(), "memory": f"memory://{uuid.uuid4().hex}"}
    return open_place(urls[request.param])


def test_what_is_put_is_read(place: Place) -> None:
    place.put([b"one ", b"two"], lambda: "a/b/c")
    assert place.read("a/b/c") == b"one two"
    assert place.exists("a/b/c")


def test_the_key_is_asked_for_when_the_bytes_are_through(place: Place) -> None:
    seen: list[bytes] = []

    def blocks() -> Any:
        for block in (b"x", b"yz"):
            seen.append(block)
            yield block

    place.put(blocks(), lambda: f"a/{len(seen)}")
    assert place.read("a/2") == b"xyz"


def test_a_put_that_fails_leaves_nothing(place: Place) -> None:
    def key() -> str:
        raise InputError("a.wav", "damaged", "it was changed", "run again")

    with pytest.raises(InputError, match=r"a\.wav: it was changed"):
        place.put([b"x"], key)
    assert list(place.entries("")) == []


def test_a_large_file_comes_through(place: Place) -> None:
    content = bytes(range(256)) * 40_000
    place.put((content[i : i + 999_999] for i in range(0, len(content), 999_999)), lambda: "a/large")
    assert place.read("a/large") == content


def test_only_the_first_makes_a_key(place: Place) -> None:
    assert place.create("v/1", b"first")
    assert not place.create("v/1", b"second")
    assert place.read("v/1") == b"first"


def test_of_many_at_once_one_makes_it(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            made = list(pool.map(lambda i, key=f"v/{number}": place.create(key, str(i).encode()), range(8)))
            assert sum(made) == 1
            assert place.read(f"v/{number}") == str(made.index(True)).encode()


def test_replacing_takes_the_old_away(place: Place) -> None:
    place.replace("a", b"1")
    place.replace("a", b"22")
    assert place.read("a") == b"22"


def test_what_is_not_there_is_said(place: Place) -> None:
    assert not place.exists("x/y")
    assert list(place.entries("x")) == []
    place.delete("x/y")
    with pytest.raises(FileNotFoundError):
        place.read("x/y")


def test_entries_are_those_below_a_prefix(place: Place) -> None:
    for key in ("a/b/1", "a/c", "ab/1", "z"):
        place.replace(key, b"1234")
    assert sorted(place.entries("a")) == [("a/b/1", 4), ("a/c", 4)]
    assert sorted(key for key, _ in place.entries("")) == ["a/b/1", "a/c", "ab/1", "z"]
    place.delete("a/c")
    assert [key for key, _ in place.entries("a")] == ["a/b/1"]


def test_a_source_has_a_name_for_people(place: Place) -> None:
    place.replace("content/0a", b"RIFF")
    source = place.source("content/0a", "birds@3: dog.wav")
    assert source_name(source) == "birds@3: dog.wav"


def test_one_url_is_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_place("store") is open_place(str(tmp_path / "store")) is open_place((tmp_path / "store").as_uri())


def test_where_there_are_no_hard_links_creating_is_exclusive_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    place = Folder(tmp_path)
    assert place.create("v/1", b"first")
    assert not place.create("v/1", b"second")
    assert place.read("v/1") == b"first"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="the store cannot be written"):
        Folder(tmp_path / "file").create("v/1", b"")


def test_a_url_that_is_none_is_named() -> None:
    with pytest.raises(AuscultError, match="not the URL of an object store"):
        open_place("s3://")
