"""The recorder around `fit` on TensorFlow: what it records, and that it leaves nothing behind."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.errors import ConfigError, TargetError
from tests.gradients.nets import convolutional, dense, images, regression


def hooks_on(model):
    """The names of everything that a recorder might have left on a model or its optimizers."""
    owners = [model, model.optimizer, getattr(model.optimizer, "inner_optimizer", model)]
    names = ("apply", "compute_loss", "train_step", "_clip_gradients", "_backend_apply_gradients")
    return [name for owner in owners for name in names if name in vars(owner)]


def fit(model, data, *callbacks, **arguments):
    settings = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **arguments}
    return model.fit(*data, callbacks=list(callbacks), **settings)


@pytest.fixture
def model(keras):
    keras.utils.set_random_seed(3)
    net = dense()
    net.compile("sgd", "mse")
    return net


def test_every_kernel_of_every_step_is_recorded(model):
    recorder = ka.GradientRecorder()
    fit(model, regression(), recorder)
    kernels = recorder.kernels
    # 24 examples in batches of 8 are 3 steps an epoch, 6 in all; 5 + 5 + 3 + 3 kernels
    assert len(kernels) == 6 * (5 + 5 + 3 + 3)
    assert kernels["step"].tolist() == [step for step in range(6) for _ in range(16)]
    assert kernels.drop_duplicates("step")["epoch"].tolist() == [0, 0, 0, 1, 1, 1]
    assert set(kernels["tap"]) == {"raw"}
    assert set(kernels["status"]) == {"ok"}
    sizes = kernels.drop_duplicates(["layer", "weight"]).set_index(["layer", "weight"])["size"]
    assert sizes.to_dict() == {
        ("hidden", "kernel"): 4,
        ("hidden", "bias"): 1,
        ("out", "kernel"): 5,
        ("out", "bias"): 1,
    }
    assert recorder.findings == ()


def test_loss_and_learning_rate_are_those_of_the_step(keras, model):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])
    model.compile(keras.optimizers.SGD(schedule), "mse")
    x, y = regression()
    first = float(np.mean((model.predict(x[:8], verbose=0) - y[:8]) ** 2))
    recorder = ka.GradientRecorder()
    fit(model, (x, y), recorder, epochs=1)
    steps = recorder.steps
    assert steps["learning_rate"].tolist() == [0.5, 0.5, 0.5]  # the boundary, 2, belongs to it
    assert steps["loss"][0] == pytest.approx(first, rel=1e-5)
    assert steps["loss_known"].all()


@pytest.mark.parametrize("jit", [False, True])
def test_a_model_that_was_fitted_before_is_recorded(model, jit):
    model.compile("sgd", "mse", jit_compile=jit)
    fit(model, regression(), epochs=1)
    recorder = ka.GradientRecorder()
    fit(model, regression(), recorder, epochs=1)
    assert len(recorder.steps) == 3
    assert recorder.steps["step"].tolist() == [3, 4, 5]  # the optimizer goes on counting


@pytest.mark.parametrize("every", [1, 2, 4])
def test_every_so_many_steps_one_is_recorded_from_the_first_on(model, every):
    recorder = ka.GradientRecorder(every=every)
    fit(model, regression(), recorder)
    assert recorder.steps["step"].tolist() == list(range(0, 6, every))


def test_only_the_layers_asked_for_are_recorded(model):
    recorder = ka.GradientRecorder(layers="o*")
    fit(model, regression(), recorder)
    recorded = recorder.kernels[recorder.kernels["status"] == "ok"]
    assert set(recorded["layer"]) == {"out"}
    statuses = recorder.weights.set_index("path")["status"].to_dict()
    assert statuses["hidden/kernel"] == "excluded"


def test_elements_are_the_gradient_and_the_weight_before_the_step(model):
    tf = pytest.importorskip("tensorflow")
    x, y = regression(8)
    before = model.get_layer("out").kernel.numpy()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradient = tape.gradient(loss, model.get_layer("out").kernel).numpy()
    recorder = ka.GradientRecorder(elements="out/kernel")
    fit(model, (x, y), recorder, epochs=1)
    elements = recorder.elements
    assert elements["index"].tolist() == [f"{i},{j}" for i in range(5) for j in range(3)]
    assert elements["kernel"].tolist() == [0, 1, 2] * 5
    np.testing.assert_allclose(elements["gradient"], gradient.ravel(), rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(elements["value"], before.ravel())


def test_the_ring_is_read_before_it_is_full(model):
    recorder = ka.GradientRecorder()
    x, y = regression(400)
    fit(model, (x, y), recorder, batch_size=1, epochs=1)
    assert recorder.steps["step"].tolist() == list(range(400))
    assert recorder.findings == ()


def test_the_loss_of_an_evaluation_is_not_taken_for_a_steps(keras):
    class Own(keras.Sequential):
        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:  # a loss of its own, past compute_loss
                loss = tf.reduce_mean(tf.abs(self(x) - y))
            grads = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(grads, self.trainable_variables)
            return {"loss": loss}

    net = Own([keras.Input((4,)), keras.layers.Dense(3, name="out")])
    net.compile("sgd", "mse", run_eagerly=True)
    recorder = ka.GradientRecorder()
    fit(net, regression(), recorder, validation_data=regression(8))
    assert not recorder.steps["loss_known"].any()
    assert recorder.steps["step"].tolist() == list(range(6))


# -- nothing is left behind ---------------------------------------------------------------------


def test_everything_is_put_back_after_fit(model):
    fit(model, regression(), epochs=1)
    function = model.train_function
    recorder = ka.GradientRecorder(taps=("raw", "clipped"))
    fit(model, regression(), recorder)
    assert hooks_on(model) == []
    assert model.train_function is function
    assert not recorder.in_use


class Boom:
    """A callback that raises in the middle of the second epoch."""

    def __new__(cls):
        import keras

        class Raising(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if self.model.optimizer.iterations.numpy() == 5:
                    raise RuntimeError("boom")

        return Raising()


def test_everything_is_put_back_after_an_exception_in_another_callback(model):
    recorder = ka.GradientRecorder()
    with pytest.raises(RuntimeError, match="boom"):
        fit(model, regression(), recorder, Boom())
    gc.collect()
    assert hooks_on(model) == []
    assert not recorder.in_use
    assert recorder.steps["step"].tolist() == [0, 1, 2, 3, 4]
    assert recorder.findings == ()


def test_everything_is_put_back_after_an_exception_in_the_step(keras, model):
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy())
    recorder = ka.GradientRecorder()
    x, _ = regression()
    with pytest.raises(Exception, match="label value"):
        fit(model, (x, np.full(24, 99)), recorder)
    gc.collect()
    assert hooks_on(model) == []
    fit(model, (x, np.zeros(24, int)), ka.GradientRecorder())  # and another one may follow


def test_as_a_context_it_stays_through_several_fits_and_is_gone_at_the_end(model):
    with ka.GradientRecorder() as recorder:
        fit(model, regression(), recorder, epochs=1)
        function = model.train_function
        fit(model, regression(), recorder, epochs=1)
        assert model.train_function is function  # traced once
    assert hooks_on(model) == []
    assert recorder.steps["step"].tolist() == list(range(6))
    assert set(recorder.steps["session"]) == {0}


def test_a_context_left_by_an_exception_puts_everything_back(model):
    with pytest.raises(RuntimeError, match="boom"):  # noqa: SIM117
        with ka.GradientRecorder() as recorder:
            fit(model, regression(), recorder, Boom())
    assert hooks_on(model) == []
    assert len(recorder.steps) == 5


def test_without_a_context_each_fit_is_a_session(model):
    recorder = ka.GradientRecorder()
    fit(model, regression(), recorder, epochs=1)
    fit(model, regression(), recorder, epochs=1)
    steps = recorder.steps
    assert steps["session"].tolist() == [0, 0, 0, 1, 1, 1]
    assert steps["step"].tolist() == list(range(6))


def test_a_model_compiled_anew_within_a_context_is_recorded_anew(model):
    with ka.GradientRecorder() as recorder:
        fit(model, regression(), recorder, epochs=1)
        model.compile("adam", "mse")
        fit(model, regression(), recorder, epochs=1)
    assert recorder.steps["step"].tolist() == [0, 1, 2, 0, 1, 2]
    assert recorder.findings == ()
    assert hooks_on(model) == []


def test_two_recorders_on_one_model_are_refused(model):
    with pytest.raises(ConfigError, match="one at a time"):
        fit(model, regression(), ka.GradientRecorder(), ka.GradientRecorder())
    gc.collect()
    assert hooks_on(model) == []


def test_a_model_saved_while_it_is_recorded_holds_nothing_of_it(keras, model, tmp_path):
    recorder = ka.GradientRecorder()
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "net.keras")
    fit(model, regression(), recorder, saving)
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert hooks_on(loaded) == []
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_an_optimizer_restored_by_a_callback_goes_on_counting(keras, model, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    fit(model, regression(), backup, epochs=1)
    again = dense()
    again.compile("sgd", "mse")
    recorder = ka.GradientRecorder()
    restored = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    fit(again, regression(), recorder, restored, epochs=2)
    assert recorder.findings == ()
    assert recorder.steps["step"].tolist() == [3, 4, 5]


def test_hooks_do_not_outlive_an_exception_that_is_kept(model):
    recorder = ka.GradientRecorder()
    kept = None
    try:
        fit(model, regression(), recorder, Boom())
    except RuntimeError as error:
        kept = error  # as a notebook keeps the last one, and its frames with it
    fit(model, regression())  # nobody asked to record this
    assert hooks_on(model) == []
    assert "make_train_function" not in vars(model)
    assert len(recorder.steps) == 5
    fit(model, regression(), ka.GradientRecorder())
    assert kept is not None


def test_an_optimizer_replaced_during_fit_is_hooked_as_well(keras, model):
    class Swap(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.compile("adam", "mse")
                self.model.make_train_function()

    recorder = ka.GradientRecorder()
    fit(model, regression(), recorder, Swap(), epochs=3)
    steps = recorder.steps.groupby("session")["step"].apply(list)
    assert steps.tolist() == [[0, 1, 2], [0, 1, 2, 3, 4, 5]]
    assert recorder.findings == ()
    assert hooks_on(model) == []


def test_a_model_that_is_built_by_fit_is_recorded_from_its_first_step(keras):
    def made():
        keras.utils.set_random_seed(2)
        net = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(3)])
        net.compile("sgd", "mse")
        return net

    plain, net, recorder = made(), made(), ka.GradientRecorder()
    fit(plain, regression())
    fit(net, regression(), recorder)
    assert recorder.steps["step"].tolist() == list(range(6))
    for ours, theirs in zip(net.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# -- bit for bit --------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda k: k.optimizers.Adam(0.01, clipnorm=0.5),
    "accumulating": lambda k: k.optimizers.AdamW(0.01, gradient_accumulation_steps=2),
    "scaled": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.1), 2.0**10),
}


@pytest.mark.parametrize("mode", ["graph", "jit", "eager", "two steps"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_with_the_recorder_gives_the_same_weights_bit_for_bit(keras, mode, optimizer):
    trained = []
    for recorders in ([], [ka.GradientRecorder(statistics=("l2", "max_abs", "update_ratio"))]):
        keras.utils.set_random_seed(11)
        net = convolutional()
        net.compile(
            OPTIMIZERS[optimizer](keras),
            "mse",
            jit_compile=mode == "jit",
            run_eagerly=mode == "eager",
            steps_per_execution=2 if mode == "two steps" else 1,
        )
        history = fit(net, images(), *recorders, shuffle=True).history
        trained.append([*(v.numpy() for v in net.variables), *history["loss"]])
        assert all(len(recorder.steps) == 6 for recorder in recorders)
    for plain, recorded in zip(*trained, strict=True):
        np.testing.assert_array_equal(plain, recorded)


# -- the record is held against the optimizer's own count -----------------------------------------


def test_steps_that_go_past_the_hook_make_the_record_incomplete(keras):
    class Bypassing(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(1, name="out")

        def call(self, x):
            return self.out(x)

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x) - y) ** 2)
            grads = tape.gradient(loss, self.trainable_variables)
            # the class's own method, past the instance's
            type(self.optimizer).apply(self.optimizer, grads, self.trainable_variables)
            return {"loss": loss}

    net = Bypassing()
    net(np.zeros((1, 4)))
    net.compile("sgd", "mse")
    recorder = ka.GradientRecorder()
    fit(net, regression(targets=1), recorder, epochs=1)
    (finding,) = recorder.findings
    assert finding.code == "KA411"
    assert finding.incomplete
    assert "made 3 steps, of which 0 were seen" in finding.message
    assert recorder.run.status == "incomplete"


def test_two_optimizers_of_a_model_are_recorded_by_their_names(keras):
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.a = keras.layers.Dense(2, name="a")
            self.b = keras.layers.Dense(1, name="b")

        def call(self, x):
            return self.b(self.a(x))

        def compile(self):
            super().compile(loss="mse")
            self.a_optimizer = keras.optimizers.SGD(0.1)
            self.b_optimizer = keras.optimizers.Adam(0.1)

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape(persistent=True) as tape:
                loss = self.compute_loss(y=y, y_pred=self(x))
            for optimizer, layer, times in (
                (self.a_optimizer, self.a, 1),
                (self.b_optimizer, self.b, 2),
            ):
                for _ in range(times):
                    grads = tape.gradient(loss, layer.trainable_variables)
                    optimizer.apply(grads, layer.trainable_variables)
            return {"loss": loss}

    net = Pair()
    net(np.zeros((1, 4)))
    net.compile()
    recorder = ka.GradientRecorder()
    fit(net, regression(targets=1), recorder, epochs=1)
    kernels = recorder.kernels
    steps = kernels.groupby("optimizer", observed=True)["step"].unique()
    assert steps["a_optimizer"].tolist() == [0, 1, 2]
    assert steps["b_optimizer"].tolist() == [0, 1, 2, 3, 4, 5]  # it was applied twice a step
    layers = kernels.groupby("optimizer", observed=True)["layer"].unique()
    assert (list(layers["a_optimizer"]), list(layers["b_optimizer"])) == (["a"], ["b"])
    assert recorder.findings == ()


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"statistics": ("l2", "nope")}, "statistics: expected some of"),
        ({"stop_on": "nope"}, "stop_on: expected names of diagnoses"),
        ({"thresholds": {"nope": {}}}, "nope"),
        ({"layers": 5}, "layers: expected a name or several, received 5"),
        ({"taps": 5}, "taps: expected a name or several, received 5"),
        ({"statistics": []}, "statistics: expected a name or several"),
        ({"every": 0}, "every: expected"),
        ({"taps": "cooked"}, "taps: expected"),
        ({"layers": "nope"}, "no layer with weights has the path 'nope'"),
        ({"elements": "out/nope"}, "elements: expected paths of recorded weights"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_one_line(model, arguments, message):
    with pytest.raises(ConfigError) as caught:
        fit(model, regression(), ka.GradientRecorder(**arguments))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    gc.collect()
    assert hooks_on(model) == []


def test_a_model_without_trainable_weights_is_refused(keras, model):
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.raises(ConfigError, match=r"at least one trainable weight.*frozen"):
        fit(model, regression(), ka.GradientRecorder())


def test_training_stops_on_a_finding(model):
    x, y = regression()
    x[9] = np.nan  # in the second batch
    recorder = ka.GradientRecorder(stop_on={"non-finite"})
    fit(model, (x, y), recorder)
    assert len(recorder.steps) == 2
    (finding, *_) = recorder.findings
    assert (finding.name, finding.step, finding.layer) == ("non-finite", 1, "out")


def test_what_cannot_be_judged_is_known_after_the_training_too(model):
    recorder = ka.GradientRecorder(statistics=("l2", "max_abs"))
    fit(model, regression(), recorder)
    assert ("update-ratio", "update_ratio") in recorder.run.unavailable
    assert ("unchanged", "update_l2") in recorder.run.unavailable


def test_a_training_that_overflowed_in_each_of_its_few_steps_is_found_when_it_is_over(keras, model):
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**127)
    model.compile(scaled, "mse")
    x, y = regression()
    recorder = ka.GradientRecorder()
    fit(model, (1e3 * x, 1e3 * y), recorder)
    (finding,) = recorder.findings
    assert (finding.code, finding.step, finding.last_step) == ("KA402", 0, 5)
    assert set(recorder.steps["status"]) == {"overflow"}


def test_a_run_that_outgrows_its_memory_is_thinned_evenly_and_says_so(model, monkeypatch):
    recorder = ka.GradientRecorder()
    monkeypatch.setattr(recorder._store, "limit", 2_000)  # 16 kernels × 2 × 4 bytes: 15 steps
    fit(model, regression(80), recorder, batch_size=1, epochs=1)
    steps = recorder.steps["step"].tolist()
    assert steps == list(range(0, 80, 8))  # 80, 40 and 20 steps are too many, 10 are not
    assert any("one in 8 is kept" in note for note in recorder.run.summary().notes)


def test_a_store_in_use_or_no_run_is_refused_before_training(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TargetError):
        ka.GradientRecorder(tmp_path)
