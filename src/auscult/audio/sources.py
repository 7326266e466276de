"""What a sound can come from, what it is called in messages, and how its bytes become a file on disk.

Paths, URLs, bytes and open files all end as one thing: a regular file, open for reading. Decoders then read
it by its descriptor, without calling back into Python, and without a name: a name's ending must not decide
what it holds.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from auscult.audio.arrays import ARRAY_NAME
from auscult.errors import InputError
from auscult.files import printable
from auscult.records import Sound, Waveform

#: A path; a URL (a str that begins with http:// or https://); the bytes of a sound file; a binary file, read
#: from where it stands; a Sound or Waveform; or ``{"sampling_rate": rate, "raw" or "array": 1-D array}``.
Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Sound | Waveform | Mapping[str, Any]

_COPY_BYTES = 1 << 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class NamedPath(os.PathLike[str]):
    """A file that people know by another name than its path: one of a store, where files are named by their content.

    Examples
    --------
    >>> source_name(NamedPath("store/content/0a/0a1b", "store/birds@3: dog/1.wav"))
    'store/birds@3: dog/1.wav'
    """

    path: str
    name: str

    def __fspath__(self) -> str:
        return self.path


@dataclass(frozen=True)
class SoundFile:
    """The bytes of a sound as an open regular file, at its beginning."""

    name: str
    file: io.FileIO
    size: int


def source_name(source: Source) -> str:
    """What a source is called in messages and results: its path or URL, or a description.

    Examples
    --------
    >>> source_name("dog.wav"), source_name(b"RIFF...")
    ('dog.wav', '<bytes>')
    """
    if isinstance(source, NamedPath):
        return printable(source.name)
    if isinstance(source, str | os.PathLike):
        return printable(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if isinstance(source, Sound):
        return "<sound>"
    if isinstance(source, Waveform):
        return "<waveform>"
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return printable(name) if isinstance(name, str) else "<file>"
    return ARRAY_NAME


def open_source(source: Source) -> SoundFile:
    """Open whatever holds the bytes of a sound file; the caller closes it.

    Raises
    ------
    InputError : it cannot be opened, is no regular file, cannot be fetched, or holds no bytes
    """
    name = source_name(source)
    try:
        if isinstance(source, str) and _SCHEME.match(source):
            file = _fetched(source)
        elif isinstance(source, str | os.PathLike):
            file = _opened(os.fspath(source), name)
        elif isinstance(source, bytes | bytearray | memoryview):
            file = _copied([bytes(source)])
        elif hasattr(source, "read"):
            file = _copied(_blocks_of(source, name))
        else:
            raise _not_a_source(source, name)
        size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        raise _open_error(name, error) from error
    if size == 0:
        file.close()
        raise InputError(name, "empty", "the file holds no bytes", "record or copy it again")
    return SoundFile(name, file, size)


def _opened(path: str, name: str) -> io.FileIO:
    # Looked at before it is opened: opening a FIFO would wait for somebody to write into it.
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
        what = kinds.get(stat.S_IFMT(mode), "a device")
        raise InputError(name, "not_a_file", f"this is {what}, not a file", "name a sound file")
    return io.FileIO(path, "r")


def _fetched(url: str) -> io.FileIO:
    # Imported here: urllib.request and ssl take longer to import than a short sound takes to classify.
    from auscult.audio.fetch import fetch_url

    file = temporary_file()
    try:
        fetch_url(url, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _copied(blocks: Any) -> io.FileIO:
    file = temporary_file()
    try:
        for block in blocks:
            view = memoryview(block)
            while view:  # a write may take only a part
                view = view[file.write(view) :]
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _blocks_of(source: Any, name: str) -> Any:
    try:
        while block := source.read(_COPY_BYTES):
            if not isinstance(block, bytes | bytearray | memoryview):
                raise InputError(name, "invalid", "the file is open for text, not for bytes", 'open it with mode "rb"')
            yield block
    except UnicodeDecodeError as error:
        raise InputError(
            name, "invalid", "the file is open for text, not for bytes", 'open it with mode "rb"'
        ) from error


def temporary_file() -> io.FileIO:
    """An open, empty file that is gone when it is closed."""
    # Unnamed on POSIX: it is gone when it is closed, even after a kill.
    file: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
    return getattr(file, "file", file)  # type: ignore[no-any-return]


def _not_a_source(source: object, name: str) -> InputError:
    return InputError(
        name,
        "invalid",
        f"a {type(source).__name__} is not a sound",
        'give a path, a URL, bytes, a binary file, a Sound, or {"sampling_rate": rate, "array": samples}',
    )


def _open_error(name: str, error: OSError | ValueError) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(name, "no_permission", "this file may not be read", "change its permissions")
    code = getattr(error, "errno", None)
    if code == errno.ENOSPC:
        return InputError(name, "too_large", "it does not fit on the disk for temporary files", "free some space")
    if isinstance(error, io.UnsupportedOperation):
        return InputError(name, "invalid", "the file is not open for reading", 'open it with mode "rb"')
    # A ValueError: a path with a zero byte in it, or a file object that was closed.
    if isinstance(error, ValueError) and "closed" in str(error):
        return InputError(name, "invalid", "the file object is closed", "open it again")
    if isinstance(error, ValueError) or code in (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    ):
        return InputError(name, "missing", "there is no such file", "check the spelling of the path")
    return InputError(name, "damaged", f"the file cannot be read ({error})", "check the disk, or copy it again")
