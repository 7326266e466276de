"""Read this first: from any sound to labelled scores.

::

    source -> blocks of mono sound, at the model's rate -> windows -> scores -> scores of the sound -> labels
              audio.iter_waveform                    WindowCutter  Runner.run   aggregate_windows      rank

Everything streams: of a sound, however long, a few blocks and windows are in memory at a time, and its
scores.

Threads. A thread takes a sound from its file to its windows and hands them on in groups, which other threads
compute; it computes the last group itself, and puts the answers together in order. So one day-long file keeps
all cores busy, and so do ten thousand short ones. A window's scores depend on nothing but its samples (see
`models.runners`): neither the number of threads, nor how windows are grouped, nor what else is classified
changes a bit of them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from auscult.audio import WindowCutter, iter_waveform, source_name
from auscult.decide import aggregate_windows
from auscult.errors import InputError, MissingExtraError, UsageError
from auscult.models.modelspec import ModelSpec
from auscult.models.runners import Runner, open_runner
from auscult.records import FloatArray, Label, Scores, Window
from auscult.result import Excerpt, ModelId, Result, WindowPredictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auscult.audio import Source

    AnySource: TypeAlias = "Source | Excerpt | NDArray[Any]"
    _Several: TypeAlias = "list[AnySource] | tuple[AnySource, ...]"
    _Answer: TypeAlias = list[dict[str, Any]]

__all__ = ["Classifier", "Excerpt", "ModelId", "Result", "WindowPredictions", "load"]

# A thread computes this many samples at a time: enough that handing them over costs nothing beside it (1 MB).
GROUP_SAMPLES = 2**18
# How far scores may lie outside [0, 1] by rounding.
SCORE_SLACK = 1e-6

_Group = list[tuple[Window, FloatArray]]


def load(path: str | os.PathLike[str]) -> Classifier:
    """Open a model file.

    Raises
    ------
    ModelFileError : where there is no such file, or it is damaged, of a newer format, or not one of ours
    """
    return Classifier(open_runner(path))


class Classifier:
    """An opened model. Made by `load`; may be used from several threads.

    A source is a path, a URL (http or https), the bytes of a sound file, an open binary file, a 1-D array at
    the model's own rate, a mapping with `sampling_rate` and `raw` or `array`, a `Sound`, a `Waveform`, or an
    `Excerpt` of any of them.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @property
    def spec(self) -> ModelSpec:
        """What the model file says of itself."""
        return self._runner.spec

    @property
    def digest(self) -> str:
        """SHA-256 of the model file, hexadecimal."""
        return self._runner.digest

    @property
    def labels(self) -> tuple[Label, ...]:
        """The classes, in the order of the columns of `Result.scores`."""
        return self.spec.heads[0].labels

    def describe(self) -> dict[str, Any]:
        """What the model file says of itself, for people and for JSON; training clips are only counted."""
        described = self.spec.to_dict()
        provenance = described.pop("provenance")
        provenance["training_clips"] = len(provenance["training_clips"])
        return {"digest": self.digest, **described, **provenance}

    @overload
    def __call__(
        self, sources: _Several, *, top_k: int | None = ..., on_error: Literal["raise"] = ...
    ) -> list[_Answer]: ...

    @overload
    def __call__(
        self, sources: _Several, *, top_k: int | None = ..., on_error: Literal["return"]
    ) -> list[_Answer | InputError]: ...

    @overload
    def __call__(self, sources: AnySource, *, top_k: int | None = ..., on_error: Literal["raise"] = ...) -> _Answer: ...

    @overload
    def __call__(
        self, sources: AnySource, *, top_k: int | None = ..., on_error: Literal["return"]
    ) -> _Answer | InputError: ...

    def __call__(self, sources: Any, *, top_k: int | None = 5, on_error: Literal["raise", "return"] = "raise") -> Any:
        """Labels and scores of one sound, or of each in a list.

        Parameters
        ----------
        sources : a source, or a list of them
        top_k : how many labels, from 1; None, or more than there are: all
        on_error : "raise" the first `InputError`, or "return" each in the place of its sound's answer

        Returns
        -------
        ``[{"label": ..., "score": ...}, ...]``, best first; for a list, a list of such lists in its order

        Raises
        ------
        InputError : a sound that cannot be used, unless `on_error` is "return"
        """
        if on_error not in ("raise", "return"):
            raise UsageError(f"The 'on_error' parameter must be 'raise' or 'return'. Got {on_error!r} instead.")
        is_list = isinstance(sources, list | tuple)
        outcomes: list[_Answer | InputError] = []
        for outcome in self.classify_many(sources if is_list else [sources], top_k=top_k):
            if isinstance(outcome, InputError):
                if on_error == "raise":
                    raise outcome
                outcomes.append(outcome)
            else:
                outcomes.append([prediction.to_dict() for prediction in outcome.predictions])
        return outcomes if is_list else outcomes[0]

    def classify(self, source: AnySource, *, top_k: int | None = None) -> Result:
        """All that the model says of one sound.

        Parameters
        ----------
        source : see `Classifier`
        top_k : how many labels `predictions` has, from 1; None, or more than there are: all

        Raises
        ------
        InputError : where the sound cannot be used
        """
        (outcome,) = self.classify_many([source], top_k=top_k)
        if isinstance(outcome, InputError):
            raise outcome
        return outcome

    def classify_many(
        self, sources: Iterable[AnySource], *, top_k: int | None = None, workers: int | None = None
    ) -> Iterator[Result | InputError]:
        """Results in the order of the sources, as they are asked for; a sound that fails gives its error.

        `sources` is read a little ahead of what was taken, so it may be endless.

        Parameters
        ----------
        sources : see `Classifier`
        top_k : as for `classify`
        workers : sounds, and groups of windows, worked on at once; None: one for each core this process may
        use

        Raises
        ------
        ModelFileError : where the model itself fails; an `InputError` is returned instead
        UsageError : `sources` is a single one, or an option is not what stands above
        """
        _check_several(sources)
        _check_count("top_k", top_k)
        _check_count("workers", workers)
        return self._in_order(sources, top_k, workers or available_cores())

    def _in_order(self, sources: Iterable[AnySource], top_k: int | None, workers: int) -> Iterator[Result | InputError]:
        job = _Job(self._runner, top_k, workers)
        pending: deque[Future[Result | InputError]] = deque()
        with ThreadPoolExecutor(workers) as sounds, job:
            try:
                for source in sources:
                    pending.append(sounds.submit(job.attempt, source))
                    if len(pending) > 2 * workers:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                # Also where an error, Ctrl-C or an end of interest comes in the middle of a long sound.
                job.stop.set()
                sounds.shutdown(cancel_futures=True)


