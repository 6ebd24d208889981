"""The steps of a block that a watch is shown, and their figures by weight and by layer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from kerasaudit.gradients.block import Block
from kerasaudit.gradients.diagnosis.layout import Layout

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["Figures"]


class Figures:
    """Consecutive steps of a stream. What several diagnoses read is computed once.

    Attributes:
        block: the steps.
        first: how many steps were shown before them.
        present: bool (W): which weights have a gradient.
        statistics: the names of what was recorded.
    """

    def __init__(self, layout: Layout, block: Block, first: int) -> None:
        self.layout = layout
        self.block = block
        self.first = first
        self.present = block.present
        self.steps = block.steps
        self.statistics = block.statistics

    def __len__(self) -> int:
        """How many steps."""
        return len(self.block)

    def of(self, statistic: str) -> Array:
        """The figures of one statistic: (n, kernels)."""
        return self.block.of(statistic)

    def settled(self, warmup: int) -> Array:
        """Whether a step is past the first `warmup` ones: bool (n, 1)."""
        import numpy as np

        return (np.arange(self.first, self.first + len(self)) >= warmup)[:, None]

    @cached_property
    def weight_max(self) -> Array:
        """The largest magnitude in each weight: (n, W); 0 for one without a gradient."""
        import numpy as np

        return self._without_absent(self.layout.by_weight(np.maximum, self.of("max_abs")))

    @cached_property
    def weight_square(self) -> Array:
        """The sum of squares of each weight: float64 (n, W); 0 for one without a gradient."""
        import numpy as np

        squares = np.square(self.of("l2"), dtype=np.float64)
        return self._without_absent(self.layout.by_weight(np.add, squares))

    def _without_absent(self, values: Array) -> Array:
        values[:, ~self.present] = 0
        return values

    @cached_property
    def has_gradient(self) -> Array:
        """Which layers have a weight with a gradient: bool (L)."""
        import numpy as np

        return self.layout.by_layer(np.logical_or, self.present)

    @cached_property
    def weighty(self) -> Array:
        """Which layers have a gradient of a weight with kernels of several elements: bool (L)."""
        import numpy as np

        return self.layout.by_layer(np.logical_or, self.present & self.layout.weighty)

    @cached_property
    def layer_max(self) -> Array:
        """The largest magnitude in each layer: (n, L); NaN for one without a gradient."""
        import numpy as np

        found = self.layout.by_layer(np.maximum, self.weight_max)
        return np.where(self.has_gradient, found, np.nan)

    @cached_property
    def kernel_max(self) -> Array:
        """The same of weighty weights alone: (n, L); NaN for a layer without one."""
        import numpy as np

        of_kernels = np.where(self.layout.weighty, self.weight_max, 0)
        return np.where(self.weighty, self.layout.by_layer(np.maximum, of_kernels), np.nan)

    @cached_property
    def rms(self) -> Array:
        """The root mean square over all elements of a layer's weighty weights: (n, L).

        Per element, so that layers of any size compare. NaN for a layer without such a weight.
        """
        import numpy as np

        judged = self.layout.weighty & self.present
        squares = self.layout.by_layer(np.add, np.where(judged, self.weight_square, 0))
        elements = self.layout.by_layer(np.add, np.where(judged, self.layout.elements, 0))
        return np.sqrt(squares / np.where(self.weighty, elements, np.nan))
