"""What a user may say when a model is opened, beside which one it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from auscult.errors import UsageError
from auscult.models.modelspec import ModelSpec
from auscult.records import whole_rate

DEVICES = ("cpu", "gpu", "auto")


@dataclass(frozen=True, kw_only=True)
class OpenOptions:
    """How a model is opened. Each runner says which of these it takes; the others it refuses.

    Attributes
    ----------
    labels : names of the classes in the order of the model's output, for a model that does not say, or the
        sounds that a model compares with by their description
    sample_rate : Hz, of the sound that the model takes, for a model that does not say
    hop_s : seconds from the start of a window to the next; None: the model's own
    locale : language of the display names, such as "en" or "pt-BR"
    revision : of a model that is kept in several
    device : "cpu", the same as None: the processor, on which alone results are promised to be the same to the last
        bit; "gpu": a graphics card, through ONNX Runtime; "auto": a graphics card where the model can run on one here
    head : name of the head whose scores are asked for; None: the first. Every runner takes it, see `HeadRunner`.

    Raises
    ------
    UsageError : where a value breaks its rule
    """

    labels: tuple[str, ...] | None = None
    sample_rate: int | None = None
    hop_s: float | None = None
    locale: str | None = None
    revision: str | None = None
    device: str | None = None
    head: str | None = None

    def __post_init__(self) -> None:
        labels: Any = self.labels
        if labels is not None:
            names = tuple(labels) if isinstance(labels, Iterable) and not isinstance(labels, str) else ()
            if not names or not all(isinstance(one, str) and one.strip() for one in names):
                raise _wrong("labels", "several names, as in a list, none of them empty", labels)
            if len(set(names)) < len(names):
                raise _wrong("labels", "several names, each another one", labels)
            object.__setattr__(self, "labels", names)
        if self.sample_rate is not None:
            try:
                object.__setattr__(self, "sample_rate", whole_rate(self.sample_rate))
            except ValueError:
                raise _wrong("sample_rate", "a positive whole number of Hz", self.sample_rate) from None
        if self.hop_s is not None and not (_is_number(self.hop_s) and self.hop_s > 0):
            raise _wrong("hop_s", "a positive number of seconds", self.hop_s)
        if self.device not in (None, *DEVICES):
            raise _wrong("device", f"one of {', '.join(DEVICES)}", self.device)
        for name in ("locale", "revision", "head"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise _wrong(name, "a word", value)

    def refuse_gpu(self, *, why: str) -> None:
        """Refuse a graphics card where it is asked for; "auto" is content with the processor.

        Raises
        ------
        UsageError
        """
        if self.device == "gpu":
            # The command line calls this option otherwise, so it is not named.
            raise UsageError(f"A graphics card was asked for, and this model runs on none: {why}; do not ask for one.")

    def refuse(self, *names: str, why: str) -> None:
        """Refuse the options of these names where they are given: what would have no effect is not taken.

        Raises
        ------
        UsageError
        """
        given = [name for name in names if getattr(self, name) is not None]
        if given:
            raise UsageError(f"The option {given[0]!r} is not for this model: {why}; leave it out.")


NO_OPTIONS = OpenOptions()


def with_hop(spec: ModelSpec, hop_s: float | None) -> ModelSpec:
    """The description with another hop, to the nearest sample; with its own where `hop_s` is None.

    Raises
    ------
    UsageError : where the hop is shorter than a sample or longer than a window
    """
    if hop_s is None:
        return spec
    hop_samples = round(hop_s * spec.sample_rate)
    if not 1 <= hop_samples <= spec.window_samples:
        raise UsageError(
            f"The option 'hop_s' must be from {1 / spec.sample_rate:g} s, a sample, to {spec.window_s:g} s, the "
            f"window of the model {spec.name!r}. Got {hop_s:g} instead."
        )
    return replace(spec, hop_samples=hop_samples)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(name: str, rule: str, found: object) -> UsageError:
    return UsageError(f"The option {name!r} must be {rule}. Got {found!r} instead.")
