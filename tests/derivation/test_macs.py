"""MACs against counts made another way: by loops over positions, and by adding up ones.

The policy: every use of a kernel element at a window position is one multiply-accumulate,
positions that padding adds included; a transposed convolution's positions are its input's.
Bias and element-wise work do not count, and an unknown extent gives None.
"""

from __future__ import annotations

import itertools
import math

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kerasaudit.derivation.rule import derive, registered_rules
from tests.derivation import live
from tests.derivation.strategies import COUNTING, STRATEGIES

pytestmark = pytest.mark.filterwarnings("ignore:You passed `rms_scaling")

CONVOLVING = ("Conv", "DepthwiseConv", "SeparableConv")


def derived(layer, shapes):
    return derive(keras.saving.serialize_keras_object(layer), shapes).macs


def starts(length, size, stride, dilation, padding):
    """Where the window is put down along one axis of the padded input, one by one."""
    span = dilation * (size - 1) + 1
    if padding == "same":
        outputs = math.ceil(length / stride)
        length += max((outputs - 1) * stride + span - length, 0)
    if padding == "causal":
        length += span - 1
    return [start for start in range(0, length, stride) if start + span <= length]


def uses(positions, kernels):
    """Count, one at a time, the uses of every element of every kernel at every position."""
    return sum(
        1
        for _ in itertools.product(*positions)
        for kernel in kernels
        for _ in np.ndindex(*kernel.shape)
    )


@st.composite
def windows(draw, rank):
    """A window and a small input that it fits into."""
    axis = st.integers(1, 3)
    made = {
        "kernel_size": draw(st.tuples(*[axis] * rank)),
        "padding": draw(st.sampled_from(["valid", "same"])),
        "data_format": draw(st.sampled_from(["channels_last", "channels_first"])),
        "use_bias": draw(st.booleans()),
    }
    made[draw(st.sampled_from(["strides", "dilation_rate"]))] = draw(axis)
    spatial = draw(st.tuples(*[st.integers(1, 7 if rank < 3 else 5)] * rank))
    channels = draw(st.integers(1, 2)) * 2
    inner = (channels, *spatial)
    if made["data_format"] == "channels_last":
        inner = (*spatial, channels)
    return made, spatial, (None, *inner)


@pytest.mark.parametrize(
    "name",
    [n for n in STRATEGIES if n.startswith(CONVOLVING) and not ("Transpose" in n or "LSTM" in n)],
)
def test_convolutions_use_each_kernel_element_at_each_position(name):
    rank = int(name[-2])

    @live.examples(8)
    @given(windows(rank), st.data())
    def check(window, data):
        made, spatial, shape = window
        if not name.startswith("Depthwise"):
            made["filters"] = 2
        if name.startswith("Conv"):
            made["groups"] = data.draw(st.sampled_from([1, 2]))
        else:
            made["depth_multiplier"] = data.draw(st.integers(1, 2))
        if name == "Conv1D" and data.draw(st.booleans()):
            made["padding"] = "causal"
        layer = getattr(keras.layers, name)(**made)
        positions = [
            starts(*axis, made["padding"])
            for axis in zip(
                spatial, layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
            )
        ]
        assume(all(positions))  # the window fits
        layer.build(shape)
        kernels = [weight for weight in layer.weights if weight.name != "bias"]
        assert derived(layer, shape) == uses(positions, kernels)

    check()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed_convolutions_use_each_kernel_element_at_each_input_position(rank):
    @live.examples(8)
    @given(windows(rank))
    def check(window):
        made, spatial, shape = window
        layer = getattr(keras.layers, f"Conv{rank}DTranspose")(filters=3, **made)
        layer.build(shape)
        assert derived(layer, shape) == uses(map(range, spatial), [layer.kernel])

    check()


def total_of_ones(layer, *shapes):
    """The sum of the layer's output where inputs and kernels are ones: a 1 for each product."""
    inputs = [np.ones((1, *shape[1:]), "float32") for shape in shapes]
    layer.build(shapes[0] if len(shapes) == 1 else list(shapes))
    layer.set_weights([np.ones(weight.shape, "float32") for weight in layer.weights])
    return int(np.sum(layer(inputs[0] if len(inputs) == 1 else inputs)))


