"""Single layers: conventions at corners, masks, states, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.backprop.rule import Applied, Gradients, Mode, apply_layer, gradient
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.errors import ConfigError, RuleError, ShapeError, UnsupportedError
from tests.backprop.tape import assert_equal, in_float64, on_tape, scatter_weights

RNG = np.random.default_rng(0)


def applied(class_name, x, mode=None, weights=None, **config):
    layer = LayerConfig({"class_name": class_name, "config": {"name": "layer", **config}})
    return apply_layer(layer, weights or {}, (np.asarray(x, float),), mode or Mode())


def by_input(made, g=1.0):
    return made.backward((np.full(made.outputs[0].shape, g),)).inputs[0]


def equal_to_tape(model, x, *, tolerance=1e-9, training=False):
    """Random weights; every gradient the tape's."""
    scatter_weights(model, RNG)
    model.compile(loss="mse")
    y = [RNG.normal(size=(len(np.asarray(x)), *one.shape[1:])) for one in model.outputs]
    y = y if len(y) > 1 else y[0]
    loss, taped = on_tape(model, x, y, training=training)
    found = ka.backprop(model, x, y, training=training)
    assert found.loss == pytest.approx(loss, rel=tolerance)
    assert_equal(found.gradients, taped, tolerance)
    return found


# -- corners ------------------------------------------------------------------------------------


def test_equal_values_in_a_window_give_all_to_the_first():
    window = np.array([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    pool = applied("MaxPooling2D", window, pool_size=[2, 2])
    assert by_input(pool)[0, ..., 0].tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_equal_values_of_a_whole_map_share(keras):
    whole = np.array([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    assert by_input(applied("GlobalMaxPooling2D", whole))[0, ..., 0].tolist() == [
        [0.0, 1 / 3],
        [1 / 3, 1 / 3],
    ]


@pytest.mark.parametrize("backend_window", [2, 3])
def test_the_tape_gives_equal_values_the_same(keras, backend_window):
    import tensorflow as tf

    x = RNG.integers(0, 2, (2, 6, 6, 2)).astype("float32")
    layer = keras.layers.MaxPooling2D(backend_window, strides=1, padding="same")
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(variable))
    made = applied(
        "MaxPooling2D", x, pool_size=[backend_window] * 2, strides=[1, 1], padding="same"
    )
    assert np.array_equal(by_input(made), tape.gradient(y, variable))


def test_relu_has_no_slope_at_zero():
    for class_name, config in (("ReLU", {}), ("Activation", {"activation": "relu"})):
        assert by_input(applied(class_name, [[-1.0, 0.0, 2.0]], **config)).tolist() == [[0, 0, 1]]


def test_padding_has_no_share_of_a_mean():
    pool = applied("AveragePooling1D", np.ones((1, 3, 1)), pool_size=2, strides=2, padding="same")
    assert pool.outputs[0].reshape(-1).tolist() == [1.0, 1.0]
    assert by_input(pool).reshape(-1).tolist() == [0.5, 0.5, 1.0]


# -- dropout ------------------------------------------------------------------------------------


def test_dropout_by_a_given_mask(keras):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dropout(0.75, name="drop"),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="out"),
        ]
    )
    x, y = np.array([[3.0, 5.0]]), np.array([[2.0]])
    # 5 / (1 − 0.75) = 20 goes through: (20 − 2)² and 2 · 18 · 20.
    found = ka.backprop(model, x, y, loss="mse", masks={"drop": [[0, 1]]})
    assert found.loss == 18.0**2
    assert found.gradients["out/kernel"].tolist() == [[0.0], [2 * 18.0 * 20.0]]
    assert ka.backprop(model, x, y, loss="mse", training=True).loss == (8.0 - 2.0) ** 2
    with pytest.raises(ConfigError, match="received 'drops'"):
        ka.backprop(model, x, y, loss="mse", masks={"drops": [[0, 1]]})
    with pytest.raises(ShapeError, match="dropout mask"):
        ka.backprop(model, x, y, loss="mse", masks={"drop": [[0, 1, 1]]})


# -- beside the tape, where float64 or the CPU does not serve -----------------------------------


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_pools_of_three_axes_in_float32(keras, kind, padding):
    layers = keras.layers
    pool = getattr(layers, f"{kind}Pooling3D")((2, 3, 2), strides=2, padding=padding)
    model = keras.Sequential(
        [keras.Input((5, 6, 4, 2)), layers.Conv3D(2, 2), pool, layers.Flatten(), layers.Dense(1)]
    )
    equal_to_tape(model, RNG.normal(size=(3, 5, 6, 4, 2)), tolerance=1e-4)


