"""The model on page 2 of the notes: 10 + 10 + 5 parameters at 8×8×1."""

from __future__ import annotations

import kerasaudit as ka
from models.cnn_backpropagation import cnn_backpropagation


def test_its_parameters():
    audit = ka.audit(cnn_backpropagation)
    held = {row.path: row.derived for row in audit.layers if row.derived}
    assert held == {
        "conv2d": 3 * 3 * 1 * 1 + 1,
        "conv2d_1": 3 * 3 * 1 * 1 + 1,
        "dense": 2 * 2 * 1 * 1 + 1,
    }
    assert audit.totals.derived == audit.totals.observed == audit.totals.reported == 10 + 10 + 5


def test_its_layers_are_those_of_the_notes_in_order():
    layers = cnn_backpropagation().layers
    names = [type(layer).__name__ for layer in layers]
    assert names == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense"]
    assert all(layers[i].padding == "same" for i in (0, 2))
    assert layers[-1].activation.__name__ == "sigmoid"
