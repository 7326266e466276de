"""Differences between tables, against a model that looks at single clips."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.data.schema import clip_schema
from auscult.data.versions import Diff, diff_tables

Row = tuple[str, str, int]  # uri, content, fold


def table(rows: list[Row], **columns: list[Any]) -> pa.Table:
    records = [{"uri": uri, "clip_id": content, "fold": fold} for uri, content, fold in rows]
    made = pa.Table.from_pylist(records, schema=clip_schema())
    for name, values in columns.items():
        made = made.append_column(name, [values])
    return made


def renamed_by_brute_force(lost: list[Row], gained: list[Row]) -> Counter[str]:
    """How many of each content have both lost and gained a name."""
    return Counter(content for _, content, _ in lost) & Counter(content for _, content, _ in gained)


ROWS = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.sampled_from("0123"), st.integers(1, 2)), max_size=8)


@given(old=ROWS, new=ROWS)
def test_the_difference_is_that_of_the_rows(old: dict[str, tuple[str, int]], new: dict[str, tuple[str, int]]) -> None:
    before = [(uri, *rest) for uri, rest in old.items()]
    after = [(uri, *rest) for uri, rest in new.items()]
    found = diff_tables(table(before), table(after))
    lost = [row for row in before if row[0] not in new]
    gained = [row for row in after if row[0] not in old]
    assert list(found.changed) == sorted(uri for uri in old if uri in new and old[uri] != new[uri])
    pairs = renamed_by_brute_force(lost, gained)
    assert Counter(old[name][0] for name, _ in found.renamed) == pairs
    assert all(old[before][0] == new[after][0] for before, after in found.renamed)
    assert sorted([*found.removed, *(name for name, _ in found.renamed)]) == sorted(row[0] for row in lost)
    assert sorted([*found.added, *(name for _, name in found.renamed)]) == sorted(row[0] for row in gained)
    assert list(found.added) == sorted(found.added)
    assert list(found.removed) == sorted(found.removed)


@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: dict[str, tuple[str, int]], seed: Any) -> None:
    before = [(uri, *rest) for uri, rest in rows.items()]
    after = list(before)
    seed.shuffle(after)
    assert not diff_tables(table(before), table(after))


@given(old=ROWS, new=ROWS)
def test_the_other_way_round_it_is_the_reverse(
    old: dict[str, tuple[str, int]], new: dict[str, tuple[str, int]]
) -> None:
    tables = [table([(uri, *rest) for uri, rest in rows.items()]) for rows in (old, new)]
    there, back = diff_tables(*tables), diff_tables(*reversed(tables))
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert sorted(there.renamed) == sorted((old, new) for new, old in back.renamed)


def test_equal_contents_are_renamed_as_often_as_there_are_names_on_both_sides() -> None:
    found = diff_tables(table([("a", "1", 1), ("b", "1", 1), ("c", "1", 1)]), table([("a", "1", 1), ("x", "1", 1)]))
    assert found == Diff(added=(), removed=("c",), changed=(), renamed=(("b", "x"),))


def test_two_that_swap_their_contents_have_changed() -> None:
    found = diff_tables(table([("a", "1", 1), ("b", "2", 1)]), table([("a", "2", 1), ("b", "1", 1)]))
    assert found == Diff(added=(), removed=(), changed=("a", "b"), renamed=())


def test_parts_of_one_file_are_clips_of_their_own() -> None:
    old = table([("a", "1:0-10", 1), ("a", "1:10-20", 1)])
    new = table([("a", "1:0-10", 1), ("b", "1:10-20", 1), ("a", "1:20-", 1)])
    assert diff_tables(old, new) == Diff(("a:20-",), (), (), (("a:10-20", "b:10-20"),))


def test_a_name_that_stands_twice_counts_twice() -> None:
    once, twice = table([("a", "1", 1)]), table([("a", "1", 1), ("a", "1", 1)])
    assert diff_tables(once, twice).added == ("a",)
    assert not diff_tables(twice, twice)


def test_columns_that_one_has_are_named_and_compare_nothing() -> None:
    rows = [("a", "1", 1)]
    found = diff_tables(table(rows, old=[1], both=[1]), table(rows, new=[1], both=[1]))
    assert (found.columns_added, found.columns_removed, found.changed) == (("new",), ("old",), ())
    assert diff_tables(table(rows, both=[1]), table(rows, both=[2])).changed == ("a",)


@pytest.mark.parametrize("value", [float("nan"), None, [1.0, None], {"x": 1}])
def test_any_value_equals_itself(value: Any) -> None:
    rows = [("a", "1", 1)]
    assert not diff_tables(table(rows, column=[value]), table(rows, column=[value]))


def test_json_names_columns_only_where_they_differ() -> None:
    assert Diff(("a",), (), (), (("b", "c"),)).to_dict() == {
        "added": ["a"],
        "removed": [],
        "changed": [],
        "renamed": [["b", "c"]],
    }
    assert Diff((), (), (), (), columns_added=("mel",)).to_dict()["columns_added"] == ["mel"]
