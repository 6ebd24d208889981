"""What Keras itself writes has no hazard: layers, operations, compilations, whole models."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given

from kerasaudit import zoo
from kerasaudit.observation import hazards
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards import keras_api
from kerasaudit.observation.unallocated import without_allocation
from models import applications
from tests.derivation import live
from tests.derivation.strategies import STRATEGIES
from tests.observation.hazards import keras_names

LIVE = keras_names.live_names()
PARTS = (*keras_names.FUNCTION_AREAS, "dtype_policies", "optimizers", "quantizers")


def found_in(config, form="keras"):
    """The hazards of a config as it comes out of a file."""
    return hazards.inspect(Contents("model", form, json.loads(json.dumps(config))))


def written(value):
    import keras

    return keras.saving.serialize_keras_object(value)


@pytest.mark.parametrize("table", ["CLASSES", "FUNCTIONS"])
def test_every_name_of_this_keras_is_known(table):
    for module, names in LIVE[table].items():
        assert names <= getattr(keras_api, table).get(module, set()), module


def test_the_committed_names_are_those_of_their_version():
    committed = {name: getattr(keras_api, name) for name in LIVE}
    assert committed == LIVE or LIVE["VERSION"] != keras_api.VERSION


def test_what_keras_refuses_to_load_is_never_taken_for_a_part_of_a_model():
    for path in LIVE["NO_PART_OF_MODELS"]:
        module, _, name = path.rpartition(".")
        node = {"module": module, "class_name": "function", "config": name}
        assert "KA304" in {one.code for one in found_in(node)}, path


@pytest.mark.parametrize("class_name", STRATEGIES)
def test_layers_are_clean(class_name):
    module, strategy, _ = STRATEGIES[class_name]
    made = []

    @live.examples(3)
    @given(pair=strategy)
    def is_clean(pair):
        case = live.Case(class_name, *pair, module=module)
        try:
            layer = live.construct(case)
        except Exception:  # noqa: BLE001 - the strategies hold configurations that Keras refuses
            return
        made.append(layer)
        codes = {one.code for one in found_in(written(layer))}
        assert codes <= {"Lambda": {"KA301", "KA304"}}.get(class_name, set()), case

    is_clean()
    assert made, "Keras refused every example"


@pytest.mark.parametrize("area", PARTS)
def test_parts_are_clean(area):
    import keras

    made = 0
    for name, value in sorted(vars(getattr(keras, area)).items()):
        is_function = inspect.isfunction(value) and area in keras_names.FUNCTION_AREAS
        if name in keras_names.NO_PART or not (inspect.isclass(value) or is_function):
            continue
        try:
            part = value() if inspect.isclass(value) else value
            config = written(part)
        except (TypeError, ValueError, NotImplementedError):  # it has arguments that it needs
            continue
        made += 1
        assert found_in(config) == (), name
    assert made


@pytest.mark.parametrize("loss", ["mse", "function", "object", {"out": "mse"}])
@pytest.mark.parametrize("optimizer", ["adam", "schedule", "scaled"])
def test_compilations_are_clean(loss, optimizer):
    import keras

    inputs = keras.Input((4,), name="in")
    outputs = keras.layers.Dense(1, name="out", kernel_regularizer="l2", activation="gelu")(inputs)
    model = keras.Model(inputs, keras.ops.relu(outputs) if loss == "mse" else outputs)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    optimizers = {
        "schedule": keras.optimizers.SGD(schedule),
        "scaled": keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
    }
    losses = {"function": keras.losses.huber, "object": keras.losses.MeanSquaredError()}
    model.compile(
        optimizers.get(optimizer, optimizer),
        loss if isinstance(loss, dict) else losses.get(loss, loss),
        metrics=["accuracy", keras.metrics.AUC(name="top/1"), keras.metrics.mean_squared_error],
        weighted_metrics=[keras.losses.mean_absolute_error],
    )
    config = written(model)
    assert config["compile_config"]["metrics"]
    assert found_in(config) == ()
    assert found_in(json.loads(model.to_json()), "json") == ()
    assert found_in(config, "h5") == ()


@pytest.mark.parametrize("name", sorted(applications.CLAIMS))
def test_applications_are_clean(name):
    with without_allocation():
        model = zoo.build(name)
    assert found_in(written(model)) == ()
