"""A store in a folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from auscult.audio import NamedPath
from auscult.data.versions.places import Entry
from auscult.errors import InputError, InputErrorKind, OutputError
from auscult.files import printable, umask

# Where files are written before they get their name; what a kill leaves there, pruning removes.
UNFINISHED = "unfinished"


class Folder:
    """Keys are paths below `path`. A file gets its name by a link or a rename, after its bytes are on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)
        # Nobody means to change what is kept here, but on Windows what is read-only cannot be removed either. The mask
        # is read now, for threads share what follows.
        self._mode = (0o444 if os.name == "posix" else 0o666) & ~umask()

    def read(self, key: str) -> bytes:
        try:
            return (self.path / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(key) from error
        except OSError as error:
            raise _unreadable(self.path / key, error) from error

    def create(self, key: str, content: bytes) -> bool:
        with self._written([content]) as temporary:
            try:
                # A link, unlike a rename, fails where the name is taken, on every system and over NFS.
                os.link(temporary, self._home_of(key))
            except FileExistsError:
                return False
            except OSError:
                return self._create_without_links(key, content)
            return True

    def _create_without_links(self, key: str, content: bytes) -> bool:
        """For file systems without hard links, such as exFAT: exclusive too, but a kill may leave a part of it."""
        try:
            with open(self._home_of(key), "xb") as file:
                _write(file, [content])
        except FileExistsError:
            return False
        return True

    def replace(self, key: str, content: bytes) -> None:
        self.put([content], lambda: key)

    def put(self, blocks: Iterable[bytes], key_of: Callable[[], str]) -> None:
        with self._written(blocks) as temporary:
            os.replace(temporary, self._home_of(key_of()))

    def exists(self, key: str) -> bool:
        return (self.path / key).is_file()

    def source(self, key: str, name: str) -> NamedPath:
        return NamedPath(str(self.path / key), name)

    def entries(self, prefix: str) -> Iterator[Entry]:
        for folder, _, names in os.walk(self.path / prefix):
            within = Path(folder).relative_to(self.path)
            for name in names:
                # Another process may remove it at this moment.
                with contextlib.suppress(FileNotFoundError):
                    yield Entry((within / name).as_posix(), os.stat(os.path.join(folder, name)).st_size)

    def delete(self, key: str) -> None:
        try:
            (self.path / key).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.path / key, error) from error

    def _home_of(self, key: str) -> Path:
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def _written(self, blocks: Iterable[bytes]) -> Iterator[str]:
        """A temporary file of these bytes, which is gone at the end unless it has got another name."""
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(dir=self._home_of(f"{UNFINISHED}/x").parent)
            with open(handle, "wb") as file:
                _write(file, blocks)
            os.chmod(temporary, self._mode)
            yield temporary
        except InputError:
            raise
        except OSError as error:
            raise _unwritable(self.path, error) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)


def _write(file: BinaryIO, blocks: Iterable[bytes]) -> None:
    for block in blocks:
        file.write(block)
    file.flush()
    os.fsync(file.fileno())


def _unreadable(path: Path, error: OSError) -> InputError:
    kind: InputErrorKind = "no_permission" if isinstance(error, PermissionError) else "damaged"
    return InputError(printable(path), kind, f"it cannot be read ({error.strerror})", "check disk and permissions")


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{printable(path)}: the store cannot be written ({error.strerror or error}); nothing in it was changed. Free "
        "some space, or check who may write there, and run again."
    )
