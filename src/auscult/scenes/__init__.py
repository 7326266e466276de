"""Scenes: clips laid over a background at known times and levels, with the truth of what is to be heard when.

Goal: mixtures with known answers, to listen to, to test detection on, or to train with.

Two steps: `plan_scenes` draws what lies where, as plain records that go into JSON and back; `render` turns a plan into
sound, the same bits each time. `write_scenes` does it for many, with the truth as annotations.

Conventions
-----------
* Times are whole samples at the scene's rate, in seconds.
* A clip's sound is what lies between its first and its last frame of 10 ms that is no more than `trim_db` below its
  loudest; what is quieter at its ends is cut off. Pauses of `pause_s` or more make it several events.
* Level: root mean square. The signal-to-noise ratio of a clip is the level of its sound, over those frames alone, after
  fading, against that of the background from where the clip begins to where it ends, in dB. Where the background holds
  nothing there, its nominal level `background_level_db` counts.
* A scene that would reach beyond `PEAK` is made quieter as a whole, which changes no ratio.

The names below are imported when they are first used: the command line reads `options.py` on every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auscult.scenes.clips import SceneClip, active_spans, clips_of
    from auscult.scenes.mixture import PEAK, Scene, render, truth_of
    from auscult.scenes.options import SceneOptions
    from auscult.scenes.plan import chosen_scenes, plan_scenes, read_plans
    from auscult.scenes.records import Placement, ScenePlan
    from auscult.scenes.write import write_scenes

_HOMES = {
    "SceneClip": "clips",
    "active_spans": "clips",
    "clips_of": "clips",
    "PEAK": "mixture",
    "Scene": "mixture",
    "render": "mixture",
    "truth_of": "mixture",
    "SceneOptions": "options",
    "Placement": "records",
    "ScenePlan": "records",
    "chosen_scenes": "plan",
    "plan_scenes": "plan",
    "read_plans": "plan",
    "write_scenes": "write",
}

__all__ = [
    "PEAK",
    "Placement",
    "Scene",
    "SceneClip",
    "SceneOptions",
    "ScenePlan",
    "active_spans",
    "chosen_scenes",
    "clips_of",
    "plan_scenes",
    "read_plans",
    "render",
    "truth_of",
    "write_scenes",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
