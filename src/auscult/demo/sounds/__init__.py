"""The ten sounds of the demo: `draw` makes a source (one bell, one dog), `play` gives a take of it.

`draw(generator)` chooses what stays the same in every take of a source: size, pitch, material.
`play(generator, sample_rate, duration_s)` gives one take, float32 `(samples,)`, peak 1, without room or
noise; how many events there are, when, and how strong, differs from take to take. The same state of the
generator gives the same bits on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np

from auscult.demo.sounds.animals import Bird, Cricket, Dog
from auscult.demo.sounds.machines import Engine, Siren
from auscult.demo.sounds.struck import Bell, Clock, Knock
from auscult.demo.sounds.weather import Rain, Wind
from auscult.records import FloatArray

__all__ = ["SOUNDS", "Source"]


class Source(Protocol):
    """Something that sounds, with its own size, pitch and material."""

    def play(self, generator: np.random.Generator, sample_rate: int, duration_s: float) -> FloatArray:
        """One take: float32 `(samples,)`, peak 1. `sample_rate` is 16000 or more: some sounds reach 8 kHz."""
        ...


SOUNDS: Mapping[str, Callable[[np.random.Generator], Source]] = MappingProxyType(
    {
        "bell": Bell.draw,
        "bird": Bird.draw,
        "clock": Clock.draw,
        "cricket": Cricket.draw,
        "dog": Dog.draw,
        "engine": Engine.draw,
        "knock": Knock.draw,
        "rain": Rain.draw,
        "siren": Siren.draw,
        "wind": Wind.draw,
    }
)
