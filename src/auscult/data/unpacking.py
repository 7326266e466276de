"""Archives to folders, such that no archive can do harm, and none is unpacked in part.

A name in an archive is a wish of whoever made it. Only plain files and folders below the target are made; a name that
leads elsewhere, that some system reads as a drive, a device or a stream, or that another file has already (in other
letter case too), refuses the whole archive. So does one that unpacks to more than was allowed, whatever its index
says: bytes are counted as they come.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from auscult.data.split_zip import open_split_zip
from auscult.errors import DataError, OutputError
from auscult.files import printable, remove_tree
from auscult.progress import Advance, bytes_in_words, progress

_BLOCK_BYTES = 1 << 20
_MAX_NAME_BYTES = 255
# What Windows takes for a device whatever the ending, and what macOS and GitHub add that is no content.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))})
_LITTER = frozenset({"__MACOSX", ".DS_Store", "pax_global_header"})
# What the libraries throw at bytes that are no archive, or stop being one.
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to at most: bytes in all files together, and files and folders."""

    n_bytes: int = 1 << 40
    n_files: int = 10_000_000


@dataclass(frozen=True)
class _Member:
    """A plain file in an archive: what it is called there, what size its index says, and how it is read."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class _Opened:
    """An archive to read once, from its beginning to its end.

    `total` is what `place` comes to at the end: unpacked bytes where an index says how many, else the archive's own.
    """

    members: Iterator[_Member]
    unpacked_bytes: int | None
    total: int
    place: Callable[[int], int]


@dataclass
class _Names:
    """The names that were given out, in lower case: what must be a folder, and what a file has taken."""

    folders: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def add_file(self, parts: Sequence[str]) -> str:
        """Take a name; what is wrong with it, "" where nothing is."""
        folded = [part.casefold() for part in parts]
        folders = {"/".join(folded[:depth]) for depth in range(1, len(folded))}
        whole = "/".join(folded)
        if whole in self.files or whole in self.folders or folders & self.files:
            return "two of its files would have one name (also where letter case counts for nothing)"
        self.files.add(whole)
        self.folders |= folders
        return ""


def unpack(
    parts: Sequence[Path],
    folder: str | os.PathLike[str],
    *,
    limits: Limits,
    inside: str = "",
    name: str | None = None,
    quiet: bool = False,
) -> dict[str, str]:
    """Unpack an archive into a new folder, which appears when all of it is there.

    Whatever happens before (an error, Ctrl-C, a kill), there is no such folder; what an earlier attempt left beside
    it is removed.

    Parameters
    ----------
    parts : the archive: .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz; the pieces of a split zip in order, the .zip last
    folder : must not be there yet
    limits : it is refused where it unpacks to more
    inside : the folder of the archive that is wanted, with ``/``; what is outside is left where it is. ``"*"``: the
        only one that it has at its top, whatever its name
    name : what people call it, for progress; None: the file's name
    quiet : say nothing on stderr

    Returns
    -------
    SHA-256 in hex of each file, by its path in `folder` with ``/``

    Raises
    ------
    DataError : it cannot be read, is damaged, or holds what it must not
    OutputError : `folder` is there, cannot be written, or the disk is full
    """
    folder = Path(folder)
    temporary = folder.with_name(f".{folder.name}.partial")
    shown = printable(parts[-1])
    for part in parts:
        if not part.is_file():
            raise DataError(f"{printable(part)}: there is no such file; name the archive.")
    with _writing(folder):
        if folder.exists():
            raise OutputError(f"{folder}: is there already; remove it, or choose another place")
        if temporary.exists():
            shutil.rmtree(temporary)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        try:
            with _readable(shown), _opened(parts) as archive:
                _check_total(shown, archive.unpacked_bytes, limits, folder)
                with progress(
                    f"Unpacking {name or parts[-1].name}", archive.total, unit="bytes", quiet=quiet
                ) as advance:
                    hashes = _write_all(shown, archive, temporary, limits, inside, advance)
            os.replace(temporary, folder)
        finally:
            remove_tree(temporary)
    return hashes


def problem_with_name(name: str) -> str:
    """Why a name from an archive must not become a path, "" where it may.

    Examples
    --------
    >>> problem_with_name("audio/1.wav"), problem_with_name("../1.wav"), problem_with_name("audio/nul.wav")
    ('', "'..' leads out of the folder", "'nul.wav' is a device on some systems")
    """
    if not name or name.startswith("/"):
        return "it is no path below a folder"
    for part in name.split("/"):
        if problem := _problem_with_part(part):
            return problem
    return ""


def _problem_with_part(part: str) -> str:
    if part in ("", "."):
        return "it has an empty part"
    if part == "..":
        return "'..' leads out of the folder"
    if any(character in '\\:*?"<>|' or ord(character) < 32 or ord(character) == 127 for character in part):
        return f"{part!r} has a character that is no letter of a name on some systems"
    if part.endswith((".", " ")):
        return f"{part!r} ends with a dot or a space, which some systems drop"
    if part.partition(".")[0].rstrip().casefold() in _DEVICES:
        return f"{part!r} is a device on some systems"
    try:
        n_bytes = len(part.encode("utf-8"))
    except UnicodeEncodeError:
        return f"{printable(part)!r} is not Unicode text"
    return f"{part[:20]!r}... is longer than {_MAX_NAME_BYTES} bytes" if n_bytes > _MAX_NAME_BYTES else ""


def _write_all(
    shown: str, archive: _Opened, folder: Path, limits: Limits, inside: str, advance: Advance
) -> dict[str, str]:
    names = _Names()
    hashes: dict[str, str] = {}
    n_bytes = n_done = 0
    for member in archive.members:
        wanted = _below(_path_of(shown, member.name), inside)
        if not wanted:
            continue
        if len(hashes) >= limits.n_files:
            raise _too_much(shown, f"{limits.n_files} files")
        if problem := names.add_file(wanted):
            raise _refused(shown, member.name, problem)
        hashes["/".join(wanted)], size = _write(
            shown, member, folder.joinpath(*wanted), limits.n_bytes - n_bytes, limits
        )
        n_bytes += size
        advance(done=archive.place(n_bytes) - n_done)
        n_done = archive.place(n_bytes)
    if not hashes:
        what = f"no file in {inside!r}" if inside not in ("", "*") else "no file"
        raise DataError(f"{shown}: this archive holds {what}; see that it is the right one.")
    return hashes


def _write(shown: str, member: _Member, target: Path, n_allowed: int, limits: Limits) -> tuple[str, int]:
    """Write one file: its SHA-256, and its size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    # "x": whatever the checks above overlooked, no file is written twice, nor through a link.
    with member.open() as source, open(target, "xb") as file:
        while block := source.read(_BLOCK_BYTES):
            size += len(block)
            if size > n_allowed:
                raise _too_much(shown, bytes_in_words(limits.n_bytes))
            digest.update(block)
            file.write(block)
    if size != member.size:
        raise DataError(f"{shown}: {printable(member.name)!r} in it is cut off; fetch or copy the archive again.")
    return digest.hexdigest(), size


