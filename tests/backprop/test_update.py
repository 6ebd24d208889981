"""One real step beside the derived one: what is in order, what is not, and which term it is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.backprop.update import COLUMNS
from kerasaudit.backprop.update_kinds import KINDS
from kerasaudit.errors import AuditError, ConfigError, TargetError, UnsupportedError
from kerasaudit.reconciliation.findings import every_kind
from models.cnn_backpropagation import cnn_backpropagation
from tests.gradients.nets import convolutional, dense, images, regression
from tests.gradients.test_one_pass import assert_same, state

X, Y = regression()


def compiled(keras, optimizer, *, steps=0, **options):
    keras.utils.set_random_seed(2)
    net = dense()
    net.compile(optimizer, "mse", **options)
    for _ in range(steps):
        net.train_on_batch(X, 10 * Y)  # larger gradients than those of the step that is checked
    return net


# -- what is in order ---------------------------------------------------------------------------


def test_the_update_of_the_notes(keras):
    """K_new = K_old − α·∂L/∂K, with the gradients of a tape of its own."""
    import tensorflow as tf

    keras.utils.set_random_seed(4)
    net = cnn_backpropagation()
    net.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 8, 8, 1)).astype("float32"), rng.integers(0, 2, (5, 1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.binary_crossentropy(y, net(x)))
    gradients = tape.gradient(loss, net.trainable_variables)
    old = [variable.numpy() for variable in net.trainable_variables]
    check = ka.check_update(net, x, y)
    assert check.ok
    assert sum(row.before.size for row in check.weights) == 9 + 1 + 9 + 1 + 4 + 1
    assert [row.weight for row in check.weights] == [v.path for v in net.trainable_variables]
    for row, before, gradient in zip(check.weights, old, gradients, strict=True):
        new = before - 0.1 * gradient.numpy()
        np.testing.assert_array_equal(row.before, before)
        np.testing.assert_allclose(row.before + row.derived, new, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(row.before + row.observed, new, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("scaled", [False, True])
def test_the_model_is_left_as_it_was(keras, steps, scaled):
    keras.utils.set_random_seed(5)
    net = convolutional()  # with statistics, a seed and, below, a metric
    optimizer = keras.optimizers.Adam(0.01)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    net.compile(optimizer, "mse", metrics=["mae"])
    optimizer.build(net.trainable_variables)
    x, y = images(8)
    for _ in range(steps):
        net.train_on_batch(x, y)
    before, function, held = state(net), net.train_function, dict(vars(optimizer))
    check = ka.check_update(net, x, y)
    assert check.ok
    assert check.step == steps
    assert len(state(net)) >= len(before)  # the metric has been built, and counts nothing
    if steps:
        assert_same(before, state(net))
    else:
        assert not any(np.any(variable.numpy()) for variable in net.metrics_variables)
    assert (net.train_function, net.run_eagerly) == (function, False)
    assert dict(vars(optimizer)).keys() == held.keys()


def test_a_kept_step_is_the_one_that_training_takes(keras):
    nets = [compiled(keras, keras.optimizers.Adam(0.01)) for _ in range(2)]
    nets[0].train_on_batch(X, Y)
    check = ka.check_update(nets[1], X, Y, keep=True)
    for row, one, other in zip(check.weights, *(n.trainable_variables for n in nets), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(row.before + row.observed, other.numpy().astype("float64"))
    assert int(nets[1].optimizer.iterations) == 1


def test_sample_weights_weigh(keras):
    net = compiled(keras, keras.optimizers.SGD(0.1))
    halved = ka.check_update(net, X, Y, np.full(len(X), 0.5))
    whole = ka.check_update(net, X, Y)
    assert halved.ok
    for half, one in zip(halved.weights, whole.weights, strict=True):
        np.testing.assert_allclose(2 * half.derived, one.derived, rtol=1e-5, atol=1e-8)


STOCK = {
    "excluded": lambda o: o.AdamW(0.01, weight_decay=0.5),
    "schedule": lambda o: o.SGD(o.schedules.CosineDecay(0.1, 10), momentum=0.9),
    "callable": lambda o: o.SGD(lambda: 0.05),
    "scale": lambda o: o.LossScaleOptimizer(o.RMSprop(0.01), dynamic_growth_steps=2),
    "overflow": lambda o: o.LossScaleOptimizer(o.Adam(0.01), initial_scale=2.0**127),
    "factor": lambda o: o.Nadam(0.01, loss_scale_factor=64.0, clipvalue=0.01),
    "accumulated": lambda o: o.Lion(0.01, gradient_accumulation_steps=2, weight_decay=0.1),
    "average": lambda o: o.Adagrad(0.1, use_ema=True, ema_overwrite_frequency=2),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", STOCK)
def test_several_steps_of_keras_are_in_order(keras, name, jit_compile):
    optimizer = STOCK[name](keras.optimizers)
    if name == "excluded":
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    net = compiled(keras, optimizer, jit_compile=jit_compile, steps_per_execution=2)
    factor = 100 if name == "overflow" else 1
    for step in range(4):
        check = ka.check_update(net, factor * X, factor * Y, keep=True)
        assert check.ok, check.findings
        assert check.step == (0 if name == "overflow" else step)


def test_constraints_and_weights_without_a_gradient(keras):
    layers, constraints = keras.layers, keras.constraints
    inputs = keras.Input((4,))
    kept = layers.Dense(3, kernel_constraint=constraints.MaxNorm(0.5), name="kept")
    hidden = kept(inputs)
    unused = layers.Dense(2, name="unused")(hidden)
    out = layers.Dense(
        3, kernel_constraint=constraints.UnitNorm(), bias_constraint="non_neg", name="out"
    )(hidden)
    net = keras.Model(inputs, [out, unused])
    net.compile(keras.optimizers.SGD(0.5, weight_decay=0.1), ["mse", None])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        check = ka.check_update(net, X, [Y, None])
    assert check.ok, check.findings
    unmoved = [row.weight for row in check.weights if not row.derived.any()]
    assert unmoved == ["unused/kernel", "unused/bias"]


def test_gradients_of_anothers_making(keras):
    import tensorflow as tf

    net = compiled(keras, keras.optimizers.Adam(0.01), steps=2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(net(X) - Y))
    variables = net.trainable_variables
    grads = zip(variables, tape.gradient(loss, variables), strict=True)
    gradients = {v.path: g.numpy().astype("float64") for v, g in grads}
    assert ka.check_update(net, X, Y, gradients=gradients).ok
    gradients["net/hidden/kernel"] = 1.01 * gradients["net/hidden/kernel"]
    check = ka.check_update(net, X, Y, gradients=gradients)
    assert {row.weight for row in check.weights if not row.ok} == {"net/hidden/kernel"}


# -- what is not --------------------------------------------------------------------------------


def broken(keras, base, **methods):
    return type(f"Broken{base}", (getattr(keras.optimizers, base),), methods)


def with_gradient(change):
    def update_step(self, gradient, variable, learning_rate):
        super(type(self), self).update_step(
            change(self, gradient, variable), variable, learning_rate
        )

    return {"update_step": update_step}


def with_rate(factor):
    def update_step(self, gradient, variable, learning_rate):
        super(type(self), self).update_step(gradient, variable, factor * learning_rate)

    return {"update_step": update_step}


def with_setting(name, value):
    def update_step(self, gradient, variable, learning_rate):
        held = getattr(self, name)
        setattr(self, name, value)
        super(type(self), self).update_step(gradient, variable, learning_rate)
        setattr(self, name, held)

    return {"update_step": update_step}


def decayed_twice(self, variables):
    for _ in range(2):
        super(type(self), self)._apply_weight_decay(variables)


def undecayed(self, variables):
    """Forgets to decay."""


def unclipped(self, grads):
    return grads


def without_bias_correction(self, gradient, variable, learning_rate):
    from keras import ops

    i = self._get_variable_index(variable)
    m, v = self._momentums[i], self._velocities[i]
    self.assign_add(m, (gradient - m) * (1 - self.beta_1))
    self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
    self.assign_sub(variable, learning_rate * m / (ops.sqrt(v) + self.epsilon))


def decayed_by_itself(self, variables):
    for variable in variables:
        variable.assign_sub(variable * self.weight_decay)


def summed(self, grads, variables):
    scaled = [self.gradient_accumulation_steps * g for g in grads]
    super(type(self), self)._backend_update_step(scaled, variables, self.learning_rate)


BROKEN = [
    ("SGD", {}, with_gradient(lambda s, g, v: -g), "the sign of the gradient turned round"),
    ("SGD", {"momentum": 0.9}, with_gradient(lambda s, g, v: -g), "the sign of the gradient"),
    ("SGD", {"momentum": 0.9}, with_setting("nesterov", True), "Nesterov's look ahead put in"),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True},
        with_setting("nesterov", False),
        "Nesterov's look ahead left out",
    ),
    ("SGD", {"momentum": 0.9}, with_setting("momentum", 0.8), "momentum = 0.8 instead of 0.9"),
    ("SGD", {}, with_rate(0.5), "learning rate = 0.005 instead of 0.01"),
    ("SGD", {"clipnorm": 0.1}, {"_clip_gradients": unclipped}, "clipping (clipnorm) left out"),
    (
        "Adam",
        {},
        {"update_step": without_bias_correction},
        "bias correction left out",
    ),
    (
        "AdamW",
        {"weight_decay": 0.5},
        {"_apply_weight_decay": decayed_twice},
        "weight decay applied twice",
    ),
    ("AdamW", {"weight_decay": 0.5}, {"_apply_weight_decay": undecayed}, "weight decay left out"),
    (
        "AdamW",
        {"weight_decay": 0.5},
        {"_apply_weight_decay": decayed_by_itself},
        "weight decay not multiplied by the learning rate",
    ),
    (
        "RMSprop",
        {"weight_decay": 0.5},
        {
            "_apply_weight_decay": undecayed,
            **with_gradient(lambda s, g, v: g + s.weight_decay * v),
        },
        "weight decay added to the gradient, as L2 regularisation is",
    ),
    ("Adam", {}, with_setting("epsilon", 0.01), "epsilon = 0.01 instead of 1e-07"),
    ("Adam", {"epsilon": 0.01}, with_setting("epsilon", 0.0), "epsilon left out"),
    ("Adam", {}, with_setting("beta_1", 0.8), "beta_1 = 0.8 instead of 0.9"),
    ("RMSprop", {"centered": True}, with_setting("centered", False), "the centering left out"),
    ("RMSprop", {}, with_setting("rho", 0.5), "rho = 0.5 instead of 0.9"),
    ("Lion", {}, with_gradient(lambda s, g, v: -g), "the sign of the gradient turned round"),
    (
        "SGD",
        {"gradient_accumulation_steps": 3},
        {"_backend_update_step": lambda self, g, v, _: summed(self, g, v)},
        "accumulated gradients added up and not averaged",
    ),
    (
        "SGD",
        {"loss_scale_factor": 64.0},
        with_gradient(lambda s, g, v: 64.0 * g),
        "the loss scale not taken off the gradient",
    ),
    (
        "SGD",
        {"use_ema": True, "ema_overwrite_frequency": 3},
        {"_overwrite_model_variables_with_average_value": lambda self, variables: None},
        "weights not overwritten by their average",
    ),
]


@pytest.mark.parametrize(("base", "options", "methods", "term"), BROKEN)
def test_the_term_of_a_broken_optimizer_is_named(keras, base, options, methods, term):
    optimizer = broken(keras, base, **methods)(0.01, **options)
    check = ka.check_update(compiled(keras, optimizer, steps=2), X, Y)
    assert not check.ok
    assert (check.optimizer, check.checked_as) == (f"Broken{base}", base)
    wrong = [row for row in check.weights if not row.ok]
    assert wrong
    for row in wrong:
        assert term in row.explanation, row.explanation
    of_weights = [finding for finding in check.findings if finding.code == "KA440"]
    assert [finding.path for finding in of_weights] == [row.weight for row in wrong]
    assert all(
        f"explained by {row.explanation}" in finding.message
        for row, finding in zip(wrong, of_weights, strict=True)
    )


@pytest.mark.parametrize("base", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "Nadam", "Lion"])
def test_a_thousandth_of_the_learning_rate_is_missed(keras, base):
    optimizer = broken(keras, base, **with_rate(1.001))(0.01)
    check = ka.check_update(compiled(keras, optimizer, steps=2), X, Y)
    for row in check.weights:
        assert row.explanation.startswith("learning rate = 0.01001 instead of 0.01")


def test_the_maximum_of_amsgrad_is_missed_once_it_has_a_past(keras):
    optimizer = keras.optimizers.Adam(0.01, amsgrad=True, beta_2=0.5)
    net = compiled(keras, optimizer, steps=2)
    update_step = optimizer.update_step

    def without(*step):
        optimizer.amsgrad = False
        update_step(*step)
        optimizer.amsgrad = True

    optimizer.update_step = without
    check = ka.check_update(net, X, Y)
    assert {f.cause for f in check.findings if f.code == "KA440"} == {
        "the maximum of amsgrad left out"
    }


def test_a_term_is_named_for_the_one_weight_that_lacks_it(keras):
    def update_step(self, gradient, variable, learning_rate):
        if variable.name.startswith("net/hidden/bias"):
            return
        super(type(self), self).update_step(gradient, variable, learning_rate)

    net = compiled(keras, broken(keras, "SGD", update_step=update_step)(0.01))
    check = ka.check_update(net, X, Y)
    assert [(f.code, f.path, f.cause) for f in check.findings] == [
        ("KA440", "net/hidden/bias", "no update made at all")
    ]


def test_what_no_term_explains_is_said_to_be_unexplained(keras):
    optimizer = broken(keras, "SGD", **with_gradient(lambda s, g, v: g**3 + 1))(0.01)
    check = ka.check_update(compiled(keras, optimizer), X, Y)
    assert {f.message.partition("; ")[2] for f in check.findings} == {
        "no single term of the update explains it"
    }
    assert check.to_frame()["explanation"].isna().all()


def test_a_state_that_is_wrong_is_found_though_the_weights_are_right(keras):
    def update_step(self, gradient, variable, learning_rate):
        super(type(self), self).update_step(gradient, variable, learning_rate)
        momentum = self._momentums[self._get_variable_index(variable)]
        self.assign(momentum, 2 * momentum)

    net = compiled(keras, broken(keras, "Lion", update_step=update_step)(0.01), steps=1)
    check = ka.check_update(net, X, Y)
    assert {finding.code for finding in check.findings} == {"KA441"}
    assert check.findings[0].path == "net/hidden/kernel (momentums)"
    assert all(row.ok for row in check.weights)
    assert check.to_frame("slots")["status"].eq("mismatch").all()


def test_a_counter_that_is_wrong_is_found(keras):
    def apply(self, grads, trainable_variables=None):
        super(type(self), self).apply(grads, trainable_variables)
        self._iterations.assign_add(1)

    optimizer = broken(keras, "SGD", apply=apply)(0.01, name="twice")
    check = ka.check_update(compiled(keras, optimizer), X, Y)
    assert [(f.code, f.path, f.expected, f.observed) for f in check.findings] == [
        ("KA441", "twice (iterations)", "1", "2")
    ]


def test_a_schedule_that_is_off_by_one_is_named(keras):
    class Ahead(keras.optimizers.SGD):
        def _get_current_learning_rate(self):
            return self._learning_rate(self._iterations + 1)

    halved = keras.optimizers.schedules.ExponentialDecay(0.8, 1, 0.5)
    check = ka.check_update(compiled(keras, Ahead(halved, name="ahead"), steps=1), X, Y)
    assert [f.code for f in check.findings] == ["KA442"]
    assert check.findings[0].message == (  # 0.8 / 2 at step 1, 0.8 / 4 at step 2
        "'ahead': expected a learning rate of 0.4 at step 1 (ExponentialDecay), "
        "received 0.2, which is that of step 2"
    )


def test_an_excluded_weight_that_is_decayed_is_named(keras):
    class Everywhere(keras.optimizers.SGD):
        def _use_weight_decay(self, variable):
            return True

    optimizer = Everywhere(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    check = ka.check_update(compiled(keras, optimizer), X, Y)
    assert {f.path: f.cause for f in check.findings} == dict.fromkeys(
        ["net/hidden/kernel", "net/out/kernel"],
        "weight decay applied to a weight that is excluded from it",
    )


def test_rows_of_a_sparse_gradient_that_keras_squares_one_by_one(keras):
    """A token that comes twice: TensorFlow has two rows for it, and Keras adds up their squares."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            layers.Embedding(5, 2, name="tokens"),
            layers.Flatten(),
            layers.Dense(1, name="out"),
        ]
    )
    once, twice, y = np.array([[1, 3, 2]]), np.array([[1, 1, 2]]), np.array([[1.0]])
    for optimizer in ("SGD", "Adagrad"):
        net.compile(getattr(keras.optimizers, optimizer)(0.1), "mse")
        assert ka.check_update(net, once, y).ok
    check = ka.check_update(net, twice, y)
    assert {f.path: f.cause for f in check.findings} == dict.fromkeys(
        ["sequential/tokens/embeddings", "sequential/tokens/embeddings (accumulators)"],
        "rows of a sparse gradient that come several times squared one by one",
    )
    net.compile(keras.optimizers.SGD(0.1), "mse")  # it squares nothing
    assert ka.check_update(net, twice, y).ok


