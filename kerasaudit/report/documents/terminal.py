"""The terminal: a line for each marked figure, then what is wrong, by file and line.

`write` is what the command line calls. `render` is the same report as plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from kerasaudit.finding import Finding
from kerasaudit.reconciliation.prose.document import Document
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.console import STYLES, as_text, mark, marked, plain, styled
from kerasaudit.report.console import write as write_to
from kerasaudit.report.documents.wording import figure, partition, subject, tally, told
from kerasaudit.report.wording import MARKS, STATUS_WORDS, printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["FORMAT", "SUFFIX", "render", "write"]

FORMAT = "terminal"
SUFFIX = None


def render(results: Sequence[Document | Failure]) -> str:
    """Render results as plain text of 80 columns.

    >>> print(render([Failure("a.md", "a.md: cannot be read")]).strip())
    ✗ a.md: cannot be read
    """
    return as_text(lambda console: _print(console, results, reasons=True))


def write(
    results: Sequence[Document | Failure],
    stream: TextIO,
    *,
    width: int | None = None,
    color: bool | None = None,
    reasons: bool = True,
) -> None:
    """Write the report of results to a text stream.

    Args:
        results: what was judged.
        stream: where to; a terminal gets colour (unless NO_COLOR is set) and its own width.
        width: columns, if not the terminal's own (80 where there is none).
        color: whether to colour, if not as the stream says.
        reasons: whether to say why a file could not be read, or only which.
    """
    write_to(stream, lambda console: _print(console, results, reasons), width=width, color=color)


def _print(console: Console, results: Sequence[Document | Failure], reasons: bool) -> None:
    documents, failures = partition(results)
    for document in documents:
        _print_document(console, document)
    for failure in failures:
        console.print(
            marked("failed", failure.message if reasons else f"{failure.target}: not judged")
        )
    if len(documents) > 1:
        console.print(tally(documents))


def _print_document(console: Console, document: Document) -> None:
    from rich.table import Table

    head = styled(f"{printable(document.target)}  ", "bold")
    console.print(
        head.append(f"{MARKS[document.status]} {told(document.claims)}", STYLES[document.status])
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for claim in document.claims:
        status = mark(claim.status)
        if claim.status != "ok":
            status.append(f" {STATUS_WORDS[claim.status]}", STYLES[claim.status])
        table.add_row(
            plain("  ").append_text(status),
            f"line {claim.line}",
            printable(figure(claim)),
            printable(subject(claim)),
        )
    if document.claims:
        console.print(table)
    for finding in document.findings:
        _print_finding(console, finding)
    console.print()


def _print_finding(console: Console, finding: Finding) -> None:
    """On one line, however long: an editor follows `file:line:` and a search finds it."""
    place = ""
    if finding.location is not None:
        place = f"{printable(finding.location.file)}:{finding.location.line}: "
    line = plain(place).append(finding.code, "bold red").append(f" {printable(finding.message)}")
    console.print(line, soft_wrap=True)
