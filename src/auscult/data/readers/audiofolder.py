"""Hugging Face's ``audiofolder`` with metadata: a table beside the sounds whose ``file_name`` column names them.

``metadata.csv``, ``metadata.jsonl`` or ``metadata.parquet`` lies in the folder, or in each of its split folders.
Without one, an ``audiofolder`` is a folder of split folders or class folders; see `readers.folders`.
https://huggingface.co/docs/datasets/audio_dataset
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from auscult.audio import find_audio_files
from auscult.data.listing import ListedClip, Listing
from auscult.data.readers.rows import LABEL_COLUMNS, TableForm, list_rows
from auscult.data.schema import SPLIT_NAMES
from auscult.data.tables import Table, read_table
from auscult.errors import DataError, InputError
from auscult.files import printable

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_COLUMN, LABEL_COLUMN = "file_name", "label"


def find_tables(root: Path) -> dict[Path, Table]:
    """The metadata of a folder: its own, or else those of its split folders; none for any other folder."""
    own = _metadata_in(root)
    if own is not None:
        return dict([own])
    return dict(found for part in _parts(root) if (found := _metadata_in(root / part)) is not None)


def _metadata_in(folder: Path) -> tuple[Path, Table] | None:
    tables = [(folder / name, read_table(folder / name)) for name in NAMES if (folder / name).is_file()]
    found = [(path, table) for path, table in tables if FILE_COLUMN in table.header]
    if len(found) > 1:
        raise DataError(
            f"{printable(folder)}: one table of metadata is needed. Got {[path.name for path, _ in found]}; keep one."
        )
    return found[0] if found else None


def read_audiofolder(root: Path, tables: Mapping[Path, Table]) -> Listing:
    """List the sounds that the metadata names.

    A clip's labels are those of the table; where it has no such column, the folder that the sound lies in, as far as
    every sound lies in one; else nobody has said what it holds. Its part is that of the table, or of the split folder.

    Raises
    ------
    DataError : a table that cannot be read, or tables that do not agree on the task
    """
    listings = [_read(root, path, table) for path, table in tables.items()]
    if len({listing.task for listing in listings}) > 1:
        raise DataError(
            f"{printable(root)}: clips have one label in {_names(listings, tables, 'single_label')} and several in "
            f"{_names(listings, tables, 'multi_label')}; write their labels in one way."
        )
    return replace(
        listings[0],
        # A table may name sounds outside the folder.
        root=Path(os.path.commonpath([root, *(listing.root for listing in listings)])),
        clips=tuple(clip for listing in listings for clip in listing.clips),
        problems=(*(problem for listing in listings for problem in listing.problems), *_without_table(root, tables)),
    )


def _without_table(root: Path, tables: Iterable[Path]) -> list[InputError]:
    """A problem for each part of which no metadata says what its sounds are, where that of another does."""
    folders = {table.parent for table in tables}
    if root in folders:
        return []
    told = {folder.name for folder in folders}
    return [
        InputError(printable(root / part), "invalid", "it has no metadata, and another part has", "add metadata to it")
        for part in _parts(root)
        if part not in told and find_audio_files(root / part, on_error=lambda _: None)
    ]


def _parts(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.name.casefold() in SPLIT_NAMES and entry.is_dir())


def _names(listings: Iterable[Listing], tables: Iterable[Path], task: str) -> str:
    named = (printable(path) for listing, path in zip(listings, tables, strict=True) if listing.task == task)
    return " and ".join(named)


def _read(root: Path, path: Path, table: Table) -> Listing:
    labelled = any(column.casefold() in LABEL_COLUMNS for column in table.header)
    # Further columns may have such names too: those of ESC-50's table are kept as they are called there.
    label_column = LABEL_COLUMN if LABEL_COLUMN in table.header else None
    form = TableForm(path_column=FILE_COLUMN, label_column=label_column, labelled=labelled)
    listing = list_rows(table, form, base=path.parent, source_kind="audiofolder")
    clips = [replace(clip, split=clip.split or _part(root, clip)) for clip in listing.clips]
    if not labelled:
        classes = [_class(root, clip) for clip in clips]
        if all(classes):
            clips = [replace(clip, labels=(str(name),)) for clip, name in zip(clips, classes, strict=True)]
    return replace(listing, clips=tuple(clips))


def _folders(root: Path, clip: ListedClip) -> tuple[str, ...]:
    try:
        return clip.path.relative_to(root).parts[:-1]
    except ValueError:
        return ()  # a sound outside the folder


def _part(root: Path, clip: ListedClip) -> str | None:
    folders = _folders(root, clip)
    return SPLIT_NAMES.get(folders[0].casefold()) if folders else None


def _class(root: Path, clip: ListedClip) -> str | None:
    folders = [name for name in _folders(root, clip) if name.casefold() not in SPLIT_NAMES]
    return folders[0] if folders else None
