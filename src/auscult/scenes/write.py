"""Scenes on disk: the sounds, the truth as annotations, and all that it takes to make them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args

from auscult.audio import encode_flac, encode_wav
from auscult.data.writers import RecordingFacts, event_format, write_events
from auscult.errors import OutputError, UsageError
from auscult.files import write_bytes, write_text
from auscult.records import Event, Sound
from auscult.scenes.mixture import Scene, render, truth_of
from auscult.scenes.options import SceneOptions
from auscult.scenes.plan import PLAN_VERSION
from auscult.scenes.records import ScenePlan, path_from

SoundFormat = Literal["wav", "flac"]
PLANS_NAME = "scenes.json"
TRUTH_NAME = "truth"


def write_scenes(
    plans: Iterable[ScenePlan],
    folder: str | Path,
    *,
    sound_format: SoundFormat = "wav",
    truth_format: str = "csv",
    options: SceneOptions | None = None,
    report: Callable[[Scene], None] | None = None,
) -> list[Path]:
    """Render scenes and write them, one after the other; give the files of the sounds.

    In the folder are a sound a scene (WAV of float32, or FLAC of 24 bit), the truth, and at last ``scenes.json``, from
    which `read_plans` has the plans; paths in it start at the folder. Formats of many recordings (CSV, JSON lines,
    Parquet, RTTM) are one file, ``truth.*``; of others each scene has its own. `Dataset.from_annotations` reads what it
    knows of them back.

    Parameters
    ----------
    plans : as from `plan_scenes`; taken as they come
    folder : new or empty
    sound_format : ``"wav"`` or ``"flac"``
    truth_format : a name of `data.writers.EVENT_FORMATS`
    options : noted in ``scenes.json``
    report : called with each scene when its sound is there

    Raises
    ------
    UsageError : the folder holds something, a format that is not known, or two scenes of one name
    InputError : a clip or a background cannot be read
    OutputError : a file cannot be written
    """
    if sound_format not in get_args(SoundFormat):
        raise UsageError(
            f"The format of scenes must be one of {', '.join(get_args(SoundFormat))}. Got {sound_format!r}."
        )
    form = event_format(truth_format)
    folder = Path(folder)
    _make(folder)
    # A table of Raven is opened beside its one recording.
    has_own = form.one_recording or form.name == "raven"
    truth: list[Event] = []
    facts: dict[str, RecordingFacts] = {}
    described: list[dict[str, Any]] = []
    for plan in plans:
        name = f"{plan.name}.{sound_format}"
        if name in facts:
            raise UsageError(f"Two scenes are called {plan.name!r}; give each a name of its own.")
        scene = render(plan)
        sound = Sound(scene.samples[None], plan.sample_rate)
        write_bytes(folder / name, encode_wav(sound) if sound_format == "wav" else encode_flac(sound))
        facts[name] = RecordingFacts(duration_s=len(scene.samples) / plan.sample_rate, sample_rate=plan.sample_rate)
        if has_own:
            source = str(folder / name)
            own = {source: facts[name]}
            write_events(folder / f"{plan.name}{form.suffix}", truth_of(plan, source), form.name, recordings=own)
        else:
            truth += truth_of(plan, name)
        described.append({**plan.to_dict(folder), "gain_db": scene.gain_db})
        if report is not None:
            report(scene)
    if not has_own:
        write_events(folder / f"{TRUTH_NAME}{form.suffix}", truth, form.name, recordings=facts)
    content = {"version": PLAN_VERSION, "options": _described(options, folder), "scenes": described}
    write_text(folder / PLANS_NAME, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    return [folder / name for name in facts]


def _described(options: SceneOptions | None, folder: Path) -> dict[str, Any] | None:
    if options is None:
        return None
    return {**options.to_dict(), "background": [path_from(folder, one) for one in options.background]}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_used = any(folder.iterdir())
    except OSError as error:
        raise OutputError(
            f"{folder}: scenes cannot be written there ({error.strerror}); choose another folder."
        ) from error
    if is_used:
        raise UsageError(f"{folder}: there is something in this folder already; name a new one, or empty it.")
