"""The table of kernels of a run in pieces, for what cannot hold it all at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kerasaudit.gradients.columns import (
    Columns,
    chunks,
    kernel_columns,
    known_statuses,
    seen,
    silent_columns,
)

if TYPE_CHECKING:
    import pandas

    from kerasaudit.gradients.run import Run

__all__ = ["kernel_frames"]


def kernel_frames(run: Run) -> Iterator[pandas.DataFrame]:
    """The rows of the table "kernels", those of a session's silent weights after its others.

    A frame has no column for what its rows do not have; a figure that is there may be NaN.
    """
    for one in run.sessions:
        found: list[bool] | None = None
        for block in run.store.blocks(one.session):
            found = seen([block], found)
            for piece in chunks(block, one.inventory.kernels):
                yield _frame(kernel_columns(piece, one.inventory, one.session))
        silent = silent_columns(one.inventory, one.session, known_statuses(one.inventory, found))
        if len(silent["session"]):
            yield _frame(silent)


def _frame(columns: Columns) -> pandas.DataFrame:
    import pandas

    if "histogram" in columns:
        columns = {**columns, "histogram": columns["histogram"].tolist()}
    return pandas.DataFrame(columns)