# -- the result ---------------------------------------------------------------------------------


def test_the_result_as_a_frame_and_as_an_error(keras):
    optimizer = broken(keras, "SGD", **with_rate(0.5))(0.01)
    check = ka.check_update(compiled(keras, optimizer), X, Y)
    frame = check.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        name: dtype for name, (dtype, _) in COLUMNS.items()
    }
    assert len(frame) == 4
    row = frame.iloc[0]
    assert row["observed"] == pytest.approx(row["derived"] / 2, rel=1e-4)
    assert row["difference"] == row["observed"] - row["derived"]
    assert row["observed_l2"] == pytest.approx(row["derived_l2"] / 2, rel=1e-4)
    with pytest.raises(AuditError, match="KA440 'net/hidden/kernel': expected a change of"):
        check.raise_if_failed()
    right = ka.check_update(compiled(keras, keras.optimizers.SGD(0.01)), X, Y)
    right.raise_if_failed()
    assert right.to_frame("slots").empty
    with pytest.raises(ConfigError, match="expected 'weights' or 'slots', received 'layers'"):
        right.to_frame("layers")


def test_its_kinds_of_finding_are_explained():
    assert list(KINDS) == ["KA440", "KA441", "KA442"]
    assert every_kind().items() >= dict(KINDS).items()


