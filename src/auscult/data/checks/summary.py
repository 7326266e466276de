"""A check in figures: what `data check --json` prints, and the table of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from auscult.data.checks.check import Check, CheckedClip, count_by
from auscult.data.checks.findings import CLIPPED_SHARE, DC_OFFSET
from auscult.errors import InputError
from auscult.files import csv_text

CLIP_COLUMNS = (
    "uri",
    "start_s",
    "end_s",
    "labels",
    "split",
    "fold",
    "group",
    "format",
    "sample_rate",
    "n_channels",
    "duration_s",
    "peak_dbfs",
    "rms_dbfs",
    "dc_offset",
    "clipped_share",
    "silent_share",
)


def check_to_dict(check: Check) -> dict[str, Any]:
    """Everything that was found, ready for JSON. Levels are in dBFS, 0 being full scale; lengths in seconds."""
    dataset, clips = check.dataset, check.clips
    return {
        "source": check.name,
        "source_kind": dataset.source_kind,
        "task": dataset.task,
        "ok": check.is_harmless,
        "n_clips": len(dataset),
        "n_files": len(set(dataset.table["uri"].to_pylist())),
        "n_groups": len(set(dataset.groups().tolist())),
        "has_groups": any(group is not None for group in dataset.table["group"].to_pylist()),
        "parted_by": check.parting.by,
        "seconds": round(sum(one.levels.duration_s for one in clips), 3),
        "duration_s": spread([one.levels.duration_s for one in clips]),
        "sample_rates": count_by([str(one.levels.sample_rate) for one in clips]),
        "channels": count_by([str(one.levels.n_channels) for one in clips]),
        "formats": count_by([one.format for one in clips]),
        "peak_dbfs": spread([one.levels.peak_dbfs for one in clips]),
        "rms_dbfs": spread([one.levels.rms_dbfs for one in clips]),
        "silent_share": spread([one.levels.silent_share for one in clips]),
        "classes": classes_of(check),
        "clipping": _worst(clips, "clipped_share", above=CLIPPED_SHARE),
        "silent": [one.clip.name for one in clips if one.levels.silent_share == 1],
        "dc_offset": _worst(clips, "dc_offset", above=DC_OFFSET),
        "unreadable": [_failure(problem) for problem in check.unreadable],
        "exact_duplicates": [list(uris) for uris in check.exact_duplicates],
        "near_duplicates": [asdict(pair) for pair in check.near_duplicates],
        "leaking_groups": [
            {"group": one.group, "clips": {part: list(uris) for part, uris in one.clips.items()}}
            for one in check.straddling_groups
        ],
        "findings": [finding.to_dict() for finding in check.findings],
    }


def classes_of(check: Check) -> dict[str, dict[str, Any]]:
    """For each class: clips, seconds, groups, and clips in each part (``train``, ``fold 1``...)."""
    classes: dict[str, dict[str, Any]] = {}
    for label in check.dataset.labels:
        of_class = [one for one in check.clips if label.id in (one.clip.labels or ())]
        parts = [check.parting.part_of(one.clip) for one in of_class]
        classes[label.id] = {
            "clips": len(of_class),
            "seconds": round(sum(one.levels.duration_s for one in of_class), 3),
            "groups": len({one.group for one in of_class}),
            "parts": {part: parts.count(part) for part in part_names(check)},
        }
    return classes


def part_names(check: Check) -> list[str]:
    """The parts that clips are in, in the order of training or of the numbers of folds."""
    if check.parting.by == "fold":
        return [f"fold {fold}" for fold in check.dataset.folds()]
    found = {check.parting.part_of(one.clip) for one in check.clips}
    return [part for part in ("train", "validation", "test") if part in found]


def spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Least, median and greatest of the values that are known; None where none is.

    Examples
    --------
    >>> spread([1.0, None, 4.0, 2.0])
    {'min': 1.0, 'median': 2.0, 'max': 4.0}
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {
        "min": round(min(known), 4),
        "median": round(float(np.median(known)), 4),
        "max": round(max(known), 4),
    }


def clips_csv(check: Check) -> str:
    """A row a clip that could be decoded: what it is called, and how loud, long and silent it is."""
    rows = []
    for one in check.clips:
        clip, levels = one.clip, one.levels
        start_s, end_s = clip.range_s()
        said = [
            clip.uri,
            start_s or None,
            end_s,
            "|".join(clip.labels or ()),
            clip.split,
            clip.fold,
            clip.group,
            one.format,
        ]
        rows.append([*said, levels.sample_rate, levels.n_channels, *levels.to_dict().values()])
    return csv_text(CLIP_COLUMNS, rows)


def near_duplicates_csv(check: Check) -> str:
    """A row a pair."""
    columns = (
        "first",
        "second",
        "first_label",
        "second_label",
        "first_part",
        "second_part",
        "same_group",
        "similarity",
        "common_s",
        "share",
        "offset_s",
    )
    return csv_text(columns, [[getattr(pair, name) for name in columns] for pair in check.near_duplicates])


def _worst(clips: Sequence[CheckedClip], measure: str, *, above: float) -> list[dict[str, Any]]:
    found = [(getattr(one.levels, measure), one.clip.name) for one in clips if getattr(one.levels, measure) > above]
    return [{"clip": uri, measure: round(value, 6)} for value, uri in sorted(found, key=lambda pair: -pair[0])]


def _failure(problem: InputError) -> dict[str, Any]:
    return {
        "source": problem.source,
        "error": {"kind": problem.kind, "message": f"{problem.problem}; {problem.next_step}"},
    }
