"""Every form of source, by Python and on the command line: the same four sounds under the same two classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from auscult.data import Dataset, Reading, open_dataset
from auscult.data.versions import Store
from tests.cli.conftest import Auscult

RATE = 8000
SOUNDS = {"a": "dog", "b": "dog", "c": "cat", "d": "cat"}


def write_sounds(folder: Path) -> dict[str, Path]:
    """Noise of 0.5 s, in one folder."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOUNDS:
        soundfile.write(folder / f"{name}.wav", generator.uniform(-0.5, 0.5, RATE // 2), RATE)
    return {name: folder / f"{name}.wav" for name in SOUNDS}


@dataclass(frozen=True)
class Form:
    """A source on disk: what the command line is given."""

    source: Path | str
    options: tuple[str, ...] = ()
    reading: Reading | None = None


def class_folders(root: Path) -> Form:
    for name, path in write_sounds(root / "loose").items():
        (root / "sounds" / SOUNDS[name]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / "sounds" / SOUNDS[name])
    return Form(root / "sounds")


def split_folders(root: Path) -> Form:
    for name, path in write_sounds(root / "loose").items():
        folder = root / "sounds" / ("train" if name in "ac" else "val") / SOUNDS[name]
        folder.mkdir(parents=True)
        shutil.copy(path, folder)
    return Form(root / "sounds")


def audiofolder(root: Path) -> Form:
    write_sounds(root)
    rows = [json.dumps({"file_name": f"{name}.wav", "label": label}) for name, label in SOUNDS.items()]
    (root / "metadata.jsonl").write_text("\n".join(rows))
    return Form(root)


def csv_table(root: Path) -> Form:
    write_sounds(root / "wav")
    rows = [f"{name}.wav;{label};yes" for name, label in SOUNDS.items()]
    (root / "clips.csv").write_text("\n".join(["sound;what;good", *rows]))
    options = ("--path-column", "sound", "--label-column", "what", "--root", str(root / "wav"))
    return Form(root / "clips.csv", options, Reading(path_column="sound", label_column="what", root=root / "wav"))


def one_column_a_class(root: Path) -> Form:
    write_sounds(root)
    rows = [f"{name}.wav,{int(label == 'cat')},{int(label == 'dog')}" for name, label in SOUNDS.items()]
    (root / "clips.csv").write_text("\n".join(["path,cat,dog", *rows]))
    options = ("--label-columns", "cat", "--label-columns", "dog")
    return Form(root / "clips.csv", options, Reading(label_columns=("cat", "dog")))


def json_lines(root: Path) -> Form:
    write_sounds(root)
    rows = [json.dumps({"path": f"{name}.wav", "label": {label: 1.0}}) for name, label in SOUNDS.items()]
    (root / "clips.jsonl").write_text("\n".join(rows))
    return Form(root / "clips.jsonl")


def parquet(root: Path) -> Form:
    write_sounds(root)
    rows = [{"path": f"{name}.wav", "label": label} for name, label in SOUNDS.items()]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), root / "clips.parquet")
    return Form(root / "clips.parquet")


def one_recording(root: Path) -> Path:
    sounds = [soundfile.read(path)[0] for path in write_sounds(root / "loose").values()]
    soundfile.write(root / "day.wav", np.concatenate(sounds), RATE)
    return root


MARKS = "".join(f"{0.5 * i:.3f}\t{0.5 * (i + 1):.3f}\t{label}\n" for i, label in enumerate(SOUNDS.values()))


def annotations(root: Path) -> Form:
    (one_recording(root) / "day.txt").write_text(MARKS)
    return Form(root / "day.txt")


def annotated_recordings(root: Path) -> Form:
    one_recording(root / "audio")
    (root / "marks").mkdir()
    (root / "marks" / "day.txt").write_text(MARKS)
    return Form(root / "audio", ("--annotations", str(root / "marks")), Reading(annotations=root / "marks"))


def mapped(root: Path) -> Form:
    for name, path in write_sounds(root / "loose").items():
        (root / "sounds" / f"{SOUNDS[name]}-{name}").mkdir(parents=True)
        shutil.copy(path, root / "sounds" / f"{SOUNDS[name]}-{name}")
    rows = [f"{label}-{name},{label}" for name, label in SOUNDS.items()]
    (root / "map.csv").write_text("\n".join(["label,to", *rows]))
    return Form(root / "sounds", ("--map", str(root / "map.csv")), Reading(map=root / "map.csv"))


def version(root: Path) -> Form:
    Store(str(root / "store")).create("pets", open_dataset(class_folders(root).source))
    return Form(f"{root / 'store'}/pets@1")


FORMS: list[Callable[[Path], Form]] = [
    class_folders,
    split_folders,
    audiofolder,
    csv_table,
    one_column_a_class,
    json_lines,
    parquet,
    annotations,
    annotated_recordings,
    mapped,
    version,
]


def held(dataset: Dataset) -> list[tuple[str, ...]]:
    return sorted(clip.labels or () for clip in dataset.clips())


@pytest.mark.parametrize("make", FORMS)
def test_a_form_of_source(auscult: Auscult, tmp_path: Path, make: Callable[[Path], Form]) -> None:
    form = make(tmp_path)
    dataset = open_dataset(form.source, form.reading)
    assert (dataset.task, dataset.problems) == ("single_label", ())
    assert sorted(label.id for label in dataset.labels) == ["cat", "dog"]
    assert held(dataset) == [("cat",), ("cat",), ("dog",), ("dog",)]
    done = auscult("data", "check", form.source, *form.options, "--json", "--quiet")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["n_clips"], said["source_kind"], said["seconds"]) == (4, dataset.source_kind, 2.0)
    assert {name: each["clips"] for name, each in said["classes"].items()} == {"cat": 2, "dog": 2}


def test_forms_in_python_alone(tmp_path: Path) -> None:
    paths = list(write_sounds(tmp_path).values())
    arrays = np.stack([soundfile.read(path, dtype="float32")[0] for path in paths])
    labels = list(SOUNDS.values())
    records = [{"path": str(path), "label": label} for path, label in zip(paths, labels, strict=True)]
    datasets = [
        Dataset.from_files(paths, labels),
        Dataset.from_arrays(arrays, labels, sample_rate=RATE),
        Dataset.from_table(records),
        Dataset.from_table(pyarrow.Table.from_pylist(records)),
    ]
    for dataset in datasets:
        assert held(dataset) == [("cat",), ("cat",), ("dog",), ("dog",)]
        np.testing.assert_array_equal(dataset.targets(), datasets[0].targets())
