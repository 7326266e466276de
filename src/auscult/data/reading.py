"""How a source of labelled sounds is to be read; the command line takes its words and their meaning from here.

Nothing is imported here that a page of help could do without.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reading:
    """How a source is to be read, as far as it does not say so itself, and which of its clips are meant."""

    map: Path | None = None
    """A table with the columns label and to: each label is replaced, and several may become one. It must name all."""

    only_labels: tuple[str, ...] = ()
    """Only clips of these classes."""

    only_folds: tuple[int, ...] = ()
    """Only clips of these official folds."""

    only_clips: tuple[str, ...] = ()
    """Only clips whose path under the source matches one of these patterns, such as "2024/*"."""

    parts: Path | None = None
    """Parts as a table gives them, such as the split.csv of a run: clips go by their content, whatever they are called
    or lie in; what is not in the table is in no part."""

    pictures: bool = False
    """Of a source that holds both sounds and pictures of them, take the pictures: PNG, JPEG, WebP and others, and
    spectrograms in .npy. Where there are no sounds, they are taken anyway."""

    path_column: str | None = None
    """Of a table: the column of paths; if not given, the one with a usual name."""

    label_column: str | None = None
    """Of a table or of annotations: the column of labels; if not given, the one with a usual name."""

    label_columns: tuple[str, ...] = ()
    """Of a table: columns that are a class each, and hold 1 or 0, or weights between."""

    label_delimiter: str | None = None
    """Of a table: what stands between the labels of a clip that has several. It is never guessed."""

    root: Path | None = None
    """Of a table: the folder that paths start from; if not given, the table's own."""

    annotations: Path | None = None
    """What happens when in the recordings of the source: a file of Raven, Audacity, ELAN or BirdNET-Analyzer, or a
    folder of them. Such a file may be the source itself, where the recordings lie beside it."""

    clip_s: float | None = None
    """With annotations: cut recordings evenly into clips of so many seconds; if not given, each annotation is one."""

    clip_hop_s: float | None = None
    """With --clip: seconds from one clip's start to the next; if not given, clips do not overlap."""

    min_overlap_s: float = 0.25
    """With annotations: a clip has a label if so many seconds of the annotation lie within it, or all of it."""

    keep_empty: bool = False
    """With --clip: also keep clips in which nothing is annotated, as examples of no class."""

    def to_dict(self) -> dict[str, Any]:
        """The fields that are not as they are by default, as YAML holds them."""
        default = Reading()
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        changed = {name: value for name, value in given.items() if value != getattr(default, name)}
        return {name: _plain(value) for name, value in changed.items()}


AS_IT_IS = Reading()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
