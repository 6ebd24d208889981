"""The entry: targets in, audits out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.derivation.architecture import Architecture, derive_architecture
from kerasaudit.derivation.rule import classes_with_user_rules
from kerasaudit.derivation.traced import complete, derive_traced, has_rule
from kerasaudit.errors import ConfigError, KerasAuditError, NothingFoundError, TargetError, one_line
from kerasaudit.finding import ERROR, Finding
from kerasaudit.location import of_target
from kerasaudit.observation.observed import Observation
from kerasaudit.observation.target import (
    Subject,
    observe_file,
    one_subject,
    refuse_without_builder,
    resolve,
)
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.budget import Budget, judge_budgets
from kerasaudit.reconciliation.claims import judge
from kerasaudit.reconciliation.gradient_claims import ExampleClaims
from kerasaudit.reconciliation.lock.drift import locked
from kerasaudit.reconciliation.policy import Policy, policy
from kerasaudit.reconciliation.reconcile import reconcile
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.version import __version__
from kerasaudit.zoo import Claim, checked_claims

__all__ = ["attempt", "audit", "audit_all", "audit_subject", "examine", "examine_all", "status_of"]

_Made = TypeVar("_Made")
_NOTHING_ASKED = Policy()


def audit(
    target: object,
    input_shape: object = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    claims: Iterable[Claim] | None = None,
    exempt: Mapping[str, str] | None = None,
    budgets: Iterable[Budget] | None = None,
    severity: Mapping[str, str] | None = None,
    locks: str | Path | None = None,
    policy_of: Callable[[str], Policy] = lambda _: _NOTHING_ASKED,
    against: object = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Audit:
    """Derive a model's counts, observe what it holds, and reconcile the two.

    Args:
        target: a live Keras model, a builder function, a serialised config (dict), or the name of
            one model: `file.py::builder`, `package.module:callable`, `zoo:NAME`, a model file
            (`.keras`, `.h5`, `.weights.h5`, a config `.json`) or its URL, which is read where it
            lies: no Keras, none of its code run.
        input_shape: the input shape (the batch axis first, `None` for an unknown extent; a list
            or dict of them for several inputs) to derive with instead of the model's own.
        arguments: keyword arguments for a builder.
        claims: documented figures to judge, instead of the builder's own.
        exempt: layers that are waived, `{path or pattern: reason}`, besides the builder's own.
        budgets: the most that the model or its layers may take.
        severity: "warning" for codes of findings that shall not count against the model.
        locks: the folder of the locks that `kerasaudit lock` wrote: the model is held against its
            own, and every drift is a finding.
        policy_of: what is asked of the model with a target's name, where nothing is asked here:
            `Settings.policy_of`, for what a project's settings ask.
        against: another target, of whose architecture a file is asked to hold the weights.
        limits: how much of a file is read before it is refused.

    Raises:
        TargetError: the target cannot be found, built or read, or names several models;
            `MalformedError` for a file that is not what it claims, `LimitError` for one that asks
            for more than the limits.
        ConfigError: the config is malformed, or `input_shape` does not fit the model; or a claim,
            exemption, budget or severity is none.

    >>> config = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}},
    ...     {"class_name": "Conv2D", "config": {"name": "conv", "filters": 32, "kernel_size": 3}},
    ... ]}}
    >>> result = audit(config)
    >>> result.status, result.totals.params, result.layers[1].working
    ('ok', 320, '3·3·1·32 + 32')
    """
    subject = one_subject(target, arguments)
    if claims is not None:
        subject = replace(subject, claims=checked_claims(claims))
    terms = policy_of(subject.target).and_then(policy(budgets, exempt, severity, locks))
    other = _architecture(against)
    return audit_subject(subject, input_shape, against=other, limits=limits, terms=terms)


def _architecture(target: object) -> Subject | None:
    return None if target is None else one_subject(target)


def audit_all(
    targets: Iterable[object],
    input_shape: object = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    exempt: Mapping[str, str] | None = None,
    budgets: Iterable[Budget] | None = None,
    severity: Mapping[str, str] | None = None,
    locks: str | Path | None = None,
    policy_of: Callable[[str], Policy] = lambda _: Policy(),
    against: object = None,
    limits: Limits = DEFAULT_LIMITS,
    started: Callable[[str, int, int], object] = lambda *_: None,
    pass_over: Callable[[Failure], object] | None = None,
) -> Iterator[Audit | Failure]:
    """Audit every model that the targets name, one after the other, in order.

    A target or model that cannot be audited becomes a `Failure` with the reason, and the others
    are audited all the same. `policy_of` gives what is asked of the model with a target's name;
    what is given beside it is asked of every model, and goes before. `started` is called before
    each audit with the model's name, how many are done, and how many there are. With `pass_over`
    a target that holds no model is no failure: `pass_over` is told, and a Python file that cannot
    hold a builder is not imported to find that out.
    """
    outcomes = examine_all(
        targets,
        input_shape,
        arguments=arguments,
        asked=policy(budgets, exempt, severity, locks),
        policy_of=policy_of,
        against=against,
        limits=limits,
        started=started,
        pass_over=pass_over,
    )
    for outcome in outcomes:
        yield outcome if isinstance(outcome, Failure) else outcome.audit


def examine_all(
    targets: Iterable[object],
    input_shape: object = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    asked: Policy = _NOTHING_ASKED,
    policy_of: Callable[[str], Policy] = lambda _: Policy(),
    against: object = None,
    limits: Limits = DEFAULT_LIMITS,
    started: Callable[[str, int, int], object] = lambda *_: None,
    pass_over: Callable[[Failure], object] | None = None,
) -> Iterator[Audited | Failure]:
    """What `audit_all` gives, each audit with the architecture that it is of."""
    architecture = _architecture(against)
    entries = [
        entry
        for target in targets
        for entry in _entries(target, arguments, unread=pass_over is not None)
    ]
    if pass_over is not None:
        entries = list(_passing_over(entries, pass_over))
    for done, entry in enumerate(entries):
        if isinstance(entry, Failure):
            yield entry
            continue
        started(entry.name, done, len(entries))
        outcome = attempt(
            entry.target,
            partial(
                examine,
                entry,
                input_shape,
                against=architecture,
                limits=limits,
                terms=policy_of(entry.target).and_then(asked),
            ),
        )
        if isinstance(outcome, Failure) and entry.location is not None:
            outcome = replace(outcome, location=entry.location)  # the line of the builder, too
        yield outcome


def _passing_over(
    entries: Iterable[Subject | Failure], told: Callable[[Failure], object]
) -> Iterator[Subject | Failure]:
    for entry in entries:
        if isinstance(entry, Failure) and entry.nothing:
            told(entry)
        else:
            yield entry


def _entries(
    target: object, arguments: Mapping[str, Any] | None, *, unread: bool = False
) -> Iterator[Subject | Failure]:
    """The models that a target names; where it stops naming any, why.

    `unread`: a Python file is left unread where its text speaks of no builder.
    """
    try:
        if unread and isinstance(target, (str, Path)):
            refuse_without_builder(target)
        yield from resolve(target, arguments)
    except KerasAuditError as error:
        yield _failure(str(target), error)


def attempt(target: str, work: Callable[[], _Made]) -> _Made | Failure:
    """What the work on a target gives, or the failure that it ends in."""
    try:
        return work()
    except KerasAuditError as error:
        return _failure(target, error)
    except Exception as error:  # noqa: BLE001 - a fault of ours takes no other model with it
        described = one_line(f"{type(error).__name__}: {error}")
        message = f"{target}: kerasaudit itself failed, {described}"
        return Failure(target, message, location=of_target(target), error=error)


def _failure(target: str, error: KerasAuditError) -> Failure:
    nothing = isinstance(error, NothingFoundError)
    message = str(error)
    if isinstance(error, ConfigError) and target not in message:
        # What is wrong in a config does not say whose config it is.
        message = one_line(f"{target}: {message}")
    return Failure(target, message, nothing, location=of_target(target), error=error)


def audit_subject(
    subject: Subject,
    input_shape: object = None,
    *,
    against: Subject | None = None,
    limits: Limits = DEFAULT_LIMITS,
    terms: Policy = _NOTHING_ASKED,
) -> Audit:
    """Observe one resolved model, derive its config, reconcile the two and judge its claims."""
    return examine(subject, input_shape, against=against, limits=limits, terms=terms).audit


def examine(
    subject: Subject,
    input_shape: object = None,
    *,
    against: Subject | None = None,
    limits: Limits = DEFAULT_LIMITS,
    terms: Policy = _NOTHING_ASKED,
) -> Audited:
    """The audit of one resolved model, with the architecture that it is of."""
    given = input_shape if input_shape is not None else subject.input_shape
    if against is not None and given is None:
        given = against.input_shape
    observation = _observe(subject, given, against, limits)
    try:
        architecture = _derive(observation, given)
    except ConfigError as error:
        if not observation.hazards and not observation.layers:
            raise
        # A file whose graph cannot be read still holds weights, and hazards all the more.
        observation = replace(observation, config_error=str(error))
        architecture = None
    result = reconcile(observation, architecture, {**subject.exempt, **terms.exempt})
    assert result.totals is not None
    output_shapes = architecture.output_shapes if architecture else ()
    example = ExampleClaims(subject.build, subject.example)
    claims, more = judge(
        subject.claims, result.rows, result.totals, output_shapes, subject.source, example
    )
    budgets, broken = judge_budgets(terms.budgets, result.rows, result.totals)
    findings = terms.graded((*result.findings, *more, *broken))
    audit = Audit(
        target=subject.target,
        name=subject.name,
        class_name=observation.class_name,
        status=status_of(findings),
        totals=result.totals,
        layers=tuple(result.rows),
        calls=tuple(result.calls),
        claims=tuple(claims),
        findings=findings,
        input_shapes=architecture.input_shapes if architecture else (),
        output_shapes=output_shapes,
        source=subject.source,
        summary=subject.summary,
        versions={**observation.versions, "kerasaudit": __version__},
        notes=observation.notes,
        budgets=tuple(budgets),
        location=subject.location,
    )
    return _held(Audited(audit, architecture), terms)


def _held(audited: Audited, terms: Policy) -> Audited:
    """The model held against its lock, where that is asked."""
    if terms.locks is None:
        return audited
    held, audit = locked(audited, terms.locks), audited.audit
    findings = (*audit.findings, *terms.graded(held.findings))
    return Audited(
        replace(
            audit,
            status=status_of(findings),
            findings=findings,
            notes=(*audit.notes, *held.notes),
            drift=held.drift,
        ),
        audited.architecture,
    )


def _observe(
    subject: Subject, given: object, against: Subject | None, limits: Limits
) -> Observation:
    if subject.read is None:
        if against is not None:
            raise TargetError(
                f"{subject.target}: expected a model file to hold against {against.target}, "
                "received a model; kerasaudit.diff compares two models"
            )
        return subject.observe(given, has_rule)
    other = None if against is None else against.observe(given, has_rule)
    contents = replace(subject.read(limits), with_rules=classes_with_user_rules())
    return observe_file(contents, other)


def _derive(observation: Observation, given: object) -> Architecture | None:
    """Derive from the config, and from the trace what the config does not tell."""
    if observation.config is None:
        name, class_name = observation.name, observation.class_name
        return derive_traced(observation.trace, name, class_name) if observation.trace else None
    architecture = derive_architecture(observation.config, given)
    return complete(architecture, observation.trace) if observation.trace else architecture


def status_of(findings: Iterable[Finding]) -> str:
    """The status that findings give: "ok", "findings" or "incomplete", warnings apart.

    >>> status_of([])
    'ok'
    """
    failing = [finding for finding in findings if finding.severity == ERROR]
    if any(finding.incomplete for finding in failing):
        return "incomplete"
    return "findings" if failing else "ok"