ONES = {
    "dense on features": (keras.layers.Dense(5, use_bias=False), (None, 7)),
    "dense on a sequence": (keras.layers.Dense(5, use_bias=False), (None, 4, 3, 7)),
    "conv": (keras.layers.Conv2D(4, (3, 2), strides=2, use_bias=False), (None, 9, 8, 3)),
    "grouped": (keras.layers.Conv2D(6, 3, groups=3, use_bias=False), (None, 6, 7, 9)),
    "dilated": (keras.layers.Conv1D(2, 3, dilation_rate=2, use_bias=False), (None, 9, 2)),
    "depthwise": (
        keras.layers.DepthwiseConv2D(2, depth_multiplier=3, use_bias=False),
        (None, 5, 5, 4),
    ),
    "transposed": (
        keras.layers.Conv2DTranspose(3, 3, strides=2, use_bias=False),
        (None, 4, 5, 2),
    ),
    "dot of matrices": (keras.layers.Dot(axes=(2, 1)), (None, 4, 6), (None, 6, 5)),
    "dot of vectors": (keras.layers.Dot(axes=1), (None, 8), (None, 8)),
    "dot of a matrix and a vector": (keras.layers.Dot(axes=(1, 1)), (None, 3, 4), (None, 3)),
}


@pytest.mark.parametrize("case", ONES.values(), ids=ONES)
def test_every_product_of_ones_adds_one_to_the_sum_that_keras_computes(case):
    layer, *shapes = case
    macs = derived(layer, shapes[0] if len(shapes) == 1 else shapes)
    assert macs == total_of_ones(layer, *shapes)


@live.examples(20)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.integers(1, 4),
    st.data(),
)
def test_dot_multiplies_as_often_as_its_einsum(one, other, contracted, data):
    first = data.draw(st.integers(0, len(one)))
    second = data.draw(st.integers(0, len(other)))
    one.insert(first, contracted)
    other.insert(second, contracted)
    labels = "abcdefgh"
    left = list(labels[: len(one)])
    right = list(labels[len(one) : len(one) + len(other)])
    right[second] = left[first]
    # Every assignment of the labels' values is one product of the einsum.
    extents = dict(zip(left + right, one + other, strict=True))
    products = sum(1 for _ in np.ndindex(*extents.values()))
    layer = keras.layers.Dot(axes=(first + 1, second + 1))
    assert derived(layer, [(None, *one), (None, *other)]) == products


MACLESS = set(STRATEGIES) - COUNTING


@pytest.mark.parametrize("name", sorted(MACLESS))
def test_element_wise_work_moving_and_pooling_are_0(name):
    module, strategy, _ = STRATEGIES[name]

    @live.examples(2)
    @given(strategy)
    def check(pair):
        case = live.Case(name, *pair, module=module)
        try:
            layer = live.construct(case)
            macs = derived(layer, case.shapes)
        except Exception:  # noqa: BLE001 - what is refused is tested in test_properties.py
            return
        assert macs == 0

    check()


@pytest.mark.parametrize(
    ("name", "arguments", "known", "unknown"),
    [
        ("Conv2D", {"filters": 2, "kernel_size": 3}, (None, 8, 8, 3), (None, None, 8, 3)),
        ("Conv2D", {"filters": 2, "kernel_size": 3}, (2, 8, 8, 3), (2, 8, None, 3)),
        ("DepthwiseConv1D", {"kernel_size": 3}, (None, 8, 3), (None, None, 3)),
        ("SeparableConv1D", {"filters": 2, "kernel_size": 3}, (None, 8, 3), (None, None, 3)),
        ("Conv1DTranspose", {"filters": 2, "kernel_size": 3}, (None, 8, 3), (None, None, 3)),
        ("Dense", {"units": 2}, (None, 8, 3), (None, None, 3)),
        ("Dot", {"axes": 2}, [(None, 3, 4), (None, 5, 4)], [(None, None, 4), (None, 5, 4)]),
    ],
)
def test_an_unknown_extent_gives_unknown_macs_and_never_0(name, arguments, known, unknown):
    config = {"module": "keras.layers", "class_name": name, "config": arguments}
    assert derive(config, known).macs > 0
    assert derive(config, unknown).macs is None


def test_the_batch_does_not_multiply():
    config = {"class_name": "Dense", "config": {"units": 5}}
    # 5 units of 3 features at 4 steps, whatever the batch: 5*3*4
    assert derive(config, (None, 4, 3)).macs == derive(config, (32, 4, 3)).macs == 60


def test_every_rule_that_counts_macs_is_counted_here():
    layers = {n for n, r in registered_rules().items() if r.built_in and "keras.ops" not in n}
    assert layers - live.MODELS - live.FOREIGN == COUNTING | MACLESS
