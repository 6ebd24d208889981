"""`keras.ops` calls that multiply and add: matrix products. They do MACs without weights."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Extent, Shape, broadcast, compatible, product


@rule("keras.ops.Matmul", several_inputs=True)
def matmul(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """The matrix product of two tensors, batch by batch.

    Example:  (None, 10, 64) and (None, 64, 20) give (None, 10, 20), at 10·20·64 MACs.
    MACs:     output elements · contracted extent, none of them with a weight. The first axis of
              the result is taken for the batch and does not multiply.
    Limits:   a table of weights that the config holds as a constant counts as an operand.
    Source:   Keras ops/numpy.py, ops/operation_utils.py (compute_matmul_output_shape).
    """
    left, right = _two(layer, x)
    if not left or not right:
        layer.shape_error("two tensors of rank 1 or more", list(x))
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    inner = _contracted(layer, x, left[-1], right[-2] if len(right) > 1 else right[0])
    leading = broadcast([left[:-2], right[:-2]])
    if leading is None:
        layer.shape_error("batch axes that broadcast", list(x))
    return _contraction((*leading, *rows, *columns), (inner,))


@rule("keras.ops.Dot", several_inputs=True)
def dot_operation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """NumPy's dot product: the last axis of one with the last but one of the other.

    Example:  (None, 4, 6) and (6, 2) give (None, 4, 2), at 4·2·6 MACs.
    MACs:     as of matmul; 0 where one is a number, which is element-wise work.
    Source:   Keras ops/numpy.py.
    """
    left, right = _two(layer, x)
    if not left or not right:
        return Derivation(output_shape=left or right, macs=0)
    inner = _contracted(layer, x, left[-1], right[-2] if len(right) > 1 else right[0])
    rest = (*right[:-2], right[-1]) if len(right) > 1 else ()
    return _contraction((*left[:-1], *rest), (inner,))


@rule("keras.ops.Tensordot", several_inputs=True)
def tensordot(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """The sum of products over as many last and first axes, or over pairs of axes.

    MACs:     output elements · contracted extents, none of them with a weight.
    Source:   Keras ops/numpy.py.
    """
    left, right = _two(layer, x)
    axes = layer.get("axes", 2)
    if isinstance(axes, (list, tuple)) and len(axes) == 2:
        first, second = _axes_of(layer, axes[0], left), _axes_of(layer, axes[1], right)
    else:
        count = layer.integer("axes", 2, minimum=0)
        if count > min(len(left), len(right)):
            layer.shape_error(f"two tensors of rank {count} or more", list(x))
        first, second = tuple(range(len(left) - count, len(left))), tuple(range(count))
    if len(first) != len(second):
        layer.fail(f"axes must name as many axes of both, received {axes!r}")
    pairs = zip(first, second, strict=True)
    inner = tuple(_contracted(layer, x, left[one], right[other]) for one, other in pairs)
    rest = [extent for i, extent in enumerate(left) if i not in first]
    rest += [extent for i, extent in enumerate(right) if i not in second]
    return _contraction(tuple(rest), inner)


@rule("keras.ops.Einsum", several_inputs=True)
def einsum(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Einstein's sum convention: `subscripts` names the axes of the operands and of the result.

    Example:  "bqhd,bkhd->bhqk" of (None, 10, 8, 64) twice: (None, 8, 10, 10), at 8·10·10·64 MACs.
    MACs:     the product of the extents of all labels but the batch's, which is the result's first;
              none of them with a weight. 0 for one operand, for nothing is multiplied, and where
              every label is in the result, for nothing is added up: element-wise work.
    Limits:   three operands are multiplied at once, which a backend may do in pairs for less.
    Source:   Keras ops/numpy.py; NumPy's einsum.
    """
    specs, result = _subscripts(layer, x)
    extents: dict[str, Extent] = {}
    for labels, shape in zip(specs, x, strict=True):
        for label, extent in zip(labels, shape, strict=True):
            merged = broadcast([(extents.get(label, 1),), (extent,)])
            if merged is None:
                layer.shape_error(f"one extent for each label of {layer.get('subscripts')!r}", [*x])
            extents[label] = merged[0]
    if not set(result) <= set(extents):
        layer.fail(f"subscripts must have each label of the result on the left, received {result}")
    inner = tuple(extent for label, extent in extents.items() if label not in result)
    output_shape = tuple(extents[label] for label in result)
    if len(x) == 1 or not inner:
        return Derivation(output_shape=output_shape, macs=0)
    return _contraction(output_shape, inner)


