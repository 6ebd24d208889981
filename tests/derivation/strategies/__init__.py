"""Which configurations the property tests generate, a strategy for every class with a rule.

Each module here has `STRATEGIES`, from a class to (module, strategy of (arguments, shapes), weight
of its examples), and `COUNTING`, the classes among them that do contractions. Adding a rule means
adding its class to one of them: a test fails while one is missing. Most examples are configurations
that Keras takes; some are not, for both sides must then refuse.
"""

from __future__ import annotations

import importlib
import pkgutil

STRATEGIES = {}
COUNTING = set()

for _module in pkgutil.iter_modules(__path__):
    _family = importlib.import_module(f"{__name__}.{_module.name}")
    STRATEGIES |= _family.STRATEGIES
    COUNTING |= _family.COUNTING
