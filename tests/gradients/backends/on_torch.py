"""What only PyTorch has: `.grad`, sparse gradients, plain modules. `test_backends.py` runs it."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from tests.gradients.backends.cases import dense, vectors


@pytest.fixture
def model(keras):
    net = dense()
    net.compile("sgd", "mse")
    return net


def test_one_pass_leaves_the_gradients_that_there_are(model):
    import torch

    x, y = vectors()
    kernel, bias = (model.get_layer("out").kernel.value, model.get_layer("out").bias.value)
    kernel.grad = torch.full_like(kernel, 7.0)
    bias.grad = None
    ka.gradients(model, x, y)
    assert (kernel.grad == 7).all()
    assert bias.grad is None


def test_one_pass_leaves_plain_modules_as_they_were(keras):
    import torch

    inside = torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5))
    wrapped = keras.layers.TorchModuleWrapper(inside)
    net = keras.Sequential([keras.Input((4,)), wrapped, keras.layers.Dense(3)])
    net.compile("sgd", "mse")
    wrapped.eval()
    before = [buffer.clone() for buffer in inside.buffers()]
    x, y = vectors()
    ka.gradients(net, x, y)
    assert not any(module.training for module in wrapped.modules())
    assert len(before) == 3
    for buffer, value in zip(inside.buffers(), before, strict=True):
        assert torch.equal(buffer, value)


def test_duplicate_rows_of_a_sparse_gradient_are_summed_before_any_norm(keras):
    import torch

    class Sparse(keras.layers.Embedding):
        def call(self, tokens):
            table = self.embeddings.value
            return torch.nn.functional.embedding(tokens, table, sparse=self.name == "sparse")

    frames = []
    tokens = np.array([[1, 1, 1], [1, 2, 2]] * 4, "int32")
    for name in ("dense", "sparse"):
        keras.utils.set_random_seed(4)
        layers = keras.layers
        net = keras.Sequential(
            [
                keras.Input((3,), dtype="int32"),
                Sparse(5, 2, name=name),
                layers.Flatten(),
                layers.Dense(1, name="out"),
            ]
        )
        net.compile("sgd", "mse")
        recorder = ka.GradientRecorder()
        net.fit(tokens, np.ones((8, 1)), batch_size=4, verbose=0, callbacks=[recorder])
        frames.append(recorder.kernels["l2"].to_numpy())
        assert (recorder.kernels["l2"] > 0).any()
    np.testing.assert_allclose(*frames, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_norms_in_few_kernels_are_those_of_the_statistics_for_every_backend(dtype):
    import torch

    from kerasaudit.gradients.backends.torch_norms import computed
    from kerasaudit.gradients.figures import Tensors, figures
    from kerasaudit.gradients.inventory import WeightEntry

    units = WeightEntry("one", "kernel", "Dense", (3, 6), dtype, (3, 6), ("u",), (1,))
    scalar = WeightEntry("one", "bias", "Dense", (6,), dtype, (6,), ("u",), (0,))
    absent = WeightEntry("two", "bias", "Dense", (2,), dtype, (2,), ("u",), (0,))
    rows = [[1e-30, 1e30, 1, 0, np.inf, np.nan], [1e-30, 1e30, -2, 0, 1, 1], [0, 0, 2, 0, -3, 5]]
    kernel = torch.tensor(rows).to(getattr(torch, dtype))
    tensors = [
        Tensors(kernel, kernel, 2 * kernel),
        Tensors(kernel[0], kernel[1], kernel[1]),
        Tensors(None),
    ]
    names = ("l2", "max_abs", "weight_l2", "update_l2", "update_ratio")
    entries = (units, scalar, absent)
    for scale in (None, torch.tensor(8.0)):
        expected = figures(names, entries, tensors, "float32", scale).values
        found = computed(names, entries, tensors, "float32", scale)
        for name, row in zip(names, expected, strict=True):
            np.testing.assert_allclose(
                found[name].float().numpy(), row.numpy(), rtol=1e-6, err_msg=name
            )


def test_an_evaluation_leaves_no_loss_for_a_step_that_has_none(keras):
    import torch

    class Silent(keras.Model):
        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            self.zero_grad()
            ((self(x, training=True) - y) ** 2).mean().backward()
            weights = self.trainable_weights
            with torch.no_grad():
                self.optimizer.apply([weight.value.grad for weight in weights], weights)
            return {}

    inputs = keras.Input((4,))
    net = Silent(inputs, keras.layers.Dense(3)(inputs))
    net.compile("sgd", "mse")
    recorder = ka.GradientRecorder()
    x, y = vectors()
    net.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y), callbacks=[recorder])
    assert recorder.steps["step"].tolist() == list(range(6))
    assert not recorder.steps["loss_known"].any()
