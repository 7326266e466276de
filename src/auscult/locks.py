"""One process at a time: a lock on a folder that is written to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from auscult.errors import OutputError, UsageError


@contextmanager
def locked(path: Path, *, taken: str) -> Iterator[None]:
    """Hold the lock that is this file for as long as the block lasts. It is never waited for.

    Parameters
    ----------
    path : of the lock, in a folder that exists; whether it stays there is left to the caller
    taken : what to say where another process holds it

    Raises
    ------
    UsageError : another process holds it
    OutputError : it cannot be written

    Examples
    --------
    >>> import tempfile
    >>> with locked(Path(tempfile.mkdtemp()) / ".lock", taken="another process works here"):
    ...     pass
    """
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise UsageError(taken) from error
    except OSError as error:
        raise OutputError(
            f"{path.parent}: cannot be written ({error.strerror or error}); choose another place with -o."
        ) from error
    try:
        yield
    finally:
        lock.release()
