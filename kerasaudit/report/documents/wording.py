"""How the reports on documents write what a mark asks for, and how many figures are right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kerasaudit.reconciliation.prose.document import Document, ProseClaim
from kerasaudit.reconciliation.result import Failure
from kerasaudit.reconciliation.truth import QUANTITIES
from kerasaudit.report.wording import STATUS_WORDS

__all__ = ["figure", "partition", "subject", "tally", "told"]


def subject(claim: ProseClaim) -> str:
    """What a mark asks for; of one that cannot be read, nothing.

    >>> claim = ProseClaim(3, 7, "net.json", "conv", "params", "320", 320, None, None, "ok", "")
    >>> subject(claim)
    'parameters of net.json conv'
    """
    if claim.quantity is None:
        return ""
    layer = f" {claim.layer}" if claim.layer else ""
    return f"{QUANTITIES[claim.quantity].words} of {claim.target}{layer}"


def figure(claim: ProseClaim) -> str:
    """The figure as it stands, and what it was or should be."""
    written = claim.written or "–"
    return written if claim.replacement is None else f"{written} → {claim.replacement}"


def tally(documents: Sequence[Document]) -> str:
    """How many figures are marked, and how many of them are what.

    >>> tally([Document("a.md", "ok", (), ())])
    '1 document, no figures marked'
    """
    claims = [claim for document in documents for claim in document.claims]
    noun = "document" if len(documents) == 1 else "documents"
    return f"{len(documents):,} {noun}, {told(claims)}"


def told(claims: Sequence[ProseClaim]) -> str:
    """How many figures there are of each status."""
    if not claims:
        return "no figures marked"
    noun = "figure" if len(claims) == 1 else "figures"
    statuses = dict.fromkeys(("ok", "fixed", "wrong", "unjudged", "unreadable"), 0)
    for claim in claims:
        statuses[claim.status] += 1
    parts = [f"{number:,} {STATUS_WORDS[name]}" for name, number in statuses.items() if number]
    return f"{len(claims):,} {noun}: {', '.join(parts)}"


def partition(results: Iterable[Document | Failure]) -> tuple[list[Document], list[Failure]]:
    """The documents and the failures, each in order."""
    documents: list[Document] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
        else:
            documents.append(result)
    return documents, failures
