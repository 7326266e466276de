"""ESC-50 and its subset ESC-10: 5 s of environmental sound a clip, five official folds.

K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
Tree: ``audio/{fold}-{src_file}-{take}-{target}.wav`` and ``meta/esc50.csv`` (or ``esc10.csv``) with the
columns filename, fold, target, category, esc10, src_file, take. Takes of one ``src_file`` are one group.
"""

from __future__ import annotations

from pathlib import Path

from auscult.data.corpora.official import read_official
from auscult.data.listing import Listing

TABLES = ("esc50.csv", "esc10.csv")


def find_table(root: Path) -> Path | None:
    """The table of an ESC-50 tree, None for any other folder."""
    if not (root / "audio").is_dir():
        return None
    return next((root / "meta" / name for name in TABLES if (root / "meta" / name).is_file()), None)


def read(root: Path, table: Path) -> Listing:
    """List the clips with their folds, classes in the order of ``target``."""
    return read_official(
        root,
        table,
        source_kind="esc50",
        path_of=lambda row: f"audio/{row['filename']}",
        label="category",
        order="target",
        group="src_file",
    )
