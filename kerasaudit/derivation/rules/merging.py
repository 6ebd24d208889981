"""Layers that merge several inputs. No weights; Dot alone does contractions."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Extent, Shape, broadcast, product


@rule("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", several_inputs=True)
def elementwise_merge(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Merges element by element. No weights.

    Example:  56×56×256 and 56×56×256 give 56×56×256; extents of 1 broadcast.
    MACs:     0: element-wise work.
    Limits:   the axes after the batch axis are aligned at the last one; Subtract takes two inputs.
    Source:   Keras base_merge.py.
    """
    if layer.class_name == "Subtract" and len(x) != 2:
        layer.shape_error("two inputs", list(x))
    batches = {shape[0] for shape in x} - {None}
    if len(batches) > 1:
        layer.shape_error("inputs of one batch size", list(x))
    batch = batches.pop() if batches else None
    features = broadcast([shape[1:] for shape in x])
    if features is None:
        layer.shape_error("inputs that broadcast", list(x))
    return Derivation(output_shape=(batch, *features), macs=0, window=POINTWISE)


@rule("Concatenate", several_inputs=True)
def concatenate(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Joins inputs along `axis`. No weights.

    Example:  28×28×64 and 28×28×128 along the last axis give 28×28×192.
    MACs:     0.
    Limits:   all other axes must agree.
    Source:   Keras concatenate.py.
    """
    return joined(layer, x)


def joined(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """The inputs joined along the layer's `axis`."""
    if len({len(shape) for shape in x}) != 1:
        layer.shape_error("inputs of one rank", list(x))
    axis = layer.axis("axis", -1, x[0])
    output: list[Extent] = []
    for index, extents in enumerate(zip(*x, strict=True)):
        known = {extent for extent in extents if extent is not None}
        if index == axis:
            output.append(None if None in extents else sum(e for e in extents if e is not None))
        elif len(known) > 1:
            layer.shape_error(f"inputs that agree on every axis but {axis}", list(x))
        else:
            output.append(known.pop() if known else None)
    # Along the channels every position stays where it is.
    window = POINTWISE if axis == len(output) - 1 else None
    return Derivation(output_shape=tuple(output), macs=0, window=window)


@rule("Dot", several_inputs=True)
def dot(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """The batch-wise dot product of two inputs over one axis of each. No weights.

    Example:  10×64 and 20×64 over axis 2 give 10×20, at 10·20·64 MACs.
    MACs:     output elements · extent of the contracted axis.
    Limits:   axis 0 cannot be contracted; normalize adds element-wise work, which is not counted.
    Source:   Keras dot.py.
    """
    if len(x) != 2:
        layer.shape_error("two inputs", list(x))
    raw = layer.get("axes")
    pair = raw if isinstance(raw, (list, tuple)) and len(raw) == 2 else (raw, raw)
    axes = []
    for shape, axis in zip(x, pair, strict=True):
        valid = isinstance(axis, int) and not isinstance(axis, bool)
        if not valid or not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
            layer.fail(f"axes must be an axis (not the batch axis) of each input, received {raw!r}")
        axes.append(axis % len(shape))
    contracted = {shape[axis] for shape, axis in zip(x, axes, strict=True)} - {None}
    if len(contracted) > 1:
        layer.shape_error(f"equal extents on the axes {axes}", list(x))
    one, other = ([e for i, e in enumerate(s) if i != a] for s, a in zip(x, axes, strict=True))
    output = (*one, *other[1:])
    macs = product((*output[1:], contracted.pop() if contracted else None))
    return Derivation(
        output_shape=output if len(output) > 1 else (*output, 1),
        macs=macs,
        activation_macs=macs,
        inner_macs=0,
    )
