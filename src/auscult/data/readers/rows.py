"""Tables of clips: a column of paths, labels in one column or in several, and whatever else is known of each clip."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from auscult.data.listing import ListedClip, Listing, nfc, some
from auscult.data.readers.embedded import sound_column, take_sounds
from auscult.data.readers.values import LabelForm, LabelWeights, label_form, label_weights, text, weight
from auscult.data.schema import LEFT_OUT, SPLIT_NAMES, SourceKind, Task, schema_names
from auscult.data.tables import FileFinder, Row, Table
from auscult.errors import DataError, InputError
from auscult.files import printable
from auscult.records import Sound

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path", "uri")
LABEL_COLUMNS = ("label", "labels", "class", "category", "target")
START_COLUMNS = ("start_s", "start_time")
END_COLUMNS = ("end_s", "end_time")

# Clips that hold several labels are common where there are any; fewer than this share are taken for mistakes.
FEW = 1 / 20


class TableFields(TypedDict, total=False):
    """How a table is to be read, as far as it does not say so itself; see `Dataset.from_csv`."""

    path_column: str | None
    label_column: str | None
    label_columns: Sequence[str]
    label_delimiter: str | None
    labelled: bool
    task: Task | None
    root: str | Path | None
    resolve: Callable[[str], str | Path] | None


@dataclass(frozen=True)
class TableForm:
    """The same as a record, checked."""

    path_column: str | None = None
    label_column: str | None = None
    label_columns: Sequence[str] = ()
    label_delimiter: str | None = None
    labelled: bool = True
    task: Task | None = None
    root: str | Path | None = None
    resolve: Callable[[str], str | Path] | None = None

    def __post_init__(self) -> None:
        if self.label_delimiter == "":
            raise DataError("The 'label_delimiter' parameter must be a text such as ';', or None. Got an empty one.")
        if (self.label_column is not None) + bool(self.label_columns) + (not self.labelled) > 1:
            raise DataError("Only one of 'label_column', 'label_columns' and labelled=False may be given; choose one.")


@dataclass(frozen=True)
class _Columns:
    path: str
    labels: tuple[str, ...]
    split: str | None
    fold: str | None
    group: str | None
    task: str | None
    label_weight: str | None
    start: str | None
    end: str | None
    extra: tuple[str, ...]


# One clip's rows: of the same part of the same file.
Part = tuple[Path, float | None, float | None]


def list_table(table: Table, form: TableForm, *, base: Path, source_kind: SourceKind) -> Listing:
    """`list_rows`, with paths that start from the form's root, if it has one, else from `base`; or of sounds within."""
    if (column := sound_column(table, form.path_column)) is not None:
        named, sounds, problems = take_sounds(table, column)
        form = replace(form, path_column=column)
        listing = list_rows(named, form, base=Path(), source_kind=source_kind, sounds=sounds)
        return replace(listing, problems=(*problems, *listing.problems))
    root = base if form.root is None else Path(os.path.abspath(form.root))
    return list_rows(table, form, base=root, source_kind=source_kind)


def list_rows(
    table: Table,
    form: TableForm,
    *,
    base: Path,
    source_kind: SourceKind,
    sounds: Mapping[str, Sound | bytes] | None = None,
) -> Listing:
    """List the clips that a table names.

    Parameters
    ----------
    base : folder that relative paths start from
    sounds : those that the table names, where they are in memory

    Raises
    ------
    DataError : unclear columns, a split or fold that is none, a few files under several labels
    """
    columns = _columns(table, form)
    by_part, problems = _rows_by_part(table, columns, _Finder(base, form.resolve, sounds))
    labels: dict[Part, LabelWeights | None] = {}
    for part, rows in by_part.items():
        try:
            labels[part] = _labels(rows, columns, form)
        except InputError as problem:
            problems.append(problem)
    task = form.task or _task(table, columns, form, by_part, labels)
    clips: list[ListedClip] = []
    for part in labels:
        try:
            clips.append(_clip(table, part, labels[part], by_part[part], columns, task))
        except InputError as problem:
            problems.append(problem)
    # Where a file lies outside, the root is the folder that holds both.
    top = base if sounds is not None else Path(os.path.commonpath([base, *(file.parent for file, _, _ in by_part)]))
    return Listing(top, tuple(clips), source_kind=source_kind, task=task, problems=tuple(problems), sounds=sounds)


