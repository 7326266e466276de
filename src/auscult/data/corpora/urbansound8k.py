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
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import Listing
from auscult.data.unpacking import Limits


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
        file="slice_file_name",
        label="class",
        order="classID",
        group="fsID",
    )


URBANSOUND8K = Corpus(
    name="urbansound8k",
    title="UrbanSound8K",
    summary="ten kinds of city sound, up to 4 s a clip, from Freesound",
    n_clips=8732,
    n_classes=10,
    hours=None,
    task="single_label",
    splits="10 folds",
    groups="recording (fsID)",
    licence="CC-BY-NC-3.0",
    commercial=False,
    citation="Salamon, Jacoby, Bello 2014, A Dataset and Taxonomy for Urban Sound Research, ACM Multimedia, "
    "doi:10.1145/2647868.2655045",
    homepage="https://urbansounddataset.weebly.com/urbansound8k.html",
    archives=(
        Archive(
            parts=(
                Remote(
                    url="https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1",
                    checksum="md5:9aa69802bbf37fb986f71ec1483a196e",
                    size_bytes=6_023_741_708,
                ),
            ),
            inside="UrbanSound8K",
        ),
    ),
    limits=Limits(n_bytes=20_000_000_000, n_files=20_000),
    find_table=find_table,
    read=read,
    published="urbansound8k.md5",
)
