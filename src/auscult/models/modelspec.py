"""What a model file says of itself: `ModelSpec`, JSON under the metadata key `auscult` of an ONNX file.

The graph takes `waveform`, float32 `[batch, window_samples]`, mono, in [-1, 1], and gives `scores` and
`logits` `[batch, classes]` and `embedding` `[batch, dim]` for the first head, `scores_<head>` for further
ones. Everything else that is needed to feed it (rate, window, padding) or to read its answers (labels,
thresholds) is in `ModelSpec`.

A model that was trained on pictures takes `picture` instead, float32 `[batch, bands, frames]`, the lowest band
first, in [0, 1]: `PictureSpec`.

Files of every older `format_version` open. A newer one is refused. Keys that this version does not know are
ignored: a later auscult may add what an older one can do without, and raises `format_version` where it
cannot. The front end is the exception: `FeatureSpec` refuses unknown keys, for each of its choices changes
the numbers.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from auscult.decide import Aggregate
from auscult.errors import ModelFileError, UsageError
from auscult.features import FeatureSpec
from auscult.records import Label

# The newest that is read. Models of sound are written as format 1, which every auscult opens; those of pictures as
# format 2, for an older one would not know what to feed their graph.
FORMAT_VERSION = 2
SOUND_FORMAT, PICTURE_FORMAT = 1, 2
# Hz. No sound is read at a higher rate; resampling to what a damaged file says might take all memory.
MAX_SAMPLE_RATE = 10_000_000

Task = Literal["single_label", "multi_label"]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class UnknownSpec:
    """That one label of a head stands for all sounds unlike its classes, and how its score comes about.

    The graph computes that score like any other, so a reader needs nothing of this to classify; it says which label is
    no class, and why a sound comes out with it.

    Attributes
    ----------
    label : id of the label
    rule : how the graph finds the label's logit, in a word; "distance": from how far the embedding is from those of
        every class, see `export.edit.DistanceRule`
    threshold : of the rule
    found_by : how the threshold was chosen, in words

    Raises
    ------
    ValueError : where a field breaks its rule
    """

    label: str
    rule: str
    threshold: float
    found_by: str = ""

    def __post_init__(self) -> None:
        # As a Label has it, so that the two compare.
        object.__setattr__(self, "label", Label(self.label).id)
        _require(bool(self.rule.strip()), "unknown.rule", "a word", self.rule)
        _require(math.isfinite(self.threshold), "unknown.threshold", "a finite number", self.threshold)

    def to_dict(self) -> dict[str, Any]:
        return {"label": self.label, "rule": self.rule, "threshold": self.threshold, "found_by": self.found_by}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> UnknownSpec:
        return cls(
            label=_take(values, "label", str),
            rule=_take(values, "rule", str),
            threshold=_number("unknown.threshold", values.get("threshold")),
            found_by=_take(values, "found_by", str, ""),
        )


@dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """One question that a model answers.

    Attributes
    ----------
    name : of the head; the first one's scores are the output `scores`, another one's `scores_<name>`
    task : "single_label" (scores sum to one) or "multi_label" (each score by itself)
    labels : the classes, in the order of the output's columns, all with different ids
    thresholds : score from which a class counts as present, in [0, 1], one a class; None: not chosen
    aggregate : how scores of windows become the sound's: "mean" or "max"
    unknown : which of the labels is no class but stands for sounds unlike all classes; None: there is none. Only where
        a sound has a single label: where it may have several, no score over its threshold says as much.

    Raises
    ------
    ValueError : where a field breaks its rule
    """

    name: str
    task: Task
    labels: tuple[Label, ...]
    thresholds: tuple[float, ...] | None = None
    aggregate: Aggregate = "mean"
    unknown: UnknownSpec | None = None

    def __post_init__(self) -> None:
        _require(self.name.isidentifier(), "name", "a name of letters, digits and _", self.name)
        _require(self.task in get_args(Task), "task", f"one of {get_args(Task)}", self.task)
        _require(
            self.aggregate in get_args(Aggregate),
            "aggregate",
            f"one of {get_args(Aggregate)}",
            self.aggregate,
        )
        ids = [label.id for label in self.labels]
        repeated = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
        _require(bool(ids), "labels", "at least one label", "none")
        _require(not repeated, "labels", "labels with different ids", f"more than once: {repeated}")
        if self.thresholds is not None:
            _require(
                len(self.thresholds) == len(ids) and all(0 <= value <= 1 for value in self.thresholds),
                "thresholds",
                f"None or {len(ids)} numbers in [0, 1], one a label",
                self.thresholds,
            )
        if self.unknown is not None:
            self._check_unknown(self.unknown, ids)

    def _check_unknown(self, unknown: UnknownSpec, ids: list[str]) -> None:
        _require(self.task == "single_label", "unknown", "null where sounds may have several labels", unknown.label)
        _require(unknown.label in ids, "unknown.label", "the id of a label of the head", unknown.label)
        _require(len(ids) > 1, "labels", "a class beside the label for unknown sounds", ids)

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels without the one that stands for unknown sounds."""
        return tuple(label for label in self.labels if self.unknown is None or label.id != self.unknown.label)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "task": self.task,
            "labels": [{"id": label.id, "name": label.name} for label in self.labels],
            "thresholds": None if self.thresholds is None else list(self.thresholds),
            "aggregate": self.aggregate,
            "unknown": None if self.unknown is None else self.unknown.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HeadSpec:
        thresholds = _take(values, "thresholds", list | None, None)
        unknown = _take(values, "unknown", dict | None, None)
        return cls(
            name=_take(values, "name", str),
            task=_take(values, "task", str),
            labels=tuple(_label(entry) for entry in _take(values, "labels", list)),
            thresholds=None if thresholds is None else tuple(_number("thresholds", value) for value in thresholds),
            aggregate=_take(values, "aggregate", str),
            unknown=None if unknown is None else UnknownSpec.from_dict(unknown),
        )


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a model comes from. None and empty where it is not known.

    Attributes
    ----------
    dataset_digest : of the dataset it was trained on, as `Dataset.digest` gives it
    split : which part it was trained on, in words or as the split's description
    seed : of everything random in training
    packages : name -> version of what training ran with
    metrics : figures found while training, by name
    training_clips : `clip_id` of every clip whose sound the weights have seen; `evaluate` refuses them
    created : when the file was made, ISO 8601 in UTC
    origin : the pretrained weights that it is or began from, such as "yamnet" or "hf:NAME@COMMIT"
    """

    dataset_digest: str | None = None
    split: Any = None
    seed: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training_clips: tuple[str, ...] = ()
    created: str | None = None
    origin: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "dataset_digest": self.dataset_digest,
            "split": self.split,
            "seed": self.seed,
            "packages": dict(self.packages),
            "metrics": dict(self.metrics),
            "training_clips": list(self.training_clips),
            "created": self.created,
            "origin": self.origin,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        clips = _take(values, "training_clips", list, [])
        _require(all(isinstance(clip, str) for clip in clips), "training_clips", "a list of clip ids", clips)
        return cls(
            dataset_digest=_take(values, "dataset_digest", str | None, None),
            split=values.get("split"),
            seed=_take(values, "seed", int | None, None),
            packages=_take(values, "packages", dict, {}),
            metrics=_take(values, "metrics", dict, {}),
            training_clips=tuple(clips),
            created=_take(values, "created", str | None, None),
            origin=_take(values, "origin", str | None, None),
        )


@dataclass(frozen=True, kw_only=True)
class PictureSpec:
    """What the graph of a model takes that was trained on pictures.

    Attributes
    ----------
    bands, frames : height and width of what goes in
    low, high : what is black, 0, and white, 1. With `ModelSpec.features`, levels in dB, see
        `features.PictureForm`; without, values of arrays. None: pixels are taken as they are, whatever they mean.

    Raises
    ------
    ValueError : where a field breaks its rule
    """

    bands: int
    frames: int
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("bands", "frames"):
            _require(getattr(self, name) >= 1, f"picture.{name}", "1 or more", getattr(self, name))
        low, high = self.low, self.high
        if low is None or high is None:
            _require(low is high, "picture.low", "given with picture.high, or neither", (low, high))
            return
        rule = "a finite number below picture.high"
        _require(math.isfinite(low) and math.isfinite(high) and low < high, "picture.low", rule, (low, high))

    def to_dict(self) -> dict[str, Any]:
        return {"bands": self.bands, "frames": self.frames, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PictureSpec:
        low, high = (None if values.get(name) is None else _number(name, values[name]) for name in ("low", "high"))
        return cls(bands=_take(values, "bands", int), frames=_take(values, "frames", int), low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything that a model file says of itself besides its graph.

    Attributes
    ----------
    name : what people call the model
    heads : at least one, with different names
    sample_rate : Hz, of the waveform that the graph takes, or that its pictures are made of; 1 where it only takes
        pictures
    window_samples : length of the graph's input, or of the sound of a picture; its frames where it only takes pictures
    hop_samples : from the start of a window to the next, at most `window_samples`
    padding : "zeros": what stands beyond the end of a sound
    mono : "mean" of all channels, or the number of one channel, from 0
    features : the `FeatureSpec` of the front end inside the graph, or before it where it takes pictures, as its
        `to_dict` gives it; None: not known
    picture : what a graph takes that was trained on pictures; None: it takes waveforms
    license : of the weights, as an SPDX name or in words
    provenance : where the model comes from
    format_version : of this description

    Raises
    ------
    ValueError : where a field breaks its rule
    UsageError : where `features` is no front end

    Examples
    --------
    >>> from auscult.features import preset
    >>> head = HeadSpec(name="main", task="single_label", labels=(Label("rain"), Label("siren")))
    >>> spec = ModelSpec(
    ...     name="weather",
    ...     heads=(head,),
    ...     sample_rate=16000,
    ...     window_samples=16000,
    ...     hop_samples=8000,
    ...     features=preset("auscult", sample_rate=16000).to_dict(),
    ...     license="CC0-1.0",
    ... )
    >>> ModelSpec.from_json(spec.to_json()) == spec
    True
    """

    name: str
    heads: tuple[HeadSpec, ...]
    sample_rate: int
    window_samples: int
    hop_samples: int
    padding: Literal["zeros"] = "zeros"
    mono: Literal["mean"] | int = "mean"
    features: Mapping[str, Any] | None
    license: str
    picture: PictureSpec | None = None
    provenance: Provenance = field(default_factory=Provenance)
    format_version: int = SOUND_FORMAT

    def __post_init__(self) -> None:
        _require(bool(self.name.strip()), "name", "a name", self.name)
        names = [head.name for head in self.heads]
        _require(
            bool(names) and len(set(names)) == len(names),
            "heads",
            "one head or more, with different names",
            names,
        )
        _require(
            1 <= self.sample_rate <= MAX_SAMPLE_RATE,
            "sample_rate",
            f"from 1 to {MAX_SAMPLE_RATE} Hz",
            self.sample_rate,
        )
        _require(self.window_samples >= 1, "window_samples", "1 or more", self.window_samples)
        _require(
            1 <= self.hop_samples <= self.window_samples,
            "hop_samples",
            f"from 1 to window_samples ({self.window_samples})",
            self.hop_samples,
        )
        _require(self.padding == "zeros", "padding", "'zeros'", self.padding)
        _require(
            self.mono == "mean" or (_is_int(self.mono) and int(self.mono) >= 0),
            "mono",
            "'mean' or the number of a channel, from 0",
            self.mono,
        )
        _require(
            1 <= self.format_version <= FORMAT_VERSION,
            "format_version",
            f"from 1 to {FORMAT_VERSION}",
            self.format_version,
        )
        self._check_features()
        self._check_picture()

    def _check_features(self) -> None:
        if self.features is None:
            return
        features = FeatureSpec.from_dict(self.features)
        rule = f"the model's own sample_rate ({self.sample_rate})"
        _require(features.sample_rate == self.sample_rate, "features.sample_rate", rule, features.sample_rate)

    def _check_picture(self) -> None:
        picture = self.picture
        if picture is None:
            return
        rule = f"{PICTURE_FORMAT} or more for a model of pictures"
        _require(self.format_version >= PICTURE_FORMAT, "format_version", rule, self.format_version)
        if self.features is not None:
            features = FeatureSpec.from_dict(self.features)
            shape = (features.n_mels, features.n_frames(self.window_samples))
            found = (picture.bands, picture.frames)
            _require(found == shape, "picture", f"as large as the features make a window, {shape}", found)
            _require(picture.low is not None, "picture.low", "a level in dB, where features are given", picture.low)

    @property
    def takes_sound(self) -> bool:
        """Whether sounds can be given to it: to all models but those of pictures whose making is not known."""
        return self.picture is None or self.features is not None

    @property
    def window_s(self) -> float:
        return self.window_samples / self.sample_rate

    @property
    def hop_s(self) -> float:
        return self.hop_samples / self.sample_rate

    def to_dict(self) -> dict[str, Any]:
        return {
            "format_version": self.format_version,
            "name": self.name,
            "heads": [head.to_dict() for head in self.heads],
            "sample_rate": self.sample_rate,
            "window_samples": self.window_samples,
            "hop_samples": self.hop_samples,
            "padding": self.padding,
            "mono": self.mono,
            "features": None if self.features is None else dict(self.features),
            **({} if self.picture is None else {"picture": self.picture.to_dict()}),
            "license": self.license,
            "provenance": self.provenance.to_dict(),
        }

    def to_json(self) -> str:
        """The text that stands under the metadata key `auscult`."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read the text that `to_json` wrote, here or in another version of auscult.

        Raises
        ------
        ModelFileError : where it is no JSON, a field is missing or breaks its rule, or the format is newer
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"the model's description is no JSON ({error}); {_NEXT_STEP}") from error
        try:
            return _spec_from(values)
        except ModelFileError:
            raise
        except (ValueError, UsageError) as error:
            raise ModelFileError(f"the model's description cannot be used: {error} {_NEXT_STEP}") from error


_NEXT_STEP = "Train or export the model again, or fetch another copy."


def _spec_from(values: Any) -> ModelSpec:
    _require(isinstance(values, dict), "description", "a JSON object", type(values).__name__)
    version = _take(values, "format_version", int)
    if version > FORMAT_VERSION:
        # Before any other field: a newer format may have other fields altogether.
        raise ModelFileError(
            f"written by a newer auscult (format {version}, this one reads up to {FORMAT_VERSION}); "
            "upgrade with: pip install -U auscult"
        )
    picture = _take(values, "picture", dict | None, None)
    return ModelSpec(
        format_version=version,
        name=_take(values, "name", str),
        heads=tuple(HeadSpec.from_dict(_mapping(head, "heads")) for head in _take(values, "heads", list)),
        sample_rate=_take(values, "sample_rate", int),
        window_samples=_take(values, "window_samples", int),
        hop_samples=_take(values, "hop_samples", int),
        padding=_take(values, "padding", str),
        mono=_take(values, "mono", str | int),
        features=_take(values, "features", dict | None),
        picture=None if picture is None else PictureSpec.from_dict(picture),
        license=_take(values, "license", str),
        provenance=Provenance.from_dict(_take(values, "provenance", dict)),
    )


def _take(values: Mapping[str, Any], name: str, kind: type[_T] | types.UnionType, *default: Any) -> Any:
    """`values[name]` of the right kind; where it is absent, the default if there is one."""
    if name not in values:
        if default:
            return default[0]
        raise ValueError(f"The field {name!r} is missing.")
    value = values[name]
    # JSON's true is an int to Python.
    _require(isinstance(value, kind) and not isinstance(value, bool), name, _kind_name(kind), value)
    return value


def _kind_name(kind: type[_T] | types.UnionType) -> str:
    words = {
        "str": "text",
        "int": "a whole number",
        "dict": "an object",
        "list": "a list",
        "NoneType": "null",
    }
    kinds = get_args(kind) or (kind,)
    return " or ".join(words[one.__name__] for one in kinds)


def _label(entry: Any) -> Label:
    values = _mapping(entry, "labels")
    return Label(_take(values, "id", str), _take(values, "name", str, ""))


def _mapping(entry: Any, name: str) -> Mapping[str, Any]:
    _require(isinstance(entry, dict), name, "a list of objects", entry)
    return entry  # type: ignore[no-any-return]


def _number(name: str, value: Any) -> float:
    _require(isinstance(value, int | float) and not isinstance(value, bool), name, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"The field {name!r} must be a number. Got one of {len(str(value))} digits instead.") from None


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require(holds: bool, name: str, rule: str, found: object) -> None:
    if not holds:
        raise ValueError(f"The field {name!r} must be {rule}. Got {found!r} instead.")
