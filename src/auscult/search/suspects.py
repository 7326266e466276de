"""Files that may end the process which reads them: decoders are native code, and some file makes one crash.

A writer notes which files it is reading. Those that are noted when an index is opened were being read when a process
ended, by a kill or by one of them: each is decoded in a process of its own first, and one that ends that too is left
out for as long as it does not change.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from io import FileIO
from pathlib import Path

import auscult
from auscult.audio import iter_waveform
from auscult.errors import AuscultError, InputError

# How a process ends that somebody stops, whatever it was doing.
STOPPED = frozenset(-getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
LARGEST_EXIT_CODE = 127  # beyond it are ends that are no program's own: of Windows, 0xC0000005 and kin
DECODE = "import sys; from auscult.search.suspects import decode; decode(*sys.argv[1:])"


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


def crash(source: str, sample_rate: int) -> str | None:
    """How a process ends that decodes a file, where that is no way to end; None where it is well.

    Raises
    ------
    KeyboardInterrupt : that process was stopped from outside
    """
    # The child has to import what this process did, wherever that was found.
    places = [str(Path(auscult.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    code = subprocess.run(
        [sys.executable, "-c", DECODE, source, str(sample_rate)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        check=False,
    ).returncode
    if code in STOPPED:
        raise KeyboardInterrupt
    if 0 <= code <= LARGEST_EXIT_CODE:
        return None
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code:#x}"


def decode(source: str, sample_rate: str) -> None:
    """What the child does: read a sound to its end. What is wrong with it is said by the process that asked."""
    try:
        for _ in iter_waveform(source, sample_rate=int(sample_rate)):
            pass
    except AuscultError:
        pass


def left_out(source: str, how: str) -> InputError:
    return InputError(
        source,
        "damaged",
        f"reading it ended the process ({how}), also in one of its own",
        "copy or convert it again; it is left out until it changes",
    )
