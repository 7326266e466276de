"""Spectrograms as plain pictures: nothing but the log-mel, for image classifiers and for looking."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auscult.extras import require_extra
from auscult.features.mel import Float64Array
from auscult.files import write_bytes
from auscult.records import FloatArray

Colors = Literal["magma", "gray"]
ImageArray = NDArray[np.uint8]


def spectrogram_image(
    log_mel: FloatArray,
    *,
    low: float | None = None,
    high: float | None = None,
    colors: Colors = "magma",
    size: tuple[int, int] | None = None,
) -> ImageArray:
    """A log-mel spectrogram as a picture: time to the right, low frequencies at the bottom.

    Parameters
    ----------
    log_mel : `(mels, frames)`, finite, in the unit of its front end
    low, high : the values that get the darkest and the brightest colour; what lies beyond is cut off. By
        default the smallest and largest value of this sound, so that pictures of several sounds compare only
        if both are given.
    colors : "magma" (needs matplotlib) or "gray"
    size : (height, width) in pixels; by default a pixel for each band and frame. The whole sound is
        resampled to it (linear, averaging where it shrinks), nothing is cropped.

    Returns
    -------
    uint8 `(height, width, 3)`, red, green and blue

    Raises
    ------
    ValueError : when the array, the range or the size is not what stands above
    MissingExtraError : for "magma" without matplotlib

    Examples
    --------
    >>> import numpy as np
    >>> image = spectrogram_image(np.array([[0.0, 1.0], [2.0, 4.0]], np.float32), colors="gray")
    >>> image[:, :, 0].tolist()
    [[128, 255], [0, 64]]
    """
    _check_log_mel(log_mel)
    values = log_mel[::-1].astype(np.float64)
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"The 'low' and 'high' parameters must be finite, low <= high. Got {low}, {high} instead.")
    if size is not None:
        values = resized(values, size)
    # One value throughout (silence) has no range of its own: the picture is dark.
    brightness = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
    levels = np.rint(brightness * 255).astype(np.uint8)
    return _palette(colors)[levels]


def write_spectrogram_png(
    path: str | Path,
    log_mel: FloatArray,
    *,
    low: float | None = None,
    high: float | None = None,
    colors: Colors = "magma",
    size: tuple[int, int] | None = None,
) -> None:
    """Write `spectrogram_image` as a PNG file, whole or not at all. Equal values make equal bytes.

    Raises
    ------
    OutputError : where the file cannot be written
    MissingExtraError : without Pillow, or for "magma" without matplotlib

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "ramp.png"
    >>> write_spectrogram_png(path, np.arange(12, dtype=np.float32).reshape(3, 4))
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    image = spectrogram_image(log_mel, low=low, high=high, colors=colors, size=size)
    write_bytes(path, png_bytes(image, extra="plot"))


def png_bytes(image: ImageArray, text: Mapping[str, str] | None = None, *, extra: str = "data") -> bytes:
    """A PNG file of pixels, without loss. Equal pixels and texts make equal bytes.

    Parameters
    ----------
    image : uint8 `(height, width)`, gray, or `(height, width, 3)`, red, green and blue
    text : what the file says of itself, by key; Latin-1
    extra : the part of auscult to install where Pillow is missing

    Raises
    ------
    MissingExtraError : without Pillow
    """
    pillow = require_extra("PIL.Image", extra=extra, purpose="writing pictures")
    plugin = require_extra("PIL.PngImagePlugin", extra=extra, purpose="writing pictures")
    info = plugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_text(key, value)
    file = io.BytesIO()
    pillow.fromarray(image).save(file, format="png", pnginfo=info)
    return file.getvalue()


def _check_log_mel(log_mel: FloatArray) -> None:
    if log_mel.ndim != 2 or log_mel.size == 0 or not np.isfinite(log_mel).all():
        raise ValueError(
            "The 'log_mel' parameter must be a finite array with axes (mels, frames), neither of them empty. "
            f"Got {log_mel.dtype} of shape {log_mel.shape} instead."
        )


def _palette(colors: Colors) -> ImageArray:
    """The `(256, 3)` colours from dark to bright."""
    if colors == "gray":
        return np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    if colors != "magma":
        raise ValueError(f"The 'colors' parameter must be 'magma' or 'gray'. Got {colors!r} instead.")
    matplotlib = require_extra("matplotlib", extra="plot", purpose="colouring spectrograms")
    return np.asarray(matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3], dtype=np.uint8)


def resized(values: Float64Array, size: tuple[int, int]) -> Float64Array:
    """`(rows, columns)` at another size `(height, width)`, whole: linear between neighbours, averages where it shrinks.

    Raises
    ------
    ValueError : a size below 1
    """
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"The 'size' parameter must be (height, width) of at least 1 pixel. Got {size} instead.")
    rows, columns = values.shape
    return _resampling_weights(rows, height) @ values @ _resampling_weights(columns, width).T


def _resampling_weights(n_in: int, n_out: int) -> Float64Array:
    """Weights `(n_out, n_in)` of linear interpolation between pixel centres, each row adding up to 1.

    Where the picture shrinks, the triangle is as wide as a new pixel, so that every old one counts.
    """
    step = n_in / n_out
    centers = (np.arange(n_out) + 0.5) * step - 0.5
    distances = np.abs(np.arange(n_in) - centers[:, np.newaxis]) / max(step, 1.0)
    weights = np.maximum(0.0, 1.0 - distances)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
