"""Training on pictures of sounds: one size for all, and each decoded once, flattened frame by frame, into the cache.

Where all pictures are spectrograms of one kind, as `auscult data spectrograms` draws them, the model will take sounds
too; clips are then cut into windows by frames as their sounds would be by samples, and zeros behind a clip are silence.
Any other pictures are brought to one size, whole.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from auscult.audio import source_name
from auscult.audio.sources import open_source
from auscult.data import Clip, WaveformCache
from auscult.errors import DataError, InputError, UsageError
from auscult.features import PictureForm, picture_info, read_picture
from auscult.models.modelspec import PictureSpec
from auscult.models.pictures import brightness, n_samples_of
from auscult.progress import progress
from auscult.records import FloatArray
from auscult.training.clips import WORKERS
from auscult.training.options import TrainOptions
from auscult.training.plan import PicturePlan, Recipe, TrainPlan, common_window_s

# Pictures of unknown making are scaled down to this at most: a network that looks at photographs takes hours.
MAX_BANDS, MAX_FRAMES = 128, 512
# Part of the cache's keys: changes when the same picture would be decoded to other numbers.
_DECODING = "picture 1"


@dataclass(frozen=True)
class _Looked:
    """What a picture is: its size, what it is made of, and of an array its smallest and largest value."""

    n_bands: int
    n_frames: int
    form: PictureForm | None
    n_samples: int
    values: tuple[float, float] | None


def plan_pictures(clips: Sequence[Clip], options: TrainOptions, recipe: Recipe) -> TrainPlan:
    """Settle what `options` leaves open for pictures such as `clips`; see `plan.plan_training`.

    Raises
    ------
    DataError : no picture can be read, or some are arrays and some are not
    UsageError : a backbone that hears sound, or an option that does not fit these pictures
    """
    if recipe.features != "auscult":
        raise UsageError(
            f"The 'backbone' option of training must be scratch, or an image network such as hf:microsoft/resnet-18, "
            f"for pictures. Got {options.backbone!r} instead, which hears sound; train on the sounds themselves."
        )
    looked, problems = _look(clips)
    if not looked:
        raise DataError(f"None of {len(clips)} pictures for training can be read. The first: {problems[0]}")
    n_arrays = sum(one.values is not None for one in looked)
    if 0 < n_arrays < len(looked):
        raise DataError(
            f"{n_arrays} of {len(looked)} training clips are arrays (.npy) and the others pictures, whose values do "
            "not compare; train on one of them."
        )
    epochs = options.epochs or recipe.epochs(len(clips))
    forms = {one.form for one in looked}
    form = forms.pop() if len(forms) == 1 else None
    if form is not None:
        return _plan_of_form(clips, looked, form, options, recipe, epochs)
    return _plan_of_any(looked, options, epochs)


def _look(clips: Sequence[Clip]) -> tuple[list[_Looked], list[InputError]]:
    looked: list[_Looked] = []
    problems: list[InputError] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for one in pool.map(_look_at, clips):
            (problems if isinstance(one, InputError) else looked).append(one)  # type: ignore[arg-type]
    return looked, problems


def _look_at(clip: Clip) -> _Looked | InputError:
    name = source_name(clip.source)
    try:
        with open_source(clip.source).file as file:
            info = picture_info(file, name)
            if info.is_array:
                file.seek(0)
                values = read_picture(file, name).values
                return _Looked(info.n_bands, info.n_frames, None, 0, (float(values.min()), float(values.max())))
        form = info.note.form if info.note else None
        n_samples = n_samples_of(info.n_frames, info.note, form.features) if form else 0
        return _Looked(info.n_bands, info.n_frames, form, n_samples, None)
    except InputError as problem:
        return problem


def _plan_of_form(
    clips: Sequence[Clip],
    looked: Sequence[_Looked],
    form: PictureForm,
    options: TrainOptions,
    recipe: Recipe,
    epochs: int,
) -> TrainPlan:
    features = form.features
    if options.sample_rate not in (None, features.sample_rate):
        raise UsageError(
            f"The 'sample_rate' option of training must be that of the pictures, {features.sample_rate}, or left open. "
            f"Got {options.sample_rate} instead."
        )
    sounds = [replace(clips[0], sample_rate=features.sample_rate, n_frames=one.n_samples) for one in looked]
    window_s = options.window_s or common_window_s(sounds, recipe.max_window_s)
    window_samples = max(round(window_s * features.sample_rate), features.n_fft)
    frames = features.n_frames(window_samples)
    # A hop of whole frames, so that pictures and sounds are cut at the same places.
    hop_frames = max(1, min(frames // 2, window_samples // features.hop_samples))
    spec = PictureSpec(bands=features.n_mels, frames=frames, low=form.low_db, high=form.high_db)
    return TrainPlan(
        sample_rate=features.sample_rate,
        features=features,
        window_samples=frames * spec.bands,
        hop_samples=hop_frames * spec.bands,
        epochs=epochs,
        picture=PicturePlan(spec, window_samples, hop_frames * features.hop_samples),
    )


def _plan_of_any(looked: Sequence[_Looked], options: TrainOptions, epochs: int) -> TrainPlan:
    for name in ("sample_rate", "window_s"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"The {name!r} option of training must be left out for pictures that do not say how they were made of "
                f"sounds. Got {getattr(options, name)} instead; `auscult data spectrograms` draws such as say so."
            )
    (bands, frames), _ = Counter((one.n_bands, one.n_frames) for one in looked).most_common(1)[0]
    bands, frames = min(bands, MAX_BANDS), min(frames, MAX_FRAMES)
    low = high = None
    ranges = [one.values for one in looked if one.values is not None]
    if ranges:
        low, high = min(least for least, _ in ranges), max(most for _, most in ranges)
        high = high if high > low else low + 1.0
    spec = PictureSpec(bands=bands, frames=frames, low=low, high=high)
    size = bands * frames
    return TrainPlan(
        sample_rate=1,
        features=None,
        window_samples=size,
        hop_samples=size,
        epochs=epochs,
        picture=PicturePlan(spec, window_samples=frames, hop_samples=frames),
    )


def fill_pictures(
    clips: Sequence[Clip], cache: WaveformCache, plan: TrainPlan, *, quiet: bool = False
) -> tuple[list[str], list[InputError | None]]:
    """Decode each picture that the cache does not hold yet; see `clips.fill_cache`."""
    assert plan.picture is not None
    spec, form = plan.picture.spec, form_of_plan(plan)
    keys = [_key(clip, spec, form) for clip in clips]
    problems: list[InputError | None] = [None] * len(clips)
    missing = [i for i, key in enumerate(keys) if key not in cache]
    pool = ThreadPoolExecutor(WORKERS)
    try:
        with progress("Decoding", len(missing), quiet=quiet) as advance:
            found = pool.map(lambda i: _decode_into(cache, keys[i], clips[i], spec, form), missing)
            for i, problem in zip(missing, found, strict=True):
                problems[i] = problem
                advance()
    finally:
        # After Ctrl-C, thousands of waiting pictures must not be decoded first.
        pool.shutdown(cancel_futures=True)
    return keys, problems


def _decode_into(
    cache: WaveformCache, key: str, clip: Clip, spec: PictureSpec, form: PictureForm | None
) -> InputError | None:
    name = source_name(clip.source)
    try:
        with open_source(clip.source).file as file:
            bright = brightness(read_picture(file, name), spec, form, name)
    except InputError as problem:
        return problem
    cache.put(key, np.ascontiguousarray(bright.T).ravel())
    return None


def _key(clip: Clip, spec: PictureSpec, form: PictureForm | None) -> str:
    # Spectrograms keep all their frames, whatever the window is.
    of_model = spec.to_dict() if form is None else form.to_dict()
    parts = json.dumps([clip.content_hash, _DECODING, of_model], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def form_of_plan(plan: TrainPlan) -> PictureForm | None:
    """What the pixels mean; None where that is not known."""
    picture = plan.picture
    if picture is None or plan.features is None or picture.spec.low is None or picture.spec.high is None:
        return None
    return PictureForm(plan.features, picture.spec.low, picture.spec.high)


def unflattened(rows: FloatArray, picture: PicturePlan) -> FloatArray:
    """Windows as the cache has them, `(windows, frames * bands)`, as the graph takes them, `(windows, bands, frames)`.

    Examples
    --------
    >>> plan = PicturePlan(PictureSpec(bands=2, frames=3), 3, 3)
    >>> unflattened(np.arange(6, dtype=np.float32)[None], plan).tolist()
    [[[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]]
    """
    shape = (len(rows), picture.spec.frames, picture.spec.bands)
    return np.ascontiguousarray(rows.reshape(shape).transpose(0, 2, 1))
