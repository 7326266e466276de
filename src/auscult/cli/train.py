"""`auscult train`: a model from labelled sounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from auscult.cli.help import READING, TRAINING
from auscult.cli.output import check_at_least_one, print_figures, print_json, say, say_problems
from auscult.data.reading import AS_IT_IS, Reading
from auscult.errors import UsageError
from auscult.training.options import TrainOptions

if TYPE_CHECKING:
    from auscult.training import CrossValidation, Run

DEFAULTS = TrainOptions()


def train(
    source: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    fold: int | None = None,
    cross_validate: bool = False,
    folds: int | None = None,
    jobs: int | None = None,
    resume: bool = False,
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    options: Annotated[TrainOptions, Parameter(name="*", group=TRAINING)] = DEFAULTS,
    reading: Annotated[Reading, Parameter(name="*", group=READING)] = AS_IT_IS,
) -> int:
    """Train a model on labelled sounds, test it on sounds kept apart, and write a report.

    Parameters
    ----------
    source
        A folder per class; train/ val/ test/ folders of those; a table of paths and labels; annotations of recordings;
        the name or folder of a known corpus; or a version in a store, STORE/NAME@VERSION. Pictures of sounds will do.
    output
        Folder for the run: model.onnx, metrics.json, report.html and more. Must be new, or hold the same run to resume.
    fold
        Test on this official fold, train on the others.
    cross_validate
        Test on every fold in turn: all official ones, or --folds K grouped ones.
    folds
        With --cross-validate: cut this many folds by group, instead of taking official ones.
    jobs
        With --cross-validate: folds trained at once; as many as there are cores if not given.
    resume
        Go on with the interrupted run in the output folder.
    json
        Print what metrics.json holds.
    quiet
        Name only what failed.
    options
        How to train.
    reading
        How the sounds are read.
    """
    if fold is not None and cross_validate:
        raise UsageError("--fold and --cross-validate exclude each other; choose one.")
    for option, value in (("--folds", folds), ("--jobs", jobs)):
        if value is not None and not cross_validate:
            raise UsageError(f"{option} belongs to --cross-validate; give both, or choose one fold with --fold.")
    check_at_least_one("--jobs", jobs)
    from auscult.classifier import available_cores
    from auscult.training import cross_validate as cross_validated
    from auscult.training import train as trained

    try:
        if cross_validate:
            jobs = jobs or available_cores()
            run: CrossValidation | Run = cross_validated(
                source,
                output=output,
                options=options,
                n_folds=folds,
                jobs=jobs,
                reading=reading,
                resume=resume,
                quiet=quiet,
            )
        else:
            run = trained(
                source, output=output, options=options, fold=fold, reading=reading, resume=resume, quiet=quiet
            )
    except KeyboardInterrupt:
        say("To go on from here, run the same command with --resume.", quiet=quiet)
        raise
    n_failed = say_problems(run.problems)
    if json:
        print_json(run.metrics_dict())
    elif run.metrics:
        print_figures(run.metrics)
    else:
        say("No clips were kept apart for testing, so there are no figures.", quiet=quiet)
    for note in run.notes:
        say(f"note: {note}", quiet=quiet)
    if run.model is not None:
        say(f"model   {run.model}", quiet=quiet)
    say(f"report  {run.report}", quiet=quiet)
    return 1 if n_failed else 0
