"""JSON: every marked figure of every document, for programs.

`{"schema_version": 1, "documents": [...], "errors": [{"target", "message"}]}`. A document holds
every field of the result under its own name. What is not known is null, never 0. The text is always
the same for the same result: one line for each figure and finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerasaudit.reconciliation.prose.document import Document
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.documents.wording import partition
from kerasaudit.report.json import dumps, plain

__all__ = ["FORMAT", "SCHEMA_VERSION", "SUFFIX", "render"]

FORMAT = "json"
SUFFIX = ".json"

# Raised when a field goes or changes its meaning; a new field alone does not raise it.
SCHEMA_VERSION = 1


def render(results: Sequence[Document | Failure]) -> str:
    """Render results as JSON.

    >>> print(render([]).replace(chr(10), ""))
    { "schema_version": 1, "documents": [], "errors": []}
    """
    documents, failures = partition(results)
    return dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "documents": [plain(document) for document in documents],
            "errors": [{"target": one.target, "message": one.message} for one in failures],
        }
    )
