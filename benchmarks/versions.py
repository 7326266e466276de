"""What versions of a dataset cost: bytes, seconds, memory, clips a second; and whether kills harm them.

python -m benchmarks.versions steps SOURCE [--dvc PROGRAM]     create, features as a column, 500 renamed, 10 new
python -m benchmarks.versions reading SOURCE                   clips a second, in random batches
python -m benchmarks.versions memory SOURCE [--times 10]       peak memory of creating and of reading
python -m benchmarks.versions kills SOURCE [--kills 100]       SIGKILL at moments uniform over a sync's wall time

SOURCE is a folder of sounds in files. Bytes are those of the blocks that files take on the disk.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from auscult.audio import load_waveform
from auscult.data import Dataset
from auscult.data.versions import Store, column_values, open_version, prune, verify
from auscult.data.versions.names import VersionRef
from auscult.features import log_mel, preset
from benchmarks.machine import describe_machine
from benchmarks.memory import peak_memory

SAMPLE_RATE = 16000
N_RENAMED, N_NEW = 500, 10
BATCH = 32
ROUNDS = 3
CREATE = (
    "import sys; from auscult.data.versions import Store; Store(sys.argv[1]).create('clips', sys.argv[2], quiet=True)"
)
SYNC = "import sys; from auscult.data.versions import Store; Store(sys.argv[1]).sync('clips', sys.argv[2], quiet=True)"
READ = "from benchmarks.versions import read_all; import sys; read_all(sys.argv[1])"
NOTHING = (
    "import sys; from auscult.data.versions import Store; Store(sys.argv[1]); import auscult.data.dataset, pyarrow"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versions")
    parser.add_argument("what", choices=("steps", "reading", "memory", "kills"))
    parser.add_argument("source", type=Path)
    parser.add_argument("--dvc", type=Path, help="the program, to compare with")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.what == "steps":
            measure_steps(arguments.source, folder, arguments.dvc)
        elif arguments.what == "reading":
            measure_reading(arguments.source, folder)
        elif arguments.what == "memory":
            measure_memory(arguments.source, folder, arguments.times)
        else:
            measure_kills(arguments.source, folder, arguments.kills, arguments.seed)


def bytes_on_disk(folder: Path) -> int:
    """Blocks of all files; what has two names counts once."""
    found = {(s.st_dev, s.st_ino): s.st_blocks * 512 for f in folder.rglob("*") if f.is_file() for s in [f.lstat()]}
    return sum(found.values())


def copied(source: Path, target: Path) -> Path:
    """A copy that may be written to, links followed."""
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def sounds_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".ogg", ".wav", ".flac", ".mp3"))


def in_class_folders(source: Path, target: Path) -> Path:
    """The same sounds in a folder per class, where files can be renamed without a table that names them."""
    for clip in Dataset.from_folder(source).clips():
        path = target / (clip.labels or ("none",))[0] / Path(clip.uri).name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clip.source, path)  # type: ignore[arg-type]
    return target


# Steps


def measure_steps(source: Path, folder: Path, dvc: Path | None) -> None:
    sounds = in_class_folders(source, folder / "sounds")
    store = Store(folder / "store")
    print(f"{len(sounds_in(sounds))} clips, {bytes_on_disk(sounds) / 1e6:.2f} MB on the disk\n")
    rivals: dict[str, Callable[[str], None]] = {"plain copies": _Copies(sounds, folder / "copies")}
    if dvc is not None:
        rivals["DVC"] = _Dvc(dvc, folder)
    steps: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        ("create", lambda: None, lambda: store.create("clips", sounds, quiet=True)),
        ("features", lambda: write_features(sounds), lambda: store.set_column("clips", "log_mel", _features(sounds))),
        ("rename", lambda: rename_some(sounds), lambda: store.sync("clips", sounds, quiet=True)),
        ("10 new", lambda: add_some(sounds), lambda: store.sync("clips", sounds, quiet=True)),
    ]
    for name, change, work in steps:
        change()
        took, version = timed(work)
        size = bytes_on_disk(Path(store.url)) / 1e6
        print(f"{name}: {version}, {version.changes}, {size:.2f} MB on the disk, {took}")
        if version.number > 1:
            took, found = timed(lambda v=version: store.diff(f"clips@{v.number - 1}", f"clips@{v.number}"))
            print(f"    diff: {found.counts()}, {took}")
        for rival, run in rivals.items():
            took, _ = timed(lambda run=run, name=name: run(name))
            print(f"    {rival}: {bytes_on_disk(run.kept) / 1e6:.2f} MB, {took}", flush=True)  # type: ignore[attr-defined]
    took, found = timed(lambda: verify(store, ["clips"], quiet=True))
    print(f"verify: {found.to_dict()}, {took}")
    took, pruned = timed(lambda: prune(store, ["clips"], keep=1))
    print(f"prune --keep 1: {len(pruned.versions)} versions, {pruned.n_bytes / 1e6:.2f} MB, {took}")


class Took(NamedTuple):
    """By the clock, and by the processor, with processes that were started."""

    seconds: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.cpu_s:.2f} s of processor"


def timed(work: Callable[[], Any]) -> tuple[Took, Any]:
    before = os.times()
    result = work()
    after = os.times()
    return Took(after.elapsed - before.elapsed, sum(after[:4]) - sum(before[:4])), result


def write_features(sounds: Path) -> None:
    """The features as files beside the sounds, as one has them without columns."""
    spec = preset("auscult", sample_rate=SAMPLE_RATE)
    for path in sounds_in(sounds):
        np.save(path.with_suffix(".npy"), log_mel(load_waveform(path, sample_rate=SAMPLE_RATE).samples, spec))


def _features(sounds: Path) -> Iterator[tuple[str, Any]]:
    for path in sounds_in(sounds):
        yield path.relative_to(sounds).as_posix(), np.load(path.with_suffix(".npy"))


def rename_some(sounds: Path) -> None:
    for path in sounds_in(sounds)[:N_RENAMED]:
        for old in (path, path.with_suffix(".npy")):
            old.rename(old.with_name("renamed-" + old.name))


def add_some(sounds: Path) -> None:
    for number, path in enumerate(sounds_in(sounds)[-N_NEW:]):
        path.with_name(f"new-{number}{path.suffix}").write_bytes(path.read_bytes() + bytes([number]))


class _Copies:
    """A folder for each version."""

    def __init__(self, sounds: Path, kept: Path) -> None:
        self.sounds, self.kept = sounds, kept

    def __call__(self, step: str) -> None:
        shutil.copytree(self.sounds, self.kept / step)


class _Dvc:
    """`dvc add` of the folder where it lies, and `git commit`. What counts is DVC's own folder."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder, self.kept = program, folder, folder / ".dvc"
        self._run("git", "init", "-q")
        self._run(str(program), "init", "-q")

    def __call__(self, step: str) -> None:
        self._run(str(self.program), "add", "-q", "sounds")
        self._run("git", "add", "sounds.dvc", ".gitignore")
        self._run("git", "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-q", "-m", step)

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)


