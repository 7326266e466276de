"""ESC-50 and its subset ESC-10: 5 s of environmental sound a clip, five official folds.

K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
Tree: ``audio/{fold}-{src_file}-{take}-{target}.wav`` and ``meta/esc50.csv`` (or ``esc10.csv``) with the
columns filename, fold, target, category, esc10, src_file, take. Takes of one ``src_file`` are one group.
"""

from __future__ import annotations

from pathlib import Path

from auscult.data.corpora.official import read_official
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import Listing
from auscult.data.unpacking import Limits

TABLES = ("esc50.csv", "esc10.csv")


def find_table(root: Path) -> Path | None:
    """The table of an ESC-50 tree, None for any other folder."""
    if not (root / "audio").is_dir():
        return None
    return next((root / "meta" / name for name in TABLES if (root / "meta" / name).is_file()), None)


def read(root: Path, table: Path) -> Listing:
    """List the clips with their folds, classes in the order of ``target``."""
    return _read(root, table, only_esc10=False)


def read_esc10(root: Path, table: Path) -> Listing:
    """List the clips that the column ``esc10`` marks."""
    return _read(root, table, only_esc10=True)


def _read(root: Path, table: Path, *, only_esc10: bool) -> Listing:
    return read_official(
        root,
        table,
        source_kind="esc50",
        path_of=lambda row: f"audio/{row['filename']}",
        file="filename",
        label="category",
        order="target",
        group="src_file",
        only=("esc10", "True") if only_esc10 else None,
    )


# The last commit, of 2023. GitHub packs the same files differently where a branch is asked for: those bytes are `also`.
_ARCHIVE = Archive(
    parts=(
        Remote(
            url="https://github.com/karolpiczak/ESC-50/archive/33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6.zip",
            checksum="sha256:661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f",
            size_bytes=645_832_161,
            also=("md5:7771e4b9d86d0945acce719c7a59305a",),
        ),
    ),
    inside="*",
)
_CITATION = (
    "Piczak 2015, ESC: Dataset for Environmental Sound Classification, ACM Multimedia, doi:10.1145/2733373.2806390"
)

ESC50 = Corpus(
    name="esc50",
    title="ESC-50",
    summary="fifty kinds of environmental sound, 40 clips of 5 s each, from Freesound",
    n_clips=2000,
    n_classes=50,
    hours=2.8,
    task="single_label",
    splits="5 folds",
    groups="recording (src_file)",
    licence="CC-BY-NC-3.0",
    commercial=False,
    citation=_CITATION,
    homepage="https://github.com/karolpiczak/ESC-50",
    archives=(_ARCHIVE,),
    limits=Limits(n_bytes=2_000_000_000, n_files=5000),
    find_table=find_table,
    read=read,
    published="esc50.md5",
    maps=("esc50-super-categories",),
)

ESC10 = Corpus(
    name="esc10",
    title="ESC-10",
    summary="ten kinds of environmental sound, 40 clips of 5 s each: the part of ESC-50 that is free for commerce",
    n_clips=400,
    n_classes=10,
    hours=0.6,
    task="single_label",
    splits="5 folds",
    groups="recording (src_file)",
    licence="CC-BY-3.0",
    commercial=True,
    citation=_CITATION,
    homepage="https://github.com/karolpiczak/ESC-50",
    archives=(_ARCHIVE,),
    limits=ESC50.limits,
    find_table=find_table,
    read=read_esc10,
    tree="esc50",
    published="esc10.md5",
    maps=("esc50-super-categories",),
)
