"""Observing live models: names, trainable in effect, nothing disturbed."""

from __future__ import annotations

from kerasaudit.observation import live


def test_layers_of_nested_models_have_paths(keras):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="b")])
    observation = live.observe(model)
    assert list(observation.layers) == ["inner/a", "b"]
    assert [w.name for w in observation.layers["inner/a"].weights] == ["kernel", "bias"]
    assert observation.params == (4 * 3 + 3) + (3 * 2 + 2)


def test_building_neither_disturbs_nor_depends_on_automatic_names(keras):
    keras.layers.Dense(1)  # takes the name "dense"

    def builder():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Dense(3)])

    model = live.build(builder, "builder", {})
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    # The caller's own counting goes on as if nothing had been built.
    assert keras.layers.Dense(1).name == "dense_1"


def test_trainable_is_what_training_updates(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])
    model.get_layer("out").trainable = False
    weights = live.observe(model).layers["out"].weights
    assert [weight.trainable for weight in weights] == [False, False]


def test_unbuilt_layers_hold_nothing_and_stateless_ones_hold_none(keras):
    model = keras.Sequential([keras.layers.Flatten(name="f"), keras.layers.Dense(2, name="d")])
    observation = live.observe(model)
    assert not observation.built
    assert observation.params is None
    assert observation.layers["d"].weights is None
    model.build((None, 2, 2))
    observation = live.observe(model)
    assert observation.layers["f"].weights == ()
    assert observation.params == 4 * 2 + 2


def test_a_sequential_that_calls_a_layer_twice_is_recorded_so_even_nested(keras):
    dense = keras.layers.Dense(4, name="d")
    inner = keras.Sequential([keras.Input((4,)), dense, dense], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner])
    nested = live.observe(model).config["config"]["layers"][1]["config"]["layers"]
    assert [layer["config"]["name"] for layer in nested][-2:] == ["d", "d"]


def test_versions_are_named(keras):
    versions = live.observe(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])).versions
    assert versions["keras"] == keras.__version__
    assert versions["backend"].split()[0] == keras.backend.backend()
