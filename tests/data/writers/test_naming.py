"""Names of files that come of recordings."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data.writers import event_file_names, safe_name
from auscult.data.writers.naming import MAX_NAME_BYTES


def test_folders_stay_and_names_are_told_apart() -> None:
    sources = ["/rec/a/dawn.wav", "/rec/a/Dawn.flac", "/rec/a/dawn.mp3", "/rec/b/c/dawn.wav"]
    assert event_file_names(sources, ".csv") == {
        "/rec/a/dawn.wav": "a/dawn.wav.csv",
        "/rec/a/Dawn.flac": "a/Dawn.flac.csv",
        "/rec/a/dawn.mp3": "a/dawn.mp3.csv",
        "/rec/b/c/dawn.wav": "b/c/dawn.csv",
    }
    assert event_file_names(["/rec/a/dawn.wav"], ".csv") == {"/rec/a/dawn.wav": "dawn.csv"}
    assert event_file_names([], ".csv") == {}


def test_addresses_lie_beside_the_others() -> None:
    sources = ["https://a.org/x/dawn.ogg?token=1", "/rec/dawn.wav", "https://b.org/"]
    assert list(event_file_names(sources, ".vtt").values()) == ["dawn.ogg.vtt", "dawn.wav.vtt", "b.vtt"]


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=300), max_size=12))
def test_names_are_safe_unique_and_stay_inside(sources: list[str]) -> None:
    names = event_file_names(sources, ".txt")
    assert set(names) == set(sources)
    folded = [name.casefold() for name in names.values()]
    assert len(set(folded)) == len(folded)
    assert event_file_names(sources, ".txt") == names
    for name in names.values():
        parts = PurePosixPath(name).parts
        assert not name.startswith("/")
        assert not {".", ".."} & set(parts)
        assert all(0 < len(part.encode()) <= 255 for part in parts)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_a_safe_name_is_one(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode("utf-8")) <= MAX_NAME_BYTES
    assert not set(name) & set('<>:"/\\|?*\n\r\t\0')
    assert name.strip(" .") == name
    assert safe_name(name) == name
