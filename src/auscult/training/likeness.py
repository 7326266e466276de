"""Does the same sound stand on both sides of a split? Asked where no recordings are named, so that nothing else could
keep its copies together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from auscult.audio import load_waveform, resample
from auscult.data import Clip
from auscult.data.checks import FINGERPRINT_RATE, Fingerprint, find_duplicates, fingerprint
from auscult.data.splits import PARTS
from auscult.errors import InputError
from auscult.training.clips import WORKERS, ClipStore
from auscult.training.material import Material

# About 4 ms a clip: beyond this many it would no longer be a matter of seconds.
MOST_CLIPS = 5000
N_NAMED = 3


def with_note_on_copies(material: Material) -> Material:
    """The material with a note on pairs of clips of different parts that hold the same sound, where there are any.

    Only where no groups are named, up to `MOST_CLIPS` clips: what `auscult data check` does always, at little cost.
    """
    dataset, split = material.dataset, material.split
    rows = np.concatenate([getattr(split, part) for part in PARTS])
    of_part = np.repeat(PARTS, [len(getattr(split, part)) for part in PARTS])
    # A picture of a sound has no samples to compare.
    if material.plan.picture is not None:
        return material
    named = any(group is not None for group in dataset.table["group"].to_pylist())
    if named or len(set(of_part.tolist())) < 2 or len(rows) > MOST_CLIPS:
        return material
    clips = dataset.select(rows).clips()
    stores = [(store, i) for store in (material.train, material.validation) for i in range(len(store))]
    work: list[Callable[[], Fingerprint | None]] = [
        partial(_of_store, store, i, material.plan.sample_rate) for store, i in stores
    ]
    work += [partial(_of_clip, clip) for clip in clips[len(stores) :]]
    pool = ThreadPoolExecutor(WORKERS)
    try:
        prints = list(pool.map(lambda one: one(), work))
    finally:
        # After Ctrl-C, thousands of waiting clips must not be looked at first.
        pool.shutdown(cancel_futures=True)
    across = [pair for pair in find_duplicates(prints) if of_part[pair.first] != of_part[pair.second]]
    if not across:
        return material
    pairs = "; ".join(f"{clips[pair.first].uri!r} and {clips[pair.second].uri!r}" for pair in across[:N_NAMED])
    more = f" and {len(across) - N_NAMED} more" if len(across) > N_NAMED else ""
    count, hold = ("1 pair", "holds") if len(across) == 1 else (f"{len(across)} pairs", "hold")
    note = (
        f"{count} of clips in different parts {hold} the same sound: {pairs}{more}. Figures come out too good; name "
        'recordings in a column "group", and see "auscult data check".'
    )
    return replace(material, split=replace(split, notes=(*split.notes, note)))


def _of_store(store: ClipStore, index: int, sample_rate: int) -> Fingerprint:
    return fingerprint(resample(store.waveform(index), sample_rate, FINGERPRINT_RATE))


def _of_clip(clip: Clip) -> Fingerprint | None:
    try:
        start_s, end_s = clip.range_s()
        return fingerprint(
            load_waveform(clip.source, sample_rate=FINGERPRINT_RATE, start_s=start_s, end_s=end_s).samples
        )
    except InputError:  # named when it is tested
        return None
