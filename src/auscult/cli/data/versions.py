"""`auscult data create`, `sync`, `add`, ...: versions of labelled sounds in a store, and sounds out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.cli.help import READING
from auscult.cli.output import columns, emit, print_json, say_problems
from auscult.data.reading import AS_IT_IS, Reading
from auscult.errors import DataError, InputError, UsageError
from auscult.files import printable
from auscult.progress import bytes_in_words

if TYPE_CHECKING:
    from auscult.data import Dataset
    from auscult.data.splits import Split
    from auscult.data.versions import Store, Version

Message = Annotated[str, Parameter(name=["--message", "-m"], metavar="TEXT", show_default=False)]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"])]
HowToRead = Annotated[Reading, Parameter(name="*", group=READING)]
LAYOUTS = ("source", "folders", "audiofolder", "esc50")


def create(
    version: str,
    source: str,
    /,
    *,
    message: Message = "",
    json: bool = False,
    quiet: Quiet = False,
    reading: HowToRead = AS_IT_IS,
) -> int:
    """Keep labelled sounds as the first version of a dataset.

    Parameters
    ----------
    version
        STORE/NAME. The store is a folder, or the URL of an object store such as s3://bucket/sounds; it is made.
    source
        Labelled sounds, in any form that train takes; another version too.
    message
        What is to be said of this version.
    json
        Print the new version as JSON.
    quiet
        Name only what failed.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset

    store, name = _named(version)
    return _told(
        store, store.create(name, open_dataset(source, reading, quiet=quiet), message=message, quiet=quiet), json
    )


def sync(
    version: str,
    source: str,
    /,
    *,
    message: Message = "",
    json: bool = False,
    quiet: Quiet = False,
    reading: HowToRead = AS_IT_IS,
) -> int:
    """Make what a source now holds the next version; only what is new is stored.

    Parameters
    ----------
    version
        STORE/NAME.
    source
        Labelled sounds, in any form that train takes. Every file is hashed.
    message
        What is to be said of this version.
    json
        Print the version as JSON.
    quiet
        Name only what failed.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset

    store, name = _named(version)
    return _told(
        store, store.sync(name, open_dataset(source, reading, quiet=quiet), message=message, quiet=quiet), json
    )


def add(
    version: str,
    source: str,
    /,
    *,
    under: Annotated[str, Parameter(metavar="FOLDER", show_default=False)] = "",
    replace: bool = False,
    message: Message = "",
    json: bool = False,
    quiet: Quiet = False,
    reading: HowToRead = AS_IT_IS,
) -> int:
    """Make a version with the clips of another source besides.

    Parameters
    ----------
    version
        STORE/NAME, or STORE/NAME@VERSION to start from an older version.
    source
        Labelled sounds, in any form that train takes; another version too.
    under
        Put the new files into this folder of the dataset.
    replace
        A new file takes the place of one of the same name and other content.
    message
        What is to be said of this version.
    json
        Print the new version as JSON.
    quiet
        Name only what failed.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset

    store, name = _named(version)
    dataset = open_dataset(source, reading, quiet=quiet)
    return _told(store, store.add(name, dataset, under=under, replace=replace, message=message, quiet=quiet), json)


def remove(
    version: str,
    patterns: Annotated[list[str] | None, Parameter(metavar="PATTERN", allow_leading_hyphen=False)] = None,
    /,
    *,
    label: Annotated[list[str] | None, Parameter(metavar="LABEL")] = None,
    message: Message = "",
    json: bool = False,
) -> int:
    """Make a version without some clips; the older versions keep them.

    Parameters
    ----------
    version
        STORE/NAME, or STORE/NAME@VERSION to start from an older version.
    patterns
        Names of clips in the dataset, or patterns: * stands for anything, / too. Quote it.
    label
        The clips of this class. May be given several times.
    message
        What is to be said of this version.
    json
        Print the new version as JSON.
    """
    store, name = _named(version)
    return _told(store, store.remove(name, patterns or (), labels=label or (), message=message), json)


