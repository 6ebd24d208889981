"""Convolution: y_k = Σ_uvc K_uvck · x_(window + uv)c + b_k, K of shape (*window, C_in/g, K).

∂y_k/∂x_c = K_uvck where the window meets x with its offset uv;  ∂y_k/∂K_uvck is that x;
∂y_k/∂b_k = 1. Padding is no input: what meets it is on no path. With groups, output channel k takes
the C_in/g channels of group ⌊k / (K/g)⌋. A depthwise convolution has as many groups as channels,
its kernel of shape (*window, C, m); a separable one is that, and then a kernel of one position.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from kerasaudit.backprop.paths.layers.windowed import Windows
from kerasaudit.backprop.paths.stage import NOWHERE, Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array, Mode, apply_layer
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive_layer

__all__ = ["Convolution", "Depthwise", "separable"]


@family("Conv1D", "Conv2D", "Conv3D")
class Convolution(Stage):
    """The feature maps of a convolution, before its activation."""

    kind = "convolution"
    weight: ClassVar[str] = "kernel"

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        self.windows = Windows(applied)
        kernel = self.weights[self.weight]
        self.channels, self.filters, groups = self._extents(kernel.shape)
        self.kernel = kernel.reshape(-1, self.filters)
        self.in_group = self.filters // groups

    def _extents(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """The channels that a filter takes, the filters, and the groups of channels."""
        return shape[-2], shape[-1], self.layer.integer("groups", 1)

    def fan_in(self) -> int:
        """Each output takes a window of its group's channels."""
        return int(self.kernel.shape[0])

    def edges(self, example: int, outputs: Array) -> Edges:
        """What the window meets, with the kernel's element there."""
        places, k = self.windows.split(outputs, self.filters)
        c = np.arange(self.channels) + (k // self.in_group * self.channels)[:, None]
        place = tuple(axis[:, None] for axis in places)
        # (outputs, channels, offsets) → (outputs, offsets, channels), as the kernel is laid out
        offsets = self.fan_in() // self.channels
        met = self.windows.met[(*place, c)].reshape(*c.shape, offsets).swapaxes(1, 2)
        met = met.reshape(len(outputs), self.fan_in())
        row, tap = np.nonzero(met != NOWHERE)
        element = tap * self.filters + k[row]
        return Edges(row, met[row, tap], self.kernel.ravel()[element], element)

    def met_by(self, example: int, weight: str, element: int) -> Edges:
        """An element meets every output of its filter, with the input that lies under it."""
        if weight == "bias":
            outputs = self.windows.outputs_of(element, self.filters)
            return Edges(outputs, np.full(len(outputs), NOWHERE), np.ones(len(outputs)))
        tap, k = divmod(element, self.filters)
        offset, c = divmod(tap, self.channels)
        c += k // self.in_group * self.channels
        at = np.unravel_index(offset, self.windows.size)
        source = self.windows.met[(..., c, *at)].ravel()
        inside = source != NOWHERE
        outputs = self.windows.outputs_of(k, self.filters)[inside]
        source = source[inside]
        return Edges(outputs, source, self.inputs[example].ravel()[source])


@family("DepthwiseConv1D", "DepthwiseConv2D")
class Depthwise(Convolution):
    """Each channel's own feature maps; in memory the kernel is that of so many groups."""

    def _extents(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        return 1, shape[-2] * shape[-1], shape[-2]


class _OwnMaps(Depthwise):
    """The depthwise half of a separable convolution."""

    weight = "depthwise_kernel"


class _Mixed(Convolution):
    """The half of a separable convolution that mixes channels at each position."""

    weight = "pointwise_kernel"


@family("SeparableConv1D", "SeparableConv2D")
def separable(applied: Applied) -> tuple[Stage, Stage]:
    """Both halves."""
    config, weights = applied.layer.config, dict(applied.weights)
    rank = applied.layer.class_name[-2:]
    depthwise = weights.pop("depthwise_kernel")
    first = LayerConfig(
        {"class_name": f"DepthwiseConv{rank}", "config": {**config, "use_bias": False}}
    )
    (maps,) = apply_layer(first, {"kernel": depthwise}, (applied.inputs,), Mode()).outputs
    still = {"kernel_size": 1, "strides": 1, "dilation_rate": 1}
    then = LayerConfig({"class_name": f"Conv{rank}", "config": {**config, **still}})
    return (
        _OwnMaps(
            applied._replace(layer=first, weights={"depthwise_kernel": depthwise}, outputs=maps)
        ),
        _Mixed(
            applied._replace(
                layer=then,
                derivation=derive_layer(then, (maps.shape,)),
                weights=weights,
                inputs=maps,
            )
        ),
    )
