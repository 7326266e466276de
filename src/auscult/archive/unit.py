"""The unit of work: sources in, a table of events out. One function without state, for a cluster to run as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from auscult.classifier import Classifier, load
from auscult.decide import EventOptions
from auscult.errors import InputError
from auscult.records import Event

EVENT_COLUMNS = ("source", "start_s", "end_s", "label", "score", "name")
HEARD_COLUMNS = ("source", "duration_s", "n_windows")
FAILURE_COLUMNS = ("source", "kind", "problem", "next_step")

Table = dict[str, list[Any]]


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which model, and how it is opened: the parameters of `load`, all of them plain values.

    Examples
    --------
    >>> ModelChoice(model="yamnet", hop_s=0.48).to_dict()
    {'model': 'yamnet', 'hop_s': 0.48}
    """

    model: str
    labels: tuple[str, ...] | None = None
    sample_rate: int | None = None
    hop_s: float | None = None
    locale: str | None = None
    revision: str | None = None
    head: str | None = None
    device: str | None = None
    score_threshold: float | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "allow", "deny"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else tuple(value))

    def open(self, *, quiet: bool = False) -> Classifier:
        """Load it. Errors are those of `load`."""
        return load(**asdict(self), quiet=quiet)

    def to_dict(self) -> dict[str, Any]:
        """What was chosen, for JSON; `ModelChoice(**value)` is the same again."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Detected:
    """What `detect_files` found, as columns of plain values: ``pyarrow.table(found.events)`` is a table.

    Attributes
    ----------
    events : ``source, start_s, end_s, label, score, name``, in the order of the sources, those of one by their end
    heard : ``source, duration_s, n_windows`` of each recording that was searched to its end
    failures : ``source, kind, problem, next_step`` of each of the others, none of whose events are in `events`
    """

    events: Table = field(default_factory=lambda: {name: [] for name in EVENT_COLUMNS})
    heard: Table = field(default_factory=lambda: {name: [] for name in HEARD_COLUMNS})
    failures: Table = field(default_factory=lambda: {name: [] for name in FAILURE_COLUMNS})


def detect_files(
    sources: Iterable[str],
    *,
    model: str | ModelChoice | Mapping[str, Any],
    options: EventOptions | Mapping[str, Any] | None = None,
    workers: int | None = 1,
) -> Detected:
    """What happens when in each of some recordings.

    Everything that goes in and comes out can be pickled, and the result depends on nothing else: not on what was called
    before, on the number of workers, or on which recordings are together in a call. The model is opened in it; so a
    call should be of some minutes of work.

    Parameters
    ----------
    sources : paths or addresses
    model : a name or file, or a `ModelChoice`, or its values
    options : when scores make an event: `EventOptions`, or its values
    workers : threads; a cluster that gives a task one core wants 1

    Raises
    ------
    ModelFileError, UsageError, DownloadError : the model cannot be opened or used, or an option is wrong

    Examples
    --------
    >>> found = detect_files(["no.wav"], model="starter")
    >>> found.failures["kind"], found.events["label"]
    (['missing'], [])
    """
    choice = model_choice(model)
    chosen = options if isinstance(options, EventOptions) else EventOptions(**(options or {}))
    found = Detected()
    kept: list[Event] = []
    for one in choice.open(quiet=True).detect_many(sources, chosen, workers=workers):
        if isinstance(one, Event):
            kept.append(one)
        elif isinstance(one, InputError):
            kept.clear()
            _append(found.failures, one)
        else:
            for event in kept:
                _append(found.events, event)
            kept.clear()
            _append(found.heard, one)
    return found


def model_choice(model: str | ModelChoice | Mapping[str, Any]) -> ModelChoice:
    """A model as users name it."""
    if isinstance(model, ModelChoice):
        return model
    return ModelChoice(model=model) if isinstance(model, str) else ModelChoice(**model)


def _append(table: Table, record: object) -> None:
    for name, column in table.items():
        column.append(getattr(record, name))
