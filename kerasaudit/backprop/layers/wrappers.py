"""Wrappers: a layer applied to every step, or to a sequence from both its ends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.layers.merging import concatenate, merge
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, apply_part, gradient
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rules.wrappers import directions


@gradient("TimeDistributed")
def time_distributed(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Step t of the output is the layer of step t of the input; derivatives of weights add up.

    The steps come one after the other: what one updates the next one finds updated.
    """
    (x,), part = inputs, layer.part("layer")
    steps, updates = [], dict[str, Array]()
    for t in range(x.shape[1]):
        steps.append(apply_part(part, {**weights, **updates}, (x[:, t],), mode))
        updates.update(steps[-1].updates)

    def backward(gradients: tuple[Array, ...]) -> Gradients:
        found: dict[str, Array] = {}
        by_x = np.zeros(x.shape)
        for t, step in enumerate(steps):
            back = step.backward((gradients[0][:, t],))
            if back.inputs[0] is not None:
                by_x[:, t] = back.inputs[0]
            for name, g in back.weights.items():
                found[name] = found[name] + g if name in found else g
        return Gradients((by_x,), found)

    return Applied((np.stack([step.outputs[0] for step in steps], axis=1),), backward, updates)


@gradient("Bidirectional")
def bidirectional(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Two layers, whose outputs are merged; the sequence of the backward one is turned round."""
    if len(inputs) > 1:
        layer.unsupported("no gradient is derived of states that are passed in")
    ahead, back = directions(layer)
    one = apply_part(ahead, weights, inputs, mode)
    other = apply_part(back, weights, inputs, mode)
    if LayerConfig(ahead).boolean("return_sequences", False):
        other = _turned(other)
    merged = _merged(layer, one.outputs[0], other.outputs[0])
    ours, theirs = len(one.outputs) - 1, len(other.outputs) - 1

    def backward(gradients: tuple[Array, ...]) -> Gradients:
        width = len(merged.outputs)
        by_one, by_other = merged.backward(gradients[:width]).inputs
        assert by_one is not None
        assert by_other is not None
        states = gradients[width:]
        first = one.backward((by_one, *states[:ours]))
        second = other.backward((by_other, *states[ours : ours + theirs]))
        assert first.inputs[0] is not None
        assert second.inputs[0] is not None
        by_x = first.inputs[0] + second.inputs[0]
        return Gradients((by_x,), {**first.weights, **second.weights})

    return Applied((*merged.outputs, *one.outputs[1:], *other.outputs[1:]), backward)


def _turned(inner: Applied) -> Applied:
    """The same with its first output from its last step to its first."""
    output, *states = inner.outputs
    return Applied(
        (output[:, ::-1], *states),
        lambda gradients: inner.backward((gradients[0][:, ::-1], *gradients[1:])),
    )


def _merged(layer: LayerConfig, one: Array, other: Array) -> Applied:
    """Both outputs made one as merge_mode says, by the layer that does the same."""
    mode = layer.config.get("merge_mode", "concat")
    if mode is None:
        return Applied((one, other), Gradients)
    name = {"concat": "Concatenate", "sum": "Add", "ave": "Average", "mul": "Multiply"}[mode]
    merging = LayerConfig({"class_name": name, "config": {}})
    return (concatenate if name == "Concatenate" else merge)(merging, {}, (one, other), Mode())
