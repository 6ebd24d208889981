"""Claims on a model's example: a gradient, an update, a maximum's routing, an output.

The figures are worked through on the builder's example by `kerasaudit.backprop`, in NumPy and on
the live model. Neither is imported nor built before a claim asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from kerasaudit.errors import ConfigError, KerasAuditError
from kerasaudit.finding import Finding
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.working import Figure, evaluate
from kerasaudit.zoo import OF_A_WINDOW, Claim, Example

if TYPE_CHECKING:
    from kerasaudit.backprop.worked import Figures, Worked

__all__ = ["ExampleClaims", "Verdict", "listed"]

_DIGITS = 6  # so many that count are shown where the claim does not say how many


class Verdict(NamedTuple):
    """Both sides as the report shows them, and what is wrong with the claim."""

    derived: str | None
    observed: str | None
    finding: Finding | None


class ExampleClaims:
    """Judges claims on one model's example.

    Args:
        build: gives the live model; `None` where there is none.
        example: what the builder states; `None` where it states none.
    """

    def __init__(self, build: Callable[[], Any] | None, example: Example | None) -> None:
        self._build = build
        self._example = example
        self._worked: Worked | KerasAuditError | None = None

    def judge(self, claim: Claim, claimed: tuple[Figure, ...] | None) -> Verdict:
        """Hold a claim against both sides; `claimed` is `None` where it cannot be read."""
        what = f"claim on {claim.subject!r}: {claim.quantity.replace('_', ' ')}"
        try:
            worked = self._opened()
            try:
                element = worked.find(claim.quantity, claim.subject)
            except ConfigError as error:
                message = f"{what}: {error}"
                return Verdict(None, None, finding("KA204", claim.subject, message))
            found = worked.figures(claim.quantity, element)
        except KerasAuditError as error:
            message = f"{what} cannot be judged: {error}"
            return Verdict(None, None, finding("KA205", claim.subject, message))
        return _held_against(claim, what, claimed, found)

    def _opened(self) -> Worked:
        """The example worked through; a failure to do so is kept, as it is every claim's."""
        if self._worked is None:
            self._worked = self._open()
        if isinstance(self._worked, KerasAuditError):
            raise self._worked
        return self._worked

    def _open(self) -> Worked | KerasAuditError:
        if self._build is None or self._example is None:
            return ConfigError("it needs a builder that states an example")
        from kerasaudit.backprop.worked import Worked  # takes NumPy and Keras

        try:
            return Worked(self._build, self._example)
        except KerasAuditError as error:
            return error


def _held_against(
    claim: Claim, what: str, claimed: tuple[Figure, ...] | None, found: Figures
) -> Verdict:
    derived, observed = _words(found.derived, claimed), _words(found.observed, claimed)
    if claimed is None:
        return Verdict(derived, observed, None)
    sides = (
        ("derived", derived, found.derived, found.derived_slack),
        ("observed", observed, found.observed, found.observed_slack),
    )
    for side, words, values, slack in sides:
        if not _agree(claimed, values, slack):
            figures = listed(tuple(map(str, claimed)))
            message = f"{what} claimed as {figures}, {side} {words}"
            wrong = finding("KA201", claim.subject, message, expected=words)
            return Verdict(derived, observed, wrong)
    if _is_right_as_written(claim, found):
        message = f"{what}: an erratum is declared, but {claim.working[-1]} is right"
        return Verdict(derived, observed, finding("KA203", claim.subject, message))
    return Verdict(derived, observed, None)


def _agree(claimed: tuple[Figure, ...], values: tuple[float, ...], slack: float) -> bool:
    if len(claimed) != len(values) or not all(map(math.isfinite, values)):
        return False
    return all(
        abs(float(figure.value - Fraction(value))) <= float(figure.unit / 2) + slack
        for figure, value in zip(claimed, values, strict=True)
    )


def _is_right_as_written(claim: Claim, found: Figures) -> bool:
    """Whether an erratum is of a bare figure that holds."""
    step = claim.working[-1]
    if step not in claim.errata or "=" in step or claim.quantity in OF_A_WINDOW:
        return False
    return _agree(evaluate(step, measured=True), found.derived, found.derived_slack)


def listed(figures: tuple[str, ...]) -> str:
    """A figure as it is; several in parentheses, so that where they end is seen.

    >>> listed(("0.65",)), listed(("0", "1", "0", "0"))
    ('0.65', '(0, 1, 0, 0)')
    """
    return figures[0] if len(figures) == 1 else f"({', '.join(figures)})"


def _words(values: tuple[float, ...], claimed: tuple[Figure, ...] | None) -> str:
    """The values, each with as many digits as the claim's figure has."""
    units = [figure.unit for figure in claimed or ()]
    units += [Fraction(0)] * (len(values) - len(units))
    return listed(tuple(map(_rounded, values, units)))


def _rounded(value: float, unit: Fraction) -> str:
    # Every unit of a decimal is a power of ten: its denominator has as many zeros as decimals.
    written = f"{value:.{len(str(unit.denominator)) - 1}f}" if unit else f"{value:.{_DIGITS}g}"
    return written.replace("-", "−" if float(written) else "")
