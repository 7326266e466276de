"""What a check can find, and how it says so: sentences that name clips and the next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from auscult.data.checks.duplicates import Duplicate
from auscult.data.checks.levels import Levels
from auscult.data.dataset import Dataset
from auscult.data.listing import some
from auscult.data.schema import Clip
from auscult.data.splits import OFFICIAL_FOLDS, OFFICIAL_PARTS, PARTS
from auscult.errors import InputError

FindingKind = Literal[
    "unreadable",
    "leaking_groups",
    "near_duplicates_across",
    "near_duplicates",
    "exact_duplicates",
    "labels_differ",
    "silent",
    "clipping",
    "dc_offset",
    "imbalance",
    "not_in_training",
]
CLIPPED_SHARE = 0.001  # a sample in a thousand is heard
DC_OFFSET = 0.01  # -40 dBFS
IMBALANCE = 10.0
N_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """A sentence on `n` clips, pairs or groups. `harms`: figures come out wrong, or clips are missing from them."""

    kind: FindingKind
    harms: bool
    n: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "harms": self.harms, "n": self.n, "text": self.text}


@dataclass(frozen=True)
class NearDuplicate:
    """Two clips that hold the same sound; see `duplicates.Duplicate` for the measures."""

    first: str
    second: str
    first_label: str
    second_label: str
    first_part: str
    second_part: str
    same_group: bool
    similarity: float
    common_s: float
    share: float
    offset_s: float

    @classmethod
    def of(cls, duplicate: Duplicate, one: Clip, other: Clip, *, same_group: bool) -> NearDuplicate:
        """The pair by the names of its clips, with what is known of them."""
        return cls(
            first=one.name,
            second=other.name,
            first_label=", ".join(one.labels or ()),
            second_label=", ".join(other.labels or ()),
            first_part=_where(one),
            second_part=_where(other),
            same_group=same_group,
            similarity=duplicate.similarity,
            common_s=round(duplicate.common_s, 3),
            share=duplicate.share,
            offset_s=round(duplicate.offset_s, 3),
        )

    def __str__(self) -> str:
        one = f"{self.first!r}{f' in {self.first_part}' if self.first_part else ''}"
        other = f"{self.second!r}{f' in {self.second_part}' if self.second_part else ''}"
        return f"{one} and {other} ({self.common_s:.1f} s in common)"


@dataclass(frozen=True)
class StraddlingGroup:
    """A group with clips in several parts: name of the part -> URIs."""

    group: str
    clips: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        return " and ".join(f"{uris[0]!r} ({part})" for part, uris in self.clips.items())


@dataclass(frozen=True)
class Parting:
    """What keeps training and testing apart: ``"split"``, ``"fold"``, or None where a split has still to be made."""

    by: Literal["split", "fold"] | None

    @classmethod
    def of(cls, clips: Sequence[Clip]) -> Parting:
        """Given parts count before official folds, as in training."""
        if len({clip.split for clip in clips if clip.split in PARTS}) > 1:
            return cls("split")
        return cls("fold" if len({clip.fold for clip in clips if clip.fold is not None}) > 1 else None)

    def part_of(self, clip: Clip) -> str | None:
        """The part of a clip, None for one in no part."""
        if self.by == "split":
            return clip.split if clip.split in PARTS else None
        return None if self.by is None or clip.fold is None else f"fold {clip.fold}"

    def are_apart(self, one: Clip, other: Clip) -> bool:
        """Whether a model could be trained on the one and tested on the other."""
        parts = self.part_of(one), self.part_of(other)
        return None not in parts and parts[0] != parts[1]


def _where(clip: Clip) -> str:
    return clip.split or ("" if clip.fold is None else f"fold {clip.fold}")


def all_findings(
    dataset: Dataset,
    measured: Sequence[tuple[str, Levels]],
    *,
    parting: Parting,
    unreadable: Sequence[InputError],
    exact: Sequence[tuple[str, ...]],
    near: Sequence[NearDuplicate],
    straddling: Sequence[StraddlingGroup],
) -> tuple[Finding, ...]:
    """Everything that was found, in sentences, what harms first."""
    found = [
        *_unreadable(unreadable),
        *_leaking(dataset, straddling, parting),
        *_near(near, parting),
        *_exact(exact),
        *_labels(near),
        *_levels(measured),
        *_balance(dataset, parting),
    ]
    return tuple(sorted(found, key=lambda finding: not finding.harms))


def _unreadable(problems: Sequence[InputError]) -> list[Finding]:
    if not problems:
        return []
    text = f"{_count(len(problems), 'sound')} cannot be used: {_first([str(problem) for problem in problems], '; ')}."
    return [Finding("unreadable", True, len(problems), text)]


def _leaking(dataset: Dataset, groups: Sequence[StraddlingGroup], parting: Parting) -> list[Finding]:
    if not groups:
        return []
    kept_apart = dataset.source_kind in (OFFICIAL_FOLDS if parting.by == "fold" else OFFICIAL_PARTS)
    what = "folds" if parting.by == "fold" else "parts of the split"
    advice = (
        "when one is tested, training leaves the other out"
        if kept_apart
        else "put all clips of a recording on one side, or figures come out too good"
    )
    text = (
        f"{_count(len(groups), 'recording')} (groups, or clips of equal content) in several {what}: "
        f"{_first([str(group) for group in groups], '; ')}; {advice}."
    )
    return [Finding("leaking_groups", not kept_apart, len(groups), text)]


def _near(pairs: Sequence[NearDuplicate], parting: Parting) -> list[Finding]:
    apart = [pair for pair in pairs if not pair.same_group]
    across = [pair for pair in apart if _straddles(pair, parting)]
    within = [pair for pair in apart if not _straddles(pair, parting)]
    found = []
    if across:
        between = "folds" if parting.by == "fold" else "parts of the split"
        text = (
            f"{_count(len(across), 'pair')} of clips in different {between} {_hold(across)} the same sound: "
            f"{_named(across)}; give both clips of a pair one group, or remove one, or figures come out too good."
        )
        found.append(Finding("near_duplicates_across", True, len(across), text))
    if within:
        advice = (
            "a split made here may put them on both sides: give both clips of a pair one group"
            if parting.by is None
            else "they are on one side of the split"
        )
        text = f"{_count(len(within), 'pair')} of clips {_hold(within)} the same sound: {_named(within)}; {advice}."
        found.append(Finding("near_duplicates", False, len(within), text))
    return found


def _straddles(pair: NearDuplicate, parting: Parting) -> bool:
    if parting.by is None:
        return False
    parts = {pair.first_part, pair.second_part}
    known = parts <= set(PARTS) if parting.by == "split" else "" not in parts
    return known and len(parts) > 1


def _exact(copies: Sequence[tuple[str, ...]]) -> list[Finding]:
    if not copies:
        return []
    n = sum(len(uris) - 1 for uris in copies)
    text = (
        f"{_count(n, 'clip')} {'holds' if n == 1 else 'hold'} the same bytes as another: "
        f"{_first([' and '.join(map(repr, uris[:2])) for uris in copies], '; ')}; "
        "they count as one recording, so that no split made here separates them."
    )
    return [Finding("exact_duplicates", False, n, text)]


def _labels(pairs: Sequence[NearDuplicate]) -> list[Finding]:
    # Of one recording they may overlap in time, and each be right.
    differ = [pair for pair in pairs if pair.first_label != pair.second_label and not pair.same_group]
    if not differ:
        return []
    named = [f"{pair.first!r} ({pair.first_label}) and {pair.second!r} ({pair.second_label})" for pair in differ]
    text = (
        f"{_count(len(differ), 'pair')} of clips {_hold(differ)} the same sound under different labels: "
        f"{_first(named, '; ')}; listen to them, and correct the label that is wrong."
    )
    return [Finding("labels_differ", False, len(differ), text)]


def _levels(measured: Sequence[tuple[str, Levels]]) -> list[Finding]:
    kinds: list[tuple[FindingKind, list[str], str]] = [
        (
            "silent",
            [uri for uri, levels in measured if levels.silent_share == 1],
            "Nothing but silence (below -60 dBFS) in {}: {}; remove such clips, or label them so.",
        ),
        (
            "clipping",
            [uri for uri, levels in measured if levels.clipped_share > CLIPPED_SHARE],
            "Clipping, more than a sample in a thousand flat at full scale, in {}: {}; record at a lower level.",
        ),
        (
            "dc_offset",
            [uri for uri, levels in measured if levels.dc_offset > DC_OFFSET],
            "A DC offset above 0.01 in {}: {}; a high-pass filter removes it.",
        ),
    ]
    return [
        Finding(kind, False, len(uris), text.format(_count(len(uris), "clip"), some(uris, limit=N_NAMED)))
        for kind, uris, text in kinds
        if uris
    ]


def _balance(dataset: Dataset, parting: Parting) -> list[Finding]:
    clips = dataset.clips()
    counts = {label.id: 0 for label in dataset.labels}
    trained: set[str] = set()
    for clip in clips:
        for label in clip.labels or ():
            counts[label] += 1
        if clip.split == "train":
            trained.update(clip.labels or ())
    found = []
    if counts and max(counts.values()) >= IMBALANCE * max(1, min(counts.values())):
        most, least = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
        text = (
            f"The class {most!r} has {_count(counts[most], 'clip')}, {least!r} {counts[least]}: look at balanced "
            "accuracy or macro F1, not at accuracy alone."
        )
        found.append(Finding("imbalance", False, 2, text))
    missing = [label for label in counts if label not in trained]
    if parting.by == "split" and missing:
        text = f"{_count(len(missing), 'class', 'classes')} not in the train part: {some(missing, limit=N_NAMED)}."
        found.append(Finding("not_in_training", False, len(missing), text))
    return found


def _hold(pairs: Sequence[NearDuplicate]) -> str:
    return "holds" if len(pairs) == 1 else "hold"


def _named(pairs: Sequence[NearDuplicate]) -> str:
    return _first([str(pair) for pair in pairs], "; ")


def _first(texts: Sequence[str], separator: str) -> str:
    """The first few, and how many more there are."""
    shown = separator.join(texts[:N_NAMED])
    return shown if len(texts) <= N_NAMED else f"{shown} and {len(texts) - N_NAMED} more"


def _count(n: int, thing: str, things: str = "") -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {things or thing + 's'}"
