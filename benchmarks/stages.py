"""Where the time goes from a file to labels: each stage alone on one core, then all of it on all cores.

python -m benchmarks.stages FOLDER [--model yamnet] [--formats vorbis flac mp3 wav] [--peers] [--ast-clips 5]

The sounds of the folder are written in each format first, the same clips, but for Vorbis that are copied where the
folder has them. All times are by the clock, the least of several rounds; a round goes through all stages and then
through all of it, so that what else the machine does meets each alike. How much of the machine went to others is
printed.

*Needs* is what a stage costs in the library that it is made of, called once a file with nothing around it: its floor.
*Takes* is what it costs as auscult does it. What classifying costs on one core beyond the stages is the glue. The
bound of the whole is the number of cores over the sum of what decoding, resampling and the model cost alone.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from auscult import load
from auscult.audio import WindowCutter, decode, find_audio_files, probe
from auscult.audio.mono import to_mono
from auscult.audio.resampling import QUALITY, resample
from auscult.classifier import available_cores
from auscult.models.registry import MODELS, model_file
from auscult.models.runners import OpenOptions, TfliteRunner, open_runner
from auscult.models.tflite_spectrum import Spectra
from benchmarks.machine import Others, describe_machine
from benchmarks.peers import ast_pipeline, mediapipe_loop

ROUNDS = 3
SUFFIXES = {"vorbis": ".ogg", "flac": ".flac", "mp3": ".mp3", "wav": ".wav"}
# What a stage alone, as a library has it, is part of the bound.
BOUND = ("decode", "resample", "model")


@dataclass
class Times:
    """The least time in which something was done, in seconds, by name."""

    least: dict[str, float] = field(default_factory=dict)

    def take(self, name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        self.least[name] = min(seconds, self.least.get(name, seconds))


class Bench:
    """Sounds in one format, and a model with one hop."""

    def __init__(self, files: Sequence[Path], model: Path, hop_s: float | None) -> None:
        self.files = [str(file) for file in files]
        self.model, self.hop_s = model, hop_s
        self.runner = open_runner(model, OpenOptions(hop_s=hop_s))
        self.spec = self.runner.spec
        self.decoded = [soundfile.read(file, dtype="float32", always_2d=True) for file in self.files]
        self.duration_s = sum(len(samples) / rate for samples, rate in self.decoded)
        self.mono = [(to_mono(samples.T, self.spec.mono), rate) for samples, rate in self.decoded]
        self.sounds = [self._resampled(samples, rate) for samples, rate in self.mono]
        self.windows = [self._cut(samples) for samples in self.sounds]
        self.classifier = load(model, hop_s=hop_s)
        self.results = list(self.classifier.classify_many(self.files))

    def _resampled(self, samples: Any, rate: int) -> Any:
        # As for sounds that fit into a block, which clips do.
        return resample(samples, rate, self.spec.sample_rate)

    def _cut(self, samples: Any) -> Any:
        cutter = WindowCutter(self.spec.window_samples, self.spec.hop_samples)
        return np.stack([window for _, window in cutter.push(samples) + cutter.finish()])

    def needs(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Stage -> the library alone."""
        rate = self.spec.sample_rate
        yield "decode", lambda: each(soundfile.read(file, dtype="float32") for file in self.files)
        yield "resample", lambda: each(soxr.resample(s, given, rate, quality=QUALITY) for s, given in self.mono)
        if isinstance(self.runner, TfliteRunner):
            worker = self.runner._idle[0]
            n_windows = sum(map(len, self.windows))
            if worker.spectra is not None:
                yield "spectrum", self._transforms(worker.spectra)
            yield "network", lambda: each(worker.interpreter.invoke() for _ in range(n_windows))

    def _transforms(self, spectra: Spectra) -> Callable[[], object]:
        """The Fourier transforms of those frames that no window before has."""
        frames = np.random.default_rng(0).normal(size=(spectra.steps.n_frames, spectra.steps.fft_samples))
        fresh = len(frames) - spectra.n_common
        counts = [fresh if i else len(frames) for windows in self.windows for i in range(len(windows))]
        return lambda: each(np.fft.rfft(frames[:count], axis=1) for count in counts)

    def takes(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Stage -> as auscult does it."""
        yield "decode", lambda: each(decode(file) for file in self.files)
        yield "resample", lambda: each(self._resampled(to_mono(s.T, self.spec.mono), rate) for s, rate in self.decoded)
        yield "windows", lambda: each(self._cut(samples) for samples in self.sounds)
        if isinstance(self.runner, TfliteRunner) and (spectra := self.runner._idle[0].spectra) is not None:
            yield "spectrum", lambda: each(one for windows in self.windows for one in spectra.of(windows))
        yield "model", lambda: each(self.runner.run(windows) for windows in self.windows)
        yield "decide", lambda: each(self._decided(result.scores.values) for result in self.results)
        yield "print", lambda: each(json.dumps(result.to_dict()) for result in self.results)

    def _decided(self, values: Any) -> object:
        from auscult.decide import aggregate_windows

        result = self.results[0]
        return result.shortlist.rank(aggregate_windows(values, self.spec.heads[0].aggregate))

    def classify(self, workers: int) -> object:
        return each(result.to_dict() for result in self.classifier.classify_many(self.files, workers=workers))


def each(work: Iterable[object]) -> None:
    """Do all of it and keep nothing, as memory that is kept has to be got from the system first."""
    deque(work, maxlen=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages")
    parser.add_argument("folder", type=Path, help="sounds to classify")
    parser.add_argument("--model", default="yamnet", help="a model by name, or its file")
    parser.add_argument("--formats", nargs="+", choices=SUFFIXES, default=list(SUFFIXES))
    parser.add_argument("--files", type=int, help="only so many, spread over the folder")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peers", action="store_true", help="MediaPipe's loop over the same files, too")
    parser.add_argument("--ast-clips", type=int, default=0, help="how many of them an AST gets, too, already decoded")
    arguments = parser.parse_args()
    files = find_audio_files(arguments.folder)
    files = files[:: max(1, len(files) // arguments.files)] if arguments.files else files
    model = model_file(arguments.model) if arguments.model in MODELS else Path(arguments.model)
    print(f"{datetime.now(UTC):%Y-%m-%d}  {describe_machine()}, load {os.getloadavg()[0]:.1f}")
    print(f"{len(files)} files of {arguments.folder.name}; least of {arguments.rounds} rounds; times real time")
    window_s = load(model).spec.window_s
    named_hop = MODELS[arguments.model].hop_s if arguments.model in MODELS else None
    with tempfile.TemporaryDirectory() as temporary:
        for form in arguments.formats:
            written = write_format(files, form, Path(temporary) / form)
            for hop_s in dict.fromkeys([window_s, named_hop or load(model).spec.hop_s]):
                measure(Bench(written, model, hop_s), form, arguments.rounds, peers=arguments.peers)
    if some := files[: arguments.ast_clips]:
        measure_ast(some)


def measure_ast(files: Sequence[Path]) -> None:
    """transformers' pipeline with an Audio Spectrogram Transformer; opening it is not counted."""
    duration_s = sum(probe(file).duration_s or 0.0 for file in files)
    times = Times()
    times.take("AST", ast_pipeline([str(file) for file in files]))
    print(f"\ntransformers pipeline, AST, {len(files)} clips: {duration_s / times.least['AST']:.1f} times real time")


def write_format(files: Sequence[Path], form: str, folder: Path) -> list[Path]:
    """The same sounds in a format, in 16 bits where it has bits."""
    folder.mkdir()
    written = []
    for i, file in enumerate(files):
        target = folder / f"{i:05d}{SUFFIXES[form]}"
        if form == "vorbis" and file.suffix.lower() == ".ogg":
            target.write_bytes(file.read_bytes())
        else:
            sound = decode(file)
            soundfile.write(target, sound.samples.T, sound.sample_rate, format="OGG" if form == "vorbis" else form)
        written.append(target)
    return written


def measure(bench: Bench, form: str, rounds: int, *, peers: bool) -> None:
    needs, takes, whole = Times(), Times(), Times()
    others = Others()
    taken_by_others = 0.0
    for _ in range(rounds):
        for name, work in bench.needs():
            needs.take(name, work)
        for name, work in bench.takes():
            takes.take(name, work)
        whole.take("one", lambda: bench.classify(1))
        before = whole.least.get("all")
        with others:
            whole.take("all", lambda: bench.classify(available_cores()))
        if whole.least["all"] != before:
            taken_by_others = others.last
        if peers and bench.hop_s == bench.spec.window_s:
            whole.take("MediaPipe", lambda: mediapipe_loop(bench.files, bench.model))
    print(f"\n{form}, a window every {bench.spec.hop_samples / bench.spec.sample_rate:g} s")
    for line in table(bench.duration_s, needs.least, takes.least, whole.least):
        print(line, flush=True)
    print(f"  of the machine to others meanwhile: {taken_by_others:.0%}", flush=True)


def table(
    duration_s: float, needs: dict[str, float], takes: dict[str, float], whole: dict[str, float]
) -> Iterator[str]:
    """Lines: stages with what they need and take, then the whole."""
    inside = {"spectrum", "network"} if "network" in needs else set()
    staged = sum(seconds for name, seconds in takes.items() if name not in inside)
    if inside:
        # Of the model's time, what is not the spectrum is the graph.
        takes = {**takes, "network": takes["model"] - takes.get("spectrum", 0.0)}
    needs = {**needs, "model": sum(needs[name] for name in inside if name in needs)} if inside else needs
    yield f"  {'':<22}{'needs':>8}{'takes':>8}{'share':>8}   seconds needed, taken, one core"
    for name in ("decode", "resample", "windows", "model", "spectrum", "network", "decide", "print"):
        if name not in takes:
            continue
        need = f"{duration_s / needs[name]:8.0f}" if name in needs else f"{'':>8}"
        seconds = f"{needs[name]:.3f}, {takes[name]:.3f}" if name in needs else f"-, {takes[name]:.3f}"
        indent = "  " if name in inside else ""
        share = "" if name in inside else f"{takes[name] / whole['one']:8.1%}"
        yield f"  {indent + name:<22}{need}{duration_s / takes[name]:8.0f}{share:>8}   {seconds}"
    yield f"  {'glue':<38}{(whole['one'] - staged) / whole['one']:8.1%}   {whole['one'] - staged:.3f}"
    yield f"  {'all, one core':<30}{duration_s / whole['one']:8.0f}{'':>8}   {whole['one']:.3f}"
    n_cores = available_cores()
    bound = (needs["decode"] + needs["resample"] + takes["model"]) / n_cores
    yield f"  {f'all, {n_cores} cores':<30}{duration_s / whole['all']:8.0f}{'':>8}   {whole['all']:.3f}"
    yield (
        f"  {f'bound, {n_cores} / (decode + resample + model)':<30}{duration_s / bound:8.0f}   {bound:.3f}: "
        f"reached {bound / whole['all']:.2f} of it"
    )
    if "MediaPipe" in whole:
        ratio = whole["MediaPipe"] / whole["all"]
        yield (
            f"  {'MediaPipe, a loop':<30}{duration_s / whole['MediaPipe']:8.0f}{'':>8}   {whole['MediaPipe']:.3f}: "
            f"auscult is {ratio:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
