"""Models are built and observed without a weight in memory, and a user's own is left unbuilt."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kerasaudit as ka
from kerasaudit.observation.unallocated import without_allocation

VGG16 = """
import resource
import keras
import kerasaudit as ka
from keras.src.backend.common import global_state

def vgg16():
    return keras.applications.VGG16(weights=None)

# What Keras and its backend import and allocate once.
ka.audit(lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
pending = global_state.get_global_attribute("uninitialized_variables")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
audit = ka.audit(vgg16)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert global_state.get_global_attribute("uninitialized_variables") is pending
keras.StatelessScope().__enter__().__exit__()  # would give values to whatever is pending
later = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(audit.status, audit.totals.observed, grown, later)
"""


def test_vgg16_is_audited_without_its_half_gigabyte():
    pytest.importorskip("resource")
    made = subprocess.run(
        [sys.executable, "-c", VGG16], capture_output=True, text=True, check=True
    ).stdout.split()
    # Simonyan & Zisserman 2015, table 2, configuration D: 138 million, each of 4 bytes.
    assert made[:2] == ["ok", "138357544"]
    assert max(map(int, made[2:])) * 1024 < 138_357_544 * 4 / 4


SCALED = """
import resource
import keras
import kerasaudit as ka

class Scaled(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def build(self, shape):
        self.scale = self.add_weight(shape=(30_000, 20_000), name="scale")
        self.dense.build((None, 20_000))

    def call(self, x):
        return self.dense(keras.ops.matmul(x, self.scale * 2.0))

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.scaled = Scaled()

    def call(self, x):
        return self.scaled(x)

def built():
    model = Net()
    model(keras.Input((30_000,)))
    return model

ka.audit(lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
counts = [ka.audit(built).totals.observed, ka.audit(Net(), (None, 30_000)).totals.observed]
print(*counts, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_code_that_takes_the_value_of_a_weight_draws_none():
    pytest.importorskip("resource")
    *counts, grown = subprocess.run(
        [sys.executable, "-c", SCALED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert list(map(int, counts)) == [30_000 * 20_000 + 20_000 * 3 + 3] * 2
    assert int(grown) * 1024 < 30_000 * 20_000 * 4 / 4


def test_a_builder_gets_weights_where_it_is_built_for_training(keras):
    from kerasaudit.observation.target import resolve

    def builder():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])

    (subject,) = resolve(builder)
    assert subject.build().get_weights()[0].shape == (4, 2)


def test_what_cannot_be_built_without_values_is_built_with_them(keras):
    def stateful():
        return keras.Sequential(
            [
                keras.Input(batch_shape=(2, 3, 4)),
                keras.layers.SimpleRNN(5, stateful=True, name="memory"),
            ]
        )

    audit = ka.audit(stateful)
    assert audit.totals.observed == 4 * 5 + 5 * 5 + 5
    assert audit.totals.recurrent_state == 2 * 5  # a state for each example of the batch
    (note,) = audit.notes
    assert "layer 'memory' (SimpleRNN) needs values: ValueError: " in note
    assert keras.config.is_traceback_filtering_enabled()


def test_a_builder_that_gives_values_is_built_with_them(keras):
    def loading():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        model.set_weights([weight * 0 for weight in model.get_weights()])
        return model

    assert ka.audit(loading).status == "ok"


def test_the_pending_list_is_put_back_even_after_an_exception(keras):
    from keras.src.backend.common import global_state

    before = global_state.get_global_attribute("uninitialized_variables")

    def fail():
        with without_allocation():
            keras.layers.Dense(2).build((None, 3))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert global_state.get_global_attribute("uninitialized_variables") is before
    assert not keras.src.backend.common.stateless_scope.in_stateless_scope()


def test_an_unbuilt_sequential_is_audited_and_stays_unbuilt(keras):
    model = keras.Sequential([keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    audit = ka.audit(model, (None, 4))
    assert audit.status == "ok"
    assert audit.totals.derived == audit.totals.observed == (4 * 3 + 3) + (3 * 2 + 2)
    assert not model.built
    assert model.weights == []


def test_an_unbuilt_subclassed_model_is_audited_on_a_copy(keras):
    class Net(keras.Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.dense = keras.layers.Dense(units)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return {"name": self.name, "units": self.units}

    keras.layers.Dense(1)  # takes the name "dense"
    model = Net(5)
    audit = ka.audit(model, (None, 4))
    assert audit.status == "ok"
    assert [(layer.path, layer.observed) for layer in audit.layers] == [("dense_1", 4 * 5 + 5)]
    assert audit.totals.macs == 4 * 5
    assert not model.built
    assert model.weights == []


def test_a_constructor_need_not_take_what_keras_puts_into_every_config(keras):
    class Block(keras.layers.Layer):
        def __init__(self, width):
            super().__init__()
            self.dense = keras.layers.Dense(width, name="dense")

        def call(self, x):
            return self.dense(x)

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.block = Block(5)
            self.out = keras.layers.Dense(2, name="out")

        def call(self, x):
            return self.out(self.block(x))

    expected = (4 * 5 + 5) + (5 * 2 + 2)
    for model in (Net(), keras.Sequential([Block(5), keras.layers.Dense(2, name="out")])):
        model.layers[-1].trainable = False
        audit = ka.audit(model, (None, 4))
        assert audit.status == "ok"
        assert audit.totals.observed == audit.totals.derived == expected
        assert audit.totals.trainable == 4 * 5 + 5
        assert not model.built
        assert model.weights == []


def test_an_unbuilt_model_without_a_config_is_refused_in_one_line(keras):
    class Net(keras.Model):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, x):
            return self.function(x)

    with pytest.raises(ka.TargetError, match="not built, and cannot be copied") as raised:
        ka.audit(Net(abs), (None, 4))
    assert "\n" not in str(raised.value)


def test_a_builder_of_a_subclassed_model_needs_only_a_shape(keras):
    class Net(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units, name="dense")

        def call(self, x):
            return self.dense(x)

    audit = ka.audit(lambda units=3: Net(units), (None, 4))
    assert audit.status == "ok"
    assert audit.totals.observed == 4 * 3 + 3