def _columns(table: Table, form: TableForm) -> _Columns:
    if form.label_columns:
        if absent := [name for name in form.label_columns if name not in table.header]:
            raise DataError(
                f"{table.name}: the 'label_columns' must be columns of it, {table.header}. Got {some(absent)} instead."
            )
        labels = tuple(form.label_columns)
    elif form.labelled:
        labels = (_column(table, form.label_column, LABEL_COLUMNS, "label_column"),)
    else:
        labels = ()
    path = _column(table, form.path_column, PATH_COLUMNS, "path_column")
    named = {name: _optional(table, (name,)) for name in ("split", "fold", "group", "task", "label_weight")}
    start, end = _optional(table, START_COLUMNS), _optional(table, END_COLUMNS)
    used = {path, *labels, start, end, *named.values()} | schema_names()
    extra = tuple(column for column in table.header if column not in used)
    return _Columns(path=path, labels=labels, start=start, end=end, extra=extra, **named)


def _column(table: Table, given: str | None, names: Sequence[str], parameter: str) -> str:
    """The column to read: the given one, or the only one with a usual name."""
    if given is not None:
        if given in table.header:
            return given
        raise DataError(f"{table.name}: the {parameter!r} must be one of its columns, {table.header}. Got {given!r}.")
    found = [column for column in table.header if column.casefold() in names]
    if len(found) == 1:
        return found[0]
    what = f"Several are: {found}" if found else "None is"
    raise DataError(
        f"{table.name}: one column must be called {' or '.join(names)}. {what}, among {table.header}; "
        f"say which it is with {parameter!r}."
    )


def _optional(table: Table, names: Sequence[str]) -> str | None:
    """The column of such a name, if any row has a value there."""
    column = next((column for column in table.header if column.casefold() in names), None)
    return column if column is not None and any(text(row[column]) for row in table.rows) else None


def _rows_by_part(table: Table, columns: _Columns, finder: _Finder) -> tuple[dict[Part, list[Row]], list[InputError]]:
    """The rows of each part of a sound that is there, and a problem for each row without one."""
    by_part: dict[Part, list[Row]] = defaultdict(list)
    problems: list[InputError] = []
    for row in table.rows:
        try:
            file = finder.find(row, text(row[columns.path]))
            by_part[file, _time(row, columns.start), _time(row, columns.end)].append(row)
        except InputError as problem:
            problems.append(problem)
    return by_part, problems


@dataclass
class _Finder:
    """Finds the sound that a row names."""

    base: Path
    resolve: Callable[[str], str | Path] | None
    sounds: Mapping[str, Sound | bytes] | None
    files: FileFinder = field(default_factory=FileFinder)

    def find(self, row: Row, named: str) -> Path:
        if not named:
            raise _row_problem(row, "it names no file", "fill in the path")
        if self.sounds is not None:
            return Path(named)
        # normpath, so that two spellings of one path are one file; symbolic links stay what they are.
        path = Path(os.path.normpath(self.base / (named if self.resolve is None else self.resolve(named))))
        file = None if "\0" in named else self.files.find(path)
        if file is None and self.resolve is None and "\\" in named:
            return self.find(row, named.replace("\\", "/"))  # as Windows writes paths
        if file is None:
            raise InputError(printable(path), "missing", f"there is no such file ({row.where})", "correct the path")
        return file


def _time(row: Row, column: str | None) -> float | None:
    value = "" if column is None else text(row[column])
    if not value:
        return None
    try:
        time_s = float(value)
    except ValueError:
        time_s = -1.0
    if not 0 <= time_s < float("inf"):
        problem = f"the column {column!r} must hold seconds from the start of the sound, not {value!r}"
        raise _row_problem(row, problem, "correct the time")
    return time_s


def _labels(rows: list[Row], columns: _Columns, form: TableForm) -> LabelWeights | None:
    """The labels of one clip, in order, with their weights; None where the table has none to say."""
    found: LabelWeights = {}
    for row in rows:
        try:
            if len(columns.labels) == 1 and not form.label_columns:
                named = label_weights(row[columns.labels[0]], form.label_delimiter)
                if columns.label_weight is not None and text(row[columns.label_weight]):
                    named = dict.fromkeys(named, weight(row[columns.label_weight]))
                found |= named
            else:
                found |= {nfc(name): value for name in columns.labels if (value := weight(row[name])) > 0}
        except ValueError as error:
            raise _row_problem(row, str(error), "correct the label") from error
    return found if columns.labels else None


