"""Embedding layers: tables with a row for each token."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Shape
from kerasaudit.derivation.weight import Axis, Weight


@rule("Embedding")
def embedding(layer: LayerConfig, x: Shape) -> Derivation:
    """A table of V rows, one for each token, each of D elements; a look-up multiplies nothing.

    Formula:  embeddings V·D.
    Axes:     (V, D); the unit axis is V: a kernel is the row of one token.
    Example:  Embedding(10000, 16): 10000·16 = 160,000.
    Output:   the input's shape with D after it.
    MACs:     0: a look-up.
    Limits:   mask_zero keeps the row of token 0; it is counted, as in Keras.
    Source:   Bengio et al. 2003, "A neural probabilistic language model"; Keras embedding.py.
    """
    width = layer.integer("output_dim")
    table = Weight("embeddings", Axis("V", layer.integer("input_dim")), Axis("D", width), unit="V")
    return Derivation(weights=(table,), output_shape=(*x, width), macs=0)
