"""Readers: from a source on disk to a `Listing`. Each form of source is one module."""

from __future__ import annotations

import os
from pathlib import Path

from auscult.data.corpora.registry import find_corpus
from auscult.data.listing import Listing
from auscult.data.readers.folders import read_class_folders
from auscult.errors import DataError
from auscult.files import printable

__all__ = ["read_folder"]


def read_folder(path: str | Path) -> Listing:
    """List a folder of labelled sounds as what it looks like: a known corpus, split folders, class folders.

    Raises
    ------
    DataError : no such folder, or none of these
    """
    root = Path(os.path.abspath(path))
    if not root.is_dir():
        found = "This is a file" if root.exists() else "There is no such folder"
        raise DataError(f"{printable(path)}: a folder of labelled sounds is needed. {found}; check the path.")
    if (found := find_corpus(root)) is not None:
        corpus, table = found
        return corpus.read(root, table)
    return read_class_folders(root)
