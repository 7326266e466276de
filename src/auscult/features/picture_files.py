"""Files of spectrograms: pictures whose pixels are log-mel values, any other picture, and arrays in ``.npy``.

A picture that auscult writes is a PNG of 8-bit gray, a pixel a (frame, band), low bands at the bottom. What its pixels
mean stands in its text chunk ``auscult`` (`PictureForm`, `PictureNote`), so that the log-mel can be had back from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from auscult.errors import InputError, UsageError
from auscult.extras import require_extra
from auscult.features.logmel import hann_window
from auscult.features.mel import mel_filter_bank
from auscult.features.picture import ImageArray, png_bytes, spectrogram_image
from auscult.features.spec import FeatureSpec
from auscult.records import FloatArray

#: Endings, in lower case, by which pictures and arrays are found. Reading looks at the content, not the ending.
PICTURE_SUFFIXES: frozenset[str] = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"} | {".npy"}
)
# The key of the text chunk, and the version of what stands there.
TEXT_KEY = "auscult"
TEXT_FORMAT = 1
WHITE = 255
# 128 bands of 80 minutes. A file of a few bytes can claim more pixels than fit into memory.
MAX_PIXELS = 2**26
_EXTRA, _PURPOSE = "data", "reading pictures"
_NUMPY_MAGIC = b"\x93NUMPY"
_MAGICS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", _NUMPY_MAGIC)
HEAD_BYTES = 12


@dataclass(frozen=True)
class PictureForm:
    """What the pixels of a spectrogram picture mean.

    ::

        pixel = round(255 * (level - low_db) / (high_db - low_db)), at least 0 and at most 255

    `level` is the log-mel value of the band in that frame, in dB: as it is where the front end gives dB, else the same
    energy in dB. The range is that of the front end, never that of a clip, so that pictures compare.

    Parameters
    ----------
    features : the front end
    low_db, high_db : levels of black and white; what lies beyond is cut off. `of` gives the usual ones.

    Raises
    ------
    UsageError : a range that is none, or that begins below silence

    Examples
    --------
    >>> from auscult.features import preset
    >>> form = PictureForm.of(preset("clearml"))
    >>> form.low_db, form.high_db, round(form.step_db, 3)
    (-100.0, 46.0, 0.573)
    """

    features: FeatureSpec
    low_db: float
    high_db: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low_db) and math.isfinite(self.high_db) and self.low_db < self.high_db):
            raise UsageError(
                f"The range of a picture must be two levels in dB, the lower one first. Got {self.low_db:g} to "
                f"{self.high_db:g} instead."
            )
        # Silence is black always: what comes after the end of a sound can then be filled up with zeros.
        if self.low_db < silence_db(self.features) - 1e-6:
            raise UsageError(
                f"The range of a picture must begin at the level of silence, {silence_db(self.features):g} dB with "
                f"these features, or above. Got {self.low_db:g} instead."
            )

    @classmethod
    def of(cls, features: FeatureSpec, *, low_db: float | None = None, high_db: float | None = None) -> PictureForm:
        """The usual range: from silence to what a sine of full scale gives in the band that takes most of it."""
        low_db = silence_db(features) if low_db is None else low_db
        return cls(features, low_db, float(math.ceil(loudest_db(features))) if high_db is None else high_db)

    @property
    def step_db(self) -> float:
        """From one gray to the next; a level comes back from its pixel within half of it."""
        return (self.high_db - self.low_db) / WHITE

    def pixels(self, log_mel: FloatArray) -> ImageArray:
        """Log-mel `(bands, frames)` to pixels `(bands, frames)` as the picture has them, the highest band on top."""
        level_db = log_mel.astype(np.float64) * _db_per_unit(self.features)
        return spectrogram_image(level_db, low=self.low_db, high=self.high_db, colors="gray")[:, :, 0]  # type: ignore[arg-type]

    def brightness(self, log_mel: FloatArray) -> FloatArray:
        """Log-mel `(bands, frames)` to what `read_picture` gives of its picture, to the bit: float32 in [0, 1]."""
        return as_brightness(self.pixels(log_mel))

    def log_mel(self, brightness: FloatArray) -> FloatArray:
        """The log-mel `(bands, frames)` of a picture in [0, 1], lowest band first, in the unit of the front end.

        It is within half of `step_db` of the one that was drawn, wherever that lies within the range.
        """
        return np.asarray(self.level_db(brightness) / _db_per_unit(self.features), dtype=np.float32)

    def level_db(self, brightness: FloatArray) -> NDArray[np.float64]:
        """The same in dB, whatever the unit of the front end."""
        return self.low_db + brightness.astype(np.float64) * (self.high_db - self.low_db)

    def to_dict(self) -> dict[str, Any]:
        return {"features": self.features.to_dict(), "low_db": self.low_db, "high_db": self.high_db}


@dataclass(frozen=True)
class PictureNote:
    """What a picture that auscult wrote says of itself.

    Parameters
    ----------
    form : what its pixels mean
    clip : id of the clip that it is a picture of, "" where that is not known
    n_samples : of that clip at the rate of the features; None: not known
    """

    form: PictureForm
    clip: str = ""
    n_samples: int | None = None

    def to_text(self) -> str:
        values = {"format": TEXT_FORMAT, **self.form.to_dict(), "clip": self.clip, "n_samples": self.n_samples}
        return json.dumps(values)

    @classmethod
    def from_text(cls, text: str) -> PictureNote | None:
        """What `to_text` wrote; None for anything else: then the picture is one like any other."""
        return _note_of(text)


@dataclass(frozen=True)
class PictureInfo:
    """What a file says of itself before its pixels are read. `is_array`: its values are not pixels, see `Picture`."""

    n_bands: int
    n_frames: int
    is_array: bool
    note: PictureNote | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of sound.

    Parameters
    ----------
    values : float32 `(bands, frames)`, finite, the lowest band first; in [0, 1] unless it `is_array`
    is_array : it came as an array, whose values may be anything
    note : what it says of itself
    """

    values: FloatArray
    is_array: bool = False
    note: PictureNote | None = None


