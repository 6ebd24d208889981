"""Receptive fields: by hand, as published, and what one position really answers to.

Published: Araujo, Norris & Sim 2019 (Distill), table of the receptive fields of modern networks,
also in the README of google-research/receptive_field. Theirs are TF-Slim's nets with "same" padding
where Keras pads explicitly, so that ResNet's effective padding differs, and theirs see no Flatten.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from keras import layers

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.receptive_field import receptive_fields
from models.alexnet import alexnet
from models.resnet import resnet50
from models.vgg import vgg16
from tests.derivation import live


def fields(model, **options):
    architecture = derive_architecture(json.loads(model.to_json()), **options)
    found = receptive_fields(architecture)
    return {call.path: field for call, field in zip(architecture.calls, found, strict=True)}


def chain(shape, *stack):
    model = keras.Sequential([keras.Input(shape), *stack])
    return list(fields(model).values())[-1]


def figures(field):
    return None if field is None else (field.size, field.stride, field.padding)


# -- published ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "layer", "size", "padding"),
    [
        (alexnet, "pool5", 195, 64),
        (vgg16, "pool5", 212, 90),
        # 239 in the table: there the pooling's padding at stride 2 is "same", 0 before; here 1.
        (resnet50, "conv5_block3_out", 483, 239 + 1 * 2),
    ],
)
def test_published_fields_of_the_builders(build, layer, size, padding):
    field = fields(build())[layer]
    assert figures(field) == ((size, size), (32, 32), (padding, padding))


@pytest.mark.parametrize(
    ("name", "layer", "size", "padding"),
    [
        ("MobileNet", "conv_pw_13_relu", 315, 126),
        ("InceptionV3", "mixed10", 1311, 618),
        ("InceptionResNetV2", "conv_7b_ac", 3039, 1482),
        ("ResNet101", "conv5_block3_out", 1027, 511 + 2),
        ("ResNet152", "conv5_block3_out", 1507, 751 + 2),
    ],
)
def test_published_fields_of_the_applications(name, layer, size, padding):
    field = fields(getattr(keras.applications, name)(weights=None))[layer]
    assert figures(field) == ((size, size), (32, 32), (padding, padding))


# -- by hand ------------------------------------------------------------------------------------


def test_the_recurrences():
    # r: 1 + 2 = 3, + 1 = 4, + 2·2 = 8; j: 1, 2, 2; dilation 2: + 2·(3 − 1)·2 = 16
    stack = [layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.Conv2D(4, 3)]
    assert figures(chain((28, 28, 1), *stack)) == ((8, 8), (2, 2), (0, 0))
    dilated = layers.Conv2D(4, 3, dilation_rate=2)
    assert figures(chain((28, 28, 1), *stack, dilated)) == ((16, 16), (2, 2), (0, 0))


def test_axes_are_apart():
    stack = [layers.Conv2D(2, (1, 5), strides=(2, 1)), layers.Conv2D(2, (3, 1))]
    assert figures(chain((20, 20, 1), *stack)) == ((1 + 2 * 2, 5), (2, 1), (0, 0))


@pytest.mark.parametrize(("length", "before"), [(224, 0), (225, 1)])
def test_same_padding_depends_on_the_extent(length, before):
    # ⌈224/2⌉ = 112 positions: 111·2 + 3 − 224 = 1 to pad, 0 of it before; 113: 112·2 + 3 − 225 = 2
    field = chain((length, 3), layers.Conv1D(2, 3, strides=2, padding="same"))
    assert figures(field) == ((3,), (2,), (before,))


def test_an_unknown_extent_leaves_size_and_stride_known():
    field = chain((None, 3), layers.Conv1D(2, 3, strides=2, padding="same"))
    assert figures(field) == ((3,), (2,), None)
    field = chain((None, 3), layers.Conv1D(2, 3, padding="same"))
    assert figures(field) == ((3,), (1,), (1,))  # at stride 1 nothing depends on it


def test_causal_and_explicit_padding():
    assert figures(chain((9, 1), layers.Conv1D(1, 3, dilation_rate=2, padding="causal"))) == (
        (5,),
        (1,),
        (4,),
    )
    stack = [layers.ZeroPadding2D(((3, 0), (1, 2))), layers.Cropping2D(1), layers.Conv2D(1, 3)]
    assert figures(chain((9, 9, 1), *stack)) == ((3, 3), (1, 1), (3 - 1, 1 - 1))


def test_before_any_window_there_is_no_field():
    assert chain((8, 8, 3), layers.Rescaling(2.0), layers.BatchNormalization()) is None


def test_what_works_position_by_position_hands_the_field_on():
    stack = [
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.1),
        layers.Dense(3),
        layers.LayerNormalization(),
        layers.Softmax(),
        layers.PReLU(),
    ]
    assert figures(chain((8, 8, 3), *stack)) == ((3, 3), (1, 1), (0, 0))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Flatten(),
        layers.UpSampling2D(2),
        layers.Conv2DTranspose(2, 3, strides=2),
        layers.LayerNormalization(axis=[1, 2, 3]),
        layers.GroupNormalization(2),
        layers.Softmax(axis=1),
        layers.Permute((2, 1, 3)),
        layers.Reshape((36, 4)),
    ],
    ids=lambda layer: layer.name,
)
def test_what_moves_or_mixes_positions_ends_it(layer):
    assert chain((8, 8, 3), layers.Conv2D(4, 3), layer) is None


def test_global_pooling_sees_everything_and_what_it_gates_does():
    x = inputs = keras.Input((16, 12, 3))
    x = layers.Conv2D(4, 3, padding="same")(x)
    gate = layers.GlobalAveragePooling2D(name="pool")(x)
    gate = layers.Dense(4, name="gate")(layers.Reshape((1, 1, 4))(gate))
    model = keras.Model(inputs, layers.Conv2D(2, 3)(layers.Multiply(name="gated")([x, gate])))
    found = fields(model)
    whole = ((16, 12), (0, 0), (0, 0))
    assert {name: figures(found[name]) for name in ("pool", "gate", "gated")} == dict.fromkeys(
        ("pool", "gate", "gated"), whole
    )
    assert figures(list(found.values())[-1]) == whole


def test_global_pooling_of_what_leaves_positions_out_is_not_everything():
    # Positions 0, 2, …, 12 of 14: the last one is never seen.
    field = chain((14, 1), layers.Conv1D(2, 1, strides=2), layers.GlobalMaxPooling1D())
    assert figures(field) == ((13,), (0,), (0,))


def test_where_strides_differ_there_is_no_one_figure():
    inputs = keras.Input((16, 1))
    one = layers.Conv1D(2, 2, strides=2)(inputs)
    other = layers.Cropping1D((4, 4))(layers.Conv1D(2, 1)(inputs))
    assert list(fields(keras.Model(inputs, layers.Add()([one, other]))).values())[-1] is None


def test_a_union_spans_all_branches():
    inputs = keras.Input((16, 1))
    one = layers.Conv1D(2, 5, padding="causal")(inputs)  # −4 … 0
    other = layers.Conv1D(2, 3, padding="same")(inputs)  # −1 … 1
    found = list(fields(keras.Model(inputs, layers.Concatenate()([one, other]))).values())[-1]
    assert figures(found) == ((6,), (1,), (4,))


def test_one_position_against_many_is_not_followed():
    inputs = keras.Input((6, 1))
    wide, narrow = layers.Conv1D(2, 1)(inputs), layers.Conv1D(2, 6)(inputs)
    assert list(fields(keras.Model(inputs, layers.Add()([wide, narrow]))).values())[-1] is None


def test_channels_first():
    inputs = keras.Input((3, 225, 9))
    convolution = layers.Conv2D(2, 3, strides=2, padding="same", data_format="channels_first")
    architecture = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": inputs.shape}},
                {"class_name": "Conv2D", "config": convolution.get_config()},
            ],
        },
    }
    found = receptive_fields(derive_architecture(architecture))[-1]
    assert figures(found) == ((3, 3), (2, 2), (1, 1))


def test_a_nested_model_is_walked_through():
    inner = keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(4, 3)], name="inner")
    stack = [layers.Conv2D(4, 3), layers.MaxPooling2D(2), inner]
    assert figures(chain((28, 28, 1), *stack)) == ((8, 8), (2, 2), (0, 0))


# -- what a position answers to ------------------------------------------------------------------


def reach(model, position):
    """First and last position of the input that an output position depends on, for each axis.

    With kernels of ones and no biases the model is linear, so its gradient at an input position is
    its answer to a one there; a line of ones across the other axis asks a whole axis at once.
    (TensorFlow's own gradient aborts the process on some of these windows.)
    """
    extents = model.input_shape[1:3]
    found = []
    for axis, extent in enumerate(extents):
        lines = np.zeros((extent, *model.input_shape[1:]), "float32")
        lines.swapaxes(1, axis + 1)[np.arange(extent), np.arange(extent)] = 1
        answers = np.asarray(model(lines))[(slice(None), *position)].sum(-1)
        reached = np.nonzero(answers)[0]
        found.append((int(reached.min()), int(reached.max())))
    return found


WINDOWED = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "AveragePooling2D")


@st.composite
def windowed(draw, name):
    """A layer with a window, its kernel of ones."""
    size, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    arguments = {"padding": draw(st.sampled_from(["valid", "same"])), "strides": stride}
    if name == "AveragePooling2D":
        return layers.AveragePooling2D((size, draw(st.integers(1, 3))), **arguments)
    if name == "Conv2D":
        arguments["filters"] = 2
        if stride == 1:
            arguments["dilation_rate"] = draw(st.integers(1, 2))
        arguments["kernel_initializer"] = "ones"
    else:
        arguments["depthwise_initializer"] = "ones"
        if name == "SeparableConv2D":
            arguments |= {"filters": 2, "pointwise_initializer": "ones"}
    return getattr(layers, name)(kernel_size=size, **arguments)


@live.examples(40)
@given(st.data())
def test_the_gradient_of_one_position_has_exactly_that_extent(data):
    extent = (data.draw(st.integers(48, 64)), data.draw(st.integers(48, 64)))
    x = inputs = keras.Input((*extent, 1))
    if data.draw(st.booleans()):
        x = layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
    for _ in range(data.draw(st.integers(1, 3))):
        before, x = x, data.draw(windowed(data.draw(st.sampled_from(WINDOWED))))(x)
        if x.shape == before.shape and data.draw(st.booleans()):
            x = layers.Add()([before, x])  # a residual
    assume(min(x.shape[1:3]) >= 3)
    model = keras.Model(inputs, x)
    field = list(fields(model).values())[-1]
    position = tuple(size // 2 + data.draw(st.integers(-1, 0)) for size in x.shape[1:3])
    for axis, (first, last) in enumerate(reach(model, position)):
        start = position[axis] * field.stride[axis] - field.padding[axis]
        end = start + field.size[axis] - 1
        assert first >= start
        assert last <= end
        # At the borders there is padding, and a last stretch that strides leave out.
        if start >= 0 and end + 3 * field.stride[axis] < extent[axis]:
            assert (first, last) == (start, end)
