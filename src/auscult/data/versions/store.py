"""`Store`: versions of datasets in a folder or an object store.

::

    auscult-store.json              what this is, and the format's number
    content/0a/0a1b...              a sound, or another large value, by the hash of its bytes: each once
    rows/5e4f....parquet            a part of a version's table, by the hash of its bytes
    versions/birds/000003.json      the version: which parts of the table, parents, message; it exists when this does
    tags/birds/clean.json           another name for a version
    unfinished/, writers/           what is being written at this moment

Everything is written before the version's own file, and that is made exclusively. So a kill leaves at most what nobody
refers to, and of two who write version 3 at once, one is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from auscult.audio import AUDIO_SUFFIXES
from auscult.data.dataset import Dataset
from auscult.data.schema import clip_schema, content_hash_of
from auscult.data.sounds import FolderSounds, as_wav
from auscult.data.versions import editing
from auscult.data.versions.changes import Diff, diff_tables
from auscult.data.versions.content import put_sounds, put_values
from auscult.data.versions.guard import writing
from auscult.data.versions.names import RESERVED, VersionRef, check_name, split_ref
from auscult.data.versions.places import is_url, open_place
from auscult.data.versions.record import DamagedError, Version, version_key
from auscult.data.versions.rows import content_columns, decode_rows, encode_rows, rows_key, sorted_rows, with_values
from auscult.data.versions.sounds import StoreSounds
from auscult.errors import DataError, OutputError

if TYPE_CHECKING:
    import pyarrow as pa

MARKER = "auscult-store.json"
FORMAT = 1
LOOK_AT = 10_000  # files of a folder that is to become a store


class Store:
    """Immutable versions of datasets, by name and number.

    Each method that makes a version takes the dataset's `name`, with ``@VERSION`` where the new version is to be made
    from an older one, and returns the new version, or the old one where nothing is different.

    Parameters
    ----------
    url : a folder, or the URL of an object store; made by the first `create`

    Raises
    ------
    DataError : the store is of a newer format

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "dog").mkdir()
    >>> from auscult.audio import encode_wav, sound_from_array
    >>> _ = (folder / "dog" / "1.wav").write_bytes(encode_wav(sound_from_array([0.5, -0.5], 8000)))
    >>> store = Store(folder / "store")
    >>> print(store.create("barks", folder, message="as recorded", quiet=True))
    barks@1
    >>> len(store.open("barks@1"))
    1
    """

    def __init__(self, url: str | Path) -> None:
        self.place = open_place(str(url))
        self.url = self.place.url
        if (found := store_format(self.url)) is not None and found > FORMAT:
            raise DataError(f"{self.url}: a store of format {found}, and this auscult knows {FORMAT}; upgrade auscult.")

    # Reading

    def names(self) -> list[str]:
        """The datasets of the store, sorted; each has a version, for the newest is never pruned."""
        self._check_there()
        return sorted({entry.key.split("/")[1] for entry in self.place.entries("versions")})

    def log(self, name: str) -> list[Version]:
        """All versions of a dataset, oldest first, those that were pruned too."""
        return [self._read(name, number) for number in self._numbers(name)]

    def versions(self, name: str) -> list[Version]:
        """The versions of a dataset that are there, oldest first."""
        return [version for version in self.log(name) if version.pruned is None]

    def live(self) -> list[tuple[str, int]]:
        """Name and number of every version that is there, those too whose file is damaged."""
        return [
            (name, number) for name in self.names() for number in self._numbers(name) if self._is_live(name, number)
        ]

    def tags(self, name: str) -> dict[str, int]:
        """Tag -> number of the version."""
        keys = sorted(entry.key for entry in self.place.entries(f"tags/{name}"))
        return {key.rpartition("/")[2].removesuffix(".json"): self._tagged(key) for key in keys}

    def version(self, ref: str) -> Version:
        """The version that ``NAME``, ``NAME@NUMBER`` or ``NAME@TAG`` means.

        Raises
        ------
        DataError : there is none; or its file is damaged
        """
        wanted = VersionRef.parse(f"{self.url}/{ref}")
        name, number = wanted.name, wanted.version
        numbers = self._numbers(name)
        if not numbers:
            self._check_there()
            raise DataError(f"{self.url}: no dataset of this store is called {name!r}; it has {self.names()}.")
        if isinstance(number, str):
            tags = self.tags(name)
            if number not in tags:
                raise DataError(f"{wanted}: there is no such tag; {name} has {sorted(tags)}.")
            number = tags[number]
        if number is not None and number not in numbers:
            raise DataError(f"{wanted}: there is no such version; {name} has {numbers[0]} to {numbers[-1]}.")
        version = self._read(name, numbers[-1] if number is None else number)
        if version.pruned is not None:
            raise DataError(f"{wanted}: this version was pruned {version.pruned}; see `auscult data log`.")
        return version

    def open(self, ref: str) -> Dataset:
        """The dataset of a version; its sounds are read from the store, and only when they are needed."""
        return self._dataset(self.version(ref))

    def diff(self, old: str, new: str) -> Diff:
        """What is different between two versions."""
        return diff_tables(self.open(old).table, self.open(new).table)

    # Writing

    def create(self, name: str, source: Any, *, message: str = "", quiet: bool = False) -> Version:
        """The first version of a dataset.

        Parameters
        ----------
        source : whatever `open_dataset` takes, another version too: its sounds are not stored again

        Raises
        ------
        DataError : there is a dataset of this name
        OutputError : somebody else has just made it, or the store cannot be written
        """
        check_name(name, "name of a dataset")
        self._make()
        with writing(self.place):
            if self._numbers(name):
                raise DataError(
                    f"{self.url}: there is a dataset called {name!r} already; sync it, add to it, or choose another "
                    "name."
                )
            dataset = _opened(source)
            return self._publish(name, None, 0, *self._kept(dataset, quiet), message, [dataset])

    def sync(self, name: str, source: Any, *, message: str = "", quiet: bool = False) -> Version:
        """The next version is what `source` now holds.

        All of it is hashed, for size and time are no proof; only what is new is stored. Columns that `source` does not
        have are kept, for the clips whose content is the same.
        """
        with self._based(name) as (base, newest):
            dataset = _opened(source)
            kept, n_bytes = self._kept(dataset, quiet)
            kept = editing.synced(self._dataset(base), kept)
            return self._publish(base.name, base, newest, kept, n_bytes, message, [dataset])

    def add(
        self, name: str, source: Any, *, under: str = "", replace: bool = False, message: str = "", quiet: bool = False
    ) -> Version:
        """The clips of `source` besides. See `editing.added` for `under` and `replace`."""
        with self._based(name) as (base, newest):
            dataset = _opened(source)
            kept, n_bytes = self._kept(dataset, quiet)
            both = editing.added(self._dataset(base), kept, under=under, replacing=replace)
            return self._publish(base.name, base, newest, both, n_bytes, message, [dataset])

    def remove(
        self, name: str, patterns: Sequence[str] = (), *, labels: Sequence[str] = (), message: str = ""
    ) -> Version:
        """Without the clips whose uri matches a pattern, or that have one of the labels."""
        with self._based(name) as (base, newest):
            left = editing.removed(self._dataset(base), patterns, labels)
            return self._publish(base.name, base, newest, left, 0, message)

    def set(self, name: str, table: Any, *, label_delimiter: str | None = None, message: str = "") -> Version:
        """With what a table says of the clips: labels, parts, further columns. See `patch.patched`."""
        from auscult.data.versions.patch import patched

        with self._based(name) as (base, newest):
            said = patched(self._dataset(base), table, label_delimiter=label_delimiter)
            return self._publish(base.name, base, newest, said, 0, message)

    def set_column(
        self, name: str, column: str, values: Iterable[tuple[str, Any]], *, by: str = "uri", message: str = ""
    ) -> Version:
        """With a column of large values: features, embeddings, pictures. Each value is stored once, by its content.

        Parameters
        ----------
        values : pairs of a clip's uri (or, with ``by="clip_id"``, its id) and its value: all arrays, or all bytes.
            They are stored as they come, so they need not fit into memory
        """
        with self._based(name) as (base, newest):
            hashes: dict[str, str] = {}
            keys: list[str] = []
            kinds: set[str] = set()

            def only_values() -> Iterator[Any]:
                for key, value in values:
                    keys.append(key)
                    kinds.add("bytes" if isinstance(value, bytes) else "npy")
                    yield value

            n_bytes = 0
            for position, (content_hash, size) in enumerate(put_values(self.place, only_values())):
                hashes[keys[position]] = content_hash
                n_bytes += size
            if len(kinds) != 1:
                raise DataError(f"The 'values' of {column!r} must be all arrays, or all bytes, at least one.")
            dataset = editing.with_contents(self._dataset(base), column, kinds.pop(), hashes, by=by)
            return self._publish(base.name, base, newest, dataset, n_bytes, message)

    def drop_columns(self, name: str, columns: Sequence[str], *, message: str = "") -> Version:
        """Without these further columns."""
        with self._based(name) as (base, newest):
            left = editing.without_columns(self._dataset(base), columns)
            return self._publish(base.name, base, newest, left, 0, message)

    def tag(self, ref: str, tag: str, *, move: bool = False) -> Version:
        """Give a version another name.

        Raises
        ------
        DataError : another version is called so, unless `move`
        """
        check_name(tag, "tag")
        version = self.version(ref)
        key, content = f"tags/{version.name}/{tag}.json", json.dumps({"version": version.number}).encode()
        if not self.place.create(key, content):
            if (number := self._tagged(key)) != version.number and not move:
                raise DataError(f"{version.name}@{tag}: version {number} is called so; give --move to move the tag.")
            self.place.replace(key, content)
        return version

    def untag(self, name: str, tag: str) -> None:
        """Take a tag away; the version stays."""
        if tag not in (tags := self.tags(name)):
            raise DataError(f"{name}@{tag}: there is no such tag; {name} has {sorted(tags)}.")
        self.place.delete(f"tags/{name}/{tag}.json")

    # Below

    def _numbers(self, name: str) -> list[int]:
        names = (entry.key.rpartition("/")[2].removesuffix(".json") for entry in self.place.entries(f"versions/{name}"))
        return sorted(int(number) for number in names if number.isdecimal())

    def _read(self, name: str, number: int) -> Version:
        key = version_key(name, number)
        try:
            return Version.from_bytes(self.place.read(key), key)
        except FileNotFoundError as error:
            raise DamagedError(key, "it is missing", is_missing=True) from error

    def _is_live(self, name: str, number: int) -> bool:
        try:
            return self._read(name, number).pruned is None
        except DamagedError:
            return True

    def _tagged(self, key: str) -> int:
        try:
            return int(json.loads(self.place.read(key))["version"])
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(key, str(error)) from error

    def _dataset(self, version: Version) -> Dataset:
        called = str(VersionRef(self.url, version.name, version.number))
        return Dataset(
            table=decode_rows(self.place, version.rows),
            root=Path(called),
            labels=version.labels,
            task=version.task,
            source_kind=version.source_kind,
            sounds=StoreSounds(self.url, called),
        )

    def _check_there(self) -> None:
        if store_format(self.url) is None:
            raise DataError(
                f"{self.url}: there is no store of datasets; check the spelling, or make one with `auscult data create "
                "STORE/NAME SOURCE`."
            )

    def _make(self) -> None:
        if store_format(self.url) is not None:
            return
        above, name, _ = split_ref(self.url)
        if not is_url(self.url) and name and store_format(above) is not None and name in Store(above).names():
            raise DataError(
                f"{self.url}: this is the dataset {name} of a store, and cannot be a store too; write STORE/NAME, or "
                "choose another folder."
            )
        foreign = next((key for key, _ in islice(self.place.entries(""), LOOK_AT) if _is_foreign(key)), None)
        if foreign is not None:
            raise DataError(
                f"{self.url}: a store needs a place of its own. Got one that holds {foreign!r}; give another folder, "
                "as in STORE/NAME."
            )
        self.place.create(MARKER, json.dumps({"format": FORMAT, "what": "versions of datasets, by auscult"}).encode())

    @contextmanager
    def _based(self, ref: str) -> Iterator[tuple[Version, int]]:
        """What a new version is made from, and the newest number there is."""
        self._check_there()
        with writing(self.place):
            # The numbers first: a version that somebody makes from here on gets the number that this one would have,
            # and one of the two is told. Looked at after the base, it would be passed over, and what it holds lost.
            numbers = self._numbers(VersionRef.parse(f"{self.url}/{ref}").name)
            base = self.version(ref)
            yield base, max([base.number, *numbers])

    def _kept(self, dataset: Dataset, quiet: bool) -> tuple[Dataset, int]:
        """Store what a dataset holds; the dataset as its table then is, and how many bytes were new."""
        sounds = dataset.sounds or FolderSounds(dataset.root)
        table, needed = dataset.table, {}
        clip_ids, uris = table["clip_id"].to_pylist(), table["uri"].to_pylist()
        columns = {"": [content_hash_of(clip_id) for clip_id in clip_ids]}
        if isinstance(sounds, StoreSounds):
            columns |= {name: table[name].to_pylist() for name in content_columns(table)}
        # Of a version of this very store too: it may have been pruned since it was opened.
        for name, hashes in columns.items():
            for uri, content_hash in zip(uris, hashes, strict=True):
                if content_hash is not None and content_hash not in needed:
                    called = f"{uri}, {name}" if name else uri
                    needed[content_hash] = partial(sounds.source, called, content_hash)
        moved, n_bytes = put_sounds(self.place, needed, quiet=quiet)
        return replace(dataset, table=_as_kept(table, moved, contents=isinstance(sounds, StoreSounds))), n_bytes

    def _publish(
        self,
        name: str,
        base: Version | None,
        newest: int,
        dataset: Dataset,
        n_bytes: int,
        message: str,
        sources: Sequence[Dataset] = (),
    ) -> Version:
        """Write the table, and last the version's own file, which nobody else may have made."""
        table = sorted_rows(dataset.table)
        parts = encode_rows(table)
        problems = tuple(problem for source in sources for problem in source.problems)
        rows = tuple(name for name, _ in parts)
        state = (rows, dataset.labels, dataset.task)
        if base is not None and base.number == newest and state == (base.rows, base.labels, base.task):
            return replace(base, problems=problems, is_new=False)
        before = decode_rows(self.place, base.rows) if base is not None else table.slice(0, 0)
        known = set(base.rows) if base is not None else set()
        for part, content in parts:
            if part not in known:
                n_bytes += len(content)
                self.place.put([content], partial(rows_key, part))
        version = Version(
            name=name,
            number=newest + 1,
            parents=(*([str(base)] if base else []), *self._parents(sources)),
            message=message,
            digest=dataset.digest(),
            n_clips=len(dataset),
            labels=dataset.labels,
            task=dataset.task,
            source_kind=dataset.source_kind,
            columns=tuple(column for column in table.column_names if column not in clip_schema().names),
            rows=rows,
            changes={key: n for key, n in diff_tables(before, table).counts().items() if not key.startswith("columns")},
            added_bytes=n_bytes,
            problems=problems,
        )
        if not self.place.create(version.key, version.to_bytes()):
            raise OutputError(
                f"{self.url}: somebody made version {version.number} of {name} meanwhile, and yours was not made; look "
                "at it (auscult data diff), then run again."
            )
        return version

    def _parents(self, sources: Sequence[Dataset]) -> Iterator[str]:
        for source in sources:
            if isinstance(source.sounds, StoreSounds):
                store, name, number = split_ref(source.sounds.version)
                same = open_place(source.sounds.url) is self.place
                yield f"{name}@{number}" if same else f"{store}/{name}@{number}"


