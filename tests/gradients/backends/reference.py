"""The independent computation: a training loop written by hand, its gradients cut up in NumPy.

Nothing here knows of `kerasaudit`: the gradients come from the backend's own differentiation, the
optimizer is applied by itself, and the axis of each weight's kernels is written down by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

BACKEND = keras.backend.backend()


@dataclass
class Step:
    """What one step of a training was, by the names of weights; gradients without loss scale."""

    gradients: dict[str, np.ndarray | None]
    clipped: dict[str, np.ndarray] | None
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    loss: float
    learning_rate: float
    scale: float
    status: str


# -- kernels, by hand ---------------------------------------------------------------------------


def named(model, prefix=""):
    """Every weight of a model by its name, with its layer's class."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= named(layer, f"{prefix}{layer.name}/")
            continue
        for variable in layer.weights:
            found[f"{prefix}{layer.name}/{variable.name}"] = (type(layer).__name__, variable)
    return found


def kernels(class_name: str, name: str, array: np.ndarray) -> np.ndarray:
    """A weight cut into its kernels: (kernels, elements of each)."""
    if array.ndim == 1:
        return array.reshape(-1, 1)  # a bias, a scale: a number for each unit
    if class_name == "DepthwiseConv2D":
        height, width, channels, multiplier = array.shape
        return array.reshape(height * width, channels * multiplier).T
    if class_name == "Conv2D":
        return array.transpose(3, 0, 1, 2).reshape(array.shape[3], -1)
    if class_name == "Embedding":
        return array
    assert class_name == "Dense", class_name
    return array.T


