"""Near duplicates planted among the clips of a dataset: how many are found, and how many pairs are found wrongly.

python -m benchmarks.duplicates SOURCE [--each 50] [--seed 0]
python -m benchmarks.duplicates SOURCE --speeds 10    only the time and memory of the search, in many clips

Copies of clips drawn at random are written as files: re-encoded (MP3, Vorbis, AAC at a low rate, or 8 kHz), shifted by
0.3 s, 3 dB down, cut to half, and all of it at once. A copy counts as found where the check pairs it with its origin.
A byte of one clip is turned over, and one clip is copied as it is into another fold.

Pairs of clips of different recordings that were not planted are judged by another measure, on the waveforms: the peak
of their cross-correlation, both spectra whitened, as shares of the peak of equal waveforms. Of clips that have nothing
to do with each other it is a few hundredths; a sample of such pairs says how far it goes.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from auscult.audio import load_waveform, probe, resample
from auscult.data import Clip, Dataset, open_dataset
from auscult.data.checks import FINGERPRINT_RATE, Check, NearDuplicate, check, find_duplicates, fingerprint
from auscult.files import csv_text
from auscult.records import FloatArray
from benchmarks.machine import describe_machine

Change = Callable[[FloatArray, int], bytes]
SAME_PEAK = 0.2
N_UNRELATED = 1000
N_SHOWN = 20
JUDGE_RATE = 8000


@dataclass(frozen=True)
class Plant:
    """A changed copy of a clip: the row of its origin, what was done, and where it lies."""

    row: int
    kind: str
    path: Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.duplicates")
    parser.add_argument("source", help="labelled sounds")
    parser.add_argument("--each", type=int, default=50, help="copies of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speeds", type=int, default=0, help="take each clip at so many speeds, and time the search")
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.source)
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}")
    if arguments.speeds:
        search_among_many(dataset, arguments.speeds)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plants = plant(dataset, folder, each=arguments.each, generator=np.random.default_rng(arguments.seed))
        corrupt, leak = plant_corrupt_byte(dataset, folder), plant_leak(dataset, folder)
        table = write_table(dataset, plants, corrupt, leak, folder)
        began, cpu = time.perf_counter(), time.process_time()
        found = check(Dataset.from_csv(table), quiet=True)
        print(
            f"{len(found.clips)} clips checked in {time.perf_counter() - began:.0f} s, "
            f"{time.process_time() - cpu:.0f} s of processor time"
        )
        report(found, plants)
        print(f"corrupt byte found: {any(str(corrupt) in problem.source for problem in found.unreadable)}")
        straddling = [uris for group in found.straddling_groups for uris in group.clips.values()]
        print(f"leak found: {any(leak.name in uri for uris in straddling for uri in uris)}")


def search_among_many(dataset: Dataset, n_speeds: int) -> None:
    """Each clip at several speeds, which makes as many other sounds: seconds and memory of the search."""
    prints = []
    began = time.process_time()
    for speed in np.linspace(0.7, 1.4, n_speeds):
        for clip in dataset.clips():
            rate = clip.sample_rate or probe(clip.source).sample_rate
            samples = load_waveform(clip.source, sample_rate=rate).samples
            prints.append(fingerprint(resample(samples, rate, round(FINGERPRINT_RATE * speed))))
    kept = sum(one.structure.nbytes + one.codes.nbytes + one.weakest.nbytes for one in prints)
    print(f"{len(prints)} fingerprints, {kept / 1e6:.0f} MB, in {time.process_time() - began:.0f} s of processor time")
    began = time.process_time()
    n_pairs = len(find_duplicates(prints))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"searched in {time.process_time() - began:.0f} s, {n_pairs} pairs; the process held {peak_mb:.0f} MB at most"
    )


def encoded(samples: FloatArray, rate: int, *, number: int) -> bytes:
    """The sound in one of four ways, by turns."""
    if number % 4 == 0:
        return _written(samples, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.9)
    if number % 4 == 1:
        return _written(samples, rate, format="OGG", subtype="VORBIS", compression_level=1.0)
    if number % 4 == 2:
        return _aac(samples, rate, bit_rate=24_000)
    return _written(resample(samples, rate, JUDGE_RATE), JUDGE_RATE, format="WAV", subtype="PCM_16")


def shifted(samples: FloatArray, rate: int, *, number: int) -> FloatArray:
    """0.3 s later or earlier, by turns, as long as before; silence comes in."""
    silence = np.zeros(round(0.3 * rate), np.float32)
    if number % 2:
        return np.concatenate([silence, samples])[: len(samples)]
    return np.concatenate([samples[len(silence) :], silence])


def halved(samples: FloatArray, *, number: int) -> FloatArray:
    """The first or the second half, by turns."""
    half = len(samples) // 2
    return samples[half:] if number % 2 else samples[:half]


def _quieter(samples: FloatArray) -> FloatArray:
    return samples * np.float32(10 ** (-3 / 20))


def _changed(kind: str, samples: FloatArray, rate: int, number: int) -> bytes:
    if kind == "re-encoded":
        return encoded(samples, rate, number=number)
    if kind == "all of it":
        together = halved(_quieter(shifted(samples, rate, number=number)), number=number // 2)
        return encoded(together, rate, number=number)
    changed = {
        "shifted by 0.3 s": lambda: shifted(samples, rate, number=number),
        "3 dB down": lambda: _quieter(samples),
        "cut to half": lambda: halved(samples, number=number),
    }[kind]()
    return _written(changed, rate, format="WAV", subtype="PCM_16")


KINDS = ("re-encoded", "shifted by 0.3 s", "3 dB down", "cut to half", "all of it")


def plant(dataset: Dataset, folder: Path, *, each: int, generator: np.random.Generator) -> list[Plant]:
    """Write `each` copies of every kind, no clip twice."""
    clips = dataset.clips()
    rows = generator.permutation(len(clips))[: each * len(KINDS)]
    plants = []
    for i, row in enumerate(rows.tolist()):
        kind, number = KINDS[i // each], i % each
        rate = clips[row].sample_rate or probe(clips[row].source).sample_rate
        samples = load_waveform(clips[row].source, sample_rate=rate).samples
        path = folder / f"plant-{i}.sound"
        path.write_bytes(_changed(kind, samples, rate, number))
        plants.append(Plant(row, kind, path))
    return plants


def plant_corrupt_byte(dataset: Dataset, folder: Path) -> Path:
    """A copy of the first clip with one bit turned over near its end."""
    content = bytearray(_bytes_of(dataset.clips()[0]))
    content[-len(content) // 8] ^= 1
    path = folder / "corrupt.sound"
    path.write_bytes(content)
    return path


def plant_leak(dataset: Dataset, folder: Path) -> Path:
    """The second clip once more, byte for byte."""
    path = folder / "leak.sound"
    path.write_bytes(_bytes_of(dataset.clips()[1]))
    return path


def write_table(dataset: Dataset, plants: list[Plant], corrupt: Path, leak: Path, folder: Path) -> Path:
    """The clips and what was planted; copies have a fold other than their origin's and no group."""
    clips = dataset.clips()
    rows = [[_path(clip), (clip.labels or ("",))[0], clip.fold or 1, clip.group or ""] for clip in clips]
    planted = [(one.path, clips[one.row]) for one in plants] + [(corrupt, clips[0]), (leak, clips[1])]
    rows += [[str(path), (clip.labels or ("",))[0], (clip.fold or 1) + 1, ""] for path, clip in planted]
    table = folder / "clips.csv"
    table.write_text(csv_text(["path", "label", "fold", "group"], rows))
    return table


