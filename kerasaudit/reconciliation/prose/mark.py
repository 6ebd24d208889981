"""What a mark asks for: `kerasaudit: TARGET [LAYER] QUANTITY`, or the columns of a table.

A word with spaces in it stands in double quotes. The mark of a table stands above it,
`kerasaudit: table target=TEMPLATE QUANTITY=HEADER …`, and asks for a figure in each row; `{Header}`
in the template is the row's cell under that header. With `layer=TEMPLATE` the figures are those of
a layer, or of the whole model where that says "total".
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kerasaudit.errors import MarkError
from kerasaudit.reconciliation.truth import QUANTITIES

__all__ = ["Mark", "TableMark", "filled", "is_mark", "read_mark"]

_SIGN = re.compile(r"\s*kerasaudit\s*:")
_FORM = "TARGET [LAYER] QUANTITY"
_TABLE_FORM = "table target=TEMPLATE [layer=TEMPLATE] QUANTITY=HEADER"
_HOLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Mark:
    """A quantity of a target, or of a layer of it."""

    target: str
    layer: str | None
    quantity: str


@dataclass(frozen=True, slots=True)
class TableMark:
    """For each row of a table a target, from its cells; `columns` give a quantity's header."""

    target: str
    layer: str | None
    columns: Mapping[str, str]


def is_mark(comment: str) -> bool:
    """Whether a comment speaks to kerasaudit.

    >>> is_mark(" kerasaudit: zoo:lenet5 params "), is_mark(" audit ")
    (True, False)
    """
    return _SIGN.match(comment) is not None


def read_mark(comment: str) -> Mark | TableMark:
    """What the mark in a comment asks for.

    Raises:
        MarkError: it is not of either form, or there is no such quantity.

    >>> read_mark("kerasaudit: zoo:lenet5 conv1 params")
    Mark(target='zoo:lenet5', layer='conv1', quantity='params')
    """
    words = _words(_SIGN.sub("", comment, count=1))
    if words[:1] == ["table"]:
        return _table_mark(words[1:])
    if not 2 <= len(words) <= 3:
        received = " ".join(words) or "nothing"
        raise MarkError(f"expected a mark of the form {_FORM}, received {received}")
    layer = words[1] if len(words) == 3 else None
    return Mark(words[0], layer, _quantity(words[-1], of_layer=layer is not None))


def filled(template: str, cells: Mapping[str, str]) -> str:
    """A template with the cells of a row in it.

    Raises:
        MarkError: no column has a header that it names.

    >>> filled("zoo:{model}", {"model": "lenet5"})
    'zoo:lenet5'
    """
    return _HOLE.sub(lambda hole: cells[header(hole[1], cells)], template)


def header(name: str, headers: Iterable[str]) -> str:
    """The header of that name, as it is written in the table.

    Raises:
        MarkError: there is none.
    """
    known = list(headers)
    for one in known:
        if one.casefold() == name.strip().casefold():
            return one
    raise MarkError(f"the table has no column {name!r}; it has {', '.join(known)}")


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    lexer.quotes, lexer.escape = '"', ""
    try:
        return list(lexer)
    except ValueError as error:
        raise MarkError(f"a quotation mark is not closed in {text.strip()}") from error


def _table_mark(words: list[str]) -> TableMark:
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise MarkError(f"expected a mark of the form {_TABLE_FORM}, received {word}")
        if name in values:
            raise MarkError(f"{name}= stands twice in the mark of a table")
        values[name] = value
    target, layer = values.pop("target", None), values.pop("layer", None)
    if target is None or not values:
        raise MarkError(f"expected a mark of the form {_TABLE_FORM}, received {' '.join(words)}")
    of_layer = layer is not None
    columns = {_quantity(name, of_layer=of_layer): value for name, value in values.items()}
    return TableMark(target, layer, columns)


def _quantity(name: str, *, of_layer: bool) -> str:
    found = QUANTITIES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, QUANTITIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(QUANTITIES)}"
        raise MarkError(f"no quantity is named {name}; {hint}")
    if not (found.of_layer if of_layer else found.of_model):
        whole, part = ("a whole model", "a layer")
        asked, has = (part, whole) if of_layer else (whole, part)
        raise MarkError(f"{name} is of {has}, and is asked for of {asked}")
    return name
