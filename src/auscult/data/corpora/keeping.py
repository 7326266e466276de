"""From the archives of a corpus to its tree, which is there when all of it is: fetched, verified, unpacked.

The trees lie in the corpora's folder of `auscult.home`, or where the user says. What is on its way lies in
``.NAME.partial`` beside, archives that are being fetched too. There, each archive becomes a folder of its own, ``0``,
``1``, ..., with ``0.sums`` saying that it is whole; a later attempt goes on with the first that is not. Of a fetched
archive nothing is kept once it is unpacked.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from auscult.data.corpora.checking import SUMS, sums_text
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.unpacking import unpack
from auscult.downloads import alone_with, download
from auscult.errors import DataError, DownloadError, OutputError
from auscult.files import printable, remove_tree, write_text
from auscult.home import home_folder


def kept_tree(corpus: Corpus) -> Path | None:
    """Where the tree of a corpus is kept, None where it is not."""
    folder = _kept(corpus)
    return folder if folder.is_dir() else None


def fetch_tree(
    corpus: Corpus, *, to: str | Path | None = None, copies: Sequence[str | Path] = (), quiet: bool = False
) -> Path:
    """The tree of a corpus, made if it is not there.

    Parameters
    ----------
    to : a folder that is not there yet, or is empty; None: where corpora are kept, where it may be already
    copies : files that came some other way, or folders of them, taken instead of fetching; whatever they are called,
        each must be one of the corpus's files to the last byte
    quiet : say nothing on stderr

    Raises
    ------
    DataError : a copy is none of the corpus's files, or an archive cannot be unpacked
    DownloadError : a file has to be fetched and cannot be
    OutputError : the tree cannot be written
    """
    folder = _kept(corpus) if to is None else Path(to).absolute()
    if to is None and folder.is_dir():
        remove_tree(_partial(folder))  # left by a kill at the last moment
        return folder
    _check_free(folder)
    # The lock lies where corpora are kept: beside a folder of the user's it would be litter.
    with alone_with(_kept(corpus), quiet=quiet):
        if to is None and folder.is_dir():  # another process made it meanwhile
            return folder
        own = _matched(corpus, copies)
        if not quiet and corpus.notice:
            print(corpus.notice, file=sys.stderr, flush=True)
        _make(corpus, folder, own, quiet)
    return folder


def _make(corpus: Corpus, folder: Path, own: dict[str, Path], quiet: bool) -> None:
    partial = _partial(folder)
    sums: dict[str, str] = {}
    for number, archive in enumerate(corpus.archives):
        if not (partial / f"{number}.sums").is_file():
            _unpack(corpus, archive, partial / str(number), own, quiet)
        sums |= _sums_of(partial / f"{number}.sums", archive.into)
    try:
        whole = partial / "whole"
        for number, archive in enumerate(corpus.archives):
            target = whole / archive.into
            target.mkdir(parents=True, exist_ok=True)
            # A kill in between leaves some of them moved already.
            for entry in sorted((partial / str(number)).iterdir()):
                os.replace(entry, target / entry.name)
        # Beside and then moved: what a kill leaves of writing it must not stand in the tree.
        write_text(partial / SUMS, sums_text(sums))
        os.replace(partial / SUMS, whole / SUMS)
        if folder.is_dir():
            folder.rmdir()
        os.replace(whole, folder)
    except OSError as error:
        raise _not_written(folder, error) from error
    remove_tree(partial)


def _unpack(corpus: Corpus, archive: Archive, folder: Path, own: dict[str, Path], quiet: bool) -> None:
    paths = [
        own.get(remote.name) or _fetched(corpus, remote, folder.with_name(remote.name), quiet)
        for remote in archive.parts
    ]
    remove_tree(folder)
    sums = unpack(paths, folder, limits=corpus.limits, inside=archive.inside, name=archive.parts[-1].name, quiet=quiet)
    write_text(folder.with_name(f"{folder.name}.sums"), sums_text(sums))
    for remote in archive.parts:
        if remote.name not in own:
            folder.with_name(remote.name).unlink(missing_ok=True)


def _fetched(corpus: Corpus, remote: Remote, path: Path, quiet: bool) -> Path:
    try:
        return download(
            remote.url,
            path,
            checksum=remote.checksum,
            size_bytes=remote.size_bytes,
            name=remote.name,
            quiet=quiet,
        )
    except DownloadError as error:
        problem = f"{remote.name} could not be fetched from {remote.url}: {error.problem}"
        other = f"or bring the file from elsewhere: auscult data corpora get {corpus.name} --from FILE"
        raise DownloadError(corpus.name, error.kind, problem, f"{error.next_step}, {other}") from error


def _matched(corpus: Corpus, copies: Sequence[str | Path]) -> dict[str, Path]:
    """Which copy is which of the corpus's files, by the file's name."""
    found: dict[str, Path] = {}
    for copy in map(Path, copies):
        if copy.is_dir():
            inside = {remote.name: copy / remote.name for remote in corpus.remotes if (copy / remote.name).is_file()}
            if not inside:
                names = ", ".join(remote.name for remote in corpus.remotes)
                raise DataError(f"{printable(copy)}: none of the files of {corpus.title} is in this folder: {names}.")
            for path in inside.values():
                found[_match(corpus, path)] = path
        else:
            found[_match(corpus, copy)] = copy
    return found


def _match(corpus: Corpus, copy: Path) -> str:
    differences = {}
    try:
        for remote in corpus.remotes:
            differences[remote.name] = remote.difference(copy)
            if not differences[remote.name]:
                return remote.name
    except OSError as error:
        raise DataError(f"{printable(copy)}: cannot be read ({error.strerror or error}); check the path.") from error
    same_name = [name for name in differences if name == copy.name]
    said = differences[same_name[0]] if same_name else "; ".join(f"{name}: {its}" for name, its in differences.items())
    pages = " ".join(remote.url for remote in corpus.remotes if not same_name or remote.name in same_name)
    raise DataError(f"{printable(copy)}: is none of the files of {corpus.title}: {said}. They are at {pages}")


def _sums_of(path: Path, into: str) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {str(PurePosixPath(into) / name): digest for digest, _, name in (line.partition("  ") for line in lines)}


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: is there already, and is not empty; choose another folder")


def _kept(corpus: Corpus) -> Path:
    return home_folder("corpora") / (corpus.tree or corpus.name)


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _not_written(folder: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{folder}: the disk is full; free some space, and run again")
    return OutputError(f"{folder}: cannot be written ({error.strerror or error}); choose another folder")
