"""Near duplicates among many sounds: pairs of clips that hold the same recorded sound.

Three steps. Patches with the same code give matches; those of a pair of clips that agree on the shift between the two
are counted, as in A. Wang, "An Industrial-Strength Audio Search Algorithm" (ISMIR 2003). Where there are `LEAST_VOTES`
of them, the structures of both clips are laid over each other at that shift and correlated over half a second around
each frame. Where they agree for long enough, the clips are near duplicates.

Neighbours are found through a sorted list of codes: the work grows with the clips and with what they have in common by
chance, about one pair in a hundred, not with all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from auscult.data.checks.fingerprint import (
    FRAME_S,
    N_BANDS,
    N_BITS,
    N_WEAK,
    NO_CODE,
    QUERY_FRAMES,
    STEPS_PER_DB,
    Fingerprint,
)
from auscult.records import FloatArray

# Chosen on ESC-10 with copies of its clips made for this; `docs/decisions/` says what was seen.
LEAST_VOTES = 3
LEAST_COMMON_S = 0.5
# Two barks can be alike for half a second, hardly for a second and a half: what is long may agree less.
LEAST_SIMILARITY, LEAST_SIMILARITY_SHORT = 0.7, 0.8
LONG_S = 1.5
LEAST_LOCAL = 0.5  # correlation around a frame from which on it counts as common
WINDOW_FRAMES = 31  # around a frame: half a second
SOUNDING = 1.0  # structure around a frame, in dB, root mean square: below, there is nothing to compare
SHIFTS_TRIED = 3

# A code that so many patches have says nothing; without a limit, copies by the thousand would need all pairs.
MOST_ALIKE = 128
QUERIES_AT_A_TIME = 1 << 14
_OFFSETS = 1 << 17  # more than twice the frames of the longest fingerprint


@dataclass(frozen=True, order=True)
class Duplicate:
    """Two clips that hold the same sound.

    Parameters
    ----------
    first, second : their numbers, `first` the lower
    similarity : correlation of the structures over what is common, in [`LEAST_SIMILARITY`, 1]
    common_s : seconds that agree
    share : of the sounding part of the clip that has less of it, how much agrees, in (0, 1]
    offset_s : what is at time t in `second` is at t + `offset_s` in `first`, within a frame of 16 ms
    """

    first: int
    second: int
    similarity: float
    common_s: float
    share: float
    offset_s: float


def find_duplicates(fingerprints: Sequence[Fingerprint | None]) -> list[Duplicate]:
    """All pairs of near duplicates, by their numbers; None stands for a sound that is left out.

    Deterministic: it depends on the fingerprints alone.

    Examples
    --------
    >>> from auscult.data.checks.fingerprint import fingerprint
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (2, 32000)).astype(np.float32)
    >>> sounds = [noise[0], noise[1], 0.5 * noise[0, 16000:]]
    >>> [(pair.first, pair.second, pair.offset_s) for pair in find_duplicates([fingerprint(s) for s in sounds])]
    [(0, 2, 2.0)]
    """
    known = [number for number, one in enumerate(fingerprints) if one is not None]
    prints = [one for one in fingerprints if one is not None]
    if len(prints) < 2:
        return []
    sounding = [int(_sounds(one.structure).sum()) for one in prints]
    found = []
    for first, second, shifts in _candidates(prints):
        agreement = _best_agreement(prints[first].structure, prints[second].structure, shifts)
        if agreement is None:
            continue
        similarity, n_common, shift = agreement
        share = min(1.0, n_common / max(1, min(sounding[first], sounding[second])))
        duplicate = Duplicate(
            known[first], known[second], round(similarity, 3), n_common * FRAME_S, round(share, 3), shift * FRAME_S
        )
        found.append(duplicate)
    return found


def _best_agreement(
    first: NDArray[np.int8], second: NDArray[np.int8], shifts: Sequence[int]
) -> tuple[float, int, int] | None:
    """Similarity, frames in common and shift of the best of these shifts; None where none is good enough."""
    best: tuple[float, int, int] | None = None
    for shift in shifts:
        if _agreement(first, second, shift)[1] * FRAME_S < LEAST_COMMON_S / 2:
            continue
        # Votes say the shift within a frame.
        for tried in (shift, shift - 1, shift + 1):
            similarity, n_common = _agreement(first, second, tried)
            if _is_enough(similarity, n_common * FRAME_S) and (
                best is None or similarity * n_common > best[0] * best[1]
            ):
                best = similarity, n_common, tried
    return best


def _is_enough(similarity: float, common_s: float) -> bool:
    """
    >>> _is_enough(0.71, 2.0), _is_enough(0.71, 1.0), _is_enough(0.81, 0.5), _is_enough(0.99, 0.4)
    (True, False, True, False)
    """
    shortness = min(1.0, max(0.0, (LONG_S - common_s) / (LONG_S - LEAST_COMMON_S)))
    least = LEAST_SIMILARITY + (LEAST_SIMILARITY_SHORT - LEAST_SIMILARITY) * shortness
    return common_s >= LEAST_COMMON_S and similarity >= least


def _agreement(first: NDArray[np.int8], second: NDArray[np.int8], shift: int) -> tuple[float, int]:
    """Correlation over the frames that agree, and their number, with `second` laid over `first` from `shift` on."""
    start, stop = max(shift, 0), min(len(first), len(second) + shift)
    if stop - start < WINDOW_FRAMES // 2:
        return 0.0, 0
    one = first[start:stop].astype(np.float32)
    other = second[start - shift : stop - shift].astype(np.float32)
    # A row each for the product and the two energies, summed over the bands.
    parts = np.stack([np.einsum("tb,tb->t", *pair) for pair in ((one, other), (one, one), (other, other))])
    around = _around(parts)
    least = _least_energy(stop - start)
    common = (around[1] > least) & (around[2] > least)
    common &= around[0] > LEAST_LOCAL * np.sqrt(around[1] * around[2])
    n_common = int(common.sum())
    if n_common == 0:
        return 0.0, 0
    product, energy, other_energy = parts[:, common].sum(axis=1)
    if energy == 0 or other_energy == 0:
        return 0.0, 0
    return float(product / np.sqrt(energy * other_energy)), n_common


def _sounds(structure: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Around which frames there is something to compare."""
    energy = (structure.astype(np.float32) ** 2).sum(axis=1)
    sounds: NDArray[np.bool_] = _around(energy[np.newaxis])[0] > _least_energy(len(structure))
    return sounds


