"""The unit of work, as a cluster would run it."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

import auscult
from auscult.archive.unit import ModelChoice, detect_files
from auscult.errors import UsageError

from .conftest import OPTIONS


def names(sounds: Path) -> list[str]:
    return [str(path) for path in sorted(sounds.rglob("*.wav"))]


def test_it_finds_what_the_classifier_finds(sounds: Path, model: str) -> None:
    found = detect_files(names(sounds), model=model, options=OPTIONS)
    classifier = auscult.load(model)
    good = [name for name in names(sounds) if not name.endswith("bad.wav")]
    events = [event for name in good for event in classifier.detect(name, OPTIONS)]
    assert found.events == {
        column: [getattr(event, column) for event in events]
        for column in ("source", "start_s", "end_s", "label", "score", "name")
    }
    assert found.heard["source"] == good
    assert found.heard["duration_s"] == [1.0] * 12
    assert (found.failures["source"], found.failures["kind"]) == ([names(sounds)[6]], ["unsupported"])


def test_how_recordings_are_dealt_out_changes_nothing(sounds: Path, model: str) -> None:
    together = detect_files(names(sounds), model=model, options=OPTIONS, workers=3)
    alone = [detect_files([name], model=model, options=OPTIONS) for name in names(sounds)]
    for table in ("events", "heard", "failures"):
        for column, values in getattr(together, table).items():
            assert values == [value for one in alone for value in getattr(one, table)[column]]


def test_it_runs_in_another_process_with_plain_values(sounds: Path, model: str) -> None:
    work = partial(detect_files, model=ModelChoice(model=model).to_dict(), options=asdict(OPTIONS))
    assert pickle.loads(pickle.dumps(work)).func is detect_files  # noqa: S301 - our own
    batches = [names(sounds)[:7], names(sounds)[7:]]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(work, batches)
    assert found == [work(batch) for batch in batches]


def test_its_columns_are_an_arrow_table(sounds: Path, model: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(detect_files(names(sounds), model=model, options=OPTIONS).events)
    assert [str(field.type) for field in table.schema] == ["string", "double", "double", "string", "double", "string"]


def test_labels_and_windows_are_chosen_with_the_model(sounds: Path, model: str) -> None:
    found = detect_files(names(sounds)[:3], model=ModelChoice(model=model, allow=["early"], hop_s=0.1), options=OPTIONS)
    assert set(found.events["label"]) == {"early"}
    assert all(round(start_s * 10) == pytest.approx(start_s * 10) for start_s in found.events["start_s"])


def test_wrong_options_are_errors(sounds: Path, model: str) -> None:
    with pytest.raises(UsageError, match="'on'"):
        detect_files(names(sounds), model=model, options={"on": 7})
