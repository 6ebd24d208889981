"""Real trainings on scikit-learn's digits: each broken one is diagnosed, and no healthy one is."""

from __future__ import annotations

import numpy as np
import pytest

from kerasaudit.gradients.statistics import DEFAULT
from models.cnn_backpropagation import cnn_backpropagation
from models.cnn_coding import cnn_coding, dense_coding, feature_maps
from models.lenet5 import lenet5, lenet5_1998
from tests.gradients.trainings import (
    ALL,
    classifier,
    conv_net,
    dense_net,
    images,
    normalised_net,
    pixels,
    residual_net,
    sequential,
    text_net,
    texts,
    train,
    zeros_and_ones,
)


@pytest.fixture(autouse=True)
def seeded(keras):
    """Every training starts from one seed; a test may set another."""
    keras.utils.set_random_seed(1)
    return keras


@pytest.fixture
def mixed(keras):
    """Mixed precision, for as long as a test takes."""
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def named(findings, name):
    """The findings of one diagnosis."""
    return [found for found in findings if found.name == name]


def only(findings, name):
    """The one finding of that name."""
    (found,) = named(findings, name)
    return found


def lacks(training, *pairs):
    """Whether the default statistics are said to be too few for some diagnoses."""
    return set(pairs) <= set(training.diagnosis(DEFAULT).unavailable)


def test_a_part_of_the_statistics_is_judged_as_if_the_others_were_not_recorded(keras):
    """What the tests below take for what the default statistics find."""
    trainings = []
    for statistics in (ALL, DEFAULT):
        keras.utils.set_random_seed(1)
        model = classifier(dense_net(), keras.optimizers.SGD(10.0))
        trainings.append(train(model, *pixels(), statistics))
    every, default = trainings
    assert default.findings == default.by_default == every.by_default != ()
    assert default.unavailable == every.diagnosis(DEFAULT).unavailable
    assert every.unavailable == ()


class TestLearningRateTimesThousand:
    def train(self, keras, model, rate, examples, seed=1):
        keras.utils.set_random_seed(seed)
        makers = {1.0: keras.optimizers.Adam, 10.0: keras.optimizers.SGD}
        return train(classifier(model(), makers[rate](rate)), *examples, epochs=2)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize("rate", [1.0, 10.0])
    def test_without_normalisation(self, keras, rate, seed):
        training = self.train(keras, cnn_coding, rate, images(320, 28), seed)
        # The first update of Adam is the rate itself, 1 for weights of 0.03. One of SGD leaves
        # the gradients as large as the rate for the next.
        ratio = training.findings[0]
        assert (ratio.name, ratio.layer) == ("update-ratio", "dense")
        assert ratio.step == (0 if rate == 1.0 else 1)
        assert ratio.evidence["median"] > 10
        assert ratio.evidence["learning_rate"] == rate
        assert ratio.evidence["layers_affected"] == 3
        exploding = training.by_default[0]
        assert exploding.name == "exploding"
        assert 1 <= exploding.step <= 4
        assert exploding.evidence["rms"] > 100 * exploding.evidence["first_rms"]
        assert lacks(training, ("update-ratio", "update_ratio"))

    @pytest.mark.parametrize("rate", [1.0, 10.0])
    def test_with_normalisation(self, keras, rate):
        training = self.train(keras, normalised_net, rate, images())
        ratio = training.findings[0]
        assert (ratio.name, ratio.layer, ratio.step) == ("update-ratio", "head", 0)
        assert ratio.evidence["layers_affected"] == 3
        # Normalisation keeps Adam's gradients in bounds; the default statistics show what
        # becomes of it: the ReLUs die of the shift, the last weight in front of them.
        names = {found.name: found for found in training.by_default}
        assert names.keys() <= {"exploding", "dead"}
        assert names["dead"].layer == "n1"
        assert lacks(training, ("update-ratio", "update_ratio"))


