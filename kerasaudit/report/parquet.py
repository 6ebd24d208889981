"""Parquet: the table of layers as `csv` has it, with its types, for DuckDB, Spark and pandas.

It needs pyarrow, which the extra `[parquet]` installs. A target that could not be audited is one
row with the status "failed" and its message under `reason`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kerasaudit.errors import TargetError
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.frame import TABLES

if TYPE_CHECKING:
    import pandas

__all__ = ["FORMAT", "SUFFIX", "encoded", "render", "with_texts"]

FORMAT = "parquet"
SUFFIX = ".parquet"


def render(results: Sequence[Audit | Failure]) -> bytes:
    """Render the layers of all audits as one Parquet file.

    Raises:
        TargetError: pyarrow is not installed.
    """
    return encoded([_frame(result) for result in results])


def encoded(frames: Sequence[pandas.DataFrame]) -> bytes:
    """The frames one after the other as a Parquet file."""
    import pandas

    stream = io.BytesIO()
    table = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    try:
        table.to_parquet(stream, engine="pyarrow", index=False)
    except ImportError as error:
        raise TargetError(
            "a Parquet report needs pyarrow: pip install 'kerasaudit[parquet]'"
        ) from error
    return stream.getvalue()


def _frame(result: Audit | Failure) -> pandas.DataFrame:
    """The layers with the audit's target and model before them, tuples written out as text."""
    import pandas

    if isinstance(result, Failure):
        row = {"target": result.target, "status": "failed", "reason": result.message}
        return pandas.DataFrame([row], dtype="string")
    names = {"target": result.target, "model": result.name}
    return with_texts(result.to_frame("layers"), TABLES["layers"], names)


def with_texts(
    frame: pandas.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    first: Mapping[str, str],
) -> pandas.DataFrame:
    """A frame with tuples written out as text, and columns of one text each put before the rest."""
    import pandas

    for name, (dtype, _) in columns.items():
        if dtype == "object":
            texts = [None if value is None else str(value) for value in frame[name]]
            frame[name] = pandas.Series(texts, dtype="string", index=frame.index)
    for position, (name, value) in enumerate(first.items()):
        column = pandas.Series([value] * len(frame), dtype="string", index=frame.index)
        frame.insert(position, name, column)
    return frame