def report(found: Check, plants: list[Plant]) -> None:
    """Recall of each kind; pairs of different recordings, judged."""
    clips = {one.clip.uri: one for one in found.clips}
    origin = {one.path.name: one for one in plants}
    rows = {one.clip.uri: row for row, one in enumerate(found.clips)}
    pairs = [
        (_name(pair.first, origin, rows), _name(pair.second, origin, rows), pair) for pair in found.near_duplicates
    ]
    recalled = {frozenset(pair[:2]) for pair in pairs}
    for kind in KINDS:
        of_kind = [one for one in plants if one.kind == kind]
        missed = [one for one in of_kind if frozenset((one.path.name, one.row)) not in recalled]
        print(f"{kind}: {len(of_kind) - len(missed)} of {len(of_kind)} found")
        for one in missed:
            levels = next(clip.levels for uri, clip in clips.items() if uri.endswith(one.path.name))
            sounding_s = (1 - levels.silent_share) * levels.duration_s
            print(f"    missed: of {Path(found.clips[one.row].clip.uri).name}; {sounding_s:.2f} s of the copy sound")
    others = [pair for one, other, pair in pairs if isinstance(one, int) and isinstance(other, int)]
    apart = [pair for pair in others if not pair.same_group]
    print(f"pairs of unchanged clips: {len(others)}, of them {len(others) - len(apart)} within a recording")
    judge(found, apart, [pair for pair in others if pair.same_group])


