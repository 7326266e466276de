"""Which recordings are meant: files, folders, patterns and addresses, one after the other and in a fixed order.

A tree of a million recordings is never in memory whole: of each folder on the way down, one listing is.
"""

from __future__ import annotations

import fnmatch
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from auscult.audio import AUDIO_SUFFIXES, list_folder, walk_files
from auscult.audio.recorded import recorded_at
from auscult.errors import InputError, UsageError
from auscult.features import PICTURE_SUFFIXES

_MAGIC = re.compile(r"[*?[]")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhdw])")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def find_sources(
    names: Iterable[str], *, since: datetime | None = None, leave_out: Iterable[str | os.PathLike[str]] = ()
) -> Iterator[str | InputError]:
    """The recordings that `names` stand for, in the order of `names`, those of a folder or pattern sorted.

    A name is a file or an address, and stays as it is; a folder, which is searched; or, where there is no file of that
    name, a pattern with ``*``, ``?``, ``[]``, and ``**`` for folders of any depth. A folder whose name ends like a
    sound is left as it is: it is a mistake that should be named, not searched. No file is opened but for `since`.

    Parameters
    ----------
    names : may be endless
    since : only what was recorded at this time or later, by header or name of the file (`audio.recorded_at`), and by
        the time of its last change where they do not tell; addresses, and what is no file, are not left out
    leave_out : a run's own folders, of which nothing is given; they may lie among the recordings, not above them

    Yields
    ------
    a path or an address; or, in the place of a folder or pattern that gives none, what is wrong with it

    Examples
    --------
    >>> list(find_sources(["dog.wav", "https://a.org/owl.mp3"]))
    ['dog.wav', 'https://a.org/owl.mp3']
    """
    is_own = _inside(leave_out)
    for name in names:
        if os.path.isdir(name) and is_own(os.path.join(name, "")):
            yield InputError(
                name, "invalid", "what this run writes goes into this folder", "choose another one for that"
            )
            continue
        for found in _meant(name):
            if isinstance(found, str) and is_own(found):
                continue
            if since is None or isinstance(found, InputError) or _is_since(found, since):
                yield found


def _inside(folders: Iterable[str | os.PathLike[str]]) -> Callable[[str], bool]:
    """Whether something lies in one of `folders`, by whatever links the one and the other are reached."""
    tops = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)

    @lru_cache(maxsize=1)  # recordings come folder by folder
    def is_below(folder: str) -> bool:
        return os.path.join(os.path.realpath(folder), "").startswith(tops)

    return lambda source: bool(tops) and "://" not in source and is_below(os.path.dirname(source))


def _meant(name: str) -> Iterator[str | InputError]:
    if "://" in name:
        yield name
    elif os.path.isdir(name) and Path(name).suffix.lower() not in AUDIO_SUFFIXES:
        yield from _in_folder(name)
    elif _MAGIC.search(name) and not os.path.lexists(name):
        yield from _like(name)
    else:
        yield name


def _in_folder(folder: str) -> Iterator[str | InputError]:
    """The sounds of a folder; where it holds none, its pictures, which some models take."""
    n_found = 0
    for suffixes in (AUDIO_SUFFIXES, PICTURE_SUFFIXES):
        # What cannot be read is met in the first search; the second would name it again.
        problems: list[InputError] = []
        try:
            for path in walk_files(folder, suffixes, folders=True, on_error=problems.append):
                yield from problems
                problems.clear()
                n_found += 1
                yield str(path)
        except InputError as problem:
            yield problem
            return
        yield from problems
        if n_found or problems:
            return
    yield InputError(folder, "empty", "this folder holds no sound", "name a folder with recordings in it")


def _like(pattern: str) -> Iterator[str | InputError]:
    parts = Path(pattern).parts
    n_fixed = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    root = Path(*parts[:n_fixed])
    wanted = parts[n_fixed:]
    n_found = 0
    problems: list[InputError] = []
    for path, is_folder in _matches(root, wanted, frozenset({0}), frozenset(), problems):
        if is_folder and path.suffix.lower() not in AUDIO_SUFFIXES:
            for found in _in_folder(str(path)):
                # Patterns reach into folders that hold no sound without anybody meaning them.
                if not isinstance(found, InputError) or found.kind != "empty":
                    n_found += 1
                    yield found
        elif is_folder or not _MAGIC.search(Path(wanted[-1]).suffix or "*") or path.suffix.lower() in AUDIO_SUFFIXES:
            n_found += 1
            yield str(path)
    yield from problems
    if not n_found and not problems:
        yield InputError(
            pattern,
            "missing",
            "no recording has a name like this",
            "check the pattern, and whether its folder is there",
        )


def _matches(
    folder: Path,
    wanted: tuple[str, ...],
    reached: frozenset[int],
    above: frozenset[tuple[int, int]],
    problems: list[InputError],
) -> Iterator[tuple[Path, bool]]:
    """What below `folder` has a path like `wanted`, of which the parts in `reached` may be the next to match."""
    try:
        identity, listed = list_folder(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        problems.append(
            InputError(str(folder), "no_permission", f"cannot be read ({error.strerror})", "change its permissions")
        )
        return
    if identity in above:
        return
    for name, is_folder in listed:
        then = _after(name, wanted, _skipping(wanted, reached))
        if len(wanted) in _skipping(wanted, then):
            yield folder / name, is_folder
        elif is_folder and then:
            yield from _matches(folder / name, wanted, then, above | {identity}, problems)


def _skipping(wanted: tuple[str, ...], reached: frozenset[int]) -> frozenset[int]:
    """`reached`, and what comes after each ``**`` in it, which may stand for no folder at all."""
    more = {i + 1 for i in reached if i < len(wanted) and wanted[i] == "**"} - reached
    return _skipping(wanted, reached | more) if more else reached


def _after(name: str, wanted: tuple[str, ...], reached: frozenset[int]) -> frozenset[int]:
    stay = {i for i in reached if i < len(wanted) and wanted[i] == "**"}
    step = {i + 1 for i in reached if i < len(wanted) and wanted[i] != "**" and fnmatch.fnmatchcase(name, wanted[i])}
    return frozenset(stay | step)


def _is_since(source: str, since: datetime) -> bool:
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return True  # an address, or what is to be named as missing
    if not stat.S_ISREG(status.st_mode):
        return True
    began = recorded_at(source)
    return (status.st_mtime if began is None else _seconds(began)) >= _seconds(since)


def _seconds(at: datetime) -> float:
    """Since 1970; a time without a zone is that of the clock on the wall."""
    try:
        return at.timestamp()
    except (OverflowError, ValueError):  # the first and last days of all years
        return -math.inf if at.year < 1970 else math.inf


def parse_since(text: str, *, now: datetime | None = None) -> datetime:
    """A date, a date with a time, or how long ago: ``2026-05-01``, ``2026-05-01T20:00``, ``90min``, ``12h``, ``7d``.

    Raises
    ------
    UsageError : it is none of these

    Examples
    --------
    >>> parse_since("2026-05-01T20:00").isoformat()
    '2026-05-01T20:00:00'
    >>> parse_since("7d", now=datetime(2026, 5, 8)).isoformat()
    '2026-05-01T00:00:00'
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    found = _DURATION.fullmatch(text.strip())
    if found:
        try:
            return (now or datetime.now().astimezone()) - timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
        except OverflowError:
            pass
    raise UsageError(
        f"--since {text}: must be a date such as 2026-05-01 or 2026-05-01T20:00, or how long ago, such as 90min, 12h "
        "or 7d."
    )
