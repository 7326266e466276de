"""Read this first: from any sound to labelled scores.

::

    source -> blocks of mono sound, at the model's rate -> windows -> scores -> scores of the sound -> labels
              audio.iter_waveform                    WindowCutter  Runner.run   aggregate_windows  Shortlist

Everything streams: of a sound, however long, a few blocks and windows are in memory at a time, and its
scores. `scoring.py` does it, on several threads; here is what users call.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from auscult.audio import load_waveform, plan_windows
from auscult.decide import NOT_GIVEN, Count, Names, Selection, Shortlist, Threshold, check_count
from auscult.errors import InputError, UsageError
from auscult.features import FeatureSpec, log_mel
from auscult.models.modelspec import ModelSpec
from auscult.models.runners import OpenOptions, Runner, open_runner
from auscult.records import FloatArray, Label
from auscult.result import Excerpt, ModelId, Result, WindowPredictions
from auscult.scoring import Scoring, as_excerpt

if TYPE_CHECKING:
    from auscult.scoring import AnySource

    _Several: TypeAlias = "list[AnySource] | tuple[AnySource, ...]"
    _Answer: TypeAlias = list[dict[str, Any]]

__all__ = ["Classifier", "Excerpt", "ModelId", "Result", "WindowPredictions", "available_cores", "load"]


DEFAULT_SELECTION = Selection()


def load(
    model: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    sample_rate: int | None = None,
    hop_s: float | None = None,
    locale: str | None = None,
    revision: str | None = None,
    head: str | None = None,
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
    top_k, score_threshold, allow, deny : which labels are named, unless a call says otherwise; see
        `decide.Selection`
    quiet : say nothing on stderr while a model is fetched

    Raises
    ------
    ModelFileError : where there is no such file, or it is damaged, of a newer format, or not one of ours
    UsageError : where an option is not for this model, or names a label that it does not have
    """
    options = OpenOptions(
        labels=labels,  # type: ignore[arg-type]  # made a tuple there
        sample_rate=sample_rate,
        hop_s=hop_s,
        locale=locale,
        revision=revision,
        head=head,
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
            sources if is_list else [sources], top_k=top_k, score_threshold=score_threshold, allow=allow, deny=deny
        )
        outcomes: list[_Answer | InputError] = []
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
    ) -> Iterator[Result | InputError]:
        """Results in the order of the sources, as they are asked for; a sound that fails gives its error.

        `sources` is read a little ahead of what was taken, so it may be endless.

        Parameters
        ----------
        sources : see `Classifier`
        top_k, score_threshold, allow, deny : as for `classify`
        workers : sounds, and groups of windows, worked on at once; None: one for each core this process may
            use

        Raises
        ------
        ModelFileError : where the model itself fails; an `InputError` is returned instead
        UsageError : `sources` is a single one, or an option is not what stands above
        """
        _check_several(sources)
        check_count("workers", workers)
        selection = self._selection.changed(top_k=top_k, score_threshold=score_threshold, allow=allow, deny=deny)
        shortlist = self._shortlist if selection is self._selection else self._shortlist_of(selection)
        return self._in_order(sources, shortlist, workers or available_cores())

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
        if "embedding" not in self._runner.outputs:
            raise UsageError(
                f"The model {self.spec.name!r} has no embedding: it gives {', '.join(self._runner.outputs)}; "
                "choose another model, such as 'yamnet'."
            )
        with Scoring(self._runner, self._shortlist, available_cores()) as scoring:
            _, values = scoring.rows(as_excerpt(source, self.spec.sample_rate), "embedding")
        return values

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

    def _in_order(
        self, sources: Iterable[AnySource], shortlist: Shortlist, workers: int
    ) -> Iterator[Result | InputError]:
        scoring = Scoring(self._runner, shortlist, workers)
        pending: deque[Future[Result | InputError]] = deque()
        with ThreadPoolExecutor(workers) as sounds, scoring:
            try:
                for source in sources:
                    pending.append(sounds.submit(scoring.attempt, source))
                    if len(pending) > 2 * workers:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                # Also where an error, Ctrl-C or an end of interest comes in the middle of a long sound.
                scoring.stop.set()
                sounds.shutdown(cancel_futures=True)


def _check_several(sources: Any) -> None:
    """Refuse a single source: a str would be taken as many, of a letter each."""
    is_single = isinstance(sources, str | bytes | bytearray | memoryview | Mapping) or hasattr(sources, "read")
    if is_single or not isinstance(sources, Iterable) or (isinstance(sources, np.ndarray) and sources.ndim < 2):
        raise UsageError(
            "The 'sources' parameter of classify_many must be several sounds, as in a list. "
            f"Got a single {type(sources).__name__} instead; put it into a list, or call classify."
        )


def available_cores() -> int:
    """Cores that this process may use, which in a container are often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
