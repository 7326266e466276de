"""The sound files in a folder, and files of other endings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from auscult.errors import InputError

#: Endings, in lower case, by which sound files are found in a folder. Decoding looks at the content, not the
#: ending.
AUDIO_SUFFIXES: frozenset[str] = frozenset(
    {
        ".wav",
        ".wave",
        ".rf64",
        ".w64",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
    }
    | {".au", ".snd", ".m4a", ".m4b", ".aac", ".mp4", ".mov", ".3gp", ".webm", ".mka", ".mkv", ".wma"}
)


def find_audio_files(
    folder: str | os.PathLike[str], *, on_error: Callable[[InputError], None] | None = None
) -> list[Path]:
    """All files below `folder` whose ending, in any case, is one of a sound.

    Hidden files and folders are left out, macOS's ``._`` companions among them. Links to folders are
    followed, but not back into a folder that they lie in. What only looks like a sound file (a broken link, a
    FIFO) is listed, so that whoever decodes it can name it.

    Parameters
    ----------
    on_error : called with the problem of each folder below `folder` that cannot be read, and the search goes on; None:
        the first is raised

    Returns
    -------
    sorted paths, each beginning with `folder`

    Raises
    ------
    InputError : `folder` is missing, no folder or cannot be read; without `on_error`, also for a folder below it

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.WAV", "a.flac", "notes.txt", "._b.WAV"):
    ...     (folder / name).touch()
    >>> [path.name for path in find_audio_files(folder)]
    ['a.flac', 'b.WAV']
    """
    return find_files(folder, AUDIO_SUFFIXES, on_error=on_error)


def find_files(
    folder: str | os.PathLike[str],
    suffixes: frozenset[str],
    *,
    on_error: Callable[[InputError], None] | None = None,
) -> list[Path]:
    """All files below `folder` whose ending, in lower case, is one of `suffixes`. See `find_audio_files`."""
    return list(walk_files(folder, suffixes, on_error=on_error))


def walk_files(
    folder: str | os.PathLike[str],
    suffixes: frozenset[str],
    *,
    folders: bool = False,
    on_error: Callable[[InputError], None] | None = None,
) -> Iterator[Path]:
    """What `find_files` finds, in its order, as it is found: of a tree, one listing a level is in memory.

    Parameters
    ----------
    folders : also give folders whose name ends like a file that is looked for, and do not search them: they are
        mistakes, to be named by whoever opens them
    """
    return _walk(Path(folder), suffixes, frozenset(), folders, on_error)


def _walk(
    folder: Path,
    suffixes: frozenset[str],
    above: frozenset[tuple[int, int]],
    folders: bool,
    on_error: Callable[[InputError], None] | None,
) -> Iterator[Path]:
    try:
        identity, listed = list_folder(folder)
    except OSError as error:
        if on_error is None or not above:
            raise _folder_error(folder, error) from error
        on_error(_folder_error(folder, error))
        return
    if identity in above:
        return
    for name, is_folder in listed:
        is_named_so = os.path.splitext(name)[1].lower() in suffixes
        if is_folder and not (folders and is_named_so):
            yield from _walk(folder / name, suffixes, above | {identity}, folders, on_error)
        elif is_named_so:
            yield folder / name


def list_folder(folder: Path) -> tuple[tuple[int, int], list[tuple[str, bool]]]:
    """Which folder it is, and what is in it by name, sorted, and whether it is a folder; hidden ones are left out.

    Raises
    ------
    OSError : it is missing, no folder, or cannot be read
    """
    status = os.stat(folder)
    with os.scandir(folder) as entries:
        listed = sorted((entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith("."))
    return (status.st_dev, status.st_ino), listed


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself, which says so when it is opened
        return False


def _folder_error(folder: Path, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(str(folder), "missing", "there is no such folder", "check the spelling of the path")
    if isinstance(error, NotADirectoryError):
        return InputError(str(folder), "invalid", "this is no folder", "name a folder of sound files")
    if isinstance(error, PermissionError):
        return InputError(str(folder), "no_permission", "this folder may not be read", "change its permissions")
    return InputError(str(folder), "damaged", f"this folder cannot be read ({error.strerror})", "check the disk")
