"""Exit codes of what was audited.

0 clean; 1 findings; 2 could not run or not fully audited (outranks 1); 3 nothing audited or
recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasaudit.gradients.summary import RunSummary
    from kerasaudit.reconciliation.differences import Diff
    from kerasaudit.reconciliation.prose.document import Document
    from kerasaudit.reconciliation.result import Audit, Failure

__all__ = [
    "CLEAN",
    "FINDINGS",
    "INCOMPLETE",
    "NOTHING",
    "failures_in",
    "of_audits",
    "of_diff",
    "of_documents",
    "of_runs",
]

CLEAN, FINDINGS, INCOMPLETE, NOTHING = 0, 1, 2, 3


def of_audits(results: Sequence[Audit | Failure]) -> int:
    """The code of audits; a failure that is a finding beside the models counts as one.

    >>> of_audits([])
    0
    """
    from kerasaudit.reconciliation.result import Failure

    failures = [failure for failure in failures_in(results) if failure.code is None]
    if failures and len(failures) == len(results):
        return NOTHING if all(failure.nothing for failure in failures) else INCOMPLETE
    statuses = {result.status for result in results if not isinstance(result, Failure)}
    if failures or "incomplete" in statuses:
        return INCOMPLETE
    return FINDINGS if "findings" in statuses or failures_in(results) else CLEAN


def of_diff(results: Sequence[Diff | Failure]) -> int:
    """The code of a diff, or of the failures of its sides."""
    from kerasaudit.reconciliation.result import Failure

    failures = failures_in(results)
    if failures:
        nothing = len(failures) == 2 and all(failure.nothing for failure in failures)
        return NOTHING if nothing else INCOMPLETE
    statuses = {"equal": CLEAN, "different": FINDINGS, "incomplete": INCOMPLETE}
    return next(statuses[one.status] for one in results if not isinstance(one, Failure))


def of_documents(results: Sequence[Document | Failure]) -> int:
    """The code of documents whose figures were judged; without a figure nothing was."""
    from kerasaudit.reconciliation.result import Failure

    documents = [result for result in results if not isinstance(result, Failure)]
    statuses = {document.status for document in documents}
    if len(documents) < len(results) or "incomplete" in statuses:
        return INCOMPLETE
    if not any(document.claims for document in documents):
        return NOTHING
    return FINDINGS if "findings" in statuses else CLEAN


def of_runs(summaries: Sequence[RunSummary]) -> int:
    """The code of recorded runs; one in which nothing is recorded is not whole."""
    if not any(summary.streams for summary in summaries):
        return NOTHING
    statuses = {summary.status for summary in summaries}
    if "incomplete" in statuses or not all(summary.streams for summary in summaries):
        return INCOMPLETE
    return FINDINGS if "findings" in statuses else CLEAN


def failures_in(results: Sequence[Audit | Diff | Document | Failure]) -> list[Failure]:
    """Those of the results that are failures."""
    from kerasaudit.reconciliation.result import Failure

    return [result for result in results if isinstance(result, Failure)]