@pytest.mark.parametrize(
    "kind",
    ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "BatchNormalization"],
)
def test_channels_first_is_channels_last_turned(keras, kind):
    """TensorFlow convolves channels-first on a GPU alone, so the turned model stands for it."""
    layers, arguments = keras.layers, {"kernel_size": (2, 3), "padding": "same", "strides": 2}
    if kind != "DepthwiseConv2D":
        arguments["filters"] = 3
    x = RNG.normal(size=(2, 6, 7, 4))

    def model(first):
        shape = (4, 6, 7) if first else (6, 7, 4)
        form = {"data_format": "channels_first" if first else "channels_last"}
        if kind == "BatchNormalization":
            layer = layers.BatchNormalization(axis=1 if first else -1)
        else:
            layer = getattr(layers, kind)(**arguments, **form)
        stack = [keras.Input(shape), layer, layers.Flatten(**form), layers.Dense(2)]
        return keras.Sequential(stack)

    with in_float64():
        last, first = model(first=False), model(first=True)
        found = equal_to_tape(last, x)
        first.set_weights(last.get_weights())
        turned = np.moveaxis(x, -1, 1)
        y = np.zeros((2, 2))
        ours = ka.backprop(first, turned, y, loss="mse")
        theirs = ka.backprop(last, x, y, loss="mse")
    assert found.loss > 0
    for one, other in zip(ours.gradients.values(), theirs.gradients.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("gelu", (4,)),  # √2 in float32
        ("UpSampling2D", (3, 4, 2)),  # bilinear values are made in float32
    ],
)
def test_what_tensorflow_rounds_to_float32(keras, layer, shape):
    layers = keras.layers
    with in_float64():
        if layer == "UpSampling2D":
            made = layers.UpSampling2D((2, 3), interpolation="bilinear")
            stack = [layers.Conv2D(2, 1), made, layers.Flatten()]
        else:
            stack = [layers.Dense(5, activation=layer), layers.Dense(5, activation="gelu")]
        model = keras.Sequential([keras.Input(shape), *stack, layers.Dense(2)])
        equal_to_tape(model, RNG.normal(size=(3, *shape)), tolerance=1e-6)


def test_glu_whose_symbolic_shape_is_another():
    # a · σ(b): by a it is σ(0) = 1/2, by b it is a · σ′(0) = 3/4.
    made = applied("Activation", [[3.0, 0.0]], activation="glu")
    assert made.outputs[0].tolist() == [[1.5]]
    assert by_input(made).tolist() == [[0.5, 0.75]]


# -- training, states, sharing ------------------------------------------------------------------


def test_moving_statistics_after_a_training_pass(keras):
    with in_float64():
        layer = keras.layers.BatchNormalization(momentum=0.75, name="norm")
        model = keras.Sequential([keras.Input((3,)), layer])
        x = RNG.normal(size=(5, 3))
        found = ka.backprop(model, x, x, loss="mse", training=True)
        model(x, training=True)
    for name in ("moving_mean", "moving_variance"):
        kept = np.asarray(getattr(layer, name))
        np.testing.assert_allclose(found.updates[f"norm/{name}"], kept, rtol=1e-12)
    layer.trainable = False
    assert not ka.backprop(model, x, x, loss="mse", training=True).updates


def test_the_models_mode_holds_over_the_calls_own(keras):
    with in_float64():
        x = keras.Input((3,))
        model = keras.Model(x, keras.layers.BatchNormalization()(x, training=False))
        for training in (True, False):
            equal_to_tape(model, RNG.normal(size=(4, 3)), training=training)


def test_states_that_are_returned_and_passed_in(keras):
    layers = keras.layers
    with in_float64():
        x = keras.Input((3, 2))
        whole, state = layers.GRU(4, return_sequences=True, return_state=True)(x)
        after = layers.GRU(4)(x, initial_state=state)
        lstm = layers.LSTM(2, return_state=True)(x)
        made = layers.Concatenate()([layers.Flatten()(whole), after, *lstm])
        equal_to_tape(keras.Model(x, layers.Dense(2)(made)), RNG.normal(size=(4, 3, 2)))


