"""Quantised layers: what stands for a float kernel of K₀ rows (contracted) and K₁ columns.

int8          kernel K₀·K₁ in int8, a scale for each column.
int4          two values a byte: K₀·⌈K₁/2⌉ in int8. One scale for each column ("int4", "int4/-1"),
              or in blocks of b rows ("int4/b"): G = ⌈K₀/b⌉ scales and zero points for each column,
              and g_idx, the group of each row. An embedding packs its rows: V·⌈D/2⌉, groups of
              its columns, scales V (V·G).
float8        the kernel stays; three scales and three histories of n maxima (1,024) are trained.
gptq, awq     kernel transposed, ⌈K₁/2⌉·K₀ in uint8 for 4 bits, K₁·K₀ for 8; scale and zero K₁·G;
              g_idx K₀; awq also a scale for each row.

`Weight.logical` of a packed kernel is K₀·K₁: what it stands for. Scales, zero points, groups and
histories stand for nothing of the float layer. Keras counts all of them as parameters.

Example: Dense(7) on 10 features in "int4/4": bias 7, kernel 10·⌈7/2⌉ = 40, scales 3·7, zeros 3·7,
g_idx 10: 99 elements for 77 parameters.

Source: Keras quantizers/, `_int8_build` and its like in dense.py, einsum_dense.py, embedding.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation
from kerasaudit.derivation.weight import Axis, Dimension, Weight

__all__ = ["quantized"]

_QUANTIZABLE = ("Dense", "EinsumDense", "Embedding", "ReversibleEmbedding")


@dataclass(frozen=True, slots=True)
class _Table:
    """A float kernel as rows that are contracted and columns that are made."""

    weight: Weight
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]


def quantized(layer: LayerConfig, derivation: Derivation) -> Derivation:
    """The derivation of a layer under a quantised dtype policy, from that of the float layer.

    A layer made of others is quantised in its parts, which it hands its policy on to; one that has
    no weights stays as it is.

    Raises:
        UnsupportedError: the layout of this class in this mode is not derived.
    """
    own = [weight for weight in derivation.weights if "/" not in weight.name]
    if not own:
        return derivation
    mode = layer.quantization or ""
    kind, *numbers = mode.split("/")
    if layer.class_name not in _QUANTIZABLE:
        _not_derived(layer)
    if kind == "float8":
        return replace(derivation, weights=(*derivation.weights, *_float8(layer)))
    make = _MODES.get(kind)
    if make is None:
        _not_derived(layer)
    learnt = [weight for weight in own if weight.name == "bias" or weight.role == "adapter"]
    held: list[Weight] = []
    for weight in own:
        if weight not in learnt:
            held += make(layer, _table(layer, weight), _numbers(layer, numbers))
    # Both tables of an embedding are read with one list of groups.
    unique = {weight.name: weight for weight in held}
    return replace(derivation, weights=(*learnt, *unique.values()))


def _not_derived(layer: LayerConfig) -> NoReturn:
    layer.unsupported(f"the quantised state {layer.quantization!r} of this class is not derived")


def _numbers(layer: LayerConfig, written: Sequence[str]) -> list[int]:
    """The numbers of a mode such as "gptq/4/128"."""
    try:
        return [int(one) for one in written]
    except ValueError:
        _not_derived(layer)


def _table(layer: LayerConfig, weight: Weight) -> _Table:
    if weight.name == "embeddings":  # a token's row is what is packed and scaled
        return _Table(weight, weight.axes[:1], weight.axes[1:])
    if weight.name == "reverse_embeddings":
        return _Table(weight, weight.axes[:1], weight.axes[1:])
    made = [axis for axis in weight.axes if axis.symbol in weight.unit]
    contracted = [axis for axis in weight.axes if axis.symbol not in weight.unit]
    output = str(layer.get("equation", "->u")).partition("->")[2]
    shared = any(axis.symbol in output for axis in contracted)
    if shared or weight.axes != (*contracted, *made):
        layer.unsupported(
            f"the quantised state {layer.quantization!r} of this equation is not derived: its "
            "kernel is not what is contracted, then what is made"
        )
    return _Table(weight, tuple(contracted), tuple(made))


# -- modes ------------------------------------------------------------------------------------


def _int8(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
    weight = table.weight
    return [_kernel(weight, weight.dimensions, "int8"), _scale(weight, *_int8_scale(layer, table))]


def _int8_scale(layer: LayerConfig, table: _Table) -> tuple[Axis, ...]:
    """A scale for each token's row; of an einsum in the output's rank, 1 where it has no column."""
    if table.weight.name == "embeddings":
        return table.rows
    equation = layer.get("equation")
    if equation is None:
        return table.columns
    columns = {axis.symbol: axis for axis in table.columns}
    output = str(equation).partition("->")[2]
    if "..." in output:
        layer.unsupported("the int8 scale of an equation with '...' is not derived")
    return tuple(columns.get(letter, Axis("1", 1)) for letter in output)


def _int4(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
    weight, block = table.weight, numbers[0] if numbers else -1
    if weight.name == "embeddings":
        packed = _kernel(weight, (*table.rows, _halved(table.columns)), "int8")
        grouped, each = table.columns, table.rows
    elif weight.name == "reverse_embeddings":
        packed = _kernel(weight, (_halved(table.rows), *table.columns), "int8")
        grouped, each = table.rows, table.columns
    else:
        packed = _kernel(weight, (_joined(table.rows), _halved(table.columns)), "int8")
        grouped, each = table.rows, table.columns
    if block < 1:
        return [packed, _scale(weight, _joined(each))]
    groups = _groups(grouped, block)
    rows_first = weight.name == "embeddings"
    axes = (_joined(each), groups) if rows_first else (groups, _joined(each))
    reverse = weight.name == "reverse_embeddings"
    found = [packed, _scale(weight, *axes), _zero(weight, *axes, dtype=None if reverse else "int8")]
    return found if reverse else [*found, _indices(grouped)]


def _transposed(with_scales: bool) -> Callable[[LayerConfig, _Table, list[int]], list[Weight]]:
    def made(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
        if len(numbers) != 2 or numbers[0] not in (4, 8) or layer.class_name.endswith("Embedding"):
            _not_derived(layer)
        bits, size = numbers
        table = _split_at_the_largest(table)
        weight, rows = table.weight, _joined(table.rows)
        columns = _halved(table.columns) if bits == 4 else _joined(table.columns)
        groups = _groups(table.rows, size)
        name = "kernel_zero" if layer.class_name == "Dense" else "zero_point"
        scales = [_plain("awq_scales", rows)] if with_scales else []
        return [
            _kernel(weight, (columns, rows), "uint8"),
            _scale(weight, _joined(table.columns), groups),
            _plain(name, _joined(table.columns), groups, dtype="uint8"),
            *scales,
            _indices(table.rows),
        ]

    return made


def _split_at_the_largest(table: _Table) -> _Table:
    """Rows and columns as these modes take them: from the kernel's shape, not from its equation.

    Keras takes the largest extent of a kernel of rank 3 for the model's width: where it comes first
    it alone makes the rows (queries, keys, values), else the first two do (the attention's output).
    """
    axes = table.weight.axes
    if len(axes) != 3:
        return table
    extents = [axis.extent for axis in axes]
    rows = 1 if extents.index(max(extents)) == 0 else 2
    return _Table(table.weight, axes[:rows], axes[rows:])


def _float8(layer: LayerConfig) -> list[Weight]:
    policy = layer.get("dtype")
    inner = policy.get("config", {}) if isinstance(policy, dict) else {}
    history = Axis("n", int(inner.get("amax_history_length", 1024)))
    found = []
    for what in ("inputs", "kernel", "outputs_grad"):
        for name, axes in ((f"{what}_scale", ()), (f"{what}_amax_history", (history,))):
            found.append(Weight(name, *axes, dtype="float32", role="quantization"))
    return found


_MODES: dict[str, Callable[[LayerConfig, _Table, list[int]], list[Weight]]] = {
    "int8": _int8,
    "int4": _int4,
    "gptq": _transposed(with_scales=False),
    "awq": _transposed(with_scales=True),
}


# -- weights ----------------------------------------------------------------------------------


def _kernel(weight: Weight, dimensions: Sequence[Axis | Dimension], dtype: str) -> Weight:
    return Weight(weight.name, *dimensions, trainable=False, dtype=dtype, stands_for=weight.count)


def _scale(weight: Weight, *dimensions: Axis | Dimension) -> Weight:
    return _plain(f"{weight.name}_scale", *dimensions)


def _zero(weight: Weight, *dimensions: Axis | Dimension, dtype: str | None) -> Weight:
    return _plain(f"{weight.name}_zero", *dimensions, dtype=dtype)


def _indices(grouped: tuple[Axis, ...]) -> Weight:
    return _plain("g_idx", _joined(grouped), dtype="float32")


def _plain(name: str, *dimensions: Axis | Dimension, dtype: str | None = None) -> Weight:
    return Weight(name, *dimensions, trainable=False, dtype=dtype, role="quantization")


def _joined(axes: tuple[Axis, ...]) -> Axis | Dimension:
    return axes[0] if len(axes) == 1 else Dimension(axes)


def _halved(axes: tuple[Axis, ...]) -> Axis:
    """Two values a byte along the product of the axes."""
    symbol = "·".join(axis.symbol for axis in axes)
    return Axis(f"⌈{symbol}/2⌉", -(-math.prod(axis.extent for axis in axes) // 2))


def _groups(axes: tuple[Axis, ...], size: int) -> Axis:
    """How many groups of `size` there are; a size of -1 is one group of all."""
    count = math.prod(axis.extent for axis in axes)
    return Axis("G", 1 if size < 1 else -(-count // size))
