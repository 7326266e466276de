"""A plan becomes sound, and its truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from auscult.errors import InputError
from auscult.records import Event, FloatArray
from auscult.scenes.backgrounds import Floats, level_of, make_background, rms
from auscult.scenes.clips import ClipSounds, active_frames
from auscult.scenes.records import Placement, ScenePlan

# The highest sample of a scene; beyond 1, files of whole numbers would cut it off.
PEAK = 0.99


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene as sound.

    Attributes
    ----------
    plan : what it was made of
    samples : float32 (samples,), within [-PEAK, PEAK]
    background : float32 (samples,), as it is in the scene
    sounds : of each of `plan.placements` the samples as they are in the scene, float32, from its `start_s` on
    gain_db : of the whole scene: 0, or less where it would have been too loud
    truth : events by start, `source` being the plan's name, `score` 1
    """

    plan: ScenePlan
    samples: FloatArray = field(repr=False)
    background: FloatArray = field(repr=False)
    sounds: tuple[FloatArray, ...] = field(repr=False)
    gain_db: float
    truth: tuple[Event, ...]


def render(plan: ScenePlan) -> Scene:
    """Mix a scene. One plan gives the same bits each time, on one machine with the same libraries.

    Raises
    ------
    InputError : a file cannot be read, or is all silence
    """
    n_samples = round(plan.duration_s * plan.sample_rate)
    background = make_background(
        plan.background,
        n_samples,
        plan.sample_rate,
        background_level_db=plan.background_level_db,
        start_s=plan.background_start_s,
        seed=plan.noise_seed,
    )
    clips = ClipSounds(plan.sample_rate)
    sounds = [_sound(one, plan, background, clips) for one in plan.placements]
    mixture = background.copy()
    for one, sound in zip(plan.placements, sounds, strict=True):
        start = round(one.start_s * plan.sample_rate)
        mixture[start : start + len(sound)] += sound
    peak = float(np.abs(mixture).max(initial=0.0))
    gain = min(1.0, PEAK / peak) if peak > 0 else 1.0
    return Scene(
        plan=plan,
        samples=(mixture * gain).astype(np.float32),
        background=(background * gain).astype(np.float32),
        sounds=tuple((sound * gain).astype(np.float32) for sound in sounds),
        gain_db=float(20 * np.log10(gain)),
        truth=truth_of(plan),
    )


def truth_of(plan: ScenePlan, source: str | None = None) -> tuple[Event, ...]:
    """What is to be heard when, by start; `source` is the plan's name unless another is given."""
    events = [
        Event(plan.name if source is None else source, start_s, end_s, one.label, 1.0)
        for one in plan.placements
        for start_s, end_s in one.events
    ]
    return tuple(sorted(events, key=lambda event: (event.start_s, event.end_s, event.label)))


def _sound(one: Placement, plan: ScenePlan, background: Floats, clips: ClipSounds) -> Floats:
    """A clip faded in and out, at its ratio to the background under it."""
    rate = plan.sample_rate
    start = round(one.start_s * rate)
    samples = clips.load(one.clip, one.clip_start_s, one.clip_end_s)[: len(background) - start].astype(np.float64)
    fade = min(round(plan.fade_s * rate), len(samples) // 2)
    if fade:
        # A raised cosine: it has no edge that could be heard.
        ramp = 0.5 - 0.5 * np.cos((np.arange(fade) + 0.5) * (np.pi / fade))
        samples[:fade] *= ramp
        samples[-fade:] *= ramp[::-1]
    level = signal_level(samples, rate, plan.trim_db)
    if level == 0:
        raise InputError(one.clip, "invalid", "this part of the clip is all silence", "leave it out")
    under = rms(background[start : start + len(samples)]) or level_of(plan.background_level_db)
    return np.asarray(samples * (under * level_of(one.snr_db) / level))


def signal_level(samples: Floats | FloatArray, sample_rate: int, trim_db: float) -> float:
    """Root mean square over the frames of 10 ms that are at most `trim_db` below the loudest; 0 of silence."""
    is_active, size = active_frames(samples, sample_rate, trim_db)
    return rms(samples[np.repeat(is_active, size)[: len(samples)]])
