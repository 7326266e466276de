"""What a reader hands over: which files, under which labels. No file has been opened yet."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auscult.data.schema import SourceKind, Task
from auscult.errors import InputError
from auscult.records import Sound


@dataclass(frozen=True)
class ListedClip:
    """A sound as a reader found it, or a part of one.

    Parameters
    ----------
    path : the file, as the disk spells it; for a sound in memory, the name that `Listing.sounds` knows it by
    labels : made NFC here; None: nobody has said what it holds, () : it holds none of the classes
    weights : of the labels, in [0, 1]; None: one each
    group : the recording; made NFC here
    start_s, end_s : the part of the sound that is meant, in seconds; None: from its beginning, to its end
    extra : whatever else the source says of the clip, by column
    """

    path: Path
    labels: tuple[str, ...] | None
    split: str | None = None
    fold: int | None = None
    group: str | None = None
    weights: tuple[float, ...] | None = None
    start_s: float | None = None
    end_s: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", None if self.labels is None else tuple(nfc(label) for label in self.labels))
        object.__setattr__(self, "group", None if self.group is None else nfc(self.group))

    @property
    def label_weights(self) -> dict[str, float] | None:
        """Each label's weight; None where nobody has said what the clip holds."""
        if self.labels is None:
            return None
        return dict(zip(self.labels, self.weights or (1.0,) * len(self.labels), strict=True))


@dataclass(frozen=True)
class Listing:
    """All that a reader found under `root`.

    `label_order` is the corpus's own order of classes, None for alphabetical. `sounds` are those in memory, by the
    path that their clips have; a reader of files has none.
    """

    root: Path
    clips: tuple[ListedClip, ...]
    source_kind: SourceKind
    task: Task = "single_label"
    label_order: tuple[str, ...] | None = None
    problems: tuple[InputError, ...] = ()
    sounds: Mapping[str, Sound | bytes] | None = None


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
