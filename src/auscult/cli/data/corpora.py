"""`auscult data corpora`: known corpora, what they are, and how they get here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from auscult.cli.output import beside, columns, emit, filled, print_json, say
from auscult.progress import bytes_in_words

if TYPE_CHECKING:
    from auscult.data.corpora.record import Corpus

corpora = App(name="corpora", help="List, fetch and check known corpora, such as ESC-50.", sort_key=1)
# More files than this are not named one by one.
NAMED_FILES = 20


@corpora.command(name="list", sort_key=1)
def list_corpora(*, json: bool = False) -> int:
    """List the corpora that have a name.

    Parameters
    ----------
    json
        Print a JSON object a line, one for each corpus.
    """
    from auscult.data.corpora.registry import CORPORA, kept_folder

    folders = {name: kept_folder(name) for name in CORPORA}
    if json:
        for name, folder in folders.items():
            print_json(_record(CORPORA[name], folder))
        return 0
    rows = [("", "clips", "classes", "hours", "to fetch", "licence", "")]
    for name, folder in folders.items():
        corpus = CORPORA[name]
        counts = (str(corpus.n_clips), str(corpus.n_classes), "" if corpus.hours is None else f"{corpus.hours:g}")
        size = bytes_in_words(corpus.size_bytes)
        # Where some clips have a stricter licence than the corpus as a whole, its name alone would mislead.
        licence = _licence(corpus) if corpus.commercial or "-NC" in corpus.licence else "clip by clip"
        rows.append((name, *counts, size, licence, "not fetched" if folder is None else "fetched"))
    title, *lines = columns(rows, right=(1, 2, 3, 4))
    emit(title)
    for line, name in zip(lines, CORPORA, strict=True):
        emit(line)
        emit(filled(CORPORA[name].summary, indent="    ", first="    "))
    return 0


@corpora.command(sort_key=2)
def show(name: str, /, *, json: bool = False) -> int:
    """Show what a corpus is: clips, classes, official folds, licence, what to cite, where it comes from.

    Parameters
    ----------
    name
        A name that "auscult data corpora list" shows. Nothing is fetched.
    json
        Print all of it as JSON.
    """
    from auscult.data.corpora.registry import kept_folder, named_corpus

    corpus, folder = named_corpus(name), kept_folder(name)
    if json:
        print_json(_record(corpus, folder))
        return 0
    for title, value in _in_words(corpus, folder).items():
        emit(beside(title, value))
    for remote in corpus.remotes:
        emit(f"  {remote.url}")
    return 0


@corpora.command(sort_key=3)
def get(
    name: str,
    /,
    *,
    copies: Annotated[Sequence[Path] | None, Parameter(name="--from", metavar="FILE")] = None,
    to: Annotated[Path | None, Parameter(metavar="FOLDER")] = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Fetch a corpus, verify and unpack it, and print the path of its folder.

    What was fetched before a break is not fetched again. The name of the corpus, as well as the folder, can then be
    given to train and evaluate.

    Parameters
    ----------
    name
        A name that "auscult data corpora list" shows.
    copies
        Take this copy of an archive instead of fetching it, or those in this folder; may be given several times. It is
        refused if it is not the same to the last byte.
    to
        Make this folder, instead of keeping the corpus where auscult keeps what it fetches.
    quiet
        Show neither terms nor progress.
    """
    from auscult.data.corpora.keeping import fetch_tree
    from auscult.data.corpora.registry import named_corpus

    emit(str(fetch_tree(named_corpus(name), to=to, copies=copies or (), quiet=quiet)))
    return 0


@corpora.command(sort_key=4)
def validate(
    name: str,
    folder: Path | None = None,
    /,
    *,
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Compare all files of a corpus with their checksums, and name those that are missing or are not what they were.

    The exit code is 1 where there is any.

    Parameters
    ----------
    name
        A name that "auscult data corpora list" shows.
    folder
        The corpus in a folder of your own; default: the one that was fetched.
    json
        Print one JSON object with the lists "missing" and "corrupt".
    quiet
        Show no progress.
    """
    from auscult.data.corpora.registry import validate as compare

    found = compare(name, folder, quiet=quiet)
    if json:
        print_json(
            {
                "name": found.name,
                "folder": str(found.folder),
                "against": found.against,
                "n_files": found.n_files,
                "missing": list(found.missing),
                "corrupt": list(found.corrupt),
            }
        )
        return 0 if found.is_whole else 1
    for kind, names in (("missing", found.missing), ("corrupt", found.corrupt)):
        for file in names[:NAMED_FILES]:
            emit(f"{kind:<9}{file}")
        if len(names) > NAMED_FILES:
            emit(f"{kind:<9}and {len(names) - NAMED_FILES} more; --json names them all")
    right = found.n_files - len(found.missing) - len(found.corrupt)
    emit(f"{right} of {found.n_files} files in {found.folder} are right, by {found.against}")
    if not found.is_whole:
        say(f"Fetch it anew: remove {found.folder}, then auscult data corpora get {name}", quiet=quiet)
    return 0 if found.is_whole else 1


def _record(corpus: Corpus, folder: Path | None) -> dict[str, Any]:
    return {**corpus.to_dict(), "path": None if folder is None else str(folder)}


def _licence(corpus: Corpus) -> str:
    return "see its page" if corpus.licence == "NOASSERTION" else corpus.licence


def _in_words(corpus: Corpus, folder: Path | None) -> dict[str, str]:
    several = "one for each clip" if corpus.task == "single_label" else "any number for each clip"
    hours = "" if corpus.hours is None else f", {corpus.hours:g} hours"
    files = len(corpus.remotes)
    kept = f"not fetched yet; auscult data corpora get {corpus.name} does it" if folder is None else str(folder)
    words = {
        "name": corpus.name,
        "title": corpus.title,
        "what it is": corpus.summary,
        "clips": f"{corpus.n_clips}{hours}",
        "classes": f"{corpus.n_classes}, {several}",
        "official split": corpus.splits or "none",
        "groups": corpus.groups or "not known",
        "licence": _licence(corpus) + ("" if corpus.commercial else "; not all of it for commerce"),
        "terms": corpus.terms,
        "to cite": corpus.citation,
        "origin": corpus.homepage,
        "maps": f"{', '.join(corpus.maps)} (for --map)" if corpus.maps else "",
        "kept at": kept,
        "fetched from": f"{bytes_in_words(corpus.size_bytes)} in {files} file{'s' if files > 1 else ''}:",
    }
    return {name: value for name, value in words.items() if value}
