"""The cases in which other tools are documented to go wrong, each with its figure by hand.

Grouped convolutions counted as full ones, recurrent layers counted for one step, attention without
its score products, nested models counted twice, layers shared on two sizes counted once, packed
kernels counted as a smaller model, adapters counted as parameters of the model, and optimizer
variables that a summary adds to the parameters.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import kerasaudit as ka

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def test_a_grouped_convolution_sees_its_own_channels_alone():
    model = keras.Sequential([keras.Input((8, 8, 12)), layers.Conv2D(6, 3, groups=3, name="g")])
    totals = ka.audit(model).totals
    assert totals.derived == model.count_params() == 3 * 3 * 4 * 6 + 6
    assert totals.macs == 6 * 6 * (3 * 3 * 4 * 6)


def test_an_lstm_multiplies_at_every_step():
    model = keras.Sequential([keras.Input((10, 8)), layers.LSTM(5, name="lstm")])
    totals = ka.audit(model).totals
    assert totals.derived == model.count_params() == 4 * (8 * 5 + 5 * 5 + 5)
    assert totals.macs == 10 * 4 * (8 * 5 + 5 * 5)


def test_attention_has_two_products_that_no_weight_takes_part_in():
    x = keras.Input((10, 8))
    model = keras.Model(x, layers.MultiHeadAttention(2, 4, use_bias=False, name="attend")(x, x))
    totals = ka.audit(model).totals
    assert totals.derived == model.count_params() == 4 * 8 * 2 * 4
    assert totals.macs == 10 * 4 * (8 * 2 * 4) + 2 * (10 * 10) * (2 * 4)


def test_a_nested_model_that_is_called_twice_is_counted_once():
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(8, name="dense")], name="inner")
    x = keras.Input((8,))
    model = keras.Model(x, inner(inner(x)))
    totals = ka.audit(model).totals
    assert totals.derived == model.count_params() == 8 * 8 + 8
    assert totals.macs == 2 * 8 * 8


def test_a_layer_that_is_shared_on_two_sizes_multiplies_on_both():
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    large, small = keras.Input((16, 16, 3)), keras.Input((8, 8, 3))
    model = keras.Model([large, small], [shared(large), shared(small)])
    audit = ka.audit(model)
    assert audit.totals.derived == model.count_params() == 3 * 3 * 3 * 4 + 4
    assert audit.totals.macs == (16 * 16 + 8 * 8) * (3 * 3 * 3 * 4)
    assert [call.macs for call in audit.calls if call.layer == "shared"] == [27_648, 6_912]


def test_a_packed_dense_layer_stands_for_the_parameters_of_the_float_one():
    model = keras.Sequential([keras.Input((300,)), layers.Dense(7, name="out")])
    model.quantize("int4")
    totals = ka.audit(model).totals
    # ⌈7/2⌉ bytes a row; ⌈300/128⌉ scales and zero points a unit; the group of each row
    assert totals.derived == model.count_params() == 300 * 4 + 7 + 2 * 3 * 7 + 300
    assert totals.logical == 300 * 7 + 7


def test_adapters_are_no_parameters_of_the_model_that_they_adapt():
    model = keras.Sequential([keras.Input((300,)), layers.Dense(7, name="out")])
    model.get_layer("out").enable_lora(4)
    totals = ka.audit(model).totals
    assert totals.derived == model.count_params() == 300 * 7 + 7 + 300 * 4 + 4 * 7
    assert (totals.logical, totals.adapter) == (300 * 7 + 7, 300 * 4 + 4 * 7)
    assert totals.trainable == 7 + 300 * 4 + 4 * 7


def test_what_the_optimizer_keeps_is_no_parameter():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="out")])
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    summary = next(line for line in lines if "Total params" in line)
    # Adam keeps two moments of each, a learning rate and a step count; the summary adds them all
    assert f"{3 * (4 * 3 + 3) + 2}" in summary
    assert ka.audit(model).totals.derived == model.count_params() == 4 * 3 + 3