def silence_db(features: FeatureSpec) -> float:
    """The level of digital silence in dB: the lowest that the front end gives."""
    # Without what rounding leaves: -100, not -99.99999999999999.
    return round(_in_db(features, 0.0), 6)


def loudest_db(features: FeatureSpec) -> float:
    """The level in dB that a sine of full scale gives in the band that takes most of it."""
    window = hann_window(features.frame_samples)
    spectrum = np.abs(np.fft.fft(window, n=features.n_fft)) / 2
    shape = np.fft.fftshift(spectrum if features.spectrum == "magnitude" else spectrum**2)
    bank = mel_filter_bank(features).astype(np.float64)
    return _in_db(features, max(float(np.convolve(band, shape).max()) for band in bank))


def encode_picture(log_mel: FloatArray, note: PictureNote) -> bytes:
    """A spectrogram as a PNG file. Equal arguments give equal bytes.

    Raises
    ------
    ValueError : no finite `(bands, frames)`, or one of more than `MAX_PIXELS`
    MissingExtraError : without Pillow
    """
    if log_mel.size > MAX_PIXELS:
        raise ValueError(f"A picture has at most {MAX_PIXELS} pixels. Got {log_mel.shape} instead.")
    return png_bytes(note.form.pixels(log_mel), {TEXT_KEY: note.to_text()})


