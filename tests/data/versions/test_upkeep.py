"""Damage that is found, and what nobody needs any more."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.data import open_dataset
from auscult.data.versions import Store, prune, verify
from auscult.data.versions.content import content_key
from auscult.data.versions.guard import PRUNING, writing
from auscult.data.versions.places import Entry
from auscult.data.versions.record import now
from auscult.errors import DataError, OutputError
from tests.data.conftest import WriteSound
from tests.data.versions.conftest import stored_bytes


def damage(store: Store, key: str, position: int = -1) -> None:
    content = bytearray(store.place.read(key))
    content[position] ^= 1
    store.place.replace(key, bytes(content))


def key_of(store: Store, uri: str) -> str:
    return next(content_key(clip.content_hash) for clip in store.open("pets").clips() if clip.uri == uri)


def test_what_is_missing_and_what_is_damaged_is_named(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    write_sound(sounds / "cat" / "twin.wav", 5)
    write_sound(sounds / "cat" / "twin2.wav", 5)
    store.create("pets", sounds, quiet=True)
    store.set_column("pets", "mel", [("dog/2.wav", b"1"), ("dog/3.wav", b"2")])
    assert verify(store, ["pets"], quiet=True).to_dict() == {"missing": [], "damaged": []}
    store.place.delete(key_of(store, "dog/1.wav"))
    damage(store, key_of(store, "cat/twin.wav"))
    damage(store, content_key(store.open("pets").table["mel"].to_pylist()[-1]))
    found = verify(store, ["pets"], quiet=True)
    assert not found
    assert found.to_dict() == {
        "missing": ["dog/1.wav"],
        "damaged": ["cat/twin.wav", "cat/twin2.wav", "dog/3.wav (mel)"],
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), which=st.integers(0, 10**6))
def test_a_byte_that_changed_anywhere_in_a_version_is_found(
    store: Store, sounds: Path, share: float, which: int
) -> None:
    if not store.place.exists("auscult-store.json"):
        store.create("pets", sounds, message="é", quiet=True)
    entries = sorted(e for prefix in ("content", "rows", "versions") for e in store.place.entries(prefix))
    entry = entries[which % len(entries)]
    before = store.place.read(entry.key)
    damage(store, entry.key, int(share * entry.n_bytes))
    found = verify(store, ["pets"], quiet=True)
    store.place.replace(entry.key, before)
    # What is no letter may be another spelling of the same JSON: then nothing has changed that anybody could see.
    if not found.damaged:
        assert entry.key.startswith("versions/")
        assert verify(store, ["pets"], quiet=True)


def test_a_damaged_sound_comes_back_with_its_source(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    damage(store, key_of(store, "dog/1.wav"))
    assert verify(store, ["pets"], discard=True, quiet=True).damaged == ("dog/1.wav",)
    assert verify(store, ["pets"], quiet=True).missing == ("dog/1.wav",)
    assert not store.sync("pets", sounds, quiet=True).is_new
    assert verify(store, ["pets"], quiet=True)


def test_a_version_whose_file_is_damaged_is_named(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    damage(store, "versions/pets/000001.json", 30)
    assert verify(store, ["pets"], quiet=True).damaged == ("versions/pets/000001.json",)
    assert store.live() == [("pets", 1)]
    with pytest.raises(DataError, match=r"versions/pets/000001\.json: this file of the store is damaged"):
        store.open("pets")


def history(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    """Version 1: all; 2: without the first cat, with a new dog; 3: without that dog."""
    store.create("pets", sounds, quiet=True)
    (sounds / "cat" / "1.wav").unlink()
    write_sound(sounds / "dog" / "4.wav")
    store.sync("pets", sounds, quiet=True)
    (sounds / "dog" / "4.wav").unlink()
    store.sync("pets", sounds, quiet=True)


def test_a_part_of_the_table_that_is_gone_is_missing(store: Store, sounds: Path) -> None:
    key = f"rows/{store.create('pets', sounds, quiet=True).rows[0]}.parquet"
    store.place.delete(key)
    assert verify(store, ["pets"], quiet=True).to_dict() == {"missing": [key], "damaged": []}


def test_pruning_removes_what_only_old_versions_need(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    history(store, sounds, write_sound)
    before = stored_bytes(store, "")
    planned = prune(store, ["pets"], keep=1, dry_run=True)
    assert stored_bytes(store, "") == before
    assert prune(store, ["pets"], keep=1) == planned
    assert planned.versions == ("pets@1", "pets@2")
    assert sum(entry.key.startswith("content/") for entry in planned.entries) == 2
    assert verify(store, ["pets"], quiet=True)
    assert open_dataset(sounds).digest() == store.open("pets").digest()
    assert len(list(store.place.entries("content"))) == 4
    with pytest.raises(DataError, match="this version was pruned"):
        store.open("pets@1")
    assert [version.pruned is None for version in store.log("pets")] == [False, False, True]
    assert prune(store).entries == ()


def test_numbers_are_not_used_again(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    history(store, sounds, write_sound)
    prune(store, ["pets@2"])
    assert [version.number for version in store.versions("pets")] == [1, 3]
    assert store.remove("pets", labels=["cat"]).number == 4


def test_what_has_a_tag_and_what_is_newest_stays(store: Store, sounds: Path, write_sound: WriteSound) -> None:
    history(store, sounds, write_sound)
    store.tag("pets@1", "paper")
    assert prune(store, ["pets"], keep=1).versions == ("pets@2",)
    for ref in ("pets@1", "pets@3", "pets@paper"):
        with pytest.raises(DataError, match="the newest version, and one that has a tag, stays"):
            prune(store, [ref])
    with pytest.raises(DataError, match="say which version is to go"):
        prune(store, ["pets"])
    with pytest.raises(DataError, match="must be at least 1"):
        prune(store, ["pets"], keep=0)
    with pytest.raises(DataError, match="say of which dataset 1 versions stay"):
        prune(store, keep=1)


def test_other_datasets_keep_what_they_share(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.create("twin", sounds, quiet=True)
    store.remove("pets", labels=["cat"])
    prune(store, ["pets"], keep=1)
    assert verify(store, ["pets", "twin"], quiet=True)


def test_nothing_is_pruned_while_nobody_knows_what_is_needed(
    store: Store, sounds: Path, write_sound: WriteSound
) -> None:
    history(store, sounds, write_sound)
    damage(store, f"rows/{store.version('pets@1').rows[0]}.parquet")
    before = stored_bytes(store, "")
    with pytest.raises(DataError, match=r"rows/.*damaged"):
        prune(store, ["pets@2"])
    assert stored_bytes(store, "") == before
    assert not store.place.exists(PRUNING)


def test_who_writes_is_not_disturbed(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    with writing(store.place):
        store.place.replace("content/0a/0a", b"on its way to a version")
        with pytest.raises(OutputError, match=r"this store is being written \(process \d+ on .*--force"):
            prune(store)
        assert store.place.exists("content/0a/0a")
    assert prune(store).entries == (Entry("content/0a/0a", 23),)


def test_nobody_writes_while_somebody_prunes(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    store.place.replace(
        PRUNING, json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": now()}).encode()
    )
    with pytest.raises(OutputError, match="this store is being pruned"):
        store.remove("pets", labels=["cat"])
    with pytest.raises(OutputError, match="this store is being pruned"):
        prune(store)
    assert prune(store, force=True).entries == ()
    assert store.remove("pets", labels=["cat"]).number == 2


@pytest.mark.skipif(os.name != "posix", reason="only POSIX tells whether a process runs")
def test_who_was_killed_is_not_waited_for(store: Store, sounds: Path) -> None:
    store.create("pets", sounds, quiet=True)
    # No process has this number: it is above what Linux and macOS give.
    dead = json.dumps({"host": socket.gethostname(), "process": 2**30, "since": now()}).encode()
    store.place.replace("writers/x.json", dead)
    store.place.replace(PRUNING, dead)
    assert store.remove("pets", labels=["cat"]).number == 2
    assert [entry.key for entry in prune(store).entries] == ["writers/x.json"]
    store.place.replace(
        "writers/y.json", json.dumps({"host": "elsewhere", "process": 1, "since": "2020-01-01T00:00:00+00:00"}).encode()
    )
    assert [entry.key for entry in prune(store).entries] == ["writers/y.json"]
