"""What is different between two tables of clips."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auscult.data.schema import content_hash_of

if TYPE_CHECKING:
    import pyarrow as pa

# What a clip is called, and what it is; every other column says something of it.
IDENTITY = frozenset({"clip_id", "uri", "start", "end"})


@dataclass(frozen=True)
class Diff:
    """Names of clips, sorted: their uri, and their range where they are a part of a file, as ``a.wav:0-16000``.

    Parameters
    ----------
    added, removed : only in the second, only in the first
    changed : in both, with another content or other values in the columns that both have
    renamed : the same content under another name, (old, new)
    columns_added, columns_removed : columns that only the second, only the first has
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(self.to_dict().values())

    def counts(self) -> dict[str, int]:
        return {name: len(found) for name, found in self.to_dict().items() if isinstance(found, list)}

    def to_dict(self) -> dict[str, Any]:
        """JSON; the columns only where there is a difference in them."""
        record: dict[str, Any] = {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": list(self.changed),
            "renamed": [list(pair) for pair in self.renamed],
        }
        for name in ("columns_added", "columns_removed"):
            if found := getattr(self, name):
                record[name] = list(found)
        return record


def diff_tables(old: pa.Table, new: pa.Table) -> Diff:
    """Compare two tables of clips row by row; the order of rows does not matter.

    A name that both have is the same clip. Of the names that only one has, those with equal content are pairs, as many
    as there are on both sides, in the order of their names.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from auscult.data.schema import clip_schema
    >>> def table(**contents):
    ...     rows = [{"clip_id": content, "uri": uri} for uri, content in contents.items()]
    ...     return pa.Table.from_pylist(rows, schema=clip_schema())
    >>> diff_tables(table(a="01", b="02", c="03"), table(a="01", b="04", d="03", e="05"))
    Diff(added=('e',), removed=(), changed=('b',), renamed=(('c', 'd'),), columns_added=(), columns_removed=())
    """
    shared = [name for name in old.column_names if name in new.column_names and name not in IDENTITY]
    before, after = _rows(old, shared), _rows(new, shared)
    removed, added, changed = [], [], []
    for name in sorted(before.keys() | after.keys()):
        lost, gained = before[name] - after[name], after[name] - before[name]
        n_changed = min(lost.total(), gained.total())
        # Several clips may share a name: a file that a table lists twice. Each counts.
        changed += [name] * n_changed
        removed += [(name, clip_id) for clip_id, _ in lost.elements()][n_changed:]
        added += [(name, clip_id) for clip_id, _ in gained.elements()][n_changed:]
    renamed, removed, added = _renamed(removed, added)
    return Diff(
        added=tuple(name for name, _ in added),
        removed=tuple(name for name, _ in removed),
        changed=tuple(changed),
        renamed=tuple(renamed),
        columns_added=tuple(name for name in new.column_names if name not in old.column_names),
        columns_removed=tuple(name for name in old.column_names if name not in new.column_names),
    )


def clip_names(table: pa.Table) -> list[str]:
    """Each clip's uri, with its range where it is a part of a file."""
    names = zip(table["uri"].to_pylist(), table["clip_id"].to_pylist(), strict=True)
    return [uri + clip_id.removeprefix(content_hash_of(clip_id)) for uri, clip_id in names]


_Named = list[tuple[str, str]]


def _renamed(removed: _Named, added: _Named) -> tuple[_Named, _Named, _Named]:
    """Pairs of equal content, and what is left on both sides."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for position, (_, clip_id) in reversed(list(enumerate(removed))):
        waiting[clip_id].append(position)
    pairs: dict[int, str] = {}
    left: _Named = []
    for name, clip_id in added:
        if waiting[clip_id]:
            pairs[waiting[clip_id].pop()] = name
        else:
            left.append((name, clip_id))
    renamed = [(removed[position][0], pairs[position]) for position in sorted(pairs)]
    return renamed, [row for position, row in enumerate(removed) if position not in pairs], left


def _rows(table: pa.Table, columns: list[str]) -> Mapping[str, Counter[tuple[str, str]]]:
    """Name -> clips of that name: content, and the values of `columns` as text, which is compared like the values."""
    rows: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    values = [table[name].to_pylist() for name in columns]
    texts = [repr(row) for row in zip(*values, strict=True)] if values else [""] * table.num_rows
    for name, clip_id, text in zip(clip_names(table), table["clip_id"].to_pylist(), texts, strict=True):
        rows[name][clip_id, text] += 1
    return rows
