"""Hooks on a user's objects: attributes set on one instance, and put back as they were."""

from __future__ import annotations

from typing import Any

__all__ = ["Hooks", "inner_optimizer", "loss_scale_of", "optimizers_of"]

_MISSING = object()


class Hooks:
    """Instance attributes that shadow methods, and a way back.

    They are put into the instance's `__dict__` and nowhere else, past whatever tracking the class
    does, so that nothing of them is saved with a model and none is left when they are removed.
    """

    def __init__(self) -> None:
        self._set: list[tuple[Any, str, Any, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Shadow `owner.name` by `value`."""
        before = vars(owner).get(name, _MISSING)
        vars(owner)[name] = value
        self._set.append((owner, name, value, before))

    def remove(self) -> None:
        """Put everything back, the last one first."""
        while self._set:
            owner, name, value, before = self._set.pop()
            if vars(owner).get(name) is not value:
                continue  # somebody else has set it since: it is theirs
            if before is _MISSING:
                del vars(owner)[name]
            else:
                vars(owner)[name] = before


def optimizers_of(model: Any) -> dict[str, Any]:
    """The optimizers that a model holds, by the names of its attributes; each once.

    A model with a training step of its own may hold several (`d_optimizer`, `g_optimizer`), also
    in lists and dicts. What is inside another optimizer is that one's own.
    """
    import keras

    found: dict[str, Any] = {}
    seen: set[int] = set()
    for attribute, value in vars(model).items():
        for label, item in _items(attribute, value):
            if isinstance(item, keras.optimizers.Optimizer) and id(item) not in seen:
                seen.add(id(item))
                found[label.lstrip("_")] = item
    return found


def _items(name: str, value: Any) -> list[tuple[str, Any]]:
    if name.startswith("_"):  # Keras's and TensorFlow's own lists and dicts hold them as well
        return [(name, value)]
    if isinstance(value, (list, tuple)):
        return [(f"{name}[{number}]", item) for number, item in enumerate(value)]
    if isinstance(value, dict):
        return [(f"{name}[{key!r}]", item) for key, item in value.items()]
    return [(name, value)]


def inner_optimizer(optimizer: Any) -> Any:
    """The optimizer that makes the update: the one inside a `LossScaleOptimizer`, or itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def loss_scale_of(optimizer: Any) -> Any | None:
    """What the gradients are multiplied by when the optimizer is given them; `None` for nothing.

    A variable, a number or `None`. It must be read before the optimizer is called: a loss scale is
    changed by the very step that it was used in.
    """
    if hasattr(optimizer, "dynamic_growth_steps"):
        return optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor
