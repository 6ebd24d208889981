"""Gradients as training meets them: recorded per kernel, kept, diagnosed.

The package is itself callable: `kerasaudit.gradients(model, x, y)` makes one backward pass, as
`kerasaudit.gradients.one_pass.gradients` says in full. The contract gives the function the name
that the house gives the folder, and Python binds a subpackage's name in its parent.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasaudit.gradients.run import Run


class _Callable(ModuleType):
    def __call__(
        self,
        model: Any,
        x: Any,
        y: Any,
        loss: Any = None,
        sample_weight: Any = None,
        *,
        layers: str | Sequence[str] | None = None,
        statistics: Sequence[str] = ("l2", "max_abs"),
    ) -> Run:
        """The gradients of one backward pass; see `kerasaudit.gradients.one_pass.gradients`."""
        from kerasaudit.gradients.one_pass import gradients

        return gradients(model, x, y, loss, sample_weight, layers=layers, statistics=statistics)


sys.modules[__name__].__class__ = _Callable
