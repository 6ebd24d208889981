"""Recorded figures against an independent computation of the same steps, on any backend.

The name keeps it from being collected by itself: `test_backends.py` runs it on JAX and on
PyTorch, and `KERAS_BACKEND=… pytest tests/gradients/backends/fidelity.py` on any.
"""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.gradients.statistics import HISTOGRAM_EDGES
from tests.gradients.backends import reference, steps
from tests.gradients.backends.cases import BACKEND, CASES, O, custom, dense, vectors

GRADIENT = ("l2", "max_abs", "mean", "std", "min", "max", "mean_abs", "zero_fraction")
UPDATE = ("weight_l2", "update_l2", "update_ratio", "weight_std")
BATCH = 4


def made(case):
    """A model of a case, compiled; made twice, it is twice the same."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy(case.policy)
    try:
        model = case.model()
        loss = keras.losses.MeanSquaredError()
        # Mixed precision has its optimizer wrapped by compile.
        model.compile(case.optimizer(), loss, **case.compiled)
    finally:
        keras.config.set_dtype_policy("float32")
    return model


def batches(case):
    x, y = case.data()
    weight = np.linspace(0, 2, len(y)).astype("float32") if case.sample_weight else None
    for start in range(0, len(y), BATCH):
        part = slice(start, start + BATCH)
        taken = [one[part] for one in x] if isinstance(x, list) else x[part]
        yield taken, y[part], None if weight is None else weight[part]


class Seeding(keras.callbacks.Callback):
    """Seeds each step: dropout on PyTorch draws from one generator for all, as loaders do."""

    def on_train_batch_begin(self, batch, logs=None):
        reference.seed(batch)


def fit(model, case, *callbacks, epochs=1):
    x, y = case.data()
    weight = np.linspace(0, 2, len(y)).astype("float32") if case.sample_weight else None
    return model.fit(
        x,
        y,
        sample_weight=weight,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[Seeding(), *callbacks],
    )


def assert_close(recorded, expected, rtol, what, rounding=0.0):
    """Equal within round-off; of a figure that is next to nothing, beside the largest of all."""
    recorded, expected = np.asarray(recorded, "float64"), np.asarray(expected, "float64")
    assert recorded.shape == expected.shape, what
    finite = np.isfinite(expected)
    assert (np.isfinite(recorded) == finite).all(), (what, recorded, expected)
    atol = rtol * 0.01 * np.abs(expected[finite]).max(initial=0.0) + 1e-12 + rounding
    np.testing.assert_allclose(
        recorded[finite], expected[finite], rtol=rtol, atol=atol, err_msg=what
    )


def rows_of(frame, weight, class_name, array):
    layer, _, name = weight.rpartition("/")
    rows = frame[(frame["layer"] == layer) & (frame["weight"] == name)]
    if array is None:
        assert not len(rows) or rows["l2"].isna().all()
        return None, None
    cut = reference.kernels(class_name, name, array)
    assert rows["kernel"].tolist() == list(range(len(cut))), weight
    assert set(rows["size"]) == {cut.shape[1]}, weight
    return rows, cut


# -- the figures --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_every_figure_is_that_of_an_independent_computation(name):
    case = CASES[name]
    model = made(case)
    recorder = ka.GradientRecorder(
        statistics=(*GRADIENT, *UPDATE), taps=("raw", "clipped", "applied"), **case.recorder
    )
    fit(model, case, recorder)
    incomplete = [finding for finding in recorder.findings if finding.incomplete]
    assert incomplete == []
    twin = made(case)
    truth = reference.replay(twin, batches(case), keras.losses.MeanSquaredError(), case.factor)
    if "overflows" in name:
        assert {step.status for step in truth} == {"overflow", "ok"}
    check_steps(recorder, truth, case)
    check_kernels(recorder, truth, case, reference.named(twin))


def check_steps(recorder, truth, case):
    every = case.recorder.get("every", 1)
    steps_ = recorder.steps
    # An optimizer that is skipped does not count: the number of a step is that of its call.
    recorded = list(enumerate(truth))[::every]
    for tap in ("raw", "applied"):
        of_tap = steps_[steps_["tap"] == tap]
        assert of_tap["step"].tolist() == [number for number, _ in recorded]
        assert of_tap["status"].tolist() == [step.status for _, step in recorded]
        for column, values in {
            "loss": [step.loss for _, step in recorded],
            "learning_rate": [step.learning_rate for _, step in recorded],
            "loss_scale": [step.scale for _, step in recorded],
        }.items():
            if column == "loss_scale" and tap == "applied":
                continue
            assert_close(of_tap[column], values, case.rtol, column)
    updates = [number for number, step in enumerate(truth) if step.clipped is not None][::every]
    assert steps_[steps_["tap"] == "clipped"]["step"].tolist() == updates


def check_kernels(recorder, truth, case, names):
    frame = recorder.kernels
    for (tap, number), rows in frame.groupby(["tap", "step"]):
        step = truth[number]
        for weight, gradient in step.gradients.items():
            class_name = names[weight][0]
            change = step.after[weight] - step.before[weight]
            if tap == "clipped":
                array = step.clipped.get(weight)
            elif tap == "applied":
                array = None if gradient is None else change
            else:
                array = gradient
            of_weight, cut = rows_of(rows, weight, class_name, array)
            if of_weight is None:
                continue
            what = f"{tap} {weight} at step {number}"
            # A change is the difference of two rounded weights: it may be next to nothing.
            rounding = 2e-7 * np.abs(step.before[weight]).max() if tap == "applied" else 0.0
            for statistic, expected in reference.figures(cut).items():
                if statistic == "zero_fraction" and tap == "applied":
                    continue  # whether a small change moves a weight at all is round-off
                size = cut.shape[1] if statistic == "l2" else 1
                assert_close(
                    of_weight[statistic],
                    expected,
                    case.rtol,
                    f"{statistic}, {what}",
                    rounding * size**0.5,
                )
            if tap == "raw":
                check_update(of_weight, class_name, weight, step, case)


def check_update(rows, class_name, weight, step, case):
    name = weight.rpartition("/")[2]
    before = reference.kernels(class_name, name, step.before[weight])
    after = reference.kernels(class_name, name, step.after[weight])
    norm = np.linalg.norm(before, axis=1)
    change = np.linalg.norm(after - before, axis=1)
    assert_close(rows["weight_l2"], norm, case.rtol, f"weight_l2 {weight}")
    assert_close(rows["weight_std"], before.std(axis=1), case.rtol, f"weight_std {weight}")
    rounding = 1e-6 * max(np.abs(before).max(), np.abs(after).max())
    recorded = rows["update_l2"].to_numpy()
    np.testing.assert_allclose(recorded, change, rtol=max(case.rtol, 1e-3), atol=rounding)
    known = (norm > 1e-6) & (change > 10 * rounding)
    ratio = rows["update_ratio"].to_numpy()
    np.testing.assert_allclose(ratio[known], (recorded / norm)[known], rtol=max(case.rtol, 1e-3))
    assert (ratio[(recorded == 0) & (norm == 0)] == 0).all()


def test_elements_and_histograms_are_those_of_the_gradient():
    case = CASES["loss scale"]
    model = made(case)
    recorder = ka.GradientRecorder(statistics=("l2", "histogram"), elements="hidden/kernel")
    fit(model, case, recorder)
    truth = reference.replay(made(case), batches(case), keras.losses.MeanSquaredError())
    for number, rows in recorder.elements.groupby("step"):
        step = truth[number]
        assert_close(rows["gradient"], step.gradients["hidden/kernel"].ravel(), 1e-4, "gradient")
        assert_close(rows["value"], step.before["hidden/kernel"].ravel(), 1e-4, "value")
    edges = [1e-300, *HISTOGRAM_EDGES, np.inf]
    frame = recorder.kernels
    for row in frame[frame["weight"] == "kernel"].itertuples():
        cut = reference.kernels("Dense", "kernel", truth[row.step].gradients[f"{row.layer}/kernel"])
        magnitudes = np.abs(cut[row.kernel])
        counted = [int((magnitudes == 0).sum()), *np.histogram(magnitudes, edges)[0], 0]
        assert list(row.histogram) == counted


def test_two_optimizers_are_each_recorded_with_their_own():
    keras.utils.clear_session(free_memory=False)
    results = []
    for recorders in ([], [ka.GradientRecorder(statistics=("l2", "update_l2"))]):
        keras.utils.set_random_seed(3)
        pair = steps.pair_of_optimizers(BACKEND)(O.SGD(0.1, momentum=0.5), O.Adam(0.01))
        pair.compile(loss="mse")
        x, y = vectors()
        pair.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=recorders)
        results.append(pair.get_weights())
        keras.utils.clear_session(free_memory=False)
    for plain, recorded in zip(*results, strict=True):
        np.testing.assert_array_equal(plain, recorded)
    frame = recorders[0].kernels.dropna(subset=["l2"])
    assert [f for f in recorders[0].findings if f.incomplete] == []
    layers = frame.groupby("optimizer")["layer"].unique().map(list).to_dict()
    assert layers == {"left_optimizer": ["one"], "right_optimizer": ["two"]}
    by_step = recorders[0].steps
    assert by_step[by_step["optimizer"] == "left_optimizer"]["step"].tolist() == list(range(6))
    rates = by_step.groupby("optimizer")["learning_rate"].first()
    assert rates["left_optimizer"] == pytest.approx(0.1)
    assert rates["right_optimizer"] == pytest.approx(0.01)


def test_float8_scales_are_left_out():
    keras.utils.clear_session(free_memory=False)
    model = dense()
    model.get_layer("hidden").quantize("float8")
    model.compile("sgd", "mse", jit_compile=False)
    recorder = ka.GradientRecorder()
    fit(model, CASES["sgd"], recorder)
    statuses = recorder.weights.set_index("path")["status"]
    assert set(statuses[statuses == "overwritten"].index) >= {"hidden/kernel_scale"}
    frame = recorder.kernels.dropna(subset=["l2"])
    assert set(frame["weight"]) == {"kernel", "bias"}
    assert [f for f in recorder.findings if f.incomplete] == []


# -- one pass -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["dropout and normalisation", "regularisers", "unused", "embedding", "mixed_float16", "shared"],
)
def test_one_pass_is_the_first_step_of_a_training_and_changes_nothing(name):
    case = CASES[name]
    model = made(case)
    before = [np.array(v.numpy()) for v in model.variables]
    x, y, _ = next(batches(case))
    reference.seed(0)
    run = ka.gradients(model, x, y)
    assert reference.next_draw() == 0  # nor what the next step would draw
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    twin = made(case)
    (truth,) = reference.replay(twin, [(x, y, None)], keras.losses.MeanSquaredError())
    for weight, gradient in truth.gradients.items():
        class_name = reference.named(twin)[weight][0]
        rows, cut = rows_of(run.kernels, weight, class_name, gradient)
        if rows is not None:
            assert_close(rows["l2"], np.linalg.norm(cut, axis=1), case.rtol, weight)
            layer, _, name_ = weight.rpartition("/")
            elements = run.elements
            own = elements[(elements["layer"] == layer) & (elements["weight"] == name_)]
            assert_close(own["gradient"], gradient.ravel(), case.rtol, weight)
    assert_close(run.steps["loss"], [truth.loss], case.rtol, "loss")


def test_one_pass_takes_a_loss_and_sample_weights():
    case = CASES["sample weights"]
    model = made(case)
    x, y, weight = next(batches(case))
    run = ka.gradients(model, x, y, loss="mae", sample_weight=weight)
    (truth,) = reference.replay(made(case), [(x, y, weight)], keras.losses.MeanAbsoluteError())
    for name, gradient in truth.gradients.items():
        rows, cut = rows_of(run.kernels, name, "Dense", gradient)
        assert_close(rows["max_abs"], np.abs(cut).max(axis=1), 1e-4, name)


# -- the training is the same --------------------------------------------------------------------

SAME = ["momentum", "adam", "accumulation", "loss scale", "dropout and normalisation", "no jit"]
SAME += ["eager"] + (["two steps an execution"] if BACKEND != "torch" else [])


@pytest.mark.parametrize("name", SAME)
def test_weights_logs_and_metrics_are_bit_for_bit_those_of_a_plain_training(name):
    case = CASES[name]
    trained = []
    recorder = ka.GradientRecorder(statistics=("l2", "max_abs", "update_ratio"))
    for callbacks in ([], [recorder]):
        model = made(case)
        x, y = case.data()
        validation = (x[:8], y[:8])
        history = model.fit(
            x,
            y,
            batch_size=BATCH,
            epochs=2,
            verbose=0,
            validation_data=validation,
            callbacks=callbacks,
        ).history
        names = [metric.name for metric in model.metrics]
        trained.append(([v.numpy() for v in model.variables], history, names))
    assert trained[0][1:] == trained[1][1:]
    for plain, recorded in zip(trained[0][0], trained[1][0], strict=True):
        np.testing.assert_array_equal(plain, recorded)
    assert len(recorder.steps) == 12


# -- nothing is left behind ---------------------------------------------------------------------

HOOKED = ("train_step", "compute_loss", "make_train_function")
OF_OPTIMIZER = ("apply", "stateless_apply", "_clip_gradients", "_backend_apply_gradients")
OF_SCALE = ("_stateless_handle_finite_grads", "_stateless_handle_non_finite_grads")


def left_on(model):
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    owners = ((model, HOOKED), (optimizer, OF_OPTIMIZER + OF_SCALE), (inner, OF_OPTIMIZER))
    return [name for owner, names in owners for name in names if name in vars(owner)]


class Interfering(keras.callbacks.Callback):
    """A callback that does something in the middle of an epoch."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            self.what(self.model)


