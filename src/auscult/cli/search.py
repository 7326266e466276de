"""`auscult search`: where in an archive something sounds like this."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.cli.opening import ModelOptions, model_to_use
from auscult.cli.output import check_at_least_one, emit, failure_record, print_json, say, say_error
from auscult.errors import InputError, UsageError

if TYPE_CHECKING:
    from auscult.classifier import Classifier
    from auscult.search import Hit, Index

AS_THE_MODEL_SAYS = ModelOptions()
COLUMNS = ("query", "rank", "source", "start_s", "end_s", "score")


def search(
    index: str,
    /,
    *queries: str,
    k: Annotated[int, Parameter(name=["--top-k", "-k"])] = 10,
    start: Annotated[float, Parameter(metavar="SECONDS")] = 0.0,
    end: Annotated[float | None, Parameter(metavar="SECONDS")] = None,
    per_recording: bool = False,
    exclude_self: bool = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], metavar="FILE|NAME")] = None,
    json: bool = False,
    csv: bool = False,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    opening: Annotated[ModelOptions, Parameter(name="*", group="Labels and model")] = AS_THE_MODEL_SAYS,
) -> int:
    """Find the places in an archive that sound most like a query.

    Every part of the archive that is as long as the query is compared with it. The score is a cosine similarity: 1 for
    the same sound, about 0 for what is no more like it than the archive is on the whole.

    Parameters
    ----------
    index
        Folder that "auscult embed -o" made.
    queries
        Sound files or http(s) URLs.
    k
        How many places to name, best first.
    start
        Where in the query to begin.
    end
        Where in it to end.
    per_recording
        At most one place of each recording.
    exclude_self
        Pass over the query's own recording.
    model
        The model that the index was made with, where it is no longer in the same place.
    json
        Print a JSON object a line, one for each place.
    csv
        Print a table with the columns query, rank, source, start_s, end_s, score.
    jobs
        Threads; as many as there are cores if not given.
    quiet
        Name only what failed.
    opening
        How the model is opened.
    """
    from auscult.result import Excerpt
    from auscult.search import Index

    if json and csv:
        raise UsageError("--json and --csv exclude each other; choose one.")
    if not queries:
        raise UsageError("No query was named; give a sound file: auscult search INDEX QUERY.")
    check_at_least_one("--top-k", k)
    check_at_least_one("--jobs", jobs)
    opened = Index.open(index)
    classifier = _model_of(opened, model, opening, quiet)
    if csv:
        emit(",".join(COLUMNS))
    n_failed = 0
    for query in queries:
        excluded = [query] if exclude_self else []
        try:
            hits = opened.search(
                Excerpt(query, start, end), classifier, k=k, per_recording=per_recording, exclude=excluded, workers=jobs
            )
        except InputError as error:
            n_failed += 1
            say_error(str(error))
            if json:
                print_json(failure_record(error))
            continue
        _show(query, hits, json=json, csv=csv)
    if n_failed:
        say(f"{len(queries) - n_failed} of {len(queries)} queries answered, {n_failed} failed", quiet=quiet)
    return 1 if n_failed else 0


def _model_of(index: Index, model: str | None, opening: ModelOptions, quiet: bool) -> Classifier:
    from auscult.classifier import load

    options = opening.opening()
    chosen = model_to_use(model or index.opened_as, for_people=False, quiet=quiet)
    return load(chosen, quiet=quiet, **{**options, "hop_s": options["hop_s"] or index.hop_s})


def _show(query: str, hits: list[Hit], *, json: bool, csv: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"query": query, "rank": rank, **hit.to_dict()} for rank, hit in enumerate(hits, start=1)
    ]
    if json:
        for row in rows:
            print_json(row)
    elif csv:
        if rows:
            emit(_csv_rows(rows))
    else:
        lines = [f"  {hit.score:6.3f}  {hit.start_s:9.2f} to {hit.end_s:.2f} s  {hit.source}" for hit in hits]
        emit("\n".join([query, *(lines or ["  nothing to compare with: the index is empty"])]))


def _csv_rows(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(row.values()) for row in rows])
    return text.getvalue().removesuffix("\n")
