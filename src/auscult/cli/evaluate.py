"""`auscult evaluate`: figures of a model on labelled sounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from auscult.cli.help import READING
from auscult.cli.opening import ModelOptions, model_to_use
from auscult.cli.output import print_figures, print_json, say, say_problems
from auscult.data.reading import AS_IT_IS, Reading
from auscult.errors import UsageError

if TYPE_CHECKING:
    from auscult.data import Dataset

PARTS = ("train", "validation", "test")
AS_THE_MODEL_SAYS = ModelOptions()


def evaluate(
    model: str,
    source: str,
    /,
    *,
    fold: int | None = None,
    part: Annotated[str | None, Parameter(choices=PARTS)] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    allow_seen: bool = False,
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    opening: Annotated[ModelOptions, Parameter(name="*", group="Model")] = AS_THE_MODEL_SAYS,
    reading: Annotated[Reading, Parameter(name="*", group=READING)] = AS_IT_IS,
) -> int:
    """Measure a model on labelled sounds that it was not trained on.

    Parameters
    ----------
    model
        Model file, such as a run's model.onnx, or a name that "auscult models list" shows.
    source
        Labelled sounds, in any form that train takes, or the split.csv of a run.
    fold
        Only the clips of this official fold.
    part
        Only the clips of this part, where the sounds come in parts.
    output
        Folder for metrics.json, predictions.csv and the confusion matrix.
    allow_seen
        Also count clips that the model was trained on; the figures then say little about new sounds.
    json
        Print what metrics.json holds.
    quiet
        Name only what failed.
    opening
        How the model is opened.
    reading
        How the sounds are read.
    """
    from auscult.classifier import load
    from auscult.data import open_dataset
    from auscult.evaluation import evaluate as evaluated

    how = opening.opening()
    dataset = _chosen(open_dataset(source, reading, quiet=quiet), fold, part)
    model = model_to_use(model, for_people=False, quiet=quiet)
    evaluation = evaluated(load(model, quiet=quiet, **how), dataset, allow_seen=allow_seen, quiet=quiet)
    if output is not None:
        evaluation.write(output)
    n_failed = say_problems(evaluation.problems)
    for note in evaluation.notes:
        say(f"note: {note}", quiet=quiet)
    if json:
        print_json(evaluation.to_dict())
    else:
        print_figures(evaluation.metrics)
    return 1 if n_failed else 0


def _chosen(dataset: Dataset, fold: int | None, part: str | None) -> Dataset:
    """The clips of one fold, of one part, or all."""
    for column, wanted in (("fold", fold), ("split", part)):
        if wanted is not None:
            values = dataset.table[column].to_pylist()
            if wanted not in values:
                known = sorted({str(value) for value in values if value is not None})
                raise UsageError(
                    f"--{'part' if column == 'split' else 'fold'} {wanted}: the sounds have no such {column}. "
                    f"They have {', '.join(known) or 'none'}; choose one of these, or leave the option out."
                )
            dataset = dataset.select([row for row, value in enumerate(values) if value == wanted])
    return dataset
