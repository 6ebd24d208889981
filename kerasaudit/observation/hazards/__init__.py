"""What a model file can carry besides a model: one hazard a file.

Every module here that has `KINDS` is one, and is found by itself: adding a hazard is adding a file.
It has `found_in(node, contents)`, which is asked of every mapping in the config, or
`found(contents)`, which is asked once, or both. Nothing of a file is imported, run or followed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file
from kerasaudit.observation.hazards.unreadable import LIMIT

__all__ = ["KINDS", "inspect"]

_MOST_FINDINGS = 10_000

_MODULES: tuple[ModuleType, ...] = tuple(
    module
    for found in pkgutil.iter_modules(__path__)
    if hasattr(module := importlib.import_module(f"{__name__}.{found.name}"), "KINDS")
)

KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in sorted((k for m in _MODULES for k in m.KINDS), key=lambda kind: kind.code)
}


def inspect(contents: Contents) -> tuple[Finding, ...]:
    """The hazards of a file, by code and then as they stand in it; at most 10,000 and a last word.

    >>> lambda_layer = {"class_name": "Lambda", "config": {"name": "f", "function": "abs"}}
    >>> for finding in inspect(Contents("model.h5", "h5", lambda_layer)):
    ...     print(finding.code, finding.message)
    KA301 'f' is a Lambda layer: it calls the function 'abs' (at config)
    """
    found = _Found()
    for module in _MODULES:
        if hasattr(module, "found"):
            for finding in module.found(contents):
                found.add(finding)
    asked = [module for module in _MODULES if hasattr(module, "found_in")]
    for node in contents.nodes:
        for module in asked:
            for finding in module.found_in(node, contents):
                found.add(finding)
        if found.is_full:  # a made file could go on for long
            asked = [module for module in asked if not found.has_each(module.KINDS)]
    return found.all()


class _Found:
    """The findings of a file, of which no more are kept than are listed."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._codes: set[str] = set()
        self._number = 0

    def add(self, finding: Finding) -> None:
        self._number += 1
        # Room is left for one of each kind: thousands of one must not hide another.
        if len(self._kept) < _MOST_FINDINGS - len(KINDS) or finding.code not in self._codes:
            self._kept.append(finding)
            self._codes.add(finding.code)

    @property
    def is_full(self) -> bool:
        return self._number > len(self._kept)

    def has_each(self, kinds: Iterable[Kind]) -> bool:
        return self._codes.issuperset(kind.code for kind in kinds)

    def all(self) -> tuple[Finding, ...]:
        ordered = sorted(self._kept, key=lambda finding: finding.code)
        left = self._number - len(ordered)
        if left:
            line = f"{left:,} or more further findings of this file are not listed"
            ordered.append(in_file(LIMIT, line))
        return tuple(ordered)
