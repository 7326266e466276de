"""A store in each kind of place, and labelled sounds to put into it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from auscult.data import Dataset
from auscult.data.versions import Store

MakeSound = Callable[..., Path]


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store that is not there yet."""
    return Store(tmp_path / "store" if request.param == "folder" else f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def folder_store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def stored_bytes(store: Store, prefix: str = "content") -> int:
    return sum(entry.n_bytes for entry in store.place.entries(prefix))


def labels_by_uri(dataset: Dataset) -> dict[str, tuple[str, ...] | None]:
    return {clip.uri: clip.labels for clip in dataset.clips()}
