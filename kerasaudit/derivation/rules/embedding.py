"""Embedding layers: tables with a row for each token."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Shape, product
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


@rule("ReversibleEmbedding")
def reversible_embedding(layer: LayerConfig, x: Shape) -> Derivation:
    """An embedding that also maps features back to scores of tokens, with its own table (tied).

    Formula:  embeddings V·D; with tie_weights=False also reverse embeddings D·V.
    Axes:     (V, D), and (D, V); the unit axis is V: a kernel is the row of one token.
    Example:  GPT-2's tied head: ReversibleEmbedding(50257, 768) has 50257·768 = 38,597,376 weights,
              once for both uses.
    Output:   the input's shape with D after it; called with reverse=True, its last axis replaced
              by V.
    MACs:     0 for a look-up; D·V for each position of a call with reverse=True.
    Limits:   the variables are the same whichever way it is called.
    Source:   Press & Wolf 2017, "Using the output embedding"; Keras reversible_embedding.py.
    """
    tokens = Axis("V", layer.integer("input_dim"))
    width = Axis("D", layer.integer("output_dim"))
    weights = [Weight("embeddings", tokens, width, unit="V")]
    if not layer.boolean("tie_weights", True):
        weights.append(Weight("reverse_embeddings", width, tokens, unit="V"))
    if not layer.call.get("reverse"):
        return Derivation(tuple(weights), output_shape=(*x, width.extent), macs=0)
    if x[-1] != width.extent:
        layer.shape_error(f"{width.extent} features (output_dim) to map back", x)
    macs = product((*x[1:-1], width.extent, tokens.extent))
    return Derivation(tuple(weights), output_shape=(*x[:-1], tokens.extent), macs=macs)
