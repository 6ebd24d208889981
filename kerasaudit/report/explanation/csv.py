"""CSV: the table of the chosen element's paths, the largest first.

Its columns are those of `Explanation.paths`, with "element" before them; of several models, "model"
stands first. An index is written with spaces between its parts, counted from 0.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from kerasaudit.backprop.lesson import Lesson
from kerasaudit.errors import TargetError
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.csv import text_cell
from kerasaudit.report.explanation.wording import element, partition

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "csv"
SUFFIX = ".csv"


def render(results: Sequence[Lesson | Failure]) -> str:
    """Render the paths of all lessons as one table.

    Raises:
        TargetError: a lesson could not be made.
    """
    import pandas

    lessons, failures = partition(results)
    if failures:
        raise TargetError(f"{failures[0].target}: {failures[0].message}")
    frames = []
    for lesson in lessons:
        frame = lesson.explanation.paths
        frame.insert(0, "element", text_cell(element(lesson.explanation)))
        if len(lessons) > 1:
            frame.insert(0, "model", text_cell(lesson.name))
        frames.append(frame.map(_cell))
    whole = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    stream = io.StringIO()
    whole.to_csv(stream, index=False, lineterminator="\n")
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return float(f"{value:.10g}") if isinstance(value, float) else value
