"""Files that may end the process which reads them: decoders are native code, and some file makes one crash.

A writer notes which files it is reading. Those that are noted when an index is opened were being read when a process
ended, by a kill or by one of them: each is decoded in a process of its own first, and one that ends that too is left
out for as long as it does not change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from io import FileIO
from pathlib import Path
from typing import Any

from auscult.alone import Crashed, try_alone
from auscult.audio import iter_waveform
from auscult.errors import AuscultError, InputError


class Reading:
    """The note of what is being read: a line of JSON that is written anew with each change."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = FileIO(path, "r+")
        self._sources: list[str] = []
        try:
            noted = json.loads(self._file.readall().split(b"\n")[0] or b"[]")
        except ValueError:
            noted = []
        self.left_over = [one for one in noted if isinstance(one, str)] if isinstance(noted, list) else []

    def begin(self, source: str) -> None:
        self._sources.append(source)
        self._note()

    def end(self, source: str) -> None:
        self._sources.remove(source)
        self._note()

    def close(self) -> None:
        """Nothing is being read: the process is still here."""
        self._sources = []
        self._note()
        self._file.close()

    def _note(self) -> None:
        # The line counts as soon as it is written; what a longer one left behind it does not.
        content = json.dumps(self._sources).encode("ascii") + b"\n"
        self._file.seek(0)
        self._file.write(content)
        self._file.truncate()


def crashes(sources: Sequence[str], sample_rate: int) -> Iterator[tuple[str, str]]:
    """Those of some files that end the process which decodes them, and how it ends.

    Raises
    ------
    KeyboardInterrupt : that process was stopped from outside
    """
    with closing(try_alone(f"{__name__}:decoding", {"sample_rate": sample_rate}, sources)) as tried:
        for index, one in tried:
            if isinstance(one, Crashed):
                yield sources[index], one.how


def decoding(given: Mapping[str, Any]) -> Callable[[str], Iterator[Any]]:
    """What the child does with each: read it to its end. What is wrong with it is said by the process that asked."""

    def decode(source: str) -> Iterator[Any]:
        with suppress(AuscultError):
            for _ in iter_waveform(source, sample_rate=given["sample_rate"]):
                pass
        return iter(())

    return decode


def left_out(source: str, how: str) -> InputError:
    return InputError(
        source,
        "damaged",
        f"reading it ended the process ({how}), also in one of its own",
        "copy or convert it again; it is left out until it changes",
    )
