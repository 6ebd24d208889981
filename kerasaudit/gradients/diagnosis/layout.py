"""Where weights and layers lie in a vector of kernels, as arrays: made once for an inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerasaudit.gradients.inventory import Inventory, WeightEntry

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["Layout"]


class Layout:
    """The recorded weights of an inventory and their layers, in forward order.

    Attributes:
        inventory: the inventory.
        entries: the recorded weights (W).
        layers: the paths of their layers (L), in forward order.
        classes: the class of each layer.
        ranges: the kernels of each weight.
        starts: where each weight's kernels begin.
        kernels, sizes, elements: per weight, how many kernels, elements of a kernel, elements.
        layer_of: the layer of each weight.
        weighty: whether a weight's kernels have more than one element. Biases, scales and slopes
            are not: what is natural of them (a bias in front of a batch normalisation has a
            gradient of round-off) would be a fault in a filter or a unit.
        weights_of: the weights of each layer.
    """

    def __init__(self, inventory: Inventory) -> None:
        import numpy as np

        self.inventory = inventory
        self.entries: tuple[WeightEntry, ...] = inventory.recorded
        self.ranges = inventory.ranges
        first = {entry.layer: entry.class_name for entry in reversed(self.entries)}
        self.layers = tuple(dict.fromkeys(entry.layer for entry in self.entries))
        self.classes = tuple(first[layer] for layer in self.layers)
        self.index = {layer: i for i, layer in enumerate(self.layers)}
        self.starts = np.array([place.start for place in self.ranges], np.intp)
        self.kernels = np.array([entry.kernels for entry in self.entries], np.int64)
        self.sizes = np.array([entry.size for entry in self.entries], np.int64)
        self.elements = self.kernels * self.sizes
        self.layer_of = np.array([self.index[entry.layer] for entry in self.entries], np.intp)
        self.weighty = self.sizes > 1
        # A layer's weights lie side by side as a rule, but nothing promises it.
        self._order = np.argsort(self.layer_of, kind="stable")
        self._layer_starts = np.searchsorted(
            self.layer_of[self._order], np.arange(len(self.layers))
        )
        self.weights_of = tuple(
            tuple(np.flatnonzero(self.layer_of == i).tolist()) for i in range(len(self.layers))
        )

    def by_weight(self, ufunc: np.ufunc, values: Array, dtype: Any = None) -> Array:
        """Reduce (…, kernels) to (…, weights)."""
        return ufunc.reduceat(values, self.starts, axis=-1, dtype=dtype)

    def by_layer(self, ufunc: np.ufunc, values: Array, dtype: Any = None) -> Array:
        """Reduce (…, weights) to (…, layers)."""
        return ufunc.reduceat(values[..., self._order], self._layer_starts, axis=-1, dtype=dtype)

    def over_kernels(self, values: Array) -> Array:
        """Repeat a value per weight for each of its kernels."""
        import numpy as np

        return np.repeat(values, self.kernels)

    def exempt(self, classes: tuple[str, ...]) -> Array:
        """Whether a layer's class is one of `classes`: bool (L)."""
        import numpy as np

        return np.array([name in classes for name in self.classes], bool)
