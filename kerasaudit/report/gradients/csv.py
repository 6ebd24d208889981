"""CSV: the table of kernels of a run, a row for each kernel and recorded step.

Its columns are those of `kerasaudit.gradients.tables`; with several runs, `run` stands before them.
It is written piece by piece as it is read: it may be far larger than memory. A cell is empty where
there is nothing; a figure that was measured and is not a number is "nan". A text that a spreadsheet
would take for a formula has an apostrophe put before it. Names are written as they are, but for
characters that do not print.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import TargetError
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.gradients.tables import columns_of
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.csv import text_cell
from kerasaudit.report.gradients.wording import partition

if TYPE_CHECKING:
    import pandas

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "csv"
SUFFIX = ".csv"


def render(results: Sequence[RunSummary | Failure]) -> Iterator[str]:
    """Render the kernels of all runs as one table, in pieces of text.

    Raises:
        TargetError: a run does not have the table at hand, or could not be read.
    """
    runs, failures = partition(results)
    if failures:
        raise TargetError(f"{failures[0].target}: {failures[0].message}")
    for run in runs:
        if run.kernel_frames is None:
            raise TargetError(f"{run.name}: the table of its kernels is not at hand")
    statistics = list(dict.fromkeys(name for run in runs for name in run.statistics))
    columns = list(columns_of("kernels", statistics))
    several = len(runs) > 1
    return _pieces(runs, ["run", *columns] if several else columns)


def _pieces(runs: Sequence[RunSummary], columns: list[str]) -> Iterator[str]:
    yield ",".join(columns) + "\n"
    for run in runs:
        assert run.kernel_frames is not None
        for frame in run.kernel_frames():
            yield _text(frame.assign(run=run.name) if "run" in columns else frame, columns)


def _text(frame: pandas.DataFrame, columns: Sequence[str]) -> str:
    import pandas

    whole = pandas.DataFrame(
        {name: _cells(frame[name]) if name in frame else "" for name in columns},
        index=frame.index,
    )
    stream = io.StringIO()
    whole.to_csv(stream, index=False, header=False, lineterminator="\n", na_rep="nan")
    return stream.getvalue()


def _cells(column: pandas.Series[Any]) -> Any:
    """Figures as they are; texts so that no program takes them amiss; nothing as an empty cell."""
    import pandas

    if column.dtype.kind in "fiub" and isinstance(column.dtype, _numpy_dtype()):
        return column
    if isinstance(column.dtype, pandas.CategoricalDtype):
        names = {name: text_cell(name) for name in column.cat.categories}
        return column.astype(object).map(names).where(column.notna(), "")
    return column.astype(object).map(_cell)


def _cell(value: Any) -> Any:
    import pandas

    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None or value is pandas.NA else value


def _numpy_dtype() -> type:
    import numpy as np

    return np.dtype
