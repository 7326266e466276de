"""Training straight from a version in a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from auscult.data import open_dataset
from auscult.data.versions import Store
from auscult.evaluation import evaluate
from auscult.training import TrainOptions, cross_validate, train
from tests.tiny_corpora import table_with_groups

QUICK = TrainOptions(size="tiny", epochs=1, batch_size=8, threads=1, precision="32", backbone="scratch")


@pytest.mark.slow  # trains a small network three times, twice in processes of its own
def test_a_version_is_trained_on_and_named(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    store = Store(tmp_path / "store")
    store.create("tones", table_with_groups(tmp_path / "sounds"), quiet=True)
    dataset = store.open("tones")

    run = train(f"{store.url}/tones", output=tmp_path / "run", options=QUICK, quiet=True)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["source"] == f"{store.url}/tones@1"
    assert config["dataset_digest"] == dataset.digest() == store.version("tones").digest
    assert run.problems == ()

    # The table of the run says which clips were kept apart; as a version it can be evaluated on.
    store.set("tones", tmp_path / "run" / "split.csv", message="as in the run")
    assert store.version("tones").columns == store.version("tones@1").columns
    tested = open_dataset(f"{store.url}/tones").only(splits=["test"])
    again = evaluate(run.model, tested, quiet=True)
    assert json.dumps(again.to_dict()) == json.dumps(run.metrics_dict())

    # Other processes open the store again.
    done = cross_validate(
        f"{store.url}/tones@1", output=tmp_path / "folds", options=QUICK, n_folds=2, jobs=2, quiet=True
    )
    assert len(done.folds) == 2
