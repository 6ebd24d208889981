"""The tables of a recording as pandas DataFrames, from whatever store its blocks lie in.

Only what a filter lets through is ever held: blocks are read one by one and cut in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.columns import (
    Columns,
    chunks,
    element_columns,
    element_positions,
    kernel_columns,
    known_statuses,
    seen,
    silent_columns,
    step_columns,
    weight_columns,
)
from kerasaudit.gradients.session import Session
from kerasaudit.gradients.tables import columns_of

if TYPE_CHECKING:
    import pandas

__all__ = ["Reader", "to_frame"]

# The blocks of a session, of their columns only the given ones: statistics, "elements".
Reader = Callable[[int, Sequence[str]], Iterable[Block]]


def to_frame(
    table: str, sessions: Sequence[Session], read: Reader, filters: Mapping[str, Any]
) -> pandas.DataFrame:
    """One table as a DataFrame; `TABLES` documents its columns.

    In "kernels", the weights without a gradient stand after the recorded rows of their session.

    Args:
        table: "kernels", "steps", "weights" or "elements".
        sessions: the sessions, in order.
        read: gives their blocks.
        filters: for some columns, the value, or the values (a list, tuple, set or range), that a
            row must have to be kept.

    Raises:
        ConfigError: there is no such table, or no such column in it to filter by.

    >>> to_frame("steps", [], lambda session, columns: [], {"tap": "raw"}).shape
    (0, 10)
    """
    import pandas

    statistics = list(dict.fromkeys(name for one in sessions for name in one.statistics))
    wide = any(one.inventory.dtype == "float64" for one in sessions)
    dtypes = columns_of(table, statistics, "float64" if wide else "float32")
    wanted = {name: _wanted(table, dtypes, name, value) for name, value in filters.items()}
    pieces = [
        _kept(columns, wanted)
        for one in sessions
        if "session" not in wanted or one.session in wanted["session"]
        for columns in _PIECES[table](one, read)
    ]
    frame = pandas.DataFrame(
        {
            name: _series([(piece.get(name), rows) for piece, rows in pieces], dtype)
            for name, dtype in dtypes.items()
        }
    )
    if "epoch" in frame:  # a block says −1 where there is none
        frame["epoch"] = frame["epoch"].mask(frame["epoch"] < 0)
    return frame


def _kernels(one: Session, read: Reader) -> Iterator[Columns]:
    found: list[bool] | None = None
    for block in read(one.session, one.statistics):
        found = seen([block], found)
        for piece in chunks(block, one.inventory.kernels):
            yield kernel_columns(piece, one.inventory, one.session)
    yield silent_columns(one.inventory, one.session, known_statuses(one.inventory, found))


def _steps(one: Session, read: Reader) -> Iterator[Columns]:
    for block in read(one.session, ()):
        yield step_columns(block, one.session)


def _weights(one: Session, read: Reader) -> Iterator[Columns]:
    found = seen(read(one.session, ()))
    yield weight_columns(one.inventory, one.session, known_statuses(one.inventory, found))


def _elements(one: Session, read: Reader) -> Iterator[Columns]:
    for block in read(one.session, ("elements",)):
        positions = element_positions(block)
        if positions:
            rows = sum(block.elements[position][0][:1].size for position in positions)
            for piece in chunks(block, rows):
                yield element_columns(piece, one.inventory, one.session)


_PIECES: Mapping[str, Callable[[Session, Reader], Iterator[Columns]]] = {
    "kernels": _kernels,
    "steps": _steps,
    "weights": _weights,
    "elements": _elements,
}


def _wanted(table: str, dtypes: Mapping[str, str], name: str, value: Any) -> list[Any]:
    known = [column for column, dtype in dtypes.items() if dtype != "object"]
    if name not in known:
        raise ConfigError(f"no filter {name!r} in {table}: expected one of {', '.join(known)}")
    return list(value) if isinstance(value, list | tuple | set | frozenset | range) else [value]


def _kept(columns: Columns, wanted: Mapping[str, list[Any]]) -> tuple[Columns, int]:
    """The rows that all filters let through, and how many they are."""
    import numpy as np
    import pandas

    keep = np.ones(len(columns["session"]), dtype=bool)
    for name, values in wanted.items():
        keep &= pandas.Series(columns[name]).isin(values) if name in columns else False
    kept = {name: column[keep] for name, column in columns.items()} if wanted else dict(columns)
    if "histogram" in kept:  # so that pieces with and without one stand in one column
        counts = kept["histogram"]
        kept["histogram"] = np.empty(len(counts), dtype=object)
        kept["histogram"][:] = counts.tolist()
    return kept, int(keep.sum())


def _series(parts: Sequence[tuple[Any, int]], dtype: str) -> pandas.Series[Any]:
    """A column of the parts one below the other; a part that is `None` is null in its rows."""
    import numpy as np
    import pandas
    from pandas.api.types import union_categoricals

    parts = [(column, rows) for column, rows in parts if rows]
    if dtype == "category":
        none = pandas.Index([""])[:0]
        categoricals = [
            pandas.Categorical.from_codes(np.full(rows, -1), categories=none)
            if column is None
            else column
            for column, rows in parts
        ]
        return pandas.Series(
            union_categoricals(categoricals)
            if categoricals
            else pandas.Categorical.from_codes([], categories=none)
        )
    known = np.concatenate([np.empty(0, bool), *(np.full(n, c is not None) for c, n in parts)])
    if dtype in {"Int64", "Int32"}:
        kind = dtype.lower()
        data = _stacked(parts, 0, kind)
        return pandas.Series(pandas.arrays.IntegerArray(data, ~known))
    if dtype in {"object", "string"}:
        return pandas.Series(_stacked(parts, None, "object"), dtype=dtype)
    return pandas.Series(_stacked(parts, np.nan, dtype))


def _stacked(parts: Sequence[tuple[Any, int]], null: Any, dtype: str) -> Any:
    import numpy as np

    filled = [np.full(rows, null) if column is None else column for column, rows in parts]
    return np.concatenate([np.empty(0, dtype), *(np.asarray(f, dtype=dtype) for f in filled)])