class TestKilledLayer:
    """A ReLU layer whose biases are −100, for inputs of at most 1."""

    def train(self, model, layer, examples):
        layer = model.get_layer(layer)
        layer.bias.assign(np.full(layer.bias.shape, -100.0))
        return train(classifier(model), *examples)

    @pytest.mark.parametrize(
        ("make", "examples", "layer", "before", "kernels"),
        [
            (dense_net, pixels, "h0", [], 32),
            (dense_net, pixels, "h1", ["h0"], 32),
            (dense_net, pixels, "h2", ["h0", "h1"], 32),
            (conv_net, images, "c1", ["c0"], 8),
            (conv_net, images, "c2", ["c0", "c1"], 8),
        ],
    )
    def test_is_named(self, make, examples, layer, before, kernels):
        training = self.train(make(), layer, examples())
        (found,) = training.findings
        assert (found.code, found.name, found.path) == ("KA405", "dead", layer)
        assert (found.step, found.last_step) == (0, 19)
        assert (found.kernels, found.share) == (2 * kernels, 1.0)  # its biases, too
        assert found.evidence["candidates"] == layer
        assert found.evidence["killed_by_bias"] == kernels
        assert found.evidence["largest_bias"] == 100
        # Biases start from zero: of the layers behind, which are fed zeros, all but the head are
        # as silent as those before. Without the weights, nothing tells them apart.
        (found,) = training.by_default
        silent = found.evidence["candidates"].split(", ")
        assert [*before, layer] == silent[: len(before) + 1]
        assert (found.layer, found.step) == (silent[-1], 0)
        assert f"may have begun in any of '{silent[0]}', " in found.message
        assert lacks(training, ("dead", "weight_l2"))

    def test_is_named_by_default_where_it_alone_is_silent(self):
        training = self.train(dense_net(hidden=1), "h0", pixels())
        for findings in (training.findings, training.by_default):
            (found,) = findings
            assert (found.name, found.layer, found.step) == ("dead", "h0", 0)
            assert found.evidence["candidates"] == "h0"
            assert found.message.endswith("; 'head', after it, is fed zeros")


@pytest.mark.parametrize(
    ("make", "examples", "layer", "kernel", "bias"),
    [
        (dense_net, pixels, "h1", 5, -100.0),
        (dense_net, pixels, "h2", 0, -10.0),
        (conv_net, images, "c1", 3, -100.0),
    ],
)
def test_one_unit_killed_by_its_bias(make, examples, layer, kernel, bias):
    model = classifier(make())
    biases = model.get_layer(layer).bias
    (kernels,) = biases.shape
    biases.assign(np.where(np.arange(kernels) == kernel, bias, 0.0))
    training = train(model, *examples(), epochs=4)
    (found,) = training.findings
    assert (found.code, found.name, found.path) == ("KA405", "dead", f"{layer}/kernel")
    assert (found.kernel, found.kernels, found.share) == (kernel, 1, 1 / kernels)
    assert (found.step, found.last_step) == (0, 79)
    assert found.evidence["bias"] == -bias
    assert found.evidence["weight_l2"] < -bias / 6
    # A single dead unit is not told from those that healthy ReLU layers have, without weights.
    assert training.by_default == ()
    assert lacks(training, ("dead", "weight_l2"))
    listed = training.diagnosis(DEFAULT, {"dead": {"share": 0}}).findings
    assert str(kernel) in only([f for f in listed if f.layer == layer], "dead").message


def test_forty_sigmoid_layers():
    training = train(classifier(dense_net(40, 16, "sigmoid")), *pixels())
    for findings in (training.findings, training.by_default):
        found = only(findings, "vanishing")
        assert (found.code, found.step) == ("KA403", 5)  # after the warm-up
        # The layer nearest to the output in which it is gone, by the table of the same step.
        kernels = training.recorder.kernels
        step = kernels["step"] == found.evidence["confirmed_at"]
        rows = kernels[step & (kernels["weight"] == "kernel")]
        squares = (rows["l2"] ** 2).groupby(rows["layer"]).sum()
        rms = np.sqrt(squares / rows.groupby("layer")["size"].sum())
        gone = [name for name in rms.index if rms[name] < min(1e-4, 1e-3 * rms["head"])]
        assert found.layer == max(gone, key=lambda name: int(name[1:]))
        assert found.evidence["layers_affected"] == len(gone) == int(found.layer[1:]) + 1 > 30
    assert [f.name for f in training.by_default] == ["vanishing"]
    unchanged = only(training.findings, "unchanged")  # one for a row of layers
    assert unchanged.evidence["first_layer"] == "h0"
    assert unchanged.evidence["layers_affected"] == int(unchanged.layer[1:]) + 1 > 20
    assert {f.name for f in training.findings} <= {"vanishing", "unchanged", "update-ratio"}


