"""Files appear whole or not at all, under any name that the disk takes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from auscult.errors import OutputError, OutputNameError
from auscult.files import atomic_path, printable, write_text


@pytest.mark.parametrize("name", ["a", "dog.png", "x" * 255, "x" * 251 + ".png", "ü" * 125 + ".json"])
def test_any_name_that_the_disk_takes(name: str, tmp_path: Path) -> None:
    write_text(tmp_path / name, "old")
    write_text(tmp_path / name, "whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "whole"


def test_the_temporary_name_is_hidden_and_keeps_the_ending(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "dog.png") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.match(".*.partial*")
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"PNG")


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("x" * 256, "x" * 256 + "/dog.png", "folder"):
        with pytest.raises(OutputNameError, match=r"no file can be called that there .*; choose another name"):
            write_text(tmp_path / name, "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "the disk is full, nothing was written"), (errno.EACCES, "cannot be written")]
)
def test_what_fails_leaves_the_old_file(code: int, said: str, tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(code, "it says")

    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OutputError, match=said) as failed:
        fail()
    assert not isinstance(failed.value, OutputNameError)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Käuzchen.wav", "Käuzchen.wav"),
        (Path("a") / "b.wav", "a/b.wav"),
        (b"caf\xe9.wav", r"caf\xe9.wav"),
        (os.fsdecode(b"caf\xe9.wav"), r"caf\xe9.wav"),
        ("\ud800.wav", r"\ud800.wav"),
        ("\ud800\udce9.wav", r"\ud800\udce9.wav"),
    ],
)
def test_every_name_can_be_printed(name: Any, printed: str) -> None:
    assert printable(name) == printed