def _around(rows: FloatArray) -> NDArray[np.float64]:
    """Sums over `WINDOW_FRAMES` around each frame of each row, over fewer at the ends."""
    half = WINDOW_FRAMES // 2
    n_frames = rows.shape[1]
    sums = np.zeros((len(rows), n_frames + 1))
    np.cumsum(rows, axis=1, dtype=np.float64, out=sums[:, 1:])
    frames = np.arange(n_frames)
    around: NDArray[np.float64] = (
        sums[:, np.minimum(frames + half + 1, n_frames)] - sums[:, np.maximum(frames - half, 0)]
    )
    return around


def _least_energy(n_frames: int) -> NDArray[np.float64]:
    """The energy around each frame from which on it sounds."""
    frames = np.arange(n_frames)
    half = WINDOW_FRAMES // 2
    n_around = np.minimum(frames + half + 1, n_frames) - np.maximum(frames - half, 0)
    return (SOUNDING * STEPS_PER_DB) ** 2 * N_BANDS * n_around.astype(np.float64)


def _candidates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, list[int]]]:
    """Pairs of clips that share codes, each with the shifts that most of them agree on, in frames."""
    index = _Index(prints)
    votes = [index.votes(clips) for clips in _in_chunks(prints)]
    keys, counts = _sum_votes(np.concatenate([k for k, _ in votes]), np.concatenate([c for _, c in votes]))
    counts = _with_neighbours(keys, counts)
    enough = counts >= LEAST_VOTES
    keys, counts = keys[enough], counts[enough]
    pairs = keys // _OFFSETS
    order = np.lexsort((keys, -counts, pairs))
    keys, pairs = keys[order], pairs[order]
    borders = [*np.flatnonzero(np.diff(pairs, prepend=-1)).tolist(), len(pairs)]
    for start, stop in pairwise(borders):
        first, second = divmod(int(pairs[start]), len(prints))
        shifts = keys[start : min(stop, start + SHIFTS_TRIED)] % _OFFSETS - _OFFSETS // 2
        yield first, second, shifts.tolist()


def _in_chunks(prints: Sequence[Fingerprint]) -> Iterator[range]:
    """Numbers of clips, as many at a time as make `QUERIES_AT_A_TIME`, at least one."""
    start = n_queries = 0
    for number, one in enumerate(prints):
        if n_queries and n_queries + len(one.weakest) > QUERIES_AT_A_TIME:
            yield range(start, number)
            start, n_queries = number, 0
        n_queries += len(one.weakest)
    yield range(start, len(prints))


