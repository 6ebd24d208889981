"""CSV: the table of layers, a row for each layer of each audit, for spreadsheets.

Figures are raw integers, a cell is empty where nothing is known. A target that could not be
audited is one row with the status "failed" and its message under `reason`, a budget one after the
layers, without figures of its own (so that a column sums to the model) and with what is taken of it
under `reason`.

A spreadsheet takes a text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
formula, and names come from files that others wrote: such a text has an apostrophe put before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from kerasaudit.reconciliation.result import Audit, BudgetRow, Failure, LayerRow
from kerasaudit.report import wording
from kerasaudit.report.wording import printable

__all__ = ["COLUMNS", "FORMAT", "SUFFIX", "cell", "render", "text_cell"]

FORMAT = "csv"
SUFFIX = ".csv"

# The columns between these and the model's own are the fields of `LayerRow` of the same name.
_LAYER_COLUMNS = (
    "path",
    "class_name",
    "status",
    "formula",
    "working",
    "derived",
    "observed",
    "stored",
    "reported",
    "trainable",
    "non_trainable",
    "macs",
    "output_shape",
    "calls",
    "reason",
    "logical",
    "adapter",
    "bytes",
    "dtype_policy",
    "activation_elements",
    "activation_bytes",
    "receptive_field",
    "effective_stride",
    "effective_padding",
    "backward_macs",
)
COLUMNS = ("target", "model", *_LAYER_COLUMNS)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(results: Sequence[Audit | Failure]) -> str:
    r"""Render the layers of all audits as one table.

    >>> render([Failure("net.py", "=not found")]).splitlines()[1]
    "net.py,,,,failed,,,,,,,,,,,,'=not found,,,,,,,,,,"
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        if isinstance(result, Failure):
            known = {
                "target": result.target,
                "status": "failed" if result.code is None else "findings",
                "reason": result.message,
            }
            writer.writerow([cell(known.get(column)) for column in COLUMNS])
            continue
        for layer in result.layers:
            writer.writerow(_row(result, layer))
        for budget in result.budgets:
            writer.writerow(_budget_row(result, budget))
    return stream.getvalue()


def _row(audit: Audit, layer: LayerRow) -> list[str | int | float]:
    values = (getattr(layer, column) for column in _LAYER_COLUMNS)
    return [cell(value) for value in (audit.target, audit.name, *values)]


def _budget_row(audit: Audit, budget: BudgetRow) -> list[str | int | float]:
    known = {
        "target": audit.target,
        "model": audit.name,
        "path": budget.subject,
        "status": wording.budget_status(audit, budget),
        "reason": f"budget: {wording.budget(budget)}",
    }
    return [cell(known.get(column)) for column in COLUMNS]


def cell(value: object) -> str | int | float:
    """A figure as it is, nothing as an empty cell, a text so that no program takes it amiss."""
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return value
    return text_cell(str(value))


def text_cell(text: str) -> str:
    """A text so that no spreadsheet takes it for a formula.

    >>> text_cell("=1+1"), text_cell("conv2d")
    ("'=1+1", 'conv2d')
    """
    return printable(f"'{text}" if text.startswith(_FORMULA_STARTS) else text)
