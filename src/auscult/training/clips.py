"""Training clips, decoded once: the first pass fills the waveform cache, later ones read it memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.audio import MonoPolicy, decoding_version, iter_waveform
from auscult.data import Clip, WaveformCache, waveform_key
from auscult.errors import AuscultError, InputError
from auscult.progress import progress
from auscult.records import FloatArray

WORKERS = 4  # decoding waits for the disk now and then


@dataclass(frozen=True)
class ClipStore:
    """Decoded mono clips at one rate. Only the clips that are being read are in memory.

    `keys` and `targets` `(clips, classes)` stand in the same order.
    """

    cache: WaveformCache
    keys: tuple[str, ...]
    targets: FloatArray

    def __len__(self) -> int:
        return len(self.keys)

    def waveform(self, index: int) -> FloatArray:
        """One clip's samples `(samples,)`, memory-mapped and read-only."""
        waveform = self.cache.get(self.keys[index])
        if waveform is None:
            raise AuscultError(
                f"The waveform cache lost a clip while it was in use ({self.cache.folder}); "
                "run the same command again with --resume, and it will be decoded anew."
            )
        return waveform

    def subset(self, indices: NDArray[np.int64]) -> ClipStore:
        """The clips of these numbers, in their order."""
        return ClipStore(self.cache, tuple(self.keys[i] for i in indices), self.targets[indices])


def fill_cache(
    clips: Sequence[Clip], cache: WaveformCache, *, sample_rate: int, mono: MonoPolicy, quiet: bool = False
) -> tuple[list[str], list[InputError | None]]:
    """Decode each clip that the cache does not hold yet.

    Returns
    -------
    keys : each clip's key in the cache, in the order of `clips`
    problems : in the same order, None for a clip that is in the cache now, else why it is not

    Raises
    ------
    OutputError : the cache cannot be written
    """
    version = decoding_version(sample_rate)
    keys = [waveform_key(clip.content_hash, clip.start, clip.end, mono, sample_rate, version) for clip in clips]
    problems: list[InputError | None] = [None] * len(clips)
    missing = [i for i, key in enumerate(keys) if key not in cache]
    with progress("Decoding", len(missing), quiet=quiet) as advance, ThreadPoolExecutor(WORKERS) as pool:
        futures = {pool.submit(_decode_into, cache, keys[i], clips[i], sample_rate, mono): i for i in missing}
        try:
            for future in as_completed(futures):
                problems[futures[future]] = future.result()
                advance()
        finally:
            # After Ctrl-C or on a full disk, thousands of waiting clips must not be decoded first.
            pool.shutdown(cancel_futures=True)
    return keys, problems


def _decode_into(cache: WaveformCache, key: str, clip: Clip, sample_rate: int, mono: MonoPolicy) -> InputError | None:
    try:
        start_s, end_s = clip.range_s()
        # By blocks: several recordings of hours are decoded at once, and none of them has to fit into memory.
        blocks = iter_waveform(clip.source, sample_rate=sample_rate, mono=mono, start_s=start_s, end_s=end_s)
        cache.put_blocks(key, blocks)
    except InputError as problem:
        return problem
    return None
