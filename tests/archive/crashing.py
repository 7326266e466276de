"""A decoder that ends the process, as native libraries do: put on the path of a process as its `sitecustomize`.

Put it there with `crashing_environment`. It lies outside the product, which knows nothing of it.
"""

from __future__ import annotations

import os
from pathlib import Path

_CODE = """
import os, resource, signal

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from auscult.audio.libsndfile import SndfileReader

read_into = SndfileReader.read_into

def crashing(self, out):
    name = os.path.basename(self.name)
    if name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("kill") and not os.path.exists(os.environ["KILLED_ONCE"]):
        open(os.environ["KILLED_ONCE"], "x").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return read_into(self, out)

SndfileReader.read_into = crashing
"""


def crashing_environment(folder: Path) -> dict[str, str]:
    """Of a process in which recordings named ``crash*`` end it each time, and ``kill*`` the first time."""
    (folder / "sitecustomize.py").write_text(_CODE)
    return {**os.environ, "PYTHONPATH": str(folder), "KILLED_ONCE": str(folder / "killed-once")}
