"""Gradients path by path: the sums are the tape's gradients, the paths are those there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasaudit as ka
from kerasaudit.backprop.explain import loss_of
from kerasaudit.backprop.paths.chain import chain_of
from kerasaudit.backprop.paths.explaining import descents, explain_element
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError
from models.cnn_backpropagation import EXAMPLE, cnn_backpropagation
from tests.backprop.networks import Draw
from tests.backprop.stacks import stack
from tests.backprop.tape import in_float64, on_tape, scatter_weights

WITHOUT_LIMIT = 10**6


def explain_every(model, x, y, loss=None, limit=WITHOUT_LIMIT):
    """Every element of every trainable weight of a model, explained."""
    chain = chain_of(model, x)
    value, above = loss_of(model, chain, y, loss)
    for variable in model.trainable_variables:
        floor, _ = chain.at(variable.path)
        down = descents(chain, floor, above)
        for index in np.ndindex(*variable.shape):
            found = explain_element(chain, variable.path, index, down, value, limit)
            yield variable.path, index, found


def pooled(y):
    """The maxima of 2 × 2 windows, and which of each window's four won, first of equals."""
    rows, columns = y.shape[0] // 2, y.shape[1] // 2
    windows = y.reshape(rows, 2, columns, 2).swapaxes(1, 2).reshape(rows, columns, 4)
    return windows.max(axis=-1), windows.argmax(axis=-1)


def convolved(x, kernel, bias):
    """A 3 × 3 window over x with a row and column of zeros around it."""
    padded = np.pad(x, 1)
    rows, columns = x.shape
    parts = [
        kernel[u, v] * padded[u : u + rows, v : v + columns] for u in range(3) for v in range(3)
    ]
    return sum(parts) + bias


def notes_loss(values, x, y):
    """The loss of the notes' model, written out: −log ŷ for y = 1, −log(1 − ŷ) for y = 0."""
    k1, b1, k2, b2, w, c = values
    p1, _ = pooled(convolved(x, k1, b1))
    p2, _ = pooled(convolved(p1, k2, b2))
    o = p2.ravel() @ w + c
    return np.logaddexp(0, -o) if y else np.logaddexp(0, o)


@pytest.fixture(scope="module")
def notes():
    return cnn_backpropagation()


def drawn(rng):
    shapes = ((3, 3, 1, 1), (1,), (3, 3, 1, 1), (1,), (4, 1), (1,))
    return [rng.normal(size=shape) for shape in shapes], rng.normal(size=(1, 8, 8, 1))


# -- the notes' model -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_the_paths_of_every_element_sum_to_its_gradient(notes, seed):
    rng = np.random.default_rng(seed)
    notes.compile(loss="binary_crossentropy")
    for _ in range(20):  # 200 inputs and weights in all
        values, x = drawn(rng)
        y = float(rng.integers(2))
        notes.set_weights(values)
        _, taped = on_tape(notes, x.astype("float32"), np.array([[y]], "float32"))
        flat = [np.squeeze(np.asarray(v, "float32").astype(float)) for v in values]
        flat[4] = flat[4].reshape(4)
        picture = x[0, :, :, 0].astype("float32").astype(float)
        elements = 0
        for path, index, found in explain_every(notes, x, [[y]]):
            assert found.complete
            assert found.paths["product"].sum() == pytest.approx(found.gradient, abs=1e-12)
            assert found.gradient == pytest.approx(float(taped[path][index]), rel=1e-3, abs=2e-5)
            place = [v.path for v in notes.trainable_variables].index(path)
            assert found.gradient == pytest.approx(
                difference(flat, place, index, picture, y), rel=1e-5, abs=1e-7
            )
            elements += 1
        assert elements == 9 + 1 + 9 + 1 + 4 + 1