@rule("keras.ops.DotProductAttention", several_inputs=True)
def dot_product_attention(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Scaled dot-product attention on (batch, steps, heads, width), with no weights.

    Output:   the query's shape.
    Example:  2 heads of width 3, 4 query and 5 key steps: 2·2·4·5·3 = 240 MACs.
    MACs:     2 · heads · query steps · key steps · width: queries by keys, then scores by values.
    Source:   Vaswani et al. 2017; Keras ops/nn.py.
    """
    if len(x) < 3 or any(len(shape) != 4 for shape in x[:3]):
        layer.shape_error("query, key and value of rank 4", list(x))
    query, key, _ = x[:3]
    macs = product((2, query[2], query[1], key[1], query[3]))
    # The scores that weigh the values are made here: the half of the products.
    inner = None if macs is None else macs // 2
    return Derivation(output_shape=query, macs=macs, activation_macs=macs, inner_macs=inner)


def _subscripts(layer: LayerConfig, x: tuple[Shape, ...]) -> tuple[list[list[str]], list[str]]:
    """The labels of each operand and of the result; an ellipsis is labels of its own."""
    text = layer.get("subscripts")
    if not isinstance(text, str):
        layer.fail(f"subscripts must be a string such as 'ij,jk->ik', received {text!r}")
    left, arrow, right = text.replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) != len(x):
        layer.shape_error(f"{len(operands)} operands, as subscripts {text!r} says", list(x))
    specs = [_labels(layer, one, len(shape)) for one, shape in zip(operands, x, strict=True)]
    spread = max((sum(len(label) > 1 for label in labels) for labels in specs), default=0)
    if arrow:
        named = len(right.replace("...", ""))
        return specs, _labels(layer, right, named + (spread if "..." in right else 0))
    counts = Counter(label for labels in specs for label in labels if len(label) == 1)
    ellipsis = [f"...{i}" for i in range(spread, 0, -1)]
    return specs, [*ellipsis, *sorted(label for label, count in counts.items() if count == 1)]


def _labels(layer: LayerConfig, spec: str, rank: int) -> list[str]:
    """A label for each axis; those of an ellipsis are numbered from its end, where they align."""
    before, dots, after = spec.partition("...")
    covered = rank - len(before) - len(after)
    fits = covered >= 0 if dots else covered == 0
    if not fits or ((before + after) and not (before + after).isalpha()):
        layer.fail(f"subscripts must name {rank} axes by letters, received {spec!r}")
    return [*before, *(f"...{i}" for i in range(covered, 0, -1)), *after]


def _axes_of(layer: LayerConfig, axes: Any, shape: Shape) -> tuple[int, ...]:
    """One operand's half of `axes`, checked as the axes of a layer are."""
    return LayerConfig({**layer.serialised, "config": {"axes": axes}}).axes("axes", 0, shape)


def _two(layer: LayerConfig, x: tuple[Shape, ...]) -> tuple[Shape, Shape]:
    if len(x) != 2:
        layer.shape_error("two operands", list(x))
    return x[0], x[1]


def _contracted(layer: LayerConfig, x: tuple[Shape, ...], one: Extent, other: Extent) -> Extent:
    if not compatible((one,), (other,)):
        layer.shape_error("equal extents on the contracted axes", list(x))
    return other if one is None else one


def _contraction(output_shape: Shape, inner: Shape) -> Derivation:
    macs = product((*output_shape[1:], *inner))
    return Derivation(output_shape=output_shape, macs=macs, activation_macs=macs, inner_macs=0)
