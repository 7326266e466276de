"""Checkpoints: what is found, what is recorded, and what is never opened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from auscult.errors import MissingExtraError, ModelFileError, UsageError
from auscult.models.hf_checkpoint import find_checkpoint
from tests.tiny_hf import write_waveform

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_waveform(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "tiny"))


@pytest.fixture
def hub_cache(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub that holds `someone/tiny` at `COMMIT`."""
    import huggingface_hub

    repository = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(original, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return repository


def change_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_folder_is_a_checkpoint_without_a_revision(folder: Path) -> None:
    found = find_checkpoint(str(folder))
    assert (found.folder, found.revision, found.model_type) == (folder, None, "wav2vec2")
    assert found.origin == f"hf:{folder}"
    assert [path.name for path in found.weights] == ["model.safetensors"]


@pytest.mark.parametrize("asked", ["someone/tiny", f"someone/tiny@{COMMIT}", "someone/tiny@main"])
def test_a_name_on_the_hub_is_pinned_to_its_commit(hub_cache: Path, asked: str) -> None:
    found = find_checkpoint(asked)
    assert found.revision == COMMIT
    assert found.origin == f"hf:someone/tiny@{COMMIT}"
    assert find_checkpoint(found.origin.removeprefix("hf:")) == found


def test_a_revision_may_be_a_parameter(hub_cache: Path) -> None:
    assert find_checkpoint("someone/tiny", revision="main").revision == COMMIT
    with pytest.raises(UsageError, match="named twice and differently"):
        find_checkpoint("someone/tiny@main", revision=COMMIT)


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(UsageError, match="'revision' parameter belongs to names on the hub"):
        find_checkpoint(str(folder), revision="main")


@pytest.mark.parametrize("asked", ["someone/other", "someone/tiny@v2"])
def test_offline_a_name_that_is_not_cached_says_what_to_do(hub_cache: Path, asked: str) -> None:
    with pytest.raises(ModelFileError, match=r"need a network the first time\. Go online once, or name a folder"):
        find_checkpoint(asked)


@pytest.mark.parametrize("asked", ["", "no such/folder/here", "../up", "a b", "a/../b"])
def test_what_is_neither_folder_nor_name(asked: str) -> None:
    with pytest.raises(ModelFileError, match="no such folder, and it cannot be a name on the hub"):
        find_checkpoint(asked or "/no/such/folder")


def test_weights_as_pickle_are_never_opened(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelFileError, match=r"only pytorch_model\.bin, which is pickle and could run code"):
        find_checkpoint(str(folder))


def test_no_weights_at_all(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"must be model\.safetensors; there is none"):
        find_checkpoint(str(folder))


def test_code_beside_the_weights_is_never_run(folder: Path) -> None:
    (folder / "modeling_own.py").write_text("raise SystemExit('the code of a checkpoint ran')\n")
    change_config(folder, model_type="own", auto_map={"AutoModelForAudioClassification": "modeling_own.Own"})
    with pytest.raises(ModelFileError, match=r"needs Python code of its own .* which auscult never runs"):
        find_checkpoint(str(folder))


def test_a_family_that_transformers_does_not_know(folder: Path) -> None:
    change_config(folder, model_type="from-the-future")
    with pytest.raises(ModelFileError, match="knows no model_type 'from-the-future'; upgrade it"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_configuration_that_is_no_object(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match=r"config\.json: it must hold a JSON object"):
        find_checkpoint(str(folder))


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"holds no config\.json"):
        find_checkpoint(str(tmp_path))


def test_the_digest_is_of_what_decides_the_answers(folder: Path) -> None:
    before = find_checkpoint(str(folder)).digest
    (folder / "README.md").write_text("A model.\n")
    assert find_checkpoint(str(folder)).digest == before
    change_config(folder, problem_type="multi_label_classification")
    assert find_checkpoint(str(folder)).digest != before


def test_the_licence_is_read_from_the_card(folder: Path) -> None:
    assert find_checkpoint(str(folder)).license.startswith("unspecified")
    (folder / "README.md").write_text("---\ntags:\n- audio\nlicense: bsd-3-clause\n---\n# license: other\n")
    assert find_checkpoint(str(folder)).license == "bsd-3-clause"


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r'pip install "auscult\[hf\]"'):
        find_checkpoint("someone/tiny")
