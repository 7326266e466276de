from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.archive.finding import find_sources, parse_since
from auscult.errors import InputError, UsageError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def below(folder: Path, found: Iterator[str | InputError]) -> list[str]:
    return [os.path.relpath(one, folder) if isinstance(one, str) else f"{one.kind} {one.source}" for one in found]


def test_names_stay_as_they_are_and_folders_are_searched_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.WAV", "b/1.flac", "b/c/3.Mp3", "b/notes.txt", "b/.hidden.wav", "b/._1.flac", "a.wav")
    names = [str(tmp_path / "a.wav"), str(tmp_path / "b"), "no-such.wav", "https://a.org/owl.mp3?x=[1]*"]
    assert list(find_sources(names)) == [
        str(tmp_path / "a.wav"),
        *(str(tmp_path / "b" / name) for name in ("1.flac", "2.WAV", "c/3.Mp3")),
        "no-such.wav",
        "https://a.org/owl.mp3?x=[1]*",
    ]


def test_a_folder_named_like_a_sound_is_given_to_be_named_and_not_searched(tmp_path: Path) -> None:
    touch(tmp_path, "set.wav/inside.wav", "z.wav")
    assert below(tmp_path, find_sources([str(tmp_path)])) == ["set.wav", "z.wav"]
    assert list(find_sources([str(tmp_path / "set.wav")])) == [str(tmp_path / "set.wav")]


def test_names_that_are_no_utf8_and_links_that_lead_nowhere(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.wav")
    touch(tmp_path, odd)
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo.wav")
    assert below(tmp_path, find_sources([str(tmp_path)])) == ["broken.wav", odd, "fifo.wav"]


def test_a_folder_without_sounds_gives_its_pictures_or_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "pictures/a.png", "empty/notes.txt")
    assert below(tmp_path, find_sources([str(tmp_path / "pictures")])) == ["pictures/a.png"]
    (problem,) = find_sources([str(tmp_path / "empty")])
    assert isinstance(problem, InputError)
    assert (problem.kind, problem.problem) == ("empty", "this folder holds no sound")


TREE = ("2025/may/a.wav", "2025/may/b.FLAC", "2025/may/notes.txt", "2026/c.wav", "2026/deep/er/d.wav", "top.wav")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.wav", ["top.wav"]),
        ("**/*.wav", ["2025/may/a.wav", "2026/c.wav", "2026/deep/er/d.wav", "top.wav"]),
        ("2025/*/*", ["2025/may/a.wav", "2025/may/b.FLAC"]),
        ("2025/*/*.txt", ["2025/may/notes.txt"]),
        ("**", ["2025/may/a.wav", "2025/may/b.FLAC", "2026/c.wav", "2026/deep/er/d.wav", "top.wav"]),
        ("202?", ["2025/may/a.wav", "2025/may/b.FLAC", "2026/c.wav", "2026/deep/er/d.wav"]),
        ("**/er/*", ["2026/deep/er/d.wav"]),
        ("202[!5]*/**/?.wav", ["2026/c.wav", "2026/deep/er/d.wav"]),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    touch(tmp_path, *TREE, ".hidden/x.wav")
    assert below(tmp_path, find_sources([str(tmp_path / pattern)])) == expected


def test_a_pattern_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *TREE)
    monkeypatch.chdir(tmp_path)
    assert list(find_sources(["2026/*.wav", "*.wav"])) == ["2026/c.wav", "top.wav"]


def test_a_name_that_looks_like_a_pattern_is_a_name_where_there_is_such_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "take[1].wav", "take1.wav")
    assert below(tmp_path, find_sources([str(tmp_path / "take[1].wav")])) == ["take[1].wav"]


def test_a_pattern_that_nothing_is_like_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    (problem,) = find_sources([str(tmp_path / "*.flac")])
    assert isinstance(problem, InputError)
    assert problem.kind == "missing"
    assert "no recording has a name like this; check the pattern" in str(problem)


def test_links_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/x.wav")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    assert below(tmp_path, find_sources([str(tmp_path / "**" / "*.wav")])) == ["a/b/x.wav"]


names = st.text("ab.", min_size=1, max_size=3).filter(lambda name: not name.startswith(".") and name.strip("."))


@given(st.lists(st.lists(names, min_size=1, max_size=3), max_size=8))
def test_a_walk_is_in_the_order_of_paths_and_patterns_agree_with_it(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for *folders, name in paths:
        place = folder.joinpath(*folders)
        if not any(above.is_file() for above in (place, *place.parents)):
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.wav").touch()
    expected = sorted(folder.rglob("*.wav"))
    if expected:
        assert [Path(str(one)) for one in find_sources([str(folder)])] == expected
        assert [Path(str(one)) for one in find_sources([str(folder / "**" / "*.wav")])] == expected


def test_a_big_tree_is_not_listed_before_its_first_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(20):
        touch(tmp_path, f"{index:02}/a.wav")
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    assert len(list(islice(find_sources([str(tmp_path)]), 2))) == 2
    assert len(listed) == 3  # the top, and two below


def test_since_goes_by_the_name_of_a_file_and_else_by_its_last_change(tmp_path: Path) -> None:
    touch(tmp_path, "20260501_200000.wav", "20260601_200000.wav", "old.wav", "new.wav")
    os.utime(tmp_path / "old.wav", (0, datetime(2026, 5, 2).timestamp()))
    os.utime(tmp_path / "new.wav", (0, datetime(2026, 5, 30).timestamp()))
    os.mkfifo(tmp_path / "fifo.wav")
    found = find_sources([str(tmp_path), "https://a.org/a.wav"], since=datetime(2026, 5, 20))
    assert below(tmp_path, islice(found, 3)) == ["20260601_200000.wav", "fifo.wav", "new.wav"]
    assert list(found) == ["https://a.org/a.wav"]


def test_since_knows_the_first_and_the_last_days(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    for text, expected in (("0001-01-01", ["a.wav"]), ("9999-12-31T23:59", [])):
        assert below(tmp_path, find_sources([str(tmp_path)], since=parse_since(text))) == expected


def test_folders_are_left_out_by_whatever_links_they_are_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "cards/a.wav", "cards/found/clip.wav", "cards/found2/b.wav")
    (tmp_path / "link").symlink_to("cards")
    for here, named, out in ((tmp_path, "link", "cards/found"), (tmp_path, "cards", "link/found")):
        monkeypatch.chdir(here)
        assert list(find_sources([named], leave_out=[out])) == [f"{named}/a.wav", f"{named}/found2/b.wav"]
    (problem,) = find_sources(["cards"], leave_out=["link"])
    assert str(problem) == "cards: what this run writes goes into this folder; choose another one for that"
    assert list(find_sources(["https://a.org/owl.mp3"], leave_out=["."])) == ["https://a.org/owl.mp3"]


def test_since_is_a_time_or_how_long_ago() -> None:
    now = datetime(2026, 5, 20, 12)
    for text, ago in (("90min", timedelta(minutes=90)), ("1.5h", timedelta(hours=1.5)), ("2w", timedelta(weeks=2))):
        assert parse_since(text, now=now) == now - ago
    assert parse_since("2026-05-01T20:00+02:00").isoformat() == "2026-05-01T20:00:00+02:00"


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7 moons", "-3d", "2026-13-01", "9999999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--since .*: must be a date such as 2026-05-01"):
        parse_since(text)
