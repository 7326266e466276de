"""`auscult classify`: scores for each file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.cli.opening import Opening
from auscult.cli.output import (
    InPlace,
    check_at_least_one,
    each_source,
    emit,
    failure_record,
    print_json,
    say,
    say_error,
)
from auscult.errors import InputError, UsageError

if TYPE_CHECKING:
    from auscult.classifier import Result

BAR_CHARACTERS = 20
AS_THE_MODEL_SAYS = Opening()


def classify(
    *files: str,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], metavar="FILE|NAME")] = None,
    top_k: Annotated[int, Parameter(name=["--top-k", "-k"])] = 5,
    windows: bool = False,
    json: bool = False,
    csv: bool = False,
    files_from: Annotated[str | None, Parameter(metavar="FILE|-", allow_leading_hyphen=True)] = None,
    since: Annotated[str | None, Parameter(metavar="DATE|DURATION")] = None,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    opening: Annotated[Opening, Parameter(name="*", group="Labels and model")] = AS_THE_MODEL_SAYS,
) -> int:
    """Say what is heard in each file.

    Parameters
    ----------
    files
        Sound files, folders of them, patterns in quotes such as "site*/**/*.wav", or http(s) URLs; for a model that
        was trained on pictures, pictures too.
    model
        Model file, such as a run's model.onnx, or a name that "auscult models list" shows. If not given, yamnet,
        which knows 521 kinds of sound and is fetched once.
    top_k
        How many labels to name, best first.
    windows
        Also give the labels of each window of time.
    json
        Print a JSON object a line, one for each file.
    csv
        Print a table with the columns source, start_s, end_s, label, score.
    files_from
        Read names from this file, one a line; "-" reads them from standard input.
    since
        Only what was recorded since then: a date, or how long ago, such as 12h or 7d. By header or name of the file,
        and where they do not tell by the time of its last change.
    jobs
        Files worked on at once; as many as there are cores if not given.
    quiet
        Name only what failed.
    opening
        How the model is opened.
    """
    if json and csv:
        raise UsageError("--json and --csv exclude each other; choose one.")
    check_at_least_one("--top-k", top_k)
    check_at_least_one("--jobs", jobs)
    found = InPlace(each_source(files, files_from, since))
    classifier = opening.load(model, top_k=top_k, for_people=not (json or csv), quiet=quiet)
    printer = _json_printer if json else _csv_printer() if csv else _text_printer
    n_done = n_failed = 0
    for outcome in found.filled(classifier.classify_many(found.sources(), workers=jobs, keep_windows=windows)):
        if isinstance(outcome, InputError):
            n_failed += 1
            say_error(str(outcome))
            if json:
                print_json(failure_record(outcome))
        else:
            n_done += 1
            printer(outcome, windows)
    if n_failed:
        say(f"{n_done} of {n_done + n_failed} inputs classified, {n_failed} failed", quiet=quiet)
    return 1 if n_failed else 0


def _json_printer(result: Result, windows: bool) -> None:
    print_json(result.to_dict(windows=windows))


def _csv_printer() -> Callable[[Result, bool], None]:
    emit("source,start_s,end_s,label,score")

    def write(result: Result, windows: bool) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(_csv_rows(result, windows))
        emit(text.getvalue().removesuffix("\n"))

    return write


def _csv_rows(result: Result, windows: bool) -> Iterator[list[object]]:
    """A row a label: of the whole sound, or of each window."""
    record = result.to_dict(windows=windows)
    spans = record["windows"] if windows else [{"start_s": 0.0, "end_s": record["duration_s"], **record}]
    for span in spans:
        for prediction in span["predictions"]:
            yield [record["source"], span["start_s"], span["end_s"], prediction["label"], prediction["score"]]


def _text_printer(result: Result, windows: bool) -> None:
    record = result.to_dict(windows=windows)
    duration_s = record["duration_s"]
    length = "" if duration_s is None else f"  ({duration_s:.2f} s)"
    lines = [f"{record['source']}{length}", *_bars(record["predictions"], indent="  ")]
    for window in record.get("windows", []):
        lines.append(f"  {window['start_s']:.2f} to {window['end_s']:.2f} s")
        lines += _bars(window["predictions"], indent="    ")
    emit("\n".join(lines))


def _bars(predictions: list[dict[str, Any]], *, indent: str) -> Iterator[str]:
    names = [prediction.get("name", prediction["label"]) for prediction in predictions]
    width = max(map(len, names), default=0)
    for name, prediction in zip(names, predictions, strict=True):
        bar = "█" * round(prediction["score"] * BAR_CHARACTERS)
        yield f"{indent}{prediction['score']:6.1%}  {name:<{width}}  {bar}".rstrip()
