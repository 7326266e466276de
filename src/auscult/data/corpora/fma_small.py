"""FMA-small: 30 s of music a clip, eight genres of 1000 tracks each, from the Free Music Archive, as MP3.

M. Defferrard, K. Benzi, P. Vandergheynst, X. Bresson, "FMA: A Dataset For Music Analysis", ISMIR 2017,
arXiv:1612.01840. Tree: ``fma_small/{first three digits}/{track, six digits}.mp3``, and of all of FMA
``fma_metadata/tracks.csv``, whose header has three lines: a topic, a column of that topic, the name of the index. A
clip's class is its top genre; the artist is the group.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from auscult.audio import AUDIO_SUFFIXES
from auscult.data.corpora.official import absent_files
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import ListedClip, Listing
from auscult.data.schema import SPLIT_NAMES
from auscult.data.tables import FileFinder
from auscult.data.unpacking import Limits
from auscult.errors import DataError
from auscult.extras import require_extra
from auscult.files import printable

FOLDER = "fma_small"
TABLE = "fma_metadata/tracks.csv"
SUBSET = "small"
COLUMNS = {
    "subset": ("set", "subset"),
    "split": ("set", "split"),
    "genre": ("track", "genre_top"),
    "artist": ("artist", "id"),
    "licence": ("track", "license"),
}
_N_HEADER_LINES = 3
# Far longer than any row, prose included.
_BLOCK_BYTES = 1 << 22


def find_table(root: Path) -> Path | None:
    """The table of tracks of such a tree, None for any other folder."""
    return root / TABLE if (root / TABLE).is_file() and (root / FOLDER).is_dir() else None


def read(root: Path, table: Path) -> Listing:
    """List the tracks with genre, part and artist."""
    finder = FileFinder(any_suffix=AUDIO_SUFFIXES)
    clips, absent, n_tracks = [], [], 0
    for row in _tracks(table):
        if row["subset"] != SUBSET:
            continue
        n_tracks += 1
        name = f"{int(row['track']):06}"
        uri = f"{FOLDER}/{name[:3]}/{name}.mp3"
        if (path := finder.find(root / uri)) is None:
            absent.append(uri)
            continue
        split = SPLIT_NAMES.get(row["split"])
        extra = {"licence": row["licence"]}
        clips.append(ListedClip(path, (row["genre"],), split=split, group=row["artist"] or None, extra=extra))
    return Listing(root, tuple(clips), source_kind="fma_small", problems=absent_files(table, absent, n_tracks))


def _tracks(table: Path) -> Iterator[dict[str, str]]:
    """The rows of the table, of all of FMA: the track's number and `COLUMNS`, as text."""
    # Arrow's reader: the fields with prose are longer than the csv module takes, and the table has 260 MB.
    arrow_csv = require_extra("pyarrow.csv", extra="data", purpose="reading datasets")
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    names = _positions(table)
    wanted = {str(position): name for name, position in names.items()}
    try:
        # Batch by batch, so that no more than one is in memory.
        reader = arrow_csv.open_csv(
            table,
            read_options=arrow_csv.ReadOptions(
                skip_rows=_N_HEADER_LINES,
                column_names=[str(i) for i in range(_n_columns(table))],
                block_size=_BLOCK_BYTES,
                use_threads=False,
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(wanted), column_types=dict.fromkeys(wanted, pa.string())
            ),
        )
        for batch in reader:
            for row in batch.to_pylist():
                yield {wanted[position]: value or "" for position, value in row.items()}
    except pa.ArrowInvalid as error:
        raise _not_the_table(table, str(error)) from error


def _positions(table: Path) -> dict[str, int]:
    """Which column holds what, counted from 0."""
    header = _header(table)
    topics, names = header[0], header[1]
    found = {pair: position for position, pair in enumerate(zip(topics, names, strict=False))}
    absent = sorted(" ".join(pair) for pair in COLUMNS.values() if pair not in found)
    if absent:
        raise _not_the_table(table, f"it has no column {', '.join(absent)}")
    return {"track": 0} | {name: found[pair] for name, pair in COLUMNS.items()}


def _n_columns(table: Path) -> int:
    return len(_header(table)[0])


def _header(table: Path) -> list[list[str]]:
    try:
        with open(table, encoding="utf-8", newline="") as file:
            lines = [line for line, _ in zip(csv.reader(file), range(_N_HEADER_LINES), strict=False)]
    except (OSError, ValueError, csv.Error) as error:
        raise _not_the_table(table, str(error)) from error
    if len(lines) < _N_HEADER_LINES:
        raise _not_the_table(table, "its header has three lines")
    return lines


def _not_the_table(table: Path, problem: str) -> DataError:
    return DataError(
        f"{printable(table)}: cannot be read as FMA's table of tracks ({problem}); take the table of fma_metadata.zip."
    )


def _remote(name: str, sha1: str, size_bytes: int) -> Remote:
    return Remote(url=f"https://os.unil.cloud.switch.ch/fma/{name}", checksum=f"sha1:{sha1}", size_bytes=size_bytes)


FMA_SMALL = Corpus(
    name="fma_small",
    title="FMA-small",
    summary="eight genres of music, 1000 tracks each, 30 s a clip as MP3, from the Free Music Archive",
    n_clips=8000,
    n_classes=8,
    hours=66.7,
    task="single_label",
    splits="train, validation, test",
    groups="artist",
    licence="CC-BY-4.0",
    terms="That is the table's; each track has a licence that its artist chose, in the column licence, and some are "
    "not for commerce. The corpus is meant for research.",
    commercial=False,
    citation="Defferrard, Benzi, Vandergheynst, Bresson 2017, FMA: A Dataset For Music Analysis, ISMIR, "
    "arXiv:1612.01840",
    homepage="https://github.com/mdeff/fma",
    archives=(
        Archive(parts=(_remote("fma_metadata.zip", "f0df49ffe5f2a6008d7dc83c6915b31835dfe733", 358_412_441),)),
        Archive(parts=(_remote("fma_small.zip", "ade154f733639d52e35e32f5593efe5be76c6d70", 7_679_594_875),)),
    ),
    limits=Limits(n_bytes=20_000_000_000, n_files=20_000),
    find_table=find_table,
    read=read,
    own_list="fma_small/checksums",
)
