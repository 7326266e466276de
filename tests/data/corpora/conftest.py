"""A home of the tests' own, and a web server with the archives of every corpus in small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auscult.data.corpora.registry import CORPORA
from tests.corpus_trees import SMALL, Small
from tests.folder_server import FolderServer, serving_folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderServer]:
    """Serves `tmp_path / "served"`; proxies of this machine are not asked."""
    monkeypatch.setenv("no_proxy", "*")
    with serving_folder(tmp_path / "served") as server:
        yield server


@pytest.fixture(params=list(SMALL))
def small(request: pytest.FixtureRequest) -> Small:
    return SMALL[request.param]()


@pytest.fixture
def served(small: Small, server: FolderServer, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A corpus in small whose archives the server has; the registry knows it by the corpus's name."""
    corpus = small.write_archives(server.folder, server.url)
    monkeypatch.setitem(CORPORA, corpus.name, corpus)
    return Small(corpus, small.archives, small.files)