def judge(found: Check, apart: list[NearDuplicate], within: list[NearDuplicate]) -> None:
    """Say how many pairs are right by the peak of the whitened cross-correlation."""
    by_uri = {one.clip.uri: one for one in found.clips}
    generator = np.random.default_rng(1)
    unchanged = [one for one in found.clips if not one.clip.uri.endswith(".sound")]
    peaks = []
    for _ in range(N_UNRELATED):
        one, other = (unchanged[i] for i in generator.integers(len(unchanged), size=2))
        if one.group != other.group:
            peaks.append(correlation_peak(_samples(one.clip), _samples(other.clip)))
    print(f"{len(peaks)} random pairs of recordings: peak at most {max(peaks):.3f}, median {np.median(peaks):.3f}")
    n_pairs = len(unchanged) * (len(unchanged) - 1) // 2
    for what, pairs in (("different recordings", apart), ("one recording", within)):
        judged = [(correlation_peak(_samples(by_uri[p.first].clip), _samples(by_uri[p.second].clip)), p) for p in pairs]
        wrong = [peak for peak, _ in judged if peak < SAME_PEAK]
        share = f"{1e6 * len(wrong) / n_pairs:.2f} per million pairs"
        print(f"{what}: {len(judged)} pairs, {len(wrong)} below a peak of {SAME_PEAK}: {share}")
        for peak, p in sorted(judged, key=lambda pair: pair[0])[:N_SHOWN]:
            print(f"    {peak:.3f}  {Path(p.first).name}  {Path(p.second).name}  {p.similarity}  {p.common_s} s")


def correlation_peak(one: FloatArray, other: FloatArray) -> float:
    """Peak of the cross-correlation of two sounds at `JUDGE_RATE`, in [0, 1], whitened between 100 and 3600 Hz."""
    size = 1 << (len(one) + len(other) - 1).bit_length()
    first, second = (_whitened(sound, size) for sound in (one, other))
    product = np.fft.irfft(first * np.conj(second), size)
    energy = np.sqrt(_energy(first) * _energy(second)) * 2 / size
    return float(np.abs(product).max() / energy) if energy else 0.0


def _whitened(sound: FloatArray, size: int) -> np.ndarray:
    spectrum = np.fft.rfft(sound, size)
    width = round(20 * size / JUDGE_RATE)  # 20 Hz
    sums = np.concatenate([[0.0], np.cumsum(np.abs(spectrum) ** 2)])
    places = np.arange(len(spectrum))
    low, high = np.maximum(places - width // 2, 0), np.minimum(places + width // 2 + 1, len(spectrum))
    level = np.sqrt((sums[high] - sums[low]) / (high - low))
    frequency_hz = places * JUDGE_RATE / size
    inside = (frequency_hz > 100) & (frequency_hz < 3600) & (level > 1e-4 * level.max())
    return np.where(inside, spectrum / np.maximum(level, 1e-12), 0)


def _energy(spectrum: np.ndarray) -> float:
    return float((np.abs(spectrum) ** 2).sum())


def _samples(clip: Clip) -> FloatArray:
    return load_waveform(clip.source, sample_rate=JUDGE_RATE).samples


def _name(uri: str, origin: dict[str, Plant], rows: dict[str, int]) -> str | int:
    """A plant's file name, or the row of a clip that was there before."""
    name = uri.rpartition("/")[2]
    return name if name.endswith(".sound") else rows[uri]


def _path(clip: Clip) -> str:
    return str(Path(str(clip.source)).resolve())


def _bytes_of(clip: Clip) -> bytes:
    return Path(str(clip.source)).read_bytes()


def _written(samples: FloatArray, rate: int, **how: object) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **how)
    return buffer.getvalue()


def _aac(samples: FloatArray, rate: int, *, bit_rate: int) -> bytes:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        stream.bit_rate = bit_rate
        for start in range(0, len(samples), 1024):
            block = np.zeros(1024, np.float32)
            block[: len(samples) - start] = samples[start : start + 1024]
            frame = av.AudioFrame.from_ndarray(block[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


if __name__ == "__main__":
    main()
