"""Named models on the command line: the list, fetching, and the model that serves where none is named."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import auscult as library
from auscult.files import sha256_of_file
from auscult.models.registry import DEFAULT_MODEL, MODELS, STARTER_MODEL, NamedModel
from tests.file_server import FileServer, serving
from tests.tiny_models import tiny_spec, write_tiny_model
from tests.tiny_tflite import tiny_graph

from .conftest import Auscult, write_tones

NOWHERE = "https://127.0.0.1:1/model.onnx"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUSCULT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "home"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model file like any other, in the place of the default one."""
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture
def server(tiny: Path) -> Iterator[FileServer]:
    with serving(tiny.read_bytes()) as server:
        yield server


@pytest.fixture
def default(tiny: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> NamedModel:
    monkeypatch.delitem(MODELS, STARTER_MODEL, raising=False)
    model = replace(
        MODELS[DEFAULT_MODEL],
        n_classes=2,
        sample_rate=8000,
        window_s=0.1,
        hop_s=0.05,
        url=f"{server.url}.onnx",
        sha256=sha256_of_file(tiny),
        size_bytes=tiny.stat().st_size,
    )
    monkeypatch.setitem(MODELS, DEFAULT_MODEL, model)
    return model


@pytest.fixture
def offline(default: NamedModel, monkeypatch: pytest.MonkeyPatch) -> NamedModel:
    model = replace(default, url=NOWHERE)
    monkeypatch.setitem(MODELS, DEFAULT_MODEL, model)
    return model


@pytest.fixture
def starter(default: NamedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another model, which is in the package."""
    path = write_tiny_model(tmp_path / "starter.onnx", tiny_spec(("first", "second")))
    facts = {"sha256": sha256_of_file(path), "size_bytes": path.stat().st_size, "url": "", "packaged": str(path)}
    monkeypatch.setitem(MODELS, STARTER_MODEL, replace(default, name=STARTER_MODEL, **facts))
    return path


def test_the_list_is_a_table_for_people(auscult: Auscult) -> None:
    done = auscult("models", "list")
    assert (done.code, done.err) == (0, "")
    title, *lines = done.out.splitlines()
    assert title.split() == ["classes", "window", "rate", "size", "licence"]
    yamnet = next(line for line in lines if line.startswith("  yamnet"))
    assert yamnet.split() == ["yamnet", "521", "0.975", "s", "16000", "Hz", "4.1", "MB", "Apache-2.0", "not", "fetched"]
    assert {line.split()[0] for line in lines} >= set(MODELS)
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_list_is_a_record_a_line_for_programs(auscult: Auscult, default: NamedModel) -> None:
    done = auscult("models", "list", "--json")
    assert [record["name"] for record in done.records] == list(MODELS)
    assert done.records[0] == {**default.to_dict(), "path": None}
    auscult("models", "get", DEFAULT_MODEL)
    (record,) = auscult("models", "list", "--json").records
    assert sha256_of_file(record["path"]) == default.sha256
    assert "  fetched" in auscult("models", "list").out


def test_a_model_is_fetched_once_and_its_path_printed(
    auscult: Auscult, default: NamedModel, server: FileServer, home: Path
) -> None:
    done = auscult("models", "get", "yamnet")
    assert done.code == 0
    path = Path(done.out.removesuffix("\n"))
    assert path.is_relative_to(home / "models")
    assert sha256_of_file(path) == default.sha256
    assert done.err.splitlines()[-1].startswith("Fetching yamnet: ")
    again = auscult("models", "get", "yamnet")
    assert (again.code, again.out, again.err) == (0, done.out, "")
    path.unlink()
    assert auscult("models", "get", "yamnet", "--quiet").err == ""
    assert len(server.requests) == 2


def test_a_local_copy_is_taken_if_it_is_right(
    auscult: Auscult, offline: NamedModel, tiny: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(bytes(offline.size_bytes))
    done = auscult("models", "get", "yamnet", "--from", wrong)
    assert (done.code, done.out) == (2, "")
    assert f"{wrong}: is not the file of the model 'yamnet': its SHA-256 is" in done.err
    done = auscult("models", "get", "yamnet", "--from", tiny)
    assert (done.code, done.err) == (0, "")
    assert Path(done.out.removesuffix("\n")).read_bytes() == tiny.read_bytes()
    assert auscult("models", "get", "yamnet").out == done.out


@pytest.mark.usefixtures("offline")
def test_offline_and_not_here(auscult: Auscult) -> None:
    done = auscult("models", "get", "yamnet")
    assert (done.code, done.out) == (1, "")
    (message,) = done.err.splitlines()
    assert message.startswith(f"auscult: yamnet: this model is not here yet, and could not be fetched from {NOWHERE}")
    assert message.endswith("or bring the file from elsewhere: auscult models get yamnet --from FILE")


def test_an_unknown_name(auscult: Auscult) -> None:
    for command in (["models", "get", "yamnt"], ["models", "show", "yamnt"], ["classify", "a.wav", "-m", "yamnt"]):
        done = auscult(*command)
        assert (done.code, done.out) == (2, "")
        assert "did you mean 'yamnet'?" in done.err


def test_showing_a_name_fetches_nothing(auscult: Auscult, default: NamedModel, server: FileServer) -> None:
    done = auscult("models", "show", "yamnet")
    assert (done.code, done.err) == (0, "")
    said = " ".join(done.out.split())
    for words in (
        "classes 2 sound 8000 Hz window 0.1 s, one every 0.05 s licence Apache-2.0",
        f"origin {default.origin}",
        f"fetched from {default.url}",
        "not fetched yet; auscult models get yamnet does it",
    ):
        assert words in said
    (record,) = auscult("models", "show", "yamnet", "--json").records
    assert record == {"name": "yamnet", "registry": {**default.to_dict(), "path": None}}
    assert server.requests == []


def test_showing_a_name_that_is_here_shows_the_file_too(auscult: Auscult, default: NamedModel) -> None:
    path = auscult("models", "get", "yamnet").out.removesuffix("\n")
    said = " ".join(auscult("models", "show", "yamnet").out.split())
    assert "classes 2, one for each sound: early, late" in said
    assert f"origin {default.origin}" in said
    assert f"kept at {path}" in said.replace("- ", "-")
    (record,) = auscult("models", "show", "yamnet", "--json").records
    assert record == {**library.load("yamnet").describe(), "registry": {**default.to_dict(), "path": path}}


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_without_a_model_the_default_one_serves(
    auscult: Auscult, default: NamedModel, server: FileServer, clip: Path, form: list[str], starter: Path
) -> None:
    for _ in range(2):
        done = auscult("classify", clip, *form)
        assert done.code == 0
        assert "early" in done.out
    assert done.err == ""
    assert len(server.requests) == 1
    if form == ["--json"]:
        assert done.records[0]["model"]["digest"] == default.sha256


def test_the_hop_is_that_of_the_name_unless_another_is_given(
    auscult: Auscult, default: NamedModel, monkeypatch: pytest.MonkeyPatch, clip: Path
) -> None:
    monkeypatch.setitem(MODELS, DEFAULT_MODEL, replace(default, hop_s=0.1))
    assert len(auscult("classify", clip, "--windows", "--json").records[0]["windows"]) == 3
    assert len(auscult("classify", clip, "--windows", "--json", "--hop", 0.02).records[0]["windows"]) == 11


@pytest.mark.usefixtures("offline")
def test_where_the_default_one_cannot_be_had_people_get_the_starter_and_are_told(
    auscult: Auscult, clip: Path, starter: Path
) -> None:
    for quiet in ([], ["--quiet"]):
        done = auscult("classify", clip, *quiet)
        assert done.code == 0
        assert "first" in done.out
        (line,) = done.err.splitlines()
        assert line.startswith("auscult: starter, the small model in the package, serves this time. yamnet: this model")
        assert "could not be fetched" in line


def test_a_home_that_cannot_be_written_is_such_a_place(
    auscult: Auscult, default: NamedModel, clip: Path, starter: Path, home: Path
) -> None:
    home.write_text("in the way")
    done = auscult("classify", clip)
    assert done.code == 0
    assert "starter, the small model in the package, serves this time." in done.err
    assert "set AUSCULT_HOME" in done.err
    assert auscult("classify", clip, "--json").code == 1


@pytest.mark.usefixtures("offline", "starter")
@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_programs_get_an_error_that_names_the_choice(auscult: Auscult, clip: Path, form: str) -> None:
    done = auscult("classify", clip, form)
    assert (done.code, done.out) == (1, "")
    (message,) = done.err.splitlines()
    assert "yamnet: this model is not here yet" in message
    assert "auscult models get yamnet --from FILE" in message
    assert "or choose another model, such as 'starter', which is in the package" in message


@pytest.mark.usefixtures("offline", "starter")
def test_a_model_asked_for_by_name_is_never_replaced(auscult: Auscult, clip: Path) -> None:
    done = auscult("classify", clip, "--model", "yamnet")
    assert (done.code, done.out) == (1, "")
    assert "could not be fetched" in done.err
    done = auscult("classify", clip, "--model", "starter", "--json")
    assert (done.code, done.err) == (0, "")
    assert {one["label"] for one in done.records[0]["predictions"]} == {"first", "second"}


@pytest.mark.usefixtures("offline")
def test_without_a_starter_people_get_the_error_too(auscult: Auscult, clip: Path) -> None:
    done = auscult("classify", clip)
    assert (done.code, done.out) == (1, "")
    assert "auscult models get yamnet --from FILE" in done.err


def test_yamnet_from_a_local_copy_hears_speech_with_nothing_else_named(auscult: Auscult, shared_data: Path) -> None:
    source = shared_data / "yamnet" / "yamnet_audio_classifier_with_metadata.tflite"
    assert auscult("models", "get", "yamnet", "--from", source).code == 0
    done = auscult("classify", shared_data / "yamnet" / "speech.wav", "--json", "-k", 1)
    assert (done.code, done.err) == (0, "")
    assert done.records[0]["model"]["digest"] == MODELS["yamnet"].sha256
    (best,) = done.records[0]["predictions"]
    assert best["score"] > 0.9
    assert "/m/09x0r" in best.values() or "Speech" in best.values()


@pytest.mark.usefixtures("default")
def test_wrong_use_fetches_nothing(auscult: Auscult, server: FileServer, clip: Path) -> None:
    for wrong in (["--json", "--csv"], ["--top-k", 0], ["--allow", "a", "--deny", "b"], ["--labels", "nowhere.txt"]):
        done = auscult("classify", clip, *wrong)
        assert (done.code, done.out) == (2, "")
    assert server.requests == []


def test_labels_are_allowed_and_denied(auscult: Auscult, model: Path, tmp_path: Path, clip: Path) -> None:
    path = write_tiny_model(tmp_path / "four.onnx", tiny_spec(("a", "b", "c", "Inside, small room")))

    def named(*options: object) -> set[str]:
        (record,) = auscult("classify", clip, "-m", path, "--json", *options).records
        return {one["label"] for one in record["predictions"]}

    assert named("--allow", "a", "--allow", "Inside, small room") == {"a", "Inside, small room"}
    assert named("--deny", "a", "--deny", "b") == {"c", "Inside, small room"}
    assert named("--score-threshold", "1") == set()
    done = auscult("classify", clip, "-m", path, "--allow", "inside, small rooms")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'Inside, small room'?" in done.err


def test_options_go_on_to_the_model(
    auscult: Auscult, clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: dict[str, object] = {}

    def load(model: str, **options: object) -> None:
        given.update(model=model, **options)
        raise library.UsageError("enough")

    monkeypatch.setattr("auscult.classifier.load", load)
    labels = tmp_path / "labels"
    labels.write_bytes("\ufeffdog\r\nstra\u00dfe\r\n\r\n".encode())
    options = ["--sample-rate", 8000, "--locale", "de", "--hop", "0.5", "-k", 3, "--score-threshold", "0.25"]
    auscult("classify", clip, "-m", "x.tflite", "--labels", labels, *options)
    assert given == {
        "model": "x.tflite",
        "labels": ["dog", "straße"],
        "sample_rate": 8000,
        "hop_s": 0.5,
        "locale": "de",
        "head": None,
        "device": None,
        "top_k": 3,
        "score_threshold": 0.25,
        "allow": None,
        "deny": None,
        "quiet": False,
    }
    auscult("classify", clip, "-m", "x.tflite", "--labels", "dog, cat ,bird")
    assert given["labels"] == ["dog", "cat", "bird"]
    auscult("classify", clip, "-m", "hf:some/thing", "--quiet")
    assert given["quiet"] is True
    auscult("evaluate", "x.tflite", write_tones(tmp_path / "sounds", clips=1), "--labels", "high,low", "--hop", 1, "-q")
    assert (given["labels"], given["hop_s"], given["quiet"]) == (["high", "low"], 1.0, True)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A .tflite of two classes that says neither their names nor its sample rate."""
    path = tmp_path / "bare.tflite"
    path.write_bytes(tiny_graph(tiny_spec(("high", "low"))).to_bytes())
    return path


def test_a_model_file_that_says_nothing_is_told_of_by_options_of_the_command_line(
    auscult: Auscult, clip: Path, bare: Path, new_sounds: Path
) -> None:
    for command in (["classify", clip, "-m", bare], ["evaluate", bare, new_sounds], ["models", "show", bare]):
        done = auscult(*command)
        assert (done.code, done.out) == (2, "")
        assert "with labels= (--labels), 2 names" in done.err
        assert "sample_rate= (--sample-rate), in Hz" in done.err
        done = auscult(*command, "--labels", "high, low")
        assert done.code == 2
        assert "does not say its sample rate; name it with sample_rate= (--sample-rate), in Hz" in done.err
        done = auscult(*command, "--labels", "high,low", "--sample-rate", 8000)
        assert (done.code, done.err.startswith("auscult:")) == (0, False)


@pytest.mark.parametrize("command", ["classify", "evaluate"])
def test_quiet_fetches_without_a_word(
    auscult: Auscult, default: NamedModel, server: FileServer, clip: Path, tmp_path: Path, command: str
) -> None:
    folder = tmp_path / "sounds" / "early"
    folder.mkdir(parents=True)
    shutil.copy(clip, folder)
    of = {"classify": ["classify", clip], "evaluate": ["evaluate", "yamnet", folder.parent]}[command]
    done = auscult(*of, "--quiet")
    assert (done.code, done.err, len(server.requests)) == (0, "", 1)


@pytest.mark.parametrize("labels", ["", " , ", "nowhere.txt", "nowhere/labels"])
def test_labels_that_cannot_be_had(auscult: Auscult, model: Path, clip: Path, labels: str) -> None:
    done = auscult("classify", clip, "-m", model, "--labels", labels)
    assert (done.code, done.out) == (2, "")
    assert "with a label a line" in done.err or "with one a line" in done.err
