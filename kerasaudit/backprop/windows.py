"""Windows that slide over spatial axes: cutting them out, and putting derivatives back.

Arrays here are channels-last: (batch, *spatial, channels). Indices: n example, x y z the window's
position, i j l the offset within it, c channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kerasaudit.backprop.rule import Array
from kerasaudit.derivation.rule import Window
from kerasaudit.derivation.shape import window_length

__all__ = ["Sliding", "channels_first", "channels_last", "slide"]


class Sliding(NamedTuple):
    """A window's way over an input: the positions it takes, and what padding goes around.

    `extents` are those of the padded input.
    """

    window: Window
    positions: tuple[int, ...]
    extents: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    def padded(self, x: Array, value: float = 0.0) -> Array:
        """The input with `value` around it."""
        if not any(map(any, self.padding)):
            return x
        return np.pad(x, ((0, 0), *self.padding, (0, 0)), constant_values=value)

    def windows(self, padded: Array) -> Array:
        """Every window, as a view of shape (batch, *positions, channels, *size)."""
        rank = len(self.positions)
        spans = self._spans()
        view = sliding_window_view(padded, spans, axis=tuple(range(1, rank + 1)))
        steps = [
            slice(0, (count - 1) * stride + 1, stride)
            for count, stride in zip(self.positions, self.window.stride, strict=True)
        ]
        holes = [slice(None, None, dilation) for dilation in self.window.dilation]
        cut: Array = view[(slice(None), *steps, slice(None), *holes)]
        return cut

    def offsets(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Each offset in the window, row by row, with the positions of the input it meets."""
        for offset in product(*map(range, self.window.size)):
            parts = [
                slice(start := one * dilation, start + (count - 1) * stride + 1, stride)
                for one, dilation, count, stride in zip(
                    offset, self.window.dilation, self.positions, self.window.stride, strict=True
                )
            ]
            yield offset, (slice(None), *parts)

    def cropped(self, padded: Array) -> Array:
        """The padded input without what was put around it."""
        parts = [
            slice(before, extent - after)
            for (before, after), extent in zip(self.padding, padded.shape[1:-1], strict=True)
        ]
        return padded[(slice(None), *parts)]

    def _spans(self) -> tuple[int, ...]:
        return tuple(
            dilation * (size - 1) + 1
            for size, dilation in zip(self.window.size, self.window.dilation, strict=True)
        )


def slide(window: Window, spatial: tuple[int, ...]) -> Sliding:
    """How a window goes over an input of such spatial extents.

    "same" pads to ⌈L/s⌉ positions, the odd one after; "causal" pads before alone.

    >>> slide(Window((3,), (2,), (1,), "same"), (8,)).padding
    ((0, 1),)
    """
    positions, padding = [], []
    for length, size, stride, dilation in zip(
        spatial, window.size, window.stride, window.dilation, strict=True
    ):
        count = window_length(length, size, stride, dilation, window.padding)
        assert count is not None  # every extent is known here
        span = dilation * (size - 1) + 1
        missing = max((count - 1) * stride + span - length, 0)
        before = {"valid": 0, "same": missing // 2, "causal": span - 1}[window.padding]
        after = missing - missing // 2 if window.padding == "same" else 0
        positions.append(count)
        padding.append((before, after))
    extents = [length + sum(both) for length, both in zip(spatial, padding, strict=True)]
    return Sliding(window, tuple(positions), tuple(extents), tuple(padding))


def channels_last(x: Array) -> Array:
    """(batch, channels, *spatial) → (batch, *spatial, channels)."""
    return np.moveaxis(x, 1, -1)


def channels_first(x: Array) -> Array:
    """(batch, *spatial, channels) → (batch, channels, *spatial)."""
    return np.moveaxis(x, -1, 1)
