"""Attention: multi-head, grouped-query, and the plain layers that have almost no weights.

MACs: the projections, and the two products of attention itself, queries with keys and scores with
values. No weight takes part in those two (`activation_macs`), and a causal or sliding mask leaves
them as many: Keras computes every score and then masks it.

With dropout above 0 each layer holds the state of a random generator, which is no weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, derive_part, rule
from kerasaudit.derivation.seed import drawing_state
from kerasaudit.derivation.shape import Extent, Shape, product, total
from kerasaudit.derivation.weight import Axis, Weight

_CALL = ("query", "value", "key")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@rule("MultiHeadAttention", inputs=_CALL)
def multi_head_attention(layer: LayerConfig, x: tuple[Shape | None, ...]) -> Derivation:
    """Multi-head attention: four EinsumDense, and two products of activations between them.

    Formula:  query C_q·h·d_k + h·d_k, key C_k·h·d_k + h·d_k, value C_v·h·d_v + h·d_v, output
              h·d_v·C_out + C_out; with use_gate also a gate C_q·h·d_v + h·d_v. Without use_bias
              the kernels alone.
    Axes:     (C_in, h, d) of what projects into heads, (h, d, C_out) of what projects out of them;
              the unit axis is h: a kernel is what one head owns.
    Example:  12 heads of 64 on 768 features: 4·768·12·64 + 3·12·64 + 768 = 2,362,368.
    Output:   the query's shape, its last axis replaced by output_shape; with
              return_attention_scores also (batch, h, T_q, T_v).
    MACs:     T_q·(query + output kernel) + T_v·(key + value kernel) + h·T_q·T_v·(d_k + d_v).
    Limits:   the last extents must be known. T is the product over attention_axes; other axes
              between batch and features are batch axes of the scores.
    Source:   Vaswani et al. 2017, "Attention is all you need", §3.2; Keras multi_head_attention.py.
    """
    query, value, key = _inputs(layer, x)
    heads, width = layer.integer("num_heads"), layer.integer("key_dim")
    value_width = width if layer.get("value_dim") is None else layer.integer("value_dim")
    axes = _attention_axes(layer, query, value)
    made = layer.get("output_shape") or query[-1:]
    made = tuple(made) if isinstance(made, (list, tuple)) else (made,)
    inward = [("query", query, width), ("key", key, width), ("value", value, value_width)]
    if layer.boolean("use_gate", False):
        inward.insert(2, ("gate", query, value_width))
    parts = {name: _into_heads(layer, name, shape, heads, d) for name, shape, d in inward}
    attended = (*query[:-1], heads, value_width)
    parts["attention_output"] = _out_of_heads(layer, attended, made)
    scores = _score_macs(query, value, axes, heads, width + value_width)
    return Derivation(
        weights=_in_keras_order(parts),
        output_shape=_outputs(layer, (*query[:-1], *made), query, value, axes, heads),
        macs=total([*(part.macs for part in parts.values()), scores]),
        activation_macs=scores,
        state=drawing_state(layer, "dropout"),
        inner_macs=parts["attention_output"].macs,
    )


@rule("GroupQueryAttention", inputs=_CALL)
def grouped_query_attention(layer: LayerConfig, x: tuple[Shape | None, ...]) -> Derivation:
    """Attention in which several query heads share a key head and a value head.

    Formula:  query C·h·d + h·d, key and value C·v·d + v·d each (v key/value heads), output
              h·d·C + C; with use_gate also a gate as the query.
    Axes:     (C_in, h, d); the unit axis is h, or v of keys and values: a kernel is a head's.
    Example:  32 query heads and 8 key/value heads of 128 on 4,096 features without biases:
              4096·32·128 + 2·4096·8·128 + 32·128·4096 = 41,943,040 (Llama 3 8B).
    Output:   the query's shape; with return_attention_scores also (batch, h, T_q, T_v).
    MACs:     T_q·(query + output kernel) + T_v·(key + value kernel) + 2·h·T_q·T_v·d: keys and
              values are repeated to every query head before they are multiplied.
    Limits:   inputs of rank 3; the query heads must be a multiple of the key/value heads.
    Source:   Ainslie et al. 2023, "GQA"; Keras grouped_query_attention.py.
    """
    query, value, key = _inputs(layer, x)
    for shape in (query, value, key):
        layer.expect_rank(shape, 3)
    width, heads = layer.integer("head_dim"), layer.integer("num_query_heads")
    shared = layer.integer("num_key_value_heads")
    if heads % shared:
        layer.fail(f"num_key_value_heads must divide num_query_heads={heads}, received {shared}")
    if query[-1] != value[-1]:
        layer.shape_error("query and value of equal last extent", [query, value])
    inward = [("query", query, heads), ("key", key, shared), ("value", value, shared)]
    if layer.boolean("use_gate", False):
        inward.insert(2, ("gate", query, heads))
    parts = {name: _into_heads(layer, name, shape, n, width) for name, shape, n in inward}
    parts["attention_output"] = _out_of_heads(layer, (*query[:-1], heads, width), query[-1:])
    scores = _score_macs(query, value, (1,), heads, 2 * width)
    return Derivation(
        weights=_in_keras_order(parts, {"key": "v", "value": "v"}),
        output_shape=_outputs(layer, query, query, value, (1,), heads),
        macs=total([*(part.macs for part in parts.values()), scores]),
        activation_macs=scores,
        state=drawing_state(layer, "dropout"),
        inner_macs=parts["attention_output"].macs,
    )


@rule("Attention", several_inputs=True)
def attention(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Dot-product attention of given queries, values and keys: nothing is projected.

    Formula:  scale 1 with use_scale, concat_score_weight 1 with score_mode="concat"; else nothing.
    Axes:     scalars.
    Example:  use_scale=True: 1.
    Output:   the query's shape with the value's last extent; with return_attention_scores also
              (batch, T_q, T_v).
    MACs:     T_q·T_v·(d + d_v): queries with keys, scores with values. With score_mode="concat"
              T_q·T_v·d_v: its scores are sums, no products.
    Source:   Luong et al. 2015; Keras attention.py.
    """
    concatenated = layer.choice("score_mode", "dot", "concat") == "concat"
    weights = [Weight("scale")] if layer.boolean("use_scale", False) else []
    if concatenated:
        weights.append(Weight("concat_score_weight"))
    return _plain(layer, x, tuple(weights), multiplies_keys=not concatenated)


