"""A layer's config: who it is, and values that no layer can have."""

from __future__ import annotations

import keras
import pytest

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError


def config(class_name, **values):
    return {"module": "keras.layers", "class_name": class_name, "config": values}


CONV = {"filters": 4, "kernel_size": 3}
MAP, VECTOR, SEQUENCE = (None, 8, 8, 4), (None, 6), (None, 8, 4)

# Keras refuses each of these, and so must we, naming the value.
REFUSED = [
    *(("Dense", {"units": units}, VECTOR) for units in (-1, 0, "64", None, 1.5, [3])),
    ("Dense", {}, VECTOR),
    *(("Conv2D", {**CONV, "filters": value}, MAP) for value in (0, -2, "4", 1.5)),
    *(("Conv2D", {**CONV, "kernel_size": v}, MAP) for v in (0, -1, [3], [3, 3, 3], "3", [3, 0])),
    *(("Conv2D", {**CONV, "strides": value}, MAP) for value in (0, [1], [2, -1])),
    *(("Conv2D", {**CONV, "groups": value}, MAP) for value in (0, 3, -1)),
    ("Conv2D", {**CONV, "padding": "full"}, MAP),
    ("Conv2D", {**CONV, "padding": "causal"}, MAP),
    ("Conv2D", {**CONV, "data_format": "channels"}, MAP),
    ("Conv2D", {**CONV, "strides": 2, "dilation_rate": 2}, MAP),
    ("Conv2D", {**CONV, "groups": 2}, (None, 8, 8, 3)),
    ("Conv2D", {**CONV, "kernel_size": 9}, MAP),
    ("Conv2D", CONV, SEQUENCE),
    ("Conv2D", CONV, (None, 8, 8, None)),
    ("Conv2DTranspose", {**CONV, "output_padding": 1}, MAP),
    ("Conv2DTranspose", {**CONV, "padding": "causal"}, MAP),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, MAP),
    ("SeparableConv1D", {**CONV, "padding": "causal"}, SEQUENCE),
    ("MaxPooling2D", {"pool_size": 0}, MAP),
    ("MaxPooling2D", {"pool_size": 9}, MAP),
    ("MaxPooling2D", {"padding": "causal"}, MAP),
    ("GlobalAveragePooling2D", {}, SEQUENCE),
    ("AdaptiveMaxPooling2D", {"output_size": [2]}, MAP),
    ("AdaptiveMaxPooling2D", {}, MAP),
    ("BatchNormalization", {"axis": 4}, MAP),
    ("BatchNormalization", {}, (None, None)),
    ("LayerNormalization", {"axis": "last"}, MAP),
    ("LayerNormalization", {"axis": -5}, MAP),
    *(("GroupNormalization", {"groups": groups}, MAP) for groups in (0, -2, 3, 8, "1")),
    ("GroupNormalization", {}, MAP),  # 32 groups by default, of 4 channels
    ("UnitNormalization", {"axis": 4}, MAP),
    ("Normalization", {"mean": [1.0] * 4}, MAP),
    ("Normalization", {"mean": [1.0] * 3, "variance": [1.0] * 3}, MAP),
    ("Normalization", {"mean": [1.0] * 4, "variance": [1.0] * 3}, MAP),
    ("Normalization", {"axis": [1, -3]}, MAP),
    ("Normalization", {"mean": 0.0, "variance": 1.0, "axis": 7}, MAP),
    ("PReLU", {"shared_axes": [4]}, MAP),
    ("PReLU", {}, (None, None, 4)),
    ("Reshape", {"target_shape": [-1, -1]}, VECTOR),
    ("Reshape", {"target_shape": [4]}, VECTOR),
    ("Reshape", {"target_shape": [-2]}, VECTOR),
    ("Reshape", {}, VECTOR),
    ("Reshape", {}, (None, 1)),
    ("Permute", {"dims": [1, 1]}, SEQUENCE),
    ("Permute", {"dims": [2, 1]}, VECTOR),
    ("Permute", {}, SEQUENCE),
    ("RepeatVector", {"n": 0}, VECTOR),
    ("RepeatVector", {"n": 2}, SEQUENCE),
    ("ZeroPadding2D", {"padding": [1, 2, 3]}, MAP),
    ("ZeroPadding2D", {"padding": [[1, 2], [3]]}, MAP),
    ("ZeroPadding1D", {"padding": -1}, SEQUENCE),
    ("Cropping2D", {"cropping": 4}, MAP),
    ("Cropping2D", {"cropping": -1}, MAP),
    ("UpSampling2D", {"size": 0}, MAP),
    ("UpSampling1D", {"size": [2]}, SEQUENCE),
    ("Concatenate", {}, [(None, 3), (None, 3, 4)]),
    ("Concatenate", {"axis": 1}, [(None, 3, 4), (None, 3, 5)]),
    ("Concatenate", {"axis": 3}, [(None, 3), (None, 4)]),
    ("Concatenate", {"axis": []}, [(None, 3), (None, 4)]),
    ("Add", {}, [(None, 3), (None, 4)]),
    ("Add", {}, [(), ()]),
    ("Add", {}, [(2, 3), (4, 3)]),
    ("Subtract", {}, [VECTOR] * 3),
    ("Dot", {"axes": 1}, [(None, 3), (None, 4)]),
    ("Dot", {"axes": 1}, [(None, 3)] * 3),
    ("Dot", {"axes": [1]}, [(None, 3)] * 2),
    ("Dot", {}, [(None, 3)] * 2),
    ("SpatialDropout2D", {"rate": 0.5}, SEQUENCE),
]


