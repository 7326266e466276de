"""A CSV file with a column of paths and a column of labels."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auscult.data.listing import ListedClip, Listing, nfc, some
from auscult.data.schema import LEFT_OUT, SPLIT_NAMES, Task
from auscult.data.tables import FileFinder, Row, read_table
from auscult.errors import DataError, InputError
from auscult.files import printable

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path")
LABEL_COLUMNS = ("label", "class", "category", "target")

# Clips that hold several labels are common where there are any; fewer than this share are taken for mistakes.
FEW = 1 / 20


@dataclass(frozen=True)
class _Columns:
    path: str
    label: str
    split: str | None
    fold: str | None
    group: str | None
    task: str | None


def read_csv(
    path: str | Path,
    *,
    path_column: str | None,
    label_column: str | None,
    label_delimiter: str | None,
    root: str | Path | None,
) -> Listing:
    """List the files of a CSV. Parameters and errors as in `Dataset.from_csv`."""
    if label_delimiter == "":
        raise DataError("The 'label_delimiter' parameter must be a text such as ';', or None. Got an empty one.")
    table = Path(os.path.abspath(path))
    header, rows = read_table(table)
    columns = _Columns(
        path=_column(table, header, path_column, PATH_COLUMNS, "path_column"),
        label=_column(table, header, label_column, LABEL_COLUMNS, "label_column"),
        split=_optional(header, rows, "split"),
        fold=_optional(header, rows, "fold"),
        group=_optional(header, rows, "group"),
        task=_optional(header, rows, "task"),
    )
    base = Path(os.path.abspath(root)) if root is not None else table.parent
    by_file, problems = _rows_by_file(rows, columns, base)
    labels = {file: _labels(same, columns.label, label_delimiter) for file, same in by_file.items()}
    task: Task = "multi_label" if label_delimiter is not None else _task(table, rows, columns, by_file, labels)
    made = [_clip(table, file, labels[file], same, columns, task) for file, same in by_file.items()]
    clips = tuple(clip for clip in made if isinstance(clip, ListedClip))
    problems += [problem for problem in made if isinstance(problem, InputError)]
    # Where a file lies outside, the root is the folder that holds both.
    top = Path(os.path.commonpath([base, *(file.parent for file in by_file)]))
    return Listing(top, clips, source_kind="csv", task=task, problems=tuple(problems))


def _rows_by_file(rows: Sequence[Row], columns: _Columns, base: Path) -> tuple[dict[Path, list[Row]], list[InputError]]:
    """The rows of each file that is there, and a problem for each row without one."""
    finder = FileFinder()
    by_file: dict[Path, list[Row]] = defaultdict(list)
    problems: list[InputError] = []
    for row in rows:
        file = _file_of(row, columns, base, finder)
        if isinstance(file, InputError):
            problems.append(file)
        else:
            by_file[file].append(row)
    return by_file, problems


def _column(table: Path, header: list[str], given: str | None, names: Sequence[str], parameter: str) -> str:
    """The column to read: the given one, or the only one with a usual name."""
    if given is not None:
        if given in header:
            return given
        raise DataError(
            f"{printable(table)}: the {parameter!r} must be one of its columns, {header}. Got {given!r} instead."
        )
    found = [column for column in header if column.casefold() in names]
    if len(found) == 1:
        return found[0]
    what = f"Several are: {found}" if found else "None is"
    raise DataError(
        f"{printable(table)}: one column must be called {' or '.join(names)}. {what}, among {header}; "
        f"say which it is with {parameter!r}."
    )


def _optional(header: list[str], rows: Sequence[Row], name: str) -> str | None:
    """The column of that name, if any row has a value there."""
    column = next((column for column in header if column.casefold() == name), None)
    return column if column is not None and any(row[column].strip() for row in rows) else None


def _task(
    table: Path,
    rows: Sequence[Row],
    columns: _Columns,
    by_file: Mapping[Path, list[Row]],
    labels: Mapping[Path, tuple[str, ...]],
) -> Task:
    """The task that the table says, else that which its rows show."""
    said = {row[columns.task].strip() for row in rows} if columns.task else set()
    if said == {"multi_label"}:
        return "multi_label"
    several = [file for file, names in labels.items() if len(names) > 1]
    if said == {"single_label"} or not several:
        return "single_label"
    if len(several) < FEW * len(by_file):
        named = some(f"{printable(file)} (lines {_lines(by_file[file])})" for file in several)
        raise DataError(
            f"{printable(table)}: {len(several)} of {len(by_file)} files stand under several labels, which looks like "
            f"a mistake: {named}. Correct these rows; or, if clips may hold several labels, add a column 'task' "
            "with multi_label in every row."
        )
    return "multi_label"


def _lines(rows: Sequence[Row]) -> str:
    return ", ".join(str(row.line) for row in rows)


def _file_of(row: Row, columns: _Columns, base: Path, finder: FileFinder) -> Path | InputError:
    text = row[columns.path]
    if not text:
        return _row_problem(row, "it names no file", "fill in the path")
    # normpath, so that two spellings of one path are one file; symbolic links stay what they are.
    path = Path(os.path.normpath(base / text))
    if "\0" in text or (file := finder.find(path)) is None:
        return InputError(
            printable(path),
            "missing",
            f"there is no such file (line {row.line} of the table)",
            "correct the path",
        )
    return file


def _labels(rows: list[Row], column: str, delimiter: str | None) -> tuple[str, ...]:
    """The distinct labels of one file, in order; an empty field is no label."""
    values = [row[column] for row in rows]
    if delimiter is not None:
        values = [part.strip() for value in values for part in value.split(delimiter)]
    return tuple(dict.fromkeys(nfc(value) for value in values if value))


def _clip(
    table: Path, file: Path, labels: tuple[str, ...], rows: list[Row], columns: _Columns, task: Task
) -> ListedClip | InputError:
    if task == "single_label" and len(labels) != 1:
        if not labels:
            return _row_problem(rows[0], "it has no label", "fill in the label", file)
        return _row_problem(rows[0], f"its rows disagree on label: {sorted(labels)}", "correct the table", file)
    values: dict[str, str | None] = {}
    for name, column in (("split", columns.split), ("fold", columns.fold), ("group", columns.group)):
        found = {row[column].strip() for row in rows} if column else {""}
        if len(found) > 1:
            return _row_problem(rows[0], f"its rows disagree on {name}: {sorted(found)}", "correct the table", file)
        values[name] = found.pop() or None
        if column and values[name] is None and (name == "split" or (name == "fold" and values["split"] is None)):
            return _row_problem(rows[0], f"it has no {name}", f"fill in the {name}", file)
    return ListedClip(
        file,
        labels,
        split=_split(table, rows[0], values["split"]),
        fold=_fold(table, rows[0], values["fold"]),
        group=values["group"],
    )


def _split(table: Path, row: Row, value: str | None) -> str | None:
    if value is None or value == LEFT_OUT:
        return None
    if value.casefold() not in SPLIT_NAMES:
        raise DataError(
            f"{printable(table)}, line {row.line}: a split must be one of {', '.join(SPLIT_NAMES)}. "
            f"Got {value!r} instead."
        )
    return SPLIT_NAMES[value.casefold()]


def _fold(table: Path, row: Row, value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdecimal() or int(value) >= 2**31:
        raise DataError(
            f"{printable(table)}, line {row.line}: a fold must be a whole number. Got {value!r} instead; "
            "number the folds, or call the column 'group' if it names recordings."
        )
    return int(value)


def _row_problem(row: Row, problem: str, next_step: str, file: Path | None = None) -> InputError:
    source = printable(file) if file is not None else f"line {row.line} of the table"
    where = f" (line {row.line} of the table)" if file is not None else ""
    return InputError(source, "invalid", problem + where, next_step)
