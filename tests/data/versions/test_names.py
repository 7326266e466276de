"""How versions are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.data.versions import VersionRef
from auscult.errors import DataError

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}[a-z0-9_-]", fullmatch=True).filter(
    lambda name: name not in ("content", "rows", "versions", "tags", "writers", "unfinished")
)
TAGS = NAMES.filter(lambda name: not name.isdecimal())
STORES = st.sampled_from(["/a/b", "a", "../x y", "s3://bucket/a", "s3://bucket", "file:///a/b", "/"])


@given(store=STORES, name=NAMES, version=st.none() | st.integers(1, 10**6) | TAGS)
def test_a_version_is_read_as_it_is_written(store: str, name: str, version: int | str | None) -> None:
    ref = VersionRef(store, name, version)
    assert VersionRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/",
        "a/@3",
        "a/b@",
        "a/..",
        "a/.b",
        "a/b.",
        "a/b c",
        "a/b@c@d",
        "s3://bucket",
        "s/content",
        "s/b@rows",
        "a/\0",
    ],
)
def test_what_nothing_can_be_called_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"must be of letters, digits.* write a version as STORE/NAME@VERSION"):
        VersionRef.parse(text)


def test_a_windows_folder_may_have_its_own_separators() -> None:
    assert VersionRef.parse(r"C:\stores\sounds\birds@3") == VersionRef(r"C:\stores\sounds", "birds", 3)
