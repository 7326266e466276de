"""Which model a command works with, and how it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from auscult.cli.output import say_error
from auscult.errors import DownloadError, OutputError, UsageError

if TYPE_CHECKING:
    from auscult.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How a model is opened."""

    hop: Annotated[float | None, Parameter(metavar="SECONDS")] = None
    """From the start of a window to the next, if not the model's own."""

    labels: Annotated[str | None, Parameter(metavar="FILE|A,B,...")] = None
    """The model's classes in its own order, for a model file that does not say: a text file with one a line, or
    their names with commas between. For a zero-shot model: what to listen for."""

    sample_rate: Annotated[int | None, Parameter(metavar="HZ")] = None
    """Of the sound that the model takes, for a model file that does not say."""

    locale: Annotated[str | None, Parameter(metavar="LANGUAGE")] = None
    """Language of the labels' names, such as de, where the model file has several."""

    head: Annotated[str | None, Parameter(metavar="NAME")] = None
    """Of a model that answers several questions, the one to ask, such as yamnet; if not given, the first."""

    processor: Annotated[Literal["cpu", "gpu", "auto"] | None, Parameter(metavar="cpu|gpu|auto")] = None
    """Where an .onnx runs: on a graphics card (gpu), if it can (auto), or, if not given, on the processor. Only the
    processor gives the same results to the last bit."""

    def opening(self) -> dict[str, Any]:
        """What `load` takes of it. What is wrong with a value is said here, before anything is fetched.

        Raises
        ------
        UsageError
        """
        from auscult.models.runners import OpenOptions

        values: dict[str, Any] = {
            "labels": None if self.labels is None else read_labels(self.labels),
            "sample_rate": self.sample_rate,
            "hop_s": self.hop,
            "locale": self.locale,
            "head": self.head,
            "device": self.processor,
        }
        OpenOptions(**values)
        return values


@dataclass(frozen=True, kw_only=True)
class Opening(ModelOptions):
    """How a model is opened, and which labels it may name."""

    score_threshold: Annotated[float | None, Parameter(metavar="SCORE")] = None
    """Name only labels that score at least this, from 0 to 1."""

    allow: Annotated[list[str] | None, Parameter(metavar="LABEL")] = None
    """Name only this label. May be given several times."""

    deny: Annotated[list[str] | None, Parameter(metavar="LABEL")] = None
    """Do not name this label. May be given several times."""

    def load(self, model: str | None, *, top_k: int | None, for_people: bool, quiet: bool) -> Classifier:
        """Open the model that was named, else the default one. See `model_to_use`."""
        from auscult.classifier import load
        from auscult.decide import Selection

        opening = self.opening()
        naming: dict[str, Any] = {
            "top_k": top_k,
            "score_threshold": self.score_threshold,
            "allow": self.allow,
            "deny": self.deny,
        }
        Selection(**naming)
        chosen = model_to_use(model, for_people=for_people, quiet=quiet)
        return load(chosen, quiet=quiet, **opening, **naming)


def model_to_use(model: str | None, *, for_people: bool, quiet: bool) -> str:
    """The model that was named, else the default one; a named model's file is fetched if it is not here.

    Parameters
    ----------
    model : a name, a file, or None
    for_people : whether people read the answer. They are served by the model in the package where the default one
        cannot be had, and are told; a program gets an error, because another model has other labels.
    quiet : show no progress

    Raises
    ------
    DownloadError, OutputError : where the model has to be fetched, and cannot be, or not kept
    """
    from auscult.models.registry import DEFAULT_MODEL, MODELS, STARTER_MODEL, model_file

    if model is not None:
        if model in MODELS:
            model_file(model, quiet=quiet)
        return model
    try:
        model_file(DEFAULT_MODEL, quiet=quiet)
    except (DownloadError, OutputError) as problem:
        if not for_people or STARTER_MODEL not in MODELS:
            raise
        say_error(f"{STARTER_MODEL}, the small model in the package, serves this time. {problem}")
        return STARTER_MODEL
    return DEFAULT_MODEL


def read_labels(text: str) -> list[str]:
    """Labels from a file with one a line, or from a list with commas between.

    Raises
    ------
    UsageError : where `text` looks like a file and there is none, it cannot be read, or holds no label

    Examples
    --------
    >>> read_labels("dog, cat")
    ['dog', 'cat']
    """
    is_one_word = "," not in text
    if os.path.isfile(text) or (is_one_word and (os.path.basename(text) != text or text.endswith((".txt", ".csv")))):
        try:
            lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--labels {text}: cannot be read ({error}); give a text file in UTF-8 with a label a line, "
                "or labels with commas between."
            ) from error
    else:
        lines = text.split(",")
    labels = [line.strip() for line in lines if line.strip()]
    if not labels:
        raise UsageError(
            f"--labels {text}: holds no label; give a file with one a line, or labels with commas between."
        )
    return labels
