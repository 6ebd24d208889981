"""Failures as a person reads them: what is wrong, with its working, and no longer than a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import dedent
from typing import TYPE_CHECKING

from kerasaudit.finding import Finding
from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.result import Audit, LayerRow
from kerasaudit.report.diff.terminal import render
from kerasaudit.report.terminal import excerpt
from kerasaudit.report.wording import STATUS_WORDS, printable

if TYPE_CHECKING:
    from kerasaudit.backprop.check_result import GradientCheck

__all__ = ["capped", "explained", "gradients_wrong", "headline", "named", "not_clean"]

_MOST_LINES = 40
_FEW = 3


def capped(lines: Sequence[str], more: str = "") -> list[str]:
    """At most 40 lines, the last one saying how many there are besides, and what shows them.

    >>> capped([str(number) for number in range(50)], "kerasaudit audit net.keras shows all")[-1]
    '… and 11 lines more; kerasaudit audit net.keras shows all'
    """
    if len(lines) <= _MOST_LINES:
        return list(lines)
    kept = lines[: _MOST_LINES - 1]
    hint = f"; {more}" if more else ""
    return [*kept, f"… and {len(lines) - len(kept)} lines more{hint}"]


def named(audit: Audit) -> str:
    """The model by its name, and by its target where that says more."""
    name, target = printable(audit.name), printable(audit.target)
    return name if name == target else f"{name} ({target})"


def not_clean(audit: Audit) -> str:
    """An audit that is not clean: the layers that are not, and the findings."""
    paths = {found.path for found in audit.findings}
    text = explained(
        (row for row in audit.layers if row.path in paths and row.weights),
        audit.findings,
        "audit.to_frame('findings') has all",
    )
    return f"{named(audit)}: {STATUS_WORDS[audit.status]}\n{text}"


def explained(
    layers: Iterable[LayerRow],
    findings: Sequence[Finding],
    more: str,
    drift: Diff | None = None,
) -> str:
    """Layers with their working, the findings, a diff, and what explains them."""
    text = dedent(excerpt(layers, findings))
    if drift is not None and drift.differs:
        text += f"\n\n{render([drift]).rstrip()}"
    lines = capped(text.splitlines(), more)
    codes = list(dict.fromkeys(found.code for found in findings))
    lines += [f"kerasaudit explain {code}" for code in codes[:_FEW]]
    return "\n".join(lines)


def headline(findings: Sequence[Finding]) -> str:
    """The first of the findings in a line, and how many there are besides.

    >>> from kerasaudit.reconciliation.findings import finding
    >>> headline([finding("KA115", "a", "exempt 'a': no layer has that path")] * 3)
    "KA115 exempt 'a': no layer has that path (and 2 more)"
    """
    first, *others = findings
    more = f" (and {len(others)} more)" if others else ""
    return printable(f"{first.code} {first.message}{more}")


def gradients_wrong(checked: GradientCheck) -> str:
    """The gradients that are wrong, or were not checked."""
    text = explained((), checked.findings, "check.to_frame('findings') has all")
    return f"{printable(checked.name)}: the gradients are not as derived\n{text}"
