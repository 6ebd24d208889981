"""Models and builders, collected as tests: configs and sources are read, and nothing is run."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from kerasaudit.errors import KerasAuditError
from kerasaudit.observation.archive import is_model_folder
from kerasaudit.observation.target import is_model_file
from kerasaudit.pytest_plugin import options
from kerasaudit.pytest_plugin.declared import Declared, DeclaredBuilder, read_builders
from kerasaudit.pytest_plugin.items import (
    AuditItem,
    LockItem,
    OrphansItem,
    OthersItem,
    UnreadableItem,
    summarised,
)
from kerasaudit.pytest_plugin.locks import Locks
from kerasaudit.pytest_plugin.models import Model, Models, layers_of_file
from kerasaudit.pytest_plugin.parts import (
    BudgetPart,
    ClaimPart,
    LayerPart,
    LayersPart,
    LockPart,
    ModelPart,
    Part,
    WholePart,
    named_apart,
)
from kerasaudit.pytest_plugin.records import RECORDS
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.wording import printable
from kerasaudit.settings import find_settings

__all__ = ["BuilderFile", "BuilderNode", "Collection", "ModelFile"]


class Collection:
    """The hooks that are called only in a run that collects models."""

    def __init__(self, config: pytest.Config) -> None:
        try:
            settings = find_settings(config.rootpath)
        except KerasAuditError as error:
            raise pytest.UsageError(f"kerasaudit: {error}") from None
        locks = Locks(
            options.locks_folder(config, settings.locks),
            locked=options.is_on(config, "kerasaudit_locked"),
            update=options.is_on(config, "kerasaudit_update_locks"),
        )
        exempt = options.exemptions(config)
        self.models = Models(settings, exempt, locks, config.stash[RECORDS])
        given, from_ini, self.everywhere = options.roots(config)
        self.roots = [*given, *from_ini]
        self.expected = list(given)  # what must hold a model, or the run is not what was asked for
        everything = config.args_source is not pytest.Config.ArgsSource.ARGS
        if everything:
            self.expected += from_ini
        _visit(config, self.expected)
        self.found: dict[Path, list[str]] = {}  # the targets in a file, by what locks know
        self.partial = any("::" in argument for argument in config.args)

    def covers(self, path: Path) -> bool:
        """Whether models are collected at this path."""
        return self.everywhere or any(path == r or r in path.parents for r in self.roots)

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Collect a model file, or a Python file with builders."""
        if not self.covers(file_path):
            return None
        if file_path.suffix == ".py":
            return self._python_file(file_path, parent)
        if file_path in self.roots or is_model_file(file_path):
            return self._noted(ModelFile.from_parent(parent, path=file_path, models=self.models))
        return None

    def pytest_collect_directory(
        self, path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Collect an unzipped model as one."""
        if not self.covers(path) or not is_model_folder(path):
            return None
        return self._noted(ModelFile.from_parent(parent, path=path, models=self.models))

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Keep a file of builders that is named on the command line from being imported.

        pytest takes any Python file that is named for one of tests. One with tests is that, too.
        """
        patterns = parent.config.getini("python_files")
        if not self.covers(module_path) or any(module_path.match(one) for one in patterns):
            return None
        try:
            declared = read_builders(module_path)
        except KerasAuditError:
            return None
        if not declared or declared.tests:
            return None
        return NoTests.from_parent(parent, path=module_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Add a test that fails for each of the paths that were given and hold no model."""
        for root in self.expected:
            if not any(path == root or root in path.parents for path in self.found):
                about = Path(os.path.relpath(root, config.rootpath)).as_posix()
                message = (
                    f"{about}: no builder and no model file was collected there "
                    "(norecursedirs and --ignore of pytest hold here as well)"
                )
                items.append(
                    UnreadableItem.named(session, "models", about=about, message=message, path=root)
                )
        if self.models.locks.active and not self.partial:
            items += self._orphans(session)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Summarise a failure of ours in its line."""
        report = yield
        if call.excinfo is not None:
            summarised(report, call.excinfo.value)
        return report

    def _orphans(self, session: pytest.Session) -> Iterator[pytest.Item]:
        """The test of the locks of models under the paths of this run that there are no more."""
        folder = session.config.invocation_params.dir
        named = [str(root) for root in self.expected]
        if self.everywhere:
            named += [
                str(options.absolute_path(folder / argument)) for argument in session.config.args
            ]
        known = [
            Failure(target, "it is not this test's to say")
            for targets in self.found.values()
            for target in targets
        ]
        place = self.models.locks.place
        about = Path(os.path.relpath(place, session.config.rootpath)).as_posix()
        if named:
            yield OrphansItem.named(
                session,
                "orphans",
                about=about,
                models=self.models,
                known=known,
                named=named,
                path=place,
            )

    def _python_file(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if path not in self.roots and path.name.startswith("_"):
            return None
        declared: Declared | KerasAuditError
        try:
            declared = read_builders(path)
        except KerasAuditError as error:
            declared = error
        if not declared:
            return None
        targets = [str(path)]  # whatever is in it, if only running it tells
        if isinstance(declared, Declared) and not declared.others:
            targets = [f"{path}::{builder.name}" for builder in declared.builders]
        return self._noted(
            BuilderFile.from_parent(parent, path=path, models=self.models, declared=declared),
            targets,
        )

    def _noted(self, collector: pytest.File, targets: list[str] | None = None) -> pytest.File:
        self.found[collector.path] = targets or [str(collector.path)]
        return collector


def _visit(config: pytest.Config, roots: list[Path]) -> None:
    """Add to the arguments the paths that none of them covers."""
    folder = config.invocation_params.dir
    there = [
        options.absolute_path(folder / argument.partition("::")[0]) for argument in config.args
    ]
    for root in roots:
        if not any(root == path or path in root.parents for path in there):
            config.args.append(str(root))


class NoTests(pytest.File):
    """A Python file with no tests of the usual kind."""

    def collect(self) -> list[pytest.Item]:
        """Nothing."""
        return []


class ModelFile(pytest.File):
    """A model file: a test for each layer that holds weights, for each budget, and for the rest."""

    def __init__(self, *, models: Models, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.models = models

    def collect(self) -> Iterator[pytest.Item]:
        """The tests, or one that says why there are no others."""
        model = Model(self.nodeid, self.path)
        try:
            layers = layers_of_file(self.path, self.models.settings)
        except Exception:  # noqa: BLE001 - a fault of ours takes no other model's tests with it
            # Whatever it is, the audit meets it again and says so, when it is run.
            yield from _items(self, self.models, model, [WholePart("file")])
            return
        parts: list[Part] = [LayerPart(printable(path), path) for path in layers]
        parts += _common_parts(self.models, model, frozenset(layers))
        yield from _items(self, self.models, model, parts)


class BuilderFile(pytest.File):
    """A Python file with builders."""

    def __init__(
        self, *, models: Models, declared: Declared | KerasAuditError, **options: object
    ) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.models = models
        self.declared = declared

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """A node for each builder; a test for those that only running the file tells."""
        if isinstance(self.declared, KerasAuditError):
            yield UnreadableItem.named(self, "file", message=str(self.declared))
            return
        for builder in self.declared.builders:
            yield BuilderNode.from_parent(
                self, name=builder.name, models=self.models, declared=builder
            )
        if self.declared.others:
            known = frozenset(builder.name for builder in self.declared.builders)
            yield OthersItem.named(self, "builders", models=self.models, known=known)


class BuilderNode(pytest.Collector):
    """A builder: a test for its layers, for each claim and budget, and for the rest."""

    def __init__(self, *, models: Models, declared: DeclaredBuilder, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # pytest's own, passed on
        self.models = models
        self.declared = declared

    def collect(self) -> Iterator[pytest.Item]:
        """The tests."""
        line = self.declared.line
        model = Model(self.nodeid, self.path, self.declared.name, self.declared.function)
        locked = self.models.locks.layers(model.located)
        parts: list[Part] = [LayerPart(printable(path), path, line=line) for path in locked]
        parts.append(LayersPart("layers", frozenset(locked), line=line))
        parts += _claim_parts(self.declared)
        parts += _common_parts(self.models, model, None, line)
        yield from _items(self, self.models, model, parts)


def _claim_parts(declared: DeclaredBuilder) -> list[Part]:
    if declared.claims is None:
        return [ClaimPart("claims", line=declared.line)]
    parts: list[Part] = []
    for number, claim in enumerate(declared.claims):
        of = claim.subject if claim.quantity == "params" else f"{claim.subject}-{claim.quantity}"
        parts.append(ClaimPart(f"claims[{printable(of)}]", claim, number, line=claim.line))
    return parts


def _common_parts(
    models: Models, model: Model, listed: frozenset[str] | None, line: int | None = None
) -> list[Part]:
    budgets = models.policy_of(model).budgets
    parts: list[Part] = [ModelPart("model", listed, line=line)]
    parts += [BudgetPart(BudgetPart.name_of(one), one, line=line) for one in budgets]
    return [*parts, LockPart("lock", line=line)] if models.locks.active else parts


def _items(
    parent: pytest.Collector, models: Models, model: Model, parts: list[Part]
) -> Iterator[pytest.Item]:
    for part in named_apart(parts):
        made = LockItem if isinstance(part, LockPart) else AuditItem
        yield made.named(parent, part.name, models=models, model=model, part=part)