# Reading


def measure_reading(source: Path, folder: Path) -> None:
    loose = Dataset.from_folder(source)
    store = Store(folder / "store")
    store.create("clips", loose, quiet=True)
    version = store.open("clips")
    for name, work in (("bytes", _read_bytes), ("decoded", _decode)):
        took: dict[str, list[Took]] = {"loose files": [], "version": []}
        # Turn and turn about, so that what else the machine does falls on both.
        for _ in range(ROUNDS):
            for where, dataset in (("loose files", loose), ("version", version)):
                clips = dataset.clips()
                random.Random(1).shuffle(clips)
                took[where].append(timed(lambda work=work, clips=clips: [work(clip) for clip in clips])[0])
        for where, times in took.items():
            rates = [len(loose) / min(getattr(each, unit) for each in times) for unit in ("seconds", "cpu_s")]
            print(
                f"{name}, at random, {where}: {rates[0]:.0f} clips/s, {rates[1]:.0f} in a second of processor",
                flush=True,
            )


def _read_bytes(clip: Any) -> int:
    with open(clip.source, "rb") as file:
        return len(file.read())


def _decode(clip: Any) -> int:
    return len(load_waveform(clip.source, sample_rate=SAMPLE_RATE).samples)


def read_all(ref: str) -> None:
    """Open a version and decode all of it in random batches."""
    dataset = open_version(VersionRef.parse(ref))
    clips = dataset.clips()
    random.Random(0).shuffle(clips)
    for start in range(0, len(clips), BATCH):
        batch = [load_waveform(clip.source, sample_rate=SAMPLE_RATE).samples for clip in clips[start : start + BATCH]]
        assert batch
    if "log_mel" in dataset.table.column_names:
        for _ in column_values(dataset, "log_mel"):
            pass


