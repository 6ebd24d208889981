"""Which module and name, as a config gives them, is one of Keras's own that models are made of.

Names are compared part by part: "kerasx.layers" is not a module of Keras, and neither is
"keras.layers.evil".
"""

from __future__ import annotations

import functools

from kerasaudit.observation.hazards import keras_api

__all__ = [
    "ADD_ONS",
    "known_class",
    "known_function",
    "known_name",
    "known_registration",
    "no_part_of_models",
]

# Packages that Keras imports by itself when a file names them.
ADD_ONS = ("keras_hub", "keras_cv", "keras_nlp")

_CUSTOM = "Custom>"
_PREFIXES = (
    ("tf_keras", "src"),
    ("keras", "src"),
    ("tensorflow", "python", "keras"),
    ("tf_keras",),
    ("keras",),
)


def known_class(module: str, name: str) -> bool:
    """Whether Keras or tf-keras writes this class under this module."""
    return (
        name in keras_api.CLASSES.get(module, ())
        or name in keras_api.TF_KERAS_CLASSES.get(module, ())
        or name in keras_api.TF_KERAS_SOURCES.get(_below(module), ())
    )


def known_function(module: str, name: str) -> bool:
    """Whether it is a function that computes: an activation, a loss, an operation."""
    return not no_part_of_models(module, name) and (
        name in keras_api.FUNCTIONS.get(module, ())
        or name in keras_api.TF_KERAS_FUNCTIONS.get(module, ())
    )


def known_name(name: str) -> bool:
    """Whether a class that is named without a module, as Keras 2 does, is one of Keras's own.

    tf-keras registers some of its own as a user's are: "Custom>Adam".
    """
    return name.removeprefix(_CUSTOM) in _every_name()


def known_registration(module: object, name: str, registered: object) -> bool:
    """Whether a class of Keras may bear this registered name, which is looked up before it."""
    if not isinstance(registered, str) or registered in {name, ""}:
        return True
    of_tf_keras = isinstance(module, str) and name in keras_api.TF_KERAS_SOURCES.get(
        _below(module), ()
    )
    return of_tf_keras and registered == f"{_CUSTOM}{name}"


def no_part_of_models(module: str, name: str) -> bool:
    """Whether Keras itself refuses to take it from a config."""
    return f"{module}.{name}" in keras_api.NO_PART_OF_MODELS


@functools.cache
def _every_name() -> frozenset[str]:
    tables = (keras_api.CLASSES, keras_api.TF_KERAS_CLASSES, keras_api.TF_KERAS_SOURCES)
    return frozenset().union(*(names for table in tables for names in table.values()))


def _below(module: str) -> str:
    parts = tuple(module.split("."))
    for prefix in _PREFIXES:
        if parts[: len(prefix)] == prefix:
            return ".".join(parts[len(prefix) :])
    return ""
