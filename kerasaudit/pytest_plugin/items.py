"""The tests that are made of models: each judges a part, and says what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from kerasaudit.errors import KerasAuditError, NothingFoundError
from kerasaudit.finding import ERROR
from kerasaudit.observation.target import Subject, resolve
from kerasaudit.pytest_plugin.failures import capped, explained, headline
from kerasaudit.pytest_plugin.models import Model, Models
from kerasaudit.pytest_plugin.parts import ModelPart, Part, Verdict, WholePart
from kerasaudit.pytest_plugin.records import RECORDS
from kerasaudit.pytest_plugin.subtests import subtests_of
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.wording import printable

__all__ = ["AuditItem", "LockItem", "OrphansItem", "OthersItem", "UnreadableItem", "summarised"]


class _Failed(pytest.fail.Exception):  # type: ignore[name-defined,misc] # set at run time, on `fail`
    """A failure that is shown as a text alone, no frames of ours, and summarised in a line."""

    def __init__(self, text: str, line: str = "") -> None:
        super().__init__(text, pytrace=False)
        self.line = line or text.partition("\n")[0]


def summarised(report: pytest.TestReport, error: BaseException) -> None:
    """Have pytest summarise a failure of ours in its line.

    Under CI pytest's summary has the whole message, which of a lock's drift is a screen long and
    stands above already; the message of JUnit XML is the same.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    if isinstance(error, _Failed) and crash is not None:
        crash.message = error.line


class _Item(pytest.Item):
    """What all tests of ours have in common: their ids, marks and places."""

    line: int | None = None

    @classmethod
    def named(
        cls, parent: pytest.Collector, name: str, *, about: str = "", **options: object
    ) -> Self:
        """The test of that name, of what its parent is or of what it is `about`.

        Its id is given as a text, which pytest reads as it reads the ids that it has kept: what is
        in brackets in it, that is, as parameters.
        """
        nodeid = f"{about or parent.nodeid}::{name}"
        return cls.from_parent(parent, name=name, nodeid=nodeid, **options)

    def mark(self, group: str) -> None:
        """Mark it as ours; all that is about one model goes to one worker of xdist."""
        self.add_marker("kerasaudit")
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(group))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands in its file, by lines from 0, and what its failure is headed by.

        That is not the end of its id, or pytest takes the dots in it for those of Python names.
        """
        about = self.nodeid.removesuffix(f"::{self.name}")
        return self.path, (self.line or 1) - 1, f"{about} {self.name}"


class AuditItem(_Item):
    """A test of one part of a model."""

    def __init__(self, *, models: Models, model: Model, part: Part, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.models = models
        self.model = model
        self.part = part
        self.line = part.line
        self.mark(model.target)

    def setup(self) -> None:
        """Audit the model, unless another test of it did."""
        _audit_of(self.models.outcome(self.model))

    def runtest(self) -> None:
        """Judge this part of it."""
        audit = _audit_of(self.models.outcome(self.model))
        opened = subtests_of(self)
        several = self.part.several(audit)
        if opened is None or not several:
            self._judge(self.part, audit)
            return
        for part in several:
            with opened(printable(part.name)):
                self._judge(part, audit)

    def _judge(self, part: Part, audit: Audit) -> None:
        verdict = part.judge(audit, self.models.policy_of(self.model))
        if isinstance(part, ModelPart):
            more = self.models.unneeded(self.model, audit)
            verdict = replace(verdict, findings=[*verdict.findings, *more])
        _settle(verdict, self.model.target)


class LockItem(AuditItem):
    """A test of a model's lock; where locks are updated, it writes it."""

    def runtest(self) -> None:
        """Hold the model against its lock, or write that."""
        if not self.models.locks.update:
            super().runtest()
            return
        failure = self.models.write_lock(self.model)
        if failure is not None:
            raise _Failed(failure)


class OrphansItem(_Item):
    """A test of the locks that no model has; where locks are updated, it removes them."""

    def __init__(
        self, *, models: Models, known: list[Failure], named: list[str], **options: object
    ) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.models = models
        self.known = known
        self.names = named
        self.mark(self.nodeid)

    def runtest(self) -> None:
        """Look for locks of models that are not there."""
        left = self.models.orphans(self.known, self.names)
        if left:
            raise _Failed("\n".join(capped(left)))


class OthersItem(_Item):
    """A test of the builders that a file makes when it is run, each a subtest."""

    def __init__(self, *, models: Models, known: frozenset[str], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.models = models
        self.known = known
        self.mark(self.nodeid)

    def setup(self) -> None:
        """Import the file."""
        try:
            found = list(resolve(str(self.path)))
        except NothingFoundError:
            found = []
        except KerasAuditError as error:
            raise _Failed(str(error)) from None
        self.subjects = [one for one in found if one.name not in self.known]

    def runtest(self) -> None:
        """Audit each of the builders; where there are no subtests, all before one failure."""
        if not self.subjects:
            raise _skipped("no other builder is made when the file is run")
        opened = subtests_of(self)
        wrong: list[str] = []
        for subject in self.subjects:
            if opened is not None:
                with opened(printable(subject.name)):
                    self._judge(subject)
                continue
            try:
                self._judge(subject)
            except pytest.fail.Exception as error:
                wrong.append(f"{printable(subject.name)}: {error.msg}")
        if wrong:
            raise _Failed("\n".join(capped("\n".join(wrong).splitlines())))

    def _judge(self, subject: Subject) -> None:
        target = f"{self.parent.nodeid if self.parent else ''}::{subject.name}"
        model = Model(target, self.path, subject.name, subject.name)
        audit = _audit_of(self.models.audited(model, lambda: subject))
        if self.models.locks.update:
            failure = self.models.write_lock(model)
            if failure is not None:
                raise _Failed(failure)
        verdict = WholePart(subject.name).judge(audit, self.models.policy_of(model))
        more = self.models.unneeded(model, audit)
        _settle(replace(verdict, findings=[*verdict.findings, *more]), target)


class UnreadableItem(_Item):
    """A test that stands for those that there would be if a path could be read, and fails."""

    def __init__(self, *, message: str, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.message = message
        self.target = self.nodeid.removesuffix(f"::{self.name}")
        self.mark(self.nodeid)

    def setup(self) -> None:
        """Say why, here and in the summary."""
        self.config.stash[RECORDS].note(self.target, Failure(self.target, self.message))
        raise _Failed(self.message)

    def runtest(self) -> None:
        """Nothing: the set-up has failed."""


def _audit_of(outcome: Audit | Failure) -> Audit:
    if isinstance(outcome, Failure):
        raise _Failed(outcome.message)
    return outcome


def _settle(verdict: Verdict, target: str) -> None:
    """Fail, skip what is waived, or pass."""
    more = f"kerasaudit audit {target} shows all"
    if verdict.missing is not None:
        raise _Failed(verdict.missing)
    failing = [one for one in verdict.findings if one.severity == ERROR]
    if failing:
        text = explained(verdict.layers, failing, more, verdict.drift)
        raise _Failed(text, headline(failing))
    if verdict.waived is not None:
        raise _skipped(f"exempt: {verdict.waived}")


def _skipped(reason: str) -> BaseException:
    """A skip at the test's own place, and not at a line of ours."""
    return pytest.skip.Exception(reason, _use_item_location=True)
