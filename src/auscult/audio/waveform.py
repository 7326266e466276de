"""From any source to what a model hears: mono float32 at the model's rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import numpy as np
import soundfile
import soxr

from auscult.audio.decoding import CHUNK_SAMPLES, Reader, open_reader, read_blocks, read_range, sample_range
from auscult.audio.mono import MonoPolicy, check_mono, to_mono
from auscult.audio.resampling import QUALITY, StreamResampler, resample, source_span
from auscult.audio.sources import Source
from auscult.errors import InputError
from auscult.records import AudioInfo, FloatArray, Waveform, whole_rate

#: Raised by hand when this room gives other samples than before for the same libraries.
_REVISION = 1

#: Samples in a block of `iter_waveform`, as decoded (of all channels together) and as resampled: 1 MiB.
_BLOCK_SAMPLES = 1 << 18


@dataclass(frozen=True)
class _Span:
    """Input frames to read, and which of the resampled samples to keep; None means to the end."""

    start: int
    stop: int | None
    skip: int
    keep: int | None


def load_waveform(
    source: Source,
    *,
    sample_rate: int,
    mono: MonoPolicy = "mean",
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Waveform:
    """A sound, or a part of it, as mono float32 at a rate.

    Parameters
    ----------
    source : see `Source`
    sample_rate : Hz
    mono : ``"mean"`` of the channels, or the index of one, from 0
    start_s, end_s : the part wanted, in seconds; it equals the same part of the whole within 1e-6, resampling
        included

    Returns
    -------
    Waveform with float32 `(samples,)`, at least one

    Raises
    ------
    InputError : see `decode`; also ``invalid`` for a channel that is not there, and ``empty`` for a sound
        shorter than one sample at `sample_rate`
    MissingExtraError : it is a format that needs the extra ``av``
    ValueError : `sample_rate` or `mono` out of its range

    Examples
    --------
    >>> source = {"sampling_rate": 8000, "array": np.zeros(4000, np.float32)}
    >>> waveform = load_waveform(source, sample_rate=16000)
    >>> len(waveform.samples), waveform.duration_s
    (8000, 0.5)
    """
    sample_rate = whole_rate(sample_rate)
    check_mono(mono)
    with closing(open_reader(source)) as reader:
        span = _span(reader, sample_rate, start_s, end_s)
        if _fits_in_a_chunk(reader, span, sample_rate):
            channels = read_range(reader, span.start, span.stop).T
            whole = resample(to_mono(channels, mono, source=reader.name), reader.info.sample_rate, sample_rate)
            samples = whole[span.skip : None if span.keep is None else span.skip + span.keep]
            if len(samples) == 0:
                raise _nothing_left(reader, span, sample_rate)
        else:
            samples = np.concatenate(list(_blocks(reader, span, sample_rate, mono)))
        return Waveform(np.ascontiguousarray(samples), sample_rate)


def iter_waveform(
    source: Source,
    *,
    sample_rate: int,
    mono: MonoPolicy = "mean",
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Iterator[FloatArray]:
    """The samples of `load_waveform`, bit for bit, in blocks and in constant memory.

    Yields
    ------
    float32 `(samples,)`, of no particular length, at least one sample each

    Raises
    ------
    ValueError, InputError, MissingExtraError : see `load_waveform`; for the sound, when the block is asked
        for

    Examples
    --------
    >>> source = {"sampling_rate": 8000, "array": np.zeros(4000, np.float32)}
    >>> sum(len(block) for block in iter_waveform(source, sample_rate=16000))
    8000
    """
    sample_rate = whole_rate(sample_rate)
    check_mono(mono)
    return _iter_waveform(source, sample_rate, mono, start_s, end_s)


@cache
def decoding_version(sample_rate: int) -> str:
    """What decoded sound at this rate depends on besides the file: decoder and resampler, by version.

    Part of the keys of caches: samples from another version are not mixed with those from this one.

    Examples
    --------
    >>> decoding_version(16000).startswith("auscult-audio-")
    True
    """
    # Imported here: it takes 30 ms.
    from importlib import metadata

    try:
        # Read from the installed package's notes: importing PyAV takes long, and most sounds do without it.
        pyav = metadata.version("av")
    except metadata.PackageNotFoundError:
        pyav = "none"
    return (
        f"auscult-audio-{_REVISION} libsndfile-{soundfile.__libsndfile_version__} pyav-{pyav} "
        f"soxr-{soxr.__version__}-{soxr.__libsoxr_version__}-{QUALITY} {sample_rate}-Hz"
    )


def _iter_waveform(
    source: Source, sample_rate: int, mono: MonoPolicy, start_s: float, end_s: float | None
) -> Iterator[FloatArray]:
    with closing(open_reader(source)) as reader:
        span = _span(reader, sample_rate, start_s, end_s)
        yield from _blocks(reader, span, sample_rate, mono)


def _span(reader: Reader, sample_rate: int, start_s: float, end_s: float | None) -> _Span:
    start, stop = sample_range(reader, sample_rate, start_s, end_s)
    input_start, input_stop, skip = source_span(reader.info.sample_rate, sample_rate, start, stop)
    return _Span(input_start, input_stop, skip, None if stop is None else stop - start)


def _fits_in_a_chunk(reader: Reader, span: _Span, sample_rate: int) -> bool:
    return _holds_at_most(_frames_of(CHUNK_SAMPLES, reader.info, sample_rate), reader, span)


def _holds_at_most(n_frames: int, reader: Reader, span: _Span) -> bool:
    stops = [stop for stop in (span.stop, reader.info.n_frames) if stop is not None]
    return bool(stops) and min(stops) - span.start <= n_frames


def _frames_of(n_samples: int, info: AudioInfo, sample_rate: int) -> int:
    """How many frames, at least 1, hold so many samples at most, before resampling and after."""
    return max(1, min(n_samples // info.n_channels, n_samples * info.sample_rate // sample_rate))


def _blocks(reader: Reader, span: _Span, sample_rate: int, mono: MonoPolicy) -> Iterator[FloatArray]:
    n_given = 0
    skip = span.skip
    for block in _resampled(reader, span, sample_rate, mono):
        part = block[skip:]
        skip -= len(block) - len(part)
        if span.keep is not None:
            part = part[: span.keep - n_given]
        n_given += len(part)
        if len(part) > 0:
            yield part
    if n_given == 0:
        raise _nothing_left(reader, span, sample_rate)


def _resampled(reader: Reader, span: _Span, sample_rate: int, mono: MonoPolicy) -> Iterator[FloatArray]:
    block_frames = _frames_of(_BLOCK_SAMPLES, reader.info, sample_rate)
    if _holds_at_most(block_frames, reader, span):
        # All of it in one call: the same bits, and a stream costs as much to set up as a second of sound.
        for block in read_blocks(reader, span.start, span.stop, block_frames):
            yield resample(to_mono(block.T, mono, source=reader.name), reader.info.sample_rate, sample_rate)
        return
    stream = StreamResampler(reader.info.sample_rate, sample_rate)
    for block in read_blocks(reader, span.start, span.stop, block_frames):
        yield stream.push(to_mono(block.T, mono, source=reader.name))
    yield stream.finish()


def _nothing_left(reader: Reader, span: _Span, sample_rate: int) -> InputError:
    if span.start == 0 and span.skip == 0:
        return InputError(
            reader.name, "empty", f"it is shorter than one sample at {sample_rate} Hz", "give a longer sound"
        )
    return InputError(
        reader.name, "invalid", "the sound ends before the range starts", "choose a range inside the sound"
    )
