"""Claims: each step of a working judged by itself, the figure against derived and observed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kerasaudit.derivation.shape import Shape
from kerasaudit.errors import WorkingError
from kerasaudit.finding import Finding
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.gradient_claims import ExampleClaims, Verdict, listed
from kerasaudit.reconciliation.result import ClaimRow, LayerRow, StepRow, Totals
from kerasaudit.reconciliation.truth import Truth, in_words, truth_of
from kerasaudit.reconciliation.working import Figure, evaluate, list_of, shape_of
from kerasaudit.zoo import OF_A_WINDOW, OF_AN_EXAMPLE, TOTAL, Claim

__all__ = ["judge"]

_Listed = TypeVar("_Listed", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class _Audited:
    """What claims are held against: the model's own figures, and those on its example."""

    rows: Mapping[str, LayerRow]
    totals: Totals
    output_shapes: tuple[Shape | None, ...]
    example: ExampleClaims


def judge(
    claims: Iterable[Claim],
    rows: Iterable[LayerRow],
    totals: Totals,
    output_shapes: tuple[Shape | None, ...],
    source: str | None,
    example: ExampleClaims,
) -> tuple[list[ClaimRow], list[Finding]]:
    """Judge every claim; what is wrong with it is a finding."""
    audited = _Audited({row.path: row for row in rows}, totals, output_shapes, example)
    results, findings = [], []
    for claim in claims:
        row, found = _judge(claim, audited, claim.source or source)
        results.append(row)
        findings += found
    return results, findings


def _judge(claim: Claim, audited: _Audited, source: str | None) -> tuple[ClaimRow, list[Finding]]:
    findings: list[Finding] = []
    steps, claimed = _read(claim, findings)
    if claim.quantity in OF_AN_EXAMPLE:
        verdict = audited.example.judge(claim, _figures(claimed))
    else:
        verdict = _against_model(claim, claimed, audited)
    if verdict.finding is not None:
        findings.append(verdict.finding)
    message = "confirmed"
    if findings:
        message = findings[0].message
    declared = any(step.status == "erratum" for step in steps)
    status = "erratum" if declared else "ok"
    if declared and not findings:
        message = "a known slip of the source, corrected"
    if findings:
        status = "unjudged" if all(found.incomplete for found in findings) else "wrong"
    row = ClaimRow(
        subject=claim.subject,
        quantity=claim.quantity,
        status=status,
        claimed=_words(claimed),
        derived=verdict.derived,
        observed=verdict.observed,
        steps=steps,
        message=message,
        source=source,
        location=claim.location,
    )
    return row, [replace(found, location=claim.location) for found in findings]


# -- steps ------------------------------------------------------------------------------------


def _read(claim: Claim, findings: list[Finding]) -> tuple[tuple[StepRow, ...], Any]:
    """The steps, each judged by itself, and the figure or figures that the last one ends in."""
    if claim.quantity == "output_shape":
        return _judge_list(claim, "a shape", shape_of, findings)
    if claim.quantity in OF_A_WINDOW:
        return _judge_list(claim, f"a {claim.quantity}", list_of, findings)
    return _judge_steps(claim, findings)


def _figures(claimed: Any) -> tuple[Figure, ...] | None:
    return (claimed,) if isinstance(claimed, Figure) else claimed


def _judge_steps(
    claim: Claim, findings: list[Finding]
) -> tuple[tuple[StepRow, ...], Figure | None]:
    steps, claimed = [], None
    for step in claim.working:
        row, last = _judge_step(claim, step, findings)
        steps.append(row)
        claimed = last
    return tuple(steps), claimed


def _judge_step(claim: Claim, step: str, findings: list[Finding]) -> tuple[StepRow, Figure | None]:
    correction = claim.errata.get(step)
    measured = claim.quantity in OF_AN_EXAMPLE
    try:
        terms = evaluate(step, measured=measured)
        corrected = terms if correction is None else evaluate(correction, measured=measured)
    except WorkingError as error:
        findings.append(finding("KA206", claim.subject, f"claim on {claim.subject!r}: {error}"))
        return StepRow(step, "unreadable", None, correction), None
    if correction is None:
        if not _equal(terms):
            message = f"claim on {claim.subject!r}: {step} is false, {_sides(step, terms)}"
            findings.append(finding("KA202", claim.subject, message, expected=str(terms[0])))
            return StepRow(step, "false", str(terms[0])), terms[-1]
        return StepRow(step, "ok", str(terms[0])), terms[-1]
    # A lone figure holds by itself; whether it is a slip is for the truth to say.
    holds = len(terms) > 1 and _equal(terms)
    if holds or not _equal(corrected) or not _corrects(step, correction):
        fault = f"{step} is right" if holds else f"{correction} does not correct {step}"
        message = f"claim on {claim.subject!r}: an erratum is declared, but {fault}"
        findings.append(finding("KA203", claim.subject, message))
    return StepRow(step, "erratum", str(corrected[0]), correction), corrected[-1]