@pytest.mark.parametrize(("class_name", "values", "shapes"), REFUSED)
def test_what_keras_refuses_is_refused(class_name, values, shapes):
    several = isinstance(shapes, list)
    inputs = [keras.KerasTensor(shape) for shape in (shapes if several else [shapes])]
    with pytest.raises(Exception):  # noqa: B017, PT011 - ValueError, TypeError, IndexError, …
        getattr(keras.layers, class_name)(**values)(inputs if several else inputs[0])
    with pytest.raises(ConfigError) as raised:
        derive({**config(class_name, name="mine", **values)}, shapes)
    assert "'mine'" in str(raised.value)
    assert "received" in str(raised.value)
    assert "\n" not in str(raised.value)


# Keras takes these; we do not, and here is why.
STRICTER = {
    "a bool is no number": ("Dense", {"units": True}, VECTOR),
    "a flag is a bool": ("Dense", {"units": 3, "use_bias": "no"}, VECTOR),
    "a slope's axis is counted from 1": ("PReLU", {"shared_axes": [-1]}, MAP),
    "a slope needs an axis of features": ("PReLU", {}, (None,)),
}


@pytest.mark.parametrize(("class_name", "values", "shape"), STRICTER.values(), ids=STRICTER)
def test_what_only_we_refuse(class_name, values, shape):
    getattr(keras.layers, class_name)(**values)(keras.KerasTensor(shape))
    with pytest.raises(ConfigError):
        derive(config(class_name, **values), shape)


# Keras refuses these; they enter no figure of ours, so we do not look at them.
NOT_READ = [
    ("LeakyReLU", {"negative_slope": -1}, VECTOR),
    ("Dense", {"units": 3, "activation": "no such"}, VECTOR),
    ("Dense", {"units": 3, "kernel_initializer": "no such"}, VECTOR),
    ("MaxPooling2D", {"padding": "SAME"}, MAP),  # as the convolutions read it
]


