"""MACs of the backward pass, by rule: which gradients a training step has to compute.

A contraction y = x·W of n MACs has two gradients, each of n MACs again:

- by the weights, xᵀ·∂y: computed only where W is trainable;
- by the input, ∂y·Wᵀ: computed only where something trainable lies upstream, before x.

So a layer in the middle of a network that is trained whole costs 2·n, its first layer n, a frozen
layer n where a trained one stands before it, else 0. A product of two activations (attention's
scores, `Derivation.activation_macs`) has a gradient by each operand: 2·n. Where a layer contracts
what it made itself (a separable convolution, `Derivation.inner_macs`), training it needs that
gradient by the input even if nothing upstream is trained.

Element-wise work is not counted, forward or backward; nor is what is computed a second time to save
memory, nor a `stop_gradient`. Every call is taken to bear on the loss. `None` where it cannot be
told: a layer that holds trainable and frozen weights side by side, several inputs of which only
some are trained, MACs that are not known.

Example: Dense(8) on 4 features, then Dense(2). The first costs 4·8 = 32 (no gradient by the data),
the second 2·8·2 = 32: 64 MACs, where twice the forward pass would be 96.
Source: Goodfellow, Bengio & Courville 2016, "Deep learning", §6.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerasaudit.derivation.architecture import Architecture, Call
from kerasaudit.derivation.rule import Derivation
from kerasaudit.derivation.weight import Weight

__all__ = ["backward_macs"]


def backward_macs(architecture: Architecture) -> tuple[int | None, ...]:
    """The MACs of each call's backward pass, per example; `None` where they are not known.

    >>> from kerasaudit.derivation.architecture import derive_architecture
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
    ...     {"class_name": "Dense", "config": {"name": "a", "units": 8}},
    ...     {"class_name": "Dense", "config": {"name": "b", "units": 2}},
    ... ]}}
    >>> backward_macs(derive_architecture(net))
    (0, 32, 32)
    """
    weights = {layer.path: layer.weights for layer in architecture.layers}
    trained: list[bool | None] = []  # whether a call's output depends on anything trainable
    figures = []
    for call in architecture.calls:
        held = weights[call.path]
        upstream = _upstream(call, trained)
        figures.append(_of_call(call, held, upstream))
        trained.append(_depends(held, upstream))
    return tuple(figures)


def _upstream(call: Call, trained: Sequence[bool | None]) -> tuple[bool | None, ...]:
    """For each tensor that a call takes whether something trainable lies before it."""
    if call.sources is None:
        return (None,)
    return tuple([s.call is not None and trained[s.call] for s in call.sources])


def _depends(weights: tuple[Weight, ...] | None, upstream: tuple[bool | None, ...]) -> bool | None:
    if weights is not None and any(weight.trainable for weight in weights):
        return True
    if any(upstream):
        return True
    return None if weights is None or None in upstream else False


def _of_call(
    call: Call, weights: tuple[Weight, ...] | None, upstream: tuple[bool | None, ...]
) -> int | None:
    derivation = call.derivation
    if derivation is None or weights is None or None in upstream:
        return None
    if derivation.macs == 0:
        return 0
    macs = derivation.macs
    products = derivation.activation_macs if weights else macs
    if macs is None or products is None:
        return None
    flags = {weight.trainable for weight in weights}
    if flags == {True, False}:
        return None  # which of its MACs are whose is not known
    if upstream and all(upstream):
        return (2 if True in flags else 1) * (macs - products) + 2 * products
    if any(upstream):
        # One product of two inputs has a gradient by each that is trained; else it is not known.
        single = macs == products and derivation.inner_macs == 0
        return products * sum(one is True for one in upstream) if single else None
    return _first_trained(derivation, weights, products) if True in flags else 0


def _first_trained(
    derivation: Derivation, weights: tuple[Weight, ...], products: int
) -> int | None:
    """Nothing before the layer is trained: it needs no gradient by what it is given."""
    macs, inner = derivation.macs or 0, derivation.inner_macs
    if inner is None:
        kernels = sum(len(weight.shape) > 1 for weight in weights)
        inner = 0 if kernels == 1 and not products else None
    if inner is None or macs == products:
        return None
    return macs - products + inner + 2 * products
