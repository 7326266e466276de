"""Files that appear whole or not at all."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from auscult.errors import OutputError, OutputNameError

# What people call the algorithms of checksums.
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}


@contextmanager
def atomic_path(
    path: str | Path, *, remedy: str = "choose another place with -o", is_flushed: bool = True
) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the place of `path` when the block ends well.

    Whatever happens inside (an error, Ctrl-C, a kill), `path` is either the old file or the whole new one. The
    content is flushed to the disk before the name changes, so that a power cut does not leave an empty file either.

    Parameters
    ----------
    path : of the file; its folder is made
    remedy : what to do where it cannot be written, for the error
    is_flushed : whether to wait for the disk; for one of very many files that are written again after a power cut, not

    Raises
    ------
    OutputError : where the file cannot be written (disk full, no permission, no such folder)
    OutputNameError : where no file can have that name there

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "notes.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['notes.txt']
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not named after `path`, whose name may be as long as the file system allows.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial" + path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        if is_flushed:
            _flush_to_disk(temporary)
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
    except OSError as error:
        raise _output_error(path, error, remedy) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path` at once. See `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, content: str) -> None:
    """Write `content` to `path` at once, as UTF-8 with `\\n` line ends. See `atomic_path`."""
    write_bytes(path, content.encode("utf-8"))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as text: fields separated by commas, quoted where need be, None as an empty field.

    Examples
    --------
    >>> csv_text(["label", "n"], [["car, horn", 2], ["dog", None]])
    'label,n\\n"car, horn",2\\ndog,\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def printable(path: str | bytes | os.PathLike[str]) -> str:
    """A path that can be printed: a name on disk is bytes, and those that are not UTF-8 are spelled as numbers.

    Examples
    --------
    >>> printable(os.fsdecode(b"caf\\xe9.wav"))
    'caf\\\\xe9.wav'
    """
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a str that is no name of a file anywhere
        return os.fsdecode(path).encode("utf-8", "backslashreplace").decode("utf-8")


def sha256_of_file(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in blocks."""
    return digest_of_file(path, "sha256")


def digest_of_file(path: str | Path, algorithm: str) -> str:
    """Hexadecimal digest of a file's bytes by an algorithm of `hashlib`, such as ``md5``, which some publish."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@dataclass(frozen=True)
class Expected:
    """What a whole file must be: its checksum as "sha256:...", and its size; None where that is not known."""

    checksum: str | None
    size_bytes: int | None

    def difference(self, path: Path) -> str:
        """How a file differs from what is expected, "" where it does not."""
        if not path.is_file():
            return "there is no such file"
        size = path.stat().st_size
        if self.size_bytes is not None and size != self.size_bytes:
            return f"it has {size} bytes where {self.size_bytes} are expected"
        if self.checksum is None:
            return ""
        algorithm, _, expected = self.checksum.partition(":")
        found = digest_of_file(path, algorithm)
        return "" if found == expected else f"its {_ALGORITHMS[algorithm]} is {found} where {expected} is expected"


def remove_tree(path: str | Path) -> None:
    """Remove a folder and what is in it; an absent folder is no error."""
    shutil.rmtree(path, ignore_errors=True)


def _flush_to_disk(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def umask() -> int:
    """Which permissions new files do not get; `mkstemp` makes files 0600, which others could not read.

    Not for several threads at once: the only portable way to read the mask is to set it.
    """
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _output_error(path: Path, error: OSError, remedy: str) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{path}: the disk is full, nothing was written; free some space and run again")
    if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EISDIR):
        return OutputNameError(f"{path}: no file can be called that there ({error.strerror}); choose another name")
    return OutputError(f"{path}: cannot be written ({error.strerror or error}); {remedy}")
