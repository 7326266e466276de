"""Nearest sounds in an archive: an index of embeddings on disk, made once, searched in any number of times.

::

    sounds -> Classifier.window_scores(output="embedding") -> packed -> INDEX/        building.py, vectors.py, folder.py
    query  -> the same -> its mean direction -> compared with every part of the archive that is as long -> hits
                                                                                      scan.py, ranking.py

`Index` in `index.py` is what users call.
"""

from auscult.search.building import Added, add_sounds
from auscult.search.index import Index
from auscult.search.ranking import Hit

__all__ = ["Added", "Hit", "Index", "add_sounds"]
