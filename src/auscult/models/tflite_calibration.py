"""Calibrated scores, as TFLite metadata describes them: a sigmoid for each class, fitted by the model's maker.

For a score x of a class with the parameters scale, slope, offset and, optionally, a lowest score::

    scale / (1 + exp(-(slope * g(x) + offset)))        g: identity, log x, or log x - log(1 - x)

and a default score, the same for all classes, where x is below the class's lowest score or the class has no
parameters. So does the TFLite Task Library, `tensorflow_lite_support/cc/task/core/score_calibration.cc` in
https://github.com/tensorflow/tflite-support, whose limits near log 0 are kept too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auscult.errors import ModelFileError
from auscult.records import FloatArray

Transformation = Literal["identity", "log", "inverse_logistic"]
# In the order of the schema's enum ScoreTransformationType.
TRANSFORMATIONS: tuple[Transformation, ...] = ("identity", "log", "inverse_logistic")
# Below it the logarithm goes on as its point reflection, so that the order of scores is kept.
LOG_THRESHOLD = 1e-16
_MAX_COLUMNS, _MIN_COLUMNS = 4, 3


@dataclass(frozen=True, eq=False)
class ScoreCalibration:
    """A sigmoid for each class.

    Attributes
    ----------
    transformation : what is done to a score before
    default_score : where there is no calibrated one
    scales, slopes, offsets : float64 (classes,); NaN for a class without parameters
    lowest : float64 (classes,), score below which a class gets the default; -inf where there is none
    """

    transformation: Transformation
    default_score: float
    scales: NDArray[np.float64]
    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]
    lowest: NDArray[np.float64]

    def apply(self, scores: FloatArray) -> FloatArray:
        """Calibrated scores, float32 (windows, classes) in [0, 1], of such scores.

        Examples
        --------
        >>> calibration = read_calibration("1,2,-1\\n", n_classes=2, transformation=0, default_score=0.125)
        >>> calibration.apply(np.array([[0.5, 0.75]], np.float32)).tolist()
        [[0.5, 0.125]]
        """
        x = scores.astype(np.float64)
        shifted = self._transformed(x) * self.slopes + self.offsets
        # Of the two forms of the sigmoid, the one whose exponential is at most 1.
        small = np.exp(-np.abs(shifted))
        calibrated = self.scales * np.where(shifted >= 0, 1 / (1 + small), small / (1 + small))
        known = ~np.isnan(self.scales) & (x >= self.lowest)
        # A default below 0 means "never": here, a score of 0.
        return np.where(known, calibrated, self.default_score).clip(0, 1).astype(np.float32)

    def _transformed(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.transformation == "identity":
            return x
        if self.transformation == "log":
            return _clamped_log(x)
        return _clamped_log(x) - _clamped_log(1 - x)


def read_calibration(text: str, *, n_classes: int, transformation: int, default_score: float) -> ScoreCalibration:
    """Calibration from the file of parameters.

    Parameters
    ----------
    text : a line a class: nothing, or scale, slope, offset and perhaps the lowest score, with commas between
    n_classes : how many lines there must be
    transformation : number in the schema's enum
    default_score : see `ScoreCalibration`

    Raises
    ------
    ModelFileError : where the text or a number is not what stands above
    """
    if not 0 <= transformation < len(TRANSFORMATIONS):
        raise ModelFileError(f"its metadata asks for an unknown transformation of scores, number {transformation}")
    lines = [line.strip() for line in text.split("\n")]
    # Lines may be empty, so only one that is too many is taken for the end of the last.
    if len(lines) == n_classes + 1 and not lines[-1]:
        lines.pop()
    if len(lines) != n_classes:
        raise ModelFileError(f"its calibration of scores has {len(lines)} lines for {n_classes} labels")
    table = np.full((n_classes, _MAX_COLUMNS), np.nan)
    table[:, 3] = -np.inf
    for i, line in enumerate(lines):
        if line:
            values = _numbers(line, i)
            table[i, : len(values)] = values
    scales, slopes, offsets, lowest = table.T
    return ScoreCalibration(TRANSFORMATIONS[transformation], default_score, scales, slopes, offsets, lowest)


def _numbers(line: str, i: int) -> list[float]:
    try:
        values = [float(one) for one in line.split(",")]
    except ValueError:
        values = []
    if not _MIN_COLUMNS <= len(values) <= _MAX_COLUMNS or not np.isfinite(values).all() or values[0] < 0:
        raise ModelFileError(
            f"line {i + 1} of its calibration of scores must be empty or have 3 or 4 numbers, the first not "
            f"negative; it is {line[:80]!r}"
        )
    return values


def _clamped_log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    low = 2 * np.log(LOG_THRESHOLD) - np.log(2 * LOG_THRESHOLD - np.minimum(x, LOG_THRESHOLD))
    return np.where(x < LOG_THRESHOLD, low, np.log(np.maximum(x, LOG_THRESHOLD)))
