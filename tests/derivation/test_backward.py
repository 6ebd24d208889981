"""MACs of the backward pass by hand: which gradient of which contraction a training step needs."""

from __future__ import annotations

import json

import keras
import pytest
from keras import layers

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.backward import backward_macs


def of(model):
    architecture = derive_architecture(json.loads(model.to_json()))
    figures = backward_macs(architecture)
    return {call.path: figure for call, figure in zip(architecture.calls, figures, strict=True)}


def chain(shape, *stack):
    return of(keras.Sequential([keras.Input(shape, name="x"), *stack]))


def test_the_first_layer_needs_no_gradient_by_the_data():
    figures = chain((4,), layers.Dense(8, name="a"), layers.Dense(2, name="b"))
    assert figures == {"x": 0, "a": 4 * 8, "b": 2 * (8 * 2)}


def test_a_convolutional_net():
    figures = chain(
        (28, 28, 1),
        layers.Conv2D(32, 3, name="conv"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(64, 3, name="conv_1"),
        layers.Flatten(name="flat"),
        layers.Dense(10, name="dense"),
    )
    assert figures == {
        "x": 0,
        "conv": 26 * 26 * 3 * 3 * 1 * 32,
        "pool": 0,
        "conv_1": 2 * (11 * 11 * 3 * 3 * 32 * 64),
        "flat": 0,
        "dense": 2 * (11 * 11 * 64 * 10),
    }


def test_a_frozen_head_and_a_frozen_base():
    frozen = {"trainable": False}
    base = chain((4,), layers.Dense(8, name="a", **frozen), layers.Dense(2, name="b"))
    # Nothing is trained before a: no gradient passes it, and b needs none by what it is given.
    assert base == {"x": 0, "a": 0, "b": 8 * 2}
    head = chain((4,), layers.Dense(8, name="a"), layers.Dense(2, name="b", **frozen))
    assert head == {"x": 0, "a": 4 * 8, "b": 8 * 2}  # by b's input alone


def test_a_trained_normalization_before_a_frozen_layer_needs_its_gradient():
    normalization = layers.BatchNormalization(name="bn")
    figures = chain((4,), normalization, layers.Dense(8, name="a", trainable=False))
    assert figures == {"x": 0, "bn": 0, "a": 4 * 8}
    untrained = layers.BatchNormalization(name="bn", scale=False, center=False)
    assert chain((4,), untrained, layers.Dense(8, name="a", trainable=False))["a"] == 0


def test_a_model_that_is_frozen_whole_has_no_backward_pass():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(2)])
    model.trainable = False
    assert set(of(model).values()) == {0}


def test_a_frozen_nested_model():
    base = keras.Sequential([keras.Input((4,)), layers.Dense(8, name="inside")], name="base")
    base.trainable = False
    inputs = keras.Input((4,), name="x")
    figures = of(keras.Model(inputs, layers.Dense(2, name="head")(base(inputs))))
    assert figures["base/inside"] == 0
    assert figures["head"] == 8 * 2


def test_a_shared_layer_costs_by_call():
    shared = layers.Dense(4, name="shared", use_bias=False)
    inputs = keras.Input((4,), name="x")
    architecture = derive_architecture(
        json.loads(keras.Model(inputs, shared(shared(inputs))).to_json())
    )
    assert backward_macs(architecture) == (0, 4 * 4, 2 * 4 * 4)


def test_a_separable_convolution_needs_its_own_half_by_input():
    depthwise, pointwise = 6 * 6 * 3 * 3 * 4, 6 * 6 * 4 * 5
    first = chain((8, 8, 4), layers.SeparableConv2D(5, 3, name="s"))
    assert first["s"] == depthwise + 2 * pointwise
    later = chain((8, 8, 4), layers.PReLU(), layers.SeparableConv2D(5, 3, name="s"))
    assert later["s"] == 2 * (depthwise + pointwise)


def test_a_recurrent_layer_passes_gradients_back_through_its_own_state():
    # 5 steps; four gates of 6 units from 3 features and from the state of the step before
    by_input, by_state = 5 * 3 * 4 * 6, 5 * 6 * 4 * 6
    assert chain((5, 3), layers.LSTM(6, name="lstm"))["lstm"] == by_input + 2 * by_state
    later = chain((5, 3), layers.BatchNormalization(), layers.LSTM(6, name="lstm"))
    assert later["lstm"] == 2 * (by_input + by_state)
    both = chain((5, 3), layers.Bidirectional(layers.LSTM(6), name="both"))
    assert both["both"] == 2 * (by_input + 2 * by_state)


def test_attention_needs_the_gradients_of_its_scores_and_of_what_it_projects_last():
    inputs = keras.Input((7, 8), name="x")
    attention = layers.MultiHeadAttention(2, 3, name="attention")
    model = keras.Model(inputs, attention(inputs, inputs))
    inward, outward, scores = 3 * (7 * 8 * 2 * 3), 7 * 2 * 3 * 8, 2 * 7 * 7 * (3 + 3)
    assert of(model)["attention"] == inward + 2 * outward + 2 * scores
    attention.trainable = False
    assert of(model)["attention"] == 0
    embedded = layers.BatchNormalization()(inputs)
    again = layers.MultiHeadAttention(2, 3, name="attention")
    later = keras.Model(inputs, again(embedded, embedded))
    assert of(later)["attention"] == 2 * (inward + outward + scores)


@pytest.mark.parametrize(("trained", "times"), [((), 0), (("a",), 1), (("b",), 1), (("a", "b"), 2)])
def test_a_product_of_activations_has_a_gradient_by_each_operand_that_is_trained(trained, times):
    inputs = keras.Input((6, 4), name="x")
    one = layers.Dense(3, name="a", trainable="a" in trained)(inputs)
    other = layers.Dense(3, name="b", trainable="b" in trained)(inputs)
    figures = of(keras.Model(inputs, layers.Dot(axes=2, name="dot")([one, other])))
    assert figures["dot"] == times * (6 * 6 * 3)


def test_an_unknown_extent_and_an_unsupported_layer_are_unknown():
    figures = chain((None, 4), layers.Dense(8, name="a"))
    assert figures == {"x": 0, "a": None}
    own = {"module": "mine", "registered_name": "mine>Own", "class_name": "Own"}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {**own, "config": {"name": "own"}},
                {
                    "class_name": "Dense",
                    "config": {"name": "a", "units": 2},
                    "build_config": {"input_shape": [None, 4]},
                },
            ],
        },
    }
    # What precedes the Dense layer may be trained or not.
    assert backward_macs(derive_architecture(config)) == (0, None, None)


def test_resnet50_trained_whole_costs_twice_the_forward_pass_less_its_first_layer():
    model = keras.applications.ResNet50(weights=None)
    architecture = derive_architecture(json.loads(model.to_json()))
    first = 112 * 112 * 7 * 7 * 3 * 64
    forward = sum(layer.macs for layer in architecture.layers)
    assert sum(backward_macs(architecture)) == 2 * forward - first
