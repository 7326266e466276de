"""What a table says of clips, put into the rows of a dataset: labels, parts, folds, groups, further columns."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.data.dataset import Dataset
from auscult.data.listing import nfc
from auscult.data.readers.rows import END_COLUMNS, LABEL_COLUMNS, PATH_COLUMNS, START_COLUMNS, split_of
from auscult.data.readers.values import label_weights, text, weight
from auscult.data.schema import Task, clip_schema
from auscult.data.tables import Row, Table, read_table, table_of
from auscult.data.versions.editing import check_known, with_table
from auscult.errors import DataError
from auscult.extras import require_extra

if TYPE_CHECKING:
    import pyarrow as pa

# What a clip is cannot be said by a table, though those of runs repeat it; `label_weight` goes with the label.
NOT_SET = frozenset(
    {"clip_id", "start", "end", "sample_rate", "n_frames", "task", "label_weight"}
    | {*PATH_COLUMNS, *START_COLUMNS, *END_COLUMNS}
)

_PURPOSE = "versions of datasets"
# Not every text that `float` takes: 007, 1_000 and what has more digits than 64 bits can be codes.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]*)?(e[+-]?[0-9]+)?|nan|-?inf", re.IGNORECASE)


def patched(base: Dataset, table: Any, *, label_delimiter: str | None = None) -> Dataset:
    """A dataset with what a table says; clips that it does not name stay as they are.

    Parameters
    ----------
    table : CSV, ``.jsonl`` or ``.parquet``, or a table in memory, as `Dataset.from_csv` and `from_table` take them. Its
        column ``clip_id``, or else that of paths, compared with the clips' uri, says of which clips a row speaks.
        Labels, ``split``, ``fold`` and ``group`` are what they are there, and an empty field takes the value away;
        every other column becomes one, or changes the one that there is. A column of a CSV in which every text is a
        number is one of numbers, unless the column that there is has texts. The ``split.csv`` of a run is such a table
    label_delimiter : splits the labels of a multi-label clip; they may as well stand in several rows

    Raises
    ------
    DataError : a table that cannot be read, that names clips that are not there, or that contradicts itself
    """
    read = read_table(Path(table)) if isinstance(table, str | Path) else table_of(table)
    by, key = _key(read)
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in read.rows:
        by_key[str(row[key])].append(row)
    check_known(by_key, base.table[by].to_pylist(), by)
    of_clips = [by_key.get(value) for value in base.table[by].to_pylist()]
    result = base.table
    for name in read.header:
        if name == key or name in NOT_SET:
            continue
        kind, value_of = _column(read, name, base, label_delimiter)
        values = [None if rows is None else value_of(rows) for rows in of_clips]
        result = _patched_column(result, kind, [rows is not None for rows in of_clips], values)
    return with_table(base, result, base.labels)


_ValueOf = Callable[[Sequence[Row]], Any]


def _column(table: Table, name: str, base: Dataset, delimiter: str | None) -> tuple[str, _ValueOf]:
    """Which column of the dataset is meant, and how its value comes from the rows of a clip."""
    kind = name.casefold()
    if kind in LABEL_COLUMNS:
        return "labels", partial(_labels, name=name, task=base.task, delimiter=delimiter)
    if kind not in ("split", "fold", "group"):
        number = None if _has_texts(base, name) else _number_type(table, name)
        return name, lambda rows: _typed(_one(rows, name), number)
    readers: dict[str, Callable[[str], Any]] = {
        "split": partial(split_of, where=f"{table.name}, column {name!r}"),
        "fold": _fold,
        "group": nfc,
    }
    read = readers[kind]
    return kind, lambda rows: read(found) if (found := text(_one(rows, name))) else None


def _key(table: Table) -> tuple[str, str]:
    """By which column of the clips, and in which column of the table."""
    for wanted, by in (("clip_id", "clip_id"), *((name, "uri") for name in PATH_COLUMNS)):
        for name in table.header:
            if name.casefold() == wanted:
                return by, name
    raise DataError(
        f"{table.name}: one column must say of which clips it speaks: clip_id, {', '.join(PATH_COLUMNS)}. "
        f"Got {table.header} instead."
    )


def _labels(rows: Sequence[Row], *, name: str, task: Task, delimiter: str | None) -> list[dict[str, Any]] | None:
    found: dict[str, float] = {}
    for row in rows:
        try:
            found |= {label: share * _weight(row) for label, share in label_weights(row[name], delimiter).items()}
        except ValueError as error:
            raise DataError(f"{row.where}: {error}; correct the label.") from error
    if not found and task == "single_label":
        return None
    return [{"id": label, "weight": share} for label, share in found.items()]


def _weight(row: Row) -> float:
    """What a table of a run says of the label's weight; one where it says nothing."""
    value = row.fields.get("label_weight")
    return 1.0 if value in (None, "") else weight(value)


def _fold(value: str) -> int:
    if not value.isdecimal() or int(value) >= 2**31:
        raise DataError(f"A fold must be a whole number. Got {value!r} instead; correct the table.")
    return int(value)


def _has_texts(base: Dataset, name: str) -> bool:
    """Whether the dataset has a further column of this name that holds texts, as all of those do that came by CSV."""
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    return name in base.table.column_names and bool(pa.types.is_string(base.table.schema.field(name).type))


def _number_type(table: Table, name: str) -> type[int] | type[float] | None:
    """The kind of number that all texts of a column are; None where one is none, or where the table has types."""
    texts = [row[name] for row in table.rows if row[name] not in ("", None)]
    if not texts or not all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in texts):
        return None
    return int if all(value.removeprefix("-").isdecimal() for value in texts) else float


def _typed(value: Any, number: type[int] | type[float] | None) -> Any:
    if value == "":
        return None
    return value if number is None or value is None else number(value)


def _one(rows: Sequence[Row], name: str) -> Any:
    """The value that all rows of one clip have."""
    first = rows[0][name]
    for row in rows[1:]:
        if row[name] != first:
            raise DataError(f"{row.where}: {name} is {row[name]!r}, and {first!r} in {rows[0].where}; correct one.")
    return first


def _patched_column(table: pa.Table, name: str, said: Sequence[bool], values: Sequence[Any]) -> pa.Table:
    """With the values of the rows that something is said of."""
    pa = require_extra("pyarrow", extra="data", purpose=_PURPOSE)
    there = name in table.column_names
    before = table[name].to_pylist() if there else [None] * table.num_rows
    mixed = [new if is_new else old for is_new, old, new in zip(said, before, values, strict=True)]
    try:
        column = pa.array(mixed, table.schema.field(name).type if name in clip_schema().names else None)
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f"The values of the column {name!r} must be of one kind, that a table holds ({error}); correct the table."
        ) from error
    if not there:
        return table.append_column(name, column)
    return table.set_column(table.schema.get_field_index(name), pa.field(name, column.type), column)
