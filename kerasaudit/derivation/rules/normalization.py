"""Normalisation layers, and the Normalization layer that standardises inputs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, derive_part, rule
from kerasaudit.derivation.shape import Shape, array_shape, broadcast
from kerasaudit.derivation.weight import Axis, Weight


@rule("BatchNormalization")
def batch_normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Batch normalisation: a scale and a shift per channel, and two moving statistics.

    Formula:  gamma C (scale), beta C (center), moving mean C, moving variance C; with renorm
              also moving stddev C, renorm mean C and renorm stddev C.
    Axes:     (C) for each; the unit axis is C, the extent of `axis` (the last by default).
    Example:  on 64 channels: 64 + 64 + 64 + 64 = 256, of which 128 are trainable.
    MACs:     0: element-wise work.
    Limits:   the moving statistics count as parameters, as in Keras, and are never trainable.
    Source:   Ioffe & Szegedy 2015; Keras batch_normalization.py.
    """
    weights = _batch_weights(
        layer.extent(x, layer.axis("axis", -1, x)),
        layer.boolean("scale", True),
        layer.boolean("center", True),
        layer.boolean("renorm", False),
    )
    return Derivation(weights, output_shape=x, macs=0, window=POINTWISE)


@functools.lru_cache(maxsize=1024)  # a deep network has hundreds of these, of a few widths
def _batch_weights(channels: int, scale: bool, center: bool, renorm: bool) -> tuple[Weight, ...]:
    learnt = [name for name, kept in (("gamma", scale), ("beta", center)) if kept]
    statistics = ["moving_mean", "moving_variance"]
    if renorm:
        statistics += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    axis = Axis("C", channels)
    return (
        *(Weight(name, axis, unit="C") for name in learnt),
        *(Weight(name, axis, unit="C", trainable=False) for name in statistics),
    )


@rule("LayerNormalization")
def layer_normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Layer normalisation: a scale and a shift for each feature of the normalised axes.

    Formula:  gamma F (scale), beta F (center); F1·F2·… over several axes.
    Axes:     (F), or (F1, F2, …) in the order of the sorted `axis`; the unit axes are all of them.
    Example:  on the last axis of 96 features: 96 + 96 = 192.
    MACs:     0: element-wise work.
    Limits:   the extents of the normalised axes must be known. The deprecated rms_scaling keeps
              gamma alone.
    Source:   Ba, Kiros & Hinton 2016; Keras layer_normalization.py.
    """
    indices = _sorted_as_written(layer, x)
    rms = layer.boolean("rms_scaling", False)
    names = ["gamma"] if rms or layer.boolean("scale", True) else []
    if not rms and layer.boolean("center", True):
        names.append("beta")
    features = _features(layer, x, indices) if names else ()
    symbols = tuple(axis.symbol for axis in features)
    return Derivation(
        weights=tuple(Weight(name, *features, unit=symbols) for name in names),
        output_shape=x,
        macs=0,
        window=POINTWISE if set(indices) == {len(x) - 1} else None,
    )


@rule("GroupNormalization")
def group_normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Group normalisation: a scale and a shift per channel, statistics over groups of channels.

    Formula:  gamma C (scale), beta C (center): the number of groups does not enter.
    Axes:     (C) for each; the unit axis is C.
    Example:  on 64 channels, any number of groups: 64 + 64 = 128.
    MACs:     0: element-wise work.
    Limits:   groups must divide C; groups=-1 is one group per channel (instance normalisation).
    Source:   Wu & He 2018; Keras group_normalization.py.
    """
    channels = Axis("C", layer.extent(x, layer.axis("axis", -1, x)))
    groups = layer.integer("groups", 32, minimum=-1)
    if groups == 0 or (groups > 0 and channels.extent % groups):
        layer.fail(f"groups must divide the {channels.extent} channels, received {groups}")
    return Derivation(weights=_gamma_beta(layer, channels), output_shape=x, macs=0)


@rule("RMSNormalization")
def rms_normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Root-mean-square normalisation: a scale for each feature of the normalised axes, no shift.

    Formula:  scale F; F1·F2·… over several axes.
    Axes:     (F), or (F1, F2, …) in the order of the sorted `axis`; the unit axes are all of them.
    Example:  on the last axis of 4,096 features: 4,096.
    MACs:     0: element-wise work.
    Limits:   the extents of the normalised axes must be known. Over other axes than the last ones
              Keras builds the layer and then cannot run it.
    Source:   Zhang & Sennrich 2019, "Root mean square layer normalization"; Keras
              rms_normalization.py.
    """
    indices = _sorted_as_written(layer, x)
    features = _features(layer, x, indices)
    symbols = tuple(axis.symbol for axis in features)
    return Derivation(
        (Weight("scale", *features, unit=symbols),),
        output_shape=x,
        macs=0,
        window=POINTWISE if set(indices) == {len(x) - 1} else None,
    )


@rule("SpectralNormalization")
def spectral_normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Divides the kernel of the layer that it holds by its largest singular value.

    Formula:  the inner layer's weights, and a vector u of 1·K for the K of its kernel's last axis.
    Axes:     (1, K), not trainable: it is found by power iteration.
    Example:  around Conv2D(64, 3) on 32 channels: 3·3·32·64 + 64 + 64 = 18,560.
    MACs:     the inner layer's; the power iteration runs in training alone and is not counted.
    Limits:   the inner layer has a kernel or embeddings of its own (an LSTM has not: its cell has).
    Source:   Miyato et al. 2018; Keras spectral_normalization.py.
    """
    inner = derive_part(layer, layer.part("layer"), x)
    kernel = _normalized_kernel(layer, inner.weights)
    vector = Weight(
        "vector_u",
        Axis("1", 1),
        kernel.dimensions[-1],
        unit=tuple(axis.symbol for axis in kernel.dimensions[-1].axes),
        trainable=False,
        dtype=kernel.dtype,
    )
    # Keras lists the kernel among the wrapper's own.
    others = [weight for weight in inner.weights if weight is not kernel]
    return replace(inner, weights=(kernel, vector, *others))


