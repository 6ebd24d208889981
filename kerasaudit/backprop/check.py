"""Gradients reconciled, derived, taped and by finite differences: `kerasaudit.check_gradients`.

The tape's gradient is compared with the derived one element by element. Finite differences, along a
few directions and elements of each weight, say which is right where they differ, and whether both
are where they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from kerasaudit.backprop.check_compare import Compared, compare
from kerasaudit.backprop.check_kinds import finding
from kerasaudit.backprop.check_result import GradientCheck
from kerasaudit.backprop.check_sides import Sides, take_sides
from kerasaudit.backprop.taped import wrapped
from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.finding import Finding
from kerasaudit.gradients.batch import check_loss

__all__ = ["check_gradients"]


def check_gradients(
    target: Any,
    x: Any,
    y: Any = None,
    loss: Any = None,
    sample_weight: Any = None,
    *,
    training: bool = False,
    probes: int = 3,
    seed: int = 0,
) -> GradientCheck:
    """Check every gradient of a model, or of a single layer, against the chain rule and the loss.

    Three independent figures are compared: the gradient of the backend's tape, the one derived
    from the config (`kerasaudit.backprop`), and central finite differences of the loss, taken in
    float64 on a copy of the model. Where nothing is derived of a layer, the other two are. The
    weights are left as they are; a layer is built if it is not yet.

    Args:
        target: a built Sequential or Functional Keras model, or a single layer.
        x: input, as `fit` takes it; of a layer, what it is called with.
        y: targets, as `fit` takes them. Of a layer `None`: random ones, drawn by `seed`.
        loss: a loss; `None`: the one that the model was compiled with (of a layer "mse").
        sample_weight: a weight for each example.
        training: batch normalisation takes the batch's own statistics. What draws at random is
            then refused.
        probes: how many kernels and elements of each weight are probed by finite differences.
        seed: of the directions and elements that are drawn.

    Raises:
        ConfigError: no loss is known, or no targets are.
        TargetError: the target cannot be run on this batch, is not built, or its loss there is
            no finite figure.
        UnsupportedError: it draws at random, so that no two passes are alike.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="tanh")])
    >>> found = check_gradients(model, np.ones((4, 2)), np.zeros((4, 3)), loss="mse")
    >>> found.ok, found.differences, found.to_frame()["status"].tolist()
    (True, 'model', ['ok', 'ok'])
    """
    import keras

    rng = np.random.default_rng(seed)
    if isinstance(target, keras.Model):
        model, make = target, None
        if not target.built:
            raise TargetError(
                f"model {target.name!r}: expected a built model, received one that is not"
            )
        if y is None or (loss is None and not target.compiled):
            missing = "targets y" if y is None else "a loss"
            raise ConfigError(
                f"model {target.name!r}: expected {missing} to check its gradients, received none"
            )
    elif isinstance(target, keras.layers.Layer):
        x = keras.tree.map_structure(np.asarray, x)
        model, outputs = _model_of(target, x, training=training)
        if y is None:
            made = [one + rng.normal(size=one.shape) for one in outputs]
            y = made if len(made) > 1 else made[0]
        loss, make = loss or "mse", _copying(target, x)
    else:
        raise TargetError(f"expected a Keras model or layer, received {type(target).__name__}")
    check_loss(loss)
    if probes < 0:
        raise ConfigError(f"probes: expected 0 or more, received {probes}")
    sides = take_sides(
        model, x, y, loss, sample_weight, training=training, make=make, name=target.name
    )
    compared = [compare(slot, sides.tolerance, probes, rng) for slot in sides.slots]
    return GradientCheck(
        name=target.name,
        weights=tuple(one.weight for one in compared),
        kernels=tuple(row for one in compared for row in one.kernels),
        probes=tuple(row for one in compared for row in one.probes),
        findings=(*sides.forward, *_findings(compared, sides)),
        loss=sides.tape.loss,
        differences=sides.differences,
        reason=sides.reason,
    )


def _model_of(layer: Any, x: Any, *, training: bool) -> tuple[Any, list[Any]]:
    """The layer as a model of its own, and what it puts out."""
    import keras

    try:
        model = wrapped(layer, x)
        has_mode = model._call_has_training_arg  # noqa: SLF001 - Keras gives it no public name
        outputs = model(x, training=training) if has_mode else model(x)
        flat = [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(outputs)]
    except Exception as error:  # users' layers raise anything
        shapes = [one.shape for one in keras.tree.flatten(x)]
        raise TargetError(
            f"layer {layer.name!r}: cannot be called on inputs of {shapes}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return model, flat


def _copying(layer: Any, x: Any) -> Callable[[], Any]:
    return lambda: wrapped(layer, x, float64=True)


def _findings(compared: list[Compared], sides: Sides) -> Iterator[Finding]:
    """The findings in order; the last layer that is wrong is where the fault begins."""
    wrong = [i for i, one in enumerate(compared) if one.finding is not None]
    for i, one in enumerate(compared):
        if one.finding is not None:
            cause = None
            if i == wrong[-1] and one.weight.layer != "(input)":
                after = [c.weight.layer for c in compared[i + 1 :] if c.weight.layer != "(input)"]
                after = [layer for layer in after if layer != one.weight.layer]
                cause = (
                    f"the gradients of {after[0]!r} and what comes after it are right: look "
                    f"between {one.weight.layer!r} and there"
                    if after
                    else f"look at {one.weight.layer!r} and what comes after it"
                )
            yield replace(one.finding, cause=cause)
        elif one.weight.status == "unchecked":
            path = f"{one.weight.layer}/{one.weight.weight}"
            yield finding("KA432", path, sides.reason or "there is only the tape's gradient")
