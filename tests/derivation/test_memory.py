"""Bytes of dtypes and weights, and what a dtype policy holds and computes in, against Keras."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.memory import (
    bytes_by_dtype,
    compute_dtype,
    dtype_bytes,
    parameter_bytes,
    policy_name,
)

NUMPY = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16")
POLICIES = ("float32", "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")


@pytest.mark.parametrize("dtype", [*NUMPY, "uint32", "uint64", "bool", "complex64", "complex128"])
def test_the_bytes_of_a_dtype_are_numpys(dtype):
    assert dtype_bytes(dtype) == np.dtype(dtype).itemsize


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("bfloat16", 2),
        ("float8_e4m3fn", 1),
        ("float8_e5m2", 1),
        ("int", None),  # int64 or int32, as the backend has it
        ("string", None),
        ("int4", None),
        ("float3264", None),
        (None, None),
    ],
)
def test_the_bytes_of_others(dtype, size):
    assert dtype_bytes(dtype) == size


def test_one_unknown_dtype_makes_the_sum_unknown_but_not_the_others():
    weights = [(4, "float32"), (3, "string"), (2, "float16")]
    assert parameter_bytes(weights) is None
    assert bytes_by_dtype(weights) == {"float32": 16, "string": None, "float16": 4}
    assert parameter_bytes([(None, "float32")]) is None
    assert parameter_bytes([]) == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_policy_holds_and_computes_in_is_what_keras_says(policy):
    layer = keras.layers.Dense(2, dtype=policy)
    config = LayerConfig(keras.saving.serialize_keras_object(layer))
    assert policy_name(config) == policy
    assert compute_dtype(config) == layer.compute_dtype
    assert config.variable_dtype == layer.variable_dtype


@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_a_quantised_policy_computes_in_the_dtype_it_comes_from(mode):
    layer = keras.layers.Dense(2, dtype=f"{mode}_from_mixed_bfloat16")
    config = LayerConfig(keras.saving.serialize_keras_object(layer))
    assert compute_dtype(config) == layer.compute_dtype == "bfloat16"


def test_a_policy_that_is_not_told_by_one_name_is_unknown():
    for dtype in ({"class_name": "DTypePolicyMap", "config": {"name": "map"}}, 7, {"config": 3}):
        assert (
            compute_dtype(LayerConfig({"class_name": "Dense", "config": {"dtype": dtype}})) is None
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "bfloat16"])
@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_the_bytes_of_an_application_are_those_of_its_variables(name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = getattr(keras.applications, name)(weights=None)
    finally:
        keras.config.set_dtype_policy(before)
    architecture = derive_architecture(json.loads(model.to_json()))
    # "int" is the one dtype that the backend chooses: one counter of EfficientNet's.
    weights = [
        (weight.count, keras.backend.standardize_dtype(weight.dtype))
        for layer in architecture.layers
        for weight in layer.weights
    ]
    expected: dict[str, int] = {}
    for variable in model.variables:
        itemsize = 2 if variable.dtype == "bfloat16" else np.dtype(variable.dtype).itemsize
        if "seed_generator" not in variable.path:
            size = int(np.prod(variable.shape)) * itemsize
            expected[variable.dtype] = expected.get(variable.dtype, 0) + size
    assert bytes_by_dtype(weights) == expected
    assert parameter_bytes(weights) == sum(expected.values())
