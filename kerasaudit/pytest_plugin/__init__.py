"""The pytest plugin: fixtures that audit a model, and models collected as tests.

Nothing of it is loaded before it is used: a suite that audits nothing pays for the options alone.
Options and ini values are in `options`, the fixtures in `fixtures`; `collection` makes tests of
models and is registered only where a run asks for that; `summary` says at the end what was audited.
"""

from __future__ import annotations

from typing import Any

import pytest

from kerasaudit.pytest_plugin import options
from kerasaudit.pytest_plugin.fixtures import (
    AuditedModel,
    AuditModel,
    CheckGradients,
    audit_model,
    check_gradients,
)
from kerasaudit.pytest_plugin.records import RECORDS, Records

__all__ = ["AuditModel", "AuditedModel", "CheckGradients", "audit_model", "check_gradients"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and an ini value for each."""
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; collect models where the run asks for it."""
    config.addinivalue_line("markers", options.MARKER)
    config.stash[RECORDS] = Records()
    if options.is_active(config):
        from kerasaudit.pytest_plugin.collection import Collection

        config.pluginmanager.register(Collection(config), "kerasaudit-collection")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of a worker of xdist, hand what was audited to the process that started it."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["kerasaudit"] = session.config.stash[RECORDS].as_data()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of xdist audited."""
    output = getattr(node, "workeroutput", None) or {}
    node.config.stash[RECORDS].take(output.get("kerasaudit", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was audited, and how much of it was derived."""
    records = config.stash[RECORDS]
    if records:
        from kerasaudit.pytest_plugin.summary import lines

        terminalreporter.write_sep("=", "kerasaudit")
        for line in lines(records, records.locks):
            terminalreporter.write_line(line)