@pytest.mark.parametrize(("class_name", "values", "shape"), NOT_READ)
def test_what_enters_no_figure_is_not_judged(class_name, values, shape):
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(keras.layers, class_name)(**values)(keras.KerasTensor(shape))
    derive(config(class_name, **values), shape)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        *((shape, ShapeError) for shape in (None, 7, "28", [], {}, [[[3]]], [None, "3"], (2.0, 3))),
        *((shape, ShapeError) for shape in ((), (None, -3), (None, True), [(None, 3), 4])),
        *((shape, ShapeError) for shape in ([(None, 3), (None, 3)], {"a": (None, 3), 1: (None,)})),
        ((None,), ShapeError),
    ],
    ids=repr,
)
def test_an_input_shape_that_is_none(shape, error):
    with pytest.raises(error, match=r"expected .* received"):
        derive(config("Dense", units=3), shape)


@pytest.mark.parametrize("shape", [(None, 5), [None, 5], [(None, 5)], {"x": [None, 5]}], ids=repr)
def test_forms_of_one_input_shape(shape):
    assert derive(config("Dense", units=3), shape).output_shape == (None, 3)


def test_a_dict_of_shapes_is_taken_in_the_order_of_its_keys():
    shapes = {"b": (None, 5), "a": (None, 3)}
    # Dot over axis 1 of a, axis 1 of b would not fit; the order shows in Concatenate's axis 0.
    assert derive(config("Concatenate"), shapes).output_shape == (None, 8)


@pytest.mark.parametrize(
    "serialised",
    [None, [], "Dense", {}, {"class_name": "Dense"}, {"class_name": "Dense", "config": None},
     {"class_name": "", "config": {}}, {"class_name": 5, "config": {}}, {"config": {}}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_layer(serialised):
    with pytest.raises(ConfigError, match="received"):
        derive(serialised, VECTOR)


# -- dtypes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "dtype"),
    [
        ("float32", "float32"),
        ("float16", "float16"),
        ("bfloat16", "bfloat16"),
        ("float64", "float64"),
        ("mixed_float16", "float32"),
        ("mixed_bfloat16", "float32"),
    ],
)
def test_weights_have_the_dtype_that_keras_gives_them(policy, dtype):
    layer = keras.layers.Dense(3, dtype=policy)
    layer.build(VECTOR)
    assert {weight.dtype for weight in layer.weights} == {dtype}
    as_string = config("Dense", units=3, dtype=policy)
    for serialised in (as_string, keras.saving.serialize_keras_object(layer)):
        assert {weight.dtype for weight in derive(serialised, VECTOR).weights} == {dtype}


def test_no_dtype_is_float32():
    assert derive(config("Dense", units=3), VECTOR).weights[0].dtype == "float32"


@pytest.mark.parametrize("policy", ["float31", "mixed_float64", 7, ["float32"], {}], ids=repr)
def test_a_dtype_that_is_none(policy):
    with pytest.raises((ConfigError, UnsupportedError), match="dtype"):
        derive(config("Dense", units=3, dtype=policy), VECTOR)


# -- identity -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "registered", "keys"),
    [
        ("keras.layers", None, ("Dense",)),
        ("keras.src.layers.core.dense", "Dense", ("Dense",)),
        ("keras", None, ("Dense",)),
        (None, None, ("Dense",)),  # Keras 2, or written by hand
        ("keras.src.ops.nn", "Dense", ("keras.ops.Dense",)),
        ("mine.layers", None, ("mine.layers.Dense",)),
        ("keras_hub.layers", "keras_hub>Dense", ("keras_hub>Dense", "keras_hub.layers.Dense")),
        (None, "pkg>Dense", ("pkg>Dense", "__main__.Dense")),
        (None, "Dense", ("__main__.Dense",)),
        ("kerasnot.layers", None, ("kerasnot.layers.Dense",)),
    ],
)
def test_keys(module, registered, keys):
    serialised = {"class_name": "Dense", "config": {}}
    serialised |= {"module": module, "registered_name": registered}
    assert LayerConfig(serialised).keys == keys


def test_a_rate_decides_whether_a_layer_keeps_a_generator_so_it_is_read():
    with pytest.raises(ConfigError, match="rate must be a number between 0 and 1, received 7"):
        derive(config("Dropout", rate=7), VECTOR)
