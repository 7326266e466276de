"""What the trees of the known corpora have in common: a table with official folds, beside a folder of
audio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from auscult.audio import AUDIO_SUFFIXES
from auscult.data.listing import ListedClip, Listing, some
from auscult.data.schema import SourceKind
from auscult.data.tables import FileFinder, Row, read_table
from auscult.errors import DataError, InputError
from auscult.files import printable


def read_official(
    root: Path,
    table: Path,
    *,
    source_kind: SourceKind,
    path_of: Callable[[Row], str],
    label: str,
    order: str,
    group: str,
) -> Listing:
    """List a corpus by its own table.

    Parameters
    ----------
    path_of : a row's file, under `root`; another audio ending is accepted, for corpora that were re-encoded
    label, order, group : columns of the class, of its number, and of the recording; the fold's is called
        ``fold``

    Raises
    ------
    DataError : a table without these columns, or with a fold or class number that is no number
    """
    header, rows = read_table(table)
    if absent := [column for column in (label, order, group, "fold") if column not in header]:
        raise DataError(
            f"{printable(table)}: the table of {source_kind} must have the columns {some(absent)}. "
            f"Got {header} instead; take the table that comes with the corpus."
        )
    finder = FileFinder(any_suffix=AUDIO_SUFFIXES)
    clips: list[ListedClip] = []
    absent = []
    for row in rows:
        if (path := finder.find(root / path_of(row))) is None:
            absent.append(path_of(row))
            continue
        clips.append(ListedClip(path, (row[label],), fold=_number(table, row, "fold"), group=row[group] or None))
    names = {_number(table, row, order): row[label] for row in rows}
    return Listing(
        root=root,
        clips=tuple(clips),
        source_kind=source_kind,
        label_order=tuple(dict.fromkeys(names[number] for number in sorted(names))),
        problems=_absent(table, absent, len(rows)),
    )


def _absent(table: Path, absent: list[str], n_rows: int) -> tuple[InputError, ...]:
    """One problem for all absent files: often a part of the corpus is all that was fetched."""
    if not absent:
        return ()
    return (
        InputError(
            printable(table),
            "missing",
            f"{len(absent)} of its {n_rows} files are not there: {some(absent, limit=2)}",
            "fetch them, or go on with the others",
        ),
    )


def _number(table: Path, row: Row, column: str) -> int:
    if not row[column].isdecimal():
        raise DataError(
            f"{printable(table)}, line {row.line}: the column {column!r} must hold whole numbers. "
            f"Got {row[column]!r} instead; take the table that comes with the corpus."
        )
    return int(row[column])
