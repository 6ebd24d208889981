"""What convolution and pooling share: which input positions each window meets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasaudit.backprop.paths.stage import NOWHERE, Applied
from kerasaudit.backprop.rule import Array
from kerasaudit.backprop.windows import channels_last, slide

__all__ = ["Windows"]


class Windows:
    """The windows of a layer over one example's input, channels last or first.

    `met` has, for each place of the window (x, y, …), channel c and offset in the window (i, j, …),
    the position of the input that is met there, `NOWHERE` where that is padding. It is a view of
    one padded array of positions, so the windows take no room.
    """

    def __init__(self, applied: Applied) -> None:
        window = applied.derivation.window
        assert window is not None  # the rules of these layers all say it
        # A window that stands still has one place, which a stride of 1 finds as well.
        window = replace(window, stride=tuple(stride or 1 for stride in window.stride))
        self.first = applied.layer.channels_first()
        shape = applied.inputs.shape[1:]
        positions = np.arange(np.prod(shape, dtype=int)).reshape(1, *shape)
        if self.first:
            positions = channels_last(positions)
        sliding = slide(window, positions.shape[1:-1])
        self.places = sliding.positions
        met = sliding.windows(sliding.padded(positions, NOWHERE))[0]
        self.met = np.moveaxis(met, -1, len(self.places))
        self.size = window.size

    @property
    def spatial_axes(self) -> tuple[int, ...]:
        """The axes of the layer's input that the window moves along."""
        before = 2 if self.first else 1
        return tuple(range(before, before + len(self.size)))

    def split(self, outputs: Array, channels: int) -> tuple[tuple[Array, ...], Array]:
        """The place and the channel of each output position."""
        if self.first:
            channel, *place = np.unravel_index(outputs, (channels, *self.places))
        else:
            *place, channel = np.unravel_index(outputs, (*self.places, channels))
        return tuple(place), channel

    def outputs_of(self, channel: int, channels: int) -> Array:
        """The output positions of one channel, in the order of the places."""
        places = int(np.prod(self.places))
        if self.first:
            return np.arange(channel * places, (channel + 1) * places)
        return np.arange(channel, channels * places, channels)