def difference(values, place, index, x, y, step=1e-6):
    """A central difference of the written-out loss by one element."""
    losses = []
    for sign in (1, -1):
        moved = [np.array(value) for value in values]
        squeezed = tuple(index[:2]) if moved[place].ndim == 2 else index[:1]
        if moved[place].ndim == 0:
            moved[place] = moved[place] + sign * step
        else:
            moved[place][squeezed] += sign * step
        losses.append(notes_loss(moved, x, y))
    return (losses[0] - losses[1]) / (2 * step)


def test_the_paths_are_those_that_the_notes_draw(notes):
    """Found again by loops: p² → its winner in y² → each p¹ under K² → its winner in y¹ → pixel."""
    values, x = drawn(np.random.default_rng(3))
    notes.set_weights(values)
    k1, b1, k2, b2, w, c = (np.asarray(value, "float32").astype(float) for value in values)
    picture = x[0, :, :, 0].astype("float32").astype(float)
    p1, won1 = pooled(convolved(picture, k1[:, :, 0, 0], b1))
    p2, won2 = pooled(convolved(p1, k2[:, :, 0, 0], b2))
    o = float(p2.ravel() @ w[:, 0] + c[0])
    shown = 1 / (1 + np.exp(-o))
    for i, j in itertools.product(range(3), repeat=2):
        expected = {}
        for m, n, u, v in itertools.product(range(2), range(2), range(3), range(3)):
            row, column = 2 * m + won2[m, n] // 2, 2 * n + won2[m, n] % 2
            a, b = row + u - 1, column + v - 1
            if not (0 <= a < 4 and 0 <= b < 4):
                continue
            up, left = 2 * a + won1[a, b] // 2, 2 * b + won1[a, b] % 2
            s, t = up + i - 1, left + j - 1
            if 0 <= s < 8 and 0 <= t < 8:
                key = ((m, n, 0), (row, column, 0), (u, v, 0, 0), (a, b, 0), (up, left, 0))
                by_loss = (shown - 1) / (shown * (1 - shown)) * shown * (1 - shown)
                product = by_loss * w[2 * m + n, 0] * k2[u, v, 0, 0] * picture[s, t]
                expected[*key, (s, t, 0)] = product
        found = ka.explain(notes, x, [[1]], "conv2d/kernel", (i, j, 0, 0), "binary_crossentropy")
        table = found.paths
        keys = list(
            zip(*(table[name] for name in ("p²", "y²", "K²", "p¹", "y¹", "x")), strict=True)
        )
        assert found.count == len(expected) == len(keys)
        assert dict(zip(keys, table["product"], strict=True)) == pytest.approx(expected)
        assert (table["∂p²/∂y²"] == 1).all()
        assert (table["∂p¹/∂y¹"] == 1).all()
        factors = [name for name in table if name.startswith("∂")]
        assert table[factors].prod(axis=1).tolist() == pytest.approx(table["product"].tolist())
        assert list(table)[-1] == "product"
        assert table["product"].abs().is_monotonic_decreasing


def test_through_every_stage_the_sum_is_the_same(notes):
    values, x = drawn(np.random.default_rng(5))
    notes.set_weights(values)
    found = ka.explain(notes, x, [[0]], "conv2d/kernel", (1, 1, 0, 0), "binary_crossentropy")
    stages = found.stages
    assert stages["stage"].tolist() == ["ŷ", "o", "p²", "y²", "p¹", "y¹"]
    assert stages["paths"].tolist() == [found.count] * 6
    assert stages["gradient"].tolist() == pytest.approx([found.gradient] * 6)
    passages = found.passages.groupby("stage")[["paths", "gradient"]].sum()
    assert passages["paths"].unique().tolist() == [found.count]
    assert passages["gradient"].tolist() == pytest.approx([found.gradient] * 6)
    assert (found.passages["down"] * found.passages["up"]).tolist() == pytest.approx(
        found.passages["gradient"].tolist()
    )


