"""Files of single recordings: what is made of each once it was searched, such as clips of its events or a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from auscult.archive.results import Results, Searched
from auscult.data.writers import event_file_names
from auscult.errors import AuscultError
from auscult.records import Event

#: From a recording, its name among all (with folders, without ending) and its events, to files and what is wrong with
#: them.
Maker = Callable[[Searched, str, list[Event]], Iterable[tuple[Path, AuscultError | None]]]


def make_of_each(journal: Results, makers: Mapping[str, Maker], tell: Callable[[AuscultError], None]) -> int:
    """Make what was not made yet, and remove what was made before of events that are no more.

    A recording whose files could not all be made is tried again by the next run. After a kill, files are made again.

    Parameters
    ----------
    makers : by a word that says what is made, how and where to; another word is another thing
    tell : called with each problem

    Returns
    -------
    how many files could not be made
    """
    n_failed = 0
    for what, maker in makers.items():
        names = event_file_names((one.name for one in journal.searched()), "")
        # Before others are made, which may be called so now; and forgotten only after that, whatever comes between.
        for left_over in journal.leave(what, names):
            Path(left_over).unlink(missing_ok=True)
        journal.have_left(what)
        for searched in journal.unmade(what):
            before = journal.made(searched.source, what)
            now: set[str] = set()
            failed = 0
            name = names[searched.name]
            for path, problem in maker(searched, name, list(journal.events_of(searched.source))):
                if problem is None:
                    now.add(str(path))
                else:
                    failed += 1
                    tell(problem)
            for gone in before - now:
                Path(gone).unlink(missing_ok=True)
            journal.keep_made(searched.source, what, now, name=name, is_complete=not failed)
            n_failed += failed
    return n_failed
