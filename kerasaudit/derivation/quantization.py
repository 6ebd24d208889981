"""Quantised layers: what stands for a float kernel of K₀ rows (contracted) and K₁ columns.

int8          kernel K₀·K₁ in int8, a scale for each column.
int4          two values a byte: K₀·⌈K₁/2⌉ in int8. One scale for each column ("int4", "int4/-1"),
              or in blocks of b rows ("int4/b"): G = ⌈K₀/b⌉ scales and zero points for each column,
              and g_idx, the group of each row. An embedding packs its rows: V·⌈D/2⌉, groups of
              its columns, scales V (V·G).
float8        the kernel stays; three scales and three histories of n maxima (1,024) are trained.
gptq, awq     kernel transposed, ⌈K₁/2⌉·K₀ in uint8 for 4 bits, K₁·K₀ for 2, 3 and 8; scale and
              zero K₁·G; g_idx K₀; awq (4 bits) also a scale for each row.

`Weight.logical` of a packed kernel is K₀·K₁: what it stands for. Scales, zero points, groups and
histories stand for nothing of the float layer. Keras counts all of them as parameters.

Rows and columns of an einsum's kernel are the products of its axes that the output lacks, and of
those that it has, wherever they stand: Keras flattens the kernel as it lies. gptq and awq read them
off its shape instead.

Example: Dense(7) on 10 features in "int4/4": bias 7, kernel 10·⌈7/2⌉ = 40, scales 3·7, zeros 3·7,
g_idx 10: 99 elements for 77 parameters.

Source: Keras quantizers/, dtype_policies/dtype_policy.py; `_int8_build` and its like in dense.py,
einsum_dense.py, embedding.py and reversible_embedding.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation
from kerasaudit.derivation.weight import Axis, Dimension, Weight

__all__ = ["quantized"]

_KERNELS = ("Dense", "EinsumDense")
_TABLES = ("Embedding", "ReversibleEmbedding")

_ONE = Axis("1", 1)


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
        ConfigError: a mode that Keras does not have, or not for this layer.
        UnsupportedError: the layout of this class in this mode is not derived.
    """
    own = [weight for weight in derivation.weights if "/" not in weight.name]
    if not own:
        return derivation
    mode = layer.quantization or ""
    kind, *numbers = mode.split("/")
    classes = (*_KERNELS, *_TABLES) if kind in ("int8", "int4") else _KERNELS
    if layer.keys != (layer.class_name,) or layer.class_name not in classes:
        layer.unsupported(f"the quantised state {mode!r} of this class is not derived")
    _check_mode(layer, mode)
    if kind == "float8":
        return replace(derivation, weights=(*derivation.weights, *_float8(layer)))
    if "..." in str(layer.get("equation")):
        layer.fail(f"equation must have no '...' to be quantised as {mode!r}, as in Keras")
    learnt = [weight for weight in own if weight.name == "bias" or weight.role == "adapter"]
    held: list[Weight] = []
    for weight in own:
        if weight not in learnt:
            held += _MODES[kind](layer, _table(layer, weight), _numbers(layer, kind, numbers))
    # Both tables of an embedding are read with one list of groups.
    unique = {weight.name: weight for weight in held}
    return replace(derivation, weights=(*learnt, *unique.values()))


# -- what a config says -----------------------------------------------------------------------

_CONFIGS = {"int4": "Int4QuantizationConfig", "gptq": "GPTQConfig", "awq": "AWQConfig"}
_NO_BLOCKS = -1
_SIZE = r"(-1|[1-9]\d*)"
_WRITTEN = re.compile(rf"int8|float8|int4(/{_SIZE})?|gptq/[2348]/{_SIZE}|awq/4/{_SIZE}")


def _check_mode(layer: LayerConfig, mode: str) -> None:
    """Refuse a mode that Keras refuses: unknown, of other bits, of blocks that are none."""
    if not _WRITTEN.fullmatch(mode):
        layer.fail(
            'dtype must be quantised as "int8", "int4", "int4/BLOCK", "float8", "gptq/BITS/GROUP" '
            f'or "awq/4/GROUP" (BLOCK and GROUP positive, or -1 for none), received {mode!r}'
        )
    if mode == "int8" and _computes_in_float16(layer):
        layer.fail("dtype must compute in another type than float16 to be quantised as 'int8'")


def _computes_in_float16(layer: LayerConfig) -> bool:
    policy = layer.get("dtype")
    if isinstance(policy, Mapping):
        return policy["config"].get("source_name") in ("float16", "mixed_float16")
    return str(policy).partition("_from_")[2] in ("float16", "mixed_float16")