class _Job:
    """One call of `classify_many`: how a sound becomes its result, and the threads that compute windows."""

    def __init__(self, runner: Runner, top_k: int | None, workers: int) -> None:
        self._runner = runner
        self._spec = runner.spec
        self._top_k = top_k
        self._max_ahead = 2 * workers
        # A single worker has no one to hand windows to.
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None
        self.stop = threading.Event()

    def __enter__(self) -> _Job:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def attempt(self, source: AnySource) -> Result | InputError:
        try:
            return self._result(source)
        except InputError as error:
            return error
        except MissingExtraError as error:
            # A format that only an optional package reads: one such file must not stop the others.
            problem, _, next_step = str(error).partition("; ")
            return InputError(_name(source), "unsupported", problem, next_step)

    def _result(self, source: AnySource) -> Result:
        excerpt = _as_excerpt(source, self._spec.sample_rate)
        name = _name(source)
        head = self._spec.heads[0]
        windows, values = self._score(excerpt)
        values = _checked(values, name)
        return Result(
            source=name,
            duration_s=windows[-1].end / self._spec.sample_rate,
            sample_rate=self._spec.sample_rate,
            model=ModelId(self._spec.name, self._runner.digest),
            scores=Scores(head.labels, tuple(windows), values, self._spec.sample_rate),
            sound_scores=aggregate_windows(values, head.aggregate),
            top_k=self._top_k,
            _excerpt=excerpt,
            _spec=self._spec,
        )

    def _score(self, excerpt: Excerpt) -> tuple[list[Window], FloatArray]:
        windows: list[Window] = []
        parts: list[FloatArray] = []
        pending: deque[Future[FloatArray]] = deque()
        held: _Group = []
        for group in self._groups(excerpt):
            if held and self._pool is not None:
                pending.append(self._pool.submit(self._run, held))
            elif held:
                parts.append(self._run(held))
            held = group
            windows += [window for window, _ in group]
            if len(pending) > self._max_ahead:
                parts.append(pending.popleft().result())
        last = self._run(held)
        parts += [future.result() for future in pending]
        return windows, np.concatenate([*parts, last])

    def _groups(self, excerpt: Excerpt) -> Iterator[_Group]:
        """The windows of a sound, as many at a time as make `GROUP_SAMPLES`."""
        spec = self._spec
        size = max(1, GROUP_SAMPLES // spec.window_samples)
        cutter = WindowCutter(spec.window_samples, spec.hop_samples)
        blocks = iter_waveform(
            excerpt.source,
            sample_rate=spec.sample_rate,
            mono=spec.mono,
            start_s=excerpt.start_s,
            end_s=excerpt.end_s,
        )
        ready: _Group = []
        for block in blocks:
            ready += cutter.push(block)
            while len(ready) >= size:
                yield ready[:size]
                ready = ready[size:]
            if self.stop.is_set():
                raise CancelledError
        ready += cutter.finish()
        if ready:
            yield ready

    def _run(self, group: _Group) -> FloatArray:
        return self._runner.run(np.stack([samples for _, samples in group]))["scores"]


def _check_several(sources: Any) -> None:
    """Refuse a single source: a str would be taken as many, of a letter each."""
    is_single = isinstance(sources, str | bytes | bytearray | memoryview | Mapping) or hasattr(sources, "read")
    if is_single or not isinstance(sources, Iterable) or (isinstance(sources, np.ndarray) and sources.ndim < 2):
        raise UsageError(
            "The 'sources' parameter of classify_many must be several sounds, as in a list. "
            f"Got a single {type(sources).__name__} instead; put it into a list, or call classify."
        )


def _check_count(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"The {name!r} parameter must be a whole number from 1, or None. Got {value!r} instead.")


def _as_excerpt(source: AnySource, sample_rate: int) -> Excerpt:
    part = source if isinstance(source, Excerpt) else None
    whole: Any = source if part is None else part.source
    if isinstance(whole, np.ndarray):
        whole = {"sampling_rate": sample_rate, "array": whole}
    return Excerpt(whole) if part is None else replace(part, source=whole)


def _name(source: AnySource) -> str:
    return source_name(_as_excerpt(source, 1).source)


def _checked(values: FloatArray, source: str) -> FloatArray:
    """Scores within [0, 1], without what rounding put outside."""
    if not bool(((values >= -SCORE_SLACK) & (values <= 1 + SCORE_SLACK)).all()):
        raise InputError(
            source,
            "not_finite",
            "the model's scores for it are not numbers in [0, 1]",
            "see whether its samples lie far outside [-1, 1]; if they do not, export the model again",
        )
    return values.clip(0, 1)


def available_cores() -> int:
    """Cores that this process may use, which in a container are often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
