"""From a reader's listing to a table of clips: checks on labels, content hashes, contradictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from auscult.data.listing import ListedClip, Listing
from auscult.data.scan import ScannedFile, scan_files
from auscult.data.schema import clip_schema, make_clip_id
from auscult.errors import DataError, InputError
from auscult.extras import require_extra
from auscult.files import printable

Scanned = tuple[ListedClip, ScannedFile]


def assemble(listing: Listing) -> tuple[Any, tuple[str, ...], tuple[InputError, ...]]:
    """Open every listed file and build the table.

    Returns
    -------
    table : pyarrow table with the columns of `clip_schema`, rows in the order of the listing
    labels : ids of the classes that are left, in the corpus's own order or alphabetically
    problems : those of the listing, then one for each file left out here

    Raises
    ------
    DataError : labels that cannot be told apart, no usable sound, or no label
    """
    check_labels(label for clip in listing.clips for label in clip.labels)
    pairs = zip(listing.clips, scan_files([clip.path for clip in listing.clips]), strict=True)
    problems = list(listing.problems)
    good: list[Scanned] = []
    for clip, scanned in pairs:
        if isinstance(scanned, InputError):
            problems.append(scanned)
        else:
            good.append((clip, scanned))
    if listing.task == "single_label":
        good, contradictions = _without_contradictions(good)
        problems += contradictions
    _check_any_left(listing, good, problems)
    present = {label for clip, _ in good for label in clip.labels}
    labels = tuple(label for label in listing.label_order or sorted(present) if label in present)
    if not labels:
        raise DataError(f"{printable(listing.root)}: no clip has a label; nothing can be learned or checked from it.")
    return _table(listing, good), labels, tuple(problems)


def check_labels(labels: Iterable[str]) -> None:
    """Refuse labels that are empty, begin or end with a space, or differ from another by case only.

    Raises
    ------
    DataError : naming the labels
    """
    by_folded: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        if not label or label != label.strip():
            raise DataError(
                f"Labels must neither be empty nor begin or end with a space. Got {label!r} instead; rename the class."
            )
        other = by_folded.setdefault(label.casefold(), label)
        if other != label:
            raise DataError(
                f"Two classes differ by case only: {other!r} and {label!r}. Labels are compared "
                "exactly, and some "
                "file systems cannot keep such names apart; rename one, or give both the same name."
            )


def _without_contradictions(good: list[Scanned]) -> tuple[list[Scanned], list[InputError]]:
    """Leave out files that hold the same bytes under different labels: at most one can be right."""
    by_content: dict[str, list[Scanned]] = defaultdict(list)
    for pair in good:
        by_content[pair[1].content_sha256].append(pair)
    problems: list[InputError] = []
    for same in by_content.values():
        if len({clip.labels for clip, _ in same}) > 1:
            problems += [_contradiction(clip, same) for clip, _ in same]
    left_out = {problem.source for problem in problems}
    return [pair for pair in good if str(pair[0].path) not in left_out], problems


def _contradiction(clip: ListedClip, same: list[Scanned]) -> InputError:
    other = next(other for other, _ in same if other.labels != clip.labels)
    return InputError(
        str(clip.path),
        "invalid",
        f"it is labelled {clip.labels[0]!r}, and {other.path}, which holds the same bytes, {other.labels[0]!r}",
        "keep the one that is right",
    )


def _check_any_left(listing: Listing, good: Sequence[Scanned], problems: Sequence[InputError]) -> None:
    if good:
        return
    if not problems:
        raise DataError(f"{printable(listing.root)}: no audio was found; give a folder of labelled recordings.")
    raise DataError(
        f"{printable(listing.root)}: none of the {len(problems)} sounds listed there can be used. "
        f"The first: {problems[0]}"
    )


def _table(listing: Listing, good: Sequence[Scanned]) -> Any:
    pa = require_extra("pyarrow", extra="data", purpose="reading datasets")
    rows = [
        {
            "clip_id": make_clip_id(scanned.content_sha256),
            "uri": clip.path.relative_to(listing.root).as_posix(),
            "start": None,
            "end": None,
            "labels": [{"id": label, "weight": 1.0} for label in clip.labels],
            "split": clip.split,
            "fold": clip.fold,
            "group": clip.group,
            "sample_rate": scanned.info.sample_rate,
            "n_frames": scanned.info.n_frames,
        }
        for clip, scanned in good
    ]
    return pa.Table.from_pylist(rows, schema=clip_schema())
