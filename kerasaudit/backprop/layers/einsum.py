"""EinsumDense: y = x · K by an equation of letters, plus a bias.

With "ab,bc->ac": y_ac = Σ_b x_ab · K_bc, ∂L/∂K_bc = Σ_a x_ab · g_ac, ∂L/∂x_ab = Σ_c g_ac · K_bc,
the same equation with its parts in other places.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_letters

import numpy as np

from kerasaudit.backprop.activate import activated
from kerasaudit.backprop.contraction import contract
from kerasaudit.backprop.layers.merging import summed_to
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


@gradient("EinsumDense")
def einsum_dense(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The product by the layer's equation, its bias and its activation."""
    (x,), kernel, bias = inputs, weights["kernel"], weights.get("bias")
    taken, held, made = _letters(layer, x.ndim)
    z = contract(f"{taken},{held}->{made}", x, kernel)
    if bias is not None:
        z = z + bias

    def backward(g: Array) -> Gradients:
        found = {"kernel": _product(taken, x, made, g, held, kernel.shape)}
        if bias is not None:
            found["bias"] = summed_to(g, bias.shape)
        return Gradients((_product(made, g, held, kernel, taken, x.shape),), found)

    return activated(layer, applied(z, backward))


def _letters(layer: LayerConfig, rank: int) -> tuple[str, str, str]:
    """The letters of input, kernel and output, with letters for what "..." stands for."""
    equation = str(layer.get("equation"))
    left, _, made = equation.partition("->")
    taken, _, held = left.partition(",")
    free = [letter for letter in ascii_letters if letter not in equation]
    elided = "".join(free[: rank - len(taken.replace("...", ""))]) if "..." in taken else ""
    return taken.replace("...", elided), held, made.replace("...", elided)


def _product(
    one: str, a: Array, other: str, b: Array, wanted: str, shape: tuple[int, ...]
) -> Array:
    """The product of two arrays, its letters as wanted; one that neither bears is repeated."""
    present = "".join(letter for letter in wanted if letter in one + other)
    found = contract(f"{one},{other}->{present}", a, b)
    places = [wanted.index(letter) for letter in present]
    spread = tuple(extent if i in places else 1 for i, extent in enumerate(shape))
    return np.broadcast_to(found.reshape(spread), shape)
