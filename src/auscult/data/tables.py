"""Tables on disk, and the files that their rows name."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

from auscult.data.listing import nfc
from auscult.errors import DataError
from auscult.files import printable

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Row:
    """One row of a table: its line in the file, counted from 1, and its fields as text, by column."""

    line: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column]


def read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a CSV file with a header, all values as text.

    The field delimiter is the one that cuts the header into most columns. Blank lines are skipped.

    Raises
    ------
    DataError : no such file, not UTF-8, not a table, a row that does not fit the header, no rows
    """
    text = _read_text(path)
    delimiter = _field_delimiter(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, values) for values in reader if any(values)]
    except csv.Error as error:
        raise DataError(f"{printable(path)}: not a table that can be read ({error}); save it again as CSV.") from error
    if not rows:
        raise DataError(f"{printable(path)}: a header and at least one row are needed. Got no rows instead.")
    if len(set(header)) < len(header):
        raise DataError(f"{printable(path)}: each column must have a name of its own. Got {header} instead.")
    for line, values in rows:
        if len(values) != len(header):
            raise DataError(
                f"{printable(path)}, line {line}: each row must have {len(header)} fields, as the "
                "header has. "
                f"Got {len(values)} instead; put quotes around a field that holds {delimiter!r}, as "
                'in "car, horn".'
            )
    return header, [Row(line, dict(zip(header, values, strict=True))) for line, values in rows]


def _read_text(path: Path) -> str:
    try:
        # utf-8-sig: spreadsheet programs begin the file with a byte-order mark.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{printable(path)}: a table must be UTF-8 text. Got other bytes at {error.start}; save it as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(
            f"{printable(path)}: the table cannot be read ({error.strerror}); check the path and its permissions."
        ) from error


def _field_delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), [])))


@dataclass
class FileFinder:
    """Finds the files that a table names, as the disk spells them.

    A name may differ in Unicode form, as it does after unpacking on another system; with `any_suffix` also in
    its ending, for corpora that were re-encoded.
    """

    any_suffix: frozenset[str] = frozenset()
    _folders: dict[Path, dict[str, Path]] = field(default_factory=dict)

    def find(self, path: Path) -> Path | None:
        """The file on the disk that is meant by `path`, None where there is none."""
        if os.path.exists(path):
            return path
        names = self._names(path.parent)
        return names.get(nfc(path.name)) or (names.get(nfc(path.stem) + ".*") if self.any_suffix else None)

    def _names(self, folder: Path) -> dict[str, Path]:
        if folder not in self._folders:
            names: dict[str, Path] = {}
            try:
                files = sorted(folder.iterdir())
            except OSError:
                files = []
            for file in files:
                names[nfc(file.name)] = file
                if file.suffix.lower() in self.any_suffix:
                    names[nfc(file.stem) + ".*"] = file
            self._folders[folder] = names
        return self._folders[folder]
