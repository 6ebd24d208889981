"""The gradients that TensorFlow's own tape has: what the derived ones are compared with."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np


@contextmanager
def in_float64():
    """Keras with float64 for every layer and loss that is made inside."""
    import keras

    # The policy is made of floatx once, by whatever layer comes first in the process.
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def on_tape(model, x, y, sample_weight=None, *, training=False):
    """The loss of a compiled model, and its gradients by the paths of its weights."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        predicted = model(x, training=training)
        loss = model._compute_loss(
            x=x, y=y, y_pred=predicted, sample_weight=sample_weight, training=training
        )
    variables = model.trainable_variables
    found = tape.gradient(loss, [one.value for one in variables])
    dense = {
        one.path: np.zeros(one.shape) if g is None else np.asarray(tf.convert_to_tensor(g))
        for one, g in zip(variables, found, strict=True)
    }
    return float(loss), dense


def scatter_weights(model, rng, scale=0.5):
    """Give every weight random values, variances positive ones."""
    for variable in model.weights:
        drawn = rng.normal(size=variable.shape) * scale
        variable.assign(np.abs(drawn) + 0.5 if "variance" in variable.path else drawn)


def assert_equal(derived, taped, tolerance):
    """Every gradient equal, relative to the largest of its own weight and of all."""
    assert derived.keys() == taped.keys()
    largest = max((np.abs(g).max() for g in taped.values() if g.size), default=0.0)
    for path, g in taped.items():
        assert derived[path].shape == g.shape, path
        if g.size:
            scale = max(np.abs(g).max(), 1e-3 * largest, 1e-12)
            difference = np.abs(derived[path] - g).max() / scale
            assert difference < tolerance, f"{path}: {difference:.2e} of {scale:.2e}"
