"""What is asked of a model besides being right: budgets, waivers, and how grave each finding is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kerasaudit.errors import ConfigError
from kerasaudit.finding import SEVERITIES, Finding
from kerasaudit.reconciliation.budget import Budget
from kerasaudit.reconciliation.findings import every_kind
from kerasaudit.zoo import checked_exemptions

__all__ = ["Policy", "checked_severity", "policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Budgets that are held, layers that are waived, and the severity of findings by code.

    `shared` are those exemptions that are stated once for several models: one that a model does not
    need is not its fault. `locks` is the folder of the locks that models are held against, `None`
    if they are not.
    """

    budgets: tuple[Budget, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    severity: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    locks: Path | None = None

    def and_then(self, other: Policy) -> Policy:
        """Both, the other one being the last word.

        Its budget of a quantity replaces this one's for the same layers.
        """
        taken = {(budget.quantity, budget.layer) for budget in other.budgets}
        kept = [one for one in self.budgets if (one.quantity, one.layer) not in taken]
        return Policy(
            (*kept, *other.budgets),
            {**self.exempt, **other.exempt},
            {**self.severity, **other.severity},
            (self.shared - other.exempt.keys()) | other.shared,
            other.locks or self.locks,
        )

    def graded(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings, each with its severity, without what is no fault of the model."""
        return tuple(
            replace(one, severity=self.severity[one.code]) if one.code in self.severity else one
            for one in findings
            if one.code != "KA115" or one.path not in self.shared
        )


def policy(
    budgets: Iterable[Budget] | None = None,
    exempt: Mapping[str, str] | None = None,
    severity: Mapping[str, str] | None = None,
    locks: str | Path | None = None,
) -> Policy:
    """A policy out of what a user gives.

    Raises:
        ConfigError: a budget is none, an exemption has no reason, or a severity is of no kind of
            finding.
    """
    return Policy(
        _checked_budgets(budgets),
        checked_exemptions(exempt),
        checked_severity(severity),
        locks=None if locks is None else Path(locks),
    )


def _checked_budgets(budgets: object) -> tuple[Budget, ...]:
    listed = tuple(budgets) if isinstance(budgets, Iterable) else () if budgets is None else None
    if listed is None or not all(isinstance(one, Budget) for one in listed):
        raise ConfigError(f"budgets must be a list of kerasaudit.Budget, received {budgets!r}")
    return listed


def checked_severity(severity: object) -> dict[str, str]:
    """The severities as a dict; `ConfigError` for a code or a severity that there is not.

    >>> checked_severity({"KA112": "warning"})
    {'KA112': 'warning'}
    """
    if severity is None:
        return {}
    if not isinstance(severity, Mapping):
        raise ConfigError(f"severity must map codes of findings, received {severity!r}")
    kinds = every_kind()
    for code, grade in severity.items():
        if code not in kinds:
            raise ConfigError(f"severity {code!r}: no finding has that code (kerasaudit explain)")
        if grade not in SEVERITIES:
            expected = " or ".join(SEVERITIES)
            raise ConfigError(f"severity {code}: expected {expected}, received {grade!r}")
    return dict(severity)