class _Index:
    """All patches, sorted by their code."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        self._prints = prints
        codes = np.concatenate([one.codes for one in prints])
        clips = np.repeat(np.arange(len(prints), dtype=np.int32), [len(one.codes) for one in prints])
        frames = np.concatenate([np.arange(len(one.codes), dtype=np.int32) for one in prints])
        kept = np.flatnonzero(codes != NO_CODE)
        order = kept[np.argsort(codes[kept], kind="stable")]
        self._clips, self._frames = clips[order], frames[order]
        self._codes, self._starts, self._sizes = np.unique(codes[order], return_index=True, return_counts=True)
        # A bit for each possible code (32 MiB) answers most questions, which are about codes that nothing has.
        self._present = np.zeros(1 << (N_BITS - 3), np.uint8)
        said = self._codes[self._sizes <= MOST_ALIKE]
        np.bitwise_or.at(self._present, said >> 3, (1 << (said & 7)).astype(np.uint8))

    def votes(self, clips: range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For the patches of these clips: keys of (pair, shift) and how often each was found, twice at least."""
        query_clips, query_frames, codes = self._queries(clips)
        found = [self._matches(query_clips, query_frames, asked) for asked in codes]
        keys, counts = np.unique(np.concatenate(found), return_counts=True)
        enough = _with_neighbours(keys, counts) >= 2
        return keys[enough], counts[enough]

    def _queries(self, clips: range) -> tuple[NDArray[np.int32], NDArray[np.int32], Iterator[NDArray[np.uint32]]]:
        chosen = [self._prints[clip] for clip in clips]
        codes = np.concatenate([one.codes[::QUERY_FRAMES] for one in chosen])
        weakest = np.concatenate([one.weakest for one in chosen])
        of_clip = np.repeat(np.array(clips, dtype=np.int32), [len(one.weakest) for one in chosen])
        frames = np.concatenate([QUERY_FRAMES * np.arange(len(one.weakest), dtype=np.int32) for one in chosen])
        kept = codes != NO_CODE
        return of_clip[kept], frames[kept], _with_weak_bits_flipped(codes[kept], weakest[kept])

    def _matches(
        self, clips: NDArray[np.int32], frames: NDArray[np.int32], codes: NDArray[np.uint32]
    ) -> NDArray[np.int64]:
        """A key for each pair of a query and a patch of another clip with that code."""
        asked = np.flatnonzero((self._present[codes >> 3] >> (codes & 7).astype(np.uint8)) & 1)
        place = np.searchsorted(self._codes, codes[asked])
        sizes = self._sizes[place]
        queries = np.repeat(asked, sizes)
        within = np.arange(len(queries)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        patches = np.repeat(self._starts[place], sizes) + within
        one, other = clips[queries].astype(np.int64), self._clips[patches].astype(np.int64)
        shifts = frames[queries] - self._frames[patches]
        keys = (np.minimum(one, other) * len(self._prints) + np.maximum(one, other)) * _OFFSETS
        keys += np.where(one < other, shifts, -shifts) + _OFFSETS // 2
        matched: NDArray[np.int64] = keys[one != other]
        return matched


def _with_weak_bits_flipped(codes: NDArray[np.uint32], weakest: NDArray[np.uint32]) -> Iterator[NDArray[np.uint32]]:
    """The codes with every choice of their weakest bits turned over, the codes themselves first."""
    bits = [np.uint32(1) << ((weakest >> np.uint32(5 * i)) & np.uint32(31)) for i in range(N_WEAK)]
    for choice in range(1 << N_WEAK):
        flipped = codes.copy()
        for i, bit in enumerate(bits):
            if choice >> i & 1:
                flipped ^= bit
        yield flipped


def _sum_votes(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each key once, with all its votes."""
    unique, place = np.unique(keys, return_inverse=True)
    return unique, np.bincount(place, weights=counts, minlength=len(unique)).astype(np.int64)


def _with_neighbours(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Votes for each shift and for those one frame away: the true shift lies between two frames as a rule."""
    total = counts.copy()
    beside = np.flatnonzero(np.diff(keys) == 1)
    total[beside] += counts[beside + 1]
    total[beside + 1] += counts[beside]
    return total
