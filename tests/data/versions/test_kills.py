"""A process that dies at any of its steps leaves every finished version as it was, and nothing half of a new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from auscult.data import open_dataset
from auscult.data.versions import Store, prune, verify
from tests.data.conftest import WriteSound

# Dies without a word at the step that is counted, as from a kill: no `finally`, no `except`.
CHILD = """
import os, sys
steps = 0
def counted(name):
    real = getattr(os, name)
    def step(*arguments, **options):
        global steps
        steps += 1
        if steps == int(sys.argv[1]):
            os._exit(9)
        return real(*arguments, **options)
    setattr(os, name, step)
for name in ("link", "replace", "fsync", "unlink", "chmod"):
    counted(name)
from auscult.data.versions import Store
Store(sys.argv[2]).sync("pets", sys.argv[3], quiet=True)
print(steps)
"""


def sync_and_die(store: Store, source: Path, step: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, str(step), store.url, str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow  # starts some twenty processes, one after another
@pytest.mark.skipif(sys.platform == "win32", reason="the steps are those of POSIX")
def test_a_sync_that_dies_at_any_step_harms_nothing(folder_store: Store, sounds: Path, write_sound: WriteSound) -> None:
    first = folder_store.create("pets", sounds, quiet=True)
    write_sound(sounds / "dog" / "4.wav")
    (sounds / "cat" / "1.wav").rename(sounds / "cat" / "8.wav")
    digest = open_dataset(sounds).digest()
    for step in range(1, 100):
        died = sync_and_die(folder_store, sounds, step)
        numbers = [version.number for version in folder_store.log("pets")]
        assert verify(folder_store, [f"pets@{number}" for number in numbers], quiet=True)
        assert folder_store.open("pets@1").digest() == first.digest
        if numbers == [1, 2]:
            break
        assert (died.returncode, died.stderr) == (9, "")
    else:
        pytest.fail(f"No version was made: {died}")
    assert step > 10
    assert folder_store.open("pets").digest() == digest
    prune(folder_store)
    left = sorted(
        path.relative_to(folder_store.url).parts[0] for path in Path(folder_store.url).rglob("*") if path.is_file()
    )
    assert set(left) == {"auscult-store.json", "content", "rows", "versions"}
    assert left.count("content") == 6
    assert verify(folder_store, ["pets@1", "pets@2"], quiet=True)
