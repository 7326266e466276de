"""Search: whether what is found is of the query's class, and how long it takes.

python -m benchmarks.search SOURCE [--model yamnet]      precision at 10 over labelled clips
python -m benchmarks.search --windows 1000000            time and memory of a query over so many windows of noise

Precision: each clip is a query, and looks for the 10 nearest of all clips of other recordings; the figure is the share
of them that have its label, the interval resamples recordings. Beside `auscult search` stand what it is held against:
the embeddings compared plainly, by the cosine of the clips' means; log-mel alone, the mean and deviation of each band
over time, standardised; and clips drawn by chance.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import auscult
from auscult.audio import load_waveform
from auscult.classifier import Classifier, available_cores
from auscult.data import Clip, open_dataset
from auscult.features import log_mel, preset
from auscult.metrics.resampling import draw, number_groups, percentile_interval
from auscult.search import Index
from auscult.search.ranking import best_spans
from auscult.search.scan import Query, span_scores
from auscult.search.vectors import centre, mean_direction, packed, total
from benchmarks.machine import describe_machine

K = 10
LOG_MEL_RATE = 16000
DIM = 1024  # of YAMNet
N_RESAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("source", nargs="?", help="labelled sounds")
    parser.add_argument("--model", default="yamnet")
    parser.add_argument("--windows", type=int, default=1_000_000, help="without a source: how many are searched")
    arguments = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}")
    if arguments.source is None:
        measure_time(arguments.windows)
    else:
        measure_precision(arguments.source, auscult.load(arguments.model))


def measure_precision(source: str, model: Classifier) -> None:
    clips = [clip for clip in open_dataset(source).clips() if clip.labels]
    labels = np.array([clip.labels[0] for clip in clips])
    groups = np.array([clip.group or clip.uri for clip in clips])
    print(f"{len(clips)} clips of {len(set(groups))} recordings, {len(set(labels))} classes; precision at {K}")
    share = np.array([np.mean(labels[groups != group] == label) for group, label in zip(groups, labels, strict=True)])
    for name, precision in (
        ("auscult search", by_index(clips, labels, groups, model)),
        ("embeddings, cosine of means", by_cosine(means(clips, model), labels, groups)),
        ("log-mel, cosine", by_cosine(standardised(log_mels(clips)), labels, groups)),
        ("by chance", share),
    ):
        low, high = interval(precision, groups)
        print(f"{name:28} {precision.mean():6.1%}  ({low:.1%} to {high:.1%})", flush=True)


def by_index(clips: Sequence[Clip], labels: np.ndarray, groups: np.ndarray, model: Classifier) -> np.ndarray:
    """Of each clip, the share of its hits that have its label."""
    paths = [str(Path(str(clip.source)).resolve()) for clip in clips]
    label_of = dict(zip(paths, labels, strict=True))
    precision = []
    with tempfile.TemporaryDirectory() as folder:
        index = Index.build(folder, paths, model)
        for path, label, group in zip(paths, labels, groups, strict=True):
            own = [other for other, its in zip(paths, groups, strict=True) if its == group]
            hits = index.search(path, model, k=K, per_recording=True, exclude=own)
            precision.append(np.mean([label_of[hit.source] == label for hit in hits]))
    return np.array(precision)


def by_cosine(vectors: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    similarity[groups[:, None] == groups] = -np.inf
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :K]
    return (labels[nearest] == labels[:, None]).mean(axis=1)


def means(clips: Sequence[Clip], model: Classifier) -> np.ndarray:
    return np.stack([model.embed(clip.source).mean(axis=0) for clip in clips])


def log_mels(clips: Sequence[Clip]) -> np.ndarray:
    """Mean and deviation of each band over time."""
    spec = preset("auscult", sample_rate=LOG_MEL_RATE)
    found = []
    for clip in clips:
        spectrogram = log_mel(load_waveform(clip.source, sample_rate=LOG_MEL_RATE).samples, spec)
        found.append(np.concatenate([spectrogram.mean(axis=1), spectrogram.std(axis=1)]))
    return np.stack(found)


def standardised(vectors: np.ndarray) -> np.ndarray:
    deviation = vectors.std(axis=0)
    return (vectors - vectors.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def interval(values: np.ndarray, groups: np.ndarray) -> tuple[float | None, float | None]:
    """95 %, resampling recordings."""
    group_of, n_groups = number_groups(groups)
    sums, sizes = np.bincount(group_of, values), np.bincount(group_of)
    counts = np.concatenate(list(draw(n_groups, len(values), N_RESAMPLES, np.random.default_rng(0))))
    return percentile_interval(float(values.mean()), (counts @ sums) / (counts @ sizes), 0.95)


def measure_time(n_windows: int) -> None:
    """Recordings of 125 windows (a minute of YAMNet's): what unpacking, comparing and ranking take."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors"
        with open(path, "wb") as file:
            for start in range(0, n_windows, 10_000):
                rows = min(10_000, n_windows - start)
                noise = np.maximum(generator.standard_normal((rows, DIM), dtype=np.float32), 0)
                file.write(packed(noise).tobytes())
        vectors = np.memmap(path, "<i2", "r", shape=(n_windows, DIM))
        around = centre(total(vectors[:20_000]), 20_000)
        first_rows = np.arange(0, n_windows, 125)
        lengths = np.minimum(125, n_windows - first_rows)
        print(f"{n_windows} windows of {DIM} values, {path.stat().st_size / 1e9:.2f} GB, in the system's cache")
        for span in (1, 4, 10, 125):
            query = Query(mean_direction(np.array(vectors[:span]), around), around, span)
            walls, cpus = [], []
            for _ in range(5):
                wall, cpu = time.perf_counter(), time.process_time()
                with ThreadPoolExecutor(available_cores()) as pool:
                    scores = span_scores(vectors, first_rows, lengths, query, pool)
                best_spans(scores, first_rows, lengths, span=span, k=K, one_each=False)
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
            print(
                f"a query of {span} windows: {min(walls):.2f} s at best, {min(cpus):.2f} s of processor time "
                f"({n_windows / min(cpus) / 1e6:.2f} million windows a second of a core)",
                flush=True,
            )
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        private = Path("/proc/self/smaps_rollup")
        if private.exists():
            lines = dict(line.split(":") for line in private.read_text().splitlines()[1:])
            own_kb = int(lines["Anonymous"].split()[0])
            print(f"memory: {own_kb / 1024:.0f} MB of its own, {peak_mb:.0f} MB with the pages of the index")


if __name__ == "__main__":
    main()
