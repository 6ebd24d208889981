"""Two models held together: expected figures are worked out beside each model."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import kerasaudit as ka
from kerasaudit.derivation.layer import automatic_name
from kerasaudit.reconciliation.differences import Diff, LayerChange


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def sequential(*layers: dict[str, Any], width: int = 64) -> dict[str, Any]:
    first = layer("InputLayer", name="x", batch_shape=[None, width])
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [first, *layers]}}


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    return layer("Dense", name=name, units=units, **config)


def kinds(diff: Diff) -> dict[str, str]:
    return {change.path: change.kind for change in diff.layers}


def total(diff: Diff, name: str) -> tuple[Any, Any, Any]:
    tally = next(one for one in diff.totals if one.name == name)
    return tally.old, tally.new, tally.difference


def test_a_layer_that_is_wider() -> None:
    # 64·10 + 10 = 650 and 64·20 + 20 = 1,300; 640 MACs and 1,280; 4 bytes each.
    diff = ka.diff(sequential(dense("out", 10)), sequential(dense("out", 20)))
    (change,) = diff.layers
    assert (diff.status, diff.ok, diff.differs, diff.unchanged) == ("different", False, True, 1)
    assert (change.kind, change.path, change.class_name) == ("changed", "out", "Dense")
    assert (change.old_params, change.new_params, change.difference) == (650, 1_300, 650)
    assert [(one.key, one.old, one.new) for one in change.config] == [("units", 10, 20)]
    assert [(one.name, one.old_shape, one.new_shape) for one in change.weights] == [
        ("kernel", (64, 10), (64, 20)),
        ("bias", (10,), (20,)),
    ]
    assert (change.old_output_shape, change.new_output_shape) == ((None, 10), (None, 20))
    tallies = {one.name: (one.old, one.new) for one in change.tallies}
    assert tallies["macs"] == (640, 1_280)
    assert tallies["bytes"] == (2_600, 5_200)
    assert total(diff, "params") == (650, 1_300, 650)
    assert total(diff, "bytes of float32") == (2_600, 5_200, 2_600)
    assert total(diff, "layers") == (2, 2, 0)
    assert diff.connections == ()


def test_the_same_is_equal() -> None:
    diff = ka.diff(sequential(dense("out", 10)), sequential(dense("out", 10)))
    assert (diff.status, diff.ok, diff.differs, diff.layers) == ("equal", True, False, ())
    assert diff.unchanged == 2


def test_a_bias_that_is_gone() -> None:
    diff = ka.diff(sequential(dense("d", 10)), sequential(dense("d", 10, use_bias=False)))
    (change,) = diff.layers
    assert [(one.key, one.old, one.new) for one in change.config] == [("use_bias", True, False)]
    (weight,) = change.weights
    assert (weight.old_name, weight.new_name, weight.old_shape) == ("bias", None, (10,))
    assert change.difference == -10


def test_a_frozen_layer() -> None:
    diff = ka.diff(sequential(dense("d", 10)), sequential(dense("d", 10, trainable=False)))
    (change,) = diff.layers
    assert change.difference == 0
    assert {one.old_trainable for one in change.weights} == {True}
    assert {one.new_trainable for one in change.weights} == {False}
    assert total(diff, "trainable") == (650, 0, -650)
    assert total(diff, "non_trainable") == (0, 650, 650)


def test_another_dtype() -> None:
    diff = ka.diff(sequential(dense("d", 10)), sequential(dense("d", 10, dtype="float16")))
    assert total(diff, "params")[2] == 0
    assert total(diff, "bytes of float32") == (2_600, 0, -2_600)
    assert total(diff, "bytes of float16") == (0, 1_300, 1_300)
    weight = diff.layers[0].weights[0]
    assert (weight.old_dtype, weight.new_dtype) == ("float32", "float16")


def test_names_that_count_on_are_renames_alone() -> None:
    old = sequential(dense("dense", 8), layer("ReLU", name="re_lu"), dense("dense_1", 8))
    new = sequential(dense("dense_1", 8), layer("ReLU", name="re_lu_5"), dense("dense_2", 8))
    diff = ka.diff(old, new)
    assert kinds(diff) == {"dense_1": "renamed", "re_lu_5": "renamed", "dense_2": "renamed"}
    assert [change.old_path for change in diff.layers] == ["dense", "re_lu", "dense_1"]
    assert diff.connections == ()


def test_another_class_in_the_same_place() -> None:
    # LSTM: 4·(3·2 + 2·2 + 2) = 48; GRU with reset_after: 3·(3·2 + 2·2) + 2·3·2 = 42.
    first = layer("InputLayer", name="x", batch_shape=[None, 5, 3])
    old, new = (
        {"class_name": "Sequential", "config": {"name": "n", "layers": [first, one]}}
        for one in (layer("LSTM", name="rnn", units=2), layer("GRU", name="rnn", units=2))
    )
    (change,) = ka.diff(old, new).layers
    assert (change.kind, change.old_class_name, change.new_class_name) == ("changed", "LSTM", "GRU")
    assert (change.old_params, change.new_params) == (48, 42)


def test_layers_that_change_places() -> None:
    one, other = layer("ReLU", name="relu"), layer("Dropout", name="drop", rate=0.5)
    diff = ka.diff(sequential(one, other), sequential(other, one))
    (change,) = diff.layers
    assert (change.kind, change.moved) == ("moved", True)
    assert {change.old_position, change.new_position} == {1, 2}
    assert [(one.old_path, one.old, one.new) for one in diff.connections] == [
        ("relu", ("x",), ("drop",)),
        ("drop", ("relu",), ("x",)),
        (None, ("drop",), ("relu",)),
    ]


def functional(skip_from: str) -> dict[str, Any]:
    """x → a → b, and the sum of b and what `skip_from` names."""

    def tensor(name: str) -> dict[str, Any]:
        history = {"shape": [None, 64], "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": history}

    def node(one: dict[str, Any], *names: str) -> dict[str, Any]:
        taken = [tensor(name) for name in names]
        args = [taken] if len(taken) > 1 else taken
        inbound = [{"args": args, "kwargs": {}}] if names else []
        return {**one, "name": one["config"]["name"], "inbound_nodes": inbound}

    layers = [
        node(layer("InputLayer", name="x", batch_shape=[None, 64])),
        node(dense("a", 64), "x"),
        node(dense("b", 64), "a"),
        node(layer("Add", name="sum"), "b", skip_from),
    ]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["sum", 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "net", "layers": layers, **ends}}


def test_a_connection_alone_is_a_difference() -> None:
    diff = ka.diff(functional("x"), functional("a"))
    assert diff.layers == ()
    assert not any(tally.changed for tally in diff.totals)
    assert [(one.old_path, one.new_path, one.old, one.new) for one in diff.connections] == [
        ("sum", "sum", ("b", "x"), ("b", "a"))
    ]
    assert diff.status == "different"


def test_a_layer_without_a_rule_is_compared_and_not_audited() -> None:
    mine = {"module": "mine", "registered_name": "mine>Mine"}
    old, new = (sequential({**mine, **layer("Mine", name="mine", size=size)}) for size in (1, 2))
    diff = ka.diff(old, new)
    assert diff.status == "incomplete"
    assert kinds(diff) == {"mine": "changed"}
    assert [(one.key, one.old, one.new) for one in diff.layers[0].config] == [("size", 1, 2)]
    assert diff.layers[0].difference is None
    assert total(diff, "params") == (None, None, None)
    assert diff.old.incomplete[0].startswith("KA108 ")
    same = ka.diff(old, old)
    assert (same.status, same.differs, same.ok) == ("incomplete", False, False)


def test_what_one_side_does_not_know_is_no_difference() -> None:
    import keras

    model = keras.Sequential([keras.Input((64,), name="x"), keras.layers.Dense(10, name="out")])
    diff = ka.diff(model, json.loads(model.to_json()))
    assert diff.ok
    assert total(diff, "observed") == (650, None, None)


def test_live_models_built_one_after_the_other_are_renamed_alone() -> None:
    import keras

    def net(units: int) -> Any:
        inner = keras.Sequential([keras.layers.Dense(4), keras.layers.ReLU()])
        x = keras.Input((5, 3))
        h = keras.layers.Bidirectional(keras.layers.LSTM(2))(x)
        return keras.Model(x, keras.layers.Dense(units)(inner(h)) + 1)

    one, other = net(6), net(6)
    diff = ka.diff(one, other)
    assert {change.kind for change in diff.layers} == {"renamed"}
    assert (len(diff.layers), diff.unchanged) == (len(ka.audit(one).layers), 0)
    assert diff.connections == ()
    wider = ka.diff(one, net(7))
    changed = [change for change in wider.layers if change.kind == "changed"]
    # The last Dense: 4·6 + 6 = 30 and 4·7 + 7 = 35; and the sum after it, by its shape.
    assert [(one.class_name, one.old_params, one.new_params) for one in changed] == [
        ("Dense", 30, 35),
        ("Add", 0, 0),
    ]


def test_files_of_one_model_are_equal_and_of_another_are_not(tmp_path) -> None:
    import keras

    def net(units: int) -> Any:
        x = keras.Input((5, 3), name="x")
        h = keras.layers.Bidirectional(keras.layers.LSTM(2, name="rnn"), name="both")(x)
        h = keras.layers.BatchNormalization(name="norm")(h) + 1
        return keras.Model(x, keras.layers.Dense(units, name="out")(h))

    model = net(6)
    model.save(tmp_path / "net.keras")
    model.save(tmp_path / "net.h5")
    net(7).save(tmp_path / "wider.keras")
    for name in ("net.keras", "net.h5"):
        diff = ka.diff(model, tmp_path / name)
        assert diff.ok, (diff.layers, diff.connections)
        assert diff.connections_known
    assert ka.diff(tmp_path / "net.keras", tmp_path / "net.h5").ok
    # 2·2 units in: 4·6 + 6 = 30 and 4·7 + 7 = 35. The sum's automatic name counts on.
    diff = ka.diff(tmp_path / "net.h5", tmp_path / "wider.keras")
    changed = [change for change in diff.layers if change.kind == "changed"]
    assert [(one.path, one.old_params, one.new_params) for one in changed] == [("out", 30, 35)]
    assert {change.kind for change in diff.layers} == {"changed", "renamed"}
    assert total(diff, "stored")[2] == 5


def test_a_model_is_equal_to_itself_trained(tmp_path) -> None:
    import keras
    import numpy as np

    def net() -> Any:
        return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="out")])

    model = net()
    model.compile("sgd", "mse")
    model.optimizer.momentum = 0.9
    model.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)
    model.save(tmp_path / "trained.keras")
    diff = ka.diff(net, tmp_path / "trained.keras")
    assert diff.status == "equal"
    # A momentum for each of 4·3 + 3 weights; the step and the learning rate.
    assert total(diff, "optimizer_state") == (0, 15 + 2, 17)


def test_a_file_whose_weights_are_others_differs_from_the_one_that_it_should_be(tmp_path) -> None:
    import keras

    layers = [keras.Input((4,), name="x"), keras.layers.Dense(3, name="out")]
    keras.Sequential(layers).save(tmp_path / "net.keras")
    wider = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(5, name="out")])
    wider.save(tmp_path / "wider.keras")
    with (
        zipfile.ZipFile(tmp_path / "net.keras") as one,
        zipfile.ZipFile(tmp_path / "wider.keras") as other,
        zipfile.ZipFile(tmp_path / "mixed.keras", "w") as mixed,
    ):
        for name in ("metadata.json", "config.json"):
            mixed.writestr(name, one.read(name))
        mixed.writestr("model.weights.h5", other.read("model.weights.h5"))
    (change,) = ka.diff(tmp_path / "net.keras", tmp_path / "mixed.keras").layers
    assert change.config == ()
    assert [(one.name, one.old_shape, one.new_shape) for one in change.weights] == [
        ("kernel", (4, 3), (4, 5)),
        ("bias", (3,), (5,)),
    ]


def test_what_a_float_layer_becomes_when_it_is_quantised_or_adapted() -> None:
    import keras

    def net() -> Any:
        return keras.Sequential([keras.Input((16,), name="x"), keras.layers.Dense(8, name="d")])

    quantised, adapted = net(), net()
    quantised.layers[0].quantize("int8")
    adapted.layers[0].enable_lora(2)
    # 16·8 + 8 = 136; a scale for each of 8 units; adapters of 16·2 + 2·8 = 48.
    (change,) = ka.diff(net(), quantised).layers
    assert (change.old_params, change.new_params) == (136, 136 + 8)
    weights = {one.name: (one.old_shape, one.new_shape, one.new_dtype) for one in change.weights}
    assert weights["kernel"] == ((16, 8), (16, 8), "int8")
    assert weights["kernel_scale"][:2] == (None, (8,))
    (change,) = ka.diff(net(), adapted).layers
    assert (change.old_params, change.new_params) == (136, 136 + 48)
    assert {one.name for one in change.weights} == {"kernel", "lora_kernel_a", "lora_kernel_b"}


def test_subclassed_models_are_compared_layer_by_layer() -> None:
    import keras

    class Net(keras.Model):
        def __init__(self, units: int) -> None:
            super().__init__(name="net")
            self.first = keras.layers.Dense(units, name="first")
            self.second = keras.layers.Dense(2, name="second")

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    def built(units: int) -> Any:
        net = Net(units)
        net(keras.ops.ones((1, 3)))
        return net

    same = ka.diff(built(4), built(4))
    assert (same.ok, same.unchanged, same.connections_known) == (True, 2, False)
    # 3·4 + 4 = 16 and 3·5 + 5 = 20; 4·2 + 2 = 10 and 5·2 + 2 = 12.
    diff = ka.diff(built(4), built(5))
    assert [(one.path, one.old_params, one.new_params) for one in diff.layers] == [
        ("first", 16, 20),
        ("second", 10, 12),
    ]


def test_a_config_that_leaves_out_what_keras_takes_anyway_is_equal() -> None:
    import keras

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="x"),
            keras.layers.Conv2D(4, 3, name="c"),
            keras.layers.BatchNormalization(name="n"),
        ]
    )
    bare = sequential(
        layer("Conv2D", name="c", filters=4, kernel_size=[3, 3]),
        layer("BatchNormalization", name="n"),
    )
    bare["config"]["layers"][0]["config"]["batch_shape"] = [None, 8, 8, 3]
    diff = ka.diff(bare, model)
    assert [one for change in diff.layers for one in change.config] == []
    assert diff.ok


def test_documented_models_part_where_their_paper_says() -> None:
    # VGG-19 has one more 3×3 convolution in each of the last three blocks:
    # 9·256·256 + 256 = 590,080 and twice 9·512·512 + 512 = 2,359,808.
    diff = ka.diff("zoo:VGG16", "zoo:VGG19")
    assert kinds(diff) == dict.fromkeys(("block3_conv4", "block4_conv4", "block5_conv4"), "added")
    assert [change.difference for change in diff.layers] == [590_080, 2_359_808, 2_359_808]
    assert total(diff, "params") == (138_357_544, 143_667_240, 5_309_696)
    assert [one.new_path for one in diff.connections] == [
        "block3_pool",
        "block4_pool",
        "block5_pool",
    ]


def test_a_target_of_several_models_is_refused(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(sequential(dense("out", 2))))
    with pytest.raises(ka.TargetError, match="expected the name of one model, received 2"):
        ka.diff(str(tmp_path), sequential())


def test_an_input_shape_is_for_both() -> None:
    nets = []
    for units in (10, 20):
        layers = [dense("out", units)]
        nets.append({"class_name": "Sequential", "config": {"name": "net", "layers": layers}})
    diff = ka.diff(*nets, input_shape=(None, 32))
    # 32·10 + 10 = 330 and 32·20 + 20 = 660.
    assert (diff.layers[0].old_params, diff.layers[0].new_params) == (330, 660)


def test_10_000_layers_of_which_one_is_gone() -> None:
    layers = [dense(f"dense_{number}", 8) for number in range(10_000)]
    diff = ka.diff(sequential(*layers, width=8), sequential(*layers[:400], *layers[401:], width=8))
    assert kinds(diff) == {"dense_400": "removed"}
    assert diff.unchanged == 10_000  # the InputLayer and 9,999
    assert total(diff, "params")[2] == -(8 * 8 + 8)


# -- properties ---------------------------------------------------------------------------------

_LAYERS = st.lists(
    st.one_of(
        st.builds(lambda units: ("Dense", {"units": units}), st.integers(1, 3)),
        st.builds(lambda rate: ("Dropout", {"rate": rate}), st.sampled_from([0.1, 0.5])),
        st.just(("BatchNormalization", {})),
        st.just(("ReLU", {})),
    ),
    min_size=1,
    max_size=8,
)


def named(layers: list[tuple[str, dict[str, Any]]], prefix: str = "l") -> list[dict[str, Any]]:
    return [
        layer(name, name=f"{prefix}{number}", **config)
        for number, (name, config) in enumerate(layers)
    ]


def numbered(layers: list[tuple[str, dict[str, Any]]], start: int) -> list[dict[str, Any]]:
    """The layers with the names that Keras gives, as if so many of each class had been made."""
    made: dict[str, int] = {}
    found = []
    for name, config in layers:
        number = made.get(name, start)
        made[name] = number + 1
        word = automatic_name(name)
        found.append(layer(name, name=f"{word}_{number}" if number else word, **config))
    return found


def mirrored(change: LayerChange) -> tuple[Any, ...]:
    return (
        {"added": "removed", "removed": "added"}.get(change.kind, change.kind),
        (change.new_path, change.old_path),
        (change.new_position, change.old_position),
        (change.new_params, change.old_params),
        frozenset((one.key, one.new, one.old) for one in change.config),
        frozenset(
            (one.new_name, one.old_name, one.new_shape, one.old_shape) for one in change.weights
        ),
        frozenset((one.name, one.new, one.old) for one in change.tallies),
    )


def itself(change: LayerChange) -> tuple[Any, ...]:
    return (
        change.kind,
        (change.old_path, change.new_path),
        (change.old_position, change.new_position),
        (change.old_params, change.new_params),
        frozenset((one.key, one.old, one.new) for one in change.config),
        frozenset(
            (one.old_name, one.new_name, one.old_shape, one.new_shape) for one in change.weights
        ),
        frozenset((one.name, one.old, one.new) for one in change.tallies),
    )


@given(_LAYERS)
def test_a_model_does_not_differ_from_itself(layers) -> None:
    net = sequential(*named(layers))
    diff = ka.diff(net, json.loads(json.dumps(net)))
    assert diff.ok
    assert diff.unchanged == len(layers) + 1


@given(_LAYERS, _LAYERS, st.sampled_from(["the same names", "other names", *range(3)]))
def test_exchanging_the_sides_exchanges_the_diff(one, other, names) -> None:
    if isinstance(names, int):
        old, new = sequential(*numbered(one, 0)), sequential(*numbered(other, names))
    else:
        prefix = "l" if names == "the same names" else "m"
        old, new = sequential(*named(one)), sequential(*named(other, prefix))
    there, back = ka.diff(old, new), ka.diff(new, old)
    assert sorted(map(itself, there.layers), key=str) == sorted(map(mirrored, back.layers), key=str)
    assert [one.difference for one in there.totals] == [
        None if one.difference is None else -one.difference for one in back.totals
    ]
    assert {(one.old_path, one.new_path) for one in there.connections} == {
        (one.new_path, one.old_path) for one in back.connections
    }
    assert (there.status, there.unchanged) == (back.status, back.unchanged)


@given(_LAYERS, _LAYERS)
def test_every_layer_is_told_of_once(one, other) -> None:
    diff = ka.diff(sequential(*named(one)), sequential(*named(other)))
    gone = [change.kind for change in diff.layers].count("removed")
    came = [change.kind for change in diff.layers].count("added")
    both = len(diff.layers) - gone - came
    assert both + gone + diff.unchanged == len(one) + 1
    assert both + came + diff.unchanged == len(other) + 1
    assert sum(change.difference for change in diff.layers) == total(diff, "params")[2]


@given(_LAYERS, st.data())
def test_renamed_layers_are_renamed_alone(layers, data) -> None:
    old = named(layers)
    chosen = data.draw(st.sets(st.integers(0, len(layers) - 1)))
    new = json.loads(json.dumps(old))
    for number in chosen:
        new[number]["config"]["name"] = f"renamed{number}"
    diff = ka.diff(sequential(*old), sequential(*new))
    assert {(one.kind, one.old_path, one.new_path) for one in diff.layers} == {
        ("renamed", f"l{number}", f"renamed{number}") for number in chosen
    }
    assert diff.connections == ()
    assert not any(tally.changed for tally in diff.totals)


@given(_LAYERS, st.integers(1, 12))
def test_names_that_count_on_are_renamed_alone(layers, start) -> None:
    diff = ka.diff(sequential(*numbered(layers, 0)), sequential(*numbered(layers, start)))
    assert [change.kind for change in diff.layers] == ["renamed"] * len(layers)
    assert [change.new_position for change in diff.layers] == list(range(1, len(layers) + 1))
    assert [change.old_position for change in diff.layers] == list(range(1, len(layers) + 1))
    assert diff.connections == ()


@given(_LAYERS, st.integers(1, 3), st.integers(0, 8))
def test_an_added_layer_is_it_and_what_its_shape_changes(layers, units, place) -> None:
    assume(place <= len(layers))
    old = named(layers)
    new = [*old[:place], dense("extra", units), *old[place:]]
    widths = [64]
    for name, config in layers:
        widths.append(config["units"] if name == "Dense" else widths[-1])
    expected = {"extra": "added"}
    if widths[place] != units:  # what follows has another width, up to and with the next Dense
        for number in range(place, len(layers)):
            expected[f"l{number}"] = "changed"
            if layers[number][0] == "Dense":
                break
    diff = ka.diff(sequential(*old), sequential(*new))
    assert kinds(diff) == expected
    fed = [one.new_path for one in diff.connections]
    assert fed == [f"l{place}" if place < len(layers) else None]
