"""Embeddings as an index keeps them: the square root of each value, unit length, in 16 bits.

Why the square root, 16-bit whole numbers and not half floats, and a centre: `docs/decisions/0036-search.md`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from auscult.records import FloatArray

Packed: TypeAlias = NDArray[np.int16]
Totals: TypeAlias = NDArray[np.int64]

# A value of 1 in an index; values lie in [-1, 1] because vectors have unit length.
SCALE = 32767
PACKING = "sign(x) sqrt(|x|), unit length, times 32767, rounded, int16 little-endian"
PACKED_TYPE = np.dtype("<i2")
TOTALS_TYPE = np.dtype("<i8")
# The centre counts for so many windows more at zero: the mean of a handful of sounds is those sounds, and nothing
# would be left of them.
EXTRA_AT_ZERO = 100


def packed(embeddings: FloatArray) -> Packed:
    """What an index keeps of embeddings.

    Parameters
    ----------
    embeddings : float32 (windows, dim), finite

    Returns
    -------
    int16 (windows, dim), rows of length `SCALE`; a row of zeros stays one

    Examples
    --------
    >>> packed(np.array([[9.0, 16.0], [0.0, 0.0], [-4.0, 0.0]], np.float32)).tolist()
    [[19660, 26214], [0, 0], [-32767, 0]]
    """
    # In double precision: a float32 square of 1e-30 would be zero.
    roots = np.sign(embeddings) * np.sqrt(np.abs(embeddings).astype(np.float64))
    lengths = np.sqrt(np.einsum("ij,ij->i", roots, roots))
    lengths[lengths == 0] = 1
    rows: Packed = np.rint(roots * (SCALE / lengths)[:, None]).astype(PACKED_TYPE)
    return rows


def total(vectors: Packed) -> Totals:
    """The sum over all windows, exact, so that windows can be taken away again: int64 (dim,).

    Examples
    --------
    >>> total(np.array([[32767, 1], [32767, -3]], np.int16)).tolist()
    [65534, -2]
    """
    totals: Totals = vectors.sum(axis=0, dtype=np.int64)
    return totals


def centre(totals: Totals, n_windows: int) -> FloatArray:
    """What all sounds of an archive have in common and comparing leaves out: float32 (dim,), in units of packed values.

    Examples
    --------
    >>> centre(np.array([32767 * 300, 0]), 300).tolist()
    [24575.25, 0.0]
    """
    return (totals / (n_windows + EXTRA_AT_ZERO)).astype(np.float32)


def mean_direction(vectors: Packed, around: FloatArray) -> FloatArray:
    """Where the windows of a sound lie, seen from the centre: the mean of their directions.

    Returns
    -------
    float32 (dim,), of unit length; zeros where no window has a direction, or where they cancel out.
    """
    directions = vectors.astype(np.float64) - around
    lengths = np.sqrt(np.einsum("ij,ij->i", directions, directions))
    mean = (directions[lengths > 0] / lengths[lengths > 0, None]).sum(axis=0)
    length = float(np.sqrt(mean @ mean))
    direction: FloatArray = (mean / length if length > 0 else np.zeros_like(mean)).astype(np.float32)
    return direction