def _task(
    table: Table,
    columns: _Columns,
    form: TableForm,
    by_part: Mapping[Part, list[Row]],
    labels: Mapping[Part, LabelWeights | None],
) -> Task:
    """The task that the table says, else that which its rows show."""
    said = {text(row[columns.task]) for row in table.rows} if columns.task else set()
    if said == {"multi_label"} or form.label_delimiter is not None:
        return "multi_label"
    good = {part: found for part, found in labels.items() if found is not None}
    forms = {"weights"} if form.label_columns or columns.label_weight else _label_forms(table, columns)
    if "weights" in forms:
        one_each = all(abs(sum(found.values()) - 1) <= 1e-3 for found in good.values())
        return "single_label" if one_each else "multi_label"
    several = [part for part, found in good.items() if len(found) > 1]
    if said == {"single_label"} or not several:
        return "single_label"
    # A list of labels is meant so; a file in several rows, under different labels, may be a mistake.
    if "list" not in forms and len(several) < FEW * len(by_part):
        named = some(f"{printable(part[0])} ({_lines(by_part[part])})" for part in several)
        raise DataError(
            f"{table.name}: {len(several)} of {len(by_part)} files stand under several labels, which looks like "
            f"a mistake: {named}. Correct these rows; or, if clips may hold several labels, add a column 'task' "
            "with multi_label in every row."
        )
    return "multi_label"


def _label_forms(table: Table, columns: _Columns) -> set[LabelForm]:
    return {label_form(row[column]) for row in table.rows for column in columns.labels}


def _lines(rows: Sequence[Row]) -> str:
    numbers = ", ".join(str(row.number) for row in rows)
    return f"{rows[0].unit}{'s' if len(rows) > 1 else ''} {numbers}"


def _clip(
    table: Table, part: Part, labels: LabelWeights | None, rows: list[Row], columns: _Columns, task: Task
) -> ListedClip:
    file, start_s, end_s = part
    problem = _label_problem(labels, task)
    if problem is not None:
        raise _row_problem(rows[0], *problem, file)
    values: dict[str, str | None] = {}
    for name, column in (("split", columns.split), ("fold", columns.fold), ("group", columns.group)):
        found = {text(row[column]) for row in rows} if column else {""}
        if len(found) > 1:
            raise _row_problem(rows[0], f"its rows disagree on {name}: {sorted(found)}", "correct the table", file)
        values[name] = found.pop() or None
        if column and values[name] is None and (name == "split" or (name == "fold" and values["split"] is None)):
            raise _row_problem(rows[0], f"it has no {name}", f"fill in the {name}", file)
    return ListedClip(
        file,
        None if labels is None else tuple(labels),
        split=split_of(values["split"], where=f"{table.name}, {rows[0].place}"),
        fold=_fold(table, rows[0], values["fold"]),
        group=values["group"],
        weights=None if labels is None else tuple(labels.values()),
        start_s=start_s,
        end_s=end_s,
        extra={name: rows[0][name] for name in columns.extra},
    )


def _label_problem(labels: LabelWeights | None, task: Task) -> tuple[str, str] | None:
    """What is wrong with a clip's labels, and what to do about it."""
    if labels is None or task == "multi_label":
        return None
    if not labels:
        return "it has no label", "fill in the label"
    if len(labels) > 1 and abs(sum(labels.values()) - 1) > 1e-3:
        return f"its rows disagree on label: {sorted(labels)}", "correct the table"
    return None


def split_of(value: str | None, *, where: str) -> str | None:
    """The part of a split that a text names, None for none.

    Raises
    ------
    DataError : another text
    """
    if value is None or value == LEFT_OUT:
        return None
    if value.casefold() not in SPLIT_NAMES:
        raise DataError(f"{where}: a split must be one of {', '.join(SPLIT_NAMES)}. Got {value!r} instead.")
    return SPLIT_NAMES[value.casefold()]


def _fold(table: Table, row: Row, value: str | None) -> int | None:
    if value is None:
        return None
    value = value.removesuffix(".0")  # pandas writes so, where a row has none
    if not value.isdecimal() or int(value) >= 2**31:
        raise DataError(
            f"{table.name}, {row.place}: a fold must be a whole number. Got {value!r} instead; "
            "number the folds, or call the column 'group' if it names recordings."
        )
    return int(value)


def _row_problem(row: Row, problem: str, next_step: str, file: Path | None = None) -> InputError:
    source = printable(file) if file is not None else row.where
    where = f" ({row.where})" if file is not None else ""
    return InputError(source, "invalid", problem + where, next_step)