def raising(model):
    raise RuntimeError("boom")


@pytest.mark.parametrize("name", ["sgd", "loss scale"])
def test_everything_is_put_back(name):
    case = CASES[name]
    model = made(case)
    fit(model, case)
    function = model.train_function
    with ka.GradientRecorder(taps=("raw", "clipped")) as recorder:
        fit(model, case, recorder)
        assert left_on(model)
    assert left_on(model) == []
    assert model.train_function is function
    fit(model, case)
    assert len(recorder.steps) == 12
    with pytest.raises(RuntimeError, match="boom"):
        fit(model, case, recorder := ka.GradientRecorder(), Interfering(raising))
    gc.collect()
    assert left_on(model) == []
    assert recorder.steps["step"].tolist() == list(range(18, 22))
    assert [f for f in recorder.findings if f.incomplete] == []


def test_a_model_saved_while_it_is_recorded_holds_nothing_of_it(tmp_path):
    case = CASES["adam"]
    model = made(case)

    def save(saved):
        if BACKEND == "jax":
            saved.jax_state_sync()  # as ModelCheckpoint does
        saved.save(tmp_path / "model.keras")
        saved.save_weights(tmp_path / "model.weights.h5")

    recorder = ka.GradientRecorder()
    fit(model, case, recorder, Interfering(save))
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert left_on(loaded) == []
    assert [m.name for m in loaded.metrics] == [m.name for m in made(case).metrics]
    assert int(loaded.optimizer.iterations) == 4
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
    made(case).load_weights(tmp_path / "model.weights.h5")
    assert recorder.steps["step"].tolist() == list(range(6))
    fit(loaded, case, again := ka.GradientRecorder())
    assert again.steps["step"].tolist() == list(range(4, 10))


def test_steps_go_on_over_several_fits_and_the_rings_are_read_before_they_are_full():
    case = CASES["sgd"]
    model = made(case)
    x, y = case.data()
    with ka.GradientRecorder() as recorder:
        for _ in range(2):
            model.fit(x, y, batch_size=1, epochs=4, verbose=0, callbacks=[recorder])
        assert recorder.steps["step"].tolist() == list(range(192))
    assert recorder.findings == ()


# -- the record is held against the optimizers' own counts ----------------------------------------


def test_steps_that_go_past_the_hook_make_the_record_incomplete():
    keras.utils.clear_session(free_memory=False)
    model = custom(bypass=True)
    model.compile(O.SGD(0.1), "mse")
    recorder = ka.GradientRecorder()
    fit(model, CASES["sgd"], recorder)
    (finding,) = [f for f in recorder.findings if f.incomplete]
    assert "6 steps, of which 0 were seen" in finding.message
    assert recorder.run.status == "incomplete"