def _normalized_kernel(layer: LayerConfig, weights: Sequence[Weight]) -> Weight:
    """The kernel or embeddings that the inner layer has itself, not in a layer that it holds."""
    part = LayerConfig(layer.part("layer"))
    if part.class_name == "SpectralNormalization":
        return weights[0]  # that which it normalises already
    for weight in weights:
        if weight.name.count("/") == 1 and weight.name.endswith(("/kernel", "/embeddings")):
            return weight
    layer.fail(f"layer must have a kernel or embeddings of its own, received {part}")


@rule("UnitNormalization")
def unit_normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Unit normalisation: divides by the L2 norm along `axis`. No weights: nothing is learnt.

    MACs:     0: element-wise work.
    Source:   Keras unit_normalization.py.
    """
    axes = layer.axes("axis", -1, x)
    window = POINTWISE if set(axes) == {len(x) - 1} else None
    return Derivation(output_shape=x, macs=0, window=window)


@rule("Normalization")
def normalization(layer: LayerConfig, x: Shape) -> Derivation:
    """Standardises inputs with statistics from `adapt`, or with constants that were passed.

    Formula:  mean F, variance F, count 1: 2·F + 1, none of it trainable. With `mean` and
              `variance` passed they are constants, and there is no weight at all.
    Axes:     (F), or (F1, F2, …) over several axes; the count is a scalar integer.
    Example:  on 3 channels: 3 + 3 + 1 = 7 (EfficientNet's first layers).
    MACs:     0: element-wise work.
    Limits:   the extents of the kept axes must be known; axis=None keeps none (1 + 1 + 1).
              Constants must be of one shape, which broadcasts to that of the kept axes.
    Source:   Keras preprocessing/normalization.py.
    """
    none_kept = layer.config.get("axis", -1) is None
    indices = () if none_kept else sorted(layer.axes("axis", -1, x))
    if len(set(indices)) != len(indices):
        layer.fail(f"axis must name each axis once, received {layer.get('axis')!r}")
    features = _features(layer, x, indices)
    mean, variance = layer.get("mean"), layer.get("variance")
    if mean is not None or variance is not None:
        shape, kept = array_shape(mean), tuple(axis.extent for axis in features)
        if mean is None or array_shape(variance) != shape or broadcast([shape, kept]) != kept:
            layer.fail(
                f"mean and variance must both be given and fit the kept axes {kept}, received "
                f"shapes {shape} and {array_shape(variance)}"
            )
        return Derivation(output_shape=x, macs=0, window=POINTWISE)
    symbols = tuple(axis.symbol for axis in features)
    return Derivation(
        weights=(
            Weight("mean", *features, unit=symbols, trainable=False),
            Weight("variance", *features, unit=symbols, trainable=False),
            Weight("count", trainable=False, dtype="int"),
        ),
        output_shape=x,
        macs=0,
        window=POINTWISE,
    )


def _sorted_as_written(layer: LayerConfig, x: Shape) -> tuple[int, ...]:
    """The axes in the order in which Keras sorts them, as they are written: -1 comes before 1."""
    indices, written = layer.axes("axis", -1, x), layer.get("axis")
    if not isinstance(written, (list, tuple)):
        return indices
    return tuple(index for _, index in sorted(zip(written, indices, strict=True)))


def _gamma_beta(layer: LayerConfig, channels: Axis) -> tuple[Weight, ...]:
    chosen = (("gamma", layer.boolean("scale", True)), ("beta", layer.boolean("center", True)))
    return tuple(Weight(name, channels, unit=channels.symbol) for name, kept in chosen if kept)


def _features(layer: LayerConfig, x: Shape, indices: Sequence[int]) -> tuple[Axis, ...]:
    """The axes that a weight keeps: F, or F1, F2, … where there are several."""
    return tuple(
        Axis("F" if len(indices) == 1 else f"F{number}", layer.extent(x, index))
        for number, index in enumerate(indices, start=1)
    )
