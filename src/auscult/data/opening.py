"""`open_dataset`: a dataset from whatever names one on a command line or in a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auscult.data.corpora.registry import CORPORA
from auscult.data.dataset import Dataset
from auscult.data.narrowing import read_label_map
from auscult.errors import DataError
from auscult.files import printable

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def open_dataset(source: str | Path | Dataset) -> Dataset:
    """A dataset from whatever names one: a folder, a table of paths and labels, a known corpus, a dataset already open.

    What is there under a name comes before the corpus of that name.

    Raises
    ------
    DataError : nothing there, or nothing that is read as a dataset
    DownloadError : a corpus that has to be fetched, and cannot be
    OutputError : a corpus that has to be fetched, and cannot be kept
    """
    if isinstance(source, Dataset):
        return source
    path = Path(source)
    if path.is_dir():
        return Dataset.from_folder(path)
    if path.suffix.lower() in TABLES:
        return Dataset.from_csv(path)
    if not path.exists() and str(source) in CORPORA:
        return Dataset.from_corpus(str(source))
    # Imported here: versions are made from sources, and open them.
    from auscult.data.versions import find_version, open_version

    if not path.exists() and (version := find_version(str(source))) is not None:
        return open_version(version)
    found = "There is no such file or folder" if not path.exists() else "This is neither"
    raise DataError(
        f"{printable(path)}: a dataset is a folder of sounds, a table ({', '.join(TABLES)}), the name of a corpus (as "
        f"auscult data corpora list shows them) or of a version, STORE/NAME@VERSION. {found}; check the path."
    )


@dataclass(frozen=True)
class Chosen:
    """Which clips of a source are meant, and under which labels; see `Dataset.only` and `Dataset.map_labels`."""

    map: Path | None = None
    only_labels: Sequence[str] = ()
    only_folds: Sequence[int] = ()
    only_clips: Sequence[str] = ()

    def of(self, dataset: Dataset) -> Dataset:
        """The chosen clips. Labels are chosen as the source has them, and mapped after that.

        Raises
        ------
        DataError : a label, fold or clip that the dataset does not have
        """
        if self.only_labels or self.only_folds or self.only_clips:
            dataset = dataset.only(
                labels=self.only_labels or None, folds=self.only_folds or None, clips=self.only_clips or None
            )
        return dataset if self.map is None else dataset.map_labels(read_label_map(self.map))
