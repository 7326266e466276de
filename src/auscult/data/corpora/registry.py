"""The known corpora by name, and their trees on this machine.

A further corpus is a module with a `Corpus` and a line in `CORPORA`: the tests run over the table.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from auscult.data.corpora.checking import Validation, check_files
from auscult.data.corpora.esc50 import ESC10, ESC50
from auscult.data.corpora.fma_small import FMA_SMALL
from auscult.data.corpora.fsd50k import FSD50K
from auscult.data.corpora.fsdd import FSDD
from auscult.data.corpora.keeping import fetch_tree, kept_tree
from auscult.data.corpora.record import Corpus
from auscult.data.corpora.speech_commands import SPEECH_COMMANDS
from auscult.data.corpora.urbansound8k import URBANSOUND8K
from auscult.data.corpora.yesno import YESNO
from auscult.data.listing import Listing
from auscult.errors import DataError
from auscult.files import printable

_ALL = (ESC10, ESC50, URBANSOUND8K, FSDD, SPEECH_COMMANDS, YESNO, FSD50K, FMA_SMALL)
CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in _ALL}


def named_corpus(name: str) -> Corpus:
    """The card of a corpus.

    Raises
    ------
    DataError : where none has that name

    Examples
    --------
    >>> named_corpus("esc50").n_clips
    2000
    """
    if name in CORPORA:
        return CORPORA[name]
    close = difflib.get_close_matches(name.lower().replace("-", "_"), CORPORA, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"they are {', '.join(CORPORA)}."
    raise DataError(f"{name!r} is not the name of a known corpus; {hint}")


def corpus_folder(name: str, *, quiet: bool = False) -> Path:
    """The tree of a corpus, fetched, verified and unpacked if it is not here yet.

    Raises
    ------
    DataError : where none has that name, or what came cannot be unpacked
    DownloadError : where it has to be fetched and cannot be
    OutputError : where it has to be fetched and cannot be kept
    """
    return fetch_tree(named_corpus(name), quiet=quiet)


def kept_folder(name: str) -> Path | None:
    """The tree of a corpus where it is here, else None."""
    return kept_tree(named_corpus(name))


def read_corpus(name: str, folder: str | Path | None = None, *, quiet: bool = False) -> Listing:
    """List a corpus, from a tree of one's own or from the kept one.

    Raises
    ------
    DataError : `folder` is not the tree of that corpus; and those of `corpus_folder` where it is None
    """
    corpus = named_corpus(name)
    root = corpus_folder(name, quiet=quiet) if folder is None else Path(folder).absolute()
    return corpus.read(root, _table(corpus, root))


def find_corpus(root: Path) -> tuple[Corpus, Path] | None:
    """The corpus whose tree a folder is, and the file or folder that says so; None for any other folder."""
    for corpus in CORPORA.values():
        if not corpus.tree and (table := corpus.find_table(root)) is not None:
            return corpus, table
    return None


def validate(name: str, folder: str | Path | None = None, *, quiet: bool = False) -> Validation:
    """Compare the files of a corpus with their checksums.

    Parameters
    ----------
    folder : a tree of one's own; None: the kept one, which must be here
    quiet : show no progress

    Raises
    ------
    DataError : there is no such tree, or nothing that its files could be compared with
    """
    corpus = named_corpus(name)
    root = kept_tree(corpus) if folder is None else Path(folder).absolute()
    if root is None:
        raise DataError(
            f"{name}: this corpus is not here yet; fetch it with auscult data corpora get {name}, or name the folder "
            "that it is in."
        )
    if not root.is_dir():
        raise DataError(f"{printable(root)}: there is no such folder; check the path.")
    return check_files(corpus, root, quiet=quiet)


def _table(corpus: Corpus, root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{printable(root)}: there is no such folder; check the path.")
    if (table := corpus.find_table(root)) is None:
        raise DataError(
            f"{printable(root)}: this is not the tree of {corpus.title}; give the folder that its archive unpacks to."
        )
    return table
