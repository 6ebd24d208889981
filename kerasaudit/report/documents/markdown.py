"""Markdown: a table of the marked figures of each document, fit for a pull request's comment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kerasaudit.reconciliation.prose.document import Document, ProseClaim
from kerasaudit.reconciliation.result import Failure
from kerasaudit.reconciliation.truth import in_words
from kerasaudit.report.documents.wording import figure, partition, subject, told
from kerasaudit.report.markdown import code, prose, table
from kerasaudit.report.wording import MARKS, STATUS_WORDS, UNKNOWN

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "markdown"
SUFFIX = ".md"

_HEADER = "|line|figure|of|derived|keras|file|status|"


def render(results: Sequence[Document | Failure]) -> str:
    """Render results as Markdown.

    >>> print(render([Failure("a|b.md", "no such file")]))
    ## Not judged
    <BLANKLINE>
    - `a|b.md`: no such file
    <BLANKLINE>
    """
    documents, failures = partition(results)
    blocks = ["\n\n".join(_document(document)) for document in documents]
    if failures:
        lines = (f"- {code(one.target)}: {prose(one.message)}" for one in failures)
        blocks.append("## Not judged\n\n" + "\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _document(document: Document) -> Iterable[str]:
    yield f"## {MARKS[document.status]} {code(document.target)}"
    yield f"**{told(document.claims)}**"
    if document.findings:
        yield "\n".join(f"- **{one.code}** {prose(one.message)}" for one in document.findings)
    if document.claims:
        yield table(_HEADER, map(_claim, document.claims), right=(0, 3, 4, 5))


def _claim(claim: ProseClaim) -> list[str]:
    sides = (claim.derived, claim.observed, claim.stored)
    return [
        str(claim.line),
        prose(figure(claim)),
        prose(subject(claim)),
        *("–" if side is None else prose(in_words(side) or UNKNOWN) for side in sides),
        f"{MARKS[claim.status]} {STATUS_WORDS[claim.status]}",
    ]