def set_values(
    version: str,
    table: Path | None = None,
    /,
    *,
    column: Annotated[str | None, Parameter(metavar="NAME=FOLDER")] = None,
    drop: Annotated[list[str] | None, Parameter(metavar="COLUMN")] = None,
    label_delimiter: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    message: Message = "",
    json: bool = False,
) -> int:
    """Make a version with other labels, parts, folds, groups or further columns; no sound is stored again.

    Parameters
    ----------
    version
        STORE/NAME, or STORE/NAME@VERSION to start from an older version.
    table
        CSV, JSON lines or Parquet with a column path, uri or clip_id, and a column for each thing to set.
    column
        A column of files, such as features: FOLDER holds one for each clip, under the clip's name with any ending.
    drop
        Take this further column away. May be given several times.
    label_delimiter
        What stands between the labels of a clip in the table; it is never guessed.
    message
        What is to be said of this version.
    json
        Print the new version as JSON.
    """
    store, name = _named(version)
    if (table is not None) + (column is not None) + bool(drop) != 1:
        raise UsageError("Give one of a table, --column NAME=FOLDER and --drop COLUMN; each makes a version.")
    if table is not None:
        made = store.set(name, table, label_delimiter=label_delimiter, message=message)
    elif drop:
        made = store.drop_columns(name, drop, message=message)
    else:
        made = _with_files(store, name, column or "", message)
    return _told(store, made, json)


def list_datasets(store: str, /, *, json: bool = False) -> int:
    """List the datasets of a store: newest version, clips, classes, tags.

    Parameters
    ----------
    store
        Folder or URL.
    json
        Print a JSON object a line, one for each dataset.
    """
    from auscult.data.versions import Store
    from auscult.data.versions.record import DamagedError

    opened, damage = Store(store), None
    rows = [("", "version", "clips", "classes", "made", "tags")]
    for name in opened.names():
        try:
            newest, tags = opened.version(name), opened.tags(name)
            numbers = [version.number for version in opened.versions(name)] if json else []
        except DamagedError as error:  # said at the end: the others can be listed
            damage = damage or error
            continue
        if json:
            print_json(newest.to_dict() | {"versions": numbers, "tags": tags})
        counts = (str(newest.number), str(newest.n_clips), str(len(newest.labels)), _when(newest.created))
        rows.append((name, *counts, ", ".join(f"{tag} = {number}" for tag, number in tags.items())))
    if not json:
        for line in columns(rows, right=(1, 2, 3)):
            emit(line)
    if damage is not None:
        raise damage
    return 0


def log(version: str, /, *, json: bool = False) -> int:
    """Show the history of a dataset, newest first.

    Parameters
    ----------
    version
        STORE/NAME.
    json
        Print a JSON object a line, one for each version.
    """
    store, name = _named(version)
    name = store.version(name).name
    tags = store.tags(name)
    for made in reversed(store.log(name)):
        names = sorted(tag for tag, number in tags.items() if number == made.number)
        if json:
            print_json(made.to_dict() | {"tags": names})
        else:
            _emit_history(made, names)
    return 0


def diff(old: str, new: str, /, *, json: bool = False) -> int:
    """Show what is different between two versions, or any two sources.

    Parameters
    ----------
    old
        STORE/NAME@VERSION, or labelled sounds in any form that train takes.
    new
        The same.
    json
        Print {"added": [...], "removed": [...], "changed": [...], "renamed": [[old, new], ...]}.
    """
    from auscult.data import open_dataset
    from auscult.data.versions import diff_tables

    datasets = [open_dataset(source) for source in (old, new)]
    found = diff_tables(datasets[0].table, datasets[1].table)
    if json:
        print_json(found.to_dict())
    else:
        for sign, names in (("-", found.removed), ("+", found.added), ("~", found.changed)):
            for name in names:
                emit(f"{sign} {name}")
        for before, after in found.renamed:
            emit(f"> {before} -> {after}")
        for sign, names in (("-", found.columns_removed), ("+", found.columns_added)):
            for name in names:
                emit(f"{sign} column {name}")
        emit(_changes(found.counts()) or "nothing is different")
    return 1 if say_problems(problem for dataset in datasets for problem in dataset.problems) else 0


