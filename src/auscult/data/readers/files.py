"""Files that are named one by one, and arrays in memory, with a label each or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auscult.audio import sound_from_array
from auscult.audio.arrays import sound_from_mapping
from auscult.data.listing import Listing
from auscult.data.readers.rows import TableForm, list_rows
from auscult.data.tables import Row, Table
from auscult.errors import DataError, InputError
from auscult.records import Sound


def list_files(
    files: Iterable[str | os.PathLike[str]], labels: Iterable[Any] | None, columns: Mapping[str, Iterable[Any] | None]
) -> Listing:
    """List files by name. Parameters and errors as in `Dataset.from_files`."""
    if isinstance(files, str | os.PathLike):
        raise DataError(f"The 'files' parameter must be a list of paths. Got {files!r} instead; put it into a list.")
    paths = [os.path.abspath(path) for path in files]
    if not paths:
        raise DataError("The 'files' parameter must name at least one sound. Got none instead.")
    base = Path(os.path.commonpath([os.path.dirname(path) for path in paths]))
    table = _table("the list of files", paths, labels, columns)
    return list_rows(table, _form(labels), base=base, source_kind="files")


def list_arrays(
    arrays: Iterable[Any],
    labels: Iterable[Any] | None,
    sample_rate: int | None,
    columns: Mapping[str, Iterable[Any] | None],
) -> Listing:
    """List arrays in memory. Parameters and errors as in `Dataset.from_arrays`."""
    arrays = list(arrays)
    if not arrays:
        raise DataError("The 'arrays' parameter must hold at least one sound. Got none instead.")
    width = len(str(len(arrays)))
    names = [f"array-{number:0{width}}" for number in range(1, len(arrays) + 1)]
    table = _table("the list of arrays", names, labels, columns)
    sounds: dict[str, Sound] = {}
    problems: list[InputError] = []
    for name, array in zip(names, arrays, strict=True):
        try:
            sounds[name] = _sound(name, array, sample_rate)
        except InputError as error:
            problems.append(InputError(name, error.kind, error.problem, error.next_step))
    good = replace(table, rows=[row for row in table.rows if row["path"] in sounds])
    listing = list_rows(good, _form(labels), base=Path(), source_kind="arrays", sounds=sounds)
    return replace(listing, problems=(*problems, *listing.problems))


def _form(labels: Iterable[Any] | None) -> TableForm:
    return TableForm(path_column="path", label_column=None if labels is None else "label", labelled=labels is not None)


def _sound(name: str, array: Any, sample_rate: int | None) -> Sound:
    if isinstance(array, Sound):
        return array
    if isinstance(array, Mapping):
        return sound_from_mapping(array)
    if sample_rate is None:
        raise DataError(
            f"{name} does not say its sample rate; give 'sample_rate' in Hz, or "
            '{"array": samples, "sampling_rate": rate}.'
        )
    return sound_from_array(array, sample_rate)


def _values(column: str, values: Any) -> list[Any]:
    if column == "label" and getattr(values, "ndim", 1) != 1:
        raise DataError(
            "The 'labels' parameter must have a label, or a list of labels, for each sound. Got an array of "
            f"{values.ndim} axes instead; name the classes of each, as in [['dog', 'rain'], ['dog']], with weights as "
            "in [{'dog': 1.0, 'rain': 0.4}, {'dog': 1.0}]."
        )
    # Elements of an array or tensor are made plain.
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _table(
    name: str, paths: Sequence[str], labels: Iterable[Any] | None, columns: Mapping[str, Iterable[Any] | None]
) -> Table:
    given = {"label": labels, **columns}
    lists = {column: _values(column, values) for column, values in given.items() if values is not None}
    for column, values in lists.items():
        if len(values) != len(paths):
            parameter = "labels" if column == "label" else f"{column}s"
            raise DataError(
                f"The {parameter!r} parameter must have one value a sound, {len(paths)}. Got {len(values)}."
            )
    rows = [
        Row(number, {"path": path, **{column: values[number - 1] for column, values in lists.items()}}, "sound")
        for number, path in enumerate(paths, start=1)
    ]
    return Table(name, ["path", *lists], rows)
