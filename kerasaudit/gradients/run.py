"""The result of a recording: its tables, its findings, its reports. Live, in memory or stored."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kerasaudit.errors import AuditError
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.diagnosis import Diagnosis, GradientFinding
from kerasaudit.gradients.session import Session

if TYPE_CHECKING:
    import pandas

    from kerasaudit.gradients.summary import RunSummary

__all__ = ["Overhead", "Run", "open_run"]

# Reports render results; results know no report. This one name is how a result asks for them.
_REPORTS = "kerasaudit.report"


@dataclass(frozen=True, slots=True)
class Overhead:
    """What a recorder measured of itself.

    `host_seconds` is what it took between the steps: reading the rings, keeping and diagnosing
    what was read. `training_seconds` is the time in `fit`, all together. What the statistics take
    inside the compiled step cannot be seen from here; the benchmarks measure it.
    """

    host_seconds: float
    training_seconds: float

    @property
    def share(self) -> float | None:
        """The recorder's share of the training's time; `None` where nothing was trained."""
        if not self.training_seconds:
            return None
        return min(self.host_seconds / self.training_seconds, 1.0)


class Kept(Protocol):
    """Where blocks are read from: a store, or a stored run."""

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions, in order."""

    def blocks(self, session: int | None = None) -> Iterator[Block]:
        """The blocks of one session or of all."""

    def frame(self, table: str, **filters: Any) -> pandas.DataFrame:
        """A table as a DataFrame."""


@dataclass(frozen=True)
class Run:
    """What was recorded of one or more trainings of a model.

    Args:
        name: the model's name.
        store: where its blocks are.
        findings: what the diagnoses found.
        unavailable: what they could not judge: pairs of a diagnosis and what it lacks.
        overhead: what the recorder measured of itself; `None` for a run that is only read.
        target: how the run was named, for reports.
    """

    name: str
    store: Kept
    findings: tuple[GradientFinding, ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()
    overhead: Overhead | None = None
    target: str = ""

    @property
    def status(self) -> str:
        """One of "ok", "findings" and "incomplete" (the record is not whole, which outranks)."""
        if any(finding.incomplete for finding in self.findings):
            return "incomplete"
        return "findings" if self.findings else "ok"

    @property
    def ok(self) -> bool:
        """Whether the record is whole and the diagnoses found nothing."""
        return self.status == "ok"

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The trainings, in order."""
        return self.store.sessions

    @property
    def kernels(self) -> pandas.DataFrame:
        """A row for each kernel and recorded step."""
        return self.to_frame("kernels")

    @property
    def elements(self) -> pandas.DataFrame:
        """A row for each element and recorded step of the weights kept element by element."""
        return self.to_frame("elements")

    @property
    def steps(self) -> pandas.DataFrame:
        """A row for each recorded step."""
        return self.to_frame("steps")

    @property
    def weights(self) -> pandas.DataFrame:
        """A row for each weight of the model."""
        return self.to_frame("weights")

    def to_frame(self, table: str, **filters: Any) -> pandas.DataFrame:
        """The table "kernels", "elements", "steps" or "weights"; `tables.TABLES` documents them.

        Args:
            table: its name.
            filters: for some columns, the value or values that rows must have: `layer="conv"`.
        """
        return self.store.frame(table, **filters)

    def diagnose(
        self, thresholds: Mapping[str, Mapping[str, Any] | None] | None = None
    ) -> tuple[GradientFinding, ...]:
        """Diagnose what is kept anew, with other thresholds.

        Raises:
            ConfigError: `thresholds` names no diagnosis or threshold.
        """
        found: list[GradientFinding] = []
        for one in self.sessions:
            watch = _diagnosis(one, thresholds)
            for block in self.store.blocks(one.session):
                watch.observe(block)
            watch.end()
            found += watch.findings
        return tuple(found)

    def summary(self) -> RunSummary:
        """The run rolled up for reports."""
        from kerasaudit.gradients.summary import summarise_run

        return summarise_run(self)

    def raise_if_failed(self) -> None:
        """Raise `AuditError`, a line for each finding, unless `ok`."""
        if not self.ok:
            head = f"{self.name}: {self.status}, {len(self.findings)} finding(s)"
            lines = [f"  {one.code} {one.message}" for one in self.findings]
            raise AuditError([head, *lines])

    def save(self, path: str | Path) -> None:
        """Write a report; the suffix of `path` names its format: .html .csv .json .md.

        Raises:
            TargetError: no report has that suffix, or the file cannot be written.
        """
        importlib.import_module(_REPORTS).save([self.summary()], path)


def open_run(
    path: str | Path, thresholds: Mapping[str, Mapping[str, Any] | None] | None = None
) -> Run:
    """Open a stored run, and diagnose it; nothing is written, Keras is not needed.

    Args:
        path: the folder that a recorder wrote.
        thresholds: of the diagnoses, as a recorder takes them.

    Raises:
        TargetError: there is no run, or a part of it is damaged.
        ConfigError: `thresholds` names no diagnosis or threshold.
    """
    from kerasaudit.gradients.store import open_store

    stored = open_store(path)
    sessions = stored.sessions
    name = str(sessions[-1].about.get("model", Path(path).name)) if sessions else Path(path).name
    unavailable = [pair for one in sessions for pair in _diagnosis(one, thresholds).unavailable]
    run = Run(name, stored, unavailable=tuple(dict.fromkeys(unavailable)), target=str(path))
    return Run(name, stored, run.diagnose(thresholds), run.unavailable, target=str(path))


def _diagnosis(
    one: Session, thresholds: Mapping[str, Mapping[str, Any] | None] | None
) -> Diagnosis:
    return Diagnosis(one.inventory, one.statistics, thresholds, one.every, one.session)
