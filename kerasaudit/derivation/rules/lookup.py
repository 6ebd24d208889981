"""Layers that turn categories and text into numbers. None of them has weights.

What they hold (vocabularies, idf weights, bin boundaries, hash tables) is no variable of the
layer: Keras saves it as an asset or in the config, and counts none of it.
"""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Extent, Shape

_BAGS = ("multi_hot", "count")


@rule("Discretization")
def discretization(layer: LayerConfig, x: Shape) -> Derivation:
    """Numbers to the bins that they fall into. No weights: the boundaries are in the config.

    Output:   int: as the input; one_hot: a last axis of bins is added (in place of one of 1);
              multi_hot, count: axis 1 becomes a last axis of bins.
    Example:  3 boundaries make 4 bins: 10 values give 10×4 one-hot.
    Limits:   axis 1 is what a bag is made over, as Keras computes; of `num_bins` a layer that was
              adapted may have fewer, which its boundaries then say.
    Source:   Keras discretization.py, utils/numerical_utils.py (encode_categorical_inputs).
    """
    boundaries = layer.get("bin_boundaries")
    if boundaries is None:
        bins = layer.integer("num_bins", minimum=0)
    elif isinstance(boundaries, (list, tuple)):
        bins = len(boundaries) + 1
    else:
        layer.fail(f"bin_boundaries must be a list of numbers, received {boundaries!r}")
    mode = layer.choice("output_mode", "int", "one_hot", *_BAGS)
    return Derivation(output_shape=_encoded(x, mode, bins), macs=0)


@rule("Hashing")
def hashing(layer: LayerConfig, x: Shape) -> Derivation:
    """Categories to bins by a hash. No weights: a hash is a function.

    Output:   int: as the input; one_hot: a last axis of bins is added (in place of one of 1);
              multi_hot, count: axis 1 becomes a last axis of bins.
    Example:  num_bins=4: 10×1 categories give 10×4 one-hot.
    Limits:   Keras's symbolic shape leaves the bins of one_hot out on an axis other than 1.
    Source:   Keras hashing.py, utils/numerical_utils.py (encode_categorical_inputs).
    """
    mode = layer.choice("output_mode", "int", "one_hot", *_BAGS)
    return Derivation(output_shape=_encoded(x, mode, layer.integer("num_bins")), macs=0)


@rule("HashedCrossing", several_inputs=True)
def hashed_crossing(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Pairs of categories to bins by a hash. No weights: a hash is a function.

    Output:   int: as either input; one_hot: with a last axis of bins.
    Example:  num_bins=4: two inputs of one category give 4.
    Source:   Keras hashed_crossing.py.
    """
    mode = layer.choice("output_mode", "int", "one_hot")
    bins = layer.integer("num_bins")
    if len(x) != 2 or x[0][-1] != x[1][-1]:
        layer.shape_error("two inputs of equal shapes", list(x))
    return Derivation(output_shape=_encoded(x[0], mode, bins), macs=0)


@rule("CategoryEncoding")
def category_encoding(layer: LayerConfig, x: Shape) -> Derivation:
    """Integers to one-hot vectors or bags. No weights: nothing is learnt.

    Output:   one_hot: a last axis of num_tokens is added (in place of one of 1); multi_hot,
              count: axis 1 becomes a last axis of num_tokens.
    Example:  num_tokens=4: 3 categories give a bag of 4.
    Source:   Keras category_encoding.py, utils/numerical_utils.py (encode_categorical_inputs).
    """
    mode = layer.choice("output_mode", "multi_hot", "binary", "one_hot", "count")
    return Derivation(output_shape=_encoded(x, mode, layer.integer("num_tokens")), macs=0)


@rule("StringLookup", "IntegerLookup")
def index_lookup(layer: LayerConfig, x: Shape) -> Derivation:
    """Tokens to their index in a vocabulary, or back. No weights: the vocabulary is an asset.

    Output:   int: as the input; one_hot: a last axis of tokens is added (in place of one of 1);
              multi_hot, count, tf_idf: axis 1 becomes a last axis of tokens.
    Example:  a vocabulary of 3 and one index for others: 10×1 tokens give 10×4 one-hot.
    Limits:   the number of tokens is unknown before the vocabulary is (`vocabulary_size`), unless
              the output is padded to `max_tokens`.
    Source:   Keras index_lookup.py, utils/numerical_utils.py (encode_categorical_inputs).
    """
    return Derivation(output_shape=_encoded(x, _lookup_mode(layer), _tokens(layer, 1)), macs=0)


@rule("TextVectorization")
def text_vectorization(layer: LayerConfig, x: Shape) -> Derivation:
    """Text to the indices of its tokens, or a bag of them. No weights: an asset has the words.

    Output:   int: output_sequence_length indices a text (unknown where it is not set);
              multi_hot, count, tf_idf: a last axis of tokens.
    Example:  output_sequence_length=7: a text gives 7.
    Limits:   a text a row, or a list of one, unless split is None. The number of tokens is unknown
              before the vocabulary is; Keras's symbolic shape of a bag keeps an axis of 1 that the
              layer squeezes.
    Source:   Keras text_vectorization.py.
    """
    words = x
    if layer.config.get("split", "whitespace") is not None:
        if len(x) > 1 and (len(x) > 2 or x[1] not in (1, None)):
            layer.shape_error("a text a row, or a list of one text", x)
        # One text a row: its axis of 1 is squeezed before the text is split.
        words = (*(x[:-1] if len(x) > 1 else x), None)
    if layer.get("output_sequence_length") is not None:
        words = (*words[:-1], layer.integer("output_sequence_length"))
    # Before adapt() Keras writes the size of a vocabulary of nothing but the unknown token.
    tokens, mode = _tokens(layer, 2), _lookup_mode(layer)
    if mode == "one_hot" and words is not x:  # words of a text, which are an axis however many
        return Derivation(output_shape=(*words, tokens), macs=0)
    return Derivation(output_shape=_encoded(words, mode, tokens), macs=0)


def _lookup_mode(layer: LayerConfig) -> str:
    modes = ("one_hot", *_BAGS, "binary", "tf_idf", "tf-idf")
    return layer.choice("output_mode", "int", *modes)


def _tokens(layer: LayerConfig, fewest: int) -> Extent:
    """How many tokens the encoded output tells apart; `None` before the vocabulary is known."""
    if layer.boolean("pad_to_max_tokens", False):
        return layer.integer("max_tokens", minimum=2)
    if layer.get("vocabulary_size") is None:
        return None
    size = layer.integer("vocabulary_size", minimum=0)
    return size if size >= fewest else None


def _encoded(x: Shape, mode: str, depth: Extent) -> Shape | None:
    """The shape of indices `x` encoded over `depth`, as `encode_categorical_inputs` computes it."""
    if mode == "int":
        return x
    if mode == "one_hot":
        if len(x) > 1 and x[-1] is None:
            return None  # an axis that turns out to be 1 is dropped: the rank itself is unknown
        return (*(x[:-1] if len(x) > 1 and x[-1] == 1 else x), depth)
    return (x[0], *x[2:], depth) if len(x) > 1 else (depth,)
