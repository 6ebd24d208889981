"""The same check on JAX and PyTorch, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = """
import json
import keras, numpy as np
import kerasaudit as ka

layers, rng = keras.layers, np.random.default_rng(0)
model = keras.Sequential([
    keras.Input((8, 8, 1)), layers.Conv2D(2, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(), layers.BatchNormalization(), layers.Flatten(),
    layers.Dense(1, activation="sigmoid"),
])
x, y = rng.normal(size=(5, 8, 8, 1)), rng.integers(0, 2, (5, 1))
checks = [
    ka.check_gradients(model, x, y, "binary_crossentropy"),
    ka.check_gradients(model, x, y, "binary_crossentropy", training=True),
    ka.check_gradients(layers.GRU(3), rng.normal(size=(2, 3, 4))),
]
print(json.dumps([[one.ok, one.reason, len(one.weights), one.differences] for one in checks]))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_derived_gradients_are_those_of_other_backends(backend):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHECK],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # Neither has float64 throughout: finite differences are of the derived forward pass.
    assert found == [[True, None, n, "derivation"] for n in (6, 6, 4)]
