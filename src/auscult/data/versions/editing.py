"""What becomes of a dataset when clips are added, taken away, brought up to date, or said something of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from auscult.data.dataset import Dataset
from auscult.data.listing import some
from auscult.data.schema import clip_schema, content_hash_of
from auscult.data.versions.changes import clip_names
from auscult.data.versions.rows import content_field, with_values
from auscult.errors import DataError
from auscult.extras import require_extra
from auscult.records import Label

if TYPE_CHECKING:
    import pyarrow as pa

_PURPOSE = "versions of datasets"


def synced(base: Dataset, source: Dataset) -> Dataset:
    """The clips of `source`; columns that only `base` has are kept, by the clip's content."""
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    table = source.table
    for name in base.table.column_names:
        if name not in table.column_names:
            ids, values = base.table["clip_id"].to_pylist(), base.table[name].to_pylist()
            known = dict(zip(reversed(ids), reversed(values), strict=True))  # the first of equal clips counts
            field = base.table.schema.field(name)
            kept = pa.array([known.get(clip_id) for clip_id in table["clip_id"].to_pylist()], field.type)
            table = table.append_column(field, kept)
    return replace(source, table=table)


def added(base: Dataset, source: Dataset, *, under: str, replacing: bool) -> Dataset:
    """The clips of both. A clip that `base` has already, under the same name, stays as it is.

    Parameters
    ----------
    under : a folder that the uris of `source` are put in
    replacing : a file of another content under the same name takes the place of the old; else it is refused

    Raises
    ------
    DataError : such a file; another task; columns of other types; a folder outside the dataset
    """
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    if source.task != base.task:
        raise DataError(
            f"{source.root}: clips to be added must be {base.task}, as the others are. Got {source.task} instead; make "
            "a dataset of their own."
        )
    new = source.table
    if prefix := under.strip("/"):
        if any(part in ("", ".", "..") for part in prefix.split("/")):
            raise DataError(f"The 'under' parameter must be a folder inside the dataset, as 2026/may. Got {under!r}.")
        new = with_values(new, "uri", [f"{prefix}/{uri}" for uri in new["uri"].to_pylist()])
    old = base.table
    contents = dict(zip(old["uri"].to_pylist(), map(content_hash_of, old["clip_id"].to_pylist()), strict=True))
    pairs = zip(new["uri"].to_pylist(), map(content_hash_of, new["clip_id"].to_pylist()), strict=True)
    others = {uri for uri, content in pairs if contents.get(uri, content) != content}
    if others and not replacing:
        raise DataError(
            f"{source.root}: {len(others)} files have the names of others that the dataset holds: "
            f"{some(sorted(others))}. Put them --under a folder of their own, or --replace the old ones."
        )
    old = old.filter(pa.array([uri not in others for uri in old["uri"].to_pylist()], pa.bool_()))
    there = set(clip_names(old))
    new = new.filter(pa.array([name not in there for name in clip_names(new)], pa.bool_()))
    try:
        table = pa.concat_tables([old, new], promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"{source.root}: its columns are of other types than those of the dataset ({error})."
        ) from error
    return with_table(base, table, (*base.labels, *source.labels))


def removed(base: Dataset, patterns: Sequence[str], labels: Sequence[str]) -> Dataset:
    """Without the clips whose uri matches a pattern (``*`` matches ``/`` too), or that have one of the labels.

    A pattern that is the uri of a clip, or its name in a diff, means that only, even with brackets or stars in it.

    Raises
    ------
    DataError : a pattern or label that no clip has, which is a mistake; no clip would be left
    """
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    uris, held = base.table["uri"].to_pylist(), [clip.labels or () for clip in base.clips()]
    tests = [
        *((f"uri matches {pattern!r}", _matching(base.table, pattern)) for pattern in patterns),
        *((f"label is {label!r}", [label in names for names in held]) for label in labels),
    ]
    for words, found in tests:
        if not any(found):
            raise DataError(
                f"There is no clip whose {words}; the dataset has {some(uris, limit=3)}. Nothing was removed."
            )
    going = [any(found) for found in zip(*(found for _, found in tests), strict=True)]
    if not going:
        raise DataError("Say which clips are to go: patterns of their uris, or labels. Nothing was removed.")
    if all(going):
        raise DataError("No clip would be left; a version has at least one. Nothing was removed.")
    return with_table(base, base.table.filter(pa.array([not gone for gone in going])), base.labels)


def _matching(table: pa.Table, pattern: str) -> list[bool]:
    uris = table["uri"].to_pylist()
    for names in (uris, clip_names(table)):
        if pattern in names:
            return [name == pattern for name in names]
    return [fnmatchcase(uri, pattern) for uri in uris]


def with_contents(base: Dataset, column: str, kind: str, hashes: Mapping[str, str], *, by: str) -> Dataset:
    """With a column of contents; clips that `hashes` does not name keep what they have.

    Raises
    ------
    DataError : a name that no clip has; a column that means something else already
    """
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    field = content_field(column, kind)
    if column in clip_schema().names or (
        column in base.table.column_names and base.table.schema.field(column).metadata != field.metadata
    ):
        raise DataError(f"The column {column!r} is there already, and is another kind of column; choose another name.")
    keys = base.table[by].to_pylist()
    check_known(hashes, keys, by)
    before = base.table[column].to_pylist() if column in base.table.column_names else [None] * len(keys)
    values = pa.array([hashes.get(key, old) for key, old in zip(keys, before, strict=True)], pa.string())
    table = base.table.drop_columns([column]) if column in base.table.column_names else base.table
    return replace(base, table=table.append_column(field, values))


def without_columns(base: Dataset, columns: Sequence[str]) -> Dataset:
    """
    Raises
    ------
    DataError : a column that is not there, or that every dataset has
    """
    further = [name for name in base.table.column_names if name not in clip_schema().names]
    if unknown := sorted(set(columns) - set(further)):
        raise DataError(f"There is no column {unknown[0]!r} that can be dropped; there are {further}.")
    return replace(base, table=base.table.drop_columns(list(columns)))


def with_table(base: Dataset, table: pa.Table, labels: Iterable[Label]) -> Dataset:
    """Another table, and of the labels, in their order, those that it has."""
    present = {label["id"] for held in table["labels"].to_pylist() for label in held or ()}
    known = {label.id: label for label in labels}
    known |= {name: Label(name) for name in sorted(present - known.keys())}
    return replace(base, table=table, labels=tuple(label for name, label in known.items() if name in present))


def check_known(names: Iterable[str], known: Iterable[str], by: str) -> None:
    """
    Raises
    ------
    DataError : names that no clip has
    """
    known = set(known)
    if strange := [name for name in names if name not in known]:
        raise DataError(
            f"{len(strange)} of the names are no {by} of a clip in this version: {some(strange)}; the version has "
            f"{some(sorted(known), limit=2)}. Correct them; nothing was changed."
        )
