"""From a reader's listing to a table of clips: checks on labels, content hashes, contradictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from auscult.data.listing import ListedClip, Listing
from auscult.data.scan import ScannedFile, scan_sounds
from auscult.data.schema import PICTURE_OF, clip_schema, make_clip_id
from auscult.errors import DataError, InputError
from auscult.extras import require_extra
from auscult.files import printable

Scanned = tuple[ListedClip, ScannedFile]


def assemble(listing: Listing) -> tuple[Any, tuple[str, ...], tuple[InputError, ...]]:
    """Look into every listed sound and build the table.

    Returns
    -------
    table : pyarrow table with the columns of `clip_schema`, then those that the listing has besides, in its order
    labels : ids of the classes that are left, in the corpus's own order or alphabetically; none where nobody has said
        what the clips hold
    problems : those of the listing, then one for each file left out here

    Raises
    ------
    DataError : labels that cannot be told apart, no usable sound, or clips of which each is said to hold nothing
    """
    check_labels(label for clip in listing.clips for label in clip.labels or ())
    pairs = zip(listing.clips, _scanned(listing), strict=True)
    problems = list(listing.problems)
    good: list[Scanned] = []
    for clip, scanned in pairs:
        if isinstance(scanned, InputError):
            problems.append(scanned)
        elif (outside := _outside(clip, scanned)) is not None:
            problems.append(outside)
        else:
            good.append((clip, scanned))
    if listing.task == "single_label":
        good, contradictions = _without_contradictions(good)
        problems += contradictions
    _check_any_left(listing, good, problems)
    present = {label for clip, _ in good for label in clip.labels or ()}
    labels = tuple(label for label in listing.label_order or sorted(present) if label in present)
    if not labels and any(clip.labels is not None for clip, _ in good):
        raise DataError(f"{printable(listing.root)}: no clip has a label; nothing can be learned or checked from it.")
    return _table(listing, good), labels, tuple(problems)


def _scanned(listing: Listing) -> list[ScannedFile | InputError]:
    """What each clip's sound is; a sound of which several clips are parts is looked into once."""
    paths = list(dict.fromkeys(clip.path for clip in listing.clips))
    sounds = paths if listing.sounds is None else [listing.sounds[path.as_posix()] for path in paths]
    found = dict(zip(paths, scan_sounds(sounds), strict=True))
    if listing.sounds is not None:
        # Bytes do not know what they are called.
        found = {path: _called(path.as_posix(), one) for path, one in found.items()}
    return [found[clip.path] for clip in listing.clips]


def _called(name: str, found: ScannedFile | InputError) -> ScannedFile | InputError:
    return InputError(name, found.kind, found.problem, found.next_step) if isinstance(found, InputError) else found


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
    """Leave out sounds that hold the same under different labels: at most one can be right."""
    same_sound: dict[str, list[Scanned]] = defaultdict(list)
    for clip, scanned in good:
        same_sound[_clip_id(clip, scanned)].append((clip, scanned))
    contradicting = [same for same in same_sound.values() if len({_said(clip) for clip, _ in same}) > 1]
    problems = [_contradiction(clip, same) for same in contradicting for clip, _ in same]
    left_out = {id(clip) for same in contradicting for clip, _ in same}
    return [pair for pair in good if id(pair[0]) not in left_out], problems


def _said(clip: ListedClip) -> str:
    return repr(None if clip.label_weights is None else sorted(clip.label_weights.items()))


def _contradiction(clip: ListedClip, same: list[Scanned]) -> InputError:
    other = next(other for other, _ in same if _said(other) != _said(clip))
    return InputError(
        str(clip.path),
        "invalid",
        f"it is labelled {_in_words(clip)}, and {other.path}, which holds the same bytes, {_in_words(other)}",
        "keep the one that is right",
    )


def _in_words(clip: ListedClip) -> str:
    return " and ".join(map(repr, clip.labels)) if clip.labels else "with nothing"


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
    rows = [_row(listing, clip, scanned) for clip, scanned in good]
    table = pa.Table.from_pylist(rows, schema=clip_schema())
    if any(scanned.picture_of for _, scanned in good):
        of = [scanned.picture_of or None for _, scanned in good]
        table = table.append_column(PICTURE_OF, pa.array(of, pa.string()))
    for name in dict.fromkeys(name for clip, _ in good for name in clip.extra if name not in table.column_names):
        try:
            table = table.append_column(name, pa.array([clip.extra.get(name) for clip, _ in good]))
        except (pa.ArrowException, OverflowError) as error:
            raise DataError(
                f"{printable(listing.root)}: the values of the column {name!r} must be of one kind ({error}); correct "
                "them, or leave the column out."
            ) from error
    return table


def _row(listing: Listing, clip: ListedClip, scanned: ScannedFile) -> dict[str, Any]:
    start, end = _range(clip, scanned)
    uri = clip.path if listing.sounds is not None else clip.path.relative_to(listing.root)
    weights = clip.label_weights
    return {
        "clip_id": make_clip_id(scanned.content_sha256, start, end),
        "uri": uri.as_posix(),
        "start": start,
        "end": end,
        "labels": None if weights is None else [{"id": name, "weight": weight} for name, weight in weights.items()],
        "split": clip.split,
        "fold": clip.fold,
        "group": clip.group,
        "sample_rate": scanned.info.sample_rate if scanned.info else None,
        "n_frames": scanned.info.n_frames if scanned.info else None,
    }


def _clip_id(clip: ListedClip, scanned: ScannedFile) -> str:
    return make_clip_id(scanned.content_sha256, *_range(clip, scanned))


def _outside(clip: ListedClip, scanned: ScannedFile) -> InputError | None:
    """Why the clip's part is none of its sound, if so."""
    if scanned.info is None:
        if clip.start_s is None and clip.end_s is None:
            return None
        return InputError(
            str(clip.path), "invalid", "a picture is taken whole, and a part of it is asked for", "leave the times out"
        )
    start_s, end_s, duration_s = clip.start_s or 0.0, clip.end_s, scanned.info.duration_s
    if start_s < 0 or (end_s is not None and round((end_s - start_s) * scanned.info.sample_rate) < 1):
        rule = "a part must begin at 0 s or later, and end after it begins"
    elif duration_s is not None and start_s >= duration_s:
        rule = f"the sound lasts {duration_s:g} s"
    else:
        return None
    until = "its end" if end_s is None else f"{end_s:g} s"
    return InputError(str(clip.path), "invalid", f"{rule}. Got {start_s:g} s to {until}", "correct the times")


def _range(clip: ListedClip, scanned: ScannedFile) -> tuple[int | None, int | None]:
    """The clip's part of its sound in samples; None, None for all of it, however that was said."""
    if scanned.info is None:
        return None, None
    start, end = (
        None if time_s is None else round(time_s * scanned.info.sample_rate) for time_s in (clip.start_s, clip.end_s)
    )
    if end is not None and scanned.info.n_frames is not None and end >= scanned.info.n_frames:
        end = None
    return (None, None) if not start and end is None else (start or 0, end)
