"""The notes' model at 8×8: all 25 gradients, against the tape and the loss written out by hand."""

from __future__ import annotations

import numpy as np

import kerasaudit as ka
from kerasaudit.backprop.network import backprop
from models.cnn_backpropagation import cnn_backpropagation
from tests.backprop.tape import on_tape, scatter_weights

INPUTS = 200


def convolved(x, kernel, bias):
    """A 3×3 convolution with a ring of zeros, as the notes write it: nine shifted products."""
    size = x.shape[0]
    ringed = np.zeros((size + 2, size + 2))
    ringed[1:-1, 1:-1] = x
    shifts = [kernel[i, j] * ringed[i : i + size, j : j + size] for i in range(3) for j in range(3)]
    return sum(shifts) + bias


def pooled(x):
    return np.maximum(
        np.maximum(x[::2, ::2], x[::2, 1::2]), np.maximum(x[1::2, ::2], x[1::2, 1::2])
    )


def loss_by_hand(weights, x, y):
    """The binary cross-entropy of the notes' model, for one image."""
    first, b1, second, b2, dense, b3 = weights
    p1 = pooled(convolved(x, first[..., 0, 0], b1[0]))
    p2 = pooled(convolved(p1, second[..., 0, 0], b2[0]))
    o = p2.reshape(-1) @ dense[:, 0] + b3[0]
    return np.logaddexp(0.0, o) - y * o


def slope_by_hand(weights, x, y, number, place):
    """∂L/∂w by a central difference, at a step that meets no other winner of a maximum."""
    found = []
    for step in (1e-5, 1e-6, 1e-7):
        moved = []
        for sign in (1, -1):
            changed = [w.copy() for w in weights]
            changed[number].flat[place] += sign * step
            moved.append(loss_by_hand(changed, x, y))
        found.append((moved[0] - moved[1]) / (2 * step))
    return found


def test_every_gradient_is_the_tapes_and_the_losss(keras):
    rng = np.random.default_rng(0)
    model = cnn_backpropagation()
    model.compile(loss="binary_crossentropy")
    worst = 0.0
    for _ in range(INPUTS):
        scatter_weights(model, rng)
        x, y = rng.normal(size=(1, 8, 8, 1)).astype("float32"), rng.integers(0, 2, (1, 1))
        derived = backprop(model, x, y)
        loss, taped = on_tape(model, x, y)
        assert abs(derived.loss - loss) < 1e-5 * max(1.0, loss)
        assert sum(g.size for g in derived.gradients.values()) == 9 + 1 + 9 + 1 + 4 + 1 == 25
        largest = max(np.abs(g).max() for g in taped.values())
        for path, g in taped.items():
            worst = max(worst, np.abs(derived.gradients[path] - g).max() / largest)
        weights = [np.asarray(w, np.float64) for w in model.get_weights()]
        for number, variable in enumerate(model.trainable_variables):
            for place in range(weights[number].size):
                ours = derived.gradients[variable.path].flat[place]
                slopes = slope_by_hand(
                    weights, x[0, ..., 0].astype(np.float64), y[0, 0], number, place
                )
                assert min(abs(ours - one) for one in slopes) < 1e-6 * max(1.0, largest)
    assert worst < 1e-5  # float32 has 24 bits: 6e-8, times the additions that a sum takes


def test_a_weight_is_found_by_its_layer_too(keras):
    model = cnn_backpropagation()
    found = ka.backprop(model, np.ones((1, 8, 8, 1)), np.ones((1, 1)), loss="bce")
    path = model.get_layer("conv2d").kernel.path
    assert found.gradients["conv2d/kernel"] is found.gradients[path]
    assert set(found.gradients) == {v.path for v in model.trainable_variables}
