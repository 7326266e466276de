"""`auscult models`: what model files say of themselves."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cyclopts import App

from auscult.cli.output import emit, print_json

if TYPE_CHECKING:
    from auscult.classifier import Classifier

models = App(name="models", help="Look at model files.", sort_key=5)
NAME_COLUMNS = 16
MAX_COLUMNS = 100


@models.command
def show(model: str, /, *, json: bool = False) -> int:
    """Show what a model file holds: classes, sample rate, window, front end, licence, origin, figures.

    Parameters
    ----------
    model
        Model file, such as a run's model.onnx.
    json
        Print all of it as JSON.
    """
    from auscult.classifier import load

    classifier = load(model)
    if json:
        print_json(classifier.describe())
    else:
        columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS)
        for name, value in in_words(classifier).items():
            indent = " " * NAME_COLUMNS
            emit(textwrap.fill(value, columns, initial_indent=f"{name:<{NAME_COLUMNS}}", subsequent_indent=indent))
    return 0


def in_words(classifier: Classifier) -> dict[str, str]:
    """What is worth knowing of a model, by name; what it does not say is left out."""
    spec = classifier.spec
    origin = spec.provenance
    words = {"name": spec.name}
    for head in spec.heads:
        of = "" if len(spec.heads) == 1 else f" ({head.name})"
        several = "one for each sound" if head.task == "single_label" else "any number for each sound"
        words[f"classes{of}"] = f"{len(head.labels)}, {several}: {', '.join(label.name for label in head.labels)}"
    words |= {
        "sound": f"{spec.sample_rate} Hz, {_mono(spec.mono)}",
        "window": f"{spec.window_s:g} s, one every {spec.hop_samples / spec.sample_rate:g} s",
        "front end": _front_end(spec.features),
        "licence": spec.license,
        "from": origin.origin or "",
        "made": (origin.created or "").replace("T", " "),
        "made with": _pairs(origin.packages),
        "trained on": f"{len(origin.training_clips)} clips" if origin.training_clips else "",
        "data": origin.dataset_digest or "",
        "split": "" if origin.split is None else str(origin.split),
        "seed": "" if origin.seed is None else str(origin.seed),
        "figures": _pairs({name.replace("_", " "): value for name, value in origin.metrics.items()}),
        "file": f"format {spec.format_version}, SHA-256 {classifier.digest}",
    }
    return {name: value for name, value in words.items() if value}


def _mono(mono: str | int) -> str:
    return "mean of the channels" if mono == "mean" else f"channel {mono} alone, counted from 0"


def _front_end(features: Mapping[str, Any] | None) -> str:
    if features is None:
        return ""
    from auscult.features import FeatureSpec

    spec = FeatureSpec.from_dict(features)
    return (
        f"{spec.n_mels} mel bands from {spec.f_min_hz:g} to {spec.f_max_hz:g} Hz, "
        f"a frame every {1000 * spec.hop_samples / spec.sample_rate:g} ms"
    )


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
        if value is not None
    )
