"""What the trees of the known corpora have in common: tables and lists of official parts, beside folders of audio."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from auscult.audio import AUDIO_SUFFIXES
from auscult.data.listing import ListedClip, Listing, some
from auscult.data.schema import SourceKind, schema_names
from auscult.data.tables import FileFinder, Row, read_table
from auscult.errors import DataError, InputError
from auscult.files import printable


def read_official(
    root: Path,
    table: Path,
    *,
    source_kind: SourceKind,
    path_of: Callable[[Row], str],
    file: str,
    label: str,
    order: str,
    group: str,
    only: tuple[str, str] | None = None,
) -> Listing:
    """List a corpus by its own table.

    Parameters
    ----------
    path_of : a row's file, under `root`; another audio ending is accepted, for corpora that were re-encoded
    file, label, order, group : columns of the file's name, of the class, of its number, and of the recording; the
        fold's is called ``fold``
    only : a column, and the value that it has in the rows that are listed; None: all are

    Raises
    ------
    DataError : a table without these columns, or with a fold or class number that is no number
    """
    found = read_table(table)
    header, rows = found.header, found.rows
    needed = (file, label, order, group, "fold", *((only[0],) if only else ()))
    if absent := [column for column in needed if column not in header]:
        raise DataError(
            f"{printable(table)}: the table of {source_kind} must have the columns {some(absent)}. "
            f"Got {header} instead; take the table that comes with the corpus."
        )
    if only is not None:
        rows = [row for row in rows if row[only[0]] == only[1]]
    finder = FileFinder(any_suffix=AUDIO_SUFFIXES)
    clips: list[ListedClip] = []
    absent = []
    for row in rows:
        if (path := finder.find(root / path_of(row))) is None:
            absent.append(path_of(row))
            continue
        extra = {column: row[column] for column in header if column not in {label, group, "fold", *schema_names()}}
        fold = _number(table, row, "fold")
        clips.append(ListedClip(path, (row[label],), fold=fold, group=row[group] or None, extra=extra))
    names = {_number(table, row, order): row[label] for row in rows}
    return Listing(
        root=root,
        clips=tuple(clips),
        source_kind=source_kind,
        label_order=tuple(dict.fromkeys(names[number] for number in sorted(names))),
        problems=absent_files(table, absent, len(rows)),
    )


def absent_files(table: Path, absent: Sequence[str], n_files: int) -> tuple[InputError, ...]:
    """One problem for all files of a table that are not there: often a part of the corpus is all that was fetched."""
    if not absent:
        return ()
    return (
        InputError(
            printable(table),
            "missing",
            f"{len(absent)} of its {n_files} files are not there: {some(absent, limit=2)}",
            "fetch them, or go on with the others",
        ),
    )


def sounds_in(folder: Path) -> list[Path]:
    """The sounds directly in a folder, sorted; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError:
        return []
    return sorted(folder / name for name in names if os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES)


def read_lines(path: Path) -> list[str]:
    """The lines of a list that comes with a corpus.

    Raises
    ------
    DataError : it cannot be read
    """
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        raise DataError(
            f"{printable(path)}: cannot be read ({error}); take the file that comes with the corpus."
        ) from error


def _number(table: Path, row: Row, column: str) -> int:
    if not row[column].isdecimal():
        raise DataError(
            f"{printable(table)}, {row.place}: the column {column!r} must hold whole numbers. "
            f"Got {row[column]!r} instead; take the table that comes with the corpus."
        )
    return int(row[column])
