"""A tree of good recordings salted with bad ones of twenty kinds: the good ones are done, each bad one is named.

python -m benchmarks.bad_files [--good N] [--each-kind N] [--model MODEL] [--jobs N]

Recordings that are odd and good are among the good ones: of one sample, at 384 kHz, of 8 channels, with endings in
capitals and names that are no UTF-8. The kind "no permission" needs a user who is not root.
"""

from __future__ import annotations

import argparse
import csv
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.machine import describe_machine

SAMPLE_RATE = 16000
TIME_LIMIT_S = 1800
Make = Callable[[Path], None]


def _noise(seconds: float = 1.0, *, rate: int = SAMPLE_RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    shape = (round(seconds * rate), channels)
    return np.random.default_rng(seed).uniform(-0.3, 0.3, shape)


def _wav(path: Path) -> None:
    soundfile.write(path, _noise(), SAMPLE_RATE, format="WAV")


def _cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def empty(path: Path) -> None:
    path.touch()


def cut_wav(path: Path) -> None:
    _wav(path)
    _cut(path, 0.5)


def cut_flac(path: Path) -> None:
    soundfile.write(path, _noise(), SAMPLE_RATE, format="FLAC")
    _cut(path, 0.6)


def cut_vorbis(path: Path) -> None:
    soundfile.write(path, _noise(3), SAMPLE_RATE, format="OGG")
    _cut(path, 0.6)


def header_alone(path: Path) -> None:
    _wav(path)
    path.write_bytes(path.read_bytes()[:44])


def no_samples(path: Path) -> None:
    soundfile.write(path, np.zeros(0), SAMPLE_RATE, format="WAV")


def text(path: Path) -> None:
    path.write_text("Dear diary, today I heard an owl.\n" * 20)


def picture_by_another_ending(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + np.random.default_rng(0).bytes(5000))


def chance(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(20_000))


def zeros(path: Path) -> None:
    path.write_bytes(bytes(20_000))


def folder(path: Path) -> None:
    path.mkdir()
    _wav(path / "inside.wav")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def link_in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def no_permission(path: Path) -> None:
    _wav(path)
    path.chmod(0)


def terabytes(path: Path) -> None:
    """RF64, whose header counts bytes in 64 bits: five tebibytes of sound, says this one."""
    _wav(path)
    wav = path.read_bytes()
    n_bytes = 5 * 2**40
    sizes = struct.pack("<QQQI", n_bytes + 72, n_bytes, n_bytes // 2, 0)
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(sizes)) + sizes
    path.write_bytes(head + wav[12:36] + b"data\xff\xff\xff\xff" + wav[44:])


def nan(path: Path) -> None:
    samples = _noise()
    samples[100] = np.nan
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT", format="WAV")


def infinity(path: Path) -> None:
    samples = _noise(5)
    samples[-100] = np.inf
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT", format="WAV")


def unknown_codec(path: Path) -> None:
    _wav(path)
    wav = bytearray(path.read_bytes())
    wav[20:22] = b"\x34\x12"
    path.write_bytes(wav)


def a_sample_a_second(path: Path) -> None:
    _wav(path)
    wav = bytearray(path.read_bytes())
    wav[24:28] = struct.pack("<I", 1)
    path.write_bytes(wav)


#: What is wrong -> the ending it has.
BAD: dict[Make, str] = {
    empty: ".wav",
    cut_wav: ".wav",
    cut_flac: ".flac",
    cut_vorbis: ".ogg",
    header_alone: ".wav",
    no_samples: ".WAV",
    text: ".wav",
    picture_by_another_ending: ".mp3",
    chance: ".flac",
    zeros: ".wav",
    folder: ".wav",
    fifo: ".wav",
    link_to_a_device: ".wav",
    link_to_nowhere: ".wav",
    link_in_a_circle: ".flac",
    no_permission: ".wav",
    terabytes: ".wav",
    nan: ".wav",
    infinity: ".wav",
    unknown_codec: ".wav",
    a_sample_a_second: ".wav",
}


def _written_as(
    rate: int = SAMPLE_RATE, channels: int = 1, seconds: float = 1.0, format: str = "WAV", subtype: str | None = None
) -> Make:
    def make(path: Path) -> None:
        # Opened here: soundfile takes no names that are no UTF-8.
        with path.open("wb") as file:
            soundfile.write(file, _noise(seconds, rate=rate, channels=channels), rate, subtype=subtype, format=format)

    return make


#: Odd and good: name -> ending and what makes it.
ODD: dict[str, tuple[str, Make]] = {
    "one sample": (".wav", _written_as(seconds=1 / SAMPLE_RATE)),
    "384 kHz": (".wav", _written_as(384_000)),
    "8 channels": (".wav", _written_as(channels=8)),
    "capitals": (".WAV", _written_as()),
    os.fsdecode(b"caf\xe9"): (".flac", _written_as(format="FLAC")),
    "MP3 called .wav": (".wav", _written_as(format="MP3")),
    "64 bits": (".wav", _written_as(subtype="DOUBLE")),
}


@dataclass(frozen=True)
class Tree:
    """What was made: names of the good and of the bad recordings, relative to the folder."""

    folder: Path
    good: frozenset[str]
    bad: dict[str, str]


def make_tree(top: Path, *, n_good: int, n_each: int, permission: bool) -> Tree:
    """Good and bad side by side, in several folders, with hidden files that are not to be seen."""
    good: set[str] = set()
    bad: dict[str, str] = {}
    odd = list(ODD.items())
    for index in range(n_good):
        place = top / f"site-{index % 7}"
        place.mkdir(parents=True, exist_ok=True)
        name, (ending, make) = odd[index] if index < len(odd) else ("", (".wav", _written_as()))
        path = place / f"{index:05} {name}{ending}"
        make(path)
        good.add(os.path.relpath(path, top))
        if index % 7 == 0:
            (place / f"._{index:05}.wav").write_bytes(b"Mac OS X")
    kinds = [(make, ending) for make, ending in BAD.items() if permission or make is not no_permission]
    for index in range(n_each):
        for kind, (make, ending) in enumerate(kinds):
            path = top / f"site-{(index + kind) % 7}" / f"{index * 400:05} {make.__name__}{ending}"
            make(path)
            bad[os.path.relpath(path, top)] = make.__name__
    return Tree(top, frozenset(good), bad)


@dataclass(frozen=True)
class Outcome:
    """How it went. `wrong` says each thing that is not as it should be."""

    wall_s: float
    n_done: int
    named: dict[str, str]
    wrong: tuple[str, ...]


def search(tree: Tree, output: Path, model: str, *, jobs: int | None = None) -> Outcome:
    """Run `auscult detect` on a tree, and see what became of each recording."""
    command = [
        sys.executable,
        "-m",
        "auscult",
        "detect",
        str(tree.folder),
        "-o",
        str(output),
        "-m",
        model,
        "--each",
        "-q",
    ]
    command += [] if jobs is None else ["--jobs", str(jobs)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
    wall_s = time.monotonic() - began
    with (output / "failed.csv").open(encoding="utf-8", newline="") as file:
        named = {os.path.relpath(row["source"], tree.folder): row["kind"] for row in csv.DictReader(file)}
    n_done = sum(1 for _ in (output / "csv").rglob("*.csv"))
    wrong = [f"exit code {done.returncode}"] if done.returncode != 1 else []
    wrong += [f"not named: {name}" for name in sorted(tree.bad.keys() - named.keys())]
    wrong += [f"named, and good: {name}" for name in sorted(named.keys() - tree.bad.keys())]
    wrong += [f"not on stderr: {name}" for name in sorted(tree.bad) if f"{name}: " not in done.stderr]
    if n_done != len(tree.good):
        wrong.append(f"{n_done} of {len(tree.good)} done")
    # libmpg123 says something of its own where it looks for MP3 in zeros.
    said = [line for line in done.stderr.splitlines() if line.startswith("auscult: ")]
    if len(said) != len(tree.bad):
        wrong.append(f"{len(said)} messages on stderr for {len(tree.bad)} bad ones")
    return Outcome(wall_s, n_done, named, tuple(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bad_files")
    parser.add_argument("--good", type=int, default=2000)
    parser.add_argument("--each-kind", type=int, default=5)
    parser.add_argument("--model", default="yamnet")
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        permission = not (hasattr(os, "geteuid") and os.geteuid() == 0)
        place = Path(temporary)
        tree = make_tree(place / "tree", n_good=arguments.good, n_each=arguments.each_kind, permission=permission)
        outcome = search(tree, place / "out", arguments.model, jobs=arguments.jobs)
    print(describe_machine())
    print(f"{outcome.n_done} of {len(tree.good)} good ones done in {outcome.wall_s:.1f} s")
    for kind in dict.fromkeys(tree.bad.values()):
        said = [outcome.named.get(name, "-") for name, of in tree.bad.items() if of == kind]
        print(f"{len(said):3} {kind.replace('_', ' '):28} {', '.join(sorted(set(said)))}")
    print("\n".join(outcome.wrong) or "nothing is wrong")
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
