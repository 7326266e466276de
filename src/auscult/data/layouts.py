"""A dataset written to a folder in a form that other tools read.

==============  ====================================================================================================
``source``      the files where their dataset has them, and ``metadata.csv`` with all that is known of them
``folders``     ``train/ val/ test/`` of a folder per class
``audiofolder`` ``train/ validation/ test/`` of files and a ``metadata.csv`` each, as Hugging Face's loader has it
``esc50``       ``audio/`` and ``meta/esc50.csv``, as ESC-50 has them
==============  ====================================================================================================

In all but the first a clip that is a part of a file is cut out, as a WAV. The folder appears when it is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from auscult.audio import Source, decode, encode_wav, source_name
from auscult.data.dataset import Dataset
from auscult.data.listing import some
from auscult.data.schema import CONTENT_HASH_DIGITS, LEFT_OUT, Clip, schema_names
from auscult.data.sounds import ArraySounds, as_wav, blocks_of
from auscult.data.splits import PARTS, Split
from auscult.errors import DataError, InputError, OutputError
from auscult.files import csv_text, printable, remove_tree, umask, write_text
from auscult.progress import progress
from auscult.records import Sound

Layout = Literal["source", "folders", "audiofolder", "esc50"]
LAYOUTS: tuple[Layout, ...] = ("source", "folders", "audiofolder", "esc50")
# Says what a folder is, and that it was made here and may be replaced.
NOTE = ".auscult-data.json"
THREADS = 4
# No file of Windows can be called so, whatever its ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Piece:
    """A file to be written: `path` in the folder, and the clip it comes from; `whole` or only that clip's part."""

    path: str
    clip: Clip
    whole: bool


@dataclass(frozen=True)
class Plan:
    """What a folder will hold: pieces, and tables by their path."""

    pieces: list[Piece]
    tables: dict[str, str]


def write_layout(
    dataset: Dataset,
    folder: str | Path,
    *,
    layout: Layout = "source",
    split: Split | None = None,
    link: bool = False,
    replace: bool = False,
    quiet: bool = False,
) -> tuple[InputError, ...]:
    """Write a dataset to `folder`; the sounds that could not be read or are not what they were, each with the reason.

    Parameters
    ----------
    folder : new or empty
    layout : see above
    split : the parts, for ``folders`` and ``audiofolder``; clips in none are left out
    link : hard links instead of copies, where the sounds are files on the same disk; who changes such a file changes
        the original, and its content is not checked
    replace : take the place of a folder that was written by this function before

    Raises
    ------
    DataError : a name that would lead out of the folder, or that no file can have; labels or folds that do not suit
    OutputError : the folder is not empty, or cannot be written
    """
    folder = Path(os.path.abspath(folder))
    _check_free(folder, replace=replace)
    plan = _PLANS[layout](dataset, split)
    for path in (*(piece.path for piece in plan.pieces), *plan.tables):
        check_inside(path)
    named = getattr(dataset.sounds, "version", str(dataset.root))
    note = {"source": named, "digest": dataset.digest(), "layout": layout}
    with _appearing(folder) as temporary:
        problems = _write(temporary, plan, link=link, quiet=quiet)
        write_text(temporary / NOTE, json.dumps(note, ensure_ascii=False))
    return problems


def check_inside(path: str, *, windows: bool = os.name == "nt") -> None:
    """Refuse a relative path, with ``/``, that leads out of its folder or that no file can have.

    Raises
    ------
    DataError : naming it

    Examples
    --------
    >>> check_inside("dog/1.wav")
    >>> check_inside("dog/../../1.wav")
    Traceback (most recent call last):
    auscult.errors.DataError: 'dog/../../1.wav': a file of a dataset must lie in its folder...
    """
    parts = path.split("/")
    bad = any(part in ("", ".", "..") for part in parts) or "\0" in path
    if windows:
        bad = bad or any(set(part) & set('<>:"\\|?*') or part[-1] in " ." or _DEVICES.fullmatch(part) for part in parts)
    if bad:
        raise DataError(
            f"{path!r}: a file of a dataset must lie in its folder, under a name that a file can have here. Rename it "
            "in the dataset, or choose another layout."
        )


def _plan_source(dataset: Dataset, split: Split | None) -> Plan:
    contents: dict[str, Clip] = {}
    for clip in dataset.clips():
        if contents.setdefault(clip.uri, clip).content_hash != clip.content_hash:
            raise DataError(f"{clip.uri}: two files have this name; give --layout folders, which tells them apart.")
    rows = range(len(dataset))
    path_of = as_wav if isinstance(dataset.sounds, ArraySounds) else str
    pieces = [Piece(path_of(uri), clip, whole=True) for uri, clip in contents.items()]
    files = [path_of(uri) for uri in dataset.table["uri"].to_pylist()]
    return Plan(pieces, {"metadata.csv": metadata(dataset, rows, files, parts=True, cut=False)})


