"""Names on the hub, with a hub of the tests' own: what is asked of it, and what its refusals come to."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

import auscult
from auscult.errors import ModelFileError
from auscult.models.hf_checkpoint import find_checkpoint
from tests.tiny_hf import some_sound, write_waveform

pytest.importorskip("transformers", reason="the extra hf is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """`someone/tiny` with one commit; `someone/gated`, `someone/broken`; everything else is unknown."""

    server: HubServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        if "gated" in path:
            self.refuse(403, "GatedRepo")
        elif "broken" in path:
            self.refuse(500, None)
        elif "someone/tiny" not in path:
            self.refuse(404, "RepoNotFound")
        elif path == "/api/models/someone/tiny/revision/main":
            self.answer_json({"_id": "1", "id": "someone/tiny", "sha": COMMIT, "siblings": []})
        elif path == f"/api/models/someone/tiny/tree/{COMMIT}":
            self.answer_json([self.entry(file) for file in sorted(self.server.folder.iterdir())])
        elif path.startswith(f"/someone/tiny/resolve/{COMMIT}/"):
            self.answer((self.server.folder / path.rpartition("/")[2]).read_bytes())
        else:
            self.refuse(404, "RevisionNotFound")

    def entry(self, file: Path) -> dict[str, Any]:
        return {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": f"{hash(file.name):040x}"[-40:]}

    def answer_json(self, value: Any) -> None:
        self.answer(json.dumps(value).encode(), "application/json")

    def answer(self, content: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{abs(hash(self.path)):x}"', "Content-Type": kind}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def refuse(self, status: int, code: str | None) -> None:
        self.send_response(status)
        if code is not None:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class HubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Hub)
        self.folder = folder
        self.asked: list[str] = []


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    from huggingface_hub import constants

    folder = write_waveform(tmp_path / "repository")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    # What must never be fetched.
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling_own.py").write_text("raise SystemExit\n")
    (folder / "tf_model.h5").write_bytes(b"weights of another library")
    server = HubServer(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_name_is_fetched_pinned_and_then_kept(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    samples = some_sound(1.0)
    model = auscult.load("hf:someone/tiny")
    assert model.describe()["origin"] == f"hf:someone/tiny@{COMMIT}"
    assert model.spec.name == "someone/tiny"
    assert model.spec.license == "apache-2.0"
    scores = model.classify(samples).sound_scores
    np.testing.assert_array_equal(scores, auscult.load(f"hf:{hub.folder}").classify(samples).sound_scores)
    fetched = {path.rpartition("/")[2] for path in hub.asked if "/resolve/" in path}
    assert fetched == {"config.json", "preprocessor_config.json", "model.safetensors", "README.md"}

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert auscult.load("hf:someone/tiny").digest == model.digest
    assert auscult.load("hf:someone/tiny", revision=COMMIT).digest == model.digest
    assert hub.asked == []


def test_fetching_shows_bars_unless_it_is_to_be_quiet(hub: HubServer, capfd: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub import constants

    auscult.load("hf:someone/tiny", quiet=True)
    fetched = len(hub.asked)
    quiet = capfd.readouterr()
    shutil.rmtree(constants.HF_HUB_CACHE)
    auscult.load("hf:someone/tiny")
    assert any(path.endswith("model.safetensors") for path in hub.asked[fetched:])
    assert quiet.out == quiet.err == ""
    assert capfd.readouterr().err != ""


def test_a_hub_that_went_away_leaves_what_was_fetched(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    before = find_checkpoint("someone/tiny")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert find_checkpoint("someone/tiny") == before


def test_only_pickle_on_the_hub(hub: HubServer) -> None:
    (hub.folder / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"its weights must be model\.safetensors; there is none"):
        find_checkpoint("someone/tiny")
    assert not any(path.endswith(".bin") for path in hub.asked)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ("someone/unknown", "no such model on the hub"),
        ("someone/gated", "its owner asks for consent"),
        ("someone/tiny@v9", "the hub has no revision 'v9' of it"),
        ("someone/broken", "the hub could not be asked"),
    ],
)
def test_refusals_of_the_hub(hub: HubServer, asked: str, match: str) -> None:
    with pytest.raises(ModelFileError, match=match):
        find_checkpoint(asked)
