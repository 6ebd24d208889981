"""Training steps of a user's own, as the guides of Keras write them for each backend."""

from __future__ import annotations

import keras


def own_step(backend):
    """A model class with a training step of its own: the gradients are multiplied."""
    return {"jax": _on_jax, "torch": _on_torch, "tensorflow": _on_tensorflow}[backend]()


def _on_jax():
    import jax

    class Own(keras.Model):
        def train_step(self, state, data):
            weights, others, optimizer, metrics = state
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, (_, _, others, metrics)), grads = grad(
                weights,
                others,
                metrics,
                x,
                y,
                sample_weight,
                training=True,
                optimizer_variables=optimizer,
            )
            grads = [self.factor * gradient for gradient in grads]
            if self.bypass:
                apply = type(self.optimizer).stateless_apply
                weights, optimizer = apply(self.optimizer, optimizer, grads, weights)
            else:
                weights, optimizer = self.optimizer.stateless_apply(optimizer, grads, weights)
            # The variables of the metrics are taken by their places, and none may be left over.
            tracker = self._loss_tracker
            assert len(metrics) == len(tracker.variables)
            metrics = tracker.stateless_update_state(metrics, loss)
            logs = {"loss": tracker.stateless_result(metrics)}
            return logs, (weights, others, optimizer, metrics)

    return Own


def _on_torch():
    import torch

    class Own(keras.Model):
        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            self.zero_grad()
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            loss.backward()
            weights = list(self.trainable_weights)
            grads = [self.factor * weight.value.grad for weight in weights]
            with torch.no_grad():
                if self.bypass:
                    type(self.optimizer).apply(self.optimizer, grads, weights)
                else:
                    self.optimizer.apply(grads, weights)
            self._loss_tracker.update_state(loss)
            return {"loss": self._loss_tracker.result()}

    return Own


def _on_tensorflow():
    import tensorflow as tf

    class Own(keras.Model):
        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            weights = self.trainable_variables
            grads = [self.factor * gradient for gradient in tape.gradient(loss, weights)]
            if self.bypass:
                type(self.optimizer).apply(self.optimizer, grads, weights)
            else:
                self.optimizer.apply_gradients(zip(grads, weights, strict=True))
            self._loss_tracker.update_state(loss)
            return {"loss": self._loss_tracker.result()}

    return Own


def pair_of_optimizers(backend):
    """A model whose two layers are each trained by an optimizer of its own."""
    return {"jax": _pair_on_jax, "torch": _pair_on_torch, "tensorflow": _pair_on_tensorflow}[
        backend
    ]()


class _Pair(keras.Model):
    def __init__(self, left, right):
        super().__init__()
        self.one = keras.layers.Dense(5, activation="tanh", name="one")
        self.two = keras.layers.Dense(3, name="two")
        self.left_optimizer, self.right_optimizer = left, right
        self(keras.ops.zeros((1, 4)))
        left.build(self.one.trainable_variables)
        right.build(self.two.trainable_variables)

    def call(self, x):
        return self.two(self.one(x))


def _pair_on_jax():
    import jax

    class Both:
        """What the trainer carries the state of, where a model has two optimizers."""

        built = True

        def __init__(self, *optimizers):
            self.optimizers = optimizers

        @property
        def variables(self):
            return [variable for one in self.optimizers for variable in one.variables]

        def scale_loss(self, loss):
            return loss

    class Pair(_Pair):
        def compile(self, **kwargs):
            super().compile(optimizer="sgd", **kwargs)
            self.optimizer = Both(self.left_optimizer, self.right_optimizer)

        def train_step(self, state, data):
            weights, others, optimizers, metrics = state
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, (_, _, others, metrics)), grads = grad(
                weights,
                others,
                metrics,
                x,
                y,
                sample_weight,
                training=True,
                optimizer_variables=optimizers,
            )
            n, k = len(self.left_optimizer.variables), 2
            left, ours = self.left_optimizer.stateless_apply(optimizers[:n], grads[:k], weights[:k])
            right, theirs = self.right_optimizer.stateless_apply(
                optimizers[n:], grads[k:], weights[k:]
            )
            return {"loss": loss}, ([*left, *right], others, [*ours, *theirs], metrics)

    return Pair


def _pair_on_torch():
    import torch

    class Pair(_Pair):
        def compile(self, **kwargs):
            super().compile(optimizer="sgd", **kwargs)

        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            self.zero_grad()
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            loss.backward()
            with torch.no_grad():
                for optimizer, layer in (
                    (self.left_optimizer, self.one),
                    (self.right_optimizer, self.two),
                ):
                    weights = layer.trainable_weights
                    optimizer.apply([weight.value.grad for weight in weights], weights)
            return {"loss": loss}

    return Pair


def _pair_on_tensorflow():
    import tensorflow as tf

    class Pair(_Pair):
        def compile(self, **kwargs):
            super().compile(optimizer="sgd", **kwargs)

        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            weights = self.trainable_variables
            grads = tape.gradient(loss, weights)
            self.left_optimizer.apply(grads[:2], weights[:2])
            self.right_optimizer.apply(grads[2:], weights[2:])
            return {"loss": loss}

    return Pair
