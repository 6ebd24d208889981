"""kerasaudit: proves what a Keras model's parameter counts and training are.

The names below are loaded when they are first used (PEP 562), so importing the package imports
neither Keras nor NumPy nor pandas.

>>> import kerasaudit as ka
>>> dense = {"class_name": "Dense", "config": {"units": 10}}
>>> ka.derive(dense, (None, 1600)).params
16010
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kerasaudit.version import __version__

if TYPE_CHECKING:
    from kerasaudit import backprop, gradients, zoo
    from kerasaudit.backprop.check import check_gradients
    from kerasaudit.backprop.check_result import GradientCheck
    from kerasaudit.backprop.explain import explain
    from kerasaudit.backprop.network import Backprop
    from kerasaudit.backprop.paths.explanation import Explanation
    from kerasaudit.backprop.update import UpdateCheck, check_update
    from kerasaudit.derivation.layer import LayerConfig
    from kerasaudit.derivation.rule import Derivation, Window, derive, derive_part, rule
    from kerasaudit.derivation.weight import Axis, Weight
    from kerasaudit.errors import (
        AuditError,
        BackendMissingError,
        ConfigError,
        KerasAuditError,
        RuleError,
        ShapeError,
        TargetError,
        UnsupportedError,
    )
    from kerasaudit.finding import Finding
    from kerasaudit.gradients.diagnosis import GradientFinding
    from kerasaudit.gradients.recorder import GradientRecorder
    from kerasaudit.gradients.run import Run, open_run
    from kerasaudit.gradients.tape import RecordingTape
    from kerasaudit.reconciliation.audit import audit, audit_all
    from kerasaudit.reconciliation.budget import Budget
    from kerasaudit.reconciliation.diff import diff
    from kerasaudit.reconciliation.differences import Diff
    from kerasaudit.reconciliation.result import Audit, Failure
    from kerasaudit.zoo import Claim, Example, builder

__all__ = [
    "Audit",
    "AuditError",
    "Axis",
    "BackendMissingError",
    "Backprop",
    "Budget",
    "Claim",
    "ConfigError",
    "Derivation",
    "Diff",
    "Example",
    "Explanation",
    "Failure",
    "Finding",
    "GradientCheck",
    "GradientFinding",
    "GradientRecorder",
    "KerasAuditError",
    "LayerConfig",
    "RecordingTape",
    "RuleError",
    "Run",
    "ShapeError",
    "TargetError",
    "UnsupportedError",
    "UpdateCheck",
    "Weight",
    "Window",
    "__version__",
    "audit",
    "audit_all",
    "backprop",
    "builder",
    "check_gradients",
    "check_update",
    "derive",
    "derive_part",
    "diff",
    "explain",
    "gradients",
    "open_run",
    "rule",
    "zoo",
]

_HOMES = {
    "kerasaudit.backprop.check": ("check_gradients",),
    "kerasaudit.backprop.check_result": ("GradientCheck",),
    "kerasaudit.backprop.explain": ("explain",),
    "kerasaudit.backprop.network": ("Backprop",),
    "kerasaudit.backprop.update": ("UpdateCheck", "check_update"),
    "kerasaudit.backprop.paths.explanation": ("Explanation",),
    "kerasaudit.derivation.layer": ("LayerConfig",),
    "kerasaudit.derivation.rule": ("Derivation", "Window", "derive", "derive_part", "rule"),
    "kerasaudit.derivation.weight": ("Axis", "Weight"),
    "kerasaudit.errors": (
        "AuditError",
        "BackendMissingError",
        "ConfigError",
        "KerasAuditError",
        "RuleError",
        "ShapeError",
        "TargetError",
        "UnsupportedError",
    ),
    "kerasaudit.finding": ("Finding",),
    "kerasaudit.gradients.diagnosis": ("GradientFinding",),
    "kerasaudit.gradients.recorder": ("GradientRecorder",),
    "kerasaudit.gradients.run": ("Run", "open_run"),
    "kerasaudit.gradients.tape": ("RecordingTape",),
    "kerasaudit.reconciliation.audit": ("audit", "audit_all"),
    "kerasaudit.reconciliation.budget": ("Budget",),
    "kerasaudit.reconciliation.diff": ("diff",),
    "kerasaudit.reconciliation.differences": ("Diff",),
    "kerasaudit.reconciliation.result": ("Audit", "Failure"),
    "kerasaudit.zoo": ("Claim", "Example", "builder"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("backprop", "gradients", "zoo"):
        return importlib.import_module(f"kerasaudit.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'kerasaudit' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
