"""The entry: two targets in, their diff out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.observation.target import one_subject
from kerasaudit.reconciliation.audit import attempt, examine
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.comparison import compare_audited
from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.policy import Policy
from kerasaudit.reconciliation.result import Failure

__all__ = ["diff", "diff_outcomes"]


def diff(
    old: object,
    new: object,
    input_shape: object = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Diff:
    """Where two models part: layers, config values, weights, connections, and every tally.

    Args:
        old: a model in any form that `audit` takes: live, a builder, a config, a model file.
        new: the other one; it need not be of the same form.
        input_shape: the input shape to derive both with, instead of their own.
        arguments: keyword arguments for those that are builders.
        limits: how much of a file is read before it is refused.

    Raises:
        TargetError: one of them cannot be found, built or read, or names several models.
        ConfigError: a config is malformed, or `input_shape` does not fit it.

    >>> def net(units):
    ...     return {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...         {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
    ...         {"class_name": "Dense", "config": {"name": "out", "units": units}},
    ...     ]}}
    >>> found = diff(net(10), net(20))
    >>> change = found.layers[0]
    >>> found.status, change.kind, change.old_params, change.new_params, change.config
    ('different', 'changed', 650, 1300, (ValueChange(key='units', old=10, new=20),))
    """
    subjects = [one_subject(target, arguments) for target in (old, new)]
    one, other = (examine(subject, input_shape, limits=limits) for subject in subjects)
    return compare_audited(one, other)


def diff_outcomes(
    old: object,
    new: object,
    input_shape: object = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    policy_of: Callable[[str], Policy] = lambda _: Policy(),
    limits: Limits = DEFAULT_LIMITS,
) -> list[Diff | Failure]:
    """The diff of two targets, or the failure of each that could not be audited.

    `policy_of` gives the layers that are waived of a target; its budgets are not for a diff.
    """

    def audited(target: object) -> Audited | Failure:
        subject = attempt(str(target), partial(one_subject, target, arguments))
        if isinstance(subject, Failure):
            return subject
        terms = replace(policy_of(subject.target), budgets=())
        work = partial(examine, subject, input_shape, limits=limits, terms=terms)
        return attempt(subject.target, work)

    one, other = audited(old), audited(new)
    if isinstance(one, Failure) or isinstance(other, Failure):
        return [side for side in (one, other) if isinstance(side, Failure)]
    return [compare_audited(one, other)]
