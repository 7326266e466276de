"""Fewer clips, other labels, other parts: what `--only`, `--map` and `--parts` do to a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from auscult.data.listing import nfc, some
from auscult.data.readers.rows import split_of
from auscult.data.readers.values import as_written
from auscult.data.tables import read_table
from auscult.errors import DataError
from auscult.extras import require_extra
from auscult.records import Label

if TYPE_CHECKING:
    from auscult.data.dataset import Dataset

_Value = TypeVar("_Value", str, int)

SHIPPED_MAPS = Path(__file__).parent / "maps"


def read_label_map(path: str | Path) -> dict[str, str]:
    """Labels and what takes their place, from a table with the columns ``label`` and ``to``.

    A map that comes with auscult is named without an ending: ``esc50-super-categories``.

    Raises
    ------
    DataError : no such table, or a label that is to become two
    """
    shipped = SHIPPED_MAPS / f"{path}.csv"
    is_shipped = not Path(path).exists() and Path(path).name == str(path) and shipped.is_file()
    table = read_table(shipped if is_shipped else Path(path))
    if absent := [column for column in ("label", "to") if column not in table.header]:
        raise DataError(
            f"{table.name}: a map of labels must have the columns 'label' and 'to'. It has no {some(absent)}."
        )
    to: dict[str, str] = {}
    for row in table.rows:
        label, other = nfc(as_written(row["label"])), nfc(as_written(row["to"]))
        if to.setdefault(label, other) != other:
            raise DataError(
                f"{table.name}, {row.place}: {label!r} is to become {to[label]!r} already; keep one of both."
            )
    return to


def read_parts(path: str | Path) -> dict[str, str | None]:
    """The part of each clip by its `clip_id`, from a table with the columns ``clip_id`` and ``split``.

    Raises
    ------
    DataError : no such table, a part that is none, or a clip in two
    """
    table = read_table(Path(path))
    if absent := [column for column in ("clip_id", "split") if column not in table.header]:
        raise DataError(
            f"{table.name}: a table of parts must have the columns clip_id and split. It has no {some(absent)}."
        )
    parts: dict[str, str | None] = {}
    for row in table.rows:
        clip, part = str(row["clip_id"]), split_of(str(row["split"] or "") or None, where=f"{table.name}, {row.place}")
        if parts.setdefault(clip, part) != part:
            raise DataError(
                f"{table.name}, {row.place}: the clip {clip} is in the part {parts[clip]} already; keep one."
            )
    return parts


def in_parts(dataset: Dataset, parts: Mapping[str, str | None]) -> Dataset:
    """See `Dataset.in_parts`."""
    clips = dataset.table["clip_id"].to_pylist()
    if not any(clip in parts for clip in clips):
        raise DataError("None of the clips is in the table of parts; it is of other sounds, or of other cuts of them.")
    return replace(dataset, table=_with_column(dataset.table, "split", [parts.get(clip) for clip in clips]))


def relabelled(dataset: Dataset, to: Mapping[str, str]) -> Dataset:
    """See `Dataset.map_labels`."""
    to = {nfc(label): nfc(other) for label, other in to.items()}
    if absent := [label.id for label in dataset.labels if label.id not in to]:
        raise DataError(f"The map of labels must name every label of the dataset. It has no {some(absent)}; add them.")
    new: list[list[dict[str, Any]] | None] = []
    for labels in dataset.table["labels"].to_pylist():
        weights: dict[str, float] = {}
        for label in labels or ():
            weights[to[label["id"]]] = min(1.0, weights.get(to[label["id"]], 0.0) + label["weight"])
        new.append(None if labels is None else [{"id": name, "weight": weight} for name, weight in weights.items()])
    labels = tuple(Label(name) for name in dict.fromkeys(to[label.id] for label in dataset.labels))
    return replace(dataset, table=_with_column(dataset.table, "labels", new), labels=labels)


def narrowed(
    dataset: Dataset,
    *,
    labels: Sequence[str] | None,
    folds: Sequence[int] | None,
    splits: Sequence[str] | None,
    clips: Sequence[str] | None,
) -> Dataset:
    """See `Dataset.only`."""
    n_clips = len(dataset)
    if labels is not None:
        names = [nfc(label) for label in labels]
        _check_known("labels", names, {label.id for label in dataset.labels})
        dataset = _of_labels(dataset, set(names))
    kept = np.ones(len(dataset), bool)
    for name, column, wanted in (("folds", "fold", folds), ("splits", "split", splits)):
        if wanted is not None:
            values = dataset.table[column].to_pylist()
            _check_known(name, wanted, {value for value in values if value is not None})
            kept &= np.array([value in wanted for value in values], bool)
    if clips is not None:
        uris = dataset.table["uri"].to_pylist()
        kept &= np.array([any(fnmatchcase(uri, pattern) for pattern in clips) for uri in uris], bool)
    if not kept.any():
        raise DataError(f"None of the {n_clips} clips is chosen; ask for less at once.")
    return dataset.select(kept)


def _of_labels(dataset: Dataset, names: set[str]) -> Dataset:
    """The clips that hold one of these labels, with these labels only."""
    rows, left = [], []
    for row, before in enumerate(dataset.table["labels"].to_pylist()):
        found = [label for label in before or () if label["id"] in names]
        # A single-label clip that is partly of a class that is left out is no example of the others.
        if found and (found == before or dataset.task == "multi_label"):
            rows.append(row)
            left.append(found)
    dataset = dataset.select(rows)
    labels = tuple(label for label in dataset.labels if label.id in names)
    return replace(dataset, table=_with_column(dataset.table, "labels", left), labels=labels)


def _with_column(table: Any, name: str, values: list[Any]) -> Any:
    """A table of clips with other values in a column of `clip_schema`."""
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, type=field.type))


def _check_known(name: str, wanted: Sequence[_Value], known: set[_Value]) -> None:
    if unknown := [value for value in wanted if value not in known]:
        found = ", ".join(map(str, sorted(known))) or "none"
        raise DataError(f"The {name!r} to keep must be in the dataset. Got {some(map(str, unknown))}; it has {found}.")
