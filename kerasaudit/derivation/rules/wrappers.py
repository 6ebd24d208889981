"""Wrappers: layers that hold another one and apply it in a way of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasaudit.derivation.layer import LayerConfig, automatic_name
from kerasaudit.derivation.rule import Derivation, derive_part, rule
from kerasaudit.derivation.rules.recurrent import CALL, Inputs, held_layer, outputs_of, step_of
from kerasaudit.derivation.shape import Shape, broadcast, repeated, total

__all__ = ["directions"]

_RECURRENT = ("RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_MERGE_MODES = ("concat", "sum", "ave", "mul", None)


@rule("Bidirectional", inputs=CALL)
def bidirectional(layer: LayerConfig, x: Inputs) -> Derivation:
    """Two recurrent layers, one of which reads the sequence from its end; their outputs merged.

    Formula:  the sum over both; a weight is named by its layer, "forward_lstm/lstm_cell/kernel",
              "backward_lstm/lstm_cell/kernel". Without a backward_layer of its own the backward
              layer is another one of the forward layer's config.
    Example:  Bidirectional(LSTM(64)) on steps of 128 features: twice 49,408:
              2·128·4·64 + 2·64·4·64 + 2·4·64 = 98,816.
    Output:   by merge_mode: concat joins the last axes, sum, ave and mul keep them, None gives
              both outputs; then the forward and the backward states with return_state.
    MACs:     the sum over both.
    Limits:   both must agree in stateful, return_sequences and return_state, and differ in
              go_backwards, as in Keras. Keras's symbolic shape of concat takes the backward layer
              to be as wide as the forward one; here the widths are added.
    Source:   Schuster & Paliwal 1997, "Bidirectional recurrent neural networks"; Keras
              bidirectional.py.
    """
    ahead, back = directions(layer)
    sequence, initial_state = x
    given = (sequence,) if initial_state is None else (sequence, initial_state)
    forward, backward = derive_part(layer, ahead, *given), derive_part(layer, back, sequence)
    (one, *states), (other, *more) = outputs_of(forward), outputs_of(backward)
    returned: Any = None
    if one is not None and other is not None:
        returned = (*_merged(layer, one, other), *states, *more)
    return Derivation(
        weights=(*forward.weights, *backward.weights),
        output_shape=returned[0] if returned and len(returned) == 1 else returned,
        macs=total((forward.macs, backward.macs)),
        activation_macs=total((forward.activation_macs, backward.activation_macs)),
        inner_macs=total((forward.inner_macs, backward.inner_macs)),
        state=(*forward.state, *backward.state),
    )


def directions(layer: LayerConfig) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The serialised forward and backward layers, named and turned as Keras does."""
    held = held_layer(layer, "layer", *_RECURRENT)
    ahead = _changed(held, name=_name("forward_", held))
    if layer.get("backward_layer") is not None:
        back = held_layer(layer, "backward_layer", *_RECURRENT)
    else:
        back = _changed(held, name=_name("backward_", held), go_backwards=True)
    one, other = LayerConfig(ahead), LayerConfig(back)
    for key in ("stateful", "return_sequences", "return_state", "go_backwards"):
        same = one.boolean(key, False) == other.boolean(key, False)
        if same is (key == "go_backwards"):
            relation = "differ" if same else "be the same"
            layer.fail(
                f"{key} of layer and backward_layer must {relation}, received "
                f"{one.boolean(key, False)} and {other.boolean(key, False)}"
            )
    return ahead, back


def _name(prefix: str, part: Mapping[str, Any]) -> str:
    held = LayerConfig(part)
    return prefix + (held.name or automatic_name(held.class_name)).removeprefix(prefix)


def _changed(part: Mapping[str, Any], **values: Any) -> Mapping[str, Any]:
    """The serialised layer with other values in its config."""
    return {**part, "config": {**part["config"], **values}}


def _merged(layer: LayerConfig, one: Shape, other: Shape) -> tuple[Shape, ...]:
    """What comes of both outputs: one shape, or both where they are not merged."""
    mode = layer.config.get("merge_mode", "concat")
    if mode not in _MERGE_MODES:
        layer.fail(f"merge_mode must be one of {_MERGE_MODES}, received {mode!r:.80}")
    if mode is None:
        return one, other
    if mode == "concat":
        widths = (one[-1], other[-1])
        return ((*one[:-1], total(widths)),)
    merged = broadcast([one, other])
    if merged is None:
        layer.shape_error(f"outputs that can be merged by {mode!r}", [one, other])
    return (merged,)


@rule("TimeDistributed")
def time_distributed(layer: LayerConfig, x: Shape) -> Derivation:
    """The same layer, or the same model, applied to every step of a sequence.

    Formula:  that of its layer: it is one layer, whatever the number of steps; a weight is named
              by it, "conv2d/kernel".
    Example:  TimeDistributed(Conv2D(64, 3)) on 10 frames of 128×128×3: 3·3·3·64 + 64 = 1,792.
    Output:   its layer's output for one step, with the time axis after the batch axis.
    MACs:     steps · its layer's.
    Limits:   the layer takes and gives one tensor, as in Keras.
    Source:   Keras time_distributed.py.
    """
    layer.expect_rank(x, 3, or_more=True)
    inner = derive_part(layer, layer.part("layer"), step_of(x))
    output, *others = outputs_of(inner)
    if others:
        layer.fail(f"layer must have one output, received {1 + len(others)}")
    return Derivation(
        weights=inner.weights,
        output_shape=None if output is None else (output[0], x[1], *output[1:]),
        macs=repeated(inner.macs, x[1]),
        activation_macs=repeated(inner.activation_macs, x[1]),
        inner_macs=repeated(inner.inner_macs, x[1]),
        state=inner.state,
    )


@rule("Wrapper")
def wrapper(layer: LayerConfig, x: Shape) -> Derivation:
    """The base class of wrappers, which holds a layer and does nothing with it yet.

    Formula:  that of its layer, built for the wrapper's own input; a weight is named by it,
              "dense/kernel".
    Output:   unknown: what is done with the layer its subclasses alone say.
    MACs:     unknown, likewise.
    Limits:   a subclass of your own needs a rule of its own.
    Source:   Keras wrapper.py: "Do not use this class as a layer, it is only an abstract base
              class."
    """
    inner = derive_part(layer, layer.part("layer"), x)
    return Derivation(weights=inner.weights, activation_macs=None, state=inner.state)
