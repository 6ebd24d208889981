"""Backpropagation derived in NumPy from the model's config, by the chain rule.

The package is itself callable: `kerasaudit.backprop(model, x, y)` derives every weight's gradient,
as `kerasaudit.backprop.network.backprop` says in full. The contract gives the function the name
that the house gives the folder, and Python binds a subpackage's name in its parent.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasaudit.backprop.network import Backprop


class _Callable(ModuleType):
    def __call__(
        self,
        model: Any,
        x: Any,
        y: Any,
        loss: Any = None,
        sample_weight: Any = None,
        *,
        training: bool = False,
        masks: Mapping[str, Any] | None = None,
    ) -> Backprop:
        """The derived gradients; see `kerasaudit.backprop.network.backprop`."""
        from kerasaudit.backprop.network import backprop

        return backprop(model, x, y, loss, sample_weight, training=training, masks=masks)


sys.modules[__name__].__class__ = _Callable
