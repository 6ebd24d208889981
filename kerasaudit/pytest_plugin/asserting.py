"""What a user's test asserts, judged as claims and budgets are, and the difference in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kerasaudit.errors import ConfigError
from kerasaudit.finding import Finding
from kerasaudit.pytest_plugin.failures import capped, named
from kerasaudit.reconciliation.budget import Budget, judge_budgets
from kerasaudit.reconciliation.claims import judge
from kerasaudit.reconciliation.gradient_claims import ExampleClaims
from kerasaudit.reconciliation.result import Audit, ClaimRow, LayerRow
from kerasaudit.report.wording import equation, holder, printable, quantity
from kerasaudit.zoo import TOTAL, Claim

__all__ = ["budgets_broken", "figures_differ"]

_MOST_TERMS = 12  # of a sum over layers that is still read
_LARGEST = 3


def figures_differ(
    audit: Audit, figures: Mapping[str, int | str | None], layers: Mapping[str, int | str]
) -> str:
    """Where the model's figures are not those that are expected; "" if they are.

    Raises:
        ConfigError: nothing is expected.
    """
    claims = [Claim(TOTAL, value, quantity=q) for q, value in figures.items() if value is not None]
    claims += [Claim(path, value) for path, value in layers.items()]
    if not claims:
        raise ConfigError("matches(): expected a figure, such as params=320; received none")
    shapes, no_example = audit.output_shapes, ExampleClaims(None, None)
    lines: list[str] = []
    for claim in claims:
        (row,), findings = judge([claim], audit.layers, audit.totals, shapes, None, no_example)
        if findings:
            lines += _difference(audit, claim, row, findings[0])
    return "\n".join(capped([f"{named(audit)} is not as expected", *lines])) if lines else ""


def _difference(audit: Audit, claim: Claim, row: ClaimRow, found: Finding) -> Iterator[str]:
    subject = "the model" if row.subject == TOTAL else printable(row.subject)
    yield f"  {subject}, {quantity(row.quantity)}"
    if found.code not in ("KA201", "KA205"):  # not a figure that differs: the message says what
        yield f"    {found.message}"
        return
    expected = row.claimed or "unknown"
    working = "" if len(claim.working) == 1 and claim.working[0].isdecimal() else claim.working[-1]
    yield _line("expected", expected, printable(working) if working != expected else "")
    yield _line("derived", row.derived or "unknown", _working(audit, row))
    if row.observed is not None:
        yield _line(holder(audit), row.observed, "")
    if found.difference is not None:
        yield _line("difference", f"{-found.difference:+,}", "")


def _line(name: str, figure: str, note: str) -> str:
    return f"    {name:<10}  {figure}{f' = {note}' if note else ''}"


def _working(audit: Audit, row: ClaimRow) -> str:
    """The working of a derived count; of the model's, its layers' counts."""
    if row.quantity != "params" or row.derived is None:
        return ""
    if row.subject != TOTAL:
        layer = next(one for one in audit.layers if one.path == row.subject)
        return printable(f"{layer.formula} = {layer.working}") if layer.working else ""
    terms = [layer.derived for layer in audit.layers if layer.derived]
    return " + ".join(f"{term:,}" for term in terms) if 1 < len(terms) <= _MOST_TERMS else ""


def budgets_broken(audit: Audit, layer: str | None, limits: Mapping[str, int | str | None]) -> str:
    """Where the model takes more than it may; "" if it does not.

    Raises:
        ConfigError: a limit is no amount, or there is none.
    """
    budgets = [Budget(name, most, layer) for name, most in limits.items() if most is not None]
    if not budgets:
        raise ConfigError("within(): expected a limit, such as max_params='5M'; received none")
    lines: list[str] = []
    for budget in budgets:
        for found in judge_budgets([budget], audit.layers, audit.totals)[1]:
            lines.append(f"  {found.message}")
            lines += largest(audit, found, budget.quantity)
    return "\n".join(capped([f"{named(audit)} takes more than it may", *lines])) if lines else ""


def largest(audit: Audit, found: Finding, name: str) -> Iterator[str]:
    """The layers that take most of a quantity that is over its budget."""
    if found.observed is None:
        return
    if found.path != TOTAL:
        rows = [row for row in audit.layers if row.path == found.path]
    else:
        rows = sorted(audit.layers, key=lambda row: -_taken(row, name))[:_LARGEST]
    for row in rows:
        if _taken(row, name):
            working = equation(row) if name == "params" else f"{_taken(row, name):,}"
            yield f"    largest: {printable(row.path)}  {printable(working)}"


def _taken(row: LayerRow, name: str) -> int:
    sides = (row.derived, row.observed, row.stored)
    known = {
        "params": next((side for side in sides if side is not None), 0),
        "trainable_params": row.trainable,
        "macs": row.macs,
        "bytes": row.bytes,
        "activation_bytes": row.activation_bytes,
    }
    return known.get(name) or 0