def _is_foreign(key: str) -> bool:
    """Whether a file is one that no store should lie beside: a sound in a folder per class, or what has our names.

    What a kill may have left of an earlier attempt is no reason to refuse.
    """
    top, *below = key.split("/")
    if top in RESERVED:
        return top != "unfinished"
    return len(below) < 2 and PurePosixPath(key).suffix.lower() in AUDIO_SUFFIXES


def store_format(url: str) -> int | None:
    """The format's number of the store that lies there; None where there is none."""
    try:
        return int(json.loads(open_place(url).read(MARKER))["format"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{url}/{MARKER}", str(error)) from error


def _opened(source: Any) -> Dataset:
    from auscult.data import open_dataset

    return open_dataset(source)


def _as_kept(table: pa.Table, moved: dict[str, str], *, contents: bool) -> pa.Table:
    """With the hashes that sounds in memory have as files; columns of contents are only those of a store."""
    if moved:
        rows = zip(table["uri"].to_pylist(), table["clip_id"].to_pylist(), strict=True)
        uris = [as_wav(uri) if content_hash_of(clip_id) in moved else uri for uri, clip_id in rows]
        table = with_values(table, "uri", uris)
        ids = [(clip_id, content_hash_of(clip_id)) for clip_id in table["clip_id"].to_pylist()]
        table = with_values(table, "clip_id", [moved.get(old, old) + clip_id.removeprefix(old) for clip_id, old in ids])
    for name in () if contents else content_columns(table):
        position, field = table.schema.get_field_index(name), table.schema.field(name).remove_metadata()
        table = table.set_column(position, field, table[name])
    return table
