"""The sounds of a version, and the values of its columns, read straight from the store."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.audio import Source
from auscult.data.versions.content import content_key
from auscult.data.versions.places import open_place
from auscult.data.versions.rows import content_columns
from auscult.errors import DataError, InputError

if TYPE_CHECKING:
    from auscult.data.dataset import Dataset


@dataclass(frozen=True)
class StoreSounds:
    """Sounds in a store. A folder's are opened by path; an object store's are fetched, each whole.

    Pickles as what it is called: the store is opened again by its URL, once a process. Threads may share one.

    Parameters
    ----------
    url : of the store
    version : what the version is called, ``STORE/NAME@NUMBER``, for messages and for `config.yaml`
    """

    url: str
    version: str

    def source(self, uri: str, content_hash: str) -> Source:
        """
        Raises
        ------
        InputError : the store has lost it
        """
        name = f"{self.version}: {uri}"
        try:
            return open_place(self.url).source(content_key(content_hash), name)
        except FileNotFoundError as error:
            raise _lost(name) from error

    def value(self, name: str, content_hash: str, kind: str) -> Any:
        """An array, or bytes, of a column of contents; `name` is for messages."""
        try:
            content = open_place(self.url).read(content_key(content_hash))
        except FileNotFoundError as error:
            raise _lost(name) from error
        if kind == "bytes":
            return content
        try:
            return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        except ValueError as error:
            raise InputError(name, "damaged", f"it is no array ({error})", "see `auscult data verify`") from error


def column_values(dataset: Dataset, column: str) -> Iterator[Any]:
    """The values of a column of contents (features, say), one after another, None for a clip without one.

    Raises
    ------
    DataError : the dataset is no version of a store, or has no such column
    InputError : a value that the store has lost
    """
    kind = content_columns(dataset.table).get(column)
    if kind is None or not isinstance(dataset.sounds, StoreSounds):
        raise DataError(
            f"The 'column' must be one whose values a store keeps. Got {column!r} instead; the dataset has "
            f"{sorted(content_columns(dataset.table))}. Other columns are in `Dataset.table`."
        )
    for uri, value in zip(dataset.table["uri"].to_pylist(), dataset.table[column].to_pylist(), strict=True):
        name = f"{dataset.sounds.version}: {uri}, {column}"
        yield None if value is None else dataset.sounds.value(name, value, kind)


def _lost(name: str) -> InputError:
    return InputError(
        name, "missing", "the store has lost its content", "see `auscult data verify`; `auscult data sync` puts it back"
    )
