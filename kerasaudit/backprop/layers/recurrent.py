"""Recurrent layers: SimpleRNN, LSTM and GRU, step by step through time and back.

Indices: n example, t step, d feature, u unit, z gate·unit. Every step takes its share p_t of the
input, p_ntz = Σ_d x_ntd · K_dz + b_z, so that ∂L/∂K_dz = Σ_nt x_ntd · ∂L/∂p_ntz and
∂L/∂b_z = Σ_nt ∂L/∂p_ntz. What a step does with p_t and the state is the cell's own. ∂L/∂R, of the
recurrent kernel, is summed over the steps.

Dropout within a cell is as in inference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kerasaudit.backprop.activate import activation
from kerasaudit.backprop.contraction import contract, per_last
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, gradient
from kerasaudit.derivation.layer import LayerConfig, automatic_name

_States = tuple[Array, ...]
# Takes the derivatives by the new states; gives those by p, by the old states and by weights.
_StepBack = Callable[[_States], tuple[Array, _States, Mapping[str, Array]]]
_Step = Callable[[Array, _States], tuple[_States, _StepBack]]


@gradient("SimpleRNN", "LSTM", "GRU")
def recurrent(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """A layer that makes its cell itself, from its own config."""
    name = automatic_name(f"{layer.class_name}Cell")
    return _over_time(layer, layer, f"{layer.class_name}Cell", name, weights, inputs)


@gradient("RNN")
def rnn(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """A cell that the layer is given."""
    cell = LayerConfig(layer.part("cell"))
    name = cell.name or automatic_name(cell.class_name)
    return _over_time(layer, cell, cell.class_name, name, weights, inputs)


def _over_time(
    layer: LayerConfig,
    cell: LayerConfig,
    kind: str,
    name: str,
    weights: Mapping[str, Array],
    inputs: tuple[Array, ...],
) -> Applied:
    if kind not in _CELLS:
        layer.unsupported(f"no gradient is derived of the cell {kind!r}")
    if layer.boolean("stateful", False):
        layer.unsupported("no gradient is derived of a layer that keeps its states")
    count, make = _CELLS[kind]
    if len(inputs) > 1 and count > 1:
        layer.unsupported("no gradient is derived of several states that are passed in")
    held = {key.removeprefix(f"{name}/"): value for key, value in weights.items()}
    reverse = layer.boolean("go_backwards", False)
    x = inputs[0][:, ::-1] if reverse else inputs[0]
    units = cell.integer("units")
    states: _States = tuple(np.zeros((len(x), units)) for _ in range(count))
    if len(inputs) > 1:
        states = (inputs[1],)
    run = _Run(x, held, make(cell, held), states)
    whole = layer.boolean("return_sequences", False)
    outputs: _States = (run.sequence if whole else run.states[0],)
    if layer.boolean("return_state", False):
        outputs = (*outputs, *run.states)

    def backward(gradients: tuple[Array, ...]) -> Gradients:
        by_states = gradients[1:] or tuple(np.zeros_like(state) for state in states)
        by_sequence = np.zeros_like(run.sequence)
        if whole:
            by_sequence = gradients[0]
        else:
            by_sequence[:, -1] = gradients[0]
        by_x, by_first, found = run.backward(by_sequence, by_states)
        by_x = by_x[:, ::-1] if reverse else by_x
        others = by_first if len(inputs) > 1 else ()
        return Gradients((by_x, *others), {f"{name}/{key}": g for key, g in found.items()})

    return Applied(outputs, backward)


class _Run:
    """A cell run over a sequence: what each step gave, and what takes it back."""

    def __init__(self, x: Array, weights: Mapping[str, Array], step: _Step, first: _States) -> None:
        self.x, self.weights = x, weights
        bias = weights.get("bias")
        self.two_biases = bias is not None and bias.ndim == 2
        shares = contract("ntd,dz->ntz", x, weights["kernel"])
        if bias is not None:
            shares = shares + (bias[0] if self.two_biases else bias)
        self.states, self.backs, outputs = first, [], []
        for t in range(x.shape[1]):
            self.states, back = step(shares[:, t], self.states)
            self.backs.append(back)
            outputs.append(self.states[0])
        self.sequence = np.stack(outputs, axis=1)

    def backward(
        self, by_sequence: Array, by_states: _States
    ) -> tuple[Array, _States, dict[str, Array]]:
        """The derivatives by the input, the first states and the weights."""
        found: dict[str, Array] = {}
        by_shares = []
        for t in range(len(self.backs) - 1, -1, -1):
            by_states = (by_states[0] + by_sequence[:, t], *by_states[1:])
            by_share, by_states, by_weights = self.backs[t](by_states)
            by_shares.append(by_share)
            for name, g in by_weights.items():
                found[name] = found[name] + g if name in found else g
        by_p = np.stack(by_shares[::-1], axis=1)
        found["kernel"] = contract("ntd,ntz->dz", self.x, by_p)
        if "bias" in self.weights:
            by_bias = per_last(by_p)
            second = found.pop("second_bias", None)
            found["bias"] = by_bias if second is None else np.stack([by_bias, second])
        return contract("ntz,dz->ntd", by_p, self.weights["kernel"]), by_states, found


def _simple(cell: LayerConfig, weights: Mapping[str, Array]) -> _Step:
    """h′ = f(p + h · R)."""
    r = weights["recurrent_kernel"]

    def step(p: Array, states: _States) -> tuple[_States, _StepBack]:
        (h,) = states
        new, back = activation(cell, p + h @ r)

        def backward(by_new: _States) -> tuple[Array, _States, Mapping[str, Array]]:
            by_z = back(by_new[0])
            return by_z, (by_z @ r.T,), {"recurrent_kernel": h.T @ by_z}

        return (new,), backward

    return step


def _lstm(cell: LayerConfig, weights: Mapping[str, Array]) -> _Step:
    """i, f, o = σ and g = f of the gates of p + h · R; c′ = f · c + i · g; h′ = o · f(c′)."""
    r = weights["recurrent_kernel"]

    def step(p: Array, states: _States) -> tuple[_States, _StepBack]:
        h, c = states
        zi, zf, zg, zo = np.split(p + h @ r, 4, axis=1)
        i, i_back = activation(cell, zi, "recurrent_activation")
        f, f_back = activation(cell, zf, "recurrent_activation")
        g, g_back = activation(cell, zg)
        o, o_back = activation(cell, zo, "recurrent_activation")
        new_c = f * c + i * g
        squashed, squashed_back = activation(cell, new_c)

        def backward(by_new: _States) -> tuple[Array, _States, Mapping[str, Array]]:
            by_h, by_c = by_new
            by_c = by_c + squashed_back(by_h * o)
            gates = [i_back(by_c * g), f_back(by_c * c), g_back(by_c * i), o_back(by_h * squashed)]
            by_z = np.concatenate(gates, axis=1)
            return by_z, (by_z @ r.T, by_c * f), {"recurrent_kernel": h.T @ by_z}

        return (o * squashed, new_c), backward

    return step


def _gru(cell: LayerConfig, weights: Mapping[str, Array]) -> _Step:
    """z, r = σ of their gates; h′ = z · h + (1 − z) · f(p_h + …), with r before or after R_h."""
    return (_gru_after if cell.boolean("reset_after", True) else _gru_before)(cell, weights)


def _gru_after(cell: LayerConfig, weights: Mapping[str, Array]) -> _Step:
    """With q = h · R + b₂, the new part is f(p_h + r · q_h): the reset comes after the product."""
    kernel, bias = weights["recurrent_kernel"], weights.get("bias")

    def step(p: Array, states: _States) -> tuple[_States, _StepBack]:
        (h,) = states
        q = h @ kernel if bias is None else h @ kernel + bias[1]
        (pz, pr, ph), (qz, qr, qh) = np.split(p, 3, axis=1), np.split(q, 3, axis=1)
        z, z_back = activation(cell, pz + qz, "recurrent_activation")
        r, r_back = activation(cell, pr + qr, "recurrent_activation")
        new, new_back = activation(cell, ph + r * qh)

        def backward(by_new: _States) -> tuple[Array, _States, Mapping[str, Array]]:
            (g,) = by_new
            by_z, by_part = z_back(g * (h - new)), new_back(g * (1 - z))
            by_r = r_back(by_part * qh)
            by_p = np.concatenate([by_z, by_r, by_part], axis=1)
            by_q = np.concatenate([by_z, by_r, by_part * r], axis=1)
            found = {"recurrent_kernel": h.T @ by_q}
            if bias is not None:
                found["second_bias"] = by_q.sum(axis=0)
            return by_p, (g * z + by_q @ kernel.T,), found

        return (z * h + (1 - z) * new,), backward

    return step


def _gru_before(cell: LayerConfig, weights: Mapping[str, Array]) -> _Step:
    """The new part is f(p_h + (r · h) · R_h): the reset comes before the product."""
    kernel = weights["recurrent_kernel"]
    units = cell.integer("units")
    gating, making = kernel[:, : 2 * units], kernel[:, 2 * units :]

    def step(p: Array, states: _States) -> tuple[_States, _StepBack]:
        (h,) = states
        (pz, pr, ph), (qz, qr) = np.split(p, 3, axis=1), np.split(h @ gating, 2, axis=1)
        z, z_back = activation(cell, pz + qz, "recurrent_activation")
        r, r_back = activation(cell, pr + qr, "recurrent_activation")
        new, new_back = activation(cell, ph + (r * h) @ making)

        def backward(by_new: _States) -> tuple[Array, _States, Mapping[str, Array]]:
            (g,) = by_new
            by_z, by_part = z_back(g * (h - new)), new_back(g * (1 - z))
            by_reset = by_part @ making.T
            by_r = r_back(by_reset * h)
            by_gates = np.concatenate([by_z, by_r], axis=1)
            by_h = g * z + by_reset * r + by_gates @ gating.T
            found = np.concatenate([h.T @ by_gates, (r * h).T @ by_part], axis=1)
            return np.concatenate([by_gates, by_part], axis=1), (by_h,), {"recurrent_kernel": found}

        return (z * h + (1 - z) * new,), backward

    return step


# How many states a cell has, and what makes its step.
_CELLS: Mapping[str, tuple[int, Callable[[LayerConfig, Mapping[str, Array]], _Step]]] = {
    "SimpleRNNCell": (1, _simple),
    "LSTMCell": (2, _lstm),
    "GRUCell": (1, _gru),
}
