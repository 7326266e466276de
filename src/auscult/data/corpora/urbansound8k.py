"""UrbanSound8K: up to 4 s of city sound a clip, ten classes, ten official folds.

J. Salamon, C. Jacoby, J. P. Bello, "A Dataset and Taxonomy for Urban Sound Research", ACM Multimedia 2014.
Tree: ``audio/fold{k}/{fsID}-{classID}-{occurrence}-{slice}.wav`` and ``metadata/UrbanSound8K.csv`` with,
among others, the columns slice_file_name, fsID, fold, classID, class. Its ``start`` and ``end`` are seconds
of the recording that a clip was cut from, not of the clip. Slices of one ``fsID`` are one group; the official
folds keep them together.
"""

from __future__ import annotations

from pathlib import Path

from auscult.data.corpora.official import read_official
from auscult.data.listing import Listing


def find_table(root: Path) -> Path | None:
    """The table of an UrbanSound8K tree, None for any other folder."""
    table = root / "metadata" / "UrbanSound8K.csv"
    return table if table.is_file() and (root / "audio").is_dir() else None


def read(root: Path, table: Path) -> Listing:
    """List the clips with their folds, classes in the order of ``classID``."""
    return read_official(
        root,
        table,
        source_kind="urbansound8k",
        path_of=lambda row: f"audio/fold{row['fold']}/{row['slice_file_name']}",
        label="class",
        order="classID",
        group="fsID",
    )
