"""What is said of the model and the software of a recording: no time, host or place."""

from __future__ import annotations

import sys
from typing import Any

from kerasaudit.gradients.hooks import inner_optimizer, optimizers_of
from kerasaudit.version import __version__

__all__ = ["about"]


def about(model: Any) -> dict[str, Any]:
    """The model, its optimizers, and the versions of kerasaudit, Keras and its backend."""
    import keras

    backend = keras.backend.backend()
    module = sys.modules.get(backend)
    return {
        "model": model.name,
        "class_name": type(model).__name__,
        "optimizers": {
            name: _described(optimizer) for name, optimizer in optimizers_of(model).items()
        },
        "jit_compile": bool(getattr(model, "jit_compile", False)),
        "steps_per_execution": int(getattr(model, "steps_per_execution", 1) or 1),
        "versions": {
            "kerasaudit": __version__,
            "keras": keras.__version__,
            "backend": f"{backend} {getattr(module, '__version__', '')}".strip(),
        },
    }


def _described(optimizer: Any) -> str:
    inner = inner_optimizer(optimizer)
    name = type(inner).__name__
    return name if inner is optimizer else f"{type(optimizer).__name__}({name})"
