"""The tidy tables: their rows by hand, and their columns whatever they hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.errors import ConfigError
from kerasaudit.gradients import columns
from kerasaudit.gradients.inventory import STATUSES, Inventory
from kerasaudit.gradients.statistics import STATISTICS
from kerasaudit.gradients.store import MemoryStore
from kerasaudit.gradients.tables import TABLES, columns_of
from tests.gradients.blocks import SMALL, block, entry, runs


def stored(inventory, blocks, statistics=("l2",)):
    store = MemoryStore()
    store.begin(inventory, statistics, {}, every=1)
    for one in blocks:
        store.append(one)
    store.end()
    return store


def test_a_row_a_kernel_then_the_weights_without_a_gradient():
    store = stored(SMALL, [block(steps=(0, 5), epochs=np.array([0, 2], np.int32))])
    frame = store.frame("kernels")
    figures = frame[frame["status"] == "ok"]
    columns = ["step", "epoch", "layer", "weight", "kernel", "size", "l2"]
    assert [tuple(row) for row in figures[columns].itertuples(index=False)] == [
        (0, 0, "conv", "kernel", 0, 2, 0.0),
        (0, 0, "conv", "kernel", 1, 2, 1.0),
        (0, 0, "conv", "kernel", 2, 2, 2.0),
        (0, 0, "out", "bias", 0, 1, 3.0),
        (0, 0, "out", "bias", 1, 1, 4.0),
        (5, 2, "conv", "kernel", 0, 2, 500.0),
        (5, 2, "conv", "kernel", 1, 2, 501.0),
        (5, 2, "conv", "kernel", 2, 2, 502.0),
        (5, 2, "out", "bias", 0, 1, 503.0),
        (5, 2, "out", "bias", 1, 1, 504.0),
    ]
    silent = frame[10:]
    assert list(silent["layer"]) == ["norm"] * 4
    assert list(silent["kernel"]) == [0, 1, 2, 3]
    assert list(silent["status"]) == ["frozen"] * 4
    assert silent[["step", "epoch", "optimizer", "tap", "l2"]].isna().all(axis=None)


def test_a_weight_that_no_block_has_is_disconnected_and_one_that_some_have_is_not():
    with_out = block(steps=(1,), present=np.array([False, True]))
    without = block(steps=(2,), present=np.array([False, False]))
    store = stored(SMALL, [with_out, without])
    frame = store.frame("kernels")
    assert list(frame["layer"]) == ["out"] * 2 + ["conv"] * 3 + ["norm"] * 4
    assert list(frame["status"]) == ["ok"] * 2 + ["disconnected"] * 3 + ["frozen"] * 4
    assert list(frame["l2"][:2]) == [103.0, 104.0]
    weights = store.frame("weights")
    assert list(weights["status"]) == ["disconnected", "frozen", "recorded"]
    assert weights["reason"][0] == STATUSES["disconnected"]
    assert weights["reason"].isna().tolist() == [False, False, True]


def test_before_the_first_block_no_weight_is_called_disconnected():
    store = stored(SMALL, [])
    assert list(store.frame("weights")["status"]) == ["recorded", "frozen", "recorded"]
    assert set(store.frame("kernels")["layer"]) == {"norm"}


def test_statistics_stand_in_the_order_asked_and_one_that_a_tap_lacks_is_null():
    asked = ("max_abs", "histogram", "l2")
    counts = np.arange(5 * 20, dtype=np.int32).reshape(1, 5, 20)
    raw = block(statistics=("l2", "max_abs"), histogram=counts)
    applied = block(statistics=("l2",), tap="applied")
    frame = stored(SMALL, [raw, applied], asked).frame("kernels")
    assert tuple(frame.columns[-3:]) == asked
    assert list(frame["l2"][:5]) == [0, 1, 2, 3, 4]
    assert list(frame["max_abs"][:5]) == [10, 11, 12, 13, 14]
    assert frame["histogram"][1] == list(range(20, 40))
    assert list(frame["tap"][5:10]) == ["applied"] * 5
    assert frame["max_abs"][5:10].isna().all()
    assert frame["histogram"][5:10].isna().all()


def test_the_steps_tell_a_loss_that_is_nan_from_one_not_known():
    one = block(
        steps=(7, 8),
        status=np.array([1, 2], np.int8),
        learning_rate=np.array([0.1, np.nan]),
        loss=np.array([np.nan, 3.0]),
        loss_known=np.array([True, False]),
        loss_scale=np.array([1024.0, 512.0]),
    )
    frame = stored(SMALL, [one]).frame("steps")
    assert list(frame["status"]) == ["overflow", "accumulated"]
    assert frame["learning_rate"].isna().tolist() == [False, True]
    assert frame["loss"].isna().all()
    assert frame["loss_known"].tolist() == [True, False]
    assert frame["loss_scale"].tolist() == [1024.0, 512.0]


def test_the_weights_say_how_they_fall_into_kernels():
    depthwise = entry("dw", "kernel", (3, 3, 2, 4), (2, 3), unit=("C", "m"))
    whole = entry("own", "w", (5,), (), undivided="no rule for Own")
    row, other = stored(Inventory((depthwise, whole)), []).frame("weights").to_dict("records")
    assert row["path"] == "dw/kernel"
    assert row["shape"] == (3, 3, 2, 4)
    assert (row["unit"], row["kernels"], row["size"]) == ("C·m", 2 * 4, 3 * 3)
    assert other["undivided"] == "no rule for Own"
    assert pandas.isna(other["unit"])
    assert (other["kernels"], other["size"]) == (1, 5)


def test_an_element_is_named_by_its_position_and_its_kernel():
    lstm = entry("lstm", "kernel", (2, 8), (1, 2), axes_shape=(2, 4, 2))
    inventory = Inventory((lstm,))
    gradient = np.arange(16, dtype=np.float32).reshape(1, 2, 8)
    one = block(inventory, elements={0: (gradient, gradient + 100)})
    frame = stored(inventory, [one]).frame("elements")
    assert list(frame["index"]) == [f"{i},{j}" for i, j in itertools.product(range(2), range(8))]
    # A kernel is a gate's unit: column j is gate j // 2 and unit j % 2, and 2 · gate + unit is j.
    assert list(frame["kernel"]) == list(range(8)) * 2
    assert list(frame["gradient"]) == list(range(16))
    assert list(frame["value"]) == list(range(100, 116))


def test_elements_of_a_unit_axis_in_front_and_of_a_scalar():
    table = entry("table", "embeddings", (2, 3), (0,))
    scalar = entry("scale", "factor", (), ())
    inventory = Inventory((table, scalar))
    ones = np.ones((2, 2, 3), np.float32)
    one = block(
        inventory,
        steps=(0, 1),
        elements={1: (np.array([5.0, 6.0]), np.array([7.0, 8.0])), 0: (ones, ones)},
    )
    frame = stored(inventory, [one]).frame("elements", step=1)
    assert list(frame["kernel"]) == [0, 0, 0, 1, 1, 1, 0]
    assert list(frame["index"]) == ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2", ""]
    assert frame.iloc[-1][["gradient", "value"]].tolist() == [6.0, 8.0]


def test_filters_keep_the_rows_that_have_the_value_or_one_of_them():
    store = stored(SMALL, [block(steps=range(6))])
    assert len(store.frame("kernels", layer="conv", step=[1, 4])) == 2 * 3
    assert list(store.frame("kernels", step=range(2, 4), kernel=0)["step"]) == [2, 2, 3, 3]
    assert len(store.frame("kernels", status="frozen")) == 4
    assert store.frame("steps", session=1).empty
    with pytest.raises(ConfigError, match="no filter 'histogram' in steps: expected one of sess"):
        store.frame("steps", histogram=1)
    with pytest.raises(ConfigError, match="no table 'rows'; a recording has kernels, steps"):
        store.frame("rows")


def test_a_float64_weight_makes_figures_float64():
    inventory = Inventory((entry("out", "bias", (2,), (0,), dtype="float64"),))
    frame = stored(inventory, [block(inventory, values=np.full((1, 1, 2), 1e-300))]).frame(
        "kernels"
    )
    assert frame["l2"].dtype == np.float64
    assert list(frame["l2"]) == [1e-300] * 2


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_documented_and_typed_however_empty_the_table(table):
    asked = list(STATISTICS)
    for store in (MemoryStore(), stored(SMALL, [], asked), stored(SMALL, [block()], asked)):
        statistics = asked if store.sessions and table == "kernels" else []
        names = [name for name in TABLES[table] if name not in STATISTICS or name in statistics]
        frame = store.frame(table)
        assert list(frame.columns) == names
        for name in names:
            assert str(frame[name].dtype) == TABLES[table][name][0], name
    assert all(meaning for _, meaning in TABLES[table].values())


def test_the_columns_of_a_table_are_those_asked_for():
    assert list(columns_of("kernels", ("std", "l2")))[-3:] == ["status", "std", "l2"]
    assert "l2" not in columns_of("steps", ("l2",))


@given(runs(), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_tables_hold_every_step_kernel_and_element_once(run, rows_at_once):
    inventory, blocks = run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "CHUNK_ROWS", rows_at_once)
        store = stored(inventory, blocks, ("l2", "max_abs", "histogram"))
        frames = {table: store.frame(table) for table in TABLES}
    kernels = [e.kernels for e in inventory.recorded]
    recorded = frames["kernels"][frames["kernels"]["step"].notna()]
    assert len(recorded) == sum(len(b) * int(np.dot(b.present, kernels)) for b in blocks)
    # Column by column from plain loops, in the order in which the store gives its blocks.
    want = [
        (int(step), b.tap, e.layer, k, figure)
        for b in store.blocks()
        if "l2" in b.statistics
        for row, step in enumerate(b.steps)
        for e, place, there in zip(inventory.recorded, inventory.ranges, b.present, strict=True)
        if there
        for k, figure in enumerate(b.of("l2")[row, place])
    ]
    has = recorded[np.array(with_l2(store, inventory), dtype=bool)]
    got = list(has[["step", "tap", "layer", "kernel", "l2"]].itertuples(index=False, name=None))
    assert [row[:4] for row in got] == [row[:4] for row in want]
    assert all(
        a == b or (math.isnan(a) and math.isnan(b))
        for a, b in zip((r[4] for r in got), (r[4] for r in want), strict=True)
    )
    assert len(frames["steps"]) == sum(len(b) for b in blocks)
    assert len(frames["weights"]) == len(inventory.weights)
    assert len(frames["elements"]) == sum(g.size for b in blocks for g, _ in b.elements.values())


def with_l2(store, inventory):
    kernels = [e.kernels for e in inventory.recorded]
    return [
        "l2" in b.statistics
        for b in store.blocks()
        for _ in range(len(b) * int(np.dot(b.present, kernels)))
    ]
