"""What Keras's own layers say of themselves when they are given nothing but what they must have.

`python -m tests.reconciliation.keras_defaults` writes it where the package reads it.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

# What a class cannot do without, by the name of the argument.
_REQUIRED: dict[str, Any] = {
    **dict.fromkeys(("axes", "factor", "height_factor", "rate", "stddev", "width_factor"), 0.5),
    **dict.fromkeys(("cropping", "filters", "head_dim", "height", "hidden_dim", "input_dim"), 1),
    **dict.fromkeys(("kernel_size", "key_dim", "n", "num_bins", "num_heads", "num_tokens"), 1),
    **dict.fromkeys(("num_key_value_heads", "num_query_heads", "output_dim", "output_size"), 1),
    **dict.fromkeys(("max_number", "pool_size", "scale", "units", "width"), 1),
    **dict.fromkeys(("dims", "output_shape", "target_shape"), (1,)),
    "axes": 1,
    "equation": "ab,bc->ac",
}
# The same, where the signature does not say so.
_BESIDES: dict[str, dict[str, Any]] = {
    "CategoryEncoding": {"num_tokens": 1},
    "Discretization": {"num_bins": 1},
    "InputLayer": {"shape": (1,)},
    "RandomPosterization": {"factor": 3},
}
# What every layer has is known by itself.
_ELSEWHERE = ("name", "dtype", "trainable")
# A default of `None` stands for what is worked out of the other values; here it is one word.
_WORDS = ("activation", "data_format", "ragged", "sparse")


def defaults() -> dict[str, dict[str, Any]]:
    """The values of each class's config that it was not given, as JSON."""
    import keras
    from keras import saving

    found = {}
    for name, cls in sorted(inspect.getmembers(keras.layers, inspect.isclass)):
        parameters = dict(list(inspect.signature(cls.__init__).parameters.items())[1:])
        try:
            layer = cls(**_given(cls, parameters))
            config = saving.serialize_keras_object(layer.get_config())
        except Exception as error:  # noqa: BLE001 - abstract, or it wraps what another library made
            print(f"{name}: left out, {type(error).__name__}: {error}")
            continue
        values = {key: config[key] for key in config if _is_default(key, parameters)}
        values = {key: value for key, value in values.items() if value is not None}
        if name == cls.__name__ and values:
            found[name] = json.loads(json.dumps(values, sort_keys=True))
    return found


def _given(cls: type, parameters: dict[str, inspect.Parameter]) -> dict[str, Any]:
    import keras

    held = {
        "layer": lambda: (
            keras.layers.LSTM if cls.__name__ == "Bidirectional" else keras.layers.Dense
        )(1),
        "cell": lambda: keras.layers.LSTMCell(1),
    }
    given = dict(_BESIDES.get(cls.__name__, {}))
    for name, parameter in parameters.items():
        if parameter.default is not parameter.empty or name in given:
            continue
        if name in held:
            given[name] = held[name]()
        elif name in _REQUIRED:
            given[name] = _REQUIRED[name]
    return given


def _is_default(key: str, parameters: dict[str, inspect.Parameter]) -> bool:
    parameter = parameters.get(key)
    if parameter is None or key in _ELSEWHERE or parameter.default is parameter.empty:
        return False
    return parameter.default is not None or key in _WORDS


def write() -> None:
    import kerasaudit

    path = Path(kerasaudit.__file__).parent / "reconciliation" / "keras_defaults.json"
    lines = (f" {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in defaults().items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
