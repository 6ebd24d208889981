"""Attention: scores between queries and keys, and the values that they choose among.

Indices: n example, t query, s key, h head, d width of a head, c feature.

    q_nthd = Σ_c x_ntc · Q_chd + b_hd, likewise k_nshd and v_nshd
    a_nhts = softmax_s(q_nthd · k_nshd / √d),  o_nthd = Σ_s a_nhts · v_nshd
    y_ntc  = Σ_hd o_nthd · W_hdc + b_c

Backward, with g the derivative by o: by v Σ_t a_nhts · g_nthd; by a Σ_d g_nthd · v_nshd; through
the softmax; by q and k the product with the other. Dropout of scores is as in inference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from kerasaudit.backprop.activate import softmax, softmax_back
from kerasaudit.backprop.contraction import contract, per_last
from kerasaudit.backprop.elementwise import ELEMENTWISE
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, gradient
from kerasaudit.derivation.layer import LayerConfig

_Attended = tuple[Array, Array, Callable[[Array, Array | None], tuple[Array, Array, Array]]]


@gradient("MultiHeadAttention", "GroupQueryAttention")
def multi_head_attention(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Projections into heads, attention in each, and a projection out of them.

    A group of query heads shares a key head and a value head, whose derivatives add up.
    """
    _check(layer, inputs)
    flat = [x.reshape(len(x), -1, x.shape[-1]) for x in inputs]
    query, value = flat[0], flat[1]
    key = flat[2] if len(flat) > 2 else value
    q, k, v = (
        _into_heads(weights, name, x)
        for name, x in (("query", query), ("key", key), ("value", value))
    )
    group = q.shape[2] // k.shape[2]
    attended, scores, attended_back = _attention(
        q,
        np.repeat(k, group, axis=2),
        np.repeat(v, group, axis=2),
        causal=bool(layer.call.get("use_causal_mask", False)),
    )
    gated, gate_back = _gated(weights, query, attended)
    out = weights["attention_output/kernel"]
    y = contract("nthd,hdc->ntc", gated, out.reshape(*out.shape[:2], -1))
    y = y.reshape(*inputs[0].shape[:-1], *out.shape[2:])
    if "attention_output/bias" in weights:
        y = y + weights["attention_output/bias"]
    returned = bool(layer.call.get("return_attention_scores", False))

    def backward(gradients: tuple[Array, ...]) -> Gradients:
        g = gradients[0].reshape(*query.shape[:2], -1)
        kernel = out.reshape(*out.shape[:2], -1)
        found = {"attention_output/kernel": contract("nthd,ntc->hdc", gated, g).reshape(out.shape)}
        if "attention_output/bias" in weights:
            shape = weights["attention_output/bias"].shape
            found["attention_output/bias"] = per_last(g).reshape(shape)
        by_attended, by_gate_input, by_gate = gate_back(contract("ntc,hdc->nthd", g, kernel))
        found.update(by_gate)
        by_q, by_k, by_v = attended_back(by_attended, gradients[1] if returned else None)
        by_inputs = []
        for name, x, by_heads in (
            ("query", query, by_q),
            ("value", value, _per_group(by_v, group)),
            ("key", key, _per_group(by_k, group)),
        ):
            by_x, by_weights = _out_of_heads(weights, name, x, by_heads)
            by_inputs.append(by_x)
            found.update(by_weights)
        if by_gate_input is not None:
            by_inputs[0] = by_inputs[0] + by_gate_input
        if len(inputs) == 2:  # the values are the keys as well
            by_inputs = [by_inputs[0], by_inputs[1] + by_inputs[2]]
        shaped = [g.reshape(x.shape) for g, x in zip(by_inputs, inputs, strict=True)]
        return Gradients(tuple(shaped), found)

    return Applied((y, scores) if returned else (y,), backward)


def _check(layer: LayerConfig, inputs: tuple[Array, ...]) -> None:
    """Refuse what is not derived: sliding windows, and attention along some of the axes alone."""
    between = tuple(range(1, inputs[0].ndim - 1))
    axes = layer.get("attention_axes")
    chosen = (
        between if axes is None else tuple(sorted(layer.axes("attention_axes", 1, inputs[0].shape)))
    )
    if chosen != between:
        layer.unsupported("no gradient is derived of attention along some axes alone")
    if layer.get("activity_regularizer") is not None:
        layer.unsupported("no gradient is derived of an activity regulariser within a layer")
    if layer.get("sliding_window") is not None:
        layer.unsupported("no gradient is derived of a sliding window")
    several = inputs[0].ndim > 3
    for switch in ("use_causal_mask", "return_attention_scores"):
        if several and layer.call.get(switch):
            layer.unsupported(f"no gradient is derived of {switch} over several axes")


def _into_heads(weights: Mapping[str, Array], name: str, x: Array) -> Array:
    made = contract("ntc,chd->nthd", x, weights[f"{name}/kernel"])
    bias = weights.get(f"{name}/bias")
    return made if bias is None else made + bias


def _out_of_heads(
    weights: Mapping[str, Array], name: str, x: Array, g: Array
) -> tuple[Array, dict[str, Array]]:
    """The derivatives by a projection's input and by its weights."""
    found = {f"{name}/kernel": contract("ntc,nthd->chd", x, g)}
    if f"{name}/bias" in weights:
        found[f"{name}/bias"] = g.sum(axis=(0, 1))
    return contract("nthd,chd->ntc", g, weights[f"{name}/kernel"]), found


def _per_group(g: Array, group: int) -> Array:
    """The derivative by a head that a group shares."""
    split = g.reshape(*g.shape[:2], -1, group, g.shape[-1])
    found: Array = split.sum(axis=3)
    return found


def _attention(q: Array, k: Array, v: Array, *, causal: bool) -> _Attended:
    """What the scores choose of the values, the scores, and the way back to q, k and v."""
    scale = 1 / math.sqrt(q.shape[-1])
    logits = contract("nthd,nshd->nhts", q, k) * scale
    if causal:
        after = np.triu(np.ones(logits.shape[-2:], bool), 1)
        logits = np.where(after, -np.inf, logits)
    scores = softmax(logits)

    def back(g: Array, by_scores: Array | None) -> tuple[Array, Array, Array]:
        by_v = contract("nhts,nthd->nshd", scores, g)
        by_all = contract("nthd,nshd->nhts", g, v)
        by_logits = (
            softmax_back(scores, by_all if by_scores is None else by_all + by_scores) * scale
        )
        by_q = contract("nhts,nshd->nthd", by_logits, k)
        return by_q, contract("nhts,nthd->nshd", by_logits, q), by_v

    return contract("nhts,nshd->nthd", scores, v), scores, back


_GateBack = Callable[[Array], tuple[Array, Array | None, dict[str, Array]]]


def _gated(weights: Mapping[str, Array], query: Array, attended: Array) -> tuple[Array, _GateBack]:
    """o · σ(gate of the query), where the layer has a gate."""
    if "gate/kernel" not in weights:
        return attended, lambda g: (g, None, {})
    gate, slope = ELEMENTWISE["sigmoid"](_into_heads(weights, "gate", query))

    def back(g: Array) -> tuple[Array, Array | None, dict[str, Array]]:
        by_query, found = _out_of_heads(weights, "gate", query, g * attended * slope)
        return g * gate, by_query, found

    return attended * gate, back
