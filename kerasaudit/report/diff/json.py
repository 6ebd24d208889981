"""JSON: the whole diff, for programs.

`{"schema_version": 1, "diffs": [...], "errors": [{"target", "message"}]}`. A diff holds every field
of the result under its own name, and `differs`; a layer also the `difference` of its parameters.
What is not known, or not there, is null, never 0. The text is always the same for the same result:
one line for each layer, value, weight, connection and tally.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.diff.wording import partition
from kerasaudit.report.json import dumps, plain

__all__ = ["FORMAT", "SCHEMA_VERSION", "SUFFIX", "render"]

FORMAT = "json"
SUFFIX = ".json"

# Raised when a field goes or changes its meaning; a new field alone does not raise it.
SCHEMA_VERSION = 1


def render(results: Sequence[Diff | Failure]) -> str:
    """Render results as JSON.

    >>> print(render([]).replace(chr(10), ""))
    { "schema_version": 1, "diffs": [], "errors": []}
    """
    diffs, failures = partition(results)
    return dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "diffs": [_diff(diff) for diff in diffs],
            "errors": [{"target": f.target, "message": f.message} for f in failures],
        }
    )


def _diff(diff: Diff) -> dict[str, Any]:
    row: dict[str, Any] = plain(diff)
    for layer, change in zip(row["layers"], diff.layers, strict=True):
        layer["difference"] = change.difference
    long = {name: row.pop(name) for name in ("totals", "layers", "connections")}
    return row | {"differs": diff.differs} | long