class TestInitialisation:
    def train(self, initializer, activation):
        model = dense_net(activation=activation, kernel_initializer=initializer)
        return train(classifier(model), *pixels())

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    def test_all_zero(self, activation):
        training = self.train("zeros", activation)
        found = named(training.findings, "initial-variance")
        assert [f.path for f in found] == ["head/kernel", "h2/kernel", "h1/kernel", "h0/kernel"]
        assert {f.step for f in found} == {0}
        assert all("is all zero" in f.message for f in found)
        dead = only(training.findings, "dead")
        assert dead.message.endswith("any of 'h0', 'h1', 'h2': their biases do not tell")
        (dead,) = training.by_default
        assert (dead.name, dead.layer, dead.step) == ("dead", "h2", 0)
        assert dead.evidence["candidates"] == "h0, h1, h2"
        assert "initialisation (all zeros?)" in dead.advice
        assert lacks(training, ("initial-variance", "weight_l2"), ("dead", "weight_l2"))

    def test_all_zero_with_an_activation_that_is_not_zero_at_zero(self):
        training = self.train("zeros", "sigmoid")
        found = named(training.findings, "initial-variance")
        assert [f.layer for f in found] == ["head", "h2", "h1", "h0"]
        copies = named(training.by_default, "identical-kernels")
        assert [f.path for f in copies] == ["h2/kernel", "h1/kernel", "h0/kernel"]
        assert {f.share for f in copies} == {1.0}

    @pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
    def test_constant(self, keras, activation):
        training = self.train(keras.initializers.Constant(0.05), activation)
        for findings in (training.findings, training.by_default):
            copies = named(findings, "identical-kernels")
            assert [f.path for f in copies] == ["h2/kernel", "h1/kernel", "h0/kernel"]
            assert {(f.step, f.kernels, f.share) for f in copies} == {(0, 32, 1.0)}
        found = named(training.findings, "initial-variance")
        assert [f.layer for f in found] == ["head", "h2", "h1", "h0"]
        assert all("is constant within its kernels" in f.message for f in found)
        assert lacks(training, ("initial-variance", "weight_std"))


def test_a_disconnected_branch(keras):
    layers = keras.layers
    inputs = keras.Input((64,))
    main = layers.Dense(16, activation="relu", name="main")(inputs)
    side = layers.Dense(16, activation="relu", name="side")(inputs)
    side = layers.Lambda(keras.ops.stop_gradient, name="stop")(side)
    outputs = layers.Dense(10, activation="softmax", name="head")(
        layers.Concatenate()([main, side])
    )
    training = train(classifier(keras.Model(inputs, outputs)), *pixels())
    for findings in (training.findings, training.by_default):
        (found,) = findings
        assert (found.code, found.name, found.path) == ("KA410", "no-gradient", "side")
        assert (found.step, found.kernels, found.share) == (None, 32, 1.0)
        assert found.evidence == {"status": "disconnected", "weights": "kernel, bias"}


class TestNaNInOneSample:
    """One number of one sample in the eighth batch."""

    def test_that_reaches_the_loss(self):
        x, y = pixels()
        x = x.copy()
        x[7 * 32 + 3, 20] = np.nan
        training = train(classifier(dense_net(activation="tanh")), x, y, shuffle=False)
        for findings in (training.findings, training.by_default):
            found = findings[0]
            assert (found.code, found.name, found.path) == ("KA401", "non-finite", "head/kernel")
            assert (found.step, found.last_step, found.kernels) == (7, 19, 10)
            assert (found.evidence["loss"], found.evidence["layers_affected"]) == ("nan", 4)
            assert found.evidence["loss_before"] == pytest.approx(2.3, abs=0.3)

    def test_that_a_relu_may_hide_from_the_loss(self):
        x, y = images()
        x = x.copy()
        x[7 * 32 + 3, 2, 3] = np.nan
        training = train(classifier(conv_net()), x, y, shuffle=False)
        for findings in (training.findings, training.by_default):
            found = findings[0]
            # max(NaN, 0) is 0 or NaN, as the platform has it. If it is 0, only c0 ever sees it.
            hidden = found.evidence["loss"] != "nan"
            assert (found.name, found.step) == ("non-finite", 7)
            assert (found.path, found.kernels) == (("c0/kernel", 8) if hidden else ("head", 10))


