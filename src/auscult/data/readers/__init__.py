"""Readers: from a source on disk to a `Listing`. Each form of source is one module."""

from __future__ import annotations

import os
from pathlib import Path

from auscult.data.corpora.registry import find_corpus
from auscult.data.listing import Listing
from auscult.data.readers.audiofolder import find_tables, read_audiofolder
from auscult.data.readers.folders import read_class_folders, read_unlabelled
from auscult.errors import DataError
from auscult.files import printable

__all__ = ["read_folder"]


def read_folder(path: str | Path, *, labelled: bool = True, pictures: bool = False) -> Listing:
    """List a folder of sounds as what it looks like: a known corpus, an audiofolder, split folders, class folders.

    Parameters
    ----------
    labelled : False: every sound below, without labels, whatever the folder looks like
    pictures : True: pictures instead of sounds, where it holds both; where it holds no sound they are taken anyway

    Raises
    ------
    DataError : no such folder, or none of these
    """
    root = Path(os.path.abspath(path))
    if not root.is_dir():
        what = "This is a file" if root.exists() else "There is no such folder"
        raise DataError(f"{printable(path)}: a folder of labelled sounds is needed. {what}; check the path.")
    if not labelled:
        return read_unlabelled(root, pictures=pictures)
    if not pictures and (found := find_corpus(root)) is not None:
        corpus, table = found
        return corpus.read(root, table)
    if tables := find_tables(root):
        return read_audiofolder(root, tables)
    return read_class_folders(root, pictures=pictures)
