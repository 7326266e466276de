"""Tables that hold their sounds: a column of objects with the bytes of a file, as Hugging Face's Parquet files have it.

A field is ``{"bytes": ..., "path": ...}``, or ``{"array": ..., "sampling_rate": ...}`` as their datasets give it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from auscult.audio.arrays import sound_from_mapping
from auscult.data.tables import Row, Table
from auscult.errors import InputError
from auscult.records import Sound

COLUMN = "audio"


def sound_column(table: Table, named: str | None) -> str | None:
    """The column that holds sounds: the one that was `named`, or that is called audio; None where it holds none."""
    column = named if named is not None else next((name for name in table.header if name.casefold() == COLUMN), None)
    if column is None or column not in table.header:
        return None
    return column if any(isinstance(row[column], Mapping) for row in table.rows) else None


def take_sounds(table: Table, column: str) -> tuple[Table, dict[str, Sound | bytes], list[InputError]]:
    """The table with a name in place of each sound, the sounds by these names, and a problem for each that is none."""
    sounds: dict[str, Sound | bytes] = {}
    rows: list[Row] = []
    problems: list[InputError] = []
    for row in table.rows:
        try:
            sound = _sound(row, row[column])
        except InputError as problem:
            problems.append(problem)
            continue
        name = _name(row, row[column], taken=sounds)
        sounds[name] = sound
        rows.append(replace(row, fields={**row.fields, column: name}))
    return replace(table, rows=rows), sounds, problems


def _sound(row: Row, value: Any) -> Sound | bytes:
    if isinstance(value, Mapping):
        if isinstance(value.get("bytes"), bytes | bytearray | memoryview):
            return bytes(value["bytes"])
        if value.get("array") is not None:
            try:
                return sound_from_mapping(value)
            except InputError as error:
                raise InputError(row.where, error.kind, error.problem, error.next_step) from error
    raise InputError(row.where, "missing", "it holds no sound, as others do", "put the bytes of the file there")


def _name(row: Row, value: Mapping[str, Any], *, taken: Mapping[str, Any]) -> str:
    """The last part of the path that the sound had, with the row's number where another has it too."""
    path = str(value.get("path") or "").replace("\\", "/")
    name = PurePosixPath(path).name or f"sound-{row.number}"
    return name if name not in taken else f"{row.number}/{name}"
