"""CSV: a row for each marked figure of each document, for spreadsheets and for `grep`.

A cell is empty where there is nothing, or nothing is known. A file that could not be read is one
row with the status "failed" and the reason under `message`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields

from kerasaudit.reconciliation.prose.document import Document, ProseClaim
from kerasaudit.reconciliation.result import Failure
from kerasaudit.reconciliation.truth import in_words
from kerasaudit.report.csv import cell

__all__ = ["COLUMNS", "FORMAT", "SUFFIX", "render"]

FORMAT = "csv"
SUFFIX = ".csv"

_FIELDS = tuple(field.name for field in fields(ProseClaim))
COLUMNS = ("file", *_FIELDS)


def render(results: Sequence[Document | Failure]) -> str:
    r"""Render the figures of all documents as one table.

    >>> render([Failure("a.md", "=not found")]).splitlines()[1]
    "a.md,,,,,,,,,,failed,'=not found,"
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        if isinstance(result, Failure):
            row = dict.fromkeys(_FIELDS) | {"status": "failed", "message": result.message}
            writer.writerow(map(cell, (result.target, *row.values())))
            continue
        for claim in result.claims:
            values = (getattr(claim, name) for name in _FIELDS)
            shown = (in_words(one) if isinstance(one, tuple) else one for one in values)
            writer.writerow(map(cell, (result.target, *shown)))
    return stream.getvalue()