class TestLossScale:
    def overflowing(self, keras, examples):
        """1e4 squared is beyond float16, which ends at 65,504."""
        layers = keras.layers
        model = sequential(
            layers.Dense(16, activation="relu", name="h0"),
            layers.Rescaling(1e4),
            layers.Rescaling(1e4),
            layers.Dense(10, name="head"),
            layers.Activation("softmax", dtype="float32"),
        )
        return train(classifier(model), *pixels(examples))

    def test_that_overflows_for_good(self, keras, mixed):
        training = self.overflowing(keras, 640)
        for findings in (training.findings, training.by_default):
            (found,) = findings
            assert (found.code, found.name) == ("KA402", "loss-scale-overflow")
            assert (found.path, found.layer) == ("optimizer", None)
            assert (found.step, found.last_step, found.share) == (0, 19, 1.0)
            assert found.evidence["overflows"] == 20
            assert found.evidence["loss_scale"] == 2.0 ** (15 - 19)  # halved in each step

    def test_that_overflowed_in_every_step_of_a_short_training(self, keras, mixed):
        diagnosis = self.overflowing(keras, 96).diagnosis(ALL)
        assert diagnosis.findings == ()  # so far, it could be a start
        diagnosis.end()
        (found,) = diagnosis.findings
        assert (found.name, found.step, found.last_step) == ("loss-scale-overflow", 0, 2)

    def test_that_finds_its_size_is_not_stopped(self, keras, mixed):
        scaled = keras.optimizers.LossScaleOptimizer(optimizer("adam"), 2.0**24)
        model = classifier(dense_net(), scaled)
        training = train(model, *pixels(), stop_on="loss-scale-overflow")
        statuses = training.recorder.steps["status"].tolist()
        overflows = statuses.index("ok")
        assert 2 <= overflows <= 15
        assert statuses == ["overflow"] * overflows + ["ok"] * (20 - overflows)
        assert training.findings == training.by_default == ()


def test_learning_rate_zero(keras):
    training = train(classifier(dense_net(), keras.optimizers.SGD(0.0)), *pixels())
    (found,) = training.findings
    assert (found.code, found.name, found.path) == ("KA406", "unchanged", "optimizer")
    assert (found.layer, found.step, found.last_step) == (None, 0, 19)
    assert found.evidence["learning_rate"] == 0
    assert found.evidence["layers_affected"] == 4
    assert training.by_default == ()
    assert lacks(training, ("unchanged", "update_l2"))


# -- healthy trainings --------------------------------------------------------------------------


def optimizer(name):
    """An optimizer at a usual learning rate."""
    from keras import optimizers

    if name == "momentum":
        return optimizers.SGD(0.05, momentum=0.9)
    rates = {"adam": (optimizers.Adam, 1e-3), "sgd": (optimizers.SGD, 0.01)}
    rates["sgd 0.1"] = (optimizers.SGD, 0.1)
    make, rate = rates[name]
    return make(rate)


def healthy(training, *, accuracy=None, share=None):
    """Whether it learned (to that accuracy, to that share of the first loss) without a finding."""
    if accuracy is not None:
        assert training.accuracy >= accuracy
    if share is not None:
        assert training.loss[-1] <= share * training.loss[0]
    assert training.findings == ()
    assert training.by_default == ()


