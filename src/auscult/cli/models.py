"""`auscult models`: named models, and what model files say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from auscult.cli.opening import ModelOptions
from auscult.cli.output import beside, columns, emit, filled, print_json
from auscult.progress import bytes_in_words

if TYPE_CHECKING:
    from auscult.classifier import Classifier
    from auscult.models.modelspec import HeadSpec, ModelSpec
    from auscult.models.registry import NamedModel

models = App(name="models", help="List and fetch named models; look at model files.", sort_key=6)
# More classes than this come last, below what is short.
FEW_CLASSES = 30
AS_THE_MODEL_SAYS = ModelOptions()


@models.command(name="list", sort_key=1)
def list_models(*, json: bool = False) -> int:
    """List the models that have a name.

    Parameters
    ----------
    json
        Print a JSON object a line, one for each model.
    """
    from auscult.models.registry import MODELS, cached_file

    paths = {name: cached_file(name) for name in MODELS}
    if json:
        for name, path in paths.items():
            print_json(_registry_record(MODELS[name], path))
        return 0
    rows = [("", "classes", "window", "rate", "size", "licence", "")]
    for name, path in paths.items():
        model = MODELS[name]
        sound = (f"{model.window_s:g} s", f"{model.sample_rate} Hz", bytes_in_words(model.size_bytes))
        rows.append((name, str(model.n_classes), *sound, model.licence, _where(model, path)))
    title, *lines = columns(rows, right=(1, 2, 3, 4))
    emit(title)
    for line, name in zip(lines, MODELS, strict=True):
        emit(line)
        emit(filled(MODELS[name].summary, indent="    ", first="    "))
    return 0


@models.command(sort_key=2)
def show(
    model: str,
    /,
    *,
    json: bool = False,
    opening: Annotated[ModelOptions, Parameter(name="*", group="Model")] = AS_THE_MODEL_SAYS,
) -> int:
    """Show what a model is: classes, sample rate, window, front end, licence, origin, figures.

    Parameters
    ----------
    model
        Model file, such as a run's model.onnx, or a name that "auscult models list" shows. Nothing is fetched.
    json
        Print all of it as JSON.
    opening
        How the model is opened.
    """
    from auscult.classifier import load
    from auscult.models.registry import MODELS, cached_file

    named = MODELS.get(model)
    path = None if named is None else cached_file(model)
    classifier = load(model, **opening.opening()) if named is None or path is not None else None
    if json:
        record = {} if classifier is None else classifier.describe()
        print_json(
            record if named is None else {"name": named.name, **record, "registry": _registry_record(named, path)}
        )
        return 0
    words = {} if classifier is None else in_words(classifier)
    if named is not None:
        words = _named_in_words(named, path) | words
    if classifier is not None:
        words |= _all_classes(classifier)
    for name, value in words.items():
        emit(beside(name, value))
    return 0


@models.command(sort_key=3)
def get(
    name: str,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--from", metavar="FILE")] = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Fetch a named model, so that it can be used offline, and print the path of its file.

    Parameters
    ----------
    name
        A name that "auscult models list" shows.
    source
        Take this copy of the file instead of fetching it; it is refused if it is not the same to the last byte.
    quiet
        Show no progress.
    """
    from auscult.models.registry import import_file, model_file

    emit(str(model_file(name, quiet=quiet) if source is None else import_file(name, source)))
    return 0


def _registry_record(model: NamedModel, path: Path | None) -> dict[str, Any]:
    return {**model.to_dict(), "path": None if path is None else str(path)}


def _where(model: NamedModel, path: Path | None) -> str:
    if model.packaged is not None:
        return "in the package"
    return "not fetched" if path is None else "fetched"


