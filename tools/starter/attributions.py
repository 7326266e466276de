"""Who recorded what is in ESC-10: the list that its licence asks for, read from the file that comes with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from auscult.data import Dataset
from auscult.errors import DataError
from auscult.files import csv_text, write_text

LICENCE_FILES = ("LICENSE-AND-ATTRIBUTION.txt", "LICENSE.txt", "LICENSE", "README.md")
# - [1-100032-A.ogg]: clip derived from TITLE (ADDRESS) by AUTHOR [LICENCE]
_LINE = re.compile(
    r"- \[(?P<clip>[\w-]+)\.\w+\]:\s+clip derived from (?P<title>.+) \((?P<url>http\S+)\) by (?P<author>.+)"
    r" \[(?P<licence>[^\]]+)\]"
)


@dataclass(frozen=True)
class Attribution:
    """One clip: its name in ESC-10, its class, and the recording that it was cut from."""

    clip: str
    label: str
    title: str
    author: str
    licence: str
    url: str


def read_attributions(folder: Path, dataset: Dataset) -> list[Attribution]:
    """The recording of every clip of `dataset`, in the order of the clips' names.

    Raises
    ------
    DataError : where no file in `folder` has the list, or it lacks a clip
    """
    found: dict[str, re.Match[str]] = {}
    for name in LICENCE_FILES:
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            found |= {line["clip"]: line for text in lines if (line := _LINE.match(text))}
    attributions = []
    for clip in sorted(dataset.clips(), key=lambda one: Path(one.uri).name):
        # The corpus in ESC-50's tree puts the number of the class behind the name that the list has.
        file = Path(clip.uri)
        name = file.stem.rpartition("-")[0]
        if name not in found:
            raise DataError(f"{folder}: {file.name} is not in the list of attributions; give ESC-10 with its own.")
        line = found[name]
        (label,) = clip.labels
        attributions.append(Attribution(name, label, line["title"], line["author"], line["licence"], line["url"]))
    return attributions


def write_attributions(attributions: Sequence[Attribution], path: Path) -> None:
    """A table with a row a clip."""
    write_text(path, csv_text([field.name for field in fields(Attribution)], [astuple(one) for one in attributions]))
