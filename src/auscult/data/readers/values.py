"""Values of a table's fields, whatever their type: text, numbers, lists of labels, weights by label."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, Literal

from auscult.data.listing import nfc

LabelWeights = dict[str, float]
LabelForm = Literal["text", "list", "weights"]
# As pandas and spreadsheet programs write what is so and what is not.
_TRUTH = {"true": "1", "false": "0"}


def text(value: Any) -> str:
    """A value as a CSV file would hold it; what is missing is empty.

    Examples
    --------
    >>> [text(value) for value in (None, " 3", 3.0, float("nan"), "007", True)]
    ['', '3', '3', '', '007', 'True']
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def label_form(value: Any) -> LabelForm:
    """How a field holds labels: one in words, a list of them, or weights by label.

    Examples
    --------
    >>> [label_form(value) for value in ("dog", ["dog", "cat"], {"dog": 0.7}, [{"id": "dog", "weight": 0.7}])]
    ['text', 'list', 'weights', 'weights']
    """
    if isinstance(value, Mapping):
        return "weights"
    if not _is_list(value):
        return "text"
    return "weights" if any(isinstance(each, Mapping) for each in value) else "list"


def label_weights(value: Any, delimiter: str | None = None) -> LabelWeights:
    """The labels of one field, in order, and the weight of each; one where it is only named.

    Parameters
    ----------
    value : see `label_form`; as text it is one label, whatever it holds, unless there is a `delimiter`
    delimiter : what stands between labels in a text

    Raises
    ------
    ValueError : a weight that is no number in [0, 1], or a list of something else than labels

    Examples
    --------
    >>> label_weights("car, horn"), label_weights("dog; cat", ";"), label_weights({"dog": 0.7, "cat": 0.3, "cow": 0})
    ({'car, horn': 1.0}, {'dog': 1.0, 'cat': 1.0}, {'dog': 0.7, 'cat': 0.3})
    """
    form = label_form(value)
    if form == "weights":
        pairs = value.items() if isinstance(value, Mapping) else [_id_and_weight(each) for each in value]
        found = {nfc(text(name)): weight(each) for name, each in pairs}
        return {name: each for name, each in found.items() if each > 0}
    if form == "list":
        names = [_listed(each) for each in value]
    else:
        # A label keeps the spaces around it, to be refused: they are hard to see, and make another class of it.
        names = [as_written(value)] if delimiter is None else [part.strip() for part in text(value).split(delimiter)]
    return dict.fromkeys((nfc(name) for name in names if name), 1.0)


def weight(value: Any) -> float:
    """A label's weight; an empty field is 0.

    Raises
    ------
    ValueError : no number in [0, 1]

    Examples
    --------
    >>> weight("0.25"), weight(1), weight(None), weight(True), weight("False")
    (0.25, 1.0, 0.0, 1.0, 0.0)
    """
    written = text(value).casefold()
    try:
        found = float(_TRUTH.get(written, written) or 0)
    except ValueError:
        found = math.nan
    if not 0 <= found <= 1:
        raise ValueError(f"a label's weight must be a number from 0 to 1, not {value!r}")
    return found


def _id_and_weight(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, Mapping) or not {"id", "weight"} <= value.keys():
        raise ValueError(f"a list of labels with weights must hold objects with id and weight, not {value!r}")
    return value["id"], value["weight"]


def _listed(value: Any) -> str:
    """A label in a list. Fractions are not names of classes: such a list has a place for each class."""
    if value is None or isinstance(value, str | Integral):
        return as_written(value)
    raise ValueError(f"a list of labels must hold texts or whole numbers, not {value!r}")


def as_written(value: Any) -> str:
    """A label as it stands there: a text with its spaces, of anything else what `text` says."""
    return value if isinstance(value, str) else text(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)
