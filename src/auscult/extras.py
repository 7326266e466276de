"""The one place that knows which optional packages belong to which extra."""

from __future__ import annotations

import importlib
import importlib.util
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
        raise _missing(error.name, extra, purpose) from error


def require_installed(package: str, *, extra: str, purpose: str) -> None:
    """Say early how to install a package that is imported only later, or never: some take seconds to import.

    Parameters and errors are those of `require_extra`; `package` is a top-level one.

    Examples
    --------
    >>> require_installed("json", extra="plot", purpose="drawing plots")
    """
    if importlib.util.find_spec(package) is None:
        raise _missing(package, extra, purpose)


def _missing(package: str, extra: str, purpose: str) -> MissingExtraError:
    return MissingExtraError(
        f"{purpose} needs the package {package!r}, which is not installed; "
        f'install it with: pip install "auscult[{extra}]"'
    )
