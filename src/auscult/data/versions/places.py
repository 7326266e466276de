"""What a store needs of the place where it lies, a folder or an object store: named bytes, some made exclusively."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from auscult.audio import Source

OBJECT_SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "memory")


class Entry(NamedTuple):
    """A key, with ``/`` between its parts, and how many bytes it names."""

    key: str
    n_bytes: int


class Place(Protocol):
    """Named bytes. Threads may share one; every method says so where the place cannot be reached or written."""

    url: str

    def read(self, key: str) -> bytes:
        """All of it. FileNotFoundError where there is none."""

    def create(self, key: str, content: bytes) -> bool:
        """Make `key` unless it is there: of several who try at once, exactly one gets True. Appears whole."""

    def replace(self, key: str, content: bytes) -> None:
        """Make `key`, or put `content` in its place. Appears whole."""

    def put(self, blocks: Iterable[bytes], key_of: Callable[[], str]) -> None:
        """Keep the bytes of `blocks` under the key that is known when they are through; a block at a time in memory."""

    def exists(self, key: str) -> bool: ...

    def source(self, key: str, name: str) -> Source:
        """What `auscult.audio` opens, called `name` in messages. FileNotFoundError where it has to look at once."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All keys below ``prefix/``, in no order."""

    def delete(self, key: str) -> None:
        """An absent key is no error."""


def is_url(place: str) -> bool:
    return urlsplit(place).scheme in (*OBJECT_SCHEMES, "file") and "://" in place


def open_place(url: str) -> Place:
    """A folder by its path or ``file://`` URL; an object store by ``s3://``, ``gs://``, ``az://``.

    Credentials and endpoints of object stores come from the environment, as their own tools take them.
    ``memory://`` lives as long as the process, for tests.
    """
    if is_url(url) and not url.startswith("file:"):
        return _open(url if url.endswith("://") else url.rstrip("/"))
    path = url2pathname(urlsplit(url).path) if is_url(url) else url
    return _open(os.path.abspath(path))


@lru_cache(maxsize=32)
def _open(url: str) -> Place:
    """The same place for the same `url`, so that `is` tells whether two are one."""
    if is_url(url):
        from auscult.data.versions.objects import open_objects

        return open_objects(url)
    from auscult.data.versions.folder import Folder

    return Folder(Path(url))
