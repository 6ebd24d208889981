"""Kernels of a convolution as small pictures: the weight, and the gradient of its last step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.inventory import Inventory, WeightEntry

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CHANNELS", "KERNELS", "WEIGHTS", "Latest", "planes", "shows"]

KERNELS = 32  # of each weight, so many kernels at most
CHANNELS = 3  # and of each kernel so many input channels
WEIGHTS = 32  # and so many weights of a run

_FAMILIES = ("Conv", "DepthwiseConv", "SeparableConv")
_OVERFLOW = STEP_STATUSES.index("overflow")


def shows(entry: WeightEntry) -> bool:
    """Whether the kernels of a weight are pictures: windows of two or three axes, not one point.

    >>> conv = WeightEntry("c", "kernel", "Conv2D", (3, 3, 1, 2), "float32", (3, 3, 1, 2),
    ...                    ("K",), (3,))
    >>> shows(conv)
    True
    """
    window = entry.axes_shape[:-2]
    return (
        entry.class_name.startswith(_FAMILIES)
        and len(window) in (2, 3)
        and not set(entry.unit_axes) & set(range(len(window)))
        and min(window[-2:]) > 1
    )


def planes(entry: WeightEntry, array: Any) -> np.ndarray[Any, Any]:
    """The pictures of a weight: (kernels, channels, height, width), the first ones of each.

    Of a window of three axes it is the plane in its middle.

    >>> import numpy as np
    >>> entry = WeightEntry("c", "kernel", "Conv2D", (2, 2, 1, 2), "float32", (2, 2, 1, 2),
    ...                     ("K",), (3,))
    >>> planes(entry, np.arange(8)).tolist()
    [[[[0, 2], [4, 6]]], [[[1, 3], [5, 7]]]]
    """
    import numpy as np

    whole = np.reshape(array, entry.axes_shape)
    first = np.moveaxis(whole, entry.unit_axes, range(len(entry.unit_axes)))
    kernels = first.reshape(entry.kernels, *(entry.axes_shape[a] for a in entry.reduced_axes))
    window = len(entry.axes_shape) - 2
    if window == 3:
        kernels = kernels[:, kernels.shape[1] // 2]
    if kernels.ndim == 3:  # each filter of a depthwise convolution sees one channel
        kernels = kernels[..., None]
    return np.moveaxis(kernels[:KERNELS, ..., :CHANNELS], -1, 1).copy()


class Latest:
    """The pictures of the last recorded step of each weight that is recorded by element."""

    def __init__(self, inventory: Inventory) -> None:
        self._entries = inventory.recorded
        # By position: the step, the weight's planes, the gradient's, the optimizer.
        self.found: dict[int, tuple[int, Any, Any, str]] = {}

    def add(self, block: Block) -> None:
        """Take in the next steps at the tap raw."""
        import numpy as np

        kept = np.flatnonzero(np.asarray(block.status) != _OVERFLOW)
        if not len(kept) or block.tap != "raw":
            return
        last = int(kept[-1])
        for position in _shown(self._entries, block):
            gradient, value = block.elements[position]
            entry = self._entries[position]
            self.found[position] = (
                int(block.steps[last]),
                planes(entry, value[last]),
                planes(entry, gradient[last]),
                block.optimizer,
            )


def _shown(entries: Sequence[WeightEntry], block: Block) -> list[int]:
    there = sorted(p for p in block.elements if block.present[p] and shows(entries[p]))
    return there[:WEIGHTS]