def _plan_folders(dataset: Dataset, split: Split | None) -> Plan:
    names = _Names()
    clips, folders = dataset.clips(), _class_folders(dataset)
    pieces = [
        _piece(clips[row], names.of(f"{'val' if part == 'validation' else part}/{folders[row]}", clips[row]))
        for part, rows in _parts(split)
        for row in rows
    ]
    return Plan(pieces, {})


def _plan_audiofolder(dataset: Dataset, split: Split | None) -> Plan:
    names, clips = _Names(), dataset.clips()
    pieces, tables = [], {}
    for part, rows in _parts(split):
        paths = [names.of(part, clips[row]) for row in rows]
        pieces += [_piece(clips[row], path) for row, path in zip(rows, paths, strict=True)]
        files = [PurePosixPath(path).name for path in paths]
        tables[f"{part}/metadata.csv"] = metadata(dataset, rows, files, parts=False, cut=True)
    return Plan(pieces, tables)


def _plan_esc50(dataset: Dataset, split: Split | None) -> Plan:
    """Names as ESC-50 makes them: fold, recording, take, class. Recordings without a number get one."""
    labels = _only_labels(dataset)
    number_of = {label.id: number for number, label in enumerate(dataset.labels)}
    groups = dataset.groups().tolist()
    numeric = all(group.isdecimal() for group in groups)
    recording = {
        group: group if numeric else str(number) for number, group in enumerate(dict.fromkeys(groups), start=1)
    }
    takes: dict[tuple[str, int], int] = {}
    pieces, rows = [], []
    for clip, label, group in zip(dataset.clips(), labels, groups, strict=True):
        if clip.fold is None:
            raise DataError(f"{clip.uri}: ESC-50's layout needs a fold for each clip, and this has none; set it first.")
        source, target = recording[group], number_of[label]
        take = _letters(takes.setdefault((source, target), 0))
        takes[source, target] += 1
        name = f"{clip.fold}-{source}-{take}-{target}{_suffix(clip)}"
        pieces.append(_piece(clip, f"audio/{name}"))
        rows.append([name, clip.fold, target, label, False, source, take])
    header = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    return Plan(pieces, {"meta/esc50.csv": csv_text(header, rows)})


_PLANS: Mapping[Layout, Callable[[Dataset, Split | None], Plan]] = {
    "source": _plan_source,
    "folders": _plan_folders,
    "audiofolder": _plan_audiofolder,
    "esc50": _plan_esc50,
}


class _Names:
    """Names for clips in folders, each once, whatever the case of letters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, folder: str, clip: Clip) -> str:
        stem = PurePosixPath(clip.uri).stem
        if _is_part(clip):
            stem += f"-{clip.start or 0}-{'' if clip.end is None else clip.end}".rstrip("-")
        path, number = f"{folder}/{stem}{_suffix(clip)}", 1
        while path.casefold() in self._taken:
            number += 1
            path = f"{folder}/{stem}-{number}{_suffix(clip)}"
        self._taken.add(path.casefold())
        return path


def _is_part(clip: Clip) -> bool:
    return clip.start is not None or clip.end is not None


def _suffix(clip: Clip) -> str:
    return ".wav" if _is_part(clip) else PurePosixPath(as_wav(clip.uri)).suffix


def _piece(clip: Clip, path: str) -> Piece:
    return Piece(path, clip, whole=not _is_part(clip))


def _parts(split: Split | None) -> Iterator[tuple[str, list[int]]]:
    if split is None:
        raise ValueError("The 'split' parameter must be given for a layout of parts.")
    for part in PARTS:
        if len(rows := getattr(split, part)):
            yield part, rows.tolist()


def _only_labels(dataset: Dataset) -> list[str]:
    """The one label of each clip."""
    labels = [clip.labels for clip in dataset.clips()]
    for names, uri in zip(labels, dataset.table["uri"].to_pylist(), strict=True):
        if names is None or len(names) != 1:
            got = "none" if not names else some(names)
            raise DataError(
                f"{uri}: this layout needs one label a clip. Got {got}; give --layout audiofolder or source."
            )
    return [names[0] for names in labels if names]


def _class_folders(dataset: Dataset) -> list[str]:
    """The folder of each clip's class: its label, without what no folder can be called."""
    folders = {label.id: re.sub(r'[/\\<>:"|?*\x00-\x1f]', "_", label.id).strip(" .") for label in dataset.labels}
    if len({name.casefold() for name in folders.values()}) < len(folders) or "" in folders.values():
        raise DataError(
            f"Some labels would share a folder: {some(folders)}; rename them, or give --layout audiofolder."
        )
    return [folders[label] for label in _only_labels(dataset)]


