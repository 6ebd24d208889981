"""LeNet-5 trained on the digits: ten steps in NumPy beside ten of Keras, on the same batches."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.backprop.optimizers import Optimizer, initial_state
from kerasaudit.observation import live
from models.lenet5 import lenet5
from tests.backprop.tape import in_float64
from tests.gradients.digits import digits

STEPS, BATCH = 10, 32
LOSS = "sparse_categorical_crossentropy"


def built():
    """The model with the layer names of a new process: both have the same paths."""
    return live.build(lenet5, "lenet5", {})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
        ("Adam", {"learning_rate": 1e-3}),
    ],
)
def test_ten_steps_in_numpy_lead_where_ten_steps_of_keras_lead(keras, name, options):
    keras.utils.set_random_seed(0)
    theirs = built()
    optimizer = getattr(keras.optimizers, name)(**options)
    theirs.compile(optimizer, LOSS)
    with in_float64():  # it holds what NumPy works out, to the last digit
        ours = built()
    ours.set_weights(theirs.get_weights())
    derived = Optimizer(name, optimizer.get_config())
    weights = {one.path: np.asarray(one, "float64") for one in ours.trainable_variables}
    state = initial_state(derived, weights)
    images, classes = digits(32)
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        x, y = images[batch], classes[batch]
        losses.append((ka.backprop(ours, x, y, LOSS).loss, float(theirs.train_on_batch(x, y))))
        state = derived.step(state, ka.backprop(ours, x, y, LOSS).gradients)
        for variable in ours.trainable_variables:
            variable.assign(state.weights[variable.path])
    for variable in theirs.trainable_variables:
        found = state.weights[variable.path]
        np.testing.assert_allclose(found, np.asarray(variable), atol=1e-5, err_msg=variable.path)
    assert max(np.abs(found - weights[path]).max() for path, found in state.weights.items()) > 1e-3
    first = losses[0]
    assert first[0] == pytest.approx(first[1], rel=1e-5)
