"""`open_dataset`: a dataset from whatever names one on a command line or in a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auscult.data.corpora.registry import CORPORA
from auscult.data.dataset import Dataset
from auscult.data.listing import some
from auscult.data.narrowing import read_label_map, read_parts
from auscult.data.readers.annotation_formats import SUFFIXES, has_annotation_columns
from auscult.data.reading import Reading
from auscult.errors import DataError
from auscult.files import printable

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


# What belongs to one form of source only; given with another, it would be passed over without a word.
_OF_TABLES = ("path_column", "label_columns", "label_delimiter", "root")
_OF_ANNOTATIONS = ("annotations", "clip_s", "clip_hop_s", "min_overlap_s", "keep_empty")


def open_dataset(source: str | Path | Dataset, reading: Reading | None = None, *, quiet: bool = False) -> Dataset:
    """A dataset from whatever names one.

    That is a folder of sounds, a table of paths and labels, annotations of recordings, a known corpus, a version in a
    store, or a dataset already open. What is there under a name comes before the corpus of that name, which is fetched
    where it has to be; `quiet` does so without a word.

    Raises
    ------
    DataError : nothing there, nothing that is read as a dataset, or nothing that `reading` is meant for
    DownloadError : a corpus that has to be fetched, and cannot be
    OutputError : a corpus that has to be fetched, and cannot be kept
    """
    reading = reading or Reading()
    return _chosen(source if isinstance(source, Dataset) else _opened(source, reading, quiet), reading)


def _chosen(dataset: Dataset, reading: Reading) -> Dataset:
    """The clips that are meant, in their parts. Labels are chosen as the source has them, and replaced after that."""
    if reading.pictures:
        dataset = dataset.of_medium("picture")
    if reading.only_labels or reading.only_folds or reading.only_clips:
        labels, folds, clips = reading.only_labels or None, reading.only_folds or None, reading.only_clips or None
        dataset = dataset.only(labels=labels, folds=folds, clips=clips)
    if reading.parts is not None:
        dataset = dataset.in_parts(read_parts(reading.parts))
    return dataset if reading.map is None else dataset.map_labels(read_label_map(reading.map))


def _opened(source: str | Path, reading: Reading, quiet: bool) -> Dataset:
    path = Path(source)
    given = reading.to_dict()
    if reading.annotations is not None or _is_annotations(path):
        _refuse(given, _OF_TABLES, source, "annotations")
        return _annotated(path, reading)
    _refuse(given, _OF_ANNOTATIONS, source, "no annotations")
    if path.suffix.lower() in TABLES and not path.is_dir():
        return Dataset.from_csv(
            path,
            path_column=reading.path_column,
            label_column=reading.label_column,
            label_columns=reading.label_columns,
            label_delimiter=reading.label_delimiter,
            root=reading.root,
        )
    _refuse(given, (*_OF_TABLES, "label_column"), source, "no table")
    if path.is_dir():
        return Dataset.from_folder(path, pictures=reading.pictures)
    if not path.exists() and str(source) in CORPORA:
        return Dataset.from_corpus(str(source), quiet=quiet)
    # Imported here: versions are made from sources, and open them.
    from auscult.data.versions import find_version, open_version

    if not path.exists() and (version := find_version(str(source))) is not None:
        return open_version(version)
    found = "There is no such file or folder" if not path.exists() else "This is neither"
    raise DataError(
        f"{printable(path)}: a dataset is a folder of sounds, a table ({', '.join(TABLES)}), annotations "
        f"({', '.join(SUFFIXES)}), the name of a corpus (as auscult data corpora list shows them) or of a version, "
        f"STORE/NAME@VERSION. {found}; check the path."
    )


def _is_annotations(path: Path) -> bool:
    """Whether a file is one of annotations, and not a table of clips, by its ending or its columns."""
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        return False
    return path.suffix.lower() not in TABLES or has_annotation_columns(path)


def _annotated(path: Path, reading: Reading) -> Dataset:
    source, audio = (path, None) if reading.annotations is None else (reading.annotations, path)
    return Dataset.from_annotations(
        source,
        audio=audio,
        label_column=reading.label_column,
        clip_s=reading.clip_s,
        hop_s=reading.clip_hop_s,
        min_overlap_s=reading.min_overlap_s,
        keep_empty=reading.keep_empty,
    )


def _refuse(given: Mapping[str, Any], names: Sequence[str], source: str | Path, what: str) -> None:
    if useless := [name for name in names if name in given]:
        raise DataError(
            f"{printable(source)}: this is {what}, so {some(useless)} cannot be given; leave it out, or check the "
            "source."
        )
