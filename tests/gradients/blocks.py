"""Blocks and inventories for the tests: by hand, and generated."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasaudit.gradients.block import Block
from kerasaudit.gradients.inventory import Inventory, WeightEntry

BINS = 20


def entry(layer, weight, shape, unit_axes, status="recorded", **kwargs):
    """A weight whose axes are those of its variable, unless `axes_shape` says otherwise."""
    return WeightEntry(
        layer,
        weight,
        kwargs.pop("class_name", "Dense"),
        shape,
        kwargs.pop("dtype", "float32"),
        kwargs.pop("axes_shape", shape),
        kwargs.pop("unit", tuple("abcd"[: len(unit_axes)])),
        unit_axes,
        status,
        **kwargs,
    )


# Two recorded weights with 3 and 2 kernels, and between them a frozen one.
SMALL = Inventory(
    (
        entry("conv", "kernel", (2, 1, 3), (2,), class_name="Conv1D", unit=("K",)),
        entry("norm", "gamma", (4,), (0,), "frozen", class_name="BatchNormalization"),
        entry("out", "bias", (2,), (0,)),
    )
)


def block(inventory=SMALL, steps=(0,), statistics=("l2",), **kwargs):
    """A block with easy figures: 100·step + 10·statistic + kernel, so that none is there twice."""
    steps = np.array(steps, dtype=np.int64)
    n, kernels = len(steps), inventory.kernels
    values = (
        100.0 * steps[:, None, None]
        + 10.0 * np.arange(len(statistics))[None, :, None]
        + np.arange(kernels)
    )
    parts = {
        "optimizer": "optimizer",
        "tap": "raw",
        "epochs": np.zeros(n, np.int32),
        "status": np.zeros(n, np.int8),
        "learning_rate": np.full(n, 0.5),
        "loss": steps + 0.25,
        "loss_known": np.ones(n, bool),
        "loss_scale": np.ones(n),
        "present": np.ones(len(inventory.recorded), bool),
        "values": values.astype(inventory.dtype),
    }
    return Block(statistics=tuple(statistics), steps=steps, **(parts | kwargs))


def records(blocks):
    """What blocks say, step by step, for each stream: independent of how steps fall into blocks."""
    found = {}
    for one in blocks:
        for row in range(len(one)):
            stream = found.setdefault((one.optimizer, one.tap), [])
            figures = {name: one.of(name)[row] for name in one.statistics}
            if one.histogram is not None:
                figures["histogram"] = one.histogram[row]
            for place, (gradient, value) in one.elements.items():
                figures["gradient", place] = gradient[row]
                figures["value", place] = value[row]
            for name in ("epochs", "status", "learning_rate", "loss", "loss_known", "loss_scale"):
                figures[name] = getattr(one, name)[row]
            figures["present"] = one.present
            stream.append((int(one.steps[row]), one.statistics, figures))
    return found


def assert_same(blocks, expected):
    """Both hold the same steps of the same streams, equal to the bit (NaN equals NaN)."""
    ours, theirs = records(blocks), records(expected)
    assert ours.keys() == theirs.keys()
    for stream, rows in theirs.items():
        assert [row[:2] for row in ours[stream]] == [row[:2] for row in rows]
        for (step, _, got), (_, _, want) in zip(ours[stream], rows, strict=True):
            assert got.keys() == want.keys(), (stream, step)
            for name, value in want.items():
                np.testing.assert_array_equal(got[name], value, err_msg=f"{stream} {step} {name}")


WEIGHTS = (
    entry("conv", "kernel", (2, 2, 1, 3), (3,)),
    entry("lstm", "kernel", (2, 8), (1, 2), axes_shape=(2, 4, 2)),
    entry("norm", "gamma", (4,), (), undivided="no rule for it"),
    entry("scale", "factor", (), ()),
    entry("out", "bias", (2,), (0,)),
)


@st.composite
def inventories(draw):
    chosen = draw(st.lists(st.sampled_from(WEIGHTS), max_size=4, unique=True))
    states = draw(
        st.lists(
            st.sampled_from(["recorded", "recorded", "frozen", "unused"]),
            min_size=len(chosen),
            max_size=len(chosen),
        )
    )
    dtype = draw(st.sampled_from(["float32", "float32", "float64"]))
    weights = [
        entry(
            e.layer,
            e.weight,
            e.shape,
            e.unit_axes,
            status,
            axes_shape=e.axes_shape,
            dtype=dtype,
            undivided=e.undivided,
        )
        for e, status in zip(chosen, states, strict=True)
    ]
    return Inventory(tuple(weights))


STATISTICS = ("max_abs", "histogram", "l2")


@st.composite
def appended(draw, inventory, first_steps):
    """A block that goes on where its stream is; `first_steps` keeps where that is."""
    optimizer = draw(st.sampled_from(["optimizer", "tape"]))
    tap = draw(st.sampled_from(["raw", "applied"]))
    n = draw(st.integers(0, 4))
    start = first_steps.get((optimizer, tap), 0) + draw(st.integers(0, 2))
    steps = start + np.cumsum(draw(arrays.arrays(np.int64, n, elements=st.integers(0, 3))))
    if n:
        first_steps[optimizer, tap] = int(steps[-1])
    present = np.array([draw(st.booleans()) for _ in inventory.recorded], dtype=bool)
    mask = np.repeat(present, [e.kernels for e in inventory.recorded]).astype(bool)
    names = tuple(draw(st.permutations(["l2", "max_abs"]))[: draw(st.integers(0, 2))])
    width = 64 if inventory.dtype == "float64" else 32

    def floats(shape, width=width):
        return draw(arrays.arrays(f"float{width}", shape, elements=st.floats(width=width)))

    values = floats((n, len(names), inventory.kernels))
    values[:, :, ~mask] = np.nan
    histogram = None
    if draw(st.booleans()):
        counts = st.integers(0, 9)
        histogram = draw(arrays.arrays(np.int32, (n, inventory.kernels, BINS), elements=counts))
        histogram[:, ~mask] = 0
    elements = {
        place: (floats((n, *e.shape)), floats((n, *e.shape)))
        for place, e in enumerate(inventory.recorded)
        if tap == "raw" and present[place] and draw(st.booleans())
    }
    known = draw(arrays.arrays(bool, n))
    return Block(
        optimizer,
        tap,
        names,
        steps=steps,
        epochs=draw(arrays.arrays(np.int32, n, elements=st.integers(-1, 5))),
        status=draw(arrays.arrays(np.int8, n, elements=st.integers(0, 2))),
        learning_rate=floats(n, 64),
        loss=np.where(known, floats(n, 64), np.nan),
        loss_known=known,
        loss_scale=floats(n, 64),
        present=present,
        values=values,
        histogram=histogram,
        elements=elements,
    )


@st.composite
def runs(draw):
    """An inventory and the blocks of a session of it."""
    inventory, first_steps = draw(inventories()), {}
    count = draw(st.integers(0, 6))
    return inventory, [draw(appended(inventory, first_steps)) for _ in range(count)]
