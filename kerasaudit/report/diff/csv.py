"""CSV: a row for each thing that changed, for spreadsheets and for `grep`.

`table` says what a row speaks of: "layer" (its parameters), "config", "weight" (its shape; its
dtype; whether it is trainable), "tally" (of the layer), "connection" or "total". `what` is the name
in it. A cell is empty where there is nothing, or nothing is known. A target that could not be
audited is one row with the table "failed" and its message under `new`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from kerasaudit.reconciliation.differences import Diff, LayerChange, WeightChange
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.csv import cell

__all__ = ["COLUMNS", "FORMAT", "SUFFIX", "render"]

FORMAT = "csv"
SUFFIX = ".csv"

COLUMNS = (
    *("old_target", "new_target", "table", "kind", "old_path", "new_path"),
    *("what", "old", "new", "difference"),
)


def render(results: Sequence[Diff | Failure]) -> str:
    r"""Render the changes of all diffs as one table.

    >>> render([Failure("net.py", "=not found")]).splitlines()[1]
    "net.py,,failed,,,,,,'=not found,"
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        if isinstance(result, Failure):
            failed = (result.target, None, "failed", *[None] * 5, result.message, None)
            writer.writerow(map(cell, failed))
            continue
        for row in _rows(result):
            writer.writerow(map(cell, (result.old.target, result.new.target, *row)))
    return stream.getvalue()


def _rows(diff: Diff) -> Iterator[tuple[Any, ...]]:
    for change in diff.layers:
        yield from _layer(change)
    for fed in diff.connections:
        sides = (" ".join(fed.old), " ".join(fed.new))
        what = "outputs" if fed.new_path is None else "inputs"
        yield "connection", "changed", fed.old_path, fed.new_path, what, *sides, None
    for total in diff.totals:
        if total.changed:
            figures = (total.old, total.new, total.difference)
            yield "total", "changed", None, None, total.name, *figures


def _layer(change: LayerChange) -> Iterator[tuple[Any, ...]]:
    head = (change.kind, change.old_path, change.new_path)
    params = (change.old_params, change.new_params, change.difference)
    yield "layer", *head, "params", *params
    for value in change.config:
        yield "config", *head, value.key, value.old, value.new, None
    for weight in change.weights:
        for what, *sides in _weight(weight):
            yield "weight", *head, f"{weight.name} {what}", *sides, None
    for tally in change.tallies:
        yield "tally", *head, tally.name, tally.old, tally.new, tally.difference


def _weight(weight: WeightChange) -> Iterator[tuple[Any, ...]]:
    sides = (
        ("shape", weight.old_shape, weight.new_shape),
        ("dtype", weight.old_dtype, weight.new_dtype),
        ("trainable", weight.old_trainable, weight.new_trainable),
    )
    return (side for side in sides if side[1] != side[2])
