"""Another head of a model in the place of the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auscult.errors import UsageError
from auscult.models.modelspec import HeadSpec, ModelSpec
from auscult.records import FloatArray

if TYPE_CHECKING:
    from auscult.models.runners import Runner


class HeadRunner:
    """A runner whose first head is another one of the model's. See `Runner`.

    Its `scores` are that head's, and those of the model's first head become `scores_<name>`. The logits belong to the
    first head alone and are left out.

    Parameters
    ----------
    inner : the runner of the model
    head : name of one of its heads

    Raises
    ------
    UsageError : where the model has no head of this name
    """

    def __init__(self, inner: Runner, head: str) -> None:
        names = [one.name for one in inner.spec.heads]
        if head not in names:
            raise UsageError(f"The option 'head' must be one of the model's, {', '.join(names)}. Got {head!r} instead.")
        self._inner = inner
        self._spec = replace(inner.spec, heads=_first(inner.spec, head))
        # Our name of each output -> the model's.
        self._names = {_output(self._spec, one.name): _output(inner.spec, one.name) for one in self._spec.heads} | {
            name: name for name in ("embedding",) if name in inner.outputs
        }

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def digest(self) -> str:
        return self._inner.digest

    @property
    def path(self) -> Path:
        return self._inner.path

    @property
    def batch_windows(self) -> int:
        return self._inner.batch_windows

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(self._names)

    def run_pictures(self, pictures: FloatArray) -> dict[str, FloatArray]:
        """See `OnnxRunner.run_pictures`."""
        found = self._inner.run_pictures(pictures)  # type: ignore[attr-defined]  # a model of pictures has it
        return {name: found[theirs] for name, theirs in self._names.items()}

    def run(self, windows: FloatArray, valid_samples: Sequence[int] | None = None) -> dict[str, FloatArray]:
        found = self._inner.run(windows, valid_samples)
        return {name: found[theirs] for name, theirs in self._names.items()}


def _first(spec: ModelSpec, head: str) -> tuple[HeadSpec, ...]:
    """The heads with this one first."""
    return tuple(sorted(spec.heads, key=lambda one: one.name != head))


def _output(spec: ModelSpec, head: str) -> str:
    """Name of the output that has the scores of this head."""
    return "scores" if spec.heads[0].name == head else f"scores_{head}"
