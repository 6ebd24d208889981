"""Two bidirectional LSTMs that tell good film reviews from bad ones, counted gate by gate.

Source: F. Chollet, "Bidirectional LSTM on IMDB", keras.io/examples/nlp/bidirectional_lstm_imdb,
2020. The page prints the counts of the layers and of the whole; the workings are ours.

A gate weighs the 128 features of a word and the 64 outputs of the word before, and adds a bias:
128 × 64 + 64 × 64 + 64 parameters. An LSTM has four gates (input, forget, candidate, output), which
Keras packs side by side into one kernel of shape (128, 4 · 64) and one recurrent kernel of shape
(64, 4 · 64); read in both directions there are two LSTMs.

The number of words is left open, as on the page, so the multiplications are not known: an LSTM does
4 · (128 · 64 + 64 · 64) = 49,152 for each word.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAGE = "keras.io/examples/nlp/bidirectional_lstm_imdb, model.summary()"


def _in_both_directions(layer: str) -> Claim:
    """A gate of an LSTM, its four gates, its two directions."""
    return Claim(
        layer,
        "128 × 64 + 64 × 64 + 64 = 12,352",
        "4 × 12,352 = 49,408",
        "2 × 49,408 = 98,816",
        source=f"{PAGE}; worked out here: one gate, four gates, two directions",
    )


@builder(
    source=PAGE,
    claims=[
        Claim("embedding", "20,000 × 128 = 2,560,000", source=f"{PAGE}; worked out here"),
        _in_both_directions("bidirectional"),
        _in_both_directions("bidirectional_1"),
        Claim("bidirectional_1", "128", quantity="output_shape"),
        Claim("dense", "128 × 1 + 1 = 129", source=f"{PAGE}; worked out here"),
        Claim("total", "2,560,000 + 98,816 + 98,816 + 129 = 2,757,761"),
        Claim("total", "2,757,761", quantity="trainable_params"),
    ],
)
def bidirectional_lstm_imdb() -> keras.Model:
    """Two bidirectional LSTMs of 64 units on a table of 20,000 words, for film reviews."""
    inputs = keras.Input((None,), dtype="int32", name="input_layer")
    x = layers.Embedding(20_000, 128, name="embedding")(inputs)
    x = layers.Bidirectional(
        layers.LSTM(64, return_sequences=True, name="lstm"), name="bidirectional"
    )(x)
    x = layers.Bidirectional(layers.LSTM(64, name="lstm_1"), name="bidirectional_1")(x)
    outputs = layers.Dense(1, activation="sigmoid", name="dense")(x)
    return keras.Model(inputs, outputs, name="bidirectional_lstm_imdb")
