"""The names that users write: adding one or taking one away is a decision, which is made here."""

from __future__ import annotations

import ast
import importlib
from importlib.metadata import version
from pathlib import Path

import pytest

import auscult

NAMES = [
    "ArchiveRun",
    "AudioInfo",
    "AuscultError",
    "Classifier",
    "CrossValidation",
    "DataError",
    "Dataset",
    "Evaluation",
    "Event",
    "EventOptions",
    "Excerpt",
    "InputError",
    "Label",
    "MissingExtraError",
    "ModelChoice",
    "ModelFileError",
    "OutputError",
    "Prediction",
    "Reading",
    "Result",
    "Run",
    "Scores",
    "Sound",
    "Stream",
    "StreamWindow",
    "TrainOptions",
    "UsageError",
    "Waveform",
    "Window",
    "cross_validate",
    "detect_archive",
    "detect_files",
    "evaluate",
    "load",
    "open_dataset",
    "sound_from_array",
    "train",
]


def test_the_names_are_these() -> None:
    assert auscult.__all__ == NAMES
    assert set(NAMES) <= set(dir(auscult))


def test_the_version_is_the_package_s() -> None:
    assert auscult.__version__ == version("auscult")


@pytest.mark.parametrize("name", NAMES)
def test_each_name_gives_what_its_home_defines(name: str) -> None:
    home = importlib.import_module(auscult._HOME_OF[name])
    assert getattr(auscult, name) is getattr(home, name)
    assert callable(getattr(auscult, name))


def test_no_module_hides_a_name() -> None:
    """A submodule, once imported, becomes an attribute of the package, before `__getattr__` is asked."""
    folder = Path(auscult.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert modules & set(NAMES) == set()


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(auscult.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == auscult._HOME_OF


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'auscult' has no attribute 'trian'"):
        auscult.trian
