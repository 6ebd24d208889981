"""Convolutions: plain, grouped, dilated, depthwise, separable and transposed.

MACs, for all of them: every use of a kernel element at a position is one multiply-accumulate.
The window's positions are counted on the output (on the input for a transposed convolution,
which scatters instead of gathering); positions that padding adds count as any other.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, Window, rule
from kerasaudit.derivation.shape import Extent, Shape, product, transposed_length, window_length
from kerasaudit.derivation.weight import Axis, Weight

_CONVOLUTIONS = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3}
_DEPTHWISE = {"DepthwiseConv1D": 1, "DepthwiseConv2D": 2}
_SEPARABLE = {"SeparableConv1D": 1, "SeparableConv2D": 2}
_TRANSPOSED = {"Conv1DTranspose": 1, "Conv2DTranspose": 2, "Conv3DTranspose": 3}

_WINDOW_SYMBOLS = {1: ("k",), 2: ("kh", "kw"), 3: ("kd", "kh", "kw")}


@rule(*_CONVOLUTIONS)
def convolution(layer: LayerConfig, x: Shape) -> Derivation:
    """A convolution: K kernels slide over C_in channels.

    Formula:  kernel kh·kw·C_in·K, bias K. With g groups each kernel sees C_in/g channels:
              kh·kw·C_in/g·K. Conv1D has one window axis (k), Conv3D three (kd, kh, kw).
    Axes:     (kh, kw, C_in/g, K) whatever the data_format; the unit axis is K, a kernel a filter.
    Example:  Conv2D(64, 3) on 13×13×32: 3·3·32·64 + 64 = 18,496.
    Output:   valid ⌊(L − d·(k − 1) − 1)/s⌋ + 1, same and causal ⌈L/s⌉ on each spatial axis.
    MACs:     output positions · kernel elements.
    Limits:   C_in must be known and divisible by g, as must K. Strides and dilation are not both
              above 1, as in Keras. LoRA adapters are derived from these weights, not here;
              Keras does not quantise convolutions.
    Source:   Dumoulin & Visin 2016, "A guide to convolution arithmetic", §2; Keras base_conv.py.
    """
    rank = _CONVOLUTIONS[layer.class_name]
    filters, groups = layer.integer("filters"), layer.integer("groups", 1)
    window = _window(layer, rank, causal=rank == 1)
    _refuse_strides_with_dilation(layer, window)
    first = layer.channels_first()
    channels = _channels(layer, x, rank, first)
    for name, count in (("input channels", channels), ("filters", filters)):
        if count % groups:
            layer.fail(f"groups must divide the {count} {name}, received {groups}")
    kernel, bias = _kernel_and_bias(window.size, channels, groups, filters)
    positions = _positions(layer, x, window, first)
    return Derivation(
        weights=(kernel, bias) if layer.boolean("use_bias", True) else (kernel,),
        output_shape=_assemble(x, positions, filters, first),
        macs=product((*positions, kernel.count)),
        window=window,
    )


@functools.lru_cache(maxsize=1024)  # a deep network repeats its blocks
def _kernel_and_bias(
    size: tuple[int, ...], channels: int, groups: int, filters: int
) -> tuple[Weight, Weight]:
    kernels = Axis("K", filters)
    seen = Axis("C_in" if groups == 1 else "C_in/g", channels // groups)
    kernel = Weight("kernel", *_window_axes(size), seen, kernels, unit="K")
    return kernel, Weight("bias", kernels, unit="K")


@rule(*_DEPTHWISE)
def depthwise_convolution(layer: LayerConfig, x: Shape) -> Derivation:
    """A depthwise convolution: each input channel has m kernels of its own.

    Formula:  kernel kh·kw·C·m, bias C·m, with the depth multiplier m.
    Axes:     (kh, kw, C, m); the unit axes are C and m together: C·m kernels.
    Example:  DepthwiseConv2D(3) on 112×112×32: 3·3·32·1 + 32·1 = 320.
    Output:   as a convolution's, with C·m channels.
    MACs:     output positions · kernel elements.
    Limits:   C must be known. Causal padding does not exist here.
    Source:   Chollet 2017, "Xception"; Keras base_depthwise_conv.py.
    """
    rank = _DEPTHWISE[layer.class_name]
    window, first = _window(layer, rank), layer.channels_first()
    channels, multiplier = _channels(layer, x, rank, first), layer.integer("depth_multiplier", 1)
    kernel, bias = _depthwise_kernel_and_bias(window.size, channels, multiplier)
    positions = _positions(layer, x, window, first)
    return Derivation(
        weights=(kernel, bias) if layer.boolean("use_bias", True) else (kernel,),
        output_shape=_assemble(x, positions, channels * multiplier, first),
        macs=product((*positions, kernel.count)),
        window=window,
    )


@functools.lru_cache(maxsize=1024)
def _depthwise_kernel_and_bias(
    size: tuple[int, ...], channels: int, multiplier: int
) -> tuple[Weight, Weight]:
    channel_axis, multiplier_axis = Axis("C", channels), Axis("m", multiplier)
    kernel = Weight("kernel", *_window_axes(size), channel_axis, multiplier_axis, unit=("C", "m"))
    return kernel, Weight("bias", channel_axis * multiplier_axis, unit=("C", "m"))


@rule(*_SEPARABLE)
def separable_convolution(layer: LayerConfig, x: Shape) -> Derivation:
    """A separable convolution: a depthwise one, then a pointwise (1×1) one to K channels.

    Formula:  depthwise kernel kh·kw·C·m, pointwise kernel 1·1·(C·m)·K, bias K.
    Axes:     (kh, kw, C, m), unit axes C and m; (1, 1, C·m, K), unit axis K.
    Example:  SeparableConv2D(128, 3) on 147×147×64: 3·3·64·1 + 1·1·64·1·128 + 128 = 8,896.
    Output:   as a convolution's, with K channels.
    MACs:     output positions · (depthwise + pointwise kernel elements).
    Limits:   C must be known. Causal padding does not exist here.
    Source:   Chollet 2017, "Xception", §3; Keras base_separable_conv.py.
    """
    rank = _SEPARABLE[layer.class_name]
    filters, window = layer.integer("filters"), _window(layer, rank)
    first = layer.channels_first()
    channels, multiplier = _channels(layer, x, rank, first), layer.integer("depth_multiplier", 1)
    depthwise, pointwise, bias = _separable_weights(window.size, channels, multiplier, filters)
    positions = _positions(layer, x, window, first)
    kernels = (depthwise, pointwise)
    return Derivation(
        weights=(*kernels, bias) if layer.boolean("use_bias", True) else kernels,
        output_shape=_assemble(x, positions, filters, first),
        macs=product((*positions, depthwise.count + pointwise.count)),
        window=window,
        inner_macs=product((*positions, pointwise.count)),
    )


@functools.lru_cache(maxsize=1024)
def _separable_weights(
    size: tuple[int, ...], channels: int, multiplier: int, filters: int
) -> tuple[Weight, Weight, Weight]:
    channel_axis, multiplier_axis = Axis("C", channels), Axis("m", multiplier)
    kernels, ones = Axis("K", filters), (Axis("1", 1),) * len(size)
    depthwise = Weight(
        "depthwise_kernel", *_window_axes(size), channel_axis, multiplier_axis, unit=("C", "m")
    )
    pointwise = Weight("pointwise_kernel", *ones, channel_axis * multiplier_axis, kernels, unit="K")
    return depthwise, pointwise, Weight("bias", kernels, unit="K")


@rule(*_TRANSPOSED)
def transposed_convolution(layer: LayerConfig, x: Shape) -> Derivation:
    """A transposed convolution: each input position scatters K kernels onto the output.

    Formula:  kernel kh·kw·K·C_in, bias K.
    Axes:     (kh, kw, K, C_in): K stands before C_in, the other way round than in a convolution;
              the unit axis is K.
    Example:  Conv2DTranspose(32, 3, strides=2) on 14×14×64: 3·3·32·64 + 32 = 18,464.
    Output:   valid L·s + max(e − s, 0), same L·s, with e = d·(k − 1) + 1; with output_padding o:
              (L − 1)·s + e − 2p + o, p = 0 (valid) or ⌊e/2⌋ (same).
    MACs:     input positions · kernel elements (what padding="same" trims off is counted).
    Limits:   C_in must be known. Strides and dilation are not both above 1, and output_padding
              stays below the stride, as in Keras.
    Source:   Dumoulin & Visin 2016, §4; Keras base_conv_transpose.py.
    """
    rank = _TRANSPOSED[layer.class_name]
    filters, window = layer.integer("filters"), _window(layer, rank)
    _refuse_strides_with_dilation(layer, window)
    output_padding = _output_padding(layer, window)
    first = layer.channels_first()
    kernel = Weight(
        "kernel",
        *_window_axes(window.size),
        Axis("K", filters),
        Axis("C_in", _channels(layer, x, rank, first)),
        unit="K",
    )
    spatial = _spatial(x, first)
    lengths = tuple(
        transposed_length(length, size, stride, dilation, window.padding, extra)
        for length, size, stride, dilation, extra in zip(
            spatial, window.size, window.stride, window.dilation, output_padding, strict=True
        )
    )
    return Derivation(
        weights=(kernel, *_bias(layer, Axis("K", filters))),
        output_shape=_assemble(x, lengths, filters, first),
        macs=product((*spatial, kernel.count)),
        window=replace(window, transposed=True),
    )


def _window(layer: LayerConfig, rank: int, *, causal: bool = False) -> Window:
    others = ("same", "causal") if causal else ("same",)
    return _window_of(
        layer.integers("kernel_size", rank),
        layer.integers("strides", rank, 1),
        layer.integers("dilation_rate", rank, 1),
        layer.choice("padding", "valid", *others),
    )


_window_of = functools.lru_cache(maxsize=1024)(Window)  # a network has few kinds of windows


def _window_axes(size: tuple[int, ...]) -> tuple[Axis, ...]:
    return tuple(map(Axis, _WINDOW_SYMBOLS[len(size)], size))


def _refuse_strides_with_dilation(layer: LayerConfig, window: Window) -> None:
    if max(window.stride) > 1 and max(window.dilation) > 1:
        layer.fail(
            "strides and dilation_rate must not both be above 1, received "
            f"strides={window.stride} and dilation_rate={window.dilation}"
        )


def _output_padding(layer: LayerConfig, window: Window) -> tuple[Extent, ...]:
    if layer.get("output_padding") is None:
        return (None,) * len(window.size)
    padding = layer.integers("output_padding", len(window.size), minimum=0)
    if any(extra >= stride for extra, stride in zip(padding, window.stride, strict=True)):
        layer.fail(f"output_padding must be below strides={window.stride}, received {padding}")
    return padding


def _channels(layer: LayerConfig, x: Shape, rank: int, first: bool) -> int:
    """The input channels of `x`, as its `first` axis after the batch or its last."""
    layer.expect_rank(x, rank + 2)
    return layer.extent(x, 1 if first else -1)


def _spatial(x: Shape, first: bool) -> Shape:
    return x[2:] if first else x[1:-1]


def _positions(layer: LayerConfig, x: Shape, window: Window, first: bool) -> Shape:
    """The output length on each spatial axis, where the window fits."""
    padding, lengths = window.padding, []
    for length, size, stride, dilation in zip(
        _spatial(x, first), window.size, window.stride, window.dilation, strict=True
    ):
        made = window_length(length, size, stride, dilation, padding)
        if made is not None and made < 1:
            layer.shape_error(
                f"an input that the window {window.size} (dilation {window.dilation}) fits into", x
            )
        lengths.append(made)
    return tuple(lengths)


def _assemble(x: Shape, spatial: Shape, channels: int, first: bool) -> Shape:
    return (x[0], channels, *spatial) if first else (x[0], *spatial, channels)


def _bias(layer: LayerConfig, axis: Axis) -> tuple[Weight, ...]:
    if not layer.boolean("use_bias", True):
        return ()
    return (Weight("bias", axis, unit=axis.symbol),)
