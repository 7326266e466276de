"""What is known of a corpus before it is here: a card, where it comes from, and how its tree is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auscult.data.listing import Listing
from auscult.data.schema import Task
from auscult.data.unpacking import Limits
from auscult.files import Expected

FindTable = Callable[[Path], Path | None]
Read = Callable[[Path, Path], Listing]


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file to fetch.

    Attributes
    ----------
    url : pinned: what is there does not change, or is refused
    checksum : as those who publish the file give it, ``md5:``, ``sha1:`` or ``sha256:`` and hexadecimal digits
    size_bytes : of the file
    also : checksums of other files with the same content, which are taken too where one is brought by hand
    """

    url: str
    checksum: str
    size_bytes: int
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's own name.

        >>> Remote(url="https://a.org/files/x.zip?download=1", checksum="md5:", size_bytes=1).name
        'x.zip'
        """
        return self.url.partition("?")[0].rpartition("/")[2]

    def difference(self, path: Path) -> str:
        """How a file differs from this one, "" where it does not."""
        if any(not Expected(checksum, None).difference(path) for checksum in self.also):
            return ""
        return Expected(self.checksum, self.size_bytes).difference(path)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An archive and its place in the tree.

    Attributes
    ----------
    parts : one file, or the pieces of a split zip in order, the ``.zip`` last
    inside : the folder of the archive that is wanted, as `unpacking.unpack` takes it
    into : the folder of the tree that it goes to; "" is the tree's root
    """

    parts: tuple[Remote, ...]
    inside: str = ""
    into: str = ""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus that has a name here.

    Attributes
    ----------
    name : a word
    title, summary : what people call it, and what it is, in a line
    n_clips, n_classes : of the whole corpus
    hours : of sound; None: not published
    task : whether a clip has one label or any number
    splits : the official folds or parts, in words; "" where there are none
    groups : what is kept together in a split, in words; "" where nothing says what belongs together
    licence : as an SPDX name, of the sounds; where they differ, of the corpus as a whole; ``NOASSERTION``: not known
    terms : what the name of the licence does not say, in words
    commercial : whether the licence of every clip lets it be used for commerce
    citation : what to cite
    homepage : page of those who made it
    archives : what is fetched and unpacked, in this order
    limits : of what the archives unpack to, together; far above what they hold
    find_table : the file or folder by which a tree is known to be this corpus, None for any other tree
    read : lists the tree that `find_table` knew
    tree : the corpus whose tree this one is a part of; "": it has its own
    published : name of the list in this package with checksums of the files that others have published
    own_list : path, in the tree, of a list of checksums that the corpus brings along; its paths start at its folder
    maps : names of maps of its labels that come with the package
    """

    name: str
    title: str
    summary: str
    n_clips: int
    n_classes: int
    hours: float | None
    task: Task
    splits: str
    groups: str
    licence: str
    terms: str = ""
    commercial: bool
    citation: str
    homepage: str
    archives: tuple[Archive, ...]
    limits: Limits
    find_table: FindTable = field(repr=False)
    read: Read = field(repr=False)
    tree: str = ""
    published: str = ""
    own_list: str = ""
    maps: tuple[str, ...] = ()

    @property
    def remotes(self) -> tuple[Remote, ...]:
        return tuple(part for archive in self.archives for part in archive.parts)

    @property
    def size_bytes(self) -> int:
        """What has to be fetched."""
        return sum(remote.size_bytes for remote in self.remotes)

    @property
    def notice(self) -> str:
        """What whoever fetches it should know before, "" where the licence asks for attribution at most."""
        if self.commercial and not self.terms:
            return ""
        licence = "" if self.licence == "NOASSERTION" else f"is under {self.licence}. "
        free = "" if self.commercial else "Not all of it may be used for commerce; nor, then, what is trained on it. "
        return f"{self.title}: {licence}{free}{self.terms}{' ' if self.terms else ''}See {self.homepage}"

    def to_dict(self) -> dict[str, Any]:
        """The card, for JSON."""
        names = [
            *("name", "title", "summary", "n_clips", "n_classes", "hours", "task", "splits", "groups"),
            *("licence", "terms", "commercial", "citation", "homepage", "size_bytes"),
        ]
        files = [{"url": one.url, "checksum": one.checksum, "size_bytes": one.size_bytes} for one in self.remotes]
        return {name: getattr(self, name) for name in names} | {"files": files, "maps": list(self.maps)}
