"""`auscult data show`: how many clips there are of what, how long they are, and what they look like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from auscult.cli.help import READING
from auscult.cli.output import emit, say_problems
from auscult.data.reading import AS_IT_IS, Reading


def show(
    source: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    reading: Annotated[Reading, Parameter(name="*", group=READING)] = AS_IT_IS,
) -> int:
    """Draw the clips of each class, the lengths of the clips, and spectrograms of a few clips of each class.

    Parameters
    ----------
    source
        Labelled sounds, in any form that train takes.
    output
        Folder for index.html, class_histogram.png, duration_histogram.png and examples.png.
    quiet
        Name only what failed.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset
    from auscult.looking import write_look

    dataset = open_dataset(source, reading, quiet=quiet)
    write_look(dataset, output, name=source)
    n_failed = say_problems(dataset.problems)
    emit(str(output / "index.html"))
    return 1 if n_failed else 0
