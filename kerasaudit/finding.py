"""A finding: one thing wrong, with a stable code; and a kind of finding, what its code means.

Every part of kerasaudit that finds something wrong makes these: counts and claims (KA1xx, KA2xx),
files (KA3xx), gradients (KA4xx), budgets (KA5xx).
"""

from __future__ import annotations

from dataclasses import dataclass

from kerasaudit.location import Location

__all__ = ["ERROR", "SEVERITIES", "WARNING", "Finding", "Kind"]

# An error keeps an audit from being clean, a warning is shown and does not.
ERROR, WARNING = "error", "warning"
SEVERITIES = (ERROR, WARNING)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong.

    `code` is stable (`kerasaudit explain KA101`); `incomplete` says that something could not be
    audited, rather than that it was audited and is wrong. Figures are `None` where there are none.
    `severity` is "error", or "warning" where whoever audits says that it is no more. `location` is
    where in a source file it stands, if it stands in one.
    """

    code: str
    path: str
    message: str
    incomplete: bool
    formula: str | None = None
    working: str | None = None
    expected: str | None = None
    observed: str | None = None
    difference: int | None = None
    cause: str | None = None
    severity: str = ERROR
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A finding's meaning: what it says, why it matters, an example, and what to do.

    `incomplete`: it says that something could not be audited; the audit is then not whole.
    """

    code: str
    title: str
    what: str
    why: str
    example: str
    remedy: str
    incomplete: bool = False

    @property
    def documentation(self) -> str:
        """The whole entry as text."""
        effect = "The audit is incomplete." if self.incomplete else "The audit is not clean."
        return (
            f"{self.code}: {self.title}\n\n{self.what} {effect}\n\n"
            f"Why:      {self.why}\nExample:  {self.example}\nRemedy:   {self.remedy}"
        )
