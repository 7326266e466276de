"""`auscult data spectrograms`: a picture of each clip, for image classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from auscult.cli.help import READING
from auscult.cli.output import print_json, say, say_problems
from auscult.data.reading import AS_IT_IS, Reading
from auscult.features import PRESETS


def spectrograms(
    source: str,
    output: Path,
    /,
    *,
    features: Annotated[str, Parameter(choices=sorted(PRESETS))] = "clearml",
    sample_rate: Annotated[int | None, Parameter(metavar="HZ")] = None,
    low_db: Annotated[float | None, Parameter(metavar="DB")] = None,
    high_db: Annotated[float | None, Parameter(metavar="DB")] = None,
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    reading: Annotated[Reading, Parameter(name="*", group=READING)] = AS_IT_IS,
) -> int:
    """Draw every clip as a PNG in the same tree: 8-bit gray, a pixel a frame and band, low bands at the bottom.

    Every picture has the same range of levels, which stands in it, with the numbers of the spectrogram: train learns
    from such a folder, and the model then takes pictures and sounds. What is there and right already is kept.

    Parameters
    ----------
    source
        Labelled sounds, in any form that train takes.
    output
        Folder for the pictures, and for metadata.csv where folders cannot say all that is known of the clips.
    features
        Numbers of the spectrogram: whose sample rate, frames and bands.
    sample_rate
        For the features auscult; if not given, that of the sounds, from 4000 to 32000.
    low_db
        Level that is black; if not given, that of silence.
    high_db
        Level that is white; if not given, that of a sine of full scale.
    json
        Print how many pictures were written and kept, and what their pixels mean.
    quiet
        Name only what failed.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset
    from auscult.data.spectrograms import picture_form, write_spectrograms

    dataset = open_dataset(source, reading, quiet=quiet)
    form = picture_form(dataset, features, sample_rate=sample_rate, low_db=low_db, high_db=high_db)
    drawn = write_spectrograms(dataset, output, form, quiet=quiet)
    n_failed = say_problems(drawn.problems)
    counts = {"written": drawn.n_written, "kept": drawn.n_kept, "failed": n_failed, "others": drawn.n_others}
    if json:
        print_json({"folder": str(output), **counts, "step_db": form.step_db, **form.to_dict()})
    kept = f", {drawn.n_kept} kept" if drawn.n_kept else ""
    say(
        f"{drawn.n_written} pictures written{kept}{f', {n_failed} failed' if n_failed else ''}; "
        f"black {form.low_db:g} dB, white {form.high_db:g} dB, {form.step_db:.3f} dB a step: {output}",
        quiet=quiet,
    )
    if drawn.n_others:
        say(f"note: {drawn.n_others} other pictures in {output} are of none of these clips.", quiet=quiet)
    return 1 if n_failed else 0
