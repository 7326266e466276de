"""Read this first: from any sound to labelled scores.

::

    source -> blocks of mono sound, at the model's rate -> windows -> scores -> scores of the sound -> labels
              audio.iter_waveform                    WindowCutter  Runner.run   aggregate_windows  Shortlist

Everything streams: of a sound, however long, a few blocks and windows are in memory at a time, and of a
`Result` its scores. `scoring.py` does it, on several threads; here is what users call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

import numpy as np

from auscult.audio import load_waveform, plan_windows
from auscult.decide import (
    NOT_GIVEN,
    Count,
    EventOptions,
    Names,
    Selection,
    Shortlist,
    Summary,
    Threshold,
    check_count,
)
from auscult.detecting import Detecting, event_columns
from auscult.errors import InputError, UsageError
from auscult.features import FeatureSpec, log_mel
from auscult.in_order import in_order
from auscult.models.modelspec import ModelSpec
from auscult.models.runners import OpenOptions, Runner, open_runner
from auscult.records import Event, FloatArray, Label
from auscult.result import Excerpt, Heard, ModelId, Result, WindowPredictions, WindowValues
from auscult.scoring import Scoring, as_excerpt, attempt
from auscult.streaming import STREAM_NAME, Stream

if TYPE_CHECKING:
    from auscult.scoring import AnySource

    _Several: TypeAlias = "list[AnySource] | tuple[AnySource, ...]"
    _Answer: TypeAlias = list[dict[str, Any]]

__all__ = [
    "Classifier",
    "Excerpt",
    "Heard",
    "ModelId",
    "Result",
    "WindowPredictions",
    "WindowValues",
    "available_cores",
    "load",
]

T = TypeVar("T")
DEFAULT_SELECTION = Selection()
DEFAULT_EVENTS = EventOptions()


def load(
    model: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    sample_rate: int | None = None,
    hop_s: float | None = None,
    locale: str | None = None,
    revision: str | None = None,
    head: str | None = None,
    device: str | None = None,
    top_k: int | None = 5,
    score_threshold: float | None = None,
    allow: Sequence[str] | None = None,
    deny: Sequence[str] | None = None,
    quiet: bool = False,
) -> Classifier:
    """Open a model.

    Parameters
    ----------
    model : a model file (.onnx, .tflite); a name such as "yamnet", which is fetched once; or "hf:" and the
        name or folder of a transformers checkpoint
    labels, sample_rate : of a model file that does not say; labels also are what a zero-shot model listens for
    hop_s : seconds from the start of a window to the next; None: the model's own
    locale : language of the labels' display names
    revision : of a transformers checkpoint
    head : of a model that answers several questions, the name of the one to ask; None: the first. `describe` names
        them. A model trained with YAMNet's head kept beside its own has "main" and "yamnet".
    device : "cpu", as is None: the processor, on which results are the same to the last bit; "gpu": a graphics card,
        for an .onnx, see `OpenOptions`; "auto": a graphics card where there is one for it
    top_k, score_threshold, allow, deny : which labels are named, unless a call says otherwise; see
        `decide.Selection`
    quiet : say nothing on stderr while a model is fetched

    Raises
    ------
    ModelFileError : where there is no such file, or it is damaged, of a newer format, or not one of ours
    UsageError : where an option is not for this model, or names a label that it does not have
    MissingExtraError : where the model, or a graphics card, needs a package that is not installed
    """
    options = OpenOptions(
        labels=labels,  # type: ignore[arg-type]  # made a tuple there
        sample_rate=sample_rate,
        hop_s=hop_s,
        locale=locale,
        revision=revision,
        head=head,
        device=device,
    )
    selection = Selection(
        top_k=top_k,
        score_threshold=score_threshold,
        allow=allow,  # type: ignore[arg-type]  # a Selection makes a tuple of it
        deny=deny,  # type: ignore[arg-type]
    )
    return Classifier(open_runner(model, options, quiet=quiet), selection)


class Classifier:
    """An opened model. Made by `load`; may be used from several threads.

    A source is a path, a URL (http or https), the bytes of a sound file, an open binary file, a 1-D array at
    the model's own rate, a mapping with `sampling_rate` and `raw` or `array`, a `Sound`, a `Waveform`, or an
    `Excerpt` of any of them. For a model that was trained on pictures it may also be a picture: a path, a URL, bytes,
    an open file, or an image of Pillow; some such models take nothing else (`ModelSpec.takes_sound`).
    """

    def __init__(self, runner: Runner, selection: Selection = DEFAULT_SELECTION) -> None:
        self._runner = runner
        self._selection = selection
        self._shortlist = self._shortlist_of(selection)

    @property
    def spec(self) -> ModelSpec:
        """What the model file says of itself."""
        return self._runner.spec

    @property
    def digest(self) -> str:
        """SHA-256 of the model file, hexadecimal."""
        return self._runner.digest

    @property
    def path(self) -> Path:
        """The file, or of a transformers checkpoint the folder, that it was read from."""
        return self._runner.path

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
        self,
        sources: _Several,
        *,
        top_k: Count = ...,
        score_threshold: Threshold = ...,
        allow: Names = ...,
        deny: Names = ...,
        on_error: Literal["raise"] = ...,
    ) -> list[_Answer]: ...

    @overload
    def __call__(
        self,
        sources: _Several,
        *,
        top_k: Count = ...,
        score_threshold: Threshold = ...,
        allow: Names = ...,
        deny: Names = ...,
        on_error: Literal["return"],
    ) -> list[_Answer | InputError]: ...

    @overload
    def __call__(
        self,
        sources: AnySource,
        *,
        top_k: Count = ...,
        score_threshold: Threshold = ...,
        allow: Names = ...,
        deny: Names = ...,
        on_error: Literal["raise"] = ...,
    ) -> _Answer: ...

    @overload
    def __call__(
        self,
        sources: AnySource,
        *,
        top_k: Count = ...,
        score_threshold: Threshold = ...,
        allow: Names = ...,
        deny: Names = ...,
        on_error: Literal["return"],
    ) -> _Answer | InputError: ...

    def __call__(
        self,
        sources: Any,
        *,
        top_k: Count = NOT_GIVEN,
        score_threshold: Threshold = NOT_GIVEN,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Any:
        """Labels and scores of one sound, or of each in a list.

        Parameters
        ----------
        sources : a source, or a list of them
        top_k, score_threshold, allow, deny : as for `classify`
        on_error : "raise" the first `InputError`, or "return" each in the place of its sound's answer

        Returns
        -------
        ``[{"label": ..., "score": ...}, ...]``, best first; for a list, a list of such lists in its order

        Raises
        ------
        InputError : a sound that cannot be used, unless `on_error` is "return"
        UsageError : an option is not what stands above
        """
        if on_error not in ("raise", "return"):
            raise UsageError(f"The 'on_error' parameter must be 'raise' or 'return'. Got {on_error!r} instead.")
        is_list = isinstance(sources, list | tuple)
        answers = self.classify_many(
            sources if is_list else [sources],
            top_k=top_k,
            score_threshold=score_threshold,
            allow=allow,
            deny=deny,
            keep_windows=False,
        )
        outcomes: list[_Answer | InputError] = []
        with closing(answers):
            for outcome in answers:
                if isinstance(outcome, InputError):
                    if on_error == "raise":
                        raise outcome
                    outcomes.append(outcome)
                else:
                    outcomes.append([prediction.to_dict() for prediction in outcome.predictions])
        return outcomes if is_list else outcomes[0]

    def classify(
        self,
        source: AnySource,
        *,
        top_k: Count = NOT_GIVEN,
        score_threshold: Threshold = NOT_GIVEN,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
    ) -> Result:
        """All that the model says of one sound.

        Parameters
        ----------
        source : see `Classifier`
        top_k, score_threshold, allow, deny : which labels `Result.predictions` and `Result.windows` name, see
            `decide.Selection`; what is not given is as it was for `load`

        Raises
        ------
        InputError : where the sound cannot be used
        UsageError : an option is not what stands above
        """
        (outcome,) = self.classify_many([source], top_k=top_k, score_threshold=score_threshold, allow=allow, deny=deny)
        if isinstance(outcome, InputError):
            raise outcome
        return outcome

    def classify_many(
        self,
        sources: Iterable[AnySource],
        *,
        top_k: Count = NOT_GIVEN,
        score_threshold: Threshold = NOT_GIVEN,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
        workers: int | None = None,
        keep_windows: bool = True,
    ) -> Generator[Result | InputError, None, None]:
        """Results in the order of the sources, as they are asked for; a sound that fails gives its error.

        `sources` is read a little ahead of what was taken, so it may be endless.

        Parameters
        ----------
        sources : see `Classifier`
        top_k, score_threshold, allow, deny : as for `classify`
        workers : sounds, and groups of windows, worked on at once; None: one for each core this process may
            use
        keep_windows : whether results hold the scores of each window. Without them a sound may last for days: only
            `Result.predictions` and `sound_scores` can be asked for then.

        Raises
        ------
        ModelFileError : where the model itself fails; an `InputError` is returned instead
        UsageError : `sources` is a single one, or an option is not what stands above
        """
        selection = self._selection.changed(top_k=top_k, score_threshold=score_threshold, allow=allow, deny=deny)
        shortlist = self._shortlist if selection is self._selection else self._shortlist_of(selection)

        def result(scoring: Scoring, source: AnySource) -> Iterator[Result]:
            yield scoring.result(source, shortlist, keep_windows=keep_windows)

        return self._each(sources, result, workers)

    def window_scores(
        self, sources: Iterable[AnySource], *, output: str = "scores", workers: int | None = None
    ) -> Generator[WindowValues | Heard | InputError, None, None]:
        """What the model gives for each window, in the order of the sources and of time, in constant memory.

        Of each sound come its windows, a few at a time, then a `Heard`; or, as soon as something is wrong with it, an
        `InputError`. `sources` is read a little ahead of what was taken, so it may be endless.

        Parameters
        ----------
        sources : see `Classifier`
        output : what is given for a window: "scores", "embedding", or whatever else the model has
        workers : as for `classify_many`

        Raises
        ------
        ModelFileError : where the model itself fails
        UsageError : `sources` is a single one, or the model has no such output
        """
        self._check_output(output)
        return self._each(sources, lambda scoring, source: scoring.heard(source, output), workers)

    def detect(
        self,
        source: AnySource,
        options: EventOptions = DEFAULT_EVENTS,
        *,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
    ) -> Generator[Event, None, None]:
        """What is heard when, each event as soon as it is certain: of a day-long file the first come at once.

        Parameters
        ----------
        source : see `Classifier`
        options : when scores make an event
        allow, deny : which labels may be events, see `decide.Selection`; what is not given is as it was for `load`. A
            label that stands for sounds unlike all classes is none, unless `allow` names it.

        Yields
        ------
        Events in the order of their ends

        Raises
        ------
        InputError : where the sound cannot be used
        UsageError : an option is not what stands above
        """
        return _events_alone(self.detect_many([source], options, allow=allow, deny=deny))

    def detect_many(
        self,
        sources: Iterable[AnySource],
        options: EventOptions = DEFAULT_EVENTS,
        *,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
        workers: int | None = None,
    ) -> Generator[Event | Heard | InputError, None, None]:
        """What is heard when in each of many sounds, in their order, in constant memory.

        Of each sound come its events, then a `Heard`, in which its labels are summed up; or, as soon as something is
        wrong with it, an `InputError`. `sources` is read a little ahead of what was taken, so it may be endless.

        Parameters
        ----------
        sources : see `Classifier`
        options, allow, deny : as for `detect`
        workers : as for `classify_many`

        Raises
        ------
        ModelFileError : where the model itself fails
        UsageError : `sources` is a single one, or an option is not what stands above
        """
        return self._each(sources, self._detecting(options, allow, deny).search, workers)

    def summarise_many(
        self,
        sources: Iterable[AnySource],
        options: EventOptions = DEFAULT_EVENTS,
        *,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
        workers: int | None = None,
    ) -> Generator[Summary | InputError, None, None]:
        """Each of many sounds in a line a label: whether, when and how often it is heard, and how sure the model is.

        Of each sound comes one `Summary`, or what is wrong with it, in their order and in constant memory.

        Parameters
        ----------
        sources, options, allow, deny, workers : as for `detect_many`

        Raises
        ------
        ModelFileError : where the model itself fails
        UsageError : `sources` is a single one, or an option is not what stands above
        """
        detecting = self._detecting(options, allow, deny)

        def summarised(scoring: Scoring, source: AnySource) -> Iterator[Summary]:
            for one in detecting.search(scoring, source, every_label=True):
                if isinstance(one, Heard):
                    yield Summary(one.source, one.duration_s, one.labels)

        return self._each(sources, summarised, workers)

    def stream(
        self,
        sample_rate: int,
        options: EventOptions = DEFAULT_EVENTS,
        *,
        channels: int | None = None,
        source: str = STREAM_NAME,
        top_k: Count = NOT_GIVEN,
        score_threshold: Threshold = NOT_GIVEN,
        allow: Names = NOT_GIVEN,
        deny: Names = NOT_GIVEN,
    ) -> Stream:
        """For sound that arrives in blocks: an object that they are pushed into, and windows and events come out of.

        What comes out is what `classify` and `detect` say of a file of the same samples, to the last bit, for any sizes
        of blocks.

        Parameters
        ----------
        sample_rate : Hz, of the blocks; any, they are resampled
        options, allow, deny : as for `detect`
        channels : of the blocks; None: as many as the first has
        source : name of the stream, in events and messages
        top_k, score_threshold : with `allow` and `deny`, which labels `StreamWindow.predictions` names

        Raises
        ------
        UsageError : an option is not what stands above, or the model takes pictures only
        """
        selection = self._selection.changed(top_k=top_k, score_threshold=score_threshold, allow=allow, deny=deny)
        return Stream(
            self._runner,
            self._shortlist_of(selection),
            self._detecting(options, allow, deny).finder,
            sample_rate=sample_rate,
            channels=channels,
            source=source,
        )

    def event_columns(self, *, allow: Names = NOT_GIVEN, deny: Names = NOT_GIVEN) -> tuple[int, ...]:
        """Which of `labels` may be events, by their place among them; `allow` and `deny` as for `detect`.

        Raises
        ------
        UsageError : `allow` or `deny` is not what stands there
        """
        return event_columns(self.spec, self._changed(allow, deny))

    def _detecting(self, options: EventOptions, allow: Names, deny: Names) -> Detecting:
        return Detecting(self.spec, self._changed(allow, deny), options)

    def _changed(self, allow: Names, deny: Names) -> Selection:
        return self._selection.changed(top_k=NOT_GIVEN, score_threshold=NOT_GIVEN, allow=allow, deny=deny)

    def embed(self, source: AnySource) -> FloatArray:
        """What the model makes of each window before it decides: a vector in which like sounds lie close.

        Parameters
        ----------
        source : see `Classifier`

        Returns
        -------
        float32 (windows, dim), rows in the order of time

        Raises
        ------
        InputError : where the sound cannot be used
        UsageError : where the model has no embedding
        """
        self._check_output("embedding")
        with Scoring(self._runner, available_cores()) as scoring:
            parts = list(scoring.parts(as_excerpt(source, self.spec.sample_rate), "embedding"))
        return np.concatenate([part.values for part in parts])

    def spectrogram(self, source: AnySource) -> FloatArray:
        """The log-mel spectrogram that the model makes of a sound. The whole sound is in memory for it.

        Parameters
        ----------
        source : see `Classifier`

        Returns
        -------
        float32 (mels, frames), as `features.log_mel` gives it for all that the windows hold: after the end of
        the sound come the zeros that fill the last window

        Raises
        ------
        InputError : where the sound cannot be used
        UsageError : where it is not known how the model looks at sound
        """
        spec = self.spec
        if spec.features is None:
            raise UsageError(
                f"It is not known how the model {spec.name!r} looks at sound; `auscult.features.log_mel` draws any "
                "sound with a front end of your choice."
            )
        excerpt = as_excerpt(source, spec.sample_rate)
        waveform = load_waveform(
            excerpt.source,
            sample_rate=spec.sample_rate,
            mono=spec.mono,
            start_s=excerpt.start_s,
            end_s=excerpt.end_s,
        )
        last = plan_windows(len(waveform.samples), length=spec.window_samples, hop=spec.hop_samples)[-1]
        padded = np.zeros(last.start + last.length, np.float32)
        padded[: len(waveform.samples)] = waveform.samples
        return log_mel(padded, FeatureSpec.from_dict(spec.features))

    def _shortlist_of(self, selection: Selection) -> Shortlist:
        head = self.spec.heads[0]
        return selection.shortlist(head.labels, head.thresholds)

    def _check_output(self, output: str) -> None:
        if output not in self._runner.outputs:
            raise UsageError(
                f"The model {self.spec.name!r} has no {output}: it gives {', '.join(self._runner.outputs)}; "
                "choose another model, such as 'yamnet'."
            )

    def _each(
        self,
        sources: Iterable[AnySource],
        work: Callable[[Scoring, AnySource], Iterator[T]],
        workers: int | None,
    ) -> Generator[T | InputError, None, None]:
        _check_several(sources)
        check_count("workers", workers)
        return self._in_order(sources, work, workers or available_cores())

    def _in_order(
        self, sources: Iterable[AnySource], work: Callable[[Scoring, AnySource], Iterator[T]], workers: int
    ) -> Generator[T | InputError, None, None]:
        with Scoring(self._runner, workers) as scoring:
            yield from in_order(
                sources,
                lambda source: attempt(source, lambda one: work(scoring, one)),
                workers=workers,
                # Also where an error, Ctrl-C or an end of interest comes in the middle of a long sound.
                stopping=scoring.stop.set,
            )


def _events_alone(found: Generator[Event | Heard | InputError, None, None]) -> Generator[Event, None, None]:
    with closing(found):
        for one in found:
            if isinstance(one, InputError):
                raise one
            if isinstance(one, Event):
                yield one


def _check_several(sources: Any) -> None:
    """Refuse a single source: a str would be taken as many, of a letter each."""
    is_single = isinstance(sources, str | bytes | bytearray | memoryview | Mapping) or hasattr(sources, "read")
    if is_single or not isinstance(sources, Iterable) or (isinstance(sources, np.ndarray) and sources.ndim < 2):
        raise UsageError(
            "The 'sources' parameter must be several sounds, as in a list. "
            f"Got a single {type(sources).__name__} instead; put it into a list."
        )


def available_cores() -> int:
    """Cores that this process may use, which in a container are often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
