"""A model that a user's test names, audited as the project's settings ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerasaudit.reconciliation.audit import audit, status_of
from kerasaudit.reconciliation.result import Audit
from kerasaudit.settings import find_settings

__all__ = ["audit_asked"]


def audit_asked(
    target: object, input_shape: object, options: Mapping[str, Any], root: Path
) -> Audit:
    """Audit a target; one that is a name is held to what the settings ask of it, too.

    That is what `kerasaudit audit` holds it to: budgets, exemptions, severities and limits. What
    the options ask goes before. Of a model, a builder or a config no setting speaks.

    Args:
        target: whatever `kerasaudit.audit` takes.
        input_shape: the input shape to derive with.
        options: the other arguments of `kerasaudit.audit`.
        root: the folder of the project: its settings are there or above.

    Raises:
        TargetError: the target cannot be found, built or read.
        ConfigError: its config, an option or the settings are malformed.

    >>> audit_asked("zoo:lenet5", None, {"budgets": []}, Path("/")).totals.params
    61706
    """
    if not isinstance(target, (str, Path)):
        return audit(target, input_shape, **options)
    settings = find_settings(root)
    asked = {"policy_of": settings.policy_of, "limits": settings.limits}
    made = audit(target, input_shape, **{**asked, **options})
    findings = (*made.findings, *settings.unneeded(made))
    return replace(made, findings=findings, status=status_of(findings))
