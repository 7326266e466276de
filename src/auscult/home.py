"""The folder where auscult keeps what it can fetch or make again: decoded sounds, named models, corpora."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder(room: str) -> Path:
    """Where things of one kind are kept: in ``$AUSCULT_HOME`` if that is set, else in the user's cache folder.

    The folder need not be there yet. All of it may be deleted whenever nothing uses it.

    Parameters
    ----------
    room : the kind, e.g. "models"

    Examples
    --------
    >>> home_folder("models").name
    'models'
    """
    if home := os.environ.get("AUSCULT_HOME"):
        return Path(home).expanduser() / room
    # Imported here: most commands need no folder.
    from platformdirs import user_cache_path

    return user_cache_path("auscult", appauthor=False) / room
