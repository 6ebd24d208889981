"""The state of random generators: what a layer holds, and Keras counts nowhere.

A `SeedGenerator` keeps two integers, the seed and a counter, in a variable that is in a layer's
`variables`, but in neither its `weights` nor `count_params()`. Their dtype is the backend's:
int64 under TensorFlow, uint32 under JAX and NumPy, int32 under Torch and OpenVINO. A config does
not know its backend, so it is called "seed" here.

Source: Keras random/seed_generator.py; `random_seed_dtype` in backend/*/core.py.
"""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.weight import Axis, Weight

__all__ = ["SEED_DTYPES", "drawing_state", "seed_state"]

SEED_DTYPES = {
    "tensorflow": "int64",
    "jax": "uint32",
    "numpy": "uint32",
    "torch": "int32",
    "openvino": "int32",
}


def seed_state(generator: str = "seed_generator") -> Weight:
    """The state of a layer's random generator, named as Keras names it without its number.

    (Keras numbers the generators of a process, "seed_generator_3": no config tells the number.)

    >>> state = seed_state()
    >>> state.name, state.shape, state.trainable
    ('seed_generator/seed_generator_state', (2,), False)
    """
    axis = Axis("2", 2, ("seed", "counter"))
    return Weight(f"{generator}/seed_generator_state", axis, trainable=False, dtype="seed")


def drawing_state(layer: LayerConfig, key: str) -> tuple[Weight, ...]:
    """The generator of a layer that draws at a rate, and makes none where the rate is 0.

    >>> layer = LayerConfig({"class_name": "Attention", "config": {"dropout": 0.1}})
    >>> len(drawing_state(layer, "dropout")), drawing_state(layer, "seed")
    (1, ())
    """
    rate = layer.get(key, 0)
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        layer.fail(f"{key} must be a number between 0 and 1, received {rate!r:.80}")
    return (seed_state(),) if rate > 0 else ()