@pytest.mark.parametrize("mode", ["sum", None])
def test_both_directions_with_states(keras, mode):
    layers = keras.layers
    with in_float64():
        x = keras.Input((3, 2))
        inner = layers.LSTM(2, return_sequences=True, return_state=True)
        made = layers.Bidirectional(inner, merge_mode=mode)(x)
        flat = layers.Concatenate()([layers.Flatten()(one) for one in made])
        equal_to_tape(keras.Model(x, layers.Dense(1)(flat)), RNG.normal(size=(4, 3, 2)))


def test_attention_over_several_axes_with_a_gate_and_scores(keras):
    layers = keras.layers
    with in_float64():
        x = keras.Input((2, 3, 4))
        made = layers.MultiHeadAttention(2, 4, use_gate=True)(x, x)
        z = keras.Input((3, 4))
        y, scores = layers.MultiHeadAttention(2, 4)(z, z, return_attention_scores=True)
        flat = layers.Concatenate()([layers.Flatten()(one) for one in (made, y, scores)])
        model = keras.Model([x, z], layers.Dense(1)(flat))
        scatter_weights(model, RNG)
        model.compile(loss="mse")
        batch = [RNG.normal(size=(2, 2, 3, 4)), RNG.normal(size=(2, 3, 4))]
        _, taped = on_tape(model, batch, np.zeros((2, 1)))
        found = ka.backprop(model, batch, np.zeros((2, 1)))
    assert_equal(found.gradients, taped, 1e-9)


def test_a_model_in_a_model_called_twice_and_a_weight_regularised(keras):
    layers = keras.layers
    inner_input = keras.Input((3,))
    # Keras holds this one's factor in float32, and a weight in float64 does not fit it.
    regularizer = keras.regularizers.OrthogonalRegularizer(0.25)
    hidden = layers.Dense(3, activation="tanh", kernel_regularizer=regularizer)(inner_input)
    inner = keras.Model(inner_input, layers.Dense(3)(hidden))
    x = keras.Input((3,))
    model = keras.Model(x, [inner(inner(x)), layers.Dense(1)(inner(x))])
    found = equal_to_tape(model, RNG.normal(size=(4, 3)), tolerance=1e-4)
    assert len(found.gradients) == 2 + 2 + 2
    assert max(number for _, number in found.values) > 0


def test_frozen_weights_have_no_gradient(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.layers[0].trainable = False
    found = ka.backprop(model, np.ones((1, 2)), np.ones((1, 1)), loss="mse")
    assert set(found.gradients) == {v.path for v in model.layers[1].weights}


def test_two_weights_of_one_path(keras):
    def inner(name):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="same")], name=name)

    x = keras.Input((2,))
    model = keras.Model(x, inner("b")(inner("a")(x)))
    found = ka.backprop(model, np.ones((1, 2)), np.ones((1, 2)), loss="mse")
    assert len(found.gradients) == 4
    assert found.gradients["a/same/kernel"].shape == (2, 2)


def test_lookups_and_inputs_of_another_rank(keras):
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    found = ka.backprop(model, np.ones((2, 3)), np.ones((2, 1)), loss="mse")
    assert found.predictions[0].shape == (2, 1)
    with pytest.raises(ShapeError, match=r"expected numbers of shape \(None, 3, 1\)"):
        ka.backprop(model, np.ones((2, 4)), np.ones((2, 1)), loss="mse")


# -- what is refused ----------------------------------------------------------------------------


def refused(model, x):
    with pytest.raises(UnsupportedError) as caught:
        ka.backprop(model, x, np.zeros((len(x), 1)), loss="mse")
    return str(caught.value)


def test_an_unsupported_layer_is_named(keras):
    layers = keras.layers
    x = RNG.normal(size=(2, 3, 2))
    lookups = RNG.integers(0, 4, (2, 3))
    for stack, batch, expected in (
        ([layers.Lambda(abs, name="odd")], x, "layer 'odd' (Lambda)"),
        ([layers.Masking(name="m"), layers.LSTM(1)], x, "layer 'm' (Masking)"),
        ([layers.Embedding(4, 2, mask_zero=True, name="e")], lookups, "mask_zero"),
        ([layers.ConvLSTM1D(1, 1, name="c")], x[..., None], "layer 'c' (ConvLSTM1D)"),
    ):
        model = keras.Sequential([keras.Input(batch.shape[1:]), *stack])
        assert expected in refused(model, batch)


