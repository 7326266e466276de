"""One look into each clip: every sound is decoded once, from its first sample to its last."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from auscult.audio import StreamResampler, source_name, to_mono
from auscult.audio.decoding import frame_range, open_reader, read_blocks
from auscult.audio.ogg import damaged_ogg_page
from auscult.data.checks.fingerprint import FINGERPRINT_RATE, Fingerprint, Fingerprinter
from auscult.data.checks.levels import LevelMeter, Levels
from auscult.data.scan import THREADS
from auscult.data.schema import Clip
from auscult.errors import InputError, MissingExtraError
from auscult.progress import progress

BLOCK_SAMPLES = 1 << 18  # of all channels together: 1 MiB


@dataclass(frozen=True, eq=False)
class Surveyed:
    """What one clip is.

    Parameters
    ----------
    levels : how loud, how long, how silent
    format, subtype : of its file, as libsndfile names them (``"WAV"``, ``"PCM_16"``)
    fingerprint : for near duplicates; None for digital silence
    """

    levels: Levels
    format: str
    subtype: str
    fingerprint: Fingerprint | None


def survey(clips: Sequence[Clip], *, quiet: bool = False) -> list[Surveyed | InputError]:
    """Decode each clip; one that cannot be decoded gives the reason in its place.

    Clips of the same content are decoded once. Memory holds a block for each thread, and about 2 kB of fingerprint for
    each second of sound, at most ten minutes of a clip.
    """
    first: dict[str, Clip] = {}
    for clip in clips:
        first.setdefault(clip.clip_id, clip)
    pool = ThreadPoolExecutor(THREADS)
    found: dict[str, Surveyed | InputError] = {}
    try:
        with progress("Listening", len(first), quiet=quiet) as advance:
            for clip_id, one in zip(first, pool.map(_look_into, first.values()), strict=True):
                found[clip_id] = one
                advance()
    finally:
        # After Ctrl-C, thousands of waiting clips must not be decoded first.
        pool.shutdown(cancel_futures=True)
    return [_renamed(found[clip.clip_id], first[clip.clip_id], clip) for clip in clips]


def _look_into(clip: Clip) -> Surveyed | InputError:
    try:
        return _surveyed(clip)
    except InputError as error:
        return error
    except MissingExtraError as error:
        return InputError(
            source_name(clip.source), "unsupported", "what reads this format is not installed", str(error)
        )


def _surveyed(clip: Clip) -> Surveyed:
    start_s, end_s = clip.range_s()
    with closing(open_reader(clip.source)) as reader:
        info = reader.info
        start, stop = frame_range(reader, start_s, end_s)
        meter = LevelMeter(n_channels=info.n_channels, sample_rate=info.sample_rate)
        fingerprinter = Fingerprinter()
        stream = StreamResampler(info.sample_rate, FINGERPRINT_RATE)
        for block in read_blocks(reader, start, stop, max(1, BLOCK_SAMPLES // info.n_channels)):
            meter.push(block.T)
            if not fingerprinter.is_full:
                mono = to_mono(block.T, "mean", source=reader.name)
                fingerprinter.push(stream.push(np.ascontiguousarray(mono)))
        fingerprinter.push(stream.finish())
        _check_pages(clip, reader.name, info.format)
    levels = meter.levels()
    known = None if levels.peak_dbfs is None else fingerprinter.finish()
    return Surveyed(levels, info.format, info.subtype, known)


def _check_pages(clip: Clip, name: str, file_format: str) -> None:
    """Refuse what a decoder skips in silence: of the formats that decode, Ogg has checksums that can be looked at."""
    page = damaged_ogg_page(clip.source) if file_format == "OGG" else None
    if page is not None:
        raise InputError(
            name,
            "damaged",
            f"the page at byte {page} is not as it was written: its checksum differs",
            "copy or download it again",
        )


def _renamed(found: Surveyed | InputError, looked_into: Clip, clip: Clip) -> Surveyed | InputError:
    """The reason why a copy cannot be read goes by the copy's own name."""
    if isinstance(found, Surveyed) or clip.uri == looked_into.uri:
        return found
    return InputError(source_name(clip.source), found.kind, found.problem, found.next_step)
