"""Outcomes for more than one test file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auscult.metrics import Outcomes, Task

Make = Callable[..., Outcomes]


@pytest.fixture
def make_outcomes() -> Make:
    return draw_outcomes


def draw_outcomes(
    task: Task,
    *,
    n_clips: int = 60,
    n_classes: int = 7,
    n_groups: int = 20,
    seed: int = 0,
    step: float | None = None,
) -> Outcomes:
    """Scores that know something; `step` rounds them, so that many are equal."""
    generator = np.random.default_rng(seed)
    if task == "single_label":
        targets = np.eye(n_classes)[generator.integers(n_classes, size=n_clips)]
    else:
        targets = generator.random((n_clips, n_classes)) < 0.3
    scores = np.clip(0.3 * targets + 0.6 * generator.random(targets.shape), 0, 1)
    if step is not None:
        scores = np.round(scores / step) * step
    return Outcomes(
        labels=tuple(f"class {i}" for i in range(n_classes)),
        targets=targets.astype(np.float32),
        scores=scores.astype(np.float32),
        groups=np.array([f"recording {i}" for i in generator.integers(n_groups, size=n_clips)]),
        task=task,
    )
