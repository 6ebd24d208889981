"""One backward pass over a batch, with nothing of the model changed: `kerasaudit.gradients`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasaudit.errors import ConfigError, TargetError, one_line
from kerasaudit.gradients.backends import backend_module
from kerasaudit.gradients.batch import check_loss, check_model, make_batch
from kerasaudit.gradients.diagnosis import Diagnosis
from kerasaudit.gradients.plan import make_plan
from kerasaudit.gradients.run import Run
from kerasaudit.gradients.statistics import DEFAULT
from kerasaudit.gradients.store import MemoryStore
from kerasaudit.gradients.versions import about

__all__ = ["gradients"]

_NEEDS_A_STEP = ("update_l2", "update_ratio")


def gradients(
    model: Any,
    x: Any,
    y: Any,
    loss: Any = None,
    sample_weight: Any = None,
    *,
    layers: str | Sequence[str] | None = None,
    statistics: Sequence[str] = DEFAULT,
) -> Run:
    """The gradients of one backward pass, as a training step would have them next.

    The pass is made in training mode (dropout drops, batch normalisation takes the batch's own
    statistics) over the whole batch at once, with the regularisers' terms in the loss. Nothing of
    the model is changed: weights, statistics, seeds, metrics and optimizer are as before.

    Args:
        model: a built Keras model.
        x: input, as `fit` takes it: an array, or a list or dict of arrays, batch axis first.
        y: targets, likewise.
        loss: a loss, by name, as an object or function; `None`: the one it was compiled with.
        sample_weight: a weight for each example.
        layers: the paths of layers to record, or patterns of them; `None`: all.
        statistics: what to compute of each kernel.

    Returns:
        A run of one step: `.kernels` has a row for each kernel, `.elements` one for each element.

    Raises:
        TargetError: the model is not built, or cannot be run on this batch.
        ConfigError: no loss is known, or a statistic needs an update.

    A dense unit without bias, o = w·x, and the loss (o − t)²: ∂L/∂w = 2 (o − t) x.

    >>> import numpy as np, keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(
    ...     1, use_bias=False, kernel_initializer="ones", name="out")])
    >>> grads = gradients(model, np.array([[3.0, 4.0]]), np.array([[2.0]]), loss="mse")
    >>> grads.elements["gradient"].tolist()  # 2 · (7 − 2) · (3, 4)
    [30.0, 40.0]
    >>> grads.kernels[["kernel", "size", "l2", "max_abs"]].astype(float).values.tolist()
    [[0.0, 2.0, 50.0, 40.0]]
    """
    check_model(model)
    needing = sorted(set(statistics) & set(_NEEDS_A_STEP))
    if needing:
        raise ConfigError(
            f"statistics: {', '.join(needing)} needs an update, and one backward pass makes none; "
            "record a training with GradientRecorder"
        )
    if loss is None and not getattr(model, "compiled", False):
        raise ConfigError(
            f"model {model.name!r}: expected a loss, received none, and the model is not compiled "
            "with one"
        )
    check_loss(loss)
    plan = make_plan(model, layers=layers, statistics=statistics)
    every = tuple(range(len(plan.survey.variables)))
    plan = make_plan(
        model,
        layers=layers,
        statistics=statistics,
        elements=[plan.inventory.recorded[place].path for place in every],
    )
    batch = make_batch(x, y, sample_weight)
    try:
        block = backend_module().one_pass(model, plan, batch, loss)
    except Exception as error:  # backends and users' layers raise anything
        described = one_line(f"{type(error).__name__}: {error}")
        raise TargetError(
            f"model {model.name!r}: cannot be run on this batch: {described}"
        ) from error
    store = MemoryStore(limit=2**62)  # the arrays are here already: nothing is gained by thinning
    number = store.begin(plan.inventory, plan.statistics, about(model), every=1)
    store.append(block)
    store.end()
    diagnosis = Diagnosis(plan.inventory, plan.statistics, session=number)
    diagnosis.observe(block)
    diagnosis.end()
    return Run(model.name, store, diagnosis.findings, diagnosis.unavailable)
