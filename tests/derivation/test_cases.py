"""The worked cases of tests/cases: a file a family, a case a layer, each figure as arithmetic.

A case is data: adding one to a file tests it here, by its own arithmetic and against live Keras.
A figure is written "3*3*1*32 + 32 = 320"; both sides must agree before the derivation is asked.
"""

from __future__ import annotations

import ast
import json
import operator
from pathlib import Path

import pytest

from kerasaudit.derivation.rule import derive, registered_rules
from tests.derivation import live

FOLDER = Path(__file__).parent.parent / "cases"
CASES = [
    pytest.param(case, id=f"{path.stem}-{number}-{case['class_name']}")
    for path in sorted(FOLDER.glob("*.json"))
    for number, case in enumerate(json.loads(path.read_text("utf-8")))
]
# Their arguments are functions and layers, which no file of cases holds: test_preprocessing.py.
OF_OBJECTS = {"Lambda", "Pipeline"}
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def evaluated(node):
    if isinstance(node, ast.Constant):
        return node.value
    return OPERATORS[type(node.op)](evaluated(node.left), evaluated(node.right))


def figure(text):
    """The number that "working = result" states, once its two sides are seen to agree."""
    if text is None:
        return None
    working, result = text.split("=")
    value = evaluated(ast.parse(working.strip(), mode="eval").body)
    assert value == int(result), f"the case itself is wrong: {text}"
    return value


def shapes_of(case):
    return as_shapes(case["input_shape"])


def as_shapes(value):
    """A shape, or a list or dict of them, as the case writes it down."""
    if isinstance(value, dict):
        return {name: as_shapes(shape) for name, shape in value.items()}
    several = bool(value) and isinstance(value[0], list)
    return [as_shapes(one) for one in value] if several else tuple(value)


def outputs_of(case):
    """What the layer puts out: a shape, a tuple of them, or None where that is not known."""
    written = case["output_shape"]
    shapes = None if written is None else as_shapes(written)
    return tuple(shapes) if isinstance(shapes, list) else shapes


def config_of(case):
    module = case.get("module", "keras.layers")
    return {"module": module, "class_name": case["class_name"], "config": case["config"]}


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    derivation = derive(config_of(case), shapes_of(case))
    assert {
        weight.name: {
            "shape": list(weight.shape),
            "axes": [axis.symbol for axis in weight.axes],
            "unit": list(weight.unit),
            "trainable": weight.trainable,
        }
        for weight in derivation.weights
    } == case["weights"]
    assert [weight.name for weight in derivation.weights] == list(case["weights"])
    assert derivation.formula == case["formula"]
    assert derivation.working == case["working"]
    params = figure(case["params"])
    trainable = figure(case.get("trainable_params", case["params"]))
    assert derivation.params == params
    assert derivation.trainable_params == trainable
    assert derivation.non_trainable_params == params - trainable
    assert derivation.output_shape == outputs_of(case)
    assert derivation.macs == figure(case["macs"])


@pytest.mark.parametrize("case", CASES)
def test_case_holds_in_keras(case):
    generated = live.Case(
        case["class_name"], case["config"], shapes_of(case), config_of(case)["module"]
    )
    assert live.check(generated) == "agreed"


def test_every_rule_has_a_case():
    rules = registered_rules().values()
    covered = {case.values[0]["class_name"] for case in CASES} | OF_OBJECTS
    covered |= live.MODELS | live.FOREIGN
    missing = [
        rule.keys
        for rule in rules
        if rule.built_in
        and not rule.keys[0].startswith("keras.ops.")
        and not covered.intersection(rule.keys)
    ]
    assert not missing