def as_brightness(pixels: ImageArray) -> FloatArray:
    """Gray pixels, highest band on top, as float32 `(bands, frames)` in [0, 1], lowest band first."""
    return np.ascontiguousarray(pixels[::-1]).astype(np.float32) / np.float32(WHITE)


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture or an array; `HEAD_BYTES` are enough to tell.

    >>> is_picture(b"\\x89PNG\\r\\n"), is_picture(b"RIFF....WAVE"), is_picture(b"RIFF....WEBP")
    (True, False, True)
    """
    return head.startswith(_MAGICS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def picture_info(file: BinaryIO, name: str) -> PictureInfo:
    """The size of a picture and what it says of itself, from its header.

    Parameters
    ----------
    file : open for reading, at its beginning
    name : what messages call it

    Raises
    ------
    InputError : no picture, one that is damaged or too large, or an array that is no spectrogram
    MissingExtraError : without Pillow
    """
    if _is_array(file):
        shape, _, _ = _array_header(file, name)
        return PictureInfo(shape[0], shape[1], is_array=True)
    with _opened(file, name) as image:
        return PictureInfo(image.height, image.width, is_array=False, note=_note(image))


def read_picture(file: BinaryIO, name: str) -> Picture:
    """A picture as numbers. Parameters and errors as those of `picture_info`.

    Colours become their luminance (ITU-R 601), transparency is not looked at, of several pictures in a file the first
    is taken. The bottom row comes first.
    """
    if _is_array(file):
        return Picture(_read_array(file, name), is_array=True)
    with _opened(file, name) as image:
        return Picture(_brightness(image, name), note=_note(image))


def picture_of_image(image: Any, name: str = "<picture>") -> Picture:
    """A picture that Pillow has opened, as numbers."""
    _check_size(image.height, image.width, name)
    return Picture(_brightness(image, name), note=_note(image))


# Pictures ------------------------------------------------------------------------------------------------------------


def _opened(file: BinaryIO, name: str) -> Any:
    pillow = require_extra("PIL.Image", extra=_EXTRA, purpose=_PURPOSE)
    try:
        image = pillow.open(file)
    except pillow.UnidentifiedImageError as error:
        raise InputError(name, "unsupported", "it is no picture that can be read", "save it as PNG") from error
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise _too_large(name, "") from error
    except Exception as error:
        raise _damaged(name, error) from error
    _check_size(image.height, image.width, name)
    return image


def _brightness(image: Any, name: str) -> FloatArray:
    try:
        if image.mode == "I" or image.mode.startswith("I;16"):
            pixels = np.asarray(image)
            bright: FloatArray = np.clip(pixels[::-1].astype(np.float32) / np.float32(2**16 - 1), 0.0, 1.0)
            return bright
        if image.mode == "F":
            raise InputError(name, "unsupported", "its pixels are floating point", "save its values as .npy")
        return as_brightness(np.asarray(image.convert("L")))
    except InputError:
        raise
    # Each format fails in a way of its own: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise _damaged(name, error) from error


def _note(image: Any) -> PictureNote | None:
    text = image.info.get(TEXT_KEY)
    note = PictureNote.from_text(text) if isinstance(text, str) else None
    # A picture that was cropped or scaled by another program is no longer what it says.
    return note if note is not None and note.form.features.n_mels == image.height else None


@lru_cache(maxsize=256)
def _form_of(text: str) -> PictureForm | None:
    try:
        values = json.loads(text)
        return PictureForm(FeatureSpec.from_dict(values["features"]), float(values["low_db"]), float(values["high_db"]))
    except (ValueError, TypeError, KeyError, OverflowError, UsageError):
        return None


def _note_of(text: str) -> PictureNote | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, Mapping) or values.get("format") != TEXT_FORMAT:
        return None
    # Most pictures of a folder have one form, and making it anew for each would take longer than reading them.
    form = _form_of(json.dumps({name: values.get(name) for name in ("features", "low_db", "high_db")}))
    clip, n_samples = values.get("clip"), values.get("n_samples")
    whole = isinstance(n_samples, int) and not isinstance(n_samples, bool) and n_samples > 0
    if form is None or not isinstance(clip, str) or not (whole or n_samples is None):
        return None
    return PictureNote(form, clip, n_samples)


def _check_size(n_bands: int, n_frames: int, name: str) -> None:
    if n_bands * n_frames > MAX_PIXELS:
        raise _too_large(name, f" ({n_frames} x {n_bands})")
    if not n_bands * n_frames:
        raise InputError(name, "empty", "it holds no pixel", "write it again")


def _too_large(name: str, size: str) -> InputError:
    problem = f"it would have more than {MAX_PIXELS} pixels{size}"
    return InputError(name, "too_large", problem, "scale it down, or cut it into pieces")


def _damaged(name: str, error: Exception) -> InputError:
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return InputError(
        name, "damaged", f"it begins like a picture and cannot be read ({said})", "copy or write it again"
    )


# Arrays --------------------------------------------------------------------------------------------------------------


def _is_array(file: BinaryIO) -> bool:
    start = file.tell()
    head = file.read(len(_NUMPY_MAGIC))
    file.seek(start)
    return head == _NUMPY_MAGIC


def _array_header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except Exception as error:
        raise _damaged(name, error) from error
    if dtype.kind not in "biuf":
        raise InputError(name, "unsupported", f"an array of {dtype} is no spectrogram", "save it as float32")
    if len(shape) == 1:
        raise InputError(
            name,
            "unsupported",
            f"an array of shape {shape} is a waveform, and does not say its sample rate",
            "load it and give it to Dataset.from_arrays(arrays, labels, sample_rate=...), or save it as WAV",
        )
    if len(shape) != 2:
        raise InputError(
            name, "unsupported", f"a spectrogram has axes (bands, frames), and this has shape {shape}", "save it so"
        )
    _check_size(shape[0], shape[1], name)
    return shape, fortran, dtype


def _read_array(file: BinaryIO, name: str) -> FloatArray:
    shape, fortran, dtype = _array_header(file, name)
    content = file.read(math.prod(shape) * dtype.itemsize)
    if len(content) < math.prod(shape) * dtype.itemsize:
        raise InputError(name, "damaged", "the array ends before its last value", "copy or write it again")
    values: NDArray[Any] = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    # What lies beyond float32 becomes infinity, and is refused as that.
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(values, dtype=np.float32)
    if not np.isfinite(floats).all():
        raise InputError(name, "not_finite", "it holds NaN, infinity, or numbers beyond float32", "compute it again")
    return floats


# Levels --------------------------------------------------------------------------------------------------------------


def _db_per_unit(features: FeatureSpec) -> float:
    """dB in one unit of the front end's logarithm."""
    return _of_natural(features) / features.log_scale


def _of_natural(features: FeatureSpec) -> float:
    return (20.0 if features.spectrum == "magnitude" else 10.0) / math.log(10.0)


def _in_db(features: FeatureSpec, energy: float) -> float:
    level = (max(energy, features.log_floor) + features.log_offset) / features.log_reference
    return _of_natural(features) * math.log(level)
