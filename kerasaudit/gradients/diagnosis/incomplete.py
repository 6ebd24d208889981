"""KA411: the record itself is not whole. The recorder finds it, not a rule on its figures."""

from __future__ import annotations

from typing import Any

from kerasaudit.errors import one_line
from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis.rule import Evidence, GradientFinding, register_kind

__all__ = ["KIND", "incomplete"]

KIND = register_kind(
    Kind(
        "KA411",
        "the record of a training is not whole",
        "Fewer steps were recorded than the optimizer took, or figures were lost before they "
        "were kept.",
        "What was not recorded was not watched: a clean diagnosis says nothing of those steps.",
        "'optimizer' took 100 steps and 36 were recorded: the ring was written over.",
        "Give the recorder a larger ring or let it flush more often, and keep it on for the whole "
        "training.",
        incomplete=True,
    )
)


def incomplete(
    message: str,
    *,
    optimizer: str = "optimizer",
    session: int = 0,
    step: int | None = None,
    last_step: int | None = None,
    evidence: Evidence | None = None,
    advice: str = "Do not take a clean diagnosis of this run for a clean training.",
    **fields: Any,
) -> GradientFinding:
    """The finding that the record is not whole.

    Args:
        message: what is missing, in a line.
        optimizer: whose steps are.
        session: the session in which.
        step: the first step that is missing, if that is known.
        last_step: the last one.
        evidence: the figures by name, such as `{"steps": 100, "recorded": 36}`.
        advice: one line on what to do.
        fields: other fields of the finding.
    """
    return GradientFinding(
        KIND.code,
        optimizer,
        one_line(message, 1000),
        KIND.incomplete,
        name="incomplete",
        optimizer=optimizer,
        session=session,
        step=step,
        last_step=last_step,
        evidence=dict(evidence or {}),
        advice=one_line(advice),
        **fields,
    )
