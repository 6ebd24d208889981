"""Locks: what they hold is worked out in `lockable`, and whatever parts from it is found."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasaudit as ka
from kerasaudit.errors import TargetError
from kerasaudit.reconciliation.differences import TallyChange
from kerasaudit.reconciliation.lock import drift
from kerasaudit.reconciliation.lock.content import LAYER_TALLIES, TOTALS, lock_of
from kerasaudit.reconciliation.lock.drift import compare, judge, locked
from kerasaudit.reconciliation.lock.file import parse, read_lock, render
from kerasaudit.reconciliation.result import Totals
from tests.reconciliation.lockable import (
    CONV,
    DENSE,
    DENSE_MACS,
    MACS,
    PARAMS,
    examined,
    layer,
    net,
    sequential,
)

FIXTURES = sorted((Path(__file__).parents[1] / "cases" / "locks").glob("*.json"))


def lock(config=None):
    return lock_of(examined(config or net()), "net")


def read_again(held):
    return parse(render(held).encode(), "net.json")


def findings(old, new):
    return judge(lock(old), examined(new)).findings


def messages(old, new):
    return [f"{one.code} {one.message}" for one in findings(old, new)]


# -- what a lock holds ----------------------------------------------------------------------------


def test_a_lock_holds_the_figures():
    held = lock()
    assert (held.totals["params"], held.totals["macs"]) == (PARAMS, MACS)
    assert [one.tallies["params"] for one in held.layers] == [0, CONV, 0, DENSE]
    assert held.layers[3].tallies["backward_macs"] == 2 * DENSE_MACS
    assert held.layers[3].takes == ((("flat", 0),),)
    kernel = held.layers[1].weights[0]
    assert (kernel.name, kernel.shape, kernel.dtype, kernel.trainable) == (
        *("kernel", (3, 3, 1, 8), "float32"),
        True,
    )


def test_a_lock_holds_every_tally_but_what_training_keeps():
    names = {one.name for one in fields(Totals)}
    assert set(TOTALS) == {one for one in names if not TallyChange(one, 0, 0, 0).of_training}


def test_a_line_for_each_layer_and_no_default_in_it():
    text = render(lock())
    lines = [
        json.loads(line.strip().rstrip(","))
        for line in text.split('"layers": [\n')[1].split("\n")[:4]
    ]
    assert [one["path"] for one in lines] == ["x", "conv", "flat", "dense"]
    assert lines[1]["config"] == {"filters": 8, "kernel_size": 3}
    assert "config" not in lines[2]
    assert "3.15" not in text


def test_a_value_that_is_a_default_turned_off_is_null():
    held = lock(net(kernel_initializer={"class_name": "Zeros", "config": {}}))
    line = next(one for one in render(held).split("\n") if '"conv"' in one)
    assert (
        json.loads(line.strip().rstrip(","))["config"]["kernel_initializer.class_name"] == "Zeros"
    )
    assert read_again(held) == held


NAMES = st.text(min_size=1, max_size=8)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.none(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.dictionaries(NAMES, VALUES, max_size=4), NAMES.filter(lambda name: name != "x"))
def test_whatever_a_config_says_is_read_as_it_was_written(config, name):
    target = sequential(
        layer("InputLayer", name="x", batch_shape=[None, 4]),
        layer("Flatten", **{**config, "name": name}),
        name="net",
    )
    audited = examined(target)
    held = lock_of(audited, "net")
    assert read_again(held) == held
    assert judge(read_again(held), audited).findings == ()


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_lock_of_every_schema_version_is_read_and_means_the_same(path):
    held = read_lock(path)
    assert (held.totals["params"], held.totals["macs"]) == (PARAMS, MACS)
    found = judge(held, examined(net()))
    assert (found.findings, found.drift.status) == ((), "equal")
    assert judge(held, examined(net(filters=9))).findings


def test_the_same_model_has_the_same_bytes():
    path = FIXTURES[-1]
    assert render(lock()) == path.read_text("utf-8")


# -- drift ----------------------------------------------------------------------------------------


def test_a_layer_that_is_wider():
    # 9 kernels instead of 8: 3·3·1·9 + 9 = 90 weights, 26·26·9 = 6,084 values, ·4 + 4 = 24,340.
    told = messages(net(), net(filters=9))
    assert told[0] == (
        "KA511 conv: filters 8 → 9, params 80 → 90 (+10), MACs 48,672 → 54,756 (+6,084)"
    )
    assert told[1].startswith("KA511 dense: kernel [5408, 4] → [6084, 4], params 21,636 → 24,340")
    assert told[-1] == (
        "KA511 the model: params 21,716 → 24,430 (+2,714), MACs 70,304 → 79,092 (+8,788)"
    )
    found = judge(lock(), examined(net(filters=9)))
    assert found.drift.status == "different"
    assert [change.path for change in found.drift.layers] == ["conv", "flat", "dense"]


def test_layers_that_come_and_go_and_are_renamed():
    more = net()
    more["config"]["layers"].append(layer("Dropout", name="drop", rate=0.5))
    assert "KA511 drop: new, Dropout with 0 params" in messages(net(), more)
    assert "KA511 drop: gone, Dropout with 0 params" in messages(more, net())
    other = net()
    other["config"]["layers"][3]["config"]["name"] = "head"
    assert messages(net(), other)[0] == "KA511 dense, now head: renamed"


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "relu"},
        {"trainable": False},
        {"use_bias": False},
        {"dtype": "float16"},
        {"padding": "same"},
        {"kernel_initializer": {"class_name": "Zeros", "config": {}}},
        {"dilation_rate": 2},
    ],
)
def test_a_value_of_a_config(change):
    (key,) = change
    old, new = messages(net(), net(**change)), messages(net(**change), net())
    assert any(f"KA511 conv: {key}" in one for one in old), old
    assert any(f"KA511 conv: {key}" in one for one in new), new


def functional(first, second):
    def node(*sources):
        return [[[source, 0, 0, {}] for source in sources]]

    def named(class_name, name, nodes, **config):
        return {
            "class_name": class_name,
            "name": name,
            "config": {"name": name, **config},
            "inbound_nodes": nodes,
        }

    return {
        "class_name": "Functional",
        "config": {
            "name": "net",
            "layers": [
                named("InputLayer", "x", [], batch_shape=[None, 4]),
                named("Dense", "a", node("x"), units=4),
                named("Dense", "b", node(first), units=4),
                named("Add", "sum", node(second, "b")),
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["sum", 0, 0]],
        },
    }


def test_a_layer_that_is_fed_by_another():
    told = messages(functional("a", "a"), functional("a", "x"))
    assert told[0] == "KA511 sum took a, b, now x, b"


def test_another_class_of_model_with_the_same_layers():
    held = replace(lock(), class_name="Functional")
    told = [one.message for one in judge(held, examined(net())).findings]
    assert told == [
        "the model is of class Sequential, was Functional",
        "the model: all totals are the same",
    ]


@pytest.mark.parametrize("name", TOTALS)
@pytest.mark.parametrize("other", [1, None])
def test_every_total_that_drifts_is_found(name, other):
    held = lock()
    value = held.totals[name]
    if value is None:
        changed = 7 if other else 0
    elif isinstance(value, dict):
        changed = {"float32": 1} if other else None
    else:
        changed = value / 2 if isinstance(value, float) else value + 1 if other else None
    found = judge(replace(held, totals={**held.totals, name: changed}), examined(net()))
    assert found.findings, (name, value, changed)
    assert any(one.path == "total" for one in found.findings)


@pytest.mark.parametrize("name", LAYER_TALLIES)
@pytest.mark.parametrize("known", [True, False])
def test_every_tally_of_a_layer_that_drifts_is_found(name, known):
    held = lock()
    dense = held.layers[3]
    other = dense.tallies[name] + 1 if known or name == "calls" else None
    layers = (*held.layers[:3], replace(dense, tallies={**dense.tallies, name: other}))
    found = judge(replace(held, layers=layers), examined(net())).findings
    assert "dense" in {one.path for one in found}


@pytest.mark.parametrize(
    "change",
    [
        {"path": "other"},
        {"class_name": "Other"},
        {"kind": "Other"},
        {"names": {("cell", "name"): "a"}},
        {"takes": None},
        {"takes": ((("conv", 0),),)},
        {"takes": ((("flat", 1),),)},
        {"output_shape": None},
        {"output_shape": (None, 5)},
        {"weights": ()},
    ],
    ids=str,
)
def test_everything_else_of_a_layer_that_drifts_is_found(change):
    held = lock()
    layers = (*held.layers[:3], replace(held.layers[3], **change))
    found = judge(replace(held, layers=layers), examined(net())).findings
    assert len(found) > 1, found


@pytest.mark.parametrize(
    "change",
    [
        {"name": "scale"},
        {"shape": (5408, 5)},
        {"shape": None},
        {"dtype": "float16"},
        {"dtype": None},
        {"trainable": False},
        {"trainable": None},
    ],
    ids=str,
)
def test_everything_of_a_weight_that_drifts_is_found(change):
    held = lock()
    dense = held.layers[3]
    weights = (replace(dense.weights[0], **change), dense.weights[1])
    layers = (*held.layers[:3], replace(dense, weights=weights))
    found = judge(replace(held, layers=layers), examined(net())).findings
    assert any(one.path == "dense" for one in found)


UNITS = st.lists(
    st.tuples(st.integers(1, 3), st.booleans(), st.sampled_from(["linear", "relu"])),
    min_size=1,
    max_size=4,
)


def stack(rows):
    return sequential(
        layer("InputLayer", name="x", batch_shape=[None, 2]),
        *(
            layer("Dense", name=f"d{i}", units=units, use_bias=bias, activation=activation)
            for i, (units, bias, activation) in enumerate(rows)
        ),
    )


@settings(max_examples=150)
@given(UNITS, UNITS)
def test_two_models_drift_unless_they_are_the_same(one, other):
    held = read_again(lock_of(examined(stack(one)), "net"))
    found = judge(held, examined(stack(other)))
    assert bool(found.findings) is (one != other)
    assert {finding.code for finding in found.findings} <= {"KA511"}


def test_many_layers_are_told_up_to_a_number():
    old, new = ([(units, True, "linear")] * 30 for units in (2, 3))
    told = messages(stack(old), stack(new))
    assert len(told) == 20 + 3
    assert told[-3:-1] == [
        "KA511 10 layers more changed: see the diff",
        "KA511 the model's output shapes [[null, 2]] → [[null, 3]]",
    ]


# -- the rules ------------------------------------------------------------------------------------


@pytest.fixture
def without_bias(monkeypatch):
    """A rule for convolutions that forgets the bias."""
    monkeypatch.setattr("kerasaudit.derivation.rule._user_rules", {})
    built_in = ka.LayerConfig({"class_name": "Conv2D", "config": {}})
    from kerasaudit.derivation.rule import find_rule

    convolution = find_rule(built_in).function

    def change():
        @ka.rule("Conv2D")
        def forgetful(layer, x):
            """A convolution without its bias."""
            made = convolution(layer, x)
            return replace(made, weights=made.weights[:1])

    return change


def test_a_formula_that_changed(without_bias, monkeypatch):
    held = lock()
    without_bias()
    found = judge(held, examined(net()))
    assert {one.code for one in found.findings} == {"KA513"}
    assert found.findings[0].message == "conv: bias gone [8], params 80 → 72 (-8)"
    assert "rules 1 in the lock and now" in found.findings[-1].message
    monkeypatch.setattr(drift, "RULES", 2)
    last = judge(held, examined(net())).findings[-1].message
    assert "rules 1 in the lock, rules 2 now; params 21,716 → 21,708 (-8)" in last


def test_a_model_and_a_formula_that_changed(without_bias, monkeypatch):
    held = lock()
    without_bias()
    monkeypatch.setattr(drift, "RULES", 2)
    found = judge(held, examined(net(units=5))).findings
    assert {one.code for one in found} == {"KA511"}
    assert "rules 1 in the lock, rules 2 now" in found[-1].message


def test_other_rules_and_the_same_figures_are_clean(monkeypatch):
    held = lock()
    monkeypatch.setattr(drift, "RULES", 2)
    found = judge(held, examined(net()))
    assert found.findings == ()
    assert found.notes == ("locked by rules 1, audited by rules 2: no figure differs",)


def test_a_live_model_whose_rule_changed(keras, without_bias, tmp_path):
    model = keras.Sequential(
        [keras.Input((28, 28, 1), name="x"), keras.layers.Conv2D(8, 3, name="conv")], name="live"
    )
    held = lock_of(examined(model), "live")
    assert judge(held, examined(model)).findings == ()
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    assert judge(held, examined(model)).findings == ()  # it is trained, and the same model
    without_bias()
    assert {one.code for one in judge(held, examined(model)).findings} == {"KA513"}


def test_a_live_model_whose_code_changed_and_not_its_config(keras, monkeypatch):
    monkeypatch.setattr("kerasaudit.derivation.rule._user_rules", {})

    class Scale(keras.layers.Layer):
        extent = 4

        def build(self, shape):
            self.scale = self.add_weight(name="scale", shape=(self.extent,))

        def call(self, x):
            return x

        def compute_output_shape(self, shape):
            return shape

    def model():
        return keras.Sequential([keras.Input((4,), name="x"), Scale(name="scale")], name="live")

    held = lock_of(examined(model()), "live")
    monkeypatch.setattr(Scale, "extent", 6)
    found = judge(held, examined(model())).findings
    assert {one.code for one in found} == {"KA511"}
    assert found[0].message == "scale: scale [4] → [6], params 4 → 6 (+2)"


# -- what is no lock ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a lock as JSON, but"),
        ("[]", "expected a lock (an object with schema_version), received []"),
        ('{"schema_version": 0}', "schema_version: expected an integer from 1 to 1, received 0"),
        ('{"schema_version": true}', "received true"),
        (
            '{"schema_version": 999}',
            "expected a lock of schema version 1, received 999: a newer kerasaudit wrote it",
        ),
        ('{"schema_version": 1}', "class_name: expected a value, received nothing"),
        ('{"schema_version": NaN}', "NaN is no JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("[" * 100_000, "expected a lock, received JSON nested too deep"),
        ("9" * 5_000, "expected a lock as JSON, but"),
        ("[" + "1," * 1_000_000 + "1]", "expected a lock of at most 1,000,000 values"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_lock_is_refused_in_a_line(text, told):
    with pytest.raises(TargetError) as caught:
        parse(text.encode(), "audits/net.json")
    assert str(caught.value).startswith("audits/net.json: ")
    assert told in str(caught.value)


def test_no_more_is_read_than_the_limits_allow(tmp_path):
    path = tmp_path / "net.json"
    path.write_bytes(b" " * 40 * 1024 * 1024)
    with pytest.raises(TargetError, match="at most 33,554,432 bytes"):
        read_lock(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda row: row["totals"].pop("macs"), "totals.macs: expected a value, received nothing"),
        (lambda row: row["totals"].update(params=-1), "totals.params: expected a count or null"),
        (lambda row: row["totals"].update(params=10**60), "totals.params: expected a count"),
        (
            lambda row: row["totals"].update(layers=None),
            "totals.layers: expected a count, received",
        ),
        (lambda row: row.update(extra=1), "extra: a lock of schema version 1 has no such key"),
        (lambda row: row["layers"][1].update(calls=None), "layers[1].calls: expected a count"),
        (lambda row: row["layers"][1].update(takes=[["x", 1], 1.5]), "layers[1].takes: expected"),
        (lambda row: row["layers"][1].update(config={"a": [[1]]}), "layers[1].config.a: expected"),
        (
            lambda row: row["layers"][1]["weights"][0].append("yes"),
            "layers[1].weights[0][3]: expected true, false or null",
        ),
        (lambda row: row.update(rules="1"), 'rules: expected a count, received "1"'),
    ],
)
def test_a_value_that_no_lock_has_is_named(change, told):
    row = json.loads(render(lock()))
    change(row)
    with pytest.raises(TargetError) as caught:
        parse(json.dumps(row).encode(), "net.json")
    assert told in str(caught.value)


def read_or_refused(data):
    """The lock, or `None` if it is refused in one line."""
    try:
        return parse(data, "net.json")
    except TargetError as error:
        lines = str(error).splitlines()
    assert len(lines) == 1
    return None


def every_place(value, place=()):
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, (dict, list)) else ():
        if isinstance(item, (dict, list)):
            yield from every_place(item, (*place, key))
        else:
            yield (*place, key)


ROW = json.loads(render(lock()))
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**80), 10**80),
    st.floats(),
    st.text(max_size=5),
    st.just({}),
    st.lists(st.one_of(st.none(), st.integers(-1, 3), st.text(max_size=3)), max_size=3),
    st.integers(50, 3000).map(
        lambda depth: json.loads("[" * depth + "]" * depth) if depth < 900 else []
    ),
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(every_place(ROW), key=repr)), JSON)
def test_a_lock_with_any_value_replaced_is_read_or_refused_in_a_line(place, value):
    row = json.loads(json.dumps(ROW))
    inner = row
    if not place:
        row = value
    else:
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
    held = read_or_refused(json.dumps(row).encode())
    if held is None:
        return
    found = judge(held, examined(net()))
    if (held.class_name, held.totals, held.layers, held.outputs) != (
        *(lock().class_name, lock().totals),
        *(lock().layers, lock().outputs),
    ):
        assert found.findings


@settings(max_examples=200)
@given(st.data())
def test_a_lock_with_any_bytes_replaced_is_read_or_refused_in_a_line(data):
    text = bytearray(render(lock()).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    held = read_or_refused(bytes(text))
    if held is not None:
        judge(held, examined(net()))


# -- in a folder ----------------------------------------------------------------------------------


def test_a_lock_of_another_model_is_not_taken(tmp_path):
    audited = examined(net())
    path = tmp_path / locked_name("net")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(lock_of(audited, "other")))
    (found,) = locked(audited, tmp_path).findings
    assert (found.code, found.incomplete) == ("KA515", True)
    assert "expected the lock of 'net', received that of 'other'" in found.message


def locked_name(target):
    from kerasaudit.reconciliation.lock.naming import lock_file

    return lock_file(target)


def test_an_audit_is_held_against_its_lock(tmp_path):
    missing = ka.audit(net(), locks=tmp_path)
    assert [one.code for one in missing.findings] == ["KA512"]
    assert (missing.status, missing.drift) == ("findings", None)
    path = tmp_path / locked_name("net")
    path.write_text(render(lock()))
    assert ka.audit(net(), locks=tmp_path).ok
    assert ka.audit(net(), locks=tmp_path).drift.status == "equal"
    drifted = ka.audit(net(units=5), locks=tmp_path)
    assert (drifted.status, drifted.drift.status) == ("findings", "different")
    waived = ka.audit(net(units=5), locks=tmp_path, severity={"KA511": "warning"})
    assert (waived.ok, waived.drift.status) == (True, "different")
    path.write_text("{")
    broken = ka.audit(net(), locks=tmp_path)
    assert (broken.status, [one.code for one in broken.findings]) == ("incomplete", ["KA515"])
    assert broken.totals.params == PARAMS  # nothing else is lost


def test_a_diff_of_a_lock_says_of_what_it_is(tmp_path):
    diff = compare(lock(), examined(net(units=5)), "audits/net.json")
    assert (diff.old.target, diff.old.layers, diff.new.target) == ("audits/net.json", 4, "net")