def test_no_maximum_of_the_example_is_close_to_a_tie(notes):
    """So that the same inputs win on every machine."""
    kernels = [np.array(EXAMPLE.weights[f"{name}/kernel"]) for name in ("conv2d", "conv2d_1")]
    biases = [EXAMPLE.weights[f"{name}/bias"][0] for name in ("conv2d", "conv2d_1")]
    map_ = np.array(EXAMPLE.x)[0, :, :, 0]
    for kernel, bias in zip(kernels, biases, strict=True):
        y = convolved(map_, kernel[:, :, 0, 0], bias)
        size = len(y) // 2
        windows = y.reshape(size, 2, size, 2).swapaxes(1, 2).reshape(-1, 4)
        first, second = np.sort(windows, axis=1)[:, -1], np.sort(windows, axis=1)[:, -2]
        assert (first - second).min() > 0.01
        map_, _ = pooled(y)


def test_the_formula_in_symbols_and_in_numbers(keras):
    """x = (1, 2), pooled to 2, w = 3: o = 6, and for (o − 5)²: ∂L/∂w = 2 · 2."""
    model = keras.Sequential(
        [
            keras.Input((2, 1)),
            keras.layers.Conv1D(1, 1, use_bias=False, name="k"),
            keras.layers.MaxPooling1D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(1, name="w"),
        ]
    )
    model.set_weights([np.ones((1, 1, 1)), np.array([[3.0]]), np.zeros(1)])
    x = np.array([[[1.0], [2.0]]])
    found = ka.explain(model, x, [[5.0]], "k/kernel", (0, 0, 0), "mse")
    assert found.formula == "∂L/∂K¹ = ∂L/∂ŷ · w · x_2 = 12"
    assert found.numbers == "∂L/∂K¹ = 2 · 3 · 2 = 12"
    found = ka.explain(model, x, [[5.0]], "w/kernel", (0, 0), "mse")
    assert found.formula == "∂L/∂w = ∂L/∂ŷ · p¹ = 4"
    assert str(found) == "∂L/∂w = 4, the sum of 1 path"


# -- other stacks ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_stacks_of_any_depth(seed):
    """An element of each weight, with every path counted and, where they are few, listed."""
    with in_float64():
        draw = Draw(seed)
        model, x, y = stack(draw)
        scatter_weights(model, draw.rng)
        value, taped = on_tape(model, x, y)
        largest = max(float(np.abs(g).max()) for g in taped.values())
        for path, gradient in taped.items():
            index = tuple(int(draw.rng.integers(extent)) for extent in gradient.shape)
            found = ka.explain(model, x, y, path, index, limit=200)
            assert found.loss == pytest.approx(value, rel=1e-9)
            assert found.gradient == pytest.approx(
                float(gradient[index]), rel=1e-9, abs=1e-10 * largest
            )
            assert len(found.chains) == min(found.count, 200)
            assert {one.paths for one in found.sums} == {found.count}
            for one in found.sums:
                assert one.gradient == pytest.approx(found.gradient, rel=1e-9, abs=1e-12 * largest)
            if found.complete:
                total = sum(chain.product for chain in found.chains)
                assert total == pytest.approx(found.gradient, rel=1e-9, abs=1e-12 * largest)


def test_several_examples_have_paths_of_their_own(notes):
    values, _ = drawn(np.random.default_rng(7))
    notes.set_weights(values)
    x = np.random.default_rng(8).normal(size=(3, 8, 8, 1))
    y = [[1], [0], [1]]
    arguments = ("conv2d/kernel", (2, 0, 0, 0), "binary_crossentropy")
    together = ka.explain(notes, x, y, *arguments)
    apart = [ka.explain(notes, x[n : n + 1], [y[n]], *arguments) for n in range(3)]
    assert together.count == sum(one.count for one in apart)
    assert together.gradient == pytest.approx(sum(one.gradient for one in apart) / 3)
    assert together.paths["example"].value_counts().to_dict() == {
        n: one.count for n, one in enumerate(apart)
    }


