"""`auscult mix`: scenes with known truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from auscult.audio import find_audio_files
from auscult.cli.help import READING, SCENES
from auscult.cli.output import check_at_least_one, print_json, say, say_problems
from auscult.data.reading import AS_IT_IS, Reading
from auscult.errors import InputError, UsageError
from auscult.progress import progress
from auscult.scenes.options import BUILT_IN, SceneOptions

if TYPE_CHECKING:
    from auscult.scenes import Scene, ScenePlan

DEFAULTS = SceneOptions()


def mix(
    source: str | None = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    number: Annotated[int, Parameter(name=["--number", "-n"])] = 1,
    plan: Annotated[Path | None, Parameter(metavar="CSV|JSON")] = None,
    sound: Annotated[str, Parameter(choices=("wav", "flac"))] = "wav",
    truth: str = "csv",
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    options: Annotated[SceneOptions, Parameter(name="*", group=SCENES)] = DEFAULTS,
    reading: Annotated[Reading, Parameter(name="*", group=READING)] = AS_IT_IS,
) -> int:
    """Lay labelled clips over a background, at drawn or chosen times and levels, and write what is to be heard when.

    Parameters
    ----------
    source
        The clips, with one label each, in any form that train takes: a folder per class, a table, a known corpus.
    output
        Folder for the scenes, their truth, and scenes.json. Must be new or empty.
    number
        How many scenes to draw.
    plan
        Instead of drawing: a table with the columns clip, start_s, snr_db and, if wanted, label and scene; or the
        scenes.json of other scenes, which are made again.
    sound
        Format of the scenes: WAV of float32, or FLAC of 24 bit.
    truth
        Format of the truth: csv, jsonl, parquet and rttm are one file; audacity, raven, elan and vtt one a scene.
    json
        Print what scenes.json holds of each scene, an object a line.
    quiet
        Name only what failed.
    options
        How scenes are made.
    reading
        How the clips are read.
    """
    check_at_least_one("--number", number)
    if (source is None) == (plan is None):
        raise UsageError("Name the clips, or a table of them with --plan: one of the two.")
    from auscult.scenes import write_scenes

    options = _with_files(options)
    problems: list[InputError] = []
    plans, n_scenes = _plans(source, plan, options, reading, number, problems, quiet)
    n_events = 0
    with progress("Mixing", n_scenes, quiet=quiet) as advance:

        def report(scene: Scene) -> None:
            nonlocal n_events
            n_events += len(scene.truth)
            if json:
                print_json({**scene.plan.to_dict(output), "gain_db": scene.gain_db})
            advance()

        write_scenes(
            plans,
            output,
            sound_format="flac" if sound == "flac" else "wav",
            truth_format=truth,
            options=None if plan is not None and plan.suffix.lower() == ".json" else options,
            report=report,
        )
    say(f"{n_scenes} scene{'s' if n_scenes != 1 else ''} with {n_events} events in {output}", quiet=quiet)
    return 1 if say_problems(problems) else 0


def _plans(
    source: str | None,
    plan: Path | None,
    options: SceneOptions,
    reading: Reading,
    number: int,
    problems: list[InputError],
    quiet: bool,
) -> tuple[Iterable[ScenePlan], int]:
    from auscult.scenes import chosen_scenes, clips_of, plan_scenes, read_plans

    if plan is not None:
        plans = read_plans(plan) if plan.suffix.lower() == ".json" else chosen_scenes(plan, options)
        return plans, len(plans)
    from auscult.data import open_dataset

    dataset = open_dataset(str(source), reading, quiet=quiet)
    problems += dataset.problems
    return plan_scenes(clips_of(dataset), options, number, on_problem=problems.append), number


def _with_files(options: SceneOptions) -> SceneOptions:
    """A folder as background stands for the sounds in it."""
    found: list[str] = []
    for name in options.background:
        is_folder = name not in BUILT_IN and Path(name).is_dir()
        sounds = [str(path) for path in find_audio_files(name)] if is_folder else [name]
        if not sounds:
            raise UsageError(f"--background {name}: there is no sound in this folder; name another.")
        found += sounds
    return replace(options, background=tuple(found))
