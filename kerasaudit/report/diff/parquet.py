"""Parquet: the table of layers of all diffs with its types, for DuckDB, Spark and pandas.

It needs pyarrow, which the extra `[parquet]` installs. A target that could not be audited is one
row with the kind "failed" and its message under `reason`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.diff.frame import TABLES
from kerasaudit.report.parquet import encoded, with_texts

if TYPE_CHECKING:
    import pandas

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "parquet"
SUFFIX = ".parquet"


def render(results: Sequence[Diff | Failure]) -> bytes:
    """Render the layers of all diffs as one Parquet file.

    Raises:
        TargetError: pyarrow is not installed.
    """
    return encoded([_frame(result) for result in results])


def _frame(result: Diff | Failure) -> pandas.DataFrame:
    import pandas

    if isinstance(result, Failure):
        row = {"old_target": result.target, "kind": "failed", "reason": result.message}
        return pandas.DataFrame([row], dtype="string")
    targets = {"old_target": result.old.target, "new_target": result.new.target}
    return with_texts(result.to_frame("layers"), TABLES["layers"], targets)
