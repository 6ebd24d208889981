"""Embedding: y_nt = E_(x_nt), the rows of a table; ∂L/∂E_v sums g over where x is v."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


@gradient("Embedding")
def embedding(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Rows looked up; an index has no derivative."""
    if layer.boolean("mask_zero", False):
        layer.unsupported("no gradient is derived of masks (mask_zero)")
    table = weights["embeddings"]
    index = inputs[0].astype(np.int64)
    if index.size and not (index.min() >= 0 and index.max() < len(table)):
        layer.shape_error(f"indices from 0 to {len(table) - 1}", f"{index.min()} to {index.max()}")

    def backward(g: Array) -> Gradients:
        found = np.zeros(table.shape)
        np.add.at(found, index, g)
        return Gradients((None,), {"embeddings": found})

    return applied(table[index], backward)
