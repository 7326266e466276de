"""A store in an object store (S3, Google Cloud Storage, Azure), through obstore."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from auscult.data.versions.places import Entry
from auscult.errors import AuscultError, DataError, InputError
from auscult.extras import require_extra

# Larger files wait on the disk, not in memory, until their hash is known.
SPOOL_BYTES = 8 << 20
_PURPOSE = "a store with a URL"


class NamedBytes(io.BytesIO):
    """Bytes as an open file that messages can name."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def open_objects(url: str) -> Objects:
    """
    Raises
    ------
    DataError : a URL that cannot be one of an object store
    """
    stores = require_extra("obstore.store", extra="data", purpose=_PURPOSE)
    if url.startswith("memory:"):
        return Objects(url, stores.MemoryStore())
    try:
        return Objects(url, stores.from_url(url))
    except require_extra("obstore.exceptions", extra="data", purpose=_PURPOSE).BaseError as error:
        raise DataError(f"{url}: not the URL of an object store ({_short(error)}); check its spelling.") from error


class Objects:
    """Keys are objects below `url`. An object appears whole; exclusive ones are put with ``If-None-Match: *``."""

    def __init__(self, url: str, store: Any) -> None:
        self.url = url
        self._store = store
        self._ob = require_extra("obstore", extra="data", purpose=_PURPOSE)
        self._errors = require_extra("obstore.exceptions", extra="data", purpose=_PURPOSE)

    def read(self, key: str) -> bytes:
        with self._said(key):
            return bytes(self._ob.get(self._store, key).bytes())

    def create(self, key: str, content: bytes) -> bool:
        with self._said(key):
            try:
                self._ob.put(self._store, key, content, mode="create")
            except self._errors.AlreadyExistsError:
                return False
        return True

    def replace(self, key: str, content: bytes) -> None:
        with self._said(key):
            self._ob.put(self._store, key, content)

    def put(self, blocks: Iterable[bytes], key_of: Callable[[], str]) -> None:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
            for block in blocks:
                file.write(block)
            file.seek(0)
            key = key_of()
            with self._said(key):
                self._ob.put(self._store, key, file)

    def exists(self, key: str) -> bool:
        try:
            with self._said(key):
                self._ob.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def source(self, key: str, name: str) -> NamedBytes:
        return NamedBytes(self.read(key), name)

    def entries(self, prefix: str) -> Iterator[Entry]:
        with self._said(prefix):
            for batch in self._ob.list(self._store, prefix):
                for found in batch:
                    yield Entry(found["path"], found["size"])

    def delete(self, key: str) -> None:
        try:
            with self._said(key):
                self._ob.delete(self._store, key)
        except FileNotFoundError:
            pass

    @contextmanager
    def _said(self, key: str) -> Iterator[None]:
        """Errors of obstore as ours."""
        try:
            yield
        except AuscultError:
            raise
        except FileNotFoundError as error:
            raise FileNotFoundError(key) from error
        except self._errors.NotSupportedError as error:
            raise DataError(
                f"{self.url}: this object store cannot make an object only where there is none ({_short(error)}), so "
                "two writers could lose versions; keep the store in a folder, or with a service that can."
            ) from error
        except (self._errors.BaseError, OSError) as error:
            raise InputError(
                f"{self.url.rstrip('/')}/{key}",
                "unreachable",
                f"the object store did not do it ({_short(error)})",
                "check address and credentials, or try again later",
            ) from error


def _short(error: Exception) -> str:
    """The first line: what follows is for those who write obstore."""
    return str(error).partition("\n")[0]