def _named_in_words(model: NamedModel, path: Path | None) -> dict[str, str]:
    """What the registry knows of a model."""
    words = {
        "name": model.name,
        "what it is": model.summary,
        "classes": str(model.n_classes),
        "sound": f"{model.sample_rate} Hz",
        "window": f"{model.window_s:g} s, one every {model.hop_s:g} s",
        "licence": model.licence,
        "origin": model.origin,
        "to cite": model.paper,
        "fetched from": model.url,
        "file": f"{bytes_in_words(model.size_bytes)}, SHA-256 {model.sha256}",
        "kept at": f"not fetched yet; auscult models get {model.name} does it" if path is None else str(path),
    }
    return {name: value for name, value in words.items() if value}


def in_words(classifier: Classifier) -> dict[str, str]:
    """What is worth knowing of a model, by name; what it does not say is left out."""
    spec = classifier.spec
    origin = spec.provenance
    words = {"name": spec.name}
    for head in spec.heads:
        name, what = ("classes", "") if len(spec.heads) == 1 else (f"head {head.name}", " classes")
        several = "one for each sound" if head.task == "single_label" else "any number for each sound"
        few = f": {_names(head)}" if len(head.labels) <= FEW_CLASSES else ""
        words[name] = f"{len(head.labels)}{what}, {several}{few}"
        if head.unknown is not None:
            words["unknown"] = f"{head.unknown.label!r} for sounds of no class: {head.unknown.rule} above "
            words["unknown"] += f"{head.unknown.threshold:.4g}"
    words |= {
        "picture": _picture(spec),
        "sound": f"{spec.sample_rate} Hz, {_mono(spec.mono)}" if spec.takes_sound else "",
        "window": f"{spec.window_s:g} s, one every {spec.hop_samples / spec.sample_rate:g} s"
        if spec.takes_sound
        else "",
        "front end": _front_end(spec.features),
        "licence": spec.license,
        "from": origin.origin or "",
        "made": (origin.created or "").replace("T", " "),
        "made with": _pairs(origin.packages),
        "trained on": f"{len(origin.training_clips)} clips" if origin.training_clips else "",
        "data": origin.dataset_digest or "",
        "split": "" if origin.split is None else str(origin.split),
        "seed": "" if origin.seed is None else str(origin.seed),
        "figures": _pairs({name.replace("_", " "): value for name, value in origin.metrics.items()}, between="; "),
        "file": f"format {spec.format_version}, SHA-256 {classifier.digest}",
    }
    return {name: value for name, value in words.items() if value}


def _all_classes(classifier: Classifier) -> dict[str, str]:
    """The names of many classes, which come after all else."""
    heads = classifier.spec.heads
    return {
        "the classes" if len(heads) == 1 else f"in {head.name}": _names(head)
        for head in heads
        if len(head.labels) > FEW_CLASSES
    }


def _names(head: HeadSpec) -> str:
    """The labels in their order. Where a name has a comma in it, semicolons stand between them."""
    names = [label.name for label in head.labels]
    return ("; " if any("," in name for name in names) else ", ").join(names)


def _mono(mono: str | int) -> str:
    return "mean of the channels" if mono == "mean" else f"channel {mono} alone, counted from 0"


def _picture(spec: ModelSpec) -> str:
    picture = spec.picture
    if picture is None:
        return ""
    size = f"{picture.bands} bands x {picture.frames} frames"
    if spec.takes_sound:
        return f"{size}, or the sound that they are made of; black {picture.low:g} dB, white {picture.high:g} dB"
    kind = "any pictures" if picture.low is None else f"arrays, from {picture.low:g} to {picture.high:g}"
    return f"{kind}, scaled to {size}; no sounds"


def _front_end(features: Mapping[str, Any] | None) -> str:
    if features is None:
        return ""
    from auscult.features import FeatureSpec

    spec = FeatureSpec.from_dict(features)
    return (
        f"{spec.n_mels} mel bands from {spec.f_min_hz:g} to {spec.f_max_hz:g} Hz, "
        f"a frame every {1000 * spec.hop_samples / spec.sample_rate:g} ms"
    )


def _pairs(values: Mapping[str, Any], *, between: str = ", ") -> str:
    return between.join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
        if value is not None
    )
