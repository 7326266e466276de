"""The table of named models, and their files: fetched once, checked each time, brought by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

import auscult
from auscult.downloads import Patience
from auscult.errors import DownloadError, ModelFileError, OutputError, UsageError
from auscult.files import sha256_of_file
from auscult.models.registry import (
    DEFAULT_MODEL,
    MODELS,
    STARTER_MODEL,
    NamedModel,
    cached_file,
    import_file,
    model_file,
    named_model,
)
from tests import file_server
from tests.file_server import FileServer, serving
from tests.tiny_models import tiny_spec, write_tiny_model

NOWHERE = "http://127.0.0.1:1/model.onnx"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("auscult.downloads.PATIENCE", Patience(wait_s=0))
    return tmp_path / "home"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture
def server(tiny: Path) -> Iterator[FileServer]:
    with serving(tiny.read_bytes()) as server:
        yield server


@pytest.fixture
def ears(tiny: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> NamedModel:
    """A named model like any other, on this machine."""
    model = replace(
        MODELS["yamnet"],
        name="ears",
        url=f"{server.url.removesuffix('.bin')}.onnx?version=1",
        sha256=sha256_of_file(tiny),
        size_bytes=tiny.stat().st_size,
        hop_s=0.025,
    )
    monkeypatch.setitem(MODELS, "ears", model)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_every_row_says_all_that_it_should(name: str) -> None:
    model = MODELS[name]
    assert model.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", name), "neither a path nor a file's name"
    assert model.summary
    assert "\n" not in model.summary
    assert model.n_classes >= 2
    assert model.sample_rate >= 4000
    assert 0 < model.hop_s <= model.window_s
    assert re.fullmatch(r"[A-Za-z0-9.+-]+", model.licence), "an SPDX name"
    assert model.origin.startswith("https://")
    assert model.paper
    assert re.fullmatch(r"[0-9a-f]{64}", model.sha256)
    assert 0 < model.size_bytes < 2**31
    assert bool(model.url) != bool(model.packaged)
    if model.url:
        assert re.fullmatch(r"https://[^/]+/.+\.(onnx|tflite)", model.url)
    with pytest.raises(FrozenInstanceError):
        model.name = "x"  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.packaged is not None])
def test_a_packaged_model_is_in_the_package(name: str) -> None:
    model, path = MODELS[name], model_file(name)
    assert path.is_relative_to(Path(auscult.__file__).parent)
    assert (path.stat().st_size, sha256_of_file(path)) == (model.size_bytes, model.sha256)
    assert cached_file(name) == path
    assert import_file(name, path) == path
    spec = auscult.load(name).spec
    assert (len(spec.heads[0].labels), spec.sample_rate) == (model.n_classes, model.sample_rate)
    assert (spec.window_s, spec.hop_s) == (pytest.approx(model.window_s), pytest.approx(model.hop_s))


def test_the_default_model_is_a_named_one() -> None:
    assert DEFAULT_MODEL in MODELS


def test_yamnet_is_the_published_file(shared_data: Path) -> None:
    model = MODELS["yamnet"]
    path = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
    assert (path.stat().st_size, sha256_of_file(path)) == (model.size_bytes, model.sha256)
    assert cached_file("yamnet") is None
    kept = import_file("yamnet", path)
    assert cached_file("yamnet") == kept == model_file("yamnet")
    assert kept.suffix == ".tflite"


def test_a_name_fetches_once_and_opens(ears: NamedModel, server: FileServer, home: Path) -> None:
    assert cached_file("ears") is None
    for _ in range(2):
        assert model_file("ears", quiet=True) == home / "models" / f"ears-{ears.sha256[:12]}.onnx"
    assert cached_file("ears") == model_file("ears")
    classifier = auscult.load("ears")
    assert classifier.digest == ears.sha256
    assert classifier.spec.hop_s == ears.hop_s
    assert auscult.load("ears", hop_s=0.05).spec.hop_s == 0.05
    assert len(server.requests) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_opening_a_name_fetches(
    ears: NamedModel, server: FileServer, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    assert auscult.load("ears", quiet=quiet).spec == replace(tiny_spec(), hop_samples=200)
    assert len(server.requests) == 1
    assert (capsys.readouterr().err == "") == quiet


def test_a_damaged_file_is_not_used(ears: NamedModel, server: FileServer) -> None:
    path = model_file("ears")
    path.write_bytes(bytes(ears.size_bytes))
    assert cached_file("ears") is None
    assert model_file("ears") == path
    assert sha256_of_file(path) == ears.sha256
    assert len(server.requests) == 2


def test_another_version_of_a_name_is_another_file(ears: NamedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model_file("ears")
    monkeypatch.setitem(MODELS, "ears", replace(ears, sha256="0" * 64))
    assert cached_file("ears") is None
    with pytest.raises(DownloadError, match="not the file"):
        model_file("ears")
    assert path.exists()


def test_offline_and_not_here_says_what_to_do(ears: NamedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "ears", replace(ears, url=NOWHERE))
    match = (
        rf"^ears: this model is not here yet, and could not be fetched from {NOWHERE}: the server is not reached .*; "
        "connect to the internet.*, or bring the file from elsewhere: auscult models get ears --from FILE"
    )
    with pytest.raises(DownloadError, match=match) as error:
        auscult.load("ears")
    assert error.value.kind == "unreachable"


def test_an_error_names_the_packaged_model_where_there_is_one(
    ears: NamedModel, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [file_server.status(404)]
    monkeypatch.setitem(MODELS, STARTER_MODEL, replace(ears, name=STARTER_MODEL, packaged="starter.onnx"))
    with pytest.raises(DownloadError, match="or choose another model, such as 'starter', which is in the package"):
        model_file("ears")
    monkeypatch.delitem(MODELS, STARTER_MODEL)
    with pytest.raises(DownloadError, match=r"--from FILE$"):
        model_file("ears")


def test_offline_and_here_is_enough(ears: NamedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = model_file("ears")
    monkeypatch.setitem(MODELS, "ears", replace(ears, url=NOWHERE))
    assert model_file("ears") == path


def test_a_local_copy_is_taken(ears: NamedModel, tiny: Path, server: FileServer) -> None:
    kept = import_file("ears", tiny)
    assert kept == cached_file("ears") == model_file("ears")
    assert kept.read_bytes() == tiny.read_bytes()
    assert import_file("ears", kept) == kept
    assert server.requests == []


def test_a_local_copy_that_is_another_file_is_refused(ears: NamedModel, tiny: Path) -> None:
    tiny.write_bytes(tiny.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelFileError, match=rf"is not the file of the model 'ears': its SHA-256 is .* {ears.sha256}"):
        import_file("ears", tiny)
    tiny.write_bytes(b"short")
    with pytest.raises(ModelFileError, match=rf"it has 5 bytes where {ears.size_bytes} are expected; it is at http"):
        import_file("ears", tiny)
    assert cached_file("ears") is None


def test_a_local_copy_that_cannot_be_read_is_named(ears: NamedModel, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere.onnx: cannot be read \(No such file"):
        import_file("ears", tmp_path / "nowhere.onnx")
    with pytest.raises(ModelFileError, match=r"it has|cannot be read"):
        import_file("ears", tmp_path)


def test_a_home_that_cannot_be_written_is_named(ears: NamedModel, tiny: Path, home: Path) -> None:
    home.write_text("in the way")
    with pytest.raises(OutputError, match="set AUSCULT_HOME to a folder that can be"):
        import_file("ears", tiny)
    with pytest.raises(OutputError, match="set AUSCULT_HOME to a folder that can be written"):
        model_file("ears")


@pytest.mark.parametrize(
    "call", [named_model, model_file, cached_file, auscult.load, lambda name: import_file(name, "x")]
)
def test_an_unknown_name_is_told_with_the_nearest(call) -> None:
    with pytest.raises(UsageError, match=r"'yamnt' is not the name of a model.*did you mean 'yamnet'"):
        call("yamnt")
    with pytest.raises(UsageError, match=r"they are .*yamnet"):
        call("xyzzy")
