"""Versions of datasets: immutable, each sound kept once, in a folder or an object store. See `store.py`."""

from auscult.data.versions.changes import Diff, diff_tables
from auscult.data.versions.names import VersionRef, split_ref
from auscult.data.versions.opening import find_version, open_version
from auscult.data.versions.record import Version
from auscult.data.versions.sounds import StoreSounds, column_values
from auscult.data.versions.store import Store, store_format
from auscult.data.versions.upkeep import Pruned, Verification, prune, verify

__all__ = [
    "Diff",
    "Pruned",
    "Store",
    "StoreSounds",
    "Verification",
    "Version",
    "VersionRef",
    "column_values",
    "diff_tables",
    "find_version",
    "open_version",
    "prune",
    "split_ref",
    "store_format",
    "verify",
]