def test_masks_and_constants_of_a_call_are_refused(keras):
    layers = keras.layers
    x, mask = keras.Input((3, 2)), keras.Input((3, 3), dtype="bool")
    model = keras.Model(
        [x, mask], layers.MultiHeadAttention(1, 2, name="a")(x, x, attention_mask=mask)
    )
    batch = [RNG.normal(size=(2, 3, 2)), np.ones((2, 3, 3), bool)]
    with pytest.raises(UnsupportedError, match=r"'a' .*takes a mask or a state"):
        ka.backprop(model, batch, np.zeros((2, 3, 2)), loss="mse")
    model = keras.Model(x, x + 1.0)
    with pytest.raises(UnsupportedError, match="takes a constant"):
        ka.backprop(model, batch[0], batch[0], loss="mse")


def test_quantised_and_adapted_weights_are_refused(keras):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="d")])
    model.layers[0].enable_lora(2)
    assert "LoRA" in refused(model, np.ones((1, 8)))


def test_a_gradient_of_ones_own(keras, monkeypatch):
    from kerasaudit.backprop import rule

    monkeypatch.setattr(rule, "_of_users", {})

    @keras.saving.register_keras_serializable("own")
    class Triple(keras.layers.Layer):
        def call(self, x):
            return 3.0 * x

    @gradient("own>Triple")
    def triple(layer, weights, inputs, mode):
        return Applied((3 * inputs[0],), lambda g: Gradients((3 * g[0],)))

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), Triple()])
    with pytest.raises(RuleError, match="has a gradient already"):
        gradient("own>Triple")(triple)
    model.compile(loss="mse")
    x = RNG.normal(size=(3, 2))
    _, taped = on_tape(model, x, x)
    assert_equal(ka.backprop(model, x, x).gradients, taped, 1e-4)


# -- batches and configs that do not serve ------------------------------------------------------


def test_batches_that_do_not_serve_are_named(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for x, told in (
        (np.zeros((0, 2)), "at least one example, received 0"),
        ([[1.0, 2.0], [3.0]], "received list"),
    ):
        with pytest.raises(ShapeError, match=told):
            ka.backprop(model, x, np.zeros((len(x), 1)), loss="mse")
    one, other = keras.Input((2,)), keras.Input((2,))
    both = keras.Model([one, other], keras.layers.Add()([one, other]))
    with pytest.raises(ShapeError, match="of one length, at least one example, received 1 and 3"):
        ka.backprop(both, [np.ones((3, 2)), np.ones((1, 2))], np.zeros((3, 2)), loss="mse")


def test_bfloat16_is_a_number(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    x = keras.ops.convert_to_numpy(keras.ops.ones((3, 2), "bfloat16"))
    half = x.astype(np.dtype("bfloat16")) if x.dtype.name != "bfloat16" else x
    found = ka.backprop(model, half, np.zeros((3, 1)), loss="mse")
    assert found.loss == ka.backprop(model, np.ones((3, 2)), np.zeros((3, 1)), loss="mse").loss


def test_a_shape_that_the_config_does_not_describe_is_named(keras):
    # Keras's own symbolic shape has (3, 2), of which the equation makes (2,).
    layer = keras.layers.EinsumDense("...x,xy->...y", (2, 3))
    model = keras.Sequential([keras.Input((2, 4)), layer, keras.layers.Dense(2)])
    with pytest.raises(ShapeError, match=r"layer 'dense.*cannot be run on inputs of"):
        ka.backprop(model, np.ones((1, 2, 4)), np.zeros((1, 2, 3, 2)), loss="mse")


def test_an_activation_with_weights_and_a_regulariser_within_are_refused(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, activation=layers.PReLU())])
    with pytest.raises(UnsupportedError, match="the activation PReLU: it has weights"):
        ka.backprop(model, np.ones((1, 2)), np.zeros((1, 3)), loss="mse")
    x = keras.Input((2, 3))
    attention = layers.MultiHeadAttention(1, 2, activity_regularizer="l2")
    with pytest.raises(UnsupportedError, match="activity regulariser within"):
        ka.backprop(
            keras.Model(x, attention(x, x)), np.ones((1, 2, 3)), np.zeros((1, 2, 3)), loss="mse"
        )
