"""Rules: their registry, whose rule is found for which class, and what a rule may return."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import pytest

from kerasaudit.derivation import rule as registry
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import (
    Derivation,
    Window,
    derive,
    find_rule,
    registered_rules,
    rule,
)
from kerasaudit.derivation.weight import Axis, Weight
from kerasaudit.errors import RuleError, UnsupportedError

BUILT_IN = {name: entry for name, entry in registered_rules().items() if entry.built_in}


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    """Rules that a test registers are gone after it."""
    monkeypatch.setattr(registry, "_user_rules", {})


def two(layer, x):
    """Two weights."""
    return Derivation(weights=(Weight("w", Axis("n", 2)),), output_shape=x, macs=0)


def three(layer, x):
    """Three weights."""
    return Derivation(weights=(Weight("w", Axis("n", 3)),), output_shape=x, macs=0)


def config(class_name, module=None, registered_name=None, **values):
    return {
        "module": module,
        "class_name": class_name,
        "config": values,
        "registered_name": registered_name,
    }


DENSE = config("Dense", "keras.layers", units=5)


class Dense(keras.layers.Layer):
    """A class of one's own that bears the name of one of Keras's."""


class Scale(keras.layers.Layer):
    pass


@keras.saving.register_keras_serializable(package="pack")
class Registered(keras.layers.Layer):
    pass


# -- registering --------------------------------------------------------------------------------


def test_registering_twice_raises_and_names_the_first():
    rule("pack>Mine")(two)
    with pytest.raises(RuleError, match=r"pack>Mine.*has a rule already.*two"):
        rule("pack>Mine")(three)
    assert derive(config("Mine", "x", "pack>Mine"), (None, 1)).params == 2


def test_nothing_is_registered_where_one_of_several_classes_has_a_rule():
    rule("pack>B")(two)
    with pytest.raises(RuleError):
        rule("pack>A", "pack>B")(three)
    with pytest.raises(UnsupportedError):
        derive(config("A", "x", "pack>A"), (None, 1))


@pytest.mark.parametrize("classes", [(), (5,), (None,), ("pack>A", 5)])
def test_what_is_no_class_is_refused(classes):
    with pytest.raises(RuleError):
        rule(*classes)(two)


def test_the_decorator_returns_the_bare_function():
    assert rule("pack>Mine")(two) is two


def test_a_user_rule_is_preferred_to_the_built_in_one():
    assert derive(DENSE, (None, 4)).params == 4 * 5 + 5
    rule("Dense")(two)
    assert derive(DENSE, (None, 4)).params == 2
    assert registered_rules()["Dense"].function is two


def test_a_class_of_keras_may_be_given_itself():
    rule(keras.layers.Dense)(three)
    assert derive(DENSE, (None, 4)).params == 3


def test_the_same_function_for_several_classes():
    rule(Scale, "pack>Mine")(two)
    assert registered_rules()["pack>Mine"].keys == (f"{__name__}.Scale", "pack>Mine")


# -- finding ------------------------------------------------------------------------------------


def test_a_class_given_itself_is_found_by_its_module_and_name():
    rule(Scale)(two)
    layer = keras.saving.serialize_keras_object(Scale())
    assert derive(layer, (None, 4)).params == 2


def test_a_registered_class_is_found_by_either_name():
    layer = keras.saving.serialize_keras_object(Registered())
    assert layer["registered_name"] == "pack>Registered"
    rule(Registered)(two)
    assert derive(layer, (None, 4)).params == 2
    rule("pack>Registered")(three)
    assert derive(layer, (None, 4)).params == 3  # the registered name is the more exact one


def test_a_class_defined_in_a_script_has_no_module_in_its_config():
    rule("__main__.Scale")(two)
    assert derive(config("Scale", None, "Scale"), (None, 4)).params == 2
    with pytest.raises(UnsupportedError):
        derive(config("Scale", "other", "Scale"), (None, 4))


@pytest.mark.parametrize(
    ("module", "registered_name"),
    [("mine", None), ("mine", "Dense"), ("mine", "mine>Dense"), (None, "Dense"), (None, "p>Dense"),
     ("keras_hub.src.layers", "keras_hub>Dense"), ("kerasx", None), ("tf_keras.layers", None)],
)  # fmt: skip
def test_another_class_named_dense_never_gets_the_built_in_rule(module, registered_name):
    with pytest.raises(UnsupportedError, match="no rule"):
        derive(config("Dense", module, registered_name, units=5), (None, 4))


def test_a_live_class_named_dense_never_gets_the_built_in_rule():
    layer = keras.saving.serialize_keras_object(Dense())
    with pytest.raises(UnsupportedError, match="no rule"):
        derive(layer, (None, 4))
    rule(Dense)(two)
    assert derive(layer, (None, 4)).params == 2
    assert derive(DENSE, (None, 4)).params == 25  # and Keras's own is as it was


def test_a_layer_never_gets_the_rule_of_an_operation_of_its_name():
    operation = config("Relu", "keras.src.ops.nn", "Relu")
    assert derive(operation, (None, 4)).output_shape == (None, 4)
    with pytest.raises(UnsupportedError):
        derive(config("Relu", "keras.layers"), (None, 4))
    with pytest.raises(UnsupportedError):
        derive(config("Dense", "keras.src.ops.nn", "Dense", units=5), (None, 4))


def test_a_subclass_has_no_rule_of_its_base_class():
    class Wider(keras.layers.Dense):
        pass

    layer = keras.saving.serialize_keras_object(Wider(3))
    with pytest.raises(UnsupportedError):
        derive(layer, (None, 4))


def test_the_message_for_an_unknown_class_says_what_to_do():
    with pytest.raises(UnsupportedError) as raised:
        derive(config("Mystery", "pkg.layers", None, name="m"), (None, 4))
    message = str(raised.value)
    assert "'m'" in message
    assert "pkg.layers.Mystery" in message
    assert "@kerasaudit.rule" in message


# -- calling ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("several", "shapes", "seen"),
    [
        (False, (None, 4), (None, 4)),
        (False, [(None, 4)], (None, 4)),
        (True, (None, 4), ((None, 4),)),
        (True, [(None, 4), [None, 5]], ((None, 4), (None, 5))),
        (True, {"b": (None, 5), "a": (None, 4)}, ((None, 4), (None, 5))),
    ],
)
def test_what_a_rule_is_given(several, shapes, seen):
    given = []

    def spy(layer, x):
        given.append(x)
        assert isinstance(layer, LayerConfig)
        return Derivation()

    rule("pack>Spy", several_inputs=several)(spy)
    derive(config("Spy", None, "pack>Spy"), shapes)
    assert given == [seen]


@pytest.mark.parametrize("result", [None, 5, (), {"weights": ()}, [Derivation()]], ids=repr)
def test_a_rule_must_return_a_derivation(result):
    rule("pack>Bad")(lambda layer, x: result)
    with pytest.raises(RuleError, match="must return a Derivation"):
        derive(config("Bad", None, "pack>Bad"), (None, 4))


@pytest.mark.parametrize("shape", [5, "x", (1.5,), ((None, 2), 3), [(None, 2)], {}], ids=repr)
def test_a_rule_must_return_an_output_shape(shape):
    rule("pack>Bad")(lambda layer, x: Derivation(output_shape=shape))
    with pytest.raises(RuleError, match="output_shape"):
        derive(config("Bad", None, "pack>Bad"), (None, 4))


@pytest.mark.parametrize("shape", [None, (None, 2), ((None, 2), (None, 3)), ((None, 2), None)])
def test_forms_of_an_output_shape(shape):
    rule("pack>Good")(lambda layer, x: Derivation(output_shape=shape))
    assert derive(config("Good", None, "pack>Good"), (None, 4)).output_shape == shape


def test_freezing_and_dtype_reach_the_weights_of_a_user_rule():
    rule("pack>Mine")(two)
    frozen = config("Mine", None, "pack>Mine", trainable=False, dtype="float16")
    derivation = derive(frozen, (None, 4))
    assert (derivation.params, derivation.trainable_params) == (2, 0)
    assert derivation.non_trainable_params == 2
    assert derivation.weights[0].dtype == "float16"


def test_a_derivation_adds_up():
    derivation = Derivation(
        weights=(
            Weight("kernel", Axis("d", 3), Axis("u", 4), unit="u"),
            Weight("bias", Axis("u", 4), unit="u"),
            Weight("seen", trainable=False),
        )
    )
    assert derivation.params == 3 * 4 + 4 + 1
    assert derivation.trainable_params == 3 * 4 + 4
    assert derivation.non_trainable_params == 1
    assert derivation.formula == "d·u + u + 1"
    assert derivation.working == "3·4 + 4 + 1"
    assert Derivation().formula == ""
    assert (Derivation().output_shape, Derivation().macs) == (None, None)  # unknown, not 0


def test_windows_for_receptive_fields():
    conv = config("Conv2D", "keras.layers", filters=2, kernel_size=[3, 5], dilation_rate=[1, 2])
    assert derive(conv, (None, 20, 20, 1)).window == Window((3, 5), (1, 1), (1, 2), "valid")
    pool = config("MaxPooling1D", "keras.layers", pool_size=3, padding="same")
    assert derive(pool, (None, 20, 1)).window == Window((3,), (3,), (1,), "same")
    assert derive(DENSE, (None, 4)).window == Window((), (), (), "valid")
    assert derive({"class_name": "Flatten", "config": {}}, (None, 4, 4)).window is None


# -- documentation ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_rule_is_documented(name):
    documentation = BUILT_IN[name].documentation
    assert len(documentation.splitlines()[0]) > 20
    assert "Source:" in documentation
    layers = not name.startswith("keras.ops.") and "InputLayer" not in name
    assert not layers or "Formula:" in documentation or "No weights" in documentation


FIGURES = re.compile(r"(\d[\d·+ ]*[·+][\d·+ ]*\d) = (\d[\d,]*\d|\d)")


def worked_examples():
    for entry in dict.fromkeys(BUILT_IN.values()):
        for working, result in FIGURES.findall(entry.documentation):
            yield pytest.param(working, result, id=f"{entry.keys[0]}: {working}")


@pytest.mark.parametrize(("working", "result"), worked_examples())
def test_worked_examples_are_true(working, result):
    total = 0
    for term in working.split("+"):
        product = 1
        for factor in term.split("·"):
            product *= int(factor)
        total += product
    assert f"{total:,}" == result


def test_worked_examples_are_found():
    assert len(list(worked_examples())) >= 8


EXAMPLES = {
    # The example lines of the rules with weights, as layers: their totals are in the docstrings.
    "Conv2D": (keras.layers.Conv2D(64, 3), (None, 13, 13, 32), "18,496"),
    "DepthwiseConv2D": (keras.layers.DepthwiseConv2D(3), (None, 112, 112, 32), "320"),
    "SeparableConv2D": (keras.layers.SeparableConv2D(128, 3), (None, 147, 147, 64), "8,896"),
    "Conv2DTranspose": (
        keras.layers.Conv2DTranspose(32, 3, strides=2),
        (None, 14, 14, 64),
        "18,464",
    ),
    "Dense": (keras.layers.Dense(10), (None, 1600), "16,010"),
    "PReLU": (keras.layers.PReLU(), (None, 26, 26, 32), "21,632"),
    "BatchNormalization": (keras.layers.BatchNormalization(), (None, 64), "256"),
    "LayerNormalization": (keras.layers.LayerNormalization(), (None, 96), "192"),
    "GroupNormalization": (keras.layers.GroupNormalization(8), (None, 64), "128"),
    "Normalization": (keras.layers.Normalization(), (None, 3), "7"),
    "SimpleRNN": (keras.layers.SimpleRNN(32), (None, 5, 16), "1,568"),
    "LSTM": (keras.layers.LSTM(64), (None, 5, 128), "49,408"),
    "GRU": (keras.layers.GRU(64), (None, 5, 128), "37,248"),
    "ConvLSTM2D": (keras.layers.ConvLSTM2D(8, 3), (None, 5, 9, 9, 16), "6,944"),
    "Bidirectional": (
        keras.layers.Bidirectional(keras.layers.LSTM(64)),
        (None, 5, 128),
        "98,816",
    ),
    "TimeDistributed": (
        keras.layers.TimeDistributed(keras.layers.Conv2D(64, 3)),
        (None, 10, 128, 128, 3),
        "1,792",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_documented_totals_are_those_of_keras(name):
    layer, shape, total = EXAMPLES[name]
    layer.build(shape)
    assert f"{layer.count_params():,}" == total
    assert re.search(rf"(?<![\d,]){total}(?!,?\d)", BUILT_IN[name].documentation)


# -- alone --------------------------------------------------------------------------------------


def test_derivation_works_with_nothing_but_the_standard_library():
    script = """
        import json, sys

        class Nothing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("keras", "tensorflow", "numpy", "pandas", "jinja2",
                                          "rich", "click", "h5py", "jax", "torch"):
                    raise ImportError(f"{name} is not installed here")

        sys.meta_path.insert(0, Nothing())
        import kerasaudit as ka
        from kerasaudit.derivation.architecture import derive_architecture

        conv = {"class_name": "Conv2D", "config": {"name": "c", "filters": 64, "kernel_size": 3}}
        model = {"class_name": "Sequential",
                 "config": {"layers": [conv], "build_input_shape": [None, 13, 13, 32]}}
        print(ka.derive(conv, (None, 13, 13, 32)).params)
        print(sum(w.count for w in derive_architecture(model).layers[0].weights))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split() == ["18496", "18496"]


def test_find_rule_is_what_derive_uses():
    assert find_rule(LayerConfig(DENSE)) is BUILT_IN["Dense"]