def _numbers(layer: LayerConfig, kind: str, written: Sequence[str]) -> list[int]:
    """The bits and the size of a block: a quantization_config has precedence over the mode."""
    numbers = [int(one) for one in written]
    stored = layer.get("quantization_config")
    values = stored.get("config") if isinstance(stored, Mapping) else None
    if not isinstance(values, Mapping):
        return numbers
    if stored.get("class_name") != _CONFIGS.get(kind):
        return numbers
    if kind == "int4":
        given = [values.get("block_size")]
    else:
        given = [values.get("weight_bits", 4), values.get("group_size", 128)]
    numbers = [_NO_BLOCKS if one is None else one for one in given]
    if any(type(one) is not int or one == 0 or one < _NO_BLOCKS for one in numbers):
        layer.fail(f"quantization_config must give positive numbers or -1, received {given}")
    return numbers


def _table(layer: LayerConfig, weight: Weight) -> _Table:
    if weight.name != "kernel":  # an embedding's: a token's row is what is packed and scaled
        return _Table(weight, weight.axes[:1], weight.axes[1:])
    made = str(layer.get("equation", "->u")).partition("->")[2]
    return _Table(
        weight,
        tuple([axis for axis in weight.axes if axis.symbol not in made]),
        tuple([axis for axis in weight.axes if axis.symbol in made]),
    )


# -- modes ------------------------------------------------------------------------------------


