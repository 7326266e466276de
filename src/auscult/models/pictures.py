"""From any picture to what a model of pictures takes.

Where it is known what sound its pictures are made of, a picture is a spectrogram in time: shorter ones are filled up
with silence, longer ones are cut into the windows that their sound would be cut into. Any other picture is scaled to
the model's size, whole.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from auscult.audio import Source, plan_windows
from auscult.audio.sources import open_source
from auscult.errors import InputError
from auscult.features import (
    PICTURE_SUFFIXES,
    FeatureSpec,
    Picture,
    PictureForm,
    PictureNote,
    is_picture,
    picture_of_image,
    read_picture,
)
from auscult.features.picture import resized
from auscult.features.picture_files import HEAD_BYTES
from auscult.models.modelspec import ModelSpec, PictureSpec
from auscult.records import FloatArray, Window


def form_of(spec: ModelSpec) -> PictureForm | None:
    """What the pixels mean that a model takes; None where that is not known, or where it takes no pictures.

    Raises
    ------
    UsageError : where the description's range is none
    """
    picture = spec.picture
    if picture is None or spec.features is None or picture.low is None or picture.high is None:
        return None
    return PictureForm(FeatureSpec.from_dict(spec.features), picture.low, picture.high)


def open_picture(source: Source, name: str) -> Picture | None:
    """The picture that a source is, by its content; None for a sound, or what may be one.

    Parameters
    ----------
    source : what a `Classifier` takes, an image that Pillow has opened, or ``{"array": values}`` of two axes
    name : what messages call it

    Raises
    ------
    InputError : nothing there, or a picture that cannot be read
    MissingExtraError : a picture, without Pillow
    """
    if type(source).__module__.startswith("PIL."):
        return picture_of_image(source, name)
    if isinstance(source, Mapping):
        return _array(source.get("array"))
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        return read_picture(io.BytesIO(content), name) if is_picture(content[:HEAD_BYTES]) else None
    if not isinstance(source, str | os.PathLike):
        return _of_file(source, name) if hasattr(source, "read") else None
    # A URL is fetched twice if it has to be looked into, so its ending decides.
    if isinstance(source, str) and "://" in source:
        ending = os.path.splitext(source.partition("?")[0])[1].lower()
        if ending not in PICTURE_SUFFIXES:
            return None
    with open_source(source).file as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        return read_picture(file, name) if is_picture(head) else None


def _of_file(file: Any, name: str) -> Picture | None:
    """An open file that is no picture stays where it stands."""
    try:
        start = file.tell()
        head = file.read(HEAD_BYTES)
        file.seek(start)
    except (OSError, ValueError, AttributeError):
        return None  # a stream is a sound, or is refused as none
    if not isinstance(head, bytes) or not is_picture(head):
        return None
    return read_picture(io.BytesIO(file.read()), name)


def _array(values: Any) -> Picture | None:
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "biuf":
        return None
    return Picture(np.ascontiguousarray(values, dtype=np.float32), is_array=True)


def brightness(picture: Picture, spec: PictureSpec, form: PictureForm | None, name: str) -> FloatArray:
    """A picture as a model's training saw pictures: float32 `(spec.bands, frames)` in [0, 1].

    Where `form` is known, it has all its frames, else `spec.frames` of them.

    Raises
    ------
    InputError : a spectrogram of other features, an array for a model of pictures, or the other way round
    """
    if form is not None:
        return _of_form(picture, spec, form, name)
    if picture.is_array != (spec.low is not None):
        takes, came = ("arrays", "a picture") if spec.low is not None else ("pictures", "an array")
        raise InputError(
            name, "unsupported", f"the model was trained on {takes}, and this is {came}", f"give it {takes}"
        )
    values = picture.values
    if spec.low is not None and spec.high is not None:
        values = np.clip((values - np.float32(spec.low)) / np.float32(spec.high - spec.low), 0, 1)
    if values.shape != (spec.bands, spec.frames):
        values = resized(values.astype(np.float64), (spec.bands, spec.frames)).astype(np.float32)
    return values


def _of_form(picture: Picture, spec: PictureSpec, form: PictureForm, name: str) -> FloatArray:
    note = picture.note
    if note is not None and note.form != form:
        if note.form.features == form.features:
            return form.brightness(note.form.log_mel(picture.values))
        problem = "its spectrogram is made with other features than those of the model's training"
    elif picture.is_array:
        problem = "the model takes pictures and sounds, and this is an array"
    elif picture.values.shape[0] != spec.bands:
        problem = f"the model takes spectrograms of {spec.bands} bands, and this picture is {len(picture.values)} high"
    else:
        return picture.values
    raise InputError(name, "unsupported", problem, "give it the sound, or draw that with the model's features")


def cut_picture(bright: FloatArray, picture: Picture, spec: ModelSpec) -> tuple[list[Window], FloatArray]:
    """The windows of a picture, and each as the graph takes it: float32 `(windows, bands, frames)`.

    Parameters
    ----------
    bright : what `brightness` made of `picture`
    """
    assert spec.picture is not None
    if spec.features is None:
        length = spec.window_samples
        return [Window(0, 0, length, length)], bright[None]
    features = FeatureSpec.from_dict(spec.features)
    n_samples = n_samples_of(bright.shape[1], picture.note, features)
    windows = plan_windows(n_samples, length=spec.window_samples, hop=spec.hop_samples)
    rows = np.zeros((len(windows), spec.picture.bands, spec.picture.frames), np.float32)
    for row, window in zip(rows, windows, strict=True):
        first = round(window.start / features.hop_samples)
        part = bright[:, first : first + spec.picture.frames]
        row[:, : part.shape[1]] = part
    return list(windows), rows


def n_samples_of(n_frames: int, note: PictureNote | None, features: FeatureSpec) -> int:
    """Of the sound that a picture is made of; the fewest that make so many frames, where it does not say."""
    said = None if note is None else note.n_samples
    if said is not None and features.n_frames(said) == n_frames:
        return said
    return max(1, (n_frames - 1) * features.hop_samples + (0 if features.centered else features.frame_samples))
