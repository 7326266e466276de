"""What a reader hands over: which files, under which labels. No file has been opened yet."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from auscult.data.schema import SourceKind, Task
from auscult.errors import InputError


@dataclass(frozen=True)
class ListedClip:
    """A sound file as a reader found it: `path` as the disk spells it, `labels` and `group` in NFC."""

    path: Path
    labels: tuple[str, ...]
    split: str | None = None
    fold: int | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(nfc(label) for label in self.labels))
        object.__setattr__(self, "group", None if self.group is None else nfc(self.group))


@dataclass(frozen=True)
class Listing:
    """All that a reader found under `root`.

    `label_order` is the corpus's own order of classes, None for alphabetical.
    """

    root: Path
    clips: tuple[ListedClip, ...]
    source_kind: SourceKind
    task: Task = "single_label"
    label_order: tuple[str, ...] | None = None
    problems: tuple[InputError, ...] = field(default=())


def nfc(text: str) -> str:
    """Text in Unicode's composed form, in which ids are compared.

    Examples
    --------
    >>> len("e\\u0301"), len(nfc("e\\u0301"))
    (2, 1)
    """
    return unicodedata.normalize("NFC", text)


def some(names: Iterable[str], *, limit: int = 5) -> str:
    """The first few names for a message, and how many more there are.

    Examples
    --------
    >>> some(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    names = list(names)
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