def test_asking_for_kinds_imports_no_numpy():
    code = "import sys, kerasaudit.backprop.update_kinds; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- what is refused ----------------------------------------------------------------------------


def test_what_cannot_be_checked_is_one_clear_line(keras):
    with pytest.raises(TargetError, match="expected a Keras model, received str"):
        ka.check_update("net", X, Y)
    with pytest.raises(ConfigError, match="'net': expected one compiled with an optimizer"):
        ka.check_update(dense(), X, Y)
    net = compiled(keras, keras.optimizers.Adadelta())
    with pytest.raises(UnsupportedError, match="optimizer 'Adadelta': no rule"):
        ka.check_update(net, X, Y)
    net = compiled(keras, keras.optimizers.SGD())
    with pytest.raises(TargetError, match="'net': cannot be trained on this batch: "):
        ka.check_update(net, X[:, :3], Y)
    with pytest.raises(ConfigError, match=r"one for each of 4 weights, by path; .* 'net/out/bias'"):
        ka.check_update(net, X, Y, gradients={})
    shapes = {row.weight: row.before for row in ka.check_update(net, X, Y).weights}
    shapes["net/out/bias"] = np.zeros(7)
    with pytest.raises(
        ConfigError, match=r"'net/out/bias': expected shape \(3,\), received \(7,\)"
    ):
        ka.check_update(net, X, Y, gradients=shapes)


def test_a_constraint_of_the_users_own_is_refused_by_name(keras):
    class Mine(keras.constraints.Constraint):
        def __call__(self, w):
            return w

    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_constraint=Mine())])
    net.compile("sgd", "mse")
    with pytest.raises(UnsupportedError, match=r"constraint: expected one of .*, received 'Mine'"):
        ka.check_update(net, X, Y)


def test_a_step_that_calls_its_optimizer_twice_is_refused(keras):
    class Twice(keras.Sequential):
        def train_step(self, data):
            super().train_step(data)
            return super().train_step(data)

    net = Twice([keras.Input((4,)), keras.layers.Dense(3)], name="net")
    net.compile("sgd", "mse")
    with pytest.raises(UnsupportedError, match="call the optimizer once, received 2 calls"):
        ka.check_update(net, X, Y)
