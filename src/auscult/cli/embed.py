"""`auscult embed`: an index of an archive that `auscult search` asks, or the embeddings themselves."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.cli.opening import ModelOptions, model_to_use
from auscult.cli.output import check_at_least_one, emit, failure_record, gather_sources, print_json, say, say_error
from auscult.errors import InputError, UsageError
from auscult.progress import progress

if TYPE_CHECKING:
    from auscult.classifier import Classifier
    from auscult.result import WindowValues

AS_THE_MODEL_SAYS = ModelOptions()


def embed(
    *files: str,
    output: Annotated[str | None, Parameter(name=["--output", "-o"], metavar="INDEX")] = None,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], metavar="FILE|NAME")] = None,
    json: bool = False,
    csv: bool = False,
    files_from: Annotated[str | None, Parameter(metavar="FILE|-", allow_leading_hyphen=True)] = None,
    since: Annotated[str | None, Parameter(metavar="DATE|DURATION")] = None,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    opening: Annotated[ModelOptions, Parameter(name="*", group="Labels and model")] = AS_THE_MODEL_SAYS,
) -> int:
    """Make an index of recordings, in which "auscult search" finds sounds; or print their embeddings.

    Run it again to go on after a stop, to add other folders, or when files have come, changed or gone.

    Parameters
    ----------
    files
        Recordings, folders of them, patterns in quotes such as "site*/**/*.wav", or http(s) URLs.
    output
        Folder of the index. Made where there is none; else the recordings are added to it. Those in it already are read
        again only where their files have changed, and those that are no longer in the folders named are taken out.
    model
        Model file, or a name that "auscult models list" shows. If not given, the one that the index was made with; for
        a new one, yamnet.
    json
        Without --output, print the embedding of each window, a JSON object a line. With it, an object for each
        recording.
    csv
        Without --output, print a table with the columns source, start_s, end_s, e0, e1, and so on.
    files_from
        Read names from this file, one a line; "-" reads them from standard input.
    since
        Only what was recorded since then: a date, or how long ago, such as 12h or 7d.
    jobs
        Recordings worked on at once; as many as there are cores if not given.
    quiet
        Name only what failed.
    opening
        How the model is opened.
    """
    check_at_least_one("--jobs", jobs)
    if json and csv:
        raise UsageError("--json and --csv exclude each other; choose one.")
    if output is None and not (json or csv):
        raise UsageError(
            "It was not said where the embeddings shall go; give -o INDEX for an index to search in, or --json or "
            "--csv to print them."
        )
    if output is not None and csv:
        raise UsageError("--csv prints embeddings, and -o keeps them in an index; choose one.")
    sources, problems = gather_sources(files, files_from, since)
    if output is None:
        return _print(sources, problems, _opened(model, opening, quiet), csv=csv, jobs=jobs, quiet=quiet)
    classifier, opened_as = _for_index(output, model, opening, quiet)
    return _fill(output, sources, problems, files, classifier, opened_as, json=json, jobs=jobs, quiet=quiet)


def _fill(
    output: str,
    sources: list[str],
    problems: list[InputError],
    named: tuple[str, ...],
    classifier: Classifier,
    opened_as: str,
    *,
    json: bool,
    jobs: int | None,
    quiet: bool,
) -> int:
    from auscult.search import Index, add_sounds

    n_before = len(Index.open(output)) if _is_index(output) else 0
    n_added = n_kept = n_failed = 0
    folders = [name for name in named if os.path.isdir(name)]
    outcomes = add_sounds(output, sources, classifier, opened_as=opened_as, gone_from=folders, workers=jobs)
    with progress("Embedding", len(sources), quiet=quiet) as advance:
        for outcome in chain(problems, outcomes):
            if isinstance(outcome, InputError):
                n_failed += 1
                say_error(str(outcome))
                if json:
                    print_json(failure_record(outcome))
            else:
                n_added += outcome.n_windows > 0
                n_kept += outcome.n_windows == 0
                if json:
                    print_json(
                        {
                            "source": outcome.source,
                            "duration_s": outcome.duration_s,
                            "windows": outcome.n_windows,
                        }
                    )
            advance()
    index = Index.open(output)
    gone = max(0, n_before + n_added - len(index))
    parts = [f"{n_added} read"]
    parts += [f"{number} {what}" for number, what in ((n_kept, "in it already"), (n_failed, "failed")) if number]
    parts += [f"{gone} replaced or gone"] if gone else []
    say(
        f"{output}: {len(index)} recordings, {index.duration_s / 3600:.2f} hours, {index.n_windows} windows "
        f"({', '.join(parts)})",
        quiet=quiet,
    )
    return 1 if n_failed else 0


def _print(
    sources: list[str],
    problems: list[InputError],
    classifier: Classifier,
    *,
    csv: bool,
    jobs: int | None,
    quiet: bool,
) -> int:
    from auscult.result import WindowValues

    n_done = n_failed = 0
    rate = classifier.spec.sample_rate
    has_header = False
    for outcome in chain(problems, classifier.window_scores(sources, output="embedding", workers=jobs)):
        if isinstance(outcome, InputError):
            n_failed += 1
            say_error(str(outcome))
            if not csv:
                print_json(failure_record(outcome))
        elif not isinstance(outcome, WindowValues):
            n_done += 1
        elif csv:
            if not has_header:
                emit(",".join(["source", "start_s", "end_s", *(f"e{i}" for i in range(outcome.values.shape[1]))]))
                has_header = True
            emit(_csv_rows(outcome, rate))
        else:
            for record in _records(outcome, rate):
                print_json(record)
    if n_failed:
        say(f"{n_done} of {n_done + n_failed} inputs embedded, {n_failed} failed", quiet=quiet)
    return 1 if n_failed else 0


def _records(part: WindowValues, rate: int) -> Iterator[dict[str, Any]]:
    for window, values in zip(part.windows, part.values, strict=True):
        yield {
            "source": part.source,
            "start_s": window.start / rate,
            "end_s": window.end / rate,
            # The shortest number that is this float32, rather than the double that it is equal to.
            "embedding": [float(str(value)) for value in values],
        }


def _csv_rows(part: WindowValues, rate: int) -> str:
    text = io.StringIO()
    rows = ([one["source"], one["start_s"], one["end_s"], *one["embedding"]] for one in _records(part, rate))
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")


def _opened(model: str | None, opening: ModelOptions, quiet: bool, hop_s: float | None = None) -> Classifier:
    from auscult.classifier import load

    options = opening.opening()
    chosen = model_to_use(model, for_people=False, quiet=quiet)
    return load(chosen, quiet=quiet, **{**options, "hop_s": options["hop_s"] or hop_s})


def _for_index(output: str, model: str | None, opening: ModelOptions, quiet: bool) -> tuple[Classifier, str]:
    """The model of an index, and what it can be opened by again."""
    from auscult.models.registry import DEFAULT_MODEL
    from auscult.search import Index

    hop_s = None
    if _is_index(output):
        index = Index.open(output)
        hop_s, model = index.hop_s, model or index.opened_as
    chosen = model or DEFAULT_MODEL
    # A bare word is a name, whatever lies beside it.
    is_file = bool(os.path.splitext(chosen)[1]) and os.path.isfile(chosen)
    return _opened(model, opening, quiet, hop_s), os.path.abspath(chosen) if is_file else chosen


def _is_index(output: str) -> bool:
    from auscult.search.folder import Folder

    return Folder(output).description.exists()
