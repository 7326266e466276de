"""The one place that knows which optional packages belong to which extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from auscult.errors import MissingExtraError


def require_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package where it is used, or say how to install it.

    Parameters
    ----------
    module : name to import, e.g. ``"matplotlib.figure"``
    extra : name of auscult's extra that brings it, e.g. ``"plot"``
    purpose : what needs it, as the subject of a sentence, e.g. ``"drawing plots"``

    Raises
    ------
    MissingExtraError : with the exact pip command, when the package is absent

    Examples
    --------
    >>> require_extra("json", extra="plot", purpose="drawing plots").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Only the package itself may be absent; a broken dependency inside it is a different fault.
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{purpose} needs the package {error.name!r}, which is not installed; "
            f'install it with: pip install "auscult[{extra}]"'
        ) from error
