"""Sound files to samples: whole, a range, or block by block.

All three go through one reader, which only ever reads forward, so that blocks hold exactly the samples of the
whole; a range differs by less than 1e-6 (MP3 decoders round differently after a jump), and for most formats
not at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Protocol

import numpy as np

from auscult.audio.arrays import ArrayReader, check_finite, sound_from_mapping
from auscult.audio.containers import (
    CARRIERS,
    HEAD_BYTES,
    MAX_CHUNKS,
    TooManyChunksError,
    is_media,
    missing_bytes,
)
from auscult.audio.libsndfile import SndfileReader
from auscult.audio.mpeg import with_length
from auscult.audio.pyav import PyavReader
from auscult.audio.sources import SoundFile, Source, open_source, source_name
from auscult.errors import InputError, InputErrorKind, MissingExtraError
from auscult.records import AudioInfo, FloatArray, Sound, Waveform

#: Sample rates of sounds, in Hz: from far below telephones to far above what detectors of bats record. What a
#: damaged header says beyond them would make hours of a second, or a second of hours.
_RATE_RANGE_HZ = (100, 10_000_000)

#: Samples (16 MiB) decoded in one call. Memory grows with what was decoded, never with what a header
#: promises.
CHUNK_SAMPLES = 1 << 22


class Reader(Protocol):
    """One open sound, read forward.

    `tolerance_frames` is by how much the sound may be shorter than `info.n_frames` says, without being
    damaged.
    """

    name: str
    info: AudioInfo
    tolerance_frames: int

    def seek(self, frame: int) -> None:
        """Go to a frame; called once at most, before reading."""

    def read_into(self, out: FloatArray) -> int:
        """Fill `out`, float32 `(frames, channels)`; how many frames were there, fewer only at the end."""

    def close(self) -> None: ...


def probe(source: Source) -> AudioInfo:
    """What a sound says of itself, without decoding it.

    Raises
    ------
    InputError : the sound cannot be read, or is seen to be cut off
    MissingExtraError : it is a format that needs the extra ``av``

    Examples
    --------
    >>> info = probe({"sampling_rate": 8000, "array": np.zeros(4000, np.float32)})
    >>> info.sample_rate, info.n_channels, info.duration_s
    (8000, 1, 0.5)
    """
    with closing(open_reader(source)) as reader:
        return reader.info


def decode(source: Source, *, start_s: float = 0.0, end_s: float | None = None) -> Sound:
    """The samples of a sound, or of a part of it.

    Parameters
    ----------
    source : see `Source`
    start_s, end_s : the part wanted, in seconds; `end_s` beyond the end, or None, means the end. Sample
        positions are the nearest to these times.

    Returns
    -------
    Sound with float32 `(channels, samples)`, in [-1, 1] but for formats that may hold more

    Raises
    ------
    InputError : the sound cannot be read, is cut off, holds no samples or NaN; or the range is not one of it
    MissingExtraError : it is a format that needs the extra ``av``

    Examples
    --------
    >>> sound = decode({"sampling_rate": 8000, "array": np.zeros(4000, np.float32)}, start_s=0.25)
    >>> sound.samples.shape
    (1, 2000)
    """
    with closing(open_reader(source)) as reader:
        start, stop = frame_range(reader, start_s, end_s)
        return Sound(read_range(reader, start, stop).T, reader.info.sample_rate)


def iter_blocks(
    source: Source, *, block_frames: int = 65536, start_s: float = 0.0, end_s: float | None = None
) -> Iterator[FloatArray]:
    """What `decode` gives, in blocks of `block_frames`, in constant memory.

    Yields
    ------
    float32 `(channels, frames)`, each its own array; the last may be shorter

    Raises
    ------
    ValueError : `block_frames` is less than 1
    InputError, MissingExtraError : see `decode`; when the block in question is asked for

    Examples
    --------
    >>> source = {"sampling_rate": 8000, "array": np.zeros(5, np.float32)}
    >>> [block.shape for block in iter_blocks(source, block_frames=3)]
    [(1, 3), (1, 2)]
    """
    if block_frames < 1:
        raise ValueError(f"The 'block_frames' parameter must be at least 1. Got {block_frames} instead.")
    return _iter_blocks(source, block_frames, start_s, end_s)


def _iter_blocks(source: Source, block_frames: int, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
    with closing(open_reader(source)) as reader:
        start, stop = frame_range(reader, start_s, end_s)
        for block in read_blocks(reader, start, stop, block_frames):
            yield block.T


def open_reader(source: Source) -> Reader:
    """The reader for a source; the caller closes it.

    The content decides which library reads it, not the ending of a name.
    """
    reader: Reader | None = None
    if isinstance(source, Sound | Waveform | Mapping):
        sound = sound_from_mapping(source) if isinstance(source, Mapping) else source
        reader = ArrayReader(sound, source_name(source))
        _check_rate(reader, "invalid")
        return reader
    opened = open_source(source)
    try:
        head = opened.file.read(HEAD_BYTES)
        _check_whole(opened, head)
        opened = with_length(opened, head)
        reader = _file_reader(opened, head)
        if reader.info.n_frames == 0:
            raise _empty(reader.name)
        _check_rate(reader, "damaged")
        return reader
    except BaseException:
        if reader is not None:
            reader.close()
        opened.file.close()
        raise


def frame_range(reader: Reader, start_s: float, end_s: float | None) -> tuple[int, int | None]:
    """A range of seconds in samples of the sound; the end is None where the sound ends nobody knows where."""
    return sample_range(reader, reader.info.sample_rate, start_s, end_s)


def sample_range(reader: Reader, rate: int, start_s: float, end_s: float | None) -> tuple[int, int | None]:
    """A range of seconds in samples at `rate`; refuses one that is not in the sound."""
    info = reader.info
    last = None if end_s is None or end_s == math.inf else end_s
    if not (math.isfinite(start_s) and start_s >= 0) or (last is not None and not last > start_s):
        raise _no_range(reader, start_s, end_s, "a range starts at 0 s or later and ends after that")
    start = round(start_s * rate)
    stop = None if last is None else round(last * rate)
    if info.n_frames is not None:
        length = info.n_frames if rate == info.sample_rate else -(-info.n_frames * rate // info.sample_rate)
        if start > 0 and start >= length:
            raise _no_range(reader, start_s, end_s, f"the sound ends after {info.duration_s:.6g} s")
        # Where the rates differ, the resampler knows the exact length.
        if rate == info.sample_rate:
            stop = info.n_frames if stop is None else min(stop, info.n_frames)
    if stop is not None and stop <= start:
        raise _no_range(reader, start_s, end_s, f"at {rate} Hz it holds no sample")
    return start, stop


def read_range(reader: Reader, start: int, stop: int | None) -> FloatArray:
    """The frames `start` to `stop` as one array, float32 `(frames, channels)`."""
    channels = reader.info.n_channels
    chunk = max(1, CHUNK_SAMPLES // channels)
    blocks = read_blocks(reader, start, stop, chunk)
    whole = next(blocks)
    n_frames = len(whole)
    # Most sounds are one chunk. Others grow in place, which moves pages, not samples: one array, plus one chunk.
    for block in blocks:
        whole.resize((n_frames + len(block), channels), refcheck=False)
        whole[n_frames:] = block
        n_frames += len(block)
    return whole


def read_blocks(reader: Reader, start: int, stop: int | None, block_frames: int) -> Iterator[FloatArray]:
    """The frames `start` to `stop`, float32 `(frames, channels)`, at least one; `stop` None means the end.

    Raises
    ------
    InputError : the sound ends before it should, holds no samples there, or NaN
    """
    n_frames = reader.info.n_frames
    end = n_frames if stop is None or n_frames is None else min(stop, n_frames)
    end = stop if end is None else end
    if start > 0:
        reader.seek(start)
    position = start
    while end is None or position < end:
        count = block_frames if end is None else min(block_frames, end - position)
        block = np.empty((count, reader.info.n_channels), np.float32)
        got = reader.read_into(block)
        if got > 0:
            check_finite(block[:got], reader.name)
            position += got
            # Not a view of the large block, which growing in place could not use.
            yield block if got == count else block[:got].copy()
        if got < count:
            break
    _check_end(reader, start, position, end)


def _check_end(reader: Reader, start: int, position: int, end: int | None) -> None:
    info = reader.info
    if info.n_frames is not None and end is not None and position < end - reader.tolerance_frames:
        raise InputError(
            reader.name,
            "damaged",
            f"it should last {info.n_frames / info.sample_rate:.6g} s and can be decoded up to "
            f"{position / info.sample_rate:.6g} s",
            "copy or download it again, or save the good part with a sound editor",
        )
    if position == start:
        if start == 0:
            raise _empty(reader.name)
        raise InputError(
            reader.name,
            "invalid",
            f"the sound ends before the range starts, at {start / info.sample_rate:.6g} s",
            "choose a range inside the sound",
        )


def _file_reader(opened: SoundFile, head: bytes) -> Reader:
    if is_media(head):
        return PyavReader(opened)
    try:
        return SndfileReader(opened, head)
    except InputError as refused:
        # A WAV may hold MP3, an Ogg may hold Speex: containers that libsndfile knows, with codecs that it
        # does not.
        if not head.startswith(CARRIERS):
            raise
        try:
            return PyavReader(opened)
        except MissingExtraError:
            raise refused from None
        except InputError as again:
            raise (again if again.kind == "unsupported" else refused) from None


def _check_whole(opened: SoundFile, head: bytes) -> None:
    try:
        missing = missing_bytes(opened.file, head, opened.size)
    except TooManyChunksError as error:
        raise InputError(
            opened.name,
            "damaged",
            f"more than {MAX_CHUNKS} parts come before its sound, if there is any",
            "copy or download it again",
        ) from error
    if missing > 0:
        raise InputError(
            opened.name,
            "damaged",
            f"the file is cut off: it holds {opened.size} bytes, and its header promises {missing} more",
            "copy or download it again, or save the good part with a sound editor",
        )


def _check_rate(reader: Reader, kind: InputErrorKind) -> None:
    lowest, highest = _RATE_RANGE_HZ
    if not lowest <= reader.info.sample_rate <= highest:
        raise InputError(
            reader.name,
            kind,
            f"a sound has a sample rate from {lowest} to {highest} Hz, and this one says {reader.info.sample_rate} Hz",
            "copy it again, or give it its true rate",
        )


def _empty(name: str) -> InputError:
    return InputError(name, "empty", "it has a header and no samples", "record or copy it again, or leave it out")


def _no_range(reader: Reader, start_s: float, end_s: float | None, rule: str) -> InputError:
    until = "its end" if end_s is None else f"{end_s} s"
    return InputError(
        reader.name,
        "invalid",
        f"the range from {start_s} s to {until} is not in it: {rule}",
        "choose another range",
    )
