"""What belongs together in a split: clips of one recording, and clips of equal content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auscult.data.schema import content_hash_of


def merged_groups(clip_ids: Sequence[str], groups: Sequence[str | None]) -> NDArray[np.str_]:
    """A name for each clip, `(clips,)`, the same for clips that share a group or their file's content.

    A connected set of groups goes by the first of their names in the alphabet; a clip without a group, by its
    content.

    Examples
    --------
    >>> merged_groups(["a1", "b2", "b2", "c3:0-9", "c3:9-18"], ["x", "y", "x", None, None]).tolist()
    ['x', 'x', 'x', 'c3', 'c3']
    """
    contents = [content_hash_of(clip_id) for clip_id in clip_ids]
    groups_of_content: dict[str, set[str]] = defaultdict(set)
    for content, group in zip(contents, groups, strict=True):
        if group is not None:
            groups_of_content[content].add(group)
    parent = {group: group for members in groups_of_content.values() for group in members}
    for members in groups_of_content.values():
        for member in members:
            _join(parent, min(members), member)
    names = [
        _root(parent, min(groups_of_content[content])) if groups_of_content.get(content) else content
        for content in contents
    ]
    return np.asarray(names, dtype=np.str_)


def _root(parent: dict[str, str], name: str) -> str:
    while parent[name] != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name


def _join(parent: dict[str, str], one: str, other: str) -> None:
    first, last = sorted((_root(parent, one), _root(parent, other)))
    parent[last] = first