def _path_of(shown: str, name: str) -> tuple[str, ...]:
    """The parts of a member's path; () for what is no content."""
    while name.startswith("./"):
        name = name[2:]
    if problem := problem_with_name(name):
        raise _refused(shown, name, problem)
    parts = tuple(name.split("/"))
    return () if _LITTER & set(parts) or parts[-1].startswith("._") else parts


def _below(path: tuple[str, ...], inside: str) -> tuple[str, ...]:
    if inside == "*":
        return path[1:]
    wanted = tuple(inside.split("/")) if inside else ()
    return path[len(wanted) :] if path[: len(wanted)] == wanted else ()


@contextmanager
def _opened(parts: Sequence[Path]) -> Iterator[_Opened]:
    if len(parts) > 1:
        with open_split_zip(parts) as archive:
            yield _opened_zip(parts[-1], archive)
    elif zipfile.is_zipfile(parts[0]):
        with zipfile.ZipFile(parts[0]) as archive:
            yield _opened_zip(parts[0], archive)
    else:
        # As a stream: a compressed tar has no index, and to make one takes reading all of it.
        with open(parts[0], "rb") as file, _decompressed(file) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                yield _Opened(_tar_members(parts[0], tar), None, parts[0].stat().st_size, lambda n_bytes: file.tell())
            # To the end, for there stands the checksum.
            while stream.read(_BLOCK_BYTES):
                pass


def _decompressed(file: io.BufferedReader) -> io.BufferedIOBase:
    """What a compressed file holds. `tarfile` would look over the checksum of gzip."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if start == b"\xfd7zXZ\x00" else file


def _opened_zip(path: Path, archive: zipfile.ZipFile) -> _Opened:
    n_bytes = sum(entry.file_size for entry in archive.infolist())
    return _Opened(_zip_members(path, archive), n_bytes, n_bytes, lambda n_bytes: n_bytes)


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[_Member]:
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        # `filename` is cut at a NUL and has the separators of this system; what the archive says is in `orig_filename`.
        name = entry.orig_filename
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _refused(printable(path), name, "it is a link or a device")
        if entry.flag_bits & 1:
            raise _refused(printable(path), name, "it is encrypted")
        yield _Member(name, entry.file_size, partial(archive.open, entry))


def _tar_members(path: Path, tar: tarfile.TarFile) -> Iterator[_Member]:
    for entry in tar:
        if entry.isdir():
            continue
        if not entry.isreg() or entry.issparse():
            raise _refused(printable(path), entry.name, "it is a link or a device")
        yield _Member(entry.name, entry.size, partial(_tar_content, tar, entry))


def _tar_content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(entry)
    if content is None:
        raise tarfile.ReadError(f"{entry.name} has no content")
    return content


def _check_total(shown: str, total: int | None, limits: Limits, folder: Path) -> None:
    if total is None:
        return
    if total > limits.n_bytes:
        raise _too_much(shown, bytes_in_words(limits.n_bytes))
    free = shutil.disk_usage(folder.parent).free
    if total > free:
        raise OutputError(
            f"{folder}: takes {bytes_in_words(total)} and the disk has {bytes_in_words(free)}; free some space, or "
            "choose a folder on another disk"
        )


def _refused(shown: str, name: str, problem: str) -> DataError:
    return DataError(
        f"{shown}: refused, because of {printable(name)!r} in it: {problem}. Nothing was unpacked; get the archive "
        "from those who made it."
    )


def _too_much(shown: str, limit: str) -> DataError:
    return DataError(
        f"{shown}: refused, because it unpacks to more than {limit}, far more than expected. Nothing was unpacked; get "
        "the archive from those who made it."
    )


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    """What the libraries throw at a damaged archive, as an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(shown, error) from error  # bz2 and gzip have no other class for content that is none of theirs
    except _DAMAGED as error:
        raise _damaged(shown, error) from error


def _damaged(shown: str, error: Exception) -> DataError:
    return DataError(f"{shown}: cannot be unpacked ({error or type(error).__name__}); fetch or copy the archive again.")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"{folder}: the disk is full; free some space, and run again") from error
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); choose another place") from error
