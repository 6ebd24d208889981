"""Recording on each backend of Keras: the same plan, the same blocks, other machinery."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import BackendMissingError

if TYPE_CHECKING:
    from kerasaudit.gradients.backends.recording import Recording
    from kerasaudit.gradients.plan import Plan

__all__ = ["backend_module", "record"]

_BACKENDS = ("tensorflow", "jax", "torch")


def backend_module() -> Any:
    """The module for the backend that Keras runs on.

    Raises:
        BackendMissingError: gradients cannot be recorded on it.
    """
    import keras

    name = keras.backend.backend()
    if name not in _BACKENDS:
        raise BackendMissingError(
            f"gradients are recorded on the backends {', '.join(_BACKENDS)}, but Keras runs on "
            f"{name!r}; KERAS_BACKEND picks another"
        )
    return importlib.import_module(f"{__name__}.{name}")


def record(model: Any, plan: Plan) -> Recording:
    """A recording of a model on the backend that Keras runs on; `install` starts it."""
    recording: Recording = backend_module().TrainingRecording(model, plan)
    return recording
