"""JSON: the whole summary of a run, for programs.

`{"schema_version": 1, "runs": [...], "errors": [{"target", "message"}]}`. A run holds every field
of the summary under its own name: `timelines[]` are the steps in columns, `weights[]` hold a figure
for each of these columns in `level`, `bands` and the rows of `heat.values`.

What there is not is null, never 0. JSON has no NaN: a figure that was measured and is not finite is
null too, and its object names it under `non_finite_figures` with "nan", "inf" or "-inf"; the cells
of a heat map that hold such figures are listed in `heat.non_finite`. A heat map's null cell that is
not listed has no figures. The text is always the same for the same result: one line for each
weight and each finding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.gradients.wording import partition
from kerasaudit.report.json import dumps

__all__ = ["FORMAT", "SCHEMA_VERSION", "SUFFIX", "render"]

FORMAT = "json"
SUFFIX = ".json"

# Raised when a field goes or changes its meaning; a new field alone does not raise it.
SCHEMA_VERSION = 1

_NON_FINITE = "non_finite_figures"
_LAST = ("timelines", "weights", "silent")  # the long tables stand after everything else


def render(results: Sequence[RunSummary | Failure]) -> str:
    """Render results as JSON.

    >>> print(render([]).replace(chr(10), ""))
    { "schema_version": 1, "runs": [], "errors": []}
    """
    runs, failures = partition(results)
    return dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "runs": [_run(run) for run in runs],
            "errors": [{"target": f.target, "message": f.message} for f in failures],
        }
    )


def _run(run: RunSummary) -> dict[str, Any]:
    row: dict[str, Any] = _plain(run)
    del row["kernel_frames"]
    return row | {name: row.pop(name) for name in _LAST}


def _plain(value: Any) -> Any:
    """The value as JSON has it: results as objects with their fields, tuples as arrays."""
    if is_dataclass(value) and not isinstance(value, type):
        return _object({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        return _object({str(key): item for key, item in sorted(value.items())})
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _object(items: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: _plain(item) for name, item in items.items()}
    wrong = {
        name: str(item)
        for name, item in items.items()
        if isinstance(item, float) and not math.isfinite(item)
    }
    return row | {_NON_FINITE: wrong} if wrong else row
