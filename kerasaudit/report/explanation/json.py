"""JSON: every explained element with its paths and sums, for programs.

`{"schema_version": 1, "explanations": [...], "errors": [{"target", "message"}]}`. An explanation
has the model's `grids[]` (flat, in row-major order, of the first example), `weights[]` and
`elements[]`; an element its `gradient`, `count` of paths, `stages[]` and listed `paths[]`, each
with its `factors[]`, `symbols[]` and `product`. Figures are rounded to 10 digits, so that the text
is the same on every machine. JSON has no NaN: a figure that is not finite is null.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kerasaudit.backprop.lesson import Lesson
from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.explanation.wording import partition
from kerasaudit.report.json import dumps

__all__ = ["FORMAT", "SCHEMA_VERSION", "SUFFIX", "render"]

FORMAT = "json"
SUFFIX = ".json"
SCHEMA_VERSION = 1


def render(results: Sequence[Lesson | Failure]) -> str:
    """Render results as JSON.

    >>> print(render([]).replace(chr(10), ""))
    { "schema_version": 1, "explanations": [], "errors": []}
    """
    lessons, failures = partition(results)
    return dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "explanations": [_lesson(lesson) for lesson in lessons],
            "errors": [{"target": f.target, "message": f.message} for f in failures],
        }
    )


def _lesson(lesson: Lesson) -> dict[str, Any]:
    return {
        "name": lesson.name,
        "target": lesson.target,
        "loss_name": lesson.loss_name,
        "loss": _rounded(lesson.loss),
        "examples": lesson.examples,
        "y": lesson.y,
        "chosen": lesson.chosen,
        "grids": [
            {
                "symbol": str(grid.name),
                "layer": grid.path,
                "class_name": grid.class_name,
                "shape": list(grid.shape),
                "values": [_rounded(value) for value in grid.values],
                "winners": sorted(grid.winners),
            }
            for grid in lesson.grids
        ],
        "weights": [
            {
                "symbol": str(weight.name),
                "path": weight.path,
                "shape": list(weight.shape),
                "values": [_rounded(value) for value in weight.values],
            }
            for weight in lesson.weights
        ],
        "elements": [_element(one) for one in lesson.explanations],
    }


def _element(one: Explanation) -> dict[str, Any]:
    return {
        "weight": one.weight,
        "index": list(one.index),
        "symbol": str(one.symbol),
        "value": _rounded(one.value),
        "gradient": _rounded(one.gradient),
        "count": one.count,
        "formula": one.formula,
        "numbers": one.numbers,
        "stages": [
            {
                "symbol": str(stage.name),
                "layer": stage.path,
                "positions": stage.positions,
                "paths": stage.paths,
                "gradient": _rounded(stage.gradient),
            }
            for stage in one.sums
        ],
        "paths": [
            {
                "example": path.example,
                "symbols": [str(link.equals or link) for link in path.links],
                "factors": [_rounded(link.value) for link in path.links],
                "product": _rounded(path.product),
            }
            for path in one.chains
        ],
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None
