"""Writes `sed_eval_counts.json`: events that were drawn, and what sed_eval counts of them.

pip install sed_eval; python tests/metrics/make_sed_eval_counts.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

LABELS = ["cat", "dog", "owl"]
N_CASES = 20
Drawn = list[tuple[float, float, str]]


def main() -> None:
    import sed_eval

    generator = np.random.default_rng(0)
    cases: list[dict[str, Any]] = []
    for _ in range(N_CASES):
        true = draw(generator, int(generator.integers(1, 15)))
        found = [near(generator, event) for event in true if generator.random() < 0.8]
        found = [event for event in found if event[1] > event[0]] + draw(generator, int(generator.integers(0, 5)))
        of_events = sed_eval.sound_event.EventBasedMetrics(
            event_label_list=LABELS, t_collar=0.2, percentage_of_length=0.5, event_matching_type="optimal"
        )
        of_segments = sed_eval.sound_event.SegmentBasedMetrics(event_label_list=LABELS, time_resolution=1.0)
        counts = {}
        for rule, metrics in (("event", of_events), ("segment", of_segments)):
            metrics.evaluate(listed(true), listed(found))
            counts[rule] = [
                [int(metrics.class_wise[label][name]) for label in LABELS] for name in ("Ntp", "Nfp", "Nfn")
            ]
        cases.append({"true": true, "found": found, "counts": counts})
    content = {"sed_eval": sed_eval.__version__, "labels": LABELS, "cases": cases}
    Path(__file__).with_name("sed_eval_counts.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def draw(generator: np.random.Generator, n: int) -> Drawn:
    starts, lengths = generator.uniform(0, 25, n), generator.uniform(0.1, 4, n)
    labels = generator.integers(len(LABELS), size=n)
    # To 0.1 ms: no two times differ by exactly a collar, where sums of floats would decide.
    return [
        (round(float(start), 4), round(float(start + length), 4), LABELS[label])
        for start, length, label in zip(starts, lengths, labels, strict=True)
    ]


def near(generator: np.random.Generator, event: tuple[float, float, str]) -> tuple[float, float, str]:
    start = max(0.0, round(event[0] + float(generator.normal(0, 0.15)), 4))
    return start, round(event[1] + float(generator.normal(0, 0.4)), 4), event[2]


def listed(events: Drawn) -> Any:
    import dcase_util

    return dcase_util.containers.MetaDataContainer(
        [{"filename": "a", "onset": start, "offset": end, "event_label": label} for start, end, label in events]
    )


if __name__ == "__main__":
    main()
