"""What versions hold, and what they cost."""

from __future__ import annotations

import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from auscult.audio import decode
from auscult.data import Dataset, open_dataset
from auscult.data.versions import Store, VersionRef, column_values, find_version, open_version, prune, verify
from auscult.errors import DataError, InputError, OutputError
from tests.data.conftest import WriteSound
from tests.data.versions.conftest import labels_by_uri, stored_bytes


def contents(store: Store) -> set[str]:
    return {entry.key for entry in store.place.entries("content")}


def test_a_version_holds_what_its_source_held(store: Store, sounds: Path) -> None:
    version = store.create("pets", sounds, message="all of them", quiet=True)
    source, back = open_dataset(sounds), store.open("pets@1")
    assert (str(version), version.message, version.n_clips, version.parents) == ("pets@1", "all of them", 5, ())
    assert version.changes == {"added": 5, "removed": 0, "changed": 0, "renamed": 0}
    assert labels_by_uri(back) == labels_by_uri(source)
    assert back.labels == source.labels
    assert back.digest() == source.digest() == version.digest
    for clip, original in zip(back.clips(), source.clips(), strict=True):
        assert decode(clip.source).samples.tobytes() == decode(original.source).samples.tobytes()


def test_it_does_not_change_with_its_source(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    store.create("pets", sounds, quiet=True)
    before = store.open("pets").digest()
    write_sound(sounds / "cat" / "1.wav")
    shutil.rmtree(sounds / "dog")
    assert store.open("pets").digest() == before
    assert verify(store, ["pets"], quiet=True)


def test_a_rename_stores_no_sound(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    before = contents(store)
    (sounds / "dog" / "1.wav").rename(sounds / "cat" / "9.wav")
    (sounds / "dog").rename(sounds / "hound")
    version = store.sync("pets", sounds, quiet=True)
    assert contents(store) == before
    assert version.changes == {"added": 0, "removed": 0, "changed": 0, "renamed": 3}
    assert store.diff("pets@1", "pets@2").renamed == (
        ("dog/1.wav", "cat/9.wav"),
        ("dog/2.wav", "hound/2.wav"),
        ("dog/3.wav", "hound/3.wav"),
    )


def test_equal_clips_are_stored_once(store: Store, tmp_path: Path, write_sound: WriteSound) -> None:
    for name in ("cat/1.wav", "cat/2.wav", "cat/3.wav"):
        write_sound(tmp_path / "s" / name, 7)
    write_sound(tmp_path / "s" / "dog" / "1.wav", 8)
    assert store.create("pets", tmp_path / "s", quiet=True).n_clips == 4
    assert len(contents(store)) == 2
    store.create("others", tmp_path / "s", quiet=True)
    assert len(contents(store)) == 2


def test_the_next_version_is_what_the_source_now_holds(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    store.create("pets", sounds, quiet=True)
    write_sound(sounds / "cow" / "1.wav")
    write_sound(sounds / "cat" / "2.wav")
    (sounds / "dog" / "3.wav").unlink()
    version = store.sync("pets", sounds, quiet=True)
    found = store.diff("pets@1", "pets@2")
    assert (found.added, found.removed, found.changed) == (("cow/1.wav",), ("dog/3.wav",), ("cat/2.wav",))
    assert [label.id for label in version.labels] == ["cat", "cow", "dog"]
    assert version.parents == ("pets@1",)
    assert version.digest == open_dataset(sounds).digest()


def test_a_change_that_keeps_size_and_time_is_seen(store: Store, sounds: Path) -> None:
    import os

    store.create("pets", sounds, quiet=True)
    file = sounds / "cat" / "1.wav"
    status, content = file.stat(), bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.sync("pets", sounds, quiet=True).changes["changed"] == 1


def test_nothing_new_makes_no_version(store: Store, sounds: Path) -> None:
    first = store.create("pets", sounds, quiet=True)
    again = store.sync("pets", sounds, quiet=True)
    assert (again, again.is_new) == (first, False)
    assert len(store.log("pets")) == 1


def test_clips_are_added_under_a_folder(store: Store, sounds: Path, tmp_path: Path, write_sound: WriteSound) -> None:
    store.create("pets", sounds, quiet=True)
    more = tmp_path / "more"
    write_sound(more / "cat" / "1.wav")
    write_sound(more / "hen" / "1.wav")
    with pytest.raises(DataError, match=r"1 files have the names of others.*'cat/1\.wav'.*--under"):
        store.add("pets", more, quiet=True)
    version = store.add("pets", more, under="field/", quiet=True)
    assert store.diff("pets@1", "pets@2").added == ("field/cat/1.wav", "field/hen/1.wav")
    assert [label.id for label in version.labels] == ["cat", "dog", "hen"]
    assert store.add("pets@1", more, replace=True, quiet=True).parents == ("pets@1",)
    assert store.diff("pets@1", "pets@3").changed == ("cat/1.wav",)


@pytest.mark.parametrize("under", ["../x", "x/..", "./x", "a//b"])
def test_clips_are_added_inside_the_dataset(under: str, store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    with pytest.raises(DataError, match="'under' parameter must be a folder inside"):
        store.add("pets", sounds, under=under, quiet=True)


def test_clips_that_are_there_already_are_not_added_again(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    assert not store.add("pets", sounds, quiet=True).is_new


def test_clips_are_removed_by_pattern_and_label(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.remove("pets", ["dog/[12]*"])
    assert store.diff("pets@1", "pets@2").removed == ("dog/1.wav", "dog/2.wav")
    left = store.remove("pets", labels=["cat"])
    assert ([label.id for label in left.labels], left.n_clips) == (["dog"], 1)
    for wrong, rule in (({"patterns": ["cow*"]}, "uri matches 'cow"), ({"labels": ["cow"]}, "label is 'cow'")):
        with pytest.raises(DataError, match=f"no clip whose {rule}.*Nothing was removed"):
            store.remove("pets@1", **wrong)
    with pytest.raises(DataError, match="No clip would be left"):
        store.remove("pets@1", ["*"])
    with pytest.raises(DataError, match="Say which clips"):
        store.remove("pets@1")


def test_a_clip_is_removed_by_its_name_whatever_that_is(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    write_sound(sounds / "dog" / "[1].wav", 9)
    store.create("pets", sounds, quiet=True)
    store.remove("pets", ["dog/[1].wav"])
    assert store.diff("pets@1", "pets").removed == ("dog/[1].wav",)


def test_a_part_of_a_file_is_removed_by_its_name(store: Store, sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("path,start_s,end_s,label\nsounds/cat/1.wav,0,0.002,a\nsounds/cat/1.wav,0.002,,b\n")
    store.create("pets", table, quiet=True)
    (name, _) = store.diff("pets", store.create("none", sounds, quiet=True).name).removed
    store.remove("pets", [name])
    assert store.diff("pets@1", "pets").removed == (name,)


def test_labels_and_parts_are_set_by_a_table(store: Store, sounds: Path, tmp_path: Path) -> None:
    store.create("pets", sounds, quiet=True)
    before = contents(store)
    table = tmp_path / "new.csv"
    table.write_text(
        "path,label,split,fold,group,weight_kg,note\ncat/1.wav,tom,training,2,g1,4.5,\ncat/2.wav,cat,,,,,x\n"
    )
    version = store.set("pets", table)
    assert contents(store) == before
    back = store.open("pets")
    rows = {row["uri"]: row for row in back.table.to_pylist()}
    assert [label.id for label in back.labels] == ["cat", "dog", "tom"]
    assert rows["cat/1.wav"]["labels"] == [{"id": "tom", "weight": 1.0}]
    assert [rows["cat/1.wav"][name] for name in ("split", "fold", "group", "weight_kg", "note")] == [
        "train",
        2,
        "g1",
        4.5,
        None,
    ]
    assert [rows["cat/2.wav"][name] for name in ("split", "fold", "note")] == [None, None, "x"]
    assert rows["dog/1.wav"]["labels"] == [{"id": "dog", "weight": 1.0}]
    assert version.columns == ("weight_kg", "note")
    assert store.diff("pets@1", "pets@2").changed == ("cat/1.wav",)


def test_texts_stay_texts(store: Store, sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    rows = [f"{path.relative_to(tmp_path).as_posix()},{path.parent.name}" for path in sorted(sounds.rglob("*.wav"))]
    table.write_text("\n".join(["path,label,site", *(f"{row},{n}" for n, row in enumerate(rows))]))
    store.create("pets", table, quiet=True)
    uri = store.open("pets").table["uri"].to_pylist()[0]
    table.write_text(f"path,site,code,id,level\n{uri},9.5,007,{'9' * 25},-1e3\n")
    store.set("pets", table)
    row = store.open("pets").table.to_pylist()[0]
    # The CSV that made the dataset gave it texts, as every CSV does.
    assert (row["site"], row["code"], row["id"], row["level"]) == ("9.5", "007", "9" * 25, -1000.0)


def test_a_table_speaks_by_clip_id_too(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    ids = store.open("pets").table["clip_id"].to_pylist()
    store.set("pets", pa.table({"clip_id": ids[:2], "score": [0.25, 0.75]}))
    assert store.open("pets").table["score"].to_pylist() == [0.25, 0.75, None, None, None]


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ({"path": ["cow/1.wav"], "label": ["cow"]}, r"1 of the names are no uri.*'cow/1\.wav'.*nothing was changed"),
        ({"path": ["cat/1.wav", "cat/1.wav"], "fold": ["1", "2"]}, "fold is '2', and '1'"),
        ({"path": ["cat/1.wav"], "split": ["trian"]}, "split must be one of"),
        ({"path": ["cat/1.wav"], "fold": ["one"]}, "fold must be a whole number"),
        ({"path": ["cat/1.wav"], "label": ["Dog"]}, "differ by case only"),
        ({"name": ["cat/1.wav"]}, "one column must say of which clips"),
        ({"path": ["cat/1.wav", "cat/2.wav"], "x": ["1", ["2"]]}, "must be of one kind|must be a data frame"),
    ],
)
def test_a_table_that_makes_no_sense_changes_nothing(
    store: Store, sounds: Path, table: dict[str, list[Any]], rule: str
) -> None:
    store.create("pets", sounds, quiet=True)
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    with pytest.raises(DataError, match=rule):
        store.set("pets", rows)
    assert len(store.log("pets")) == 1


def test_a_number_that_no_table_holds_is_refused(store: Store, sounds: Path, tmp_path: Path) -> None:
    store.create("pets", sounds, quiet=True)
    (tmp_path / "new.jsonl").write_text(json.dumps({"path": "cat/1.wav", "x": 10**30}))
    with pytest.raises(DataError, match="must be of one kind, that a table holds"):
        store.set("pets", tmp_path / "new.jsonl")


def test_a_column_of_arrays_stores_only_itself(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    audio = contents(store)
    clips = store.open("pets").clips()
    features = {clip.uri: np.full((4, 8), i // 2, np.float32) for i, clip in enumerate(clips)}
    version = store.set_column("pets", "log_mel", features.items())
    assert len(contents(store) - audio) == 3  # five values, of which three are different
    back = store.open("pets")
    for clip, value in zip(back.clips(), column_values(back, "log_mel"), strict=True):
        np.testing.assert_array_equal(value, features[clip.uri], strict=True)
    assert version.columns == ("log_mel",)
    assert version.added_bytes < 20_000
    assert store.diff("pets@1", "pets@2").to_dict()["columns_added"] == ["log_mel"]
    assert not store.set_column("pets", "log_mel", features.items()).is_new


def test_columns_stay_with_the_content_of_their_clips(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    store.create("pets", sounds, quiet=True)
    uris = store.open("pets").table["uri"].to_pylist()
    store.set_column("pets", "picture", ((uri, uri.encode()) for uri in uris))
    (sounds / "dog" / "1.wav").rename(sounds / "dog" / "9.wav")
    write_sound(sounds / "dog" / "10.wav")
    store.sync("pets", sounds, quiet=True)
    back = store.open("pets")
    values = dict(zip(back.table["uri"].to_pylist(), column_values(back, "picture"), strict=True))
    assert values == {
        "cat/1.wav": b"cat/1.wav",
        "cat/2.wav": b"cat/2.wav",
        "dog/10.wav": None,
        "dog/2.wav": b"dog/2.wav",
        "dog/3.wav": b"dog/3.wav",
        "dog/9.wav": b"dog/1.wav",
    }
    store.drop_columns("pets", ["picture"])
    with pytest.raises(DataError, match="must be one whose values a store keeps"):
        list(column_values(store.open("pets"), "picture"))


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("labels", [("cat/1.wav", b"x")], "another kind of column"),
        ("mel", [("cow/1.wav", b"x")], "no uri of a clip"),
        ("mel", [], "at least one"),
        ("mel", [("cat/1.wav", b"x"), ("cat/2.wav", np.zeros(1))], "all arrays, or all bytes"),
    ],
)
def test_a_column_that_makes_no_sense_is_refused(
    store: Store, sounds: Path, column: str, values: Any, rule: str
) -> None:
    store.create("pets", sounds, quiet=True)
    with pytest.raises(DataError, match=rule):
        store.set_column("pets", column, values)


def test_sounds_in_memory_become_files(store: Store) -> None:
    arrays = [np.linspace(-1, 1, 50 + i, dtype=np.float32) for i in range(3)]
    store.create("lines", Dataset.from_arrays(arrays, ["up", "up", "down"], sample_rate=8000), quiet=True)
    back = store.open("lines")
    assert {decode(clip.source).samples.tobytes() for clip in back.clips()} == {array.tobytes() for array in arrays}
    assert back.table["uri"].to_pylist() == ["array-1.wav", "array-2.wav", "array-3.wav"]
    assert verify(store, ["lines"], quiet=True)


def test_a_version_goes_to_another_store_with_its_columns(store: Store, sounds: Path, tmp_path: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.set_column("pets", "mel", [("cat/1.wav", np.arange(3))])
    other = Store(tmp_path / "other")
    version = other.create("copied", store.open("pets@2"), quiet=True)
    assert version.parents == (f"{store.url}/pets@2",)
    assert contents(other) == contents(store)
    assert next(column_values(other.open("copied"), "mel")).tolist() == [0, 1, 2]


def test_datasets_of_one_store_are_put_together_without_storing(store: Store, sounds: Path) -> None:
    store.create("cats", open_dataset(sounds).select([0, 1]), quiet=True)
    store.create("dogs", open_dataset(sounds).select([2, 3, 4]), quiet=True)
    before = stored_bytes(store)
    version = store.add("cats", store.open("dogs"), quiet=True)
    assert (version.parents, version.n_clips) == (("cats@1", "dogs@1"), 5)
    assert stored_bytes(store) == before


def test_a_version_that_was_pruned_since_it_was_opened_makes_no_other(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.remove("pets", ["dog/1.wav"])
    opened = store.open("pets@1")
    prune(store, ["pets@1"])
    with pytest.raises(InputError, match=r"pets@1: dog/1\.wav"):
        store.create("others", opened, quiet=True)
    assert store.names() == ["pets"]


def test_tags_name_versions(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.remove("pets", labels=["cat"])
    store.tag("pets@1", "all")
    assert store.version("pets@all").number == 1
    with pytest.raises(DataError, match="version 1 is called so; give --move"):
        store.tag("pets@2", "all")
    store.tag("pets@2", "all", move=True)
    assert store.tags("pets") == {"all": 2}
    store.untag("pets", "all")
    with pytest.raises(DataError, match="there is no such tag"):
        store.version("pets@all")


def test_what_is_not_there_is_said(store: Store, sounds: Path) -> None:
    with pytest.raises(DataError, match="there is no store of datasets"):
        store.sync("pets", sounds, quiet=True)
    with pytest.raises(DataError, match="there is no store of datasets"):
        store.names()
    store.create("pets", sounds, quiet=True)
    with pytest.raises(DataError, match=r"no dataset of this store is called 'pests'; it has \['pets'\]"):
        store.open("pests")
    with pytest.raises(DataError, match="there is no such version; pets has 1 to 1"):
        store.open("pets@2")
    with pytest.raises(DataError, match="there is a dataset called 'pets' already"):
        store.create("pets", sounds, quiet=True)


def test_of_two_who_write_one_is_told(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    store.create("pets", sounds, quiet=True)
    write_sound(sounds / "hen" / "1.wav")

    def meanwhile() -> Any:
        store.remove("pets", labels=["cat"])
        return [("dog/1.wav", b"x")]

    class Late:
        """Values that are asked for when the writer has already looked at the newest version."""

        def __iter__(self) -> Any:
            return iter(meanwhile())

    with pytest.raises(OutputError, match=r"somebody made version 2 of pets meanwhile.*run again"):
        store.set_column("pets", "mel", Late())  # type: ignore[arg-type]
    assert store.version("pets").changes["removed"] == 2
    store.set_column("pets", "mel", [("dog/1.wav", b"x")])
    assert verify(store, ["pets@1", "pets@2", "pets@3"], quiet=True)


def test_many_at_once_lose_nothing(folder_store: Store, sounds: Path) -> None:
    folder_store.create("pets", sounds, quiet=True)

    def write(number: int) -> bool:
        try:
            folder_store.set("pets", pa.table({"path": ["cat/1.wav"], f"x{number}": [number]}))
        except OutputError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        n_written = sum(pool.map(write, range(16)))
    assert n_written >= 1
    assert [version.number for version in folder_store.log("pets")] == list(range(1, n_written + 2))
    # Each is made from the one before it: none was written over another.
    assert len(folder_store.version("pets").columns) == n_written


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_version_made_around_the_reading_of_the_base(
    folder_store: Store, sounds: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whether it is just before or just after: either the new version holds it, or its writer is told."""
    folder_store.create("pets", sounds, quiet=True)
    other = Store(folder_store.url)
    read = Store.version

    def interrupted(store: Store, ref: str) -> Any:
        if store is not folder_store:
            return read(store, ref)
        monkeypatch.setattr(Store, "version", read)
        base = read(store, ref) if moment == "after" else None
        other.set("pets", pa.table({"path": ["cat/1.wav"], "other": [1]}))
        return base or read(store, ref)

    monkeypatch.setattr(Store, "version", interrupted)
    mine = pa.table({"path": ["cat/1.wav"], "mine": [2]})
    if moment == "after":
        with pytest.raises(OutputError, match="somebody made version 2"):
            folder_store.set("pets", mine)
        assert set(folder_store.version("pets").columns) == {"other"}
    else:
        assert set(folder_store.set("pets", mine).columns) == {"other", "mine"}


def test_a_file_that_cannot_be_used_is_left_out_and_named(store: Store, sounds: Path) -> None:
    (sounds / "cat" / "bad.wav").write_bytes(b"RIFF no sound")
    version = store.create("pets", sounds, quiet=True)
    assert version.n_clips == 5
    assert [Path(problem.source).name for problem in version.problems] == ["bad.wav"]


def test_a_file_that_changes_while_it_is_stored_stops_everything(
    store: Store, sounds: Path, write_sound: WriteSound
) -> None:
    dataset = open_dataset(sounds)
    write_sound(sounds / "cat" / "1.wav")
    with pytest.raises(InputError, match=r"cat/1\.wav: it was changed while it was being stored"):
        store.create("pets", dataset, quiet=True)
    assert store.log("pets") == []


def test_a_file_that_is_gone_before_it_is_stored_is_named(store: Store, sounds: Path) -> None:
    dataset = open_dataset(sounds)
    (sounds / "dog" / "1.wav").unlink()
    with pytest.raises(InputError, match=r"dog/1\.wav: it is gone; run the command again"):
        store.create("pets", dataset, quiet=True)


def test_a_store_needs_a_place_of_its_own(sounds: Path) -> None:
    with pytest.raises(DataError, match=r"a store needs a place of its own. Got one that holds '(cat|dog)/"):
        Store(sounds).create("pets", sounds, quiet=True)
    # Beside other things it does no harm.
    assert Store(sounds.parent).create("pets", sounds, quiet=True).n_clips == 5
    (sounds.parent / "other" / "versions").mkdir(parents=True)
    (sounds.parent / "other" / "versions" / "mine.txt").write_text("x")
    with pytest.raises(DataError, match=r"Got one that holds 'versions/mine\.txt'"):
        Store(sounds.parent / "other").create("pets", sounds, quiet=True)


def test_a_dataset_is_no_store(folder_store: Store, sounds: Path) -> None:
    folder_store.create("pets", sounds, quiet=True)
    with pytest.raises(DataError, match="pets: this is the dataset pets of a store"):
        Store(f"{folder_store.url}/pets").create("more", sounds, quiet=True)
    assert Store(f"{folder_store.url}/others").create("more", sounds, quiet=True).n_clips == 5


def test_a_store_of_a_newer_format_is_refused(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.place.replace("auscult-store.json", json.dumps({"format": 2}).encode())
    with pytest.raises(DataError, match="a store of format 2, and this auscult knows 1; upgrade"):
        Store(store.url)


def test_a_version_is_a_source(folder_store: Store, sounds: Path, tmp_path: Path) -> None:
    folder_store.create("pets", sounds, quiet=True)
    assert find_version(f"{folder_store.url}/pets@1") == VersionRef(folder_store.url, "pets", 1)
    assert find_version(str(tmp_path / "nowhere" / "pets")) is None
    assert find_version(str(sounds / "cat")) is None
    assert find_version("\0") is None
    folder_store.place.replace("auscult-store.json", b"{")
    with pytest.raises(DataError, match=r"auscult-store\.json: this file of the store is damaged"):
        open_dataset(f"{folder_store.url}/pets")
    folder_store.place.replace("auscult-store.json", b'{"format": 1}')
    dataset = open_version(VersionRef(folder_store.url, "pets"))
    assert open_dataset(f"{folder_store.url}/pets").digest() == dataset.digest()


def test_a_dataset_of_a_version_pickles(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    dataset = store.open("pets")
    clips = pickle.loads(pickle.dumps(dataset.clips()))  # noqa: S301 - our own
    with ThreadPoolExecutor(4) as pool:
        sounds_read = list(pool.map(lambda clip: decode(clip.source).samples.tobytes(), clips * 5))
    assert sounds_read[:5] == [decode(clip.source).samples.tobytes() for clip in open_dataset(sounds).clips()]


def test_a_sound_is_called_by_its_version_and_name(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    clip = store.open("pets").clips()[0]
    store.place.delete(next(key for key in contents(store) if clip.content_hash in key))
    with pytest.raises(InputError, match=r"pets@1: cat/1\.wav: (the store has lost|there is no such file)"):
        decode(clip.source)
