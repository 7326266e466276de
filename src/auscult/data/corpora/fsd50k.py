"""FSD50K: 200 classes of AudioSet's ontology, any number of them in a clip of 0.3 to 30 s, from Freesound.

E. Fonseca, X. Favory, J. Pons, F. Font, X. Serra, "FSD50K: an Open Dataset of Human-Labeled Sound Events",
arXiv:2010.00475. Tree: ``FSD50K.dev_audio/{fname}.wav`` and ``FSD50K.eval_audio/{fname}.wav``;
``FSD50K.ground_truth/dev.csv`` (fname, labels, mids, split), ``eval.csv`` (without split) and ``vocabulary.csv``
(number, label, mid; no header); ``FSD50K.metadata/*_clips_info_FSD50K.json`` with title, uploader and licence of each
clip. Labels stand with all that are above them in the ontology. The eval clips are the test part. What one person
uploaded is one group: such clips often come from one session.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.audio import AUDIO_SUFFIXES
from auscult.data.corpora.official import absent_files, read_lines
from auscult.data.corpora.record import Archive, Corpus, Remote
from auscult.data.listing import ListedClip, Listing
from auscult.data.schema import SPLIT_NAMES
from auscult.data.tables import FileFinder, Row, read_table
from auscult.data.unpacking import Limits
from auscult.errors import DataError, InputError
from auscult.files import printable

TRUTH = "FSD50K.ground_truth"
SETS = ("dev", "eval")


def find_table(root: Path) -> Path | None:
    """The table of the dev clips, else of the eval clips; None for any other folder."""
    tables = (root / TRUTH / f"{name}.csv" for name in SETS)
    return next((table for table in tables if table.is_file()), None)


def read(root: Path, table: Path) -> Listing:
    """List the clips with their labels, classes in the order of the vocabulary."""
    clips: list[ListedClip] = []
    problems: list[InputError] = []
    for name in SETS:
        path = root / TRUTH / f"{name}.csv"
        if path.is_file():
            found, absent, n_rows = _read_set(root, path, name)
            clips += found
            problems += absent_files(path, absent, n_rows)
    return Listing(
        root,
        tuple(clips),
        source_kind="fsd50k",
        task="multi_label",
        label_order=_vocabulary(root),
        problems=tuple(problems),
    )


def _read_set(root: Path, table: Path, name: str) -> tuple[list[ListedClip], list[str], int]:
    """The clips of one table, the files that are not there, and how many rows it has."""
    found = read_table(table)
    header, rows = found.header, found.rows
    if absent_columns := {"fname", "labels", *(("split",) if name == "dev" else ())} - set(header):
        raise DataError(
            f"{printable(table)}: the table of FSD50K must have the columns {sorted(absent_columns)}. Got {header} "
            "instead; take the table that comes with the corpus."
        )
    info = _clips_info(root, name)
    finder = FileFinder(any_suffix=AUDIO_SUFFIXES)
    clips, absent = [], []
    for row in rows:
        uri = f"FSD50K.{name}_audio/{row['fname']}.wav"
        if (path := finder.find(root / uri)) is None:
            absent.append(uri)
        else:
            clips.append(_clip(table, row, path, name, info.get(row["fname"], {})))
    return clips, absent, len(rows)


def _clip(table: Path, row: Row, path: Path, name: str, info: Mapping[str, Any]) -> ListedClip:
    split = "test" if name == "eval" else SPLIT_NAMES.get(row["split"])
    if split is None:
        raise DataError(
            f"{printable(table)}, {row.place}: a split must be train or val. Got {row['split']!r} instead; take the "
            "table that comes with the corpus."
        )
    labels = tuple(dict.fromkeys(row["labels"].split(",")))
    extra = {"licence": str(info["license"])} if "license" in info else {}
    return ListedClip(
        path, labels, split=split, group=str(info["uploader"]) if "uploader" in info else None, extra=extra
    )


def _clips_info(root: Path, name: str) -> dict[str, dict[str, Any]]:
    """What is said of each clip, by its name; empty where the file with it was not fetched."""
    path = root / "FSD50K.metadata" / f"{name}_clips_info_FSD50K.json"
    if not path.is_file():
        return {}
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        return {str(clip): dict(values) for clip, values in info.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"{printable(path)}: cannot be read ({error}); take the file that comes with the corpus."
        ) from error


def _vocabulary(root: Path) -> tuple[str, ...] | None:
    path = root / TRUTH / "vocabulary.csv"
    if not path.is_file():
        return None
    return tuple(row[1] for row in csv.reader(read_lines(path)) if len(row) > 1)


def _remote(name: str, md5: str, size_bytes: int) -> Remote:
    url = f"https://zenodo.org/records/4060432/files/FSD50K.{name}?download=1"
    return Remote(url=url, checksum=f"md5:{md5}", size_bytes=size_bytes)


FSD50K = Corpus(
    name="fsd50k",
    title="FSD50K",
    summary="200 kinds of sound in AudioSet's words, any number in a clip of 0.3 to 30 s, from Freesound",
    n_clips=51_197,
    n_classes=200,
    hours=108.3,
    task="multi_label",
    splits="train, validation, test (eval)",
    groups="uploader",
    licence="CC-BY-4.0",
    terms="Each clip has a licence of its own, CC0, CC-BY, CC-BY-NC or CC Sampling+; the column licence has it.",
    commercial=False,
    citation="Fonseca, Favory, Pons, Font, Serra 2022, FSD50K: an Open Dataset of Human-Labeled Sound Events, "
    "arXiv:2010.00475",
    homepage="https://zenodo.org/records/4060432",
    archives=(
        Archive(parts=(_remote("ground_truth.zip", "ca27382c195e37d2269c4c866dd73485", 334_701),)),
        Archive(parts=(_remote("metadata.zip", "b9ea0c829a411c1d42adb9da539ed237", 6_700_838),)),
        Archive(parts=(_remote("doc.zip", "3516162b82dc2945d3e7feba0904e800", 6_984),)),
        Archive(
            parts=(
                _remote("eval_audio.z01", "3090670eaeecc013ca1ff84fe4442aeb", 3_221_225_472),
                _remote("eval_audio.zip", "6fa47636c3a3ad5c7dfeba99f2637982", 3_037_675_767),
            )
        ),
        Archive(
            parts=(
                _remote("dev_audio.z01", "faa7cf4cc076fc34a44a479a5ed862a3", 3_221_225_472),
                _remote("dev_audio.z02", "8f9b66153e68571164fb1315d00bc7bc", 3_221_225_472),
                _remote("dev_audio.z03", "1196ef47d267a993d30fa98af54b7159", 3_221_225_472),
                _remote("dev_audio.z04", "d088ac4e11ba53daf9f7574c11cccac9", 3_221_225_472),
                _remote("dev_audio.z05", "81356521aa159accd3c35de22da28c7f", 3_221_225_472),
                _remote("dev_audio.zip", "c480d119b8f7a7e32fdb58f3ea4d6c5a", 2_306_663_327),
            )
        ),
    ),
    limits=Limits(n_bytes=100_000_000_000, n_files=100_000),
    find_table=find_table,
    read=read,
)
