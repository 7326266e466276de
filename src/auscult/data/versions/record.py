"""`Version`: what is known of one version, as the small file says that makes it exist."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from auscult.data.schema import SourceKind, Task
from auscult.errors import DataError, InputError
from auscult.records import Label


@dataclass(frozen=True)
class Version:
    """One version of a dataset; never changed once it is there, only pruned.

    Parameters
    ----------
    name, number : of the dataset; counted from 1, never used twice
    parents : what it was made from, ``NAME@NUMBER``, in another store ``STORE/NAME@NUMBER``
    message : what its maker said
    created : UTC, ISO 8601
    digest : of the dataset, as `Dataset.digest` says it, which a training records
    n_clips : rows
    labels, task, source_kind : those of the dataset
    columns : names of those besides the columns of every dataset
    rows : SHA-256 of each file of the table, in order
    changes : how many clips were added, removed, changed, renamed since the first parent
    added_bytes : of contents that the store did not hold before
    pruned : when its rows were given up, None for a version that is there
    problems : sounds that were left out when it was made; not kept
    is_new : False where nothing was different, so that no version had to be made; not kept
    """

    name: str
    number: int
    parents: tuple[str, ...]
    message: str
    digest: str
    n_clips: int
    labels: tuple[Label, ...]
    task: Task
    source_kind: SourceKind
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    changes: dict[str, int]
    added_bytes: int
    created: str = field(default_factory=lambda: now())
    pruned: str | None = None
    problems: tuple[InputError, ...] = field(default=(), compare=False)
    is_new: bool = field(default=True, compare=False)

    @property
    def key(self) -> str:
        return version_key(self.name, self.number)

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` shows."""
        record = self._kept()
        del record["rows"]
        return record | {"labels": [label.id for label in self.labels]}

    def to_bytes(self) -> bytes:
        """JSON with a checksum of itself: a version that a disk has changed is noticed before it is believed."""
        record = self._kept()
        return json.dumps({"version": record, "sha256": _checksum(record)}, ensure_ascii=False, indent=1).encode()

    def _kept(self) -> dict[str, Any]:
        record = asdict(replace(self, problems=()))
        del record["problems"], record["is_new"]
        return record

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Version:
        """
        Raises
        ------
        DataError : damaged; naming `where`
        """
        try:
            whole = json.loads(content)
            record = dict(whole["version"])
            if whole["sha256"] != _checksum(record):
                raise ValueError("its checksum is another")
            labels = tuple(Label(label["id"], label["name"]) for label in record.pop("labels"))
            for name in ("parents", "columns", "rows"):
                record[name] = tuple(record[name])
            return cls(labels=labels, **record)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(where, str(error)) from error


class DamagedError(DataError):
    """A file of the store that is not what was written, or is gone: `is_missing`. `key` names it."""

    def __init__(self, where: str, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(
            f"{where}: this file of the store is damaged ({reason}); take it from a backup, or use another version."
        )
        self.key = where
        self.is_missing = is_missing


def version_key(name: str, number: int) -> str:
    return f"versions/{name}/{number:06d}.json"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _checksum(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
