"""Spectrograms of any length in constant memory: frames as the sound comes, and columns that stand for many frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.features.logmel import mel_energies
from auscult.features.spec import FeatureSpec
from auscult.records import FloatArray


class MelStream:
    """Mel energies of a sound that comes in blocks: the frames that `mel_energies` gives of the whole.

    Parameters
    ----------
    spec : a front end whose frames are not centered

    Examples
    --------
    >>> from auscult.features import preset
    >>> stream = MelStream(preset("yamnet"))
    >>> sum(stream.push(np.zeros(500, np.float32)).shape[1] for _ in range(10)), preset("yamnet").n_frames(5000)
    (29, 29)
    """

    def __init__(self, spec: FeatureSpec) -> None:
        if spec.centered:
            raise ValueError(
                "The 'spec' parameter of MelStream must not have centered frames. Got centered=True instead."
            )
        self._spec = spec
        self._rest: FloatArray = np.empty(0, np.float32)
        self._n_frames = 0

    def push(self, block: FloatArray) -> FloatArray:
        """The frames, float32 (mels, frames), that samples `(samples,)` complete; none, where they complete none."""
        spec = self._spec
        samples = np.concatenate([self._rest, block])
        n_frames = max(0, (len(samples) - spec.frame_samples) // spec.hop_samples + 1)
        if n_frames == 0:
            self._rest = samples
            return np.empty((spec.n_mels, 0), np.float32)
        self._n_frames += n_frames
        used = (n_frames - 1) * spec.hop_samples + spec.frame_samples
        self._rest = samples[n_frames * spec.hop_samples :].copy()
        return mel_energies(samples[:used], spec)

    def finish(self) -> FloatArray:
        """The only frame of a sound shorter than one, filled up with zeros; else no frame."""
        if self._n_frames or not len(self._rest):
            return np.empty((self._spec.n_mels, 0), np.float32)
        return mel_energies(self._rest, self._spec)


class PooledColumns:
    """Rows over time in at most `most` columns, each the greatest, or the mean, of as many frames as it takes.

    While frames come, columns stand for 1 frame, then for 2, 4 and so on: what is kept does not grow, however long it
    lasts, and between half of `most` and all of them are in use.

    Parameters
    ----------
    n_rows : of each frame
    most : columns, an even number
    mean : whether columns are means; else they are the greatest of their frames, so that nothing short is lost

    Examples
    --------
    >>> pooled = PooledColumns(1, most=4)
    >>> for value in range(6):
    ...     pooled.push(np.array([[value]], np.float32))
    >>> pooled.values().tolist(), pooled.frames_per_column
    ([[1.0, 3.0, 5.0]], 2)
    """

    def __init__(self, n_rows: int, *, most: int = 2000, mean: bool = False) -> None:
        if most < 2 or most % 2:
            raise ValueError(f"The 'most' parameter of PooledColumns must be even, 2 or more. Got {most} instead.")
        self._mean = mean
        self._pool: np.ufunc = np.add if mean else np.maximum
        self._columns: NDArray[np.float64] = np.zeros((n_rows, most))
        self._n_frames = 0
        self.frames_per_column = 1

    @property
    def n_frames(self) -> int:
        return self._n_frames

    def push(self, frames: NDArray[np.floating]) -> None:
        """Add frames `(rows, frames)`."""
        start = 0
        while start < frames.shape[1]:
            room = self._columns.shape[1] * self.frames_per_column - self._n_frames
            if room == 0:
                self._halve()
                continue
            part = frames[:, start : start + room]
            self._add(part)
            start += part.shape[1]

    def values(self) -> FloatArray:
        """What there is so far, float32 `(rows, columns)`; the last column may stand for fewer frames."""
        n_columns = -(-self._n_frames // self.frames_per_column)
        values = self._columns[:, :n_columns]
        if self._mean and n_columns:
            counts = np.full(n_columns, self.frames_per_column)
            counts[-1] = self._n_frames - (n_columns - 1) * self.frames_per_column
            values = values / counts
        return values.astype(np.float32)

    def _add(self, frames: NDArray[np.floating]) -> None:
        columns = (self._n_frames + np.arange(frames.shape[1])) // self.frames_per_column
        firsts = np.flatnonzero(np.diff(columns, prepend=-1))
        pooled = self._pool.reduceat(frames.astype(np.float64), firsts, axis=1)
        at = int(columns[0])
        if self._n_frames % self.frames_per_column:
            pooled[:, 0] = self._pool(pooled[:, 0], self._columns[:, at])
        self._columns[:, at : at + pooled.shape[1]] = pooled
        self._n_frames += frames.shape[1]

    def _halve(self) -> None:
        half = self._columns.shape[1] // 2
        self._columns[:, :half] = self._pool(self._columns[:, ::2], self._columns[:, 1::2])
        self.frames_per_column *= 2
