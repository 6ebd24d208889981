"""`keras.ops` calls that move a window over an input, as the layers of those names do."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, Window, rule
from kerasaudit.derivation.shape import Extent, Shape, product, window_length


@rule("keras.ops.Conv", several_inputs=True)
def convolution_operation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """A convolution with a kernel that is an operand, and no weight.

    Output:   as of the layer: valid ⌊(L − d·(k − 1) − 1) / s⌋ + 1, same ⌈L / s⌉.
    Example:  a 3×3×3×4 kernel at strides 2, same, on 8×8×3 gives 4×4×4.
    MACs:     output positions · elements of the kernel, none of them a weight.
    Source:   Keras ops/nn.py (Conv).
    """
    if len(x) != 2 or len(x[0]) != len(x[1]) or len(x[0]) < 3:
        layer.shape_error("an input and a kernel of one rank, 3 or more", list(x))
    inputs, kernel = x
    lengths, window = _windows(layer, inputs, kernel[:-2], strides=1)
    macs = product((*lengths, *kernel))
    return Derivation(
        output_shape=_assembled(layer, inputs, lengths, kernel[-1]),
        macs=macs,
        activation_macs=macs,
        inner_macs=0,
        window=window,
    )


@rule("keras.ops.MaxPool", "keras.ops.AveragePool")
def pooling_operation(layer: LayerConfig, x: Shape) -> Derivation:
    """The maximum or the mean over windows.

    Output:   as of the layer: valid ⌊(L − k) / s⌋ + 1, same ⌈L / s⌉; strides default to pool_size.
    Example:  pool_size 2 on 8×8×3 gives 4×4×3.
    MACs:     0: no contraction.
    Source:   Keras ops/nn.py (MaxPool, AveragePool).
    """
    if len(x) < 3:
        layer.shape_error("an input of rank 3 or more", x)
    size = layer.integers("pool_size", len(x) - 2)
    lengths, window = _windows(layer, x, size, strides=size)
    channels = x[1] if layer.channels_first() else x[-1]
    return Derivation(output_shape=_assembled(layer, x, lengths, channels), macs=0, window=window)


def _windows(
    layer: LayerConfig, x: Shape, size: Shape, *, strides: int | tuple[int, ...]
) -> tuple[tuple[Extent, ...], Window | None]:
    """How many positions a window takes on each spatial axis, and the window if it is known."""
    rank = len(size)
    stride = layer.integers("strides", rank, strides)
    dilation = layer.integers("dilation_rate", rank, 1)
    padding = layer.choice("padding", "valid", "same")
    spatial = x[2:] if layer.channels_first() else x[1:-1]
    lengths = tuple(
        None if extent is None else window_length(length, extent, one, spread, padding)
        for length, extent, one, spread in zip(spatial, size, stride, dilation, strict=True)
    )
    if any(length is not None and length < 1 for length in lengths):
        layer.shape_error(f"an input that the window {list(size)} fits into", x)
    known = tuple(extent for extent in size if extent is not None)
    return lengths, Window(known, stride, dilation, padding) if len(known) == rank else None


def _assembled(layer: LayerConfig, x: Shape, spatial: Shape, channels: Extent) -> Shape:
    first = layer.channels_first()
    return (x[0], channels, *spatial) if first else (x[0], *spatial, channels)
