from __future__ import annotations

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.report.fragments import bar, data_uri, element, escaped, table
from auscult.report.style import printable


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_text_comes_back_as_it_was_and_never_as_markup(text: str) -> None:
    safe = escaped(text)
    assert not set("<>\"'") & set(safe)
    assert html.unescape(safe) == printable(text)
    assert safe.encode("utf-8").decode("utf-8") == safe


def test_lines_are_kept_only_where_asked() -> None:
    assert escaped("a\nb") == "a b"
    assert escaped("a\n  b\n", lines=True) == "a\n  b"


def test_attributes_are_escaped() -> None:
    assert element("a", href='"><script>', class_="x") == ('<a href="&quot;&gt;&lt;script&gt;" class="x"></a>')


@pytest.mark.parametrize(("share", "width"), [(0.5, "50.00%"), (-1, "0.00%"), (2, "100.00%")])
def test_bars_stay_inside(share: float, width: str) -> None:
    assert f"width:{width}" in bar(share)


def test_a_bar_with_bounds_is_a_range_and_a_dot() -> None:
    drawn = bar(0.5, low=0.25, high=0.75)
    assert "left:25.00%;width:50.00%" in drawn
    assert "left:50.00%" in drawn


def test_a_row_needs_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="longer than"):
        table([("A", "text"), ("B", "number"), ("C", "number")], [(escaped("1"), escaped("2"))], caption="T")


def test_bytes_become_an_address() -> None:
    assert data_uri(b"hello", "text/plain") == "data:text/plain;base64,aGVsbG8="