@rule("AdditiveAttention", several_inputs=True)
def additive_attention(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Additive attention: scores are sums of tanh(query + key), each feature with a scale.

    Formula:  scale d (use_scale), the features of the query; else nothing.
    Axes:     (d); the unit axis is d.
    Example:  use_scale=True on 64 features: 64.
    Output:   the query's shape with the value's last extent; with return_attention_scores also
              (batch, T_q, T_v).
    MACs:     T_q·T_v·d_v, scores with values; with use_scale T_q·T_v·d more: the scores are a
              product of the scale and the features.
    Source:   Bahdanau et al. 2015; Keras additive_attention.py.
    """
    if not layer.boolean("use_scale", True):
        return _plain(layer, x, (), multiplies_keys=False)
    scale = Weight("scale", Axis("d", layer.extent(_first(layer, x), -1)), unit="d")
    derivation = _plain(layer, x, (scale,), multiplies_keys=True)
    query, value = x[0], x[1]
    weighted = product((*query[1:-1], value[-2], query[-1]))
    both = derivation.macs
    mixed = None if both is None or weighted is None else both - weighted
    return replace(derivation, activation_macs=mixed)


# -- projections ------------------------------------------------------------------------------


def _into_heads(layer: LayerConfig, name: str, shape: Shape, heads: int, width: int) -> Derivation:
    """A projection of the last axis into heads, its axes named C_in, h, d."""
    free = _LETTERS[: len(shape) - 1]
    layer.extent(shape, -1)
    return derive_part(
        layer,
        _einsum(layer, name, f"{free}x,xyz->{free}yz", [*_unknown(shape), heads, width], "yz"),
        shape,
    )


def _out_of_heads(layer: LayerConfig, shape: Shape, made: Shape) -> Derivation:
    """The projection of the heads to the features, its axes named h, d, C_out."""
    free, new = _LETTERS[: len(shape) - 2], _LETTERS[10 : 10 + len(made)]
    output = [*_unknown(shape[:-1]), *made]
    equation = f"{free}yz,yz{new}->{free}{new}"
    return derive_part(layer, _einsum(layer, "attention_output", equation, output, new), shape)


def _unknown(shape: Shape) -> list[None]:
    """An extent to be taken from the input for each axis between batch and features."""
    return [None] * (len(shape) - 2)


def _einsum(
    layer: LayerConfig, name: str, equation: str, output_shape: list[Any], bias_axes: str
) -> Mapping[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": "EinsumDense",
        "config": {
            "name": name,
            "equation": equation,
            "output_shape": output_shape,
            "bias_axes": bias_axes if layer.boolean("use_bias", True) else None,
        },
    }


def _in_keras_order(
    parts: Mapping[str, Derivation], heads: Mapping[str, str] | None = None
) -> tuple[Weight, ...]:
    """The weights of all projections, their axes renamed from the equations' letters."""
    named: list[Weight] = []
    for name, part in parts.items():
        head = (heads or {}).get(name, "h")
        letters = dict.fromkeys(letter for weight in part.weights for letter in weight.unit)
        made = [letter for letter in letters if letter not in "yz"]
        symbols = {"x": "C_in", "y": head, "z": "d"}
        symbols |= {k: "C_out" if len(made) == 1 else f"C{i}" for i, k in enumerate(made, 1)}
        for weight in part.weights:
            held = [axis.symbol for axis in weight.axes]
            unit = ["y"] if "y" in held else [letter for letter in made if letter in held]
            named.append(weight.renamed(symbols, [symbols[letter] for letter in unit]))
    return tuple(named)


# -- what takes no weight ---------------------------------------------------------------------


def _inputs(layer: LayerConfig, x: tuple[Shape | None, ...]) -> tuple[Shape, Shape, Shape]:
    """Query, value and key; the key is the value where it is not passed."""
    query, value, key = x
    if query is None or value is None:
        layer.shape_error("the shapes of query and value", list(x))
    key = value if key is None else key
    for shape in (query, value, key):
        layer.expect_rank(shape, 3, or_more=True)
    if value[1:-1] != key[1:-1]:
        layer.shape_error("value and key that agree on all axes but the last", [value, key])
    return query, value, key


def _attention_axes(layer: LayerConfig, query: Shape, value: Shape) -> tuple[int, ...]:
    if len(query) != len(value):
        layer.shape_error("query and value of equal rank", [query, value])
    given = layer.get("attention_axes")
    return layer.axes("attention_axes", -1, query) if given else tuple(range(1, len(query) - 1))


def _score_macs(
    query: Shape, value: Shape, axes: tuple[int, ...], heads: int, widths: int
) -> Extent:
    """Queries with keys, and scores with values: heads · T_q · T_v · (d_k + d_v)."""
    around = [e for axis, e in enumerate(query[:-1]) if axis and axis not in axes]
    lengths = [shape[axis] for axis in axes for shape in (query, value)]
    return product((*around, *lengths, heads, widths))


def _outputs(
    layer: LayerConfig,
    output: Shape,
    query: Shape,
    value: Shape,
    axes: tuple[int, ...],
    heads: int,
) -> Shape | tuple[Shape, ...]:
    """The output, and the scores where the call asks for them."""
    if not layer.call.get("return_attention_scores"):
        return output
    around = [e for axis, e in enumerate(query[:-1]) if axis not in axes]
    scores = (*around, heads, *(query[a] for a in axes), *(value[a] for a in axes))
    return output, scores


def _first(layer: LayerConfig, x: tuple[Shape, ...]) -> Shape:
    if not 2 <= len(x) <= 3 or any(len(shape) < 2 for shape in x):
        layer.shape_error("the shapes of [query, value] or [query, value, key]", list(x))
    return x[0]


def _plain(
    layer: LayerConfig, x: tuple[Shape, ...], weights: tuple[Weight, ...], *, multiplies_keys: bool
) -> Derivation:
    query, value = _first(layer, x), x[1]
    lengths = (*query[1:-1], value[-2])
    mixed = product((*lengths, value[-1]))
    scored = product((*lengths, query[-1])) if multiplies_keys else 0
    output: Shape | tuple[Shape, ...] = (*query[:-1], value[-1])
    if layer.call.get("return_attention_scores"):
        output = ((*query[:-1], value[-1]), (*query[:-1], value[-2]))
    macs = total((mixed, scored))
    return Derivation(
        weights=weights,
        output_shape=output,
        macs=macs,
        activation_macs=macs,
        state=drawing_state(layer, "dropout"),
    )
