"""From a sound to the scores of its windows, on several threads: the engine of `classifier.py`.

A thread takes a sound from its file to its windows and hands them on in groups, which other threads compute;
it computes the last group itself, and gives the answers on in order of time, as they come. So one day-long
file keeps all cores busy, and so do ten thousand short ones, and no more than a few groups of a sound are in
memory. A window's scores depend on nothing but its samples (see `models.runners`): neither the number of
threads, nor how windows are grouped, nor what else is classified changes a bit of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from auscult.audio import WindowCutter, iter_waveform, source_name
from auscult.decide import Shortlist, WindowAggregate
from auscult.errors import InputError, MissingExtraError
from auscult.models.pictures import brightness, cut_picture, form_of, open_picture
from auscult.models.runners import Runner
from auscult.records import FloatArray, Scores, Window
from auscult.result import Excerpt, Heard, ModelId, Result, WindowValues

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auscult.audio import Source

    AnySource: TypeAlias = "Source | Excerpt | NDArray[Any]"

# A thread computes this many samples at a time: enough that handing them over costs nothing beside it (1 MB).
GROUP_SAMPLES = 2**18
# How far scores may lie outside [0, 1] by rounding.
SCORE_SLACK = 1e-6

T = TypeVar("T")
_Group = list[tuple[Window, FloatArray]]


class Scoring:
    """One call of a classifier: how sounds become what is asked for, and the threads that compute windows."""

    def __init__(self, runner: Runner, workers: int) -> None:
        self._runner = runner
        self._spec = runner.spec
        self._max_ahead = 2 * workers
        # A single worker has no one to hand windows to.
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None
        self.stop = threading.Event()

    def __enter__(self) -> Scoring:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        # Where it was dropped in the middle, nobody may wait for threads (see `in_order`): they end by themselves.
        if self._pool is not None and kind is not GeneratorExit:
            self._pool.shutdown(cancel_futures=True)

    def result(self, source: AnySource, shortlist: Shortlist, *, keep_windows: bool) -> Result:
        """What the model says of one sound; without `keep_windows`, in memory that does not grow with the sound."""
        excerpt = as_excerpt(source, self._spec.sample_rate)
        head = self._spec.heads[0]
        whole = WindowAggregate(head.aggregate)
        kept: list[WindowValues] = []
        for part in self.scores(excerpt):
            whole.push(part.values)
            end = part.windows[-1].end
            if keep_windows:
                kept.append(part)
        return Result(
            source=source_name(excerpt.source),
            duration_s=end / self._spec.sample_rate if self._spec.takes_sound else None,
            sample_rate=self._spec.sample_rate,
            model=ModelId(self._spec.name, self._runner.digest, head.name if len(self._spec.heads) > 1 else None),
            sound_scores=whole.finish(),
            shortlist=shortlist,
            _scores=self._together(kept) if kept else None,
            _excerpt=excerpt,
            _spec=self._spec,
        )

    def _together(self, parts: list[WindowValues]) -> Scores:
        windows = tuple(window for part in parts for window in part.windows)
        values = np.concatenate([part.values for part in parts])
        return Scores(self._spec.heads[0].labels, windows, values, self._spec.sample_rate)

    def name(self, source: AnySource) -> str:
        return source_name(as_excerpt(source, self._spec.sample_rate).source)

    def heard(self, source: AnySource, output: str) -> Iterator[WindowValues | Heard]:
        """What the model gives for the windows of one sound, and when all are through, how much that was."""
        excerpt = as_excerpt(source, self._spec.sample_rate)
        n_windows = 0
        for part in self.scores(excerpt) if output == "scores" else self.parts(excerpt, output):
            n_windows += len(part.windows)
            end = part.windows[-1].end
            yield part
        yield Heard(source_name(excerpt.source), end / self._spec.sample_rate, n_windows)

    def scores(self, excerpt: Excerpt) -> Iterator[WindowValues]:
        """`parts` with scores that are seen to be scores."""
        for part in self.parts(excerpt, "scores"):
            yield replace(part, values=checked_scores(part.values, part.source))

    def parts(self, excerpt: Excerpt, output: str) -> Iterator[WindowValues]:
        """Of a sound a few windows after the other, with what the model gives for each: float32 (windows, columns)."""
        if self._spec.picture is not None and (found := self._of_picture(excerpt, output)) is not None:
            yield found
            return
        name = source_name(excerpt.source)
        pending: deque[tuple[_Group, Future[FloatArray]]] = deque()
        held: _Group = []
        problem: InputError | None = None
        try:
            for group in self._groups(excerpt):
                if held and self._pool is not None:
                    pending.append((held, self._pool.submit(self._run, held, output)))
                elif held:
                    yield _part(name, held, self._run(held, output))
                held = group
                if len(pending) > self._max_ahead:
                    done, future = pending.popleft()
                    yield _part(name, done, future.result())
        except InputError as error:
            # What comes before the damage is given first, so that it does not depend on the number of threads.
            problem = error
        last = self._run(held, output) if held else None
        for done, future in pending:
            yield _part(name, done, future.result())
        if last is not None:
            yield _part(name, held, last)
        if problem is not None:
            raise problem

    def _of_picture(self, excerpt: Excerpt, output: str) -> WindowValues | None:
        """As `parts`, of a picture; None for a sound that the model takes."""
        spec, name = self._spec, source_name(excerpt.source)
        picture = open_picture(excerpt.source, name)
        if picture is None and spec.takes_sound:
            return None
        assert spec.picture is not None
        if picture is None:
            takes = "pictures" if spec.picture.low is None else "arrays of two axes"
            raise InputError(
                name,
                "unsupported",
                f"the model {spec.name!r} was trained on {takes}, and does not know how they were made of sounds; this "
                "is none",
                f"give it {takes}, or train a model on the sounds themselves, or on pictures that `auscult data "
                "spectrograms` draws of them",
            )
        if excerpt.start_s != 0 or excerpt.end_s is not None:
            raise InputError(
                name, "invalid", "a picture is taken whole, and a part was asked for", "leave the times out"
            )
        windows, pictures = cut_picture(brightness(picture, spec.picture, form_of(spec), name), picture, spec)
        runner: Any = self._runner  # one of pictures has `run_pictures`
        return WindowValues(name, tuple(windows), runner.run_pictures(pictures)[output])

    def _groups(self, excerpt: Excerpt) -> Iterator[_Group]:
        """The windows of a sound, as many at a time as make `GROUP_SAMPLES`, or as the runner takes at once."""
        spec = self._spec
        size = max(self._runner.batch_windows, GROUP_SAMPLES // spec.window_samples)
        cutter = WindowCutter(spec.window_samples, spec.hop_samples)
        blocks = iter_waveform(
            excerpt.source,
            sample_rate=spec.sample_rate,
            mono=spec.mono,
            start_s=excerpt.start_s,
            end_s=excerpt.end_s,
        )
        ready: _Group = []
        try:
            for block in blocks:
                ready += cutter.push(block)
                while len(ready) >= size:
                    yield ready[:size]
                    ready = ready[size:]
                if self.stop.is_set():
                    raise CancelledError
            ready += cutter.finish()
        except InputError:
            if ready:
                yield ready
            raise
        if ready:
            yield ready

    def _run(self, group: _Group, output: str) -> FloatArray:
        valid = [window.valid_samples for window, _ in group]
        return self._runner.run(np.stack([samples for _, samples in group]), valid)[output]


def as_excerpt(source: AnySource, sample_rate: int) -> Excerpt:
    """Any source as an excerpt; a bare array is taken at `sample_rate`."""
    part = source if isinstance(source, Excerpt) else None
    whole: Any = source if part is None else part.source
    if isinstance(whole, np.ndarray):
        whole = {"sampling_rate": sample_rate, "array": whole}
    return Excerpt(whole) if part is None else replace(part, source=whole)


def attempt(source: AnySource, work: Callable[[AnySource], Iterator[T]]) -> Iterator[T | InputError]:
    """What `work` gives for one sound, and what is wrong with the sound, if anything, as the last."""
    try:
        yield from work(source)
    except InputError as error:
        yield error
    except MissingExtraError as error:
        # A format that only an optional package reads: one such file must not stop the others.
        problem, _, next_step = str(error).partition("; ")
        yield InputError(source_name(as_excerpt(source, 1).source), "unsupported", problem, next_step)


def _part(name: str, group: _Group, values: FloatArray) -> WindowValues:
    return WindowValues(name, tuple(window for window, _ in group), values)


def checked_scores(values: FloatArray, source: str) -> FloatArray:
    """Scores within [0, 1], without what rounding put outside."""
    if not bool(((values >= -SCORE_SLACK) & (values <= 1 + SCORE_SLACK)).all()):
        raise InputError(
            source,
            "not_finite",
            "the model's scores for it are not numbers in [0, 1]",
            "see whether its samples lie far outside [-1, 1]; if they do not, export the model again",
        )
    return values.clip(0, 1)
