"""What is wrong with a training, read from the gradients of its kernels: one rule a file.

Every module here that registers a diagnosis (`rule.diagnosis`) is found by itself: adding one is
adding a file. A `Diagnosis` watches the blocks of a session, live or out of a store, and has the
findings.
"""

from __future__ import annotations

import importlib
import pkgutil

from kerasaudit.finding import Kind
from kerasaudit.gradients.diagnosis import rule as _rule
from kerasaudit.gradients.diagnosis.incomplete import incomplete
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Rule
from kerasaudit.gradients.diagnosis.session import Diagnosis

__all__ = ["DIAGNOSES", "KINDS", "Diagnosis", "GradientFinding", "Rule", "incomplete"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

KINDS: dict[str, Kind] = _rule.kinds()
DIAGNOSES: dict[str, Rule] = _rule.rules()