def _letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ...

    >>> [_letters(number) for number in (0, 25, 26, 701, 702)]
    ['A', 'Z', 'AA', 'ZZ', 'AAA']
    """
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def metadata(dataset: Dataset, rows: Iterable[int], files: list[str], *, parts: bool, cut: bool) -> str:
    """A table that `Dataset.from_csv` reads, and Hugging Face's audiofolder; a row a clip, or a label.

    `parts`: the split is a column, not a folder; `cut`: the files are the clips.
    """
    chosen = dataset.select(list(rows))
    table = chosen.table
    columns: dict[str, list[Any]] = {"file_name": files}
    if not cut:
        ranges = [clip.range_s() for clip in chosen.clips()]
        columns["start_s"] = [start_s or None for start_s, _ in ranges]
        columns["end_s"] = [end_s for _, end_s in ranges]
    columns |= {"label": table["labels"].to_pylist(), "label_weight": table["labels"].to_pylist()}
    for name in ("split", "fold", "group") if parts else ("fold", "group"):
        columns[name] = table[name].to_pylist()
    if parts and (any(columns["split"]) or len({fold is None for fold in columns["fold"]}) == 2):
        # Where others have a part, or a fold, an empty field is taken for a mistake.
        columns["split"] = [part or LEFT_OUT for part in columns["split"]]
    if dataset.task == "multi_label":
        columns["task"] = [dataset.task] * len(chosen)
    for name in table.column_names:
        if name not in schema_names() and name not in columns:
            columns[name] = table[name].to_pylist()
    lines = [
        [_cell(name, value, label) for name, value in zip(columns, values, strict=True)]
        for values, labels in zip(zip(*columns.values(), strict=True), columns["label"], strict=True)
        for label in labels or (None,)
    ]
    used = [
        i
        for i, name in enumerate(columns)
        if name in ("file_name", "label") or any(line[i] is not None for line in lines)
    ]
    return csv_text([list(columns)[i] for i in used], [[line[i] for i in used] for line in lines])


def _cell(name: str, value: Any, label: dict[str, Any] | None) -> Any:
    if name == "label":
        return label["id"] if label else None
    if name == "label_weight":
        return label["weight"] if label and label["weight"] != 1 else None
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else value


def _check_free(folder: Path, *, replace: bool) -> None:
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if replace and (folder / NOTE).is_file():
        return
    rule = "it was not written by `auscult data get`" if replace else "give another, or --replace"
    raise OutputError(f"{printable(folder)}: the folder must be new or empty; {rule}.")


@contextlib.contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, which takes its place when the block ends well, and is gone when it does not."""
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:40]}.", suffix=".partial"))
        yield temporary
        os.chmod(temporary, 0o777 & ~umask())
        if folder.is_dir():
            old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:40]}.", suffix=".old"))
            os.replace(folder, old / "x")
            os.replace(temporary, folder)
            remove_tree(old)
        else:
            os.replace(temporary, folder)
    except OSError as error:
        raise OutputError(
            f"{printable(folder)}: cannot be written ({error.strerror or error}); free some space, or choose another "
            "place."
        ) from error
    finally:
        if temporary is not None:
            remove_tree(temporary)


def _write(folder: Path, plan: Plan, *, link: bool, quiet: bool) -> tuple[InputError, ...]:
    problems = []
    pool = ThreadPoolExecutor(THREADS)
    try:
        for parent in {(folder / path).parent for path in (*(piece.path for piece in plan.pieces), *plan.tables)}:
            parent.mkdir(parents=True, exist_ok=True)
        with progress("Writing", len(plan.pieces), quiet=quiet) as advance:
            for problem in pool.map(lambda piece: _write_piece(folder, piece, link=link), plan.pieces):
                advance()
                problems += [problem] if problem else []
    finally:
        pool.shutdown(cancel_futures=True)
    for path, text in plan.tables.items():
        if (folder / path).exists():
            raise DataError(f"{path}: a file of the dataset has the name of the table; rename it.")
        write_text(folder / path, text)
    return tuple(problems)


def _write_piece(folder: Path, piece: Piece, *, link: bool) -> InputError | None:
    path = folder / piece.path
    try:
        source = piece.clip.source
        if not piece.whole:
            start_s, end_s = piece.clip.range_s()
            path.write_bytes(encode_wav(decode(source, start_s=start_s, end_s=end_s)))
        elif isinstance(source, Sound):
            path.write_bytes(encode_wav(source))
        elif not (link and _linked(source, path)):
            _copy(source, path, piece.clip.content_hash)
    except InputError as problem:
        path.unlink(missing_ok=True)
        return problem
    return None


def _linked(source: Source, path: Path) -> bool:
    if isinstance(source, str | os.PathLike):
        with contextlib.suppress(OSError):
            os.link(source, path)
            return True
    return False


def _copy(source: Source, path: Path, content_hash: str) -> None:
    digest = hashlib.sha256()
    # "x": on a disk that does not tell upper from lower case, two names may be one.
    with open(path, "xb") as file:
        for block in _read(source):
            digest.update(block)
            file.write(block)
    if digest.hexdigest()[:CONTENT_HASH_DIGITS] != content_hash:
        raise InputError(
            source_name(source),
            "damaged",
            "its content is another than it was",
            "copy it from elsewhere; see data verify",
        )


def _read(source: Source) -> Iterator[bytes]:
    try:
        yield from blocks_of(source)
    except FileNotFoundError as error:
        raise InputError(source_name(source), "missing", "there is no such file", "see data verify") from error
    except PermissionError as error:
        raise InputError(
            source_name(source), "no_permission", "it may not be read", "change its permissions"
        ) from error
