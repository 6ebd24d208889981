"""The updates of optimizers by arithmetic, from their config: one family a file.

Every module here that registers a rule is found by itself: adding an optimizer is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil

from kerasaudit.backprop.optimizers.step import Optimizer, State, initial_state

__all__ = ["Optimizer", "State", "initial_state"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
