"""How a version is written, ``STORE/NAME@VERSION``, and what its parts may be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auscult.errors import DataError

# What a store keeps beside its datasets; see `store.py`.
RESERVED = frozenset({"content", "rows", "versions", "tags", "writers", "unfinished"})
_NAME = re.compile(r"[^\W_]([\w.-]{0,98}[\w-])?")


@dataclass(frozen=True)
class VersionRef:
    """A version of a dataset in a store.

    Parameters
    ----------
    store : folder or URL
    name : of the dataset
    version : a number, a tag, or None for the newest

    Examples
    --------
    >>> VersionRef.parse("stores/sounds/birds@3")
    VersionRef(store='stores/sounds', name='birds', version=3)
    >>> str(VersionRef.parse("s3://bucket/sounds/birds@clean"))
    's3://bucket/sounds/birds@clean'
    >>> VersionRef.parse("birds")
    VersionRef(store='.', name='birds', version=None)
    """

    store: str
    name: str
    version: int | str | None = None

    @classmethod
    def parse(cls, text: str) -> VersionRef:
        """
        Raises
        ------
        DataError : a name or version that nothing can have
        """
        store, name, version = split_ref(text)
        check_name(name, "name of a dataset")
        if version is None or version.isdecimal():
            return cls(store, name, None if version is None else int(version))
        check_name(version, "tag")
        return cls(store, name, version)

    def __str__(self) -> str:
        store = "" if self.store == "." else self.store.rstrip("/") + "/"
        return f"{store}{self.name}" + ("" if self.version is None else f"@{self.version}")


def split_ref(text: str) -> tuple[str, str, str | None]:
    """Store, name and version as they are spelled.

    >>> split_ref("/a/b@2"), split_ref("b")
    (('/a', 'b', '2'), ('.', 'b', None))
    """
    # A folder of Windows may be spelled with backslashes; in a URL and in a name there is none.
    cut = max(text.rfind("/"), text.rfind("\\") if "://" not in text else -1)
    if "://" in text and cut <= text.find("://") + 2:  # the URL of a bucket, without a name
        return text, "", None
    store = text[:cut] or "/" if cut >= 0 else "."
    name, at, version = text[cut + 1 :].partition("@")
    return store, name, version if at else None


def check_name(name: str, what: str) -> None:
    """
    Raises
    ------
    DataError : naming the rule
    """
    if not _NAME.fullmatch(name) or name in RESERVED or (what == "tag" and name.isdecimal()):
        rule = "letters, digits, '.', '_' and '-', begin with a letter or digit and not end with '.'"
        numbers = " A number alone is a version." if what == "tag" else ""
        raise DataError(
            f"The {what} must be of {rule}; {', '.join(sorted(RESERVED))} are taken.{numbers} Got {name!r} instead; "
            "write a version as STORE/NAME@VERSION."
        )