def _int8(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
    weight = table.weight
    return [_kernel(weight, weight.dimensions, "int8"), _scale(weight, *_int8_scale(layer, table))]


def _int8_scale(layer: LayerConfig, table: _Table) -> tuple[Axis, ...]:
    """A scale for each column, for each row of an embedding."""
    if table.weight.name == "embeddings":
        return table.rows
    if layer.class_name != "EinsumDense":
        return table.columns
    return _einsum_scale(layer, table.weight)


def _einsum_scale(layer: LayerConfig, kernel: Weight) -> tuple[Axis, ...]:
    """Scales in the output's rank and order, with 1 where the kernel has no axis: (1, 1, d, e).

    What is contracted takes the places of the output's axes that the kernel lacks, one after the
    other; a place left over is 1. Contracted axes left over are dropped after, each at its own
    place in the kernel, and what stands there may be another (Keras _analyze_quantization_info).
    """
    made = str(layer.get("equation")).partition("->")[2]
    symbols = [axis.symbol for axis in kernel.axes]
    lacking = [place for place, letter in enumerate(made) if letter not in symbols]
    contracted = [place for place, letter in enumerate(symbols) if letter not in made]
    if contracted and not lacking:
        layer.unsupported(
            f"the quantised state {layer.quantization!r} of this equation is not derived: its "
            "kernel has every axis of the output, which leaves its scale without a known shape"
        )
    axes = [kernel.axes[symbols.index(letter)] for letter in made if letter in symbols]
    for place in (lacking + lacking[-1:] * len(contracted))[: len(contracted)]:
        axes.insert(place, _ONE)
    for place in lacking[len(contracted) :]:
        axes.insert(place, _ONE)
    for place in reversed(contracted[len(lacking) :]):
        del axes[place]
    return tuple(axes)


def _int4(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
    weight, block = table.weight, numbers[0] if numbers else _NO_BLOCKS
    by_row = weight.name == "embeddings"  # scaled by token, its features in groups
    grouped, each = (table.columns, table.rows) if by_row else (table.rows, table.columns)
    if weight.name == "reverse_embeddings":
        packed = _kernel(weight, (_halved(table.rows), *table.columns), "int8")
    else:
        packed = _kernel(weight, (_joined(table.rows), _halved(table.columns)), "int8")
    if block == _NO_BLOCKS:
        return [packed, _scale(weight, _joined(each))]
    groups = _groups(grouped, block)
    axes = (_joined(each), groups) if by_row else (groups, _joined(each))
    if weight.name == "reverse_embeddings":
        return [packed, _scale(weight, *axes), _zero(weight, *axes, dtype=None)]
    zero = _zero(weight, *axes, dtype="int8")
    return [packed, _scale(weight, *axes), zero, _indices(grouped)]


def _transposed(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
    bits, size = numbers
    weight = table.weight
    rows, columns = _by_shape(layer, weight)
    packed = _halved(columns) if bits == 4 else _joined(columns)
    scales = (_joined(columns), _groups(rows, size))
    # Keras's two layers name the same thing differently.
    name = "kernel_zero" if layer.class_name == "Dense" else "zero_point"
    return [
        _kernel(weight, (packed, _joined(rows)), "uint8"),
        _scale(weight, *scales),
        _plain(name, *scales, dtype="uint8", unit=weight.unit),
        _indices(rows),
    ]


def _awq(layer: LayerConfig, table: _Table, numbers: list[int]) -> list[Weight]:
    *weights, indices = _transposed(layer, table, numbers)
    return [*weights, _plain("awq_scales", *indices.dimensions), indices]


def _by_shape(layer: LayerConfig, weight: Weight) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    """Rows and columns as these modes take them: from the kernel's shape, not from its equation.

    Keras takes the largest extent of a kernel of rank 3 for the model's width: where it comes first
    it alone makes the rows (queries, keys, values), else the first two do (the attention's output).
    """
    axes, extents = weight.axes, weight.shape
    if len(axes) not in (2, 3):
        layer.fail(
            f"a kernel must have two or three axes to be quantised as {layer.quantization!r}, "
            f"received {extents}"
        )
    rows = 2 if len(axes) == 3 and extents.index(max(extents)) != 0 else 1
    return axes[:rows], axes[rows:]


def _float8(layer: LayerConfig) -> list[Weight]:
    history = Axis("n", _history_length(layer))
    found = []
    for what in ("inputs", "kernel", "outputs_grad"):
        for name, axes in ((f"{what}_scale", ()), (f"{what}_amax_history", (history,))):
            found.append(Weight(name, *axes, dtype="float32", role="quantization"))
    return found


def _history_length(layer: LayerConfig) -> int:
    policy = layer.get("dtype")
    inner = policy["config"] if isinstance(policy, Mapping) else {}
    length = inner.get("amax_history_length", 1024)
    if type(length) is not int or length < 0:
        layer.fail(f"amax_history_length must be a non-negative integer, received {length!r}")
    return length


_MODES: dict[str, Callable[[LayerConfig, _Table, list[int]], list[Weight]]] = {
    "int8": _int8,
    "int4": _int4,
    "gptq": _transposed,
    "awq": _awq,
}


# -- weights ----------------------------------------------------------------------------------


def _kernel(weight: Weight, dimensions: Sequence[Axis | Dimension], dtype: str) -> Weight:
    return Weight(
        weight.name,
        *dimensions,
        unit=_held(weight.unit, dimensions),
        trainable=False,
        dtype=dtype,
        stands_for=weight.count,
    )


def _scale(weight: Weight, *dimensions: Axis | Dimension) -> Weight:
    return _plain(f"{weight.name}_scale", *dimensions, unit=weight.unit)


def _zero(weight: Weight, *dimensions: Axis | Dimension, dtype: str | None) -> Weight:
    return _plain(f"{weight.name}_zero", *dimensions, dtype=dtype, unit=weight.unit)


def _indices(grouped: tuple[Axis, ...]) -> Weight:
    return _plain("g_idx", _joined(grouped), dtype="float32")


def _plain(
    name: str, *dimensions: Axis | Dimension, dtype: str | None = None, unit: Sequence[str] = ()
) -> Weight:
    held = _held(unit, dimensions)
    return Weight(name, *dimensions, unit=held, trainable=False, dtype=dtype, role="quantization")


def _held(unit: Sequence[str], dimensions: Sequence[Axis | Dimension]) -> list[str]:
    """The unit axes that are left: two values packed in a byte are no axis any more."""
    symbols = [axis.symbol for dimension in dimensions for axis in dimension.axes]
    return [symbol for symbol in unit if symbol in symbols]


def _joined(axes: tuple[Axis, ...]) -> Axis | Dimension:
    return axes[0] if len(axes) == 1 else Dimension(axes or (_ONE,))


def _halved(axes: tuple[Axis, ...]) -> Axis:
    """Two values a byte along the product of the axes."""
    symbol = "·".join(axis.symbol for axis in axes or (_ONE,))
    return Axis(f"⌈{symbol}/2⌉", -(-math.prod(axis.extent for axis in axes) // 2))


def _groups(axes: tuple[Axis, ...], size: int) -> Axis:
    """How many groups of `size` there are; a size of -1 is one group of all."""
    count = math.prod(axis.extent for axis in axes)
    return Axis("G", 1 if size == _NO_BLOCKS else -(-count // size))
