"""`Index`: an archive that can be asked for sounds like a given one."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auscult.audio import find_audio_files
from auscult.classifier import Classifier, available_cores, load
from auscult.errors import InputError, UsageError
from auscult.records import FloatArray
from auscult.search.building import add_sounds, check_same_model, describe, sum_of
from auscult.search.folder import Description, Folder, Recording
from auscult.search.ranking import DIGITS, Found, Hit, best_spans, merged
from auscult.search.scan import Query, span_scores
from auscult.search.vectors import Packed, centre, mean_direction, packed

if TYPE_CHECKING:
    from auscult.scoring import AnySource

# Recordings are compared so many windows at a time, and one at least: their scores are in memory together (1 MB).
GROUP_WINDOWS = 2**18


class Index:
    """Embeddings of all windows of an archive, on disk. Made by `build`, or opened by `open`.

    What is compared are parts as long as the query: see `search`. May be used from several threads, and while another
    process adds to the index: it then answers of what was there when it was opened.

    Examples
    --------
    ``index = Index.build("nights.index", ["nights/"], auscult.load("yamnet"))``
    ``for hit in index.search("owl.wav", k=20): print(hit.source, hit.start_s, hit.score)``
    """

    def __init__(
        self, folder: Folder, description: Description, recordings: dict[str, Recording], vectors: Packed
    ) -> None:
        self._folder = folder
        self._description = description
        self._recordings = recordings
        self._vectors = vectors
        self._centre: FloatArray | None = None
        self._checked: set[str] = set()
        self._model: Classifier | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Index:
        """The index in a folder.

        Raises
        ------
        UsageError : there is none, it is damaged, or of a newer format
        """
        folder = Folder(path)
        description = folder.describe()
        try:
            index = cls._opened(folder, description)
        except UsageError:
            if folder.describe() == description:
                raise
            return cls.open(path)
        # A writer may have written it anew meanwhile, and taken the files away that counted before.
        return index if folder.describe() == description else cls.open(path)

    @classmethod
    def _opened(cls, folder: Folder, description: Description) -> Index:
        table = folder.read_table(description)
        index = cls(folder, description, table.recordings, folder.map_vectors(description, table.n_rows))
        totals = folder.read_totals(description, table)
        if totals is not None:
            index._centre = centre(totals, table.n_windows)
        return index

    @classmethod
    def build(
        cls,
        path: str | os.PathLike[str],
        sources: Iterable[str | os.PathLike[str]],
        model: Classifier,
        *,
        on_error: Callable[[InputError], None] | None = None,
        workers: int | None = None,
    ) -> Index:
        """Add recordings to the index in a folder, which is made where there is none. See `add_sounds`.

        Parameters
        ----------
        path : folder of the index
        sources : files, URLs, and folders, in which all sounds are found; recordings of a folder that are there no more
            are taken out of the index
        model : opened model that has an embedding
        on_error : called with each sound that cannot be used; None: the first is raised when all others are done
        workers : as for `Classifier.classify_many`

        Raises
        ------
        InputError : without `on_error`, where a sound cannot be used
        UsageError, OutputError : as for `add_sounds`
        """
        problems: list[InputError] = []
        told = problems.append if on_error is None else on_error
        sources = list(sources)
        folders = [one for one in sources if os.path.isdir(one)]
        for outcome in add_sounds(path, _files(sources, told), model, gone_from=folders, workers=workers):
            if isinstance(outcome, InputError):
                told(outcome)
        if problems:
            raise problems[0]
        return cls.open(path)

    def __len__(self) -> int:
        """Recordings."""
        return len(self._recordings)

    def __repr__(self) -> str:
        return f"Index({self._folder.name!r}, {len(self)} recordings, {self.n_windows} windows, {self.model_name!r})"

    @property
    def sources(self) -> tuple[str, ...]:
        """The recordings, by path or URL, in the order in which they were added; see `Hit`."""
        return tuple(map(self._folder.source_of, self._recordings))

    @property
    def n_windows(self) -> int:
        return sum(one.n_windows for one in self._recordings.values())

    @property
    def duration_s(self) -> float:
        """Of all recordings together."""
        return sum(one.duration_s for one in self._recordings.values())

    @property
    def model_name(self) -> str:
        """The model whose embeddings these are."""
        return self._description.model

    @property
    def opened_as(self) -> str:
        """What `load` opened the model by when the index was made: a path or a name."""
        return self._description.opened_as

    @property
    def hop_s(self) -> float:
        """From the start of a window to the next."""
        return self._description.hop_samples / self._description.sample_rate

    def search(
        self,
        query: AnySource,
        model: Classifier | None = None,
        *,
        k: int = 10,
        per_recording: bool = False,
        exclude: Collection[str | os.PathLike[str]] = (),
        workers: int | None = None,
    ) -> list[Hit]:
        """The parts of the archive that sound most like the query.

        Every part as long as the query is compared with it, a window apart; of a recording shorter than the query, the
        whole. The score is the cosine of the angle between the mean directions of the windows of both, seen from the
        centre of the archive (`docs/decisions/0036-search.md`): 1 for the same sound, about 0 for what is no more like
        it than the archive is on the whole. Of parts that overlap, the best is given.

        Parameters
        ----------
        query : see `Classifier`; an `Excerpt` is a part of a sound
        model : the model that the index was made with, opened; None: it is opened as it was then, and kept
        k : how many at most
        per_recording : at most one of each recording
        exclude : recordings that are passed over, such as the query's own
        workers : threads; None: one for each core this process may use

        Returns
        -------
        best first; of equal scores the one that was added first

        Raises
        ------
        InputError : the query cannot be used
        UsageError : `k` is below 1, the model is another one than that of the index, or what the index holds of a
            recording among the answers is damaged
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise UsageError(f"The 'k' parameter of search must be a whole number of at least 1. Got {k!r} instead.")
        model = self._model_for(model)
        vectors = packed(model.embed(query))
        around = self._around()
        wanted = Query(mean_direction(vectors, around), around, len(vectors))
        left_out = {name for one in exclude for name in self._folder.names_of(one)}
        with ThreadPoolExecutor(workers or available_cores()) as pool:
            return self._nearest(wanted, int(k), per_recording, left_out, pool)

    def _nearest(
        self, query: Query, k: int, per_recording: bool, left_out: set[str], pool: ThreadPoolExecutor
    ) -> list[Hit]:
        best: list[Found] = []
        name_at: dict[int, str] = {}
        for names, recordings in self._groups():
            first = recordings[0].row
            rows = np.array([one.row for one in recordings], np.int64) - first
            lengths = np.array([one.n_windows for one in recordings], np.int64)
            vectors = self._vectors[first : first + int(rows[-1] + lengths[-1])]
            scores = span_scores(vectors, rows, lengths, query, pool)
            for number in [i for i, name in enumerate(names) if name in left_out]:
                scores[rows[number] : rows[number] + lengths[number]] = -np.inf
            found = best_spans(scores, rows, lengths, span=query.span, k=k, one_each=per_recording)
            placed = [Found(one.below, one.row + first, one.recording) for one in found]
            name_at |= {one.row: names[one.recording] for one in placed}
            best = merged([best, placed], k)
            name_at = {one.row: name_at[one.row] for one in best}
        return [self._hit(name_at[one.row], one.row, query.span, one.score) for one in best]

    def _hit(self, name: str, row: int, span: int, score: float) -> Hit:
        about, recording = self._description, self._recordings[name]
        if name not in self._checked:
            self._folder.check_vectors(about, name, recording, self._vectors)
            self._checked.add(name)
        window = row - recording.row
        last = min(window + span, recording.n_windows) - 1
        end_s = (last * about.hop_samples + about.window_samples) / about.sample_rate
        return Hit(
            self._folder.source_of(name),
            window * about.hop_samples / about.sample_rate,
            min(end_s, recording.duration_s),
            round(score, DIGITS),
        )

    def _groups(self) -> Iterator[tuple[list[str], list[Recording]]]:
        """Recordings that are compared together, in the order of their rows."""
        items = iter(self._recordings.items())
        held = next(items, None)
        while held is not None:
            names, recordings = [held[0]], [held[1]]
            held = None
            for name, one in items:
                if one.row + one.n_windows - recordings[0].row > GROUP_WINDOWS:
                    held = (name, one)
                    break
                names.append(name)
                recordings.append(one)
            yield names, recordings

    def _around(self) -> NDArray[np.float32]:
        if self._centre is None:
            # A writer is at it, or was killed.
            self._centre = centre(sum_of(self._vectors, self._recordings.values()), self.n_windows)
        return self._centre

    def _model_for(self, model: Classifier | None) -> Classifier:
        if model is None:
            model = self._model or load(self.opened_as, hop_s=self.hop_s)
        if model is not self._model:
            check_same_model(self._folder, self._description, describe(model, None))
            self._model = model
        return model


def _files(sources: Iterable[str | os.PathLike[str]], told: Callable[[InputError], None]) -> Iterator[str]:
    for one in sources:
        if not os.path.isdir(one):
            yield os.fspath(one)
            continue
        try:
            found = find_audio_files(one, on_error=told)
        except InputError as problem:
            told(problem)
            continue
        yield from map(str, found)