def test_the_largest_paths_are_listed_and_no_other(keras):
    """Of 10 · 3 · 4 paths the list with a limit is the head of the whole list."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, activation="tanh"),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation="softmax"),
            keras.layers.Dense(1),
        ]
    )
    rng = np.random.default_rng(0)
    scatter_weights(model, rng)
    x, y = rng.normal(size=(2, 6, 6, 1)), rng.normal(size=(2, 1))
    arguments = (model, x, y, model.weights[0].path, (1, 1, 0, 1), "mse")
    # Example, softmax output, softmax input, pooled figure, and each of the four averaged.
    whole = ka.explain(*arguments, limit=WITHOUT_LIMIT)
    assert whole.count == 2 * 4 * 4 * 4 * 4
    for limit in (1, 7, 100):
        some = ka.explain(*arguments, limit=limit)
        assert not some.complete
        assert some.paths.equals(whole.paths.head(limit))
        assert (some.count, some.gradient) == (whole.count, whole.gradient)


def test_more_paths_than_a_float_counts(keras):
    """Seventeen dense layers of 16 units: from the loss to a first weight 16^16 ways to go."""
    dense = [keras.layers.Dense(16, use_bias=False) for _ in range(17)]
    model = keras.Sequential([keras.Input((1,)), *dense, keras.layers.Dense(1)])
    found = ka.explain(model, [[1.0]], [[0.0]], "dense/kernel", (0, 0), "mse", limit=5)
    assert found.count == 16**16
    assert {one.paths for one in found.sums} == {16**16}
    assert len(found.paths) == 5


def test_billions_of_paths_are_summed_without_being_listed(keras):
    """LeNet-5 with max pooling: the sum over all of them is the derived gradient."""
    layers = keras.layers
    inside = [
        layers.Conv2D(6, 5, padding="same", activation="relu", name="k"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(120, "relu"),
        layers.Dense(84, "relu"),
        layers.Dense(10, "softmax"),
    ]
    model = keras.Sequential([keras.Input((28, 28, 1)), *inside])
    rng = np.random.default_rng(0)
    scatter_weights(model, rng, scale=0.1)
    x, y = rng.normal(size=(2, 28, 28, 1)), np.eye(10)[[1, 2]]
    derived = ka.backprop(model, x, y, "categorical_crossentropy").gradients["k/kernel"]
    found = ka.explain(model, x, y, "k/kernel", (2, 3, 0, 4), "categorical_crossentropy")
    assert found.count > 10**8
    assert len(found.paths) == 1000
    assert found.gradient == pytest.approx(derived[2, 3, 0, 4], rel=1e-9)


def test_channels_first_is_the_same_sum(keras):
    """The same kernels over the same picture, its axes in the other order."""
    models = []
    for order in ("channels_last", "channels_first"):
        shape = (6, 5, 2) if order == "channels_last" else (2, 6, 5)
        inside = [
            keras.layers.Conv2D(3, 2, data_format=order, name="k"),
            keras.layers.MaxPooling2D(2, data_format=order),
            keras.layers.Flatten(data_format=order),
            keras.layers.Dense(1, name="d"),
        ]
        models.append(keras.Sequential([keras.Input(shape), *inside]))
    scatter_weights(models[0], np.random.default_rng(1))
    models[1].set_weights(models[0].get_weights())
    x = np.random.default_rng(2).normal(size=(1, 6, 5, 2))
    for weight, index in (("k/kernel", (1, 0, 1, 2)), ("k/bias", (1,)), ("d/kernel", (7, 0))):
        last = ka.explain(models[0], x, [[0.0]], weight, index, "mse")
        first = ka.explain(models[1], np.moveaxis(x, -1, 1), [[0.0]], weight, index, "mse")
        assert first.gradient == pytest.approx(last.gradient)
        assert first.count == last.count
        assert sorted(first.paths["product"]) == pytest.approx(sorted(last.paths["product"]))


def test_a_dead_relu_has_no_path(keras):
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, "relu", name="a"), keras.layers.Dense(1)]
    )
    model.set_weights([np.array([[-1.0]]), np.zeros(1), np.ones((1, 1)), np.zeros(1)])
    found = ka.explain(model, [[2.0]], [[1.0]], "a/kernel", (0, 0), "mse")
    assert (found.count, found.gradient, len(found.paths)) == (0, 0.0, 0)
    assert found.formula == "∂L/∂w¹ = 0"


# -- what is refused ------------------------------------------------------------------------------


def unsupported(keras):
    layers = keras.layers
    once = layers.Dense(2, name="once")
    x = keras.Input((4, 2))
    branch = layers.Dense(2, name="branch")(x)
    return {
        "layer 'rnn' (LSTM)": keras.Sequential([x, layers.LSTM(2, name="rnn")]),
        "layer 'sum' (Add)": keras.Model(x, layers.Add(name="sum")([x, branch])),
        "layer 'once' (Dense)": keras.Model(x, once(once(x))),
        "activity regularizer": keras.Sequential(
            [x, layers.Dense(2, activity_regularizer="l2", name="act")]
        ),
        "log_softmax": keras.Sequential([x, layers.Dense(2, activation="log_softmax")]),
    }


@pytest.mark.parametrize(
    "named",
    [
        "layer 'rnn' (LSTM)",
        "layer 'sum' (Add)",
        "layer 'once' (Dense)",
        "activity regularizer",
        "log_softmax",
    ],
)
def test_what_is_not_explained_is_named(keras, named):
    model = unsupported(keras)[named]
    with pytest.raises(UnsupportedError) as raised:
        ka.explain(model, np.ones((1, 4, 2)), np.ones((1, 4, 2)), "x/kernel", (0, 0), "mse")
    assert named in str(raised.value)


def test_a_regularised_weight_is_refused_and_the_others_are_not(keras):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(1, kernel_regularizer="l2", name="a"),
            keras.layers.Dense(1, name="b"),
        ]
    )
    with pytest.raises(UnsupportedError, match="regularizer of 'kernel'"):
        ka.explain(model, [[1.0, 2.0]], [[0.0]], "a/kernel", (0, 0), "mse")
    assert ka.explain(model, [[1.0, 2.0]], [[0.0]], "b/kernel", (0, 0), "mse").count == 1


def test_wrong_arguments_are_named(notes):
    x, y = np.ones((1, 8, 8, 1)), [[1]]
    with pytest.raises(ConfigError, match=r"expected one of conv2d/kernel, .* 'conv/kernel'"):
        ka.explain(notes, x, y, "conv/kernel", (0,), "mse")
    with pytest.raises(ConfigError, match=r"index: expected 4 integers within .* received \(3, 0"):
        ka.explain(notes, x, y, "conv2d/kernel", (3, 0, 0, 0), "mse")
    with pytest.raises(ShapeError, match="expected numbers of shape"):
        ka.explain(notes, x[:, :4], y, "conv2d/kernel", (0, 0, 0, 0), "mse")


def handed_on(keras):
    """Layers that hand on, drop or repeat what they take, and those of a kernel per channel."""
    layers = keras.layers
    return (
        layers.Rescaling(0.5, offset=1.0),
        layers.ZeroPadding2D(((1, 0), (2, 1))),
        layers.Cropping2D(((0, 1), (1, 0))),
        layers.UpSampling2D((1, 2)),
        layers.DepthwiseConv2D(2, depth_multiplier=2, strides=2, padding="same"),
        layers.DepthwiseConv2D((2, 1), dilation_rate=2, activation="tanh"),
        layers.SeparableConv2D(3, 2, depth_multiplier=2, padding="same", activation="relu"),
        layers.SeparableConv2D(2, (1, 2), use_bias=False),
    )


@pytest.mark.parametrize("place", range(8))
def test_a_layer_within_a_stack_of_convolutions(keras, place):
    layers = keras.layers
    with in_float64():
        inside = handed_on(keras)[place]
        stack = [layers.Conv2D(2, 2, activation="relu"), inside, layers.MaxPooling2D(2)]
        model = keras.Sequential(
            [keras.Input((5, 5, 1)), *stack, layers.Flatten(), layers.Dense(1, "sigmoid")]
        )
        rng = np.random.default_rng(place)
        scatter_weights(model, rng)
        model.compile(loss="binary_crossentropy")
        x, y = rng.normal(size=(2, 5, 5, 1)), np.array([[0.0], [1.0]])
        _, taped = on_tape(model, x, y)
    for path, index, found in explain_every(model, x, y):
        assert found.gradient == pytest.approx(taped[path][index], rel=1e-9, abs=1e-12)
        assert found.paths["product"].sum() == pytest.approx(found.gradient, rel=1e-9, abs=1e-12)


def test_a_separable_convolution_by_hand(keras):
    layer = keras.layers.SeparableConv1D(1, 1, use_bias=False, name="sep")
    model = keras.Sequential([keras.Input((1, 2)), layer, keras.layers.Flatten()])
    model.set_weights([np.array([[[2.0], [3.0]]]), np.array([[[5.0], [7.0]]])])
    x, y = np.array([[[11.0, 13.0]]]), np.array([[383.0 - 1]])
    # o = 5·(2·11) + 7·(3·13) = 383, ∂L/∂o = 2·1: by the 3 it is 2 · 7 · 13, by the 7 2 · 3 · 13.
    found = ka.explain(model, x, y, "sep/depthwise_kernel", (0, 1, 0), "mse")
    assert (found.gradient, found.count) == (2.0 * 7 * 13, 1)
    assert (
        ka.explain(model, x, y, "sep/pointwise_kernel", (0, 1, 0), "mse").gradient == 2.0 * 3 * 13
    )


def test_equal_maxima_of_a_whole_map_share(keras):
    layers = keras.layers
    with in_float64():
        model = keras.Sequential(
            [keras.Input((1, 2, 2)), layers.Conv2D(1, 1, use_bias=False, name="conv")]
        )
        model.add(layers.GlobalMaxPooling2D())
        model.set_weights([np.ones((1, 1, 2, 1))])
        # Both positions give 3: of the first channel one has 1 and the other 2, each with half.
        x, y = np.array([[[[1.0, 2.0], [2.0, 1.0]]]]), np.zeros((1, 1))
        model.compile(loss="mse")
        _, taped = on_tape(model, x, y)
    found = ka.explain(model, x, y, "conv/kernel", (0, 0, 0, 0), "mse")
    assert found.gradient == 6 * (1 / 2 + 2 / 2)
    assert found.gradient == pytest.approx(taped[model.weights[0].path][0, 0, 0, 0])
    assert found.count == 2


def test_what_the_loss_does_not_see_and_a_limit_below_0_are_refused(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "softmax", name="out")])
    x, y = np.ones((1, 2)), np.eye(3)[:1]
    with pytest.raises(UnsupportedError, match="not of its output but of what its activation"):
        ka.explain(model, x, y, "out/kernel", (0, 0), "binary_crossentropy")
    with pytest.raises(ConfigError, match="limit: expected 0 paths or more, received -1"):
        ka.explain(model, x, y, "out/kernel", (0, 0), "mse", limit=-1)
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Conv2D(1, 1, name="conv")])
    model.add(keras.layers.UpSampling2D(2, interpolation="bilinear"))
    with pytest.raises(UnsupportedError, match="the interpolation 'nearest' alone"):
        ka.explain(model, np.ones((1, 2, 2, 1)), np.ones((1, 4, 4, 1)), "conv/bias", 0, "mse")