def verify(version: str, /, *, discard: bool = False, json: bool = False, quiet: Quiet = False) -> int:
    """Hash again everything that a version needs, and name what is missing or damaged.

    Parameters
    ----------
    version
        STORE/NAME@VERSION; without a version the newest; STORE alone: every version there is.
    discard
        Remove damaged sounds from the store, so that the next sync or add of good ones stores them again.
    json
        Print {"missing": [...], "damaged": [...]}.
    quiet
        Show no progress.
    """
    from auscult.data.versions import Store, store_format
    from auscult.data.versions import verify as verified

    if store_format(version) is not None:
        store = Store(version)
        refs = [f"{name}@{number}" for name, number in store.live()]
    else:
        store, name = _named(version)
        refs = [name]
    found = verified(store, refs, discard=discard, quiet=quiet)
    if json:
        print_json(found.to_dict())
    else:
        for name in found.missing:
            emit(f"missing {name}")
        for name in found.damaged:
            emit(f"damaged {name}")
        if found:
            emit("all is there and right")
    return 0 if found else 1


def get(
    source: str,
    folder: Path,
    /,
    *,
    layout: Annotated[str, Parameter(choices=LAYOUTS)] = "source",
    fold: int | None = None,
    link: bool = False,
    replace: bool = False,
    quiet: Quiet = False,
    reading: HowToRead = AS_IT_IS,
) -> int:
    """Write a version, or any labelled sounds, to a folder, which appears when it is complete.

    Parameters
    ----------
    source
        STORE/NAME@VERSION, or labelled sounds in any form that train takes.
    folder
        New or empty.
    layout
        source: the files as they were named, and metadata.csv; folders: train/ val/ test/ of class folders;
        audiofolder: train/ validation/ test/ with a metadata.csv each, as Hugging Face has it; esc50: ESC-50's tree.
    fold
        With folders and audiofolder: this official fold is the test part. Without, the parts are those that train
        would take.
    link
        Hard links instead of copies, where both are on one disk. Whoever changes such a file changes the store's.
    replace
        Take the place of a folder that this command has written before.
    quiet
        Name only what failed.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset
    from auscult.data.layouts import write_layout

    dataset = open_dataset(source, reading, quiet=quiet)
    split = _split(dataset, fold) if layout in ("folders", "audiofolder") else None
    problems = write_layout(dataset, folder, layout=layout, split=split, link=link, replace=replace, quiet=quiet)  # type: ignore[arg-type]
    return 1 if say_problems((*dataset.problems, *problems)) else 0


def tag(version: str, tag: str, /, *, move: bool = False, remove: bool = False) -> int:
    """Give a version a name, which can be written after the @ instead of its number.

    Parameters
    ----------
    version
        STORE/NAME@VERSION; without a version the newest.
    tag
        Letters, digits, '.', '_' and '-'.
    move
        Another version may have had this tag.
    remove
        Take the tag away instead.
    """
    store, name = _named(version)
    if remove:
        store.untag(name.partition("@")[0], tag)
    else:
        emit(f"{store.tag(name, tag, move=move)} is {tag}")
    return 0


def prune(
    version: str,
    /,
    *,
    keep: Annotated[int | None, Parameter(metavar="N")] = None,
    dry_run: bool = False,
    force: bool = False,
    json: bool = False,
) -> int:
    """Remove a version, or old ones, and what no version needs.

    Parameters
    ----------
    version
        STORE/NAME@VERSION: this version. STORE/NAME with --keep: all but the newest, and those that have a tag. STORE:
        only what kills and pruned versions have left.
    keep
        How many of the newest versions stay.
    dry_run
        Say what would go, and remove nothing.
    force
        Do not wait for a writer that was killed on another machine.
    json
        Print {"versions": [...], "files": N, "bytes": N}.
    """
    from auscult.data.versions import Store, store_format
    from auscult.data.versions import prune as pruned

    if store_format(version) is not None:
        store, refs = Store(version), []
    else:
        store, name = _named(version)
        refs = [name]
    found = pruned(store, refs, keep=keep, dry_run=dry_run, force=force)
    if json:
        print_json({"versions": list(found.versions), "files": len(found.entries), "bytes": found.n_bytes})
    else:
        said = "would be removed" if dry_run else "removed"
        names = ", ".join(found.versions) or "no version"
        emit(f"{names}; {len(found.entries)} files, {bytes_in_words(found.n_bytes)} {said}")
    return 0


def _named(text: str) -> tuple[Store, str]:
    """The store, and the name with the version as it was written."""
    from auscult.data.versions import Store, VersionRef

    ref = VersionRef.parse(text)
    return Store(ref.store), ref.name if ref.version is None else f"{ref.name}@{ref.version}"


def _told(store: Store, version: Version, json: bool) -> int:
    """Say which version there is now; what was left out makes the exit code."""
    if json:
        print_json(version.to_dict() | {"store": store.url, "new": version.is_new})
    elif version.is_new:
        emit(f"{version}: {_counted(version)}; {bytes_in_words(version.added_bytes)} stored")
    else:
        emit(f"{version}: nothing is different, so there is no new version")
    return 1 if say_problems(version.problems) else 0


def _counted(version: Version) -> str:
    changes = _changes(version.changes)
    return f"{version.n_clips} clips, {len(version.labels)} classes" + (f" ({changes})" if changes else "")


def _changes(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items() if n)


def _emit_history(version: Version, tags: list[str]) -> None:
    names = f" ({', '.join(tags)})" if tags else ""
    emit(
        f"{version}{names}  {_when(version.created)}" + (f"  pruned {_when(version.pruned)}" if version.pruned else "")
    )
    if version.message:
        emit(f"    {version.message}")
    emit(f"    {_counted(version)}; {bytes_in_words(version.added_bytes)} stored")
    if version.parents:
        emit(f"    from {', '.join(version.parents)}")
    if version.columns:
        emit(f"    columns: {', '.join(version.columns)}")


def _when(time: str) -> str:
    return time[:16].replace("T", " ")


def _with_files(store: Store, name: str, column: str, message: str) -> Version:
    """A column from a folder of files, each called like its clip."""
    column, equals, folder = column.partition("=")
    if not (column and equals and Path(folder).is_dir()):
        raise UsageError(
            f"--column must be NAME=FOLDER, with a folder that is there. Got {column + equals + folder!r}."
        )
    found = (file for file in sorted(Path(folder).rglob("*.*")) if file.is_file())
    files = {file.relative_to(folder).with_suffix("").as_posix(): file for file in found}
    uris = dict.fromkeys(store.open(name).table["uri"].to_pylist())
    pairs = ((uri, file) for uri in uris if (file := files.get(Path(uri).with_suffix("").as_posix())) is not None)
    return store.set_column(name, column, ((uri, _value(file)) for uri, file in pairs), message=message)


def _value(file: Path) -> Any:
    import numpy as np

    try:
        return np.load(file, allow_pickle=False) if file.suffix.lower() == ".npy" else file.read_bytes()
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            printable(file), "damaged", f"it cannot be read ({error})", "make it again, or take it away"
        ) from error


def _split(dataset: Dataset, fold: int | None) -> Split:
    """The parts that a training would take: given ones, an official fold, or clips held out by recording."""
    from auscult.data.splits import fold_split, given_split, holdout, validation_split

    if fold is not None:
        return fold_split(dataset, fold)
    if any(dataset.table["split"].to_pylist()):
        return given_split(dataset)
    if dataset.folds():
        return fold_split(dataset, dataset.folds()[-1])
    split = holdout(dataset, fraction=0.2, seed=0)
    try:
        return validation_split(dataset, split, fraction=0.1, seed=0)
    except DataError:  # no class has a recording to spare
        return split
