"""Datasets drawn as pictures: the same labels, splits, folds and groups; kept when right, named when not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from auscult.audio import load_waveform
from auscult.data import Dataset, Reading, open_dataset
from auscult.data.spectrograms import Drawn, picture_form, picture_names, write_spectrograms
from auscult.data.versions import Store
from auscult.errors import DataError, OutputError, UsageError
from auscult.features import log_mel, preset, read_picture
from tests.tiny_corpora import class_folders, esc50_tree, split_folders, table_of_many_labels, table_with_groups


def draw(dataset: Dataset, folder: Path, **form: Any) -> Drawn:
    return write_spectrograms(dataset, folder, picture_form(dataset, **({"features": "auscult"} | form)), quiet=True)


def said(dataset: Dataset) -> dict[str, tuple[Any, ...]]:
    """What is known of each clip, by its name without its ending; groups only as far as they join clips."""
    groups = dataset.groups().tolist()
    rows = zip(dataset.clips(), groups, strict=True)
    names = {str(Path(clip.uri).with_suffix("")): (clip, group) for clip, group in rows}
    first = {group: name for name, (_, group) in reversed(names.items())}
    return {name: (clip.labels, clip.split, clip.fold, first[group]) for name, (clip, group) in names.items()}


@pytest.mark.parametrize(
    ("make", "table"),
    [
        (lambda root: class_folders(root, clips_per_class=2), False),
        (split_folders, False),
        (esc50_tree, True),
        (table_with_groups, True),
        (table_of_many_labels, True),
    ],
    ids=["class-folders", "split-folders", "esc50", "groups", "many-labels"],
)
def test_the_pictures_read_as_a_source_know_what_the_sounds_did(
    tmp_path: Path, make: Callable[[Path], Path], table: bool
) -> None:
    sounds = open_dataset(make(tmp_path / "sounds"))
    # One that cannot be decoded is named, and has no picture.
    bad = [clip.uri for clip in sounds.clips() if "nan" in clip.uri]
    drawn = draw(sounds, tmp_path / "pictures")
    assert (drawn.n_written, drawn.n_kept, drawn.n_others) == (len(sounds) - len(bad), 0, 0)
    assert len(drawn.problems) == len(bad)
    pictures = open_dataset(tmp_path / "pictures")
    assert pictures.problems == ()
    assert (pictures.medium, pictures.task, set(pictures.labels)) == ("picture", sounds.task, set(sounds.labels))
    good = sounds.only(clips=[clip.uri for clip in sounds.clips() if clip.uri not in bad])
    assert said(pictures) == said(good)
    assert (tmp_path / "pictures" / "metadata.csv").exists() == table
    ids = dict(zip(good.table["uri"].to_pylist(), good.table["clip_id"].to_pylist(), strict=True))
    of = zip(pictures.table["uri"].to_pylist(), pictures.table["picture_of"].to_pylist(), strict=True)
    assert {uri.replace(".png", ".wav"): clip for uri, clip in of} == ids


def test_a_picture_is_the_log_mel_of_its_clip(tmp_path: Path) -> None:
    sounds = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=1))
    drawn = draw(sounds, tmp_path / "pictures", features="clearml")
    spec = preset("clearml")
    for clip in sounds.clips():
        with open((tmp_path / "pictures" / clip.uri).with_suffix(".png"), "rb") as file:
            picture = read_picture(file, "it")
        assert picture.note is not None
        assert (picture.note.form, picture.note.clip) == (drawn.form, clip.clip_id)
        samples = load_waveform(clip.source, sample_rate=spec.sample_rate).samples
        assert picture.note.n_samples == len(samples)
        away = np.abs(drawn.form.log_mel(picture.values) - log_mel(samples, spec))
        assert float(away.max()) <= drawn.form.step_db / 2 + 1e-4


def test_right_pictures_are_kept_and_others_written_again(tmp_path: Path) -> None:
    sounds = Dataset.from_folder(class_folders(tmp_path / "sounds", clips_per_class=2))
    out = tmp_path / "pictures"
    draw(sounds, out)
    before = {path: path.read_bytes() for path in out.rglob("*.png")}
    (out / "low" / "0.png").unlink()
    (out / "low" / "1.png").write_bytes(before[out / "low" / "1.png"][:-40])
    PIL.Image.new("L", (9, 9)).save(out / "high" / "0.png")
    PIL.Image.new("L", (9, 9)).save(out / "high" / "strange.png")
    drawn = draw(sounds, out)
    assert (drawn.n_written, drawn.n_kept, drawn.n_others) == (3, 3, 1)
    assert {path: path.read_bytes() for path in before} == before
    # Another range is another picture.
    assert draw(sounds, out, high_db=40.0).n_written == 6
    assert not list(out.rglob("*.partial*"))


def test_parts_of_a_recording_stay_one_group(tmp_path: Path) -> None:
    class_folders(tmp_path, clips_per_class=1)
    table = tmp_path / "parts.csv"
    table.write_text(
        "path,label,start_s,end_s\nlow/0.wav,low,0,0.2\nlow/0.wav,low,0.2,0.5\nhigh/0.wav,high,0,0.2\n"
        "middle/0.wav,middle,,\n"
    )
    draw(Dataset.from_csv(table), tmp_path / "pictures")
    pictures = Dataset.from_folder(tmp_path / "pictures")
    assert [clip.uri for clip in pictures.clips()] == [
        "low/0-0-1600.png", "low/0-1600.png", "high/0-0-1600.png", "middle/0.png"
    ]  # fmt: skip
    groups = pictures.groups().tolist()
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3


def test_sounds_of_one_name_get_names_of_their_own(tmp_path: Path, write_sound: Callable[..., Path]) -> None:
    for name in ("cat/1.wav", "cat/1.wave", "dog/1.wav"):
        write_sound(tmp_path / name)
    clips = Dataset.from_folder(tmp_path).clips()
    assert picture_names(clips) == ["cat/1.wav.png", "cat/1.wave.png", "dog/1.wav.png"]


def test_the_rate_of_the_own_features_is_that_of_the_sounds(tmp_path: Path) -> None:
    sounds = Dataset.from_folder(class_folders(tmp_path, clips_per_class=1))
    assert picture_form(sounds, "auscult").features == preset("auscult", sample_rate=8000)
    assert picture_form(sounds, "auscult", sample_rate=16000).features.sample_rate == 16000
    with pytest.raises(UsageError, match="fixed at 22050 Hz"):
        picture_form(sounds, "clearml", sample_rate=8000)


def test_pictures_may_lie_beside_their_sounds_where_no_table_is_needed(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "sounds", clips_per_class=1)
    draw(Dataset.from_folder(root), root)
    assert len(open_dataset(root)) == len(open_dataset(root, Reading(pictures=True))) == 3
    assert open_dataset(root).medium == "sound"
    tree = esc50_tree(tmp_path / "esc50")
    with pytest.raises(DataError, match="a folder of its own"):
        draw(Dataset.from_folder(tree), tree)


def test_what_must_not_be_overwritten_or_drawn_is_refused(tmp_path: Path) -> None:
    sounds = Dataset.from_folder(esc50_tree(tmp_path / "esc50"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metadata.csv").write_text("file_name,label\nmine.wav,x\n")
    with pytest.raises(OutputError, match="not one of pictures"):
        draw(sounds, tmp_path / "out")
    form = picture_form(sounds)
    write_spectrograms(sounds, tmp_path / "pictures", form, quiet=True)
    # A table from before would speak of the clips of another source.
    others = Dataset.from_folder(class_folders(tmp_path / "others", clips_per_class=1))
    write_spectrograms(others, tmp_path / "pictures", form, quiet=True)
    assert len(Dataset.from_folder(tmp_path / "pictures")) == 3
    with pytest.raises(DataError, match="is a sound"):
        write_spectrograms(Dataset.from_folder(tmp_path / "pictures"), tmp_path / "again", form, quiet=True)


def test_as_a_child_version_only_the_pictures_are_new(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "sounds", clips_per_class=2)
    store = Store(tmp_path / "store")
    store.create("tones", root, quiet=True)
    draw(store.open("tones"), tmp_path / "pictures")
    before = {path for path in (tmp_path / "store" / "content").rglob("*") if path.is_file()}
    child = store.add("tones", tmp_path / "pictures", quiet=True)
    new = {path for path in (tmp_path / "store" / "content").rglob("*") if path.is_file()} - before
    pictures_of = [path.read_bytes() for path in (tmp_path / "pictures").rglob("*.png")]
    assert sorted(path.read_bytes() for path in new) == sorted(pictures_of)
    assert (child.n_clips, child.changes["added"]) == (12, 6)
    name = f"{tmp_path}/store/tones"
    assert len(open_dataset(name).of_medium()) == 6
    pictures = open_dataset(name, Reading(pictures=True))
    assert (len(pictures), pictures.medium) == (6, "picture")
    # Drawn again, from the version that holds both: the sounds are drawn, and all is there.
    again = draw(store.open("tones"), tmp_path / "pictures")
    assert (again.n_written, again.n_kept) == (0, 6)
