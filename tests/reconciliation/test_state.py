"""What a live model holds beside what it trains, and what its config cannot say of it."""

from __future__ import annotations

import re

import pytest

import kerasaudit as ka


def printed_total(model):
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    return int(re.search(r"Total params: ([\d,]+)", "\n".join(lines))[1].replace(",", ""))


def compiled(keras, layers):
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_what_summary_prints_counts_the_optimizer_once_it_has_variables(keras):
    model = compiled(keras, [keras.layers.Dense(2)])
    weights = 4 * 2 + 2
    before = ka.audit(model).totals
    assert before.summary_params == printed_total(model) == before.reported == weights
    model.train_on_batch(keras.ops.ones((1, 4)), keras.ops.ones((1, 2)))
    after = ka.audit(model).totals
    # Adam: two moments of each weight, its iterations and its learning rate.
    assert after.optimizer_state == 2 * weights + 2
    assert after.summary_params == printed_total(model) == weights + 2 * weights + 2
    assert after.reported == after.observed == after.params == weights
    # Mean loss and mean absolute error: a total and a count each.
    assert after.metric_state == 4


def test_reports_tell_the_optimizer_s_variables_from_parameters(keras, tmp_path):
    model = compiled(keras, [keras.layers.Dropout(0.5), keras.layers.Dense(2)])
    model.train_on_batch(keras.ops.ones((1, 4)), keras.ops.ones((1, 2)))
    audit = ka.audit(model)
    for name in ("audit.html", "audit.md"):
        audit.save(tmp_path / name)
        text = (tmp_path / name).read_text("utf-8")
        assert "no parameters, but summary() prints 32 with them" in text
        assert "of random generators, no parameters" in text


def test_states_of_random_generators_are_no_weights(keras):
    model = keras.Sequential(
        [keras.Input((3, 4)), keras.layers.GRU(5), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    totals = ka.audit(model).totals
    assert totals.seed_state == 2 + 2  # a GRU's too, though it drops nothing
    assert totals.observed == sum(weight.numpy().size for weight in model.weights)


def test_statistics_are_told_from_frozen_weights(keras):
    norm, dense = keras.layers.BatchNormalization(), keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((4,)), norm, dense])
    totals = ka.audit(model).totals
    assert (totals.trainable, totals.statistics, totals.frozen) == (4 + 4 + 10, 4 + 4, 0)
    norm.trainable = False
    totals = ka.audit(model).totals
    assert (totals.trainable, totals.statistics, totals.frozen) == (10, 8, 8)
    model.trainable = False
    totals = ka.audit(model).totals
    assert (totals.trainable, totals.statistics, totals.frozen) == (0, 8, 18)
    assert totals.non_trainable == totals.statistics + totals.frozen


def test_a_layer_frozen_before_it_was_built_holds_no_statistics(keras):
    frozen = keras.layers.Dense(2, trainable=False)
    totals = ka.audit(keras.Sequential([keras.Input((4,)), frozen])).totals
    assert (totals.statistics, totals.frozen) == (0, 10)


def test_a_config_alone_holds_nothing(keras):
    model = compiled(keras, [keras.layers.Dense(2)])
    totals = ka.audit({"class_name": "Sequential", "config": model.get_config()}).totals
    figures = ("frozen", "statistics", "seed_state", "metric_state", "optimizer_state")
    assert [getattr(totals, name) for name in (*figures, "summary_params")] == [None] * 6


@pytest.mark.parametrize("outside", [False, True], ids=["two submodels", "inside and outside"])
def test_sharing_that_the_config_loses_is_a_finding(keras, outside):
    shared = keras.layers.Dense(4, name="shared")
    x = keras.Input((5,))
    one = keras.Sequential([keras.Input((5,)), shared], name="one")
    two = shared if outside else keras.Sequential([keras.Input((5,)), shared], name="two")
    model = keras.Model(x, keras.layers.Add()([one(x), two(x)]))
    audit = ka.audit(model)
    again = keras.models.model_from_json(model.to_json())
    count = 5 * 4 + 4
    assert again.count_params() - model.count_params() == count
    assert [(finding.code, finding.difference) for finding in audit.findings] == [("KA121", count)]
    assert audit.totals.derived == audit.totals.observed == count
    assert [finding.code for finding in ka.audit(again).findings] == []


def test_a_submodel_that_is_called_twice_keeps_its_sharing(keras):
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)], name="inner")
    x, y = keras.Input((5,)), keras.Input((5,))
    model = keras.Model([x, y], keras.layers.Add()([inner(x), inner(y)]))
    assert ka.audit(model).ok
    assert keras.models.model_from_json(model.to_json()).count_params() == model.count_params()