class TestHealthy:
    @pytest.mark.parametrize(
        ("name", "seed", "epochs", "accuracy"),
        [("adam", 1, 3, 0.8), ("sgd 0.1", 1, 5, 0.7), ("momentum", 3, 3, 0.8)],
    )
    def test_cnn_coding(self, keras, name, seed, epochs, accuracy):
        keras.utils.set_random_seed(seed)
        model = classifier(cnn_coding(), optimizer(name))
        healthy(train(model, *images(640, 28), epochs=epochs), accuracy=accuracy)

    @pytest.mark.parametrize(
        ("name", "seed", "accuracy"),
        [("adam", 1, 0.9), ("adam", 2, 0.9), ("sgd", 1, 0.6), ("momentum", 2, 0.9)],
    )
    def test_lenet5(self, keras, name, seed, accuracy):
        keras.utils.set_random_seed(seed)
        model = classifier(lenet5(), optimizer(name))
        healthy(train(model, *images(640, 32), epochs=5), accuracy=accuracy)

    def test_lenet5_1998_for_classes(self, keras):
        model = lenet5_1998()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer("adam"), loss, metrics=["accuracy"])
        healthy(train(model, *images(320, 32), epochs=5), accuracy=0.7)

    def test_lenet5_1998_for_its_codes(self):
        x, y = images(320, 32)
        model = lenet5_1998()
        model.compile(optimizer("sgd"), "mse")
        codes = np.where(np.eye(10)[y], 1, -1).astype("float32")
        healthy(train(model, x, codes, epochs=4), share=0.7)

    @pytest.mark.parametrize(
        ("name", "seed", "accuracy"), [("adam", 1, 0.85), ("sgd", 2, 0.85), ("momentum", 3, 0.95)]
    )
    def test_cnn_backpropagation(self, keras, name, seed, accuracy):
        keras.utils.set_random_seed(seed)
        model = cnn_backpropagation()
        model.compile(optimizer(name), "binary_crossentropy", metrics=["accuracy"])
        training = train(model, *zeros_and_ones(), epochs=15, batch_size=16)
        healthy(training, accuracy=accuracy)

    @pytest.mark.parametrize(("name", "share"), [("adam", 0.8), ("sgd", 0.5)])
    def test_dense_coding(self, name, share):
        x = np.random.default_rng(0).uniform(0, 1, (512, 3)).astype("float32")
        y = x @ np.array([[0.5], [1.0], [0.25]], "float32")
        model = dense_coding()
        model.compile(optimizer(name), "mse")
        healthy(train(model, x, y, epochs=10), share=share)

    @pytest.mark.parametrize(("name", "share"), [("adam", 0.6), ("sgd", 0.5), ("momentum", 0.1)])
    def test_feature_maps_that_learn_to_be_given_ones(self, keras, name, share):
        x, _ = images(320, 28)
        kernels = np.random.default_rng(0).normal(size=(3, 3, 1, 5)).astype("float32")
        y = keras.ops.convert_to_numpy(keras.ops.conv(x, kernels))
        model = feature_maps()
        model.compile(optimizer(name), "mse")
        healthy(train(model, x, y, epochs=8), share=share)

    @pytest.mark.parametrize(("name", "accuracy"), [("adam", 0.75), ("momentum", 0.9)])
    def test_mixed_precision(self, mixed, name, accuracy):
        training = train(classifier(dense_net(), optimizer(name)), *pixels(), epochs=8)
        assert training.recorder.steps["loss_scale"].gt(1).all()
        healthy(training, accuracy=accuracy)

    @pytest.mark.parametrize(
        ("make", "examples", "name", "epochs", "accuracy"),
        [
            (normalised_net, images, "adam", 5, 0.7),
            (normalised_net, images, "momentum", 5, 0.9),
            (residual_net, pixels, "adam", 5, 0.8),
            (residual_net, pixels, "momentum", 5, 0.9),
            (dense_net, pixels, "adam", 8, 0.75),
            (dense_net, pixels, "momentum", 8, 0.9),
            (conv_net, images, "adam", 8, 0.8),
            (conv_net, images, "momentum", 8, 0.8),
        ],
    )
    def test_small_nets(self, make, examples, name, epochs, accuracy):
        healthy(
            train(classifier(make(), optimizer(name)), *examples(), epochs=epochs),
            accuracy=accuracy,
        )

    @pytest.mark.parametrize("name", ["adam", "momentum"])
    def test_texts(self, name):
        model = text_net()
        model.compile(optimizer(name), "binary_crossentropy", metrics=["accuracy"])
        healthy(train(model, *texts(), epochs=12), accuracy=0.85)
