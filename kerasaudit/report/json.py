"""JSON: the whole result, for programs.

`{"schema_version": 1, "audits": [...], "errors": [{"target", "code", "message"}]}`. An audit holds
every field of the result under its own name, but where in a source file something stands; what is
not known is null, never 0. The text is strict JSON and always the same for the same result: one
line for each layer, weight, call, claim and finding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.wording import partition

__all__ = ["FORMAT", "SCHEMA_VERSION", "SUFFIX", "dumps", "plain", "render"]

FORMAT = "json"
SUFFIX = ".json"

# Raised when a field goes or changes its meaning; a new field alone does not raise it.
SCHEMA_VERSION = 1

# An object nested no deeper than this has a line for each of its keys, a deeper one is one line.
_OBJECT_DEPTH = 2
# Rows (lists of objects) nested no deeper than this have a line each: the weights of a layer.
_ROWS_DEPTH = 5


def render(results: Sequence[Audit | Failure]) -> str:
    r"""Render results as JSON.

    >>> print(render([Failure("missing.py", "no such file")]))
    {
     "schema_version": 1,
     "audits": [],
     "errors": [
      {
       "target": "missing.py",
       "code": null,
       "message": "no such file"
      }
     ]
    }
    <BLANKLINE>
    """
    audits, failures = partition(results)
    document = {
        "schema_version": SCHEMA_VERSION,
        "audits": [plain(audit) for audit in audits],
        "errors": [
            {"target": failure.target, "code": failure.code, "message": failure.message}
            for failure in failures
        ],
    }
    return dumps(document)


def dumps(document: Any) -> str:
    """A document as strict JSON: a line for each row, an object deep down on one line."""
    return _text(document, 0) + "\n"


def plain(value: Any) -> Any:
    """The value as JSON has it: results as objects with their fields, tuples as arrays."""
    if is_dataclass(value) and not isinstance(value, type):
        # Where something stands is for annotations: a line moves without a figure changing.
        names = [field.name for field in fields(value) if field.name != "location"]
        row = {name: plain(getattr(value, name)) for name in names}
        if "weights" in row:  # last, so that a layer's own figures stand together
            row["weights"] = [_without_layer(weight) for weight in row.pop("weights")]
        return row
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def _without_layer(weight: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in weight.items() if key != "layer"}


def _text(value: Any, depth: int) -> str:
    if isinstance(value, dict) and value:
        items = [f"{_scalar(key)}: {_text(item, depth + 1)}" for key, item in value.items()]
        return _join("{", items, "}", depth, broken=depth <= _OBJECT_DEPTH)
    if isinstance(value, list) and value:
        items = [_text(item, depth + 1) for item in value]
        rows = depth <= _ROWS_DEPTH and isinstance(value[0], dict)
        return _join("[", items, "]", depth, broken=rows)
    return _scalar(value)


def _join(opening: str, items: list[str], closing: str, depth: int, *, broken: bool) -> str:
    if not broken:
        return opening + ", ".join(items) + closing
    indent = "\n" + " " * (depth + 1)
    return opening + indent + f",{indent}".join(items) + "\n" + " " * depth + closing


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
