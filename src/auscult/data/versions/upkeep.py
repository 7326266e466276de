"""Is everything that a version needs there, and right? And what does no version need any more?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from auscult.data.schema import content_hash_of
from auscult.data.versions.content import content_key, hashes_of
from auscult.data.versions.guard import WRITERS, pruning
from auscult.data.versions.places import Entry, Place
from auscult.data.versions.record import DamagedError, Version, now
from auscult.data.versions.rows import content_columns, contents_of, decode_rows, rows_key
from auscult.data.versions.store import Store
from auscult.errors import DataError
from auscult.progress import progress


@dataclass(frozen=True)
class Verification:
    """What was found by hashing everything again; names of clips, sorted.

    A value of a column is named ``URI (COLUMN)``; a file of the table, or of the version, by its key.
    """

    missing: tuple[str, ...]
    damaged: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether all is well."""
        return not (self.missing or self.damaged)

    def to_dict(self) -> dict[str, list[str]]:
        return {"missing": list(self.missing), "damaged": list(self.damaged)}


def verify(store: Store, refs: Sequence[str], *, discard: bool = False, quiet: bool = False) -> Verification:
    """Hash again what the versions need, each content once.

    Parameters
    ----------
    refs : ``NAME`` or ``NAME@VERSION``
    discard : remove damaged contents, so that the next `sync` or `add` of the same sounds stores them anew

    Raises
    ------
    DataError : no such version
    """
    missing: set[str] = set()
    damaged: set[str] = set()
    needed: dict[str, list[str]] = defaultdict(list)
    for ref in refs:
        try:
            for content_hash, names in _needed(store, store.version(ref)).items():
                needed[content_hash] += names
        except DamagedError as error:
            (missing if error.is_missing else damaged).add(error.key)
    with progress("Verifying", len(needed), quiet=quiet) as advance:
        for content_hash, found in zip(needed, hashes_of(store.place, needed), strict=True):
            advance()
            if found is None:
                missing.update(needed[content_hash])
            elif found != content_hash:
                damaged.update(needed[content_hash])
                if discard:
                    store.place.delete(content_key(content_hash))
    return Verification(tuple(sorted(missing)), tuple(sorted(damaged)))


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be: versions, then keys of the store with the bytes they took."""

    versions: tuple[str, ...]
    entries: tuple[Entry, ...]

    @property
    def n_bytes(self) -> int:
        return sum(entry.n_bytes for entry in self.entries)


def prune(
    store: Store, refs: Sequence[str] = (), *, keep: int | None = None, dry_run: bool = False, force: bool = False
) -> Pruned:
    """Remove versions, and what no version needs any more: what they alone needed, and what kills have left.

    Parameters
    ----------
    refs : versions, ``NAME@VERSION``; with `keep`, datasets, ``NAME``; none: only what no version needs
    keep : how many of the newest versions stay, at least one, and with them those that have a tag
    dry_run : remove nothing, and write nothing: who else is at work is not asked
    force : do not believe that anybody else writes or prunes

    Raises
    ------
    DataError : the newest version, or one with a tag, is to go; or the table of one that stays is damaged, so that
        nobody knows what it needs
    OutputError : somebody writes or prunes
    """
    names = store.names()
    going = _going(store, refs, keep)
    with nullcontext() if dry_run else pruning(store.place, force=force):
        staying = [v for name in names for v in store.versions(name) if str(v) not in going]
        entries = tuple(_unneeded(store.place, staying))
        if not dry_run:
            # Marked first: a kill after this leaves contents that nobody needs, not versions without their contents.
            for version in going.values():
                store.place.replace(version.key, replace(version, pruned=now(), rows=()).to_bytes())
            for entry in entries:
                store.place.delete(entry.key)
    return Pruned(tuple(going), entries)


def _going(store: Store, refs: Sequence[str], keep: int | None) -> dict[str, Version]:
    if keep is not None and keep < 1:
        raise DataError(f"The number of versions to keep must be at least 1. Got {keep} instead.")
    if keep is not None and not refs:
        raise DataError(f"{store.url}: say of which dataset {keep} versions stay, as STORE/NAME.")
    going: dict[str, Version] = {}
    for ref in refs:
        name, at, _ = ref.partition("@")
        tagged = set(store.tags(name).values())
        if keep is not None and not at:
            found = [v for v in store.versions(name)[:-keep] if v.number not in tagged]
        elif keep is None and at:
            found = [store.version(ref)]
            if found[0].number in tagged or found[0].number == store.version(name).number:
                raise DataError(
                    f"{ref}: the newest version, and one that has a tag, stays; take the tag away, or make a newer one."
                )
        else:
            raise DataError(f"{ref}: say which version is to go, as NAME@VERSION, or how many stay, with --keep.")
        going |= {str(version): version for version in found}
    return going


def _unneeded(place: Place, staying: Iterable[Version]) -> Iterable[Entry]:
    rows = {name for version in staying for name in version.rows}
    needed = {rows_key(name) for name in rows}
    for name in rows:
        needed |= {content_key(found) for found in contents_of(decode_rows(place, [name]))}
    for prefix in ("content", "rows", "unfinished", WRITERS):
        yield from (entry for entry in place.entries(prefix) if entry.key not in needed)


def _needed(store: Store, version: Version) -> dict[str, list[str]]:
    """Content hash -> what needs it."""
    table = decode_rows(store.place, version.rows)
    uris = table["uri"].to_pylist()
    needed: dict[str, list[str]] = defaultdict(list)
    for uri, clip_id in zip(uris, table["clip_id"].to_pylist(), strict=True):
        needed[content_hash_of(clip_id)].append(uri)
    for column in content_columns(table):
        for uri, value in zip(uris, table[column].to_pylist(), strict=True):
            if value is not None:
                needed[value].append(f"{uri} ({column})")
    return needed
