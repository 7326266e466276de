"""`check`: what a dataset holds, and what in it would make figures wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auscult.data.checks.duplicates import find_duplicates
from auscult.data.checks.findings import Finding, NearDuplicate, Parting, StraddlingGroup, all_findings
from auscult.data.checks.levels import Levels
from auscult.data.checks.survey import Surveyed, survey
from auscult.data.dataset import Dataset
from auscult.data.schema import Clip
from auscult.errors import DataError, InputError, unique_problems
from auscult.files import printable


@dataclass(frozen=True, eq=False)
class CheckedClip:
    """A clip that could be decoded: its row, and what it is."""

    clip: Clip
    levels: Levels
    format: str
    group: str


@dataclass(frozen=True, eq=False)
class Check:
    """What was found.

    Parameters
    ----------
    name : of the dataset
    dataset : what was checked
    clips : those that could be decoded, in the order of the dataset
    parting : by what clips are told apart for training and testing: given parts, or official folds, or nothing
    unreadable : clips that could not be used, each with the reason
    exact_duplicates : URIs of clips of the same content, two or more at a time
    near_duplicates : pairs that hold the same sound, those that straddle the parts first
    straddling_groups : groups with clips in several parts
    findings : all of this in sentences, what harms figures first
    """

    name: str
    dataset: Dataset
    clips: tuple[CheckedClip, ...]
    parting: Parting
    unreadable: tuple[InputError, ...]
    exact_duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: tuple[NearDuplicate, ...]
    straddling_groups: tuple[StraddlingGroup, ...]
    findings: tuple[Finding, ...]

    @property
    def is_harmless(self) -> bool:
        """Whether nothing was found that would make figures wrong."""
        return not any(finding.harms for finding in self.findings)


def check(dataset: Dataset, *, name: str = "", quiet: bool = False) -> Check:
    """Decode every clip once, measure it, and look for duplicates and for leaks.

    Parameters
    ----------
    dataset : labelled clips
    name : what to call it; default: its root
    quiet : show no progress

    Examples
    --------
    >>> import pyarrow, tempfile
    >>> from pathlib import Path
    >>> from auscult.data import clip_schema
    >>> rows = [{"clip_id": "0a", "uri": "none.wav", "labels": [{"id": "dog", "weight": 1.0}]}]
    >>> table = pyarrow.Table.from_pylist(rows, schema=clip_schema())
    >>> from auscult.records import Label
    >>> found = check(Dataset(table, Path(tempfile.mkdtemp()), (Label("dog"),), "single_label"), quiet=True)
    >>> [finding.kind for finding in found.findings], found.is_harmless
    (['unreadable'], False)
    """
    if dataset.medium == "picture":
        raise DataError(
            f"{dataset.root}: these are pictures, and what is looked for is heard; check the sounds that they are of."
        )
    dataset = dataset.of_medium() if len(dataset) else dataset
    clips, groups = dataset.clips(), dataset.groups().tolist()
    looked = survey(clips, quiet=quiet)
    checked = tuple(
        CheckedClip(clip, one.levels, f"{one.format} {one.subtype}".strip(), group)
        for clip, one, group in zip(clips, looked, groups, strict=True)
        if isinstance(one, Surveyed)
    )
    parting = Parting.of(clips)
    unreadable = unique_problems([*dataset.problems, *(one for one in looked if isinstance(one, InputError))])
    exact = exact_duplicates(clips)
    near = _near_duplicates(clips, looked, groups, parting)
    straddling = straddling_groups(clips, groups, parting)
    findings = all_findings(
        dataset,
        [(one.clip.name, one.levels) for one in checked],
        parting=parting,
        unreadable=unreadable,
        exact=exact,
        near=near,
        straddling=straddling,
    )
    name = name or printable(dataset.root)
    return Check(name, dataset, checked, parting, unreadable, exact, near, straddling, findings)


def exact_duplicates(clips: Sequence[Clip]) -> tuple[tuple[str, ...], ...]:
    """Names of clips with the same content and range, two or more at a time."""
    by_content: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        by_content[clip.clip_id].append(clip.name)
    # One file in several rows is one clip with several labels, not a copy.
    unique = (tuple(dict.fromkeys(uris)) for uris in by_content.values())
    return tuple(uris for uris in unique if len(uris) > 1)


def straddling_groups(clips: Sequence[Clip], groups: Sequence[str], parting: Parting) -> tuple[StraddlingGroup, ...]:
    """Groups (recordings, or clips of equal content) that have clips in more than one part."""
    members: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for clip, group in zip(clips, groups, strict=True):
        part = parting.part_of(clip)
        if part is not None:
            members[group][part].append(clip.name)
    return tuple(
        StraddlingGroup(group, {part: tuple(uris) for part, uris in sorted(parts.items())})
        for group, parts in sorted(members.items())
        if len(parts) > 1
    )


def _near_duplicates(
    clips: Sequence[Clip], looked: Sequence[Surveyed | InputError], groups: Sequence[str], parting: Parting
) -> tuple[NearDuplicate, ...]:
    """Pairs of clips of different content that hold the same sound; one of each content is compared."""
    first: dict[str, int] = {}
    for row, clip in enumerate(clips):
        first.setdefault(clip.clip_id, row)
    rows = np.array(sorted(first.values()), dtype=np.int64)
    sounds = [looked[row] for row in rows]
    found = find_duplicates([one.fingerprint if isinstance(one, Surveyed) else None for one in sounds])
    pairs = []
    for duplicate in found:
        one, other = int(rows[duplicate.first]), int(rows[duplicate.second])
        pair = NearDuplicate.of(duplicate, clips[one], clips[other], same_group=groups[one] == groups[other])
        pairs.append((not _matters(pair, clips[one], clips[other], parting), -pair.similarity * pair.common_s, pair))
    return tuple(pair for _, _, pair in sorted(pairs, key=lambda ranked: ranked[:2]))


def _matters(pair: NearDuplicate, one: Clip, other: Clip, parting: Parting) -> bool:
    return not pair.same_group and parting.are_apart(one, other)


def count_by(values: Sequence[str]) -> dict[str, int]:
    """How often each value comes, the most frequent first, equals in the order of the alphabet.

    >>> count_by(["b", "a", "b"])
    {'b': 2, 'a': 1}
    """
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