def figures(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Every statistic of the gradient's kernels."""
    with np.errstate(all="ignore"):
        return {
            "l2": np.linalg.norm(rows, axis=1),
            "max_abs": np.abs(rows).max(axis=1),
            "mean": rows.mean(axis=1),
            "std": rows.std(axis=1),
            "min": rows.min(axis=1),
            "max": rows.max(axis=1),
            "mean_abs": np.abs(rows).mean(axis=1),
            "zero_fraction": (rows == 0).mean(axis=1),
        }


# -- chance -------------------------------------------------------------------------------------


def seed(number):
    """Seed what a step draws from beside the model's own generators: only PyTorch has it."""
    if BACKEND == "torch":
        import torch

        torch.manual_seed(number)


def next_draw():
    """With which number that was last seeded, if nothing has been drawn from it since."""
    if BACKEND != "torch":
        return 0
    import torch

    state = torch.get_rng_state()
    found = torch.initial_seed()
    fresh = torch.Generator().manual_seed(found).get_state()
    return found if torch.equal(state, fresh) else None


# -- the loop -----------------------------------------------------------------------------------


def replay(model, batches, loss, factor=1.0) -> list[Step]:
    """Train a model on batches by a plain loop."""
    differentiate = {"jax": _Jax, "torch": _Torch, "tensorflow": _TensorFlow}[BACKEND](model, loss)
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    names = {id(variable): name for name, (_, variable) in named(model).items()}
    accumulated: list[dict[str, np.ndarray]] = []
    steps = []
    for number, (x, y, weight) in enumerate(batches):
        seed(number)
        scale = _scale(optimizer)
        before = _values(model)
        rate = float(keras.ops.convert_to_numpy(inner.learning_rate))
        value, grads = differentiate.gradients(x, y, weight, scale)
        if factor != 1:
            grads = [factor * gradient for gradient in grads]
        arrays = {
            names[id(variable)]: None if gradient is None else differentiate.array(gradient) / scale
            for variable, gradient in zip(model.trainable_variables, grads, strict=True)
        }
        finite = all(np.isfinite(a).all() for a in arrays.values() if a is not None)
        status = "overflow" if inner is not optimizer and not finite else "ok"
        clipped = None
        if status == "ok":
            accumulated.append({name: a for name, a in arrays.items() if a is not None})
            if len(accumulated) < (inner.gradient_accumulation_steps or 1):
                status = "accumulated"
            else:
                mean = {n: np.mean([a[n] for a in accumulated], axis=0) for n in accumulated[0]}
                clipped, accumulated = _clipped(inner, mean), []
        differentiate.apply(optimizer, grads)
        steps.append(
            Step(arrays, clipped, before, _values(model), float(value), rate, scale, status)
        )
    return steps


def _scale(optimizer) -> float:
    if hasattr(optimizer, "dynamic_scale"):
        return float(keras.ops.convert_to_numpy(optimizer.dynamic_scale))
    return float(optimizer.loss_scale_factor or 1.0)


def _values(model) -> dict[str, np.ndarray]:
    return {
        name: np.array(keras.ops.convert_to_numpy(variable.value), "float64")
        for name, (_, variable) in named(model).items()
    }


def _clipped(optimizer, gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Clipping as its textbook formulas have it."""
    if optimizer.clipnorm:
        most = optimizer.clipnorm
        return {n: g * min(1.0, most / np.sqrt((g**2).sum())) for n, g in gradients.items()}
    if optimizer.global_clipnorm:
        most = optimizer.global_clipnorm
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        return {n: g * min(1.0, most / norm) for n, g in gradients.items()}
    if optimizer.clipvalue:
        most = optimizer.clipvalue
        return {n: np.clip(g, -most, most) for n, g in gradients.items()}
    return gradients


class _Jax:
    def __init__(self, model, loss):
        import jax

        self.model = model

        def gradients(weights, others, x, y, sample_weight, scale):
            def total(weights):
                predicted, updated, added = model.stateless_call(
                    weights, others, x, training=True, return_losses=True
                )
                value = loss(y, predicted, sample_weight) + sum(added)
                return value * scale, (value, updated)

            (_, (value, updated)), grads = jax.value_and_grad(total, has_aux=True)(weights)
            return value, updated, grads

        self.jitted = jax.jit(gradients)

    def gradients(self, x, y, sample_weight, scale):
        model = self.model
        weights = [variable.value for variable in model.trainable_variables]
        others = [variable.value for variable in model.non_trainable_variables]
        scale = np.float32(scale)
        value, updated, grads = self.jitted(weights, others, x, y, sample_weight, scale)
        for variable, new in zip(model.non_trainable_variables, updated, strict=True):
            variable.assign(new)
        return value, grads

    def array(self, gradient):
        return np.asarray(gradient, "float64")

    def apply(self, optimizer, grads):
        variables = self.model.trainable_variables
        weights, state = optimizer.stateless_apply(
            [variable.value for variable in optimizer.variables],
            grads,
            [variable.value for variable in variables],
        )
        for variable, new in zip(variables, weights, strict=True):
            variable.assign(new)
        for variable, new in zip(optimizer.variables, state, strict=True):
            variable.assign(new)


class _Torch:
    def __init__(self, model, loss):
        self.model, self.loss = model, loss

    def gradients(self, x, y, sample_weight, scale):
        import torch

        predicted = self.model(x, training=True)
        y = keras.ops.convert_to_tensor(y)
        value = self.loss(y, predicted, sample_weight) + sum(self.model.losses)
        weights = [variable.value for variable in self.model.trainable_variables]
        return value.detach(), torch.autograd.grad(value * scale, weights, allow_unused=True)

    def array(self, gradient):
        return gradient.numpy().astype("float64")

    def apply(self, optimizer, grads):
        import torch

        with torch.no_grad():
            optimizer.apply(list(grads), self.model.trainable_variables)


class _TensorFlow:
    def __init__(self, model, loss):
        self.model, self.loss = model, loss

    def gradients(self, x, y, sample_weight, scale):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            predicted = self.model(x, training=True)
            value = self.loss(y, predicted, sample_weight) + sum(self.model.losses)
            scaled = value * scale
        return value, tape.gradient(scaled, self.model.trainable_variables)

    def array(self, gradient):
        import tensorflow as tf

        return tf.convert_to_tensor(gradient).numpy().astype("float64")

    def apply(self, optimizer, grads):
        optimizer.apply(list(grads), self.model.trainable_variables)