def _corrects(step: str, correction: str) -> bool:
    """Whether a correction keeps a side of the step as it is written, and changes another."""
    written, right = ([part.strip() for part in text.split("=")] for text in (step, correction))
    kept = [one == other for one, other in zip(written, right, strict=False)]
    if len(written) == 1:
        return written != right
    return len(written) == len(right) and any(kept) and not all(kept)


def _equal(terms: tuple[Figure, ...]) -> bool:
    return all(term.agrees_with(terms[0]) for term in terms[1:])


def _sides(step: str, terms: tuple[Figure, ...]) -> str:
    parts = [part.strip() for part in step.split("=")]
    return " and ".join(
        f"{part} is {term}" for part, term in zip(parts, terms, strict=True) if part != str(term)
    )


def _judge_list(
    claim: Claim, what: str, read: Callable[[str], _Listed], findings: list[Finding]
) -> tuple[tuple[StepRow, ...], _Listed | None]:
    """The one step of a claim on several figures."""
    step = claim.working[-1]
    correction = claim.errata.get(step)
    try:
        if len(claim.working) > 1:
            raise WorkingError(f"{what} is one step, received {len(claim.working)}")
        listed = read(correction or step)
        if correction is not None and read(step) == listed:
            message = f"claim on {claim.subject!r}: {correction} does not correct {step}"
            findings.append(finding("KA203", claim.subject, message))
    except WorkingError as error:
        findings.append(finding("KA206", claim.subject, f"claim on {claim.subject!r}: {error}"))
        return (StepRow(step, "unreadable", None, correction),), None
    status = "erratum" if correction else "ok"
    return (StepRow(step, status, correction or step, correction),), listed


# -- the truth --------------------------------------------------------------------------------


def _against_model(claim: Claim, claimed: Any, audited: _Audited) -> Verdict:
    """The claim against the model's own figures; `claimed` is `None` where it cannot be read."""
    truth = _truth(claim, audited)
    if truth is None:
        near = ", ".join(list(audited.rows)[:8])
        message = f"no layer has the path {claim.subject!r}; the model has {near}"
        found = finding("KA204", claim.subject, f"claim on {claim.subject!r}: {message}")
        return Verdict(None, None, found)
    wrong = None if claimed is None else _against_truth(claim, claimed, truth)
    return Verdict(_words(truth.derived), _words(truth.observed), wrong)


def _truth(claim: Claim, audited: _Audited) -> Truth | None:
    row = audited.rows.get(claim.subject) if claim.subject != TOTAL else None
    if row is None and claim.subject != TOTAL:
        return None
    return truth_of(claim.quantity, row, audited.totals, audited.output_shapes)


def _against_truth(claim: Claim, claimed: Any, truth: Truth) -> Finding | None:
    """The claimed figure against each side that knows it."""
    what = f"claim on {claim.subject!r}: {claim.quantity.replace('_', ' ')}"
    if truth.derived is None and truth.observed is None:
        return finding("KA205", claim.subject, f"{what} cannot be judged, it is not known")
    for side, value in (("derived", truth.derived), ("observed", truth.observed)):
        if value is None or _agrees(claimed, value):
            continue
        working = f" ({truth.working})" if side == "derived" and truth.working else ""
        exact = isinstance(value, int) and isinstance(claimed, Figure)
        whole = exact and claimed.value.denominator == 1
        return finding(
            "KA201",
            claim.subject,
            f"{what} claimed as {_words(claimed)}, {side} {_words(value)}{working}",
            expected=_words(value),
            difference=int(claimed.value) - value if whole else None,
        )
    lone = claim.errata.get(claim.working[-1])
    bare = lone is not None and claim.quantity != "output_shape" and "=" not in claim.working[-1]
    # An erratum on a bare figure must be one: the figure as written must not hold.
    if bare and _agrees(evaluate(claim.working[-1])[-1], truth.derived or truth.observed):
        message = f"{what}: an erratum is declared, but {claim.working[-1]} is right"
        return finding("KA203", claim.subject, message)
    return None


def _agrees(claimed: Any, value: Any) -> bool:
    if isinstance(claimed, Figure):
        return isinstance(value, int) and claimed.agrees_with(value)
    return bool(claimed == value)


def _words(value: Any) -> str | None:
    if isinstance(value, tuple) and any(isinstance(one, Figure) for one in value):
        return listed(tuple(map(str, value)))
    return in_words(value)
