"""The LSTM of the Keras documentation: gate by gate, and one step of it against its equations."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from models.lstm import bidirectional_lstm_imdb


@pytest.fixture(scope="module")
def audit():
    return ka.audit(bidirectional_lstm_imdb)


def test_the_counts(audit):
    gate = 128 * 64 + 64 * 64 + 64
    assert {row.path: row.derived for row in audit.layers if row.derived} == {
        "embedding": 20_000 * 128,
        "bidirectional": 2 * 4 * gate,
        "bidirectional_1": 2 * 4 * gate,
        "dense": 128 + 1,
    }
    assert audit.totals.derived == 2_560_000 + 98_816 + 98_816 + 129 == 2_757_761


def test_every_weight_of_an_lstm_shows_its_gates(audit):
    rows = [w for row in audit.layers for w in row.weights if "lstm" in w.name]
    assert len(rows) == 2 * 2 * 3
    for row in rows:
        (gate,) = [axis for axis in row.axes if axis.symbol == "gate"]
        assert (gate.labels, gate.unit) == (("i", "f", "c", "o"), True)


def test_multiplications_are_unknown_for_a_review_of_unknown_length(audit):
    assert audit.totals.macs is None
    # With 200 words, as the page pads them: four gates, two directions, two layers, and the dense.
    known = ka.audit(bidirectional_lstm_imdb, (None, 200))
    assert known.totals.macs == 2 * 2 * 200 * 4 * (128 * 64 + 64 * 64) + 128 == 39_321_728


def test_the_gates_are_where_their_labels_say():
    model = bidirectional_lstm_imdb()
    lstm = model.get_layer("bidirectional").forward_layer
    word = np.random.default_rng(0).normal(size=(1, 1, 128)).astype("float32")
    kernel, _, bias = (np.asarray(weight) for weight in lstm.weights)
    i, _, c, o = np.split(word[:, 0] @ kernel + bias, 4, axis=-1)  # the first step: no last output

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    by_hand = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(c))
    np.testing.assert_allclose(np.asarray(lstm(word))[:, 0], by_hand, rtol=1e-4, atol=1e-6)
