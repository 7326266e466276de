"""A version as a source of labelled sounds."""

from __future__ import annotations

from auscult.data.dataset import Dataset
from auscult.data.versions.names import VersionRef, split_ref
from auscult.data.versions.store import Store, store_format


def find_version(source: str) -> VersionRef | None:
    """What ``STORE/NAME[@VERSION]`` means; None where no store is there.

    Raises
    ------
    DataError : a store is there, and is damaged, or the rest is no name of a dataset or version; a URL that cannot be
        that of a store
    """
    store, name, version = split_ref(source)
    try:
        if not name or version == "" or store_format(store) is None:
            return None
    except ValueError:  # a path with a zero byte in it
        return None
    return VersionRef.parse(source)


def open_version(ref: VersionRef) -> Dataset:
    """The dataset of a version.

    Raises
    ------
    DataError : no such dataset or version; it was pruned; its table is damaged
    """
    return Store(ref.store).open(ref.name if ref.version is None else f"{ref.name}@{ref.version}")
