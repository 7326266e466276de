"""Events cut out of their recordings: a sound file for each, at the rate and with the channels of the recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path, PurePath

from auscult.audio import Source, iter_blocks, probe, source_name
from auscult.audio.encode import SoundFormat, SoundWriter, sound_format
from auscult.data.writers import safe_name
from auscult.errors import InputError, MissingExtraError, OutputError, UsageError
from auscult.files import atomic_path
from auscult.records import AudioInfo, Event, FloatArray

_BLOCK_FRAMES = 65536
_LABEL_BYTES = 40
#: Files that are written at a time; what overlaps more comes in a further pass.
_MAX_OPEN = 64
#: What lies between two events is read over where it is shorter than this, and jumped over where it is longer.
_JUMP_S = 30.0
#: Where jumping is as quick as it sounds. MP3 is read through on every opening, to count its samples; what PyAV decodes
#: is decoded from the beginning.
_FORMATS_THAT_JUMP = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "AIFF", "AU", "CAF")


@dataclass(frozen=True)
class Cut:
    """What came of one event: its file, or what is wrong with it."""

    event: Event
    path: Path
    problem: InputError | OutputError | None = None


def cut_clips(
    source: Source,
    events: Iterable[Event],
    folder: str | Path,
    *,
    name: str | None = None,
    pad_s: float = 0.0,
    format: SoundFormat = "flac",
) -> Iterator[Cut]:
    """Write the sound of each event of one recording into a file, ``NAME_START-END_LABEL.flac``, times in seconds.

    Each file appears whole or not at all, and one that cannot be written stops no other. Memory does not grow with the
    length of events: a block of sound is held, and the events themselves. Of a long recording only the parts around
    events are read, where its format lets one jump.

    Parameters
    ----------
    source : the recording
    events : those of this recording, in any order
    folder : made where it is not there
    name : what files begin with, and may hold folders, as those of `event_file_names` do; default: the recording's name
    pad_s : seconds before and after each event, as far as there is sound
    format : "flac" or "wav"; what FLAC cannot hold (over 8 channels, over 655 kHz) becomes WAV. Samples are kept to the
        bit, but for floats outside [-1, 1], which are clipped

    Yields
    ------
    what came of each event, in the order in which they end; all of them, also where the recording breaks off

    Raises
    ------
    UsageError : `pad_s` or `format` out of its range
    """
    if not 0 <= pad_s < float("inf"):
        raise UsageError(f"The 'pad_s' parameter must be 0 s or more. Got {pad_s} instead.")
    base = safe_name(PurePath(source_name(source)).stem) if name is None else name
    pieces = _pieces(events, Path(folder), base, pad_s)
    return _cut(source, pieces, format)


@dataclass
class _Piece:
    """A clip before it is written: where it lies in the recording, and its file without ending."""

    event: Event
    place: Path
    start_s: float
    end_s: float


def _pieces(events: Iterable[Event], folder: Path, base: str, pad_s: float) -> list[_Piece]:
    pieces: list[_Piece] = []
    taken: set[str] = set()
    for event in sorted(events, key=lambda each: (each.start_s, each.end_s)):
        # Padding moves all starts alike, and those before the beginning to it: their order stays.
        label = safe_name(event.name, max_bytes=_LABEL_BYTES)
        stem = unused = f"{base}_{event.start_s:09.3f}-{event.end_s:09.3f}_{label}"
        number = 1
        while unused.casefold() in taken:
            number += 1
            unused = f"{stem} ({number})"
        taken.add(unused.casefold())
        pieces.append(_Piece(event, folder / unused, max(0.0, event.start_s - pad_s), event.end_s + pad_s))
    return pieces


def _cut(source: Source, pieces: list[_Piece], format: SoundFormat) -> Iterator[Cut]:
    try:
        info = probe(source)
        suffix = f".{sound_format(info, format)}"
    except (InputError, MissingExtraError) as error:
        problem = _as_input_error(source, error)
        yield from (Cut(piece.event, _with_suffix(piece.place, f".{format}"), problem) for piece in pieces)
        return
    jump_s = _JUMP_S if info.format in _FORMATS_THAT_JUMP else float("inf")
    for run in _runs(pieces, jump_s):
        yield from _cut_run(source, info, [_Clip(piece, _with_suffix(piece.place, suffix)) for piece in run])


def _with_suffix(path: Path, suffix: str) -> Path:
    # Not `Path.with_suffix`, which takes what stands behind a dot in a label for one.
    return path.with_name(path.name + suffix)


def _runs(pieces: Sequence[_Piece], jump_s: float) -> Iterator[list[_Piece]]:
    """Pieces by start, in groups that are read in one go, of which no more than `_MAX_OPEN` overlap."""
    while pieces:
        run: list[_Piece] = []
        ends_s: list[float] = []
        left: list[_Piece] = []
        until_s = 0.0
        for piece in pieces:
            while ends_s and ends_s[0] <= piece.start_s:
                heappop(ends_s)
            if run and piece.start_s - until_s > jump_s:
                yield run
                run = []
            if len(ends_s) == _MAX_OPEN:
                left.append(piece)
                continue
            heappush(ends_s, piece.end_s)
            run.append(piece)
            until_s = max(until_s, piece.end_s)
        yield run
        pieces = left


class _Clip:
    """A clip that is being written."""

    def __init__(self, piece: _Piece, path: Path) -> None:
        self.piece = piece
        self.path = path
        self._place: AbstractContextManager[Path] | None = None
        self._file: SoundWriter | None = None

    def write(self, block: FloatArray, info: AudioInfo) -> None:
        if self._file is None:
            self._place = atomic_path(self.path, remedy="choose another folder for clips")
            temporary = self._place.__enter__()
            self._file = SoundWriter(
                temporary, info, sound_format(info, "flac" if self.path.suffix == ".flac" else "wav")
            )
        self._file.write(block)

    def finish(self) -> Cut:
        """The file takes its name."""
        try:
            if self._file is not None and self._place is not None:
                self._file.close()
                self._place.__exit__(None, None, None)
                return Cut(self.piece.event, self.path)
        except OutputError as problem:
            return self.give_up(problem)
        start_s = self.piece.event.start_s
        gone = f"{self.piece.event.label!r} is to begin at {start_s:g} s, and the sound ends before"
        return Cut(
            self.piece.event,
            self.path,
            InputError(
                self.piece.event.source, "invalid", gone, "see whether the recording is the one that was searched"
            ),
        )

    def give_up(self, problem: InputError | OutputError) -> Cut:
        """What was written is removed."""
        self.close()
        return Cut(self.piece.event, self.path, problem)

    def close(self) -> None:
        """Leave nothing behind of what was not finished."""
        place, file = self._place, self._file
        self._place = self._file = None
        if file is not None:
            with suppress(OutputError):  # said already
                file.close()
        if place is not None:
            place.__exit__(_Stopped, _Stopped(), None)


class _Stopped(Exception):
    """Ends the writing of one file."""


def _cut_run(source: Source, info: AudioInfo, clips: list[_Clip]) -> Iterator[Cut]:
    """Clips by start that are read in one go; what cannot be read or written is said of each that it concerns."""
    waiting = list(reversed(clips))
    open_clips: list[_Clip] = []
    rate = info.sample_rate
    first_s = clips[0].piece.start_s
    last_s = max(clip.piece.end_s for clip in clips) + 1 / rate
    position = round(first_s * rate)
    blocks = iter_blocks(source, block_frames=_BLOCK_FRAMES, start_s=first_s, end_s=last_s)
    try:
        for block in blocks:
            until = position + block.shape[1]
            while waiting and round(waiting[-1].piece.start_s * rate) < until:
                open_clips.append(waiting.pop())
            for clip in list(open_clips):
                start = round(clip.piece.start_s * rate)
                end = max(round(clip.piece.end_s * rate), start + 1)
                try:
                    part = block[:, max(0, start - position) : max(0, min(end, until) - position)]
                    if part.shape[1]:
                        clip.write(part, info)
                except OutputError as problem:
                    open_clips.remove(clip)
                    yield clip.give_up(problem)
                    continue
                if end <= until:
                    open_clips.remove(clip)
                    yield clip.finish()
            position = until
        for clip in [*open_clips, *reversed(waiting)]:
            yield clip.finish()
        open_clips.clear()
    except (InputError, MissingExtraError) as error:
        reason = _as_input_error(source, error)
        for clip in [*open_clips, *reversed(waiting)]:
            yield clip.give_up(reason)
        open_clips.clear()
    finally:
        for clip in open_clips:
            clip.close()


def _as_input_error(source: Source, error: InputError | MissingExtraError) -> InputError:
    if isinstance(error, InputError):
        return error
    problem, _, next_step = str(error).partition("; ")
    return InputError(source_name(source), "unsupported", problem, next_step)
