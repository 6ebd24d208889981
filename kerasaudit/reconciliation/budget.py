"""Budgets: the most that a model, or a layer of it, may take; held against what it does take.

A budget on something that is not known does not pass: it is a finding, and the audit incomplete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kerasaudit.amount import parse_amount
from kerasaudit.errors import ConfigError
from kerasaudit.finding import Finding
from kerasaudit.pattern import fits
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.result import BudgetRow, LayerRow, Totals
from kerasaudit.zoo import TOTAL

__all__ = ["QUANTITIES", "TOTAL", "Budget", "judge_budgets"]

# What a budget may be on, and what the finding calls it.
QUANTITIES = {
    "params": "parameters",
    "trainable_params": "trainable parameters",
    "macs": "MACs",
    "bytes": "bytes of weights",
    "activation_bytes": "bytes of activations",
    "peak_activation_bytes": "bytes of activations at once",
}
_OF_THE_MODEL_ALONE = ("peak_activation_bytes",)


@dataclass(frozen=True, slots=True, init=False)
class Budget:
    """The most that a model may take of something.

    Args:
        quantity: "params", "trainable_params", "macs" (per example), "bytes" (of the weights, in
            the dtypes that they have), "activation_bytes" (what all layers hand on, per example) or
            "peak_activation_bytes" (what is alive at once; of a whole model alone).
        limit: the most, as a number or as "5M", "1.2G", "20MiB".
        layer: the path or pattern of the layers that it is for, each by itself; `None` for the
            model as a whole.
        source: where the budget is set, for the finding.

    Raises:
        ConfigError: there is no such quantity, or the limit is no number.

    >>> Budget("params", "5M").limit
    5000000
    """

    quantity: str
    limit: int
    layer: str | None
    source: str | None

    def __init__(
        self,
        quantity: str,
        limit: int | str,
        layer: str | None = None,
        source: str | None = None,
    ) -> None:
        if quantity not in QUANTITIES:
            known = ", ".join(QUANTITIES)
            raise ConfigError(f"budget: expected one of {known}, received {quantity!r}")
        if layer is not None and quantity in _OF_THE_MODEL_ALONE:
            raise ConfigError(f"budget: {quantity} is of a whole model, received layer {layer!r}")
        put = object.__setattr__
        put(self, "quantity", quantity)
        of_bytes = quantity.endswith("bytes")
        put(self, "limit", parse_amount(limit, f"max_{quantity}", of_bytes=of_bytes))
        put(self, "layer", layer)
        put(self, "source", source)


def judge_budgets(
    budgets: Iterable[Budget], rows: Sequence[LayerRow], totals: Totals
) -> tuple[list[BudgetRow], list[Finding]]:
    """Hold every budget against the figures; what does not keep it is a finding."""
    judged: list[BudgetRow] = []
    findings: list[Finding] = []
    for budget in budgets:
        held = list(_held_against(budget, rows, totals))
        if not held:
            message = f"{_named(budget)} is for {budget.layer!r}: no layer has that path"
            findings.append(finding("KA504", str(budget.layer), message))
        for subject, actual in held:
            row = _judge(budget, subject, actual)
            judged.append(row)
            if row.status != "ok":
                findings.append(_finding(budget, row))
    return judged, findings


def _held_against(
    budget: Budget, rows: Sequence[LayerRow], totals: Totals
) -> Iterator[tuple[str, int | None]]:
    """What the budget is for, with the figure there, `None` where that is not known."""
    if budget.layer is None:
        yield TOTAL, _of_model(totals, budget.quantity)
        return
    for row in rows:
        if fits(row.path, budget.layer):
            yield row.path, _of_layer(row, budget.quantity)


def _of_model(totals: Totals, quantity: str) -> int | None:
    if quantity == "params":
        return _larger(totals.params, totals.observed, totals.stored)
    name = "trainable" if quantity == "trainable_params" else quantity
    value: int | None = getattr(totals, name)
    return value


def _of_layer(row: LayerRow, quantity: str) -> int | None:
    if quantity == "params":
        return _larger(row.derived, row.observed, row.stored)
    name = "trainable" if quantity == "trainable_params" else quantity
    value: int | None = getattr(row, name)
    return value


def _larger(*sides: int | None) -> int | None:
    """The larger of the sides that are known: where they part, a budget is on neither alone."""
    return max((side for side in sides if side is not None), default=None)


def _judge(budget: Budget, subject: str, actual: int | None) -> BudgetRow:
    status = "unknown" if actual is None else "over" if actual > budget.limit else "ok"
    return BudgetRow(subject, budget.quantity, budget.limit, actual, status, budget.source)


def _named(budget: Budget) -> str:
    source = f" ({budget.source})" if budget.source else ""
    return f"budget of {budget.limit:,} {QUANTITIES[budget.quantity]}{source}"


def _finding(budget: Budget, row: BudgetRow) -> Finding:
    # A layer may be named "total", too.
    whose = "the model" if budget.layer is None else f"layer {row.subject!r}"
    words = QUANTITIES[row.quantity]
    if row.actual is None:
        message = f"{_named(budget)}: how many {words} {whose} has is not known"
        return finding("KA503", row.subject, message, expected=f"{row.limit:,}")
    over = row.actual - row.limit
    share = f" ({over / row.limit:.1%})" if row.limit else ""
    message = f"{_named(budget)}: {whose} has {row.actual:,}, {over:,} over it{share}"
    return finding(
        "KA501" if budget.layer is None else "KA502",
        row.subject,
        message,
        expected=f"{row.limit:,}",
        observed=f"{row.actual:,}",
        difference=over,
    )
