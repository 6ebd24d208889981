"""Pooling: windows, whole maps, and windows that adapt to a wanted output size. No weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, Window, rule
from kerasaudit.derivation.shape import Shape, window_length

_POOLING = {f"{kind}Pooling{rank}D": rank for kind in ("Max", "Average") for rank in (1, 2, 3)}
_GLOBAL = {f"Global{kind}Pooling{rank}D": rank for kind in ("Max", "Average") for rank in (1, 2, 3)}
_ADAPTIVE = {
    f"Adaptive{kind}Pooling{rank}D": rank for kind in ("Max", "Average") for rank in (1, 2, 3)
}


@rule(*_POOLING)
def pooling(layer: LayerConfig, x: Shape) -> Derivation:
    """Max or average pooling over windows. No weights: a maximum or a mean learns nothing.

    Example:  MaxPooling2D(2) on 26×26×32 gives 13×13×32.
    Output:   valid ⌊(L − k)/s⌋ + 1, same ⌈L/s⌉ on each spatial axis; strides default to pool_size.
    MACs:     0: no contraction with weights.
    Source:   Keras base_pooling.py.
    """
    rank = _POOLING[layer.class_name]
    layer.expect_rank(x, rank + 2)
    size = layer.integers("pool_size", rank, 2)
    window = Window(
        size=size,
        stride=layer.integers("strides", rank, size),
        dilation=(1,) * rank,
        padding=layer.choice("padding", "valid", "same"),
    )
    first = layer.channels_first()
    lengths = tuple(
        window_length(length, k, stride, 1, window.padding)
        for length, k, stride in zip(x[2:] if first else x[1:-1], size, window.stride, strict=True)
    )
    if any(length is not None and length < 1 for length in lengths):
        layer.shape_error(f"an input that the window {size} fits into", x)
    output_shape = (*x[:2], *lengths) if first else (x[0], *lengths, x[-1])
    return Derivation(output_shape=output_shape, macs=0, window=window)


@rule(*_GLOBAL)
def global_pooling(layer: LayerConfig, x: Shape) -> Derivation:
    """Max or average over the whole map, one figure a channel. No weights.

    Example:  GlobalAveragePooling2D on 7×7×2048 gives 2048; with keepdims 1×1×2048.
    MACs:     0: no contraction with weights.
    Source:   Lin, Chen & Yan 2013, "Network in network"; Keras base_global_pooling.py.
    """
    rank = _GLOBAL[layer.class_name]
    layer.expect_rank(x, rank + 2)
    first = layer.channels_first()
    ones = (1,) * rank if layer.boolean("keepdims", False) else ()
    channels, lengths = (x[1], x[2:]) if first else (x[-1], x[1:-1])
    output_shape = (x[0], channels, *ones) if first else (x[0], *ones, channels)
    return Derivation(output_shape=output_shape, macs=0, window=_whole_map(lengths))


def _whole_map(lengths: Shape) -> Window | None:
    """One window as large as the map, which stands still; `None` where an extent is not known."""
    size = tuple(length for length in lengths if length is not None)
    if len(size) != len(lengths):
        return None
    return Window(size, stride=(0,) * len(size), dilation=(1,) * len(size), padding="valid")


@rule(*_ADAPTIVE)
def adaptive_pooling(layer: LayerConfig, x: Shape) -> Derivation:
    """Max or average over windows chosen so that the output has `output_size`. No weights.

    Example:  AdaptiveAveragePooling2D(6) on 13×13×256 gives 6×6×256.
    MACs:     0: no contraction with weights.
    Source:   Keras base_adaptive_pooling.py.
    """
    rank = _ADAPTIVE[layer.class_name]
    layer.expect_rank(x, rank + 2)
    lengths = layer.integers("output_size", rank)
    first = layer.channels_first()
    output_shape = (*x[:2], *lengths) if first else (x[0], *lengths, x[-1])
    return Derivation(output_shape=output_shape, macs=0)