# Memory


def measure_memory(source: Path, folder: Path, times: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    base = peak_memory([sys.executable, "-c", NOTHING, str(folder / "none")], environment)
    print(f"imports alone: {base.resident_mb:.0f} MB")
    few = in_class_folders(source, folder / "few")
    many = folder / "many"
    for path in sounds_in(few):
        for number in range(times):
            copy = many / path.parent.name / f"{number}-{path.name}"
            copy.parent.mkdir(parents=True, exist_ok=True)
            # Bytes after the end of the sound make another content of it.
            copy.write_bytes(path.read_bytes() + number.to_bytes(4, "little"))
    for name, sounds in (("few", few), ("many", many)):
        store = folder / f"store-{name}"
        for what, command in (("create", [CREATE, str(store), str(sounds)]), ("read", [READ, f"{store}/clips"])):
            peak = peak_memory([sys.executable, "-c", *command], environment)
            memory = f"resident {peak.resident_mb:.0f} MB, anonymous {peak.anonymous_mb:.0f} MB"
            print(f"{len(sounds_in(sounds))} clips, {what}: {memory}, {peak.seconds:.1f} s", flush=True)
        rows = bytes_on_disk(store / "rows") / 1e6
        print(f"    tables on the disk: {rows:.2f} MB, {rows * 1e5 / len(sounds_in(sounds)):.2f} MB for 100,000 clips")


# Kills


def measure_kills(source: Path, folder: Path, n_kills: int, seed: int) -> None:
    sounds = in_class_folders(source, folder / "sounds")
    half = folder / "half"
    for path in sounds_in(sounds)[::2]:
        (half / path.parent.name).mkdir(parents=True, exist_ok=True)
        os.link(path, half / path.parent.name / path.name)
    start = folder / "start"
    first = Store(start).create("clips", half, quiet=True)
    digest = Dataset.from_folder(sounds).digest()
    took_s = min(_synced(start, folder / "undisturbed", sounds, None)[0] for _ in range(3))
    print(f"undisturbed sync of {len(sounds_in(sounds))} clips on {first.n_clips}: {took_s:.2f} s")
    moments = np.random.default_rng(seed).uniform(0, took_s, n_kills)
    outcomes: Counter[str] = Counter()
    for number, moment in enumerate(np.sort(moments)):
        outcome = _outcome(start, folder / "killed", sounds, float(moment), first.digest, digest)
        outcomes[outcome] += 1
        if number % 10 == 9 or "harm" in outcome:
            print(f"    {number + 1} kills: {dict(outcomes)}", flush=True)
    print(f"{n_kills} kills: {dict(outcomes)}")


def _synced(start: Path, store: Path, sounds: Path, moment: float | None) -> tuple[float, int]:
    """A sync on a copy of the store; killed at that moment. Its seconds and exit code."""
    shutil.rmtree(store, ignore_errors=True)
    # Links: no file of a store is ever written to after it has its name.
    shutil.copytree(start, store, copy_function=os.link)
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", SYNC, str(store), str(sounds)])
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return time.perf_counter() - began, process.returncode


def _outcome(start: Path, folder: Path, sounds: Path, moment: float, old: str, new: str) -> str:
    """What a kill has left, looked at and tidied up; then the same sync once more."""
    _, code = _synced(start, folder, sounds, moment)
    store = Store(folder)
    numbers = [version.number for version in store.log("clips")]
    left = sum(1 for prefix in ("unfinished", "writers") for _ in store.place.entries(prefix))
    whole = verify(store, [f"clips@{number}" for number in numbers], quiet=True)
    if not whole or store.open("clips@1").digest() != old or numbers not in ([1], [1, 2]):
        return "HARM"
    if numbers == [1, 2] and store.open("clips@2").digest() != new:
        return "HARM: half a version"
    prune(store)
    if numbers == [1]:
        store.sync("clips", sounds, quiet=True)
    if store.open("clips").digest() != new or not verify(store, ["clips"], quiet=True):
        return "HARM: the next sync"
    if list(store.place.entries("unfinished")) or list(store.place.entries("writers")):
        return "HARM: leftovers"
    if code == 0:
        return "ended before"
    return ("version there" if numbers == [1, 2] else "no version") + (", leftovers pruned" if left else "")


if __name__ == "__main__":
    main()
