"""The summary: its figures against plain NumPy over the whole array, however blocks are cut."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasaudit.gradients.block import Block
from kerasaudit.gradients.grid import COLUMNS, ROWS
from kerasaudit.gradients.inventory import Inventory, WeightEntry
from kerasaudit.gradients.summary import RunSummary, summarise

CLOSE = {"rel": 6e-5, "abs": 0}  # five significant digits


def weight(name: str, kernels: int, size: int = 4, **more: Any) -> WeightEntry:
    shape = (size, kernels)
    return WeightEntry(name, "kernel", "Dense", shape, "float32", shape, ("u",), (1,), **more)


def block(values: Any, first: int = 0, **more: Any) -> Block:
    """Figures (steps, statistics, kernels) of l2 and max_abs; everything else is plain."""
    steps = len(values)
    fields: dict[str, Any] = {
        "optimizer": "optimizer",
        "tap": "raw",
        "statistics": ("l2", "max_abs"),
        "steps": np.arange(first, first + steps),
        "epochs": np.zeros(steps, np.int32),
        "status": np.zeros(steps, np.int8),
        "learning_rate": np.full(steps, 0.1),
        "loss": np.zeros(steps),
        "loss_known": np.ones(steps, bool),
        "loss_scale": np.ones(steps),
        "present": np.array([True]),
    }
    return Block(values=np.asarray(values), **(fields | more))


def cut(whole: Block, sizes: list[int]) -> list[Block]:
    parts, start = [], 0
    for size in [*sizes, len(whole)]:
        parts.append(whole.take(slice(start, start + size)))
        start += size
    return [part for part in parts if len(part)]


def run_of(*blocks: Block, weights: tuple[WeightEntry, ...]) -> RunSummary:
    return summarise("net", Inventory(weights), blocks, [], {})


# -- against NumPy --------------------------------------------------------------------------------

FIGURES = st.one_of(
    st.floats(2**-40, 2**40, width=32), st.sampled_from([0.0, math.nan, math.inf, 1.0])
)


@st.composite
def runs(draw: Any) -> tuple[np.ndarray[Any, Any], list[int]]:
    steps, kernels = draw(st.integers(1, 250)), draw(st.integers(1, 150))
    some = draw(arrays.arrays(np.float32, st.integers(1, 60), elements=FIGURES))
    seed = draw(st.integers(0, 2**16))
    values = np.random.default_rng(seed).choice(some, (steps, 2, kernels))
    return values, draw(st.lists(st.integers(1, 90), max_size=6))


@settings(max_examples=80, deadline=None)
@given(runs())
def test_every_figure_is_numpys(run: tuple[np.ndarray[Any, Any], list[int]]) -> None:
    values, sizes = run
    kernels = values.shape[2]
    summary = run_of(*cut(block(values), sizes), weights=(weight("a", kernels),))
    (line,), (row,) = summary.timelines, summary.weights
    assert row.heat is not None
    assert row.bands is not None
    l2 = values[:, 0].astype(np.float64)
    finite = np.isfinite(values).all(axis=1)
    columns = [slice(s, s + line.width) for s in range(0, len(values), line.width)]
    rows = [slice(s, s + row.heat.per_row) for s in range(0, kernels, row.heat.per_row)]
    assert len(columns) == len(line.first) <= COLUMNS
    assert len(rows) == len(row.heat.values) <= ROWS
    bad = set(row.heat.non_finite)
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            usable = finite[across, down]
            cell = l2[across, down][usable]
            expected = math.sqrt(np.mean(cell**2)) if cell.size else None
            assert row.heat.values[i][j] == (expected and pytest.approx(expected, **CLOSE))
            assert ((i, j) in bad) == (not usable.all())
            peak = values[across, 1, down][usable]
            assert row.heat.max_abs is not None
            assert row.heat.max_abs[i][j] == (
                pytest.approx(float(peak.max()), **CLOSE) if peak.size else None
            )
    for j, across in enumerate(columns):
        known = [l2[s][finite[s]] for s in range(*across.indices(len(l2)))]
        known = [figures for figures in known if figures.size]
        told = [series[j] for series in (row.bands.p10, row.bands.median, row.bands.p90)]
        if not known:
            assert told == [None] * 3
            continue
        for figure, quantile in zip(told, (0.1, 0.5, 0.9), strict=True):
            assert figure == pytest.approx(np.mean([np.quantile(k, quantile) for k in known]), 6e-5)
        assert row.bands.low[j] == pytest.approx(min(k.min() for k in known), **CLOSE)
        assert row.bands.high[j] == pytest.approx(max(k.max() for k in known), **CLOSE)
        assert row.non_finite[j] == (~finite[across].all(axis=1)).sum()


@settings(max_examples=60, deadline=None)
@given(runs())
def test_the_figures_of_a_weight_are_numpys(run: tuple[np.ndarray[Any, Any], list[int]]) -> None:
    values, sizes = run
    summary = run_of(*cut(block(values), sizes), weights=(weight("a", values.shape[2]),))
    (row,) = summary.weights
    finite = np.isfinite(values).all(axis=1)
    whole = finite.all(axis=1)
    with np.errstate(all="ignore"):
        norms = np.sqrt(np.sum(values[:, 0].astype(np.float64) ** 2, axis=1))
    assert row.steps == len(values)
    assert row.non_finite_steps == (~whole).sum()
    assert row.zero_steps == (whole & (values == 0).all(axis=(1, 2))).sum()
    assert row.non_finite_kernels == (~finite).any(axis=0).sum()
    dead = finite.any(axis=0) & np.where(finite, values[:, 1] == 0, True).all(axis=0)
    assert row.dead_kernels == dead.sum()
    for figure, step in ((row.norm_first, 0), (row.norm_last, -1)):
        assert figure == pytest.approx(
            norms[step] if whole[step] else math.nan, nan_ok=True, rel=6e-5
        )
    if whole.any():
        assert row.norm_min == pytest.approx(norms[whole].min(), **CLOSE)
        assert row.norm_max == pytest.approx(norms[whole].max(), **CLOSE)
    else:
        assert (row.norm_min, row.norm_typical, row.norm_max) == (None, None, None)


@settings(max_examples=40, deadline=None)
@given(runs())
def test_it_does_not_depend_on_how_blocks_are_cut(run: tuple[Any, list[int]]) -> None:
    values, sizes = run
    # Whole figures, whose sums have no last bit that could differ.
    values = np.where(np.isfinite(values), np.round(np.clip(values, 0, 1e3)), values)
    entry = weight("a", values.shape[2])
    one = run_of(block(values), weights=(entry,))
    other = run_of(*cut(block(values), sizes), weights=(entry,))
    assert repr(one.weights[0].heat) == repr(other.weights[0].heat)
    assert one.timelines == other.timelines
    assert one.weights[0].zero_steps == other.weights[0].zero_steps


# -- by hand --------------------------------------------------------------------------------------


def test_a_few_figures_worked_out_by_hand() -> None:
    # Two kernels, three steps: l2 (3, 4), (0, 0), (6, 8), whose norms are 5, 0 and 10.
    values = [[[3, 4], [2, 1]], [[0, 0], [0, 0]], [[6, 8], [1, 7]]]
    summary = run_of(block(np.array(values, np.float32)), weights=(weight("a", 2),))
    (row,) = summary.weights
    assert (row.norm_first, row.norm_last, row.norm_min, row.norm_max) == (5, 10, 0, 10)
    assert (row.norm_typical, row.max_abs, row.zero_steps) == (5, 7, 1)
    assert row.level == (3.5355, 0, 7.0711)  # √(25/2), 0, √(100/2)
    assert row.heat is not None
    assert row.heat.values == ((3, 0, 6), (4, 0, 8))
    assert row.bands is not None
    assert row.bands.median == (3.5, 0, 7)
    assert summary.scale == (0, 1)  # between 3 and 8


def test_many_steps_are_merged_into_columns_and_it_is_said() -> None:
    values = np.ones((1000, 2, 130), np.float32)
    blocks = [block(values, first=n * 1000) for n in range(10)]
    summary = run_of(*blocks, weights=(weight("a", 130),))
    (line,) = summary.timelines
    # 10,000 steps: columns of 32 while they stream by (313 ≤ 4 · 96), four of them made one.
    assert (line.width, len(line.first)) == (128, 79)
    assert (line.first[1], line.last[0], line.last[-1]) == (128, 127, 9999)
    assert summary.rolled[0] == "10,000 recorded steps in 79 columns of 128."
    (row,) = summary.weights
    assert row.heat is not None
    assert row.heat.rolled == "130 kernels in 44 rows of 3"
    assert "1 of 1 heat maps have up to 3 kernels in a row." in summary.drawing


def test_a_steps_facts() -> None:
    values = np.ones((4, 2, 1), np.float32)
    values[1] = np.inf
    facts = block(
        values,
        first=7,
        status=np.array([0, 1, 2, 0], np.int8),
        loss=np.array([1.0, 2.0, np.nan, 9.0]),
        loss_known=np.array([True, True, True, False]),
        learning_rate=np.array([0.1, 0.2, np.nan, 0.4]),
    )
    summary = run_of(facts, weights=(weight("a", 1),))
    (line,) = summary.timelines
    assert (line.ok, line.overflow, line.accumulated) == ((1, 0, 0, 1), (0, 1, 0, 0), (0, 0, 1, 0))
    assert line.loss == (1, 2, None, None)
    assert line.loss_nonfinite == (0, 0, 1, 0)
    assert line.learning_rate == (0.1, 0.2, None, 0.4)
    assert line.span == "7 to 10"
    (row,) = summary.weights
    assert (row.steps, row.non_finite_steps) == (3, 0)  # the overflow is not a step of the weight's
    assert row.level == (1, None, 1, 1)
    assert any("1 step with an overflow" in words for words in summary.rolled)


def test_optimizers_have_their_own_weights_and_steps() -> None:
    entries = (weight("generator", 2), weight("critic", 3))
    values = np.ones((2, 2, 5), np.float32)
    one, other = values.copy(), values.copy()
    one[..., 2:] = np.nan
    other[..., :2] = np.nan
    summary = run_of(
        block(one, optimizer="g_optimizer", present=np.array([True, False])),
        block(other, optimizer="c_optimizer", present=np.array([False, True])),
        block(other, optimizer="c_optimizer", present=np.array([False, True]), first=2),
        weights=entries,
    )
    found = [(row.layer, row.optimizer, row.steps, row.non_finite_steps) for row in summary.weights]
    assert found == [("generator", "g_optimizer", 2, 0), ("critic", "c_optimizer", 4, 0)]
    assert [line.steps for line in summary.timelines] == [2, 4]
    assert summary.weights[0].level == (1, 1)


def test_the_first_tap_is_shown_and_all_are_counted() -> None:
    values = np.ones((3, 2, 1), np.float32)
    summary = run_of(
        block(values * 5, tap="clipped"),
        block(values),
        block(values[:1] * 7, tap="applied"),
        weights=(weight("a", 1),),
    )
    assert summary.weights[0].norm_first == 1
    assert [(s.tap, s.steps) for s in summary.streams] == [
        ("applied", 1),
        ("clipped", 3),
        ("raw", 3),
    ]


def test_ratios_may_stand_at_another_tap() -> None:
    ratios = np.array([[[0.1, 0.2, 0.6]], [[0.3, 0.4, 0.8]]])
    summary = run_of(
        block(np.ones((2, 2, 3))),
        block(ratios, tap="applied", statistics=("update_ratio",)),
        weights=(weight("a", 3),),
    )
    assert summary.weights[0].update_ratio == pytest.approx(0.3)  # the mean of 0.2 and 0.4
    assert summary.weights[0].update_ratio_max == 0.8
    assert summary.statistics == ("l2", "max_abs", "update_ratio")


def test_what_tells_no_size_has_no_heat_map() -> None:
    only = block(np.ones((2, 1, 3)), statistics=("mean",))
    summary = run_of(only, weights=(weight("a", 3),))
    (row,) = summary.weights
    assert (summary.measure, row.heat, row.bands, row.norm_first) == (None, None, None, None)
    largest = block(np.full((2, 1, 3), 2.0), statistics=("max_abs",))
    summary = run_of(largest, weights=(weight("a", 3),))
    assert (summary.measure, summary.weights[0].norm_first) == ("max_abs", 2)


def test_weights_without_a_gradient_say_why() -> None:
    entries = (weight("a", 1), weight("b", 1), weight("c", 1, status="frozen"))
    never = block(np.ones((1, 2, 2)), present=np.array([True, False]))
    summary = run_of(never, weights=entries)
    assert [(row.path, row.status) for row in summary.silent] == [
        ("b/kernel", "disconnected"),
        ("c/kernel", "frozen"),
    ]
    nothing = run_of(weights=entries)
    assert nothing.silent[0].reason == "no step was recorded"
    assert (nothing.timelines, nothing.weights, nothing.scale) == ((), (), None)


def test_of_very_many_weights_the_largest_are_drawn() -> None:
    entries = tuple(weight(f"w{n}", 1, size=n + 1) for n in range(300))
    values = np.ones((1, 2, 300), np.float32)
    summary = run_of(block(values, present=np.ones(300, bool)), weights=entries)
    drawn = [row.layer for row in summary.weights if row.heat is not None]
    assert drawn == [f"w{n}" for n in range(76, 300)]
    assert all(row.norm_first == 1 for row in summary.weights)
    assert any(words.startswith("224 of 300 weights have heat maps") for words in summary.drawing)


def test_pictures_are_of_the_last_step_that_was_not_skipped() -> None:
    shape = (3, 3, 5, 40)
    entry = WeightEntry("c", "kernel", "Conv2D", shape, "float32", shape, ("K",), (3,))
    gradient = np.arange(3 * 9 * 5 * 40, dtype=np.float32).reshape(3, *shape)
    values = np.ones((3, 2, 40), np.float32)
    status = np.array([0, 0, 1], np.int8)
    whole = block(values, status=status, elements={0: (gradient, -gradient)})
    pictures = run_of(whole, weights=(entry,)).weights[0].pictures
    assert pictures is not None
    assert pictures.step == 1
    assert len(pictures.gradient) == 32
    expected = gradient[1][:, :, 2, 31]
    assert np.array(pictures.gradient[31][2]) == pytest.approx(expected, rel=6e-5)
    assert np.array(pictures.weight[31][2]) == pytest.approx(-expected, rel=6e-5)
    assert pictures.rolled == "32 of 40 kernels, 3 of 5 input channels"


def test_a_depthwise_filter_has_one_channel() -> None:
    shape = (2, 2, 3, 2)
    entry = WeightEntry(
        "d", "kernel", "DepthwiseConv2D", shape, "float32", shape, ("C", "m"), (2, 3)
    )
    gradient = np.arange(24, dtype=np.float32).reshape(1, *shape)
    one = block(np.ones((1, 2, 6)), elements={0: (gradient, gradient)})
    pictures = run_of(one, weights=(entry,)).weights[0].pictures
    assert pictures is not None
    assert pictures.rolled is None
    assert pictures.weight[3] == (((3, 9), (15, 21)),)  # channel 1, multiplier 1


def test_memory_does_not_grow_with_the_steps() -> None:
    values = np.random.default_rng(0).lognormal(size=(50, 2, 400)).astype(np.float32)

    def peak(blocks: int) -> int:
        stream = (block(values, first=50 * n) for n in range(blocks))
        tracemalloc.start()
        summarise("net", Inventory((weight("a", 400),)), stream, [], {})
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(200) < 1.2 * peak(20)
