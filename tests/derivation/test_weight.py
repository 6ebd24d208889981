"""Axes multiply into dimensions and weights; what is no axis is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.derivation.weight import Axis, Weight
from kerasaudit.errors import RuleError
from tests.derivation import live

GATES = Axis("gate", 4, ("i", "f", "c", "o"))
AXES = st.builds(Axis, st.sampled_from(["k", "C", "K", "m"]), st.integers(0, 9))


def test_a_weight_of_plain_axes():
    kernel = Weight("kernel", Axis("kh", 3), Axis("kw", 3), Axis("C_in", 32), Axis("K", 64))
    assert kernel.shape == (3, 3, 32, 64)
    assert kernel.count == 18_432  # 3*3*32*64
    assert (kernel.formula, kernel.working) == ("kh·kw·C_in·K", "3·3·32·64")
    assert kernel.unit == ()


def test_a_dimension_may_be_a_product_of_axes():
    """An LSTM's kernel is d × (gate · unit): 4 gates of 20 units stand in one axis of 80."""
    kernel = Weight("kernel", Axis("d", 16), GATES * Axis("u", 20), unit=("gate", "u"))
    assert kernel.shape == (16, 80)
    assert kernel.count == 16 * 4 * 20
    assert (kernel.formula, kernel.working) == ("d·gate·u", "16·4·20")
    assert [axis.symbol for axis in kernel.axes] == ["d", "gate", "u"]
    assert kernel.axes[1].labels == ("i", "f", "c", "o")
    assert kernel.unit == ("gate", "u")


@pytest.mark.parametrize(
    "product",
    [
        GATES * Axis("u", 5) * Axis("v", 2),
        GATES * (Axis("u", 5) * Axis("v", 2)),
    ],
)
def test_products_associate(product):
    assert product.extent == 4 * 5 * 2
    assert [axis.symbol for axis in product.axes] == ["gate", "u", "v"]


def test_products_of_products():
    assert (GATES * Axis("a", 2) * (Axis("b", 3) * Axis("c", 5))).extent == 4 * 2 * 3 * 5


def test_a_scalar():
    count = Weight("count", trainable=False, dtype="int")
    assert (count.shape, count.count, count.formula, count.working) == ((), 1, "1", "1")


def test_an_empty_axis_counts_nothing():
    assert Weight("w", Axis("a", 0), Axis("b", 7)).count == 0


@live.examples(50)
@given(st.lists(AXES | st.builds(lambda a, b: a * b, AXES, AXES), max_size=4))
def test_count_is_the_product_of_the_working(axes):
    weight = Weight("w", *axes)
    assert weight.count == math.prod(int(factor) for factor in weight.working.split("·"))
    assert weight.count == math.prod(weight.shape)
    assert len(weight.formula.split("·")) == len(weight.working.split("·"))
    assert len(weight.shape) == len(axes)


@pytest.mark.parametrize("extent", [-1, 1.0, "3", None, True, float("nan")], ids=repr)
def test_an_extent_that_is_no_count_is_refused(extent):
    with pytest.raises(RuleError, match="extent"):
        Axis("C", extent)


def test_labels_must_name_every_position():
    with pytest.raises(RuleError, match="labels"):
        Axis("gate", 4, ("i", "f"))


@pytest.mark.parametrize("unit", ["K", ("u", "K"), ["K"]])
def test_the_unit_axis_must_be_an_axis_of_the_weight(unit):
    with pytest.raises(RuleError, match="unit axis"):
        Weight("kernel", Axis("d", 3), Axis("u", 4), unit=unit)


@pytest.mark.parametrize("axis", [3, None, "C", (3, 4)], ids=repr)
def test_what_is_no_axis_is_refused(axis):
    with pytest.raises(RuleError, match="expected axes"):
        Weight("kernel", Axis("d", 3), axis)


def test_a_layer_freezes_and_types_its_weights():
    weight = Weight("gamma", Axis("C", 3), unit="C")
    statistic = Weight("moving_mean", Axis("C", 3), trainable=False)
    count = Weight("count", dtype="int")
    assert weight.in_effect(trainable=True, dtype="float16").trainable
    assert not weight.in_effect(trainable=False, dtype="float16").trainable
    assert not statistic.in_effect(trainable=True, dtype="float16").trainable
    assert weight.in_effect(trainable=True, dtype="float16").dtype == "float16"
    assert count.in_effect(trainable=True, dtype="float16").dtype == "int"
    assert weight.in_effect(trainable=True, dtype="float16").unit == ("C",)
    assert weight.dtype is None  # the rule's own weight is as it was


def test_weights_are_values():
    one, other = (Weight("w", Axis("d", 3), unit="d") for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(AttributeError):
        one.name = "v"
