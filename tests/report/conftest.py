"""The audits of `audits.py` as fixtures (the tests are imported by path, not as a package)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Audit

_SPEC = importlib.util.spec_from_file_location(
    "report_audits", Path(__file__).with_name("audits.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
_AUDITS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_AUDITS)


@pytest.fixture(scope="session")
def audits() -> ModuleType:
    return _AUDITS


@pytest.fixture
def digits() -> Audit:
    audit: Audit = _AUDITS.digits()
    return audit


@pytest.fixture
def hostile() -> Audit:
    audit: Audit = _AUDITS.hostile()
    return audit


@pytest.fixture
def broken() -> Audit:
    audit: Audit = _AUDITS.broken()
    return audit


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"report_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def runs() -> ModuleType:
    return _beside("runs")


@pytest.fixture(scope="session")
def trained(runs) -> RunSummary:
    """A run of a small convolutional net with findings of two kinds."""
    run: RunSummary = runs.digits()
    return run


@pytest.fixture(scope="session")
def diffs() -> ModuleType:
    return _beside("diffs")
