"""The clips that scenes are made of: where they lie, and which part of each is sound."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auscult.audio import load_waveform
from auscult.errors import DataError, InputError
from auscult.records import FloatArray

if TYPE_CHECKING:
    from auscult.data import Dataset

FRAME_S = 0.01
# Decoded clips that are kept: at 16 kHz, 64 clips of 5 s are 20 MB.
N_KEPT = 64


@dataclass(frozen=True)
class SceneClip:
    """A clip with one label: a file, or a part of it in seconds; `end_s` None: to its end."""

    path: str
    label: str
    start_s: float = 0.0
    end_s: float | None = None


def clips_of(dataset: Dataset) -> list[SceneClip]:
    """The clips of a dataset of files, each with its one label.

    Raises
    ------
    DataError : a clip with no label or several, or one that is no file
    """
    clips = []
    for clip in dataset.clips():
        if clip.labels is None or len(clip.labels) != 1:
            n_labels = "no label" if not clip.labels else f"{len(clip.labels)} labels"
            raise DataError(
                f"{clip.name}: a clip of a scene must have exactly one label. This one has {n_labels}; leave it out."
            )
        source = clip.source
        if not isinstance(source, str | os.PathLike):
            raise DataError(
                f"{clip.name}: scenes are made of files; write the sounds of this dataset to a folder first."
            )
        start_s, end_s = clip.range_s()
        clips.append(SceneClip(os.path.abspath(Path(source)), clip.labels[0], start_s, end_s))
    return clips


def active_frames(samples: NDArray[np.floating], sample_rate: int, within_db: float) -> tuple[NDArray[np.bool_], int]:
    """Which frames of 10 ms are at most `within_db` below the loudest, (frames,), and how many samples a frame has.

    The last frame may be shorter. In a clip that is all silence, none is.
    """
    size = max(1, round(FRAME_S * sample_rate))
    starts = np.arange(0, len(samples), size)
    energies = np.add.reduceat(np.square(samples, dtype=np.float64), starts) / np.diff(starts, append=len(samples))
    loudest = energies.max(initial=0.0)
    return (energies > 0) & (energies >= loudest * 10 ** (-within_db / 10)), size


def active_spans(
    samples: FloatArray, sample_rate: int, *, within_db: float = 40.0, pause_s: float = 1.0
) -> list[tuple[int, int]]:
    """Where a clip sounds, in samples: parts that are cut by pauses of at least `pause_s`.

    Parameters
    ----------
    samples : float32 (samples,)
    sample_rate : Hz
    within_db : frames of 10 ms that are so much quieter than the loudest, or more, are no sound
    pause_s : shorter pauses belong to the sound

    Returns
    -------
    Starts and ends, in order; none for a clip that is all silence

    Examples
    --------
    >>> clip = np.zeros(3000, np.float32)
    >>> clip[500:600] = clip[2000:2500] = 0.5
    >>> active_spans(clip, 1000), active_spans(clip, 1000, pause_s=2.0)
    ([(500, 600), (2000, 2500)], [(500, 2500)])
    """
    is_active, size = active_frames(samples, sample_rate, within_db)
    frames = np.flatnonzero(is_active)
    if len(frames) == 0:
        return []
    # So many frames without sound between two with it make a pause.
    pause_frames = max(1, round(pause_s * sample_rate / size))
    cuts = np.flatnonzero(np.diff(frames) > pause_frames)
    firsts, lasts = frames[np.append(0, cuts + 1)], frames[np.append(cuts, len(frames) - 1)]
    return [
        (int(first) * size, min((int(last) + 1) * size, len(samples)))
        for first, last in zip(firsts, lasts, strict=True)
    ]


class ClipSounds:
    """Decoded clips, the last few of which are kept."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._kept: OrderedDict[tuple[str, float, float | None], FloatArray] = OrderedDict()

    def load(self, path: str, start_s: float, end_s: float | None) -> FloatArray:
        """A file or a part of it at the scene's rate, mono float32 (samples,).

        Raises
        ------
        InputError : it cannot be read
        """
        key = (path, start_s, end_s)
        if key not in self._kept:
            self._kept[key] = load_waveform(path, sample_rate=self._rate, start_s=start_s, end_s=end_s).samples
            if len(self._kept) > N_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def sound_of(self, clip: SceneClip, *, trim_db: float, pause_s: float) -> list[tuple[int, int]]:
        """Where a clip sounds, in samples from the beginning of its file.

        Raises
        ------
        InputError : it cannot be read, or is all silence
        """
        samples = self.load(clip.path, clip.start_s, clip.end_s)
        spans = active_spans(samples, self._rate, within_db=trim_db, pause_s=pause_s)
        if not spans:
            raise InputError(clip.path, "invalid", "this clip is all silence", "leave it out")
        first = round(clip.start_s * self._rate)
        return [(first + start, first + end) for start, end in spans]
