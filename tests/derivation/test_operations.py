"""`keras.ops` calls in functional configs, each against what live Keras makes of it."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.rule import registered_rules
from tests.derivation import live

UNARY = {
    "Relu": ops.relu,
    "Relu6": ops.relu6,
    "Sigmoid": ops.sigmoid,
    "Silu": ops.silu,
    "Tanh": ops.tanh,
    "Gelu": lambda x: ops.gelu(x, approximate=False),
    "HardSigmoid": ops.hard_sigmoid,
    "HardSilu": ops.hard_swish,
    "Square": ops.square,
    "Sqrt": ops.sqrt,
    "Exp": ops.exp,
    "Log": ops.log,
    "Absolute": abs,
    "Negative": lambda x: -x,
}
BINARY = {
    "Add": ops.add,
    "Subtract": ops.subtract,
    "Multiply": ops.multiply,
    "Divide": ops.divide,
    "TrueDivide": ops.true_divide,
    "Maximum": ops.maximum,
    "Minimum": ops.minimum,
    "Power": ops.power,
}


def test_every_operation_with_a_rule_is_tested():
    rules = {n for n, r in registered_rules().items() if r.built_in and n.startswith("keras.ops.")}
    assert {f"keras.ops.{name}" for name in (*UNARY, *BINARY)} == rules


def agrees(name, inputs, output):
    model = keras.Model(inputs, output)
    architecture = derive_architecture(json.loads(model.to_json()))
    assert f"keras.ops.{name}" in {layer.config.keys[0] for layer in architecture.layers}
    assert not [layer.problems for layer in architecture.layers if layer.problems]
    assert architecture.output_shapes == (tuple(output.shape),)
    assert sum(call.macs for call in architecture.calls) == 0
    assert model.count_params() == 0


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name):
    x = keras.Input((4, None, 3))
    agrees(name, x, UNARY[name](x))


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_operands(name):
    @live.examples(6)
    @given(
        st.lists(st.integers(1, 4), min_size=1, max_size=3),
        st.sampled_from(["tensor", "broadcast", "number", "number first", "array", "by name"]),
    )
    def check(shape, how):
        x, operation = keras.Input(shape), BINARY[name]
        if how in ("tensor", "broadcast"):
            other = keras.Input(shape if how == "tensor" else [1] * len(shape))
            agrees(name, [x, other], operation(x, other))
        elif how == "number":
            agrees(name, x, operation(x, 2))
        elif how == "number first":
            agrees(name, x, operation(0.5, x))
        elif how == "array":
            agrees(name, x, operation(x, np.ones((1, *shape), "float32")))
        else:
            agrees(name, x, operation(x1=x, x2=2.0))

    check()


def test_operators_are_operations():
    x = keras.Input((7,))
    y = keras.Input((1,))
    output = ops.relu((x * 0.5 + y) / 2 - 1)
    architecture = derive_architecture(json.loads(keras.Model([x, y], output).to_json()))
    called = [c.class_name for c in architecture.calls if c.class_name != "InputLayer"]
    assert called == ["Multiply", "Add", "TrueDivide", "Subtract", "Relu"]
    assert architecture.output_shapes == ((None, 7),)


def test_an_operation_without_a_rule_is_unsupported_and_not_counted_as_0():
    x, y = keras.Input((4, 3)), keras.Input((3, 5))
    model = keras.Model([x, y], ops.matmul(x, y))
    architecture = derive_architecture(json.loads(model.to_json()))
    (matmul,) = [layer for layer in architecture.layers if layer.config.class_name == "Matmul"]
    assert [problem.kind for problem in matmul.problems] == ["unsupported"]
    assert matmul.macs is None
    assert matmul.weights is None
