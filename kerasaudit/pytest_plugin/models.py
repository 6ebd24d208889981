"""The models of a run: what each is called, what is asked of it, and its audit, made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.errors import ConfigError
from kerasaudit.finding import Finding
from kerasaudit.observation.archive import read_contents
from kerasaudit.observation.stored import observe_contents
from kerasaudit.observation.target import Subject, one_subject
from kerasaudit.pattern import fits
from kerasaudit.pytest_plugin.locks import Locks
from kerasaudit.pytest_plugin.records import Records
from kerasaudit.reconciliation.audit import attempt, examine
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.lock.folder import LockChange
from kerasaudit.reconciliation.policy import Policy, policy
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.settings import Settings

__all__ = ["Model", "Models", "layers_of_file"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model file, or a builder in a Python file; `target` is how tests and reports name it.

    `function` is what builds it, which the builder may be named otherwise than.
    """

    target: str
    path: Path
    builder: str | None = None
    function: str | None = None

    @property
    def located(self) -> str:
        """The target, wherever the run was started."""
        return str(self.path) if self.builder is None else f"{self.path}::{self.builder}"

    def subject(self) -> Subject:
        """The model, resolved."""
        return one_subject(
            str(self.path) if self.function is None else f"{self.path}::{self.function}"
        )


class Models:
    """Audits each model when its first test runs, and keeps what came of it."""

    def __init__(
        self,
        settings: Settings,
        exempt: list[tuple[str, str, str]],
        locks: Locks,
        records: Records,
    ) -> None:
        self.settings = settings
        self.locks = locks
        self._exempt = exempt
        self._records = records
        self._outcomes: dict[str, Audited | Failure] = {}

    def policy_of(self, model: Model) -> Policy:
        """What the settings and the options ask of a model."""
        waived = {
            layer: reason for pattern, layer, reason in self._exempt if fits(model.target, pattern)
        }
        return self.settings.policy_of(model.located).and_then(
            policy(exempt=waived, locks=self.locks.compared)
        )

    def outcome(self, model: Model) -> Audit | Failure:
        """The audit of a model, or why there is none."""
        return self.audited(model, model.subject)

    def audited(self, model: Model, resolved: Callable[[], Subject]) -> Audit | Failure:
        """The audit of a model that is resolved so, if it was not audited before."""
        outcome = self._outcomes.get(model.target)
        if outcome is None:
            # Locks and settings know a model by where it is, people by its target.
            outcome = attempt(
                model.target,
                lambda: examine(
                    replace(resolved(), target=model.located),
                    limits=self.settings.limits,
                    terms=self.policy_of(model),
                ),
            )
            if isinstance(outcome, Failure):
                outcome = replace(outcome, message=_named(outcome.message, model))
            self._outcomes[model.target] = outcome
            self._records.note(model.target, _shown(outcome, model))
        return _shown(outcome, model)

    def write_lock(self, model: Model) -> str | None:
        """Write the lock of an audited model; why it cannot be, if it cannot."""
        outcome = self._outcomes[model.target]
        change = outcome if isinstance(outcome, Failure) else self.locks.write(outcome)
        message = self._noted(change)
        return None if message is None else _named(message, model)

    def orphans(self, known: Sequence[Failure], named: Sequence[str]) -> list[str]:
        """A line for each lock that no model has, if it is not removed as locks are updated."""
        lines = (self._noted(change) for change in self.locks.orphans(known, named))
        return [line for line in lines if line is not None]

    def _noted(self, change: LockChange | Failure) -> str | None:
        if isinstance(change, Failure):
            return f"{change.code} {change.message}" if change.code else change.message
        self._records.note_lock(change.file, change.kind)
        return None

    def unneeded(self, model: Model, audit: Audit) -> list[Finding]:
        """What the settings waive of this model by its name, and what needs no waiver."""
        return self.settings.unneeded(replace(audit, target=model.located))


def _named(message: str, model: Model) -> str:
    """A message about a model, its file named as tests name it."""
    return message.replace(str(model.path), model.target.partition("::")[0])


def _shown(outcome: Audited | Failure, model: Model) -> Audit | Failure:
    """What came of a model, which is named as tests name it."""
    if isinstance(outcome, Failure):
        return outcome
    audit = replace(outcome.audit, target=model.target)
    if audit.drift is None:
        return audit
    new = replace(audit.drift.new, target=model.target)
    return replace(audit, drift=replace(audit.drift, new=new))


def layers_of_file(path: Path, settings: Settings) -> list[str]:
    """The layers of a model file that hold weights, or of which it is not known; in order.

    The config is read and derived, of the weights no more than names and shapes.

    Raises:
        KerasAuditError: the file cannot be read.
    """
    observation = observe_contents(read_contents(path, settings.limits))
    paths: list[str] = []
    if observation.config is not None:
        try:
            layers = derive_architecture(observation.config).layers
        except ConfigError:
            layers = ()
        paths = [layer.path for layer in layers if layer.weights is None or layer.weights]
    held = observation.layers or {}
    return list(dict.fromkeys([*paths, *(path for path, one in held.items() if one.weights)]))
