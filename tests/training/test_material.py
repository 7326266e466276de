"""Which clips a training takes for what."""

from __future__ import annotations

import pytest

from auscult.data import Dataset
from auscult.errors import DataError
from auscult.training.material import choose_split
from auscult.training.options import TrainOptions
from tests.tiny_corpora import class_folders


@pytest.mark.parametrize("test", [0.0, 0.2])
def test_one_class_is_refused_before_anything_is_split(tmp_path, test):
    dataset = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=2))
    one = dataset.labels[0]
    rows = [i for i, clip in enumerate(dataset.clips()) if clip.labels == (one.id,)]
    alone = Dataset(dataset.select(rows).table, dataset.root, (one,), "single_label")
    with pytest.raises(DataError, match=f"at least two classes are needed. Got one, '{one.id}'"):
        choose_split(alone, None, TrainOptions(test=test))
