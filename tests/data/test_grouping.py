"""Groups: what shares a recording or content, directly or through others, is one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.data.grouping import merged_groups

contents = st.sampled_from(["c1", "c2", "c3", "c4", "c5"])
names = st.sampled_from(["g1", "g2", "g3", None])
rows = st.lists(st.tuples(contents, names), max_size=20)


@given(rows)
@settings(deadline=None)
def test_equal_content_and_equal_groups_stay_together(rows):
    groups = merged_groups([content for content, _ in rows], [name for _, name in rows])
    for i, (content, name) in enumerate(rows):
        for j, (other_content, other_name) in enumerate(rows):
            if content == other_content or (name is not None and name == other_name):
                assert groups[i] == groups[j]


@given(rows)
@settings(deadline=None)
def test_nothing_else_is_joined(rows):
    groups = merged_groups([content for content, _ in rows], [name for _, name in rows])
    # Independent reference: spread the smallest row number until nothing changes.
    component = list(range(len(rows)))
    for _ in rows:
        for i, (content, name) in enumerate(rows):
            for j, (other_content, other_name) in enumerate(rows):
                if content == other_content or (name is not None and name == other_name):
                    component[i] = component[j] = min(component[i], component[j])
    for i in range(len(rows)):
        for j in range(len(rows)):
            assert (groups[i] == groups[j]) == (component[i] == component[j])
