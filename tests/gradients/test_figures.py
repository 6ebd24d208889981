"""Every statistic against plain NumPy in float64, over generated weights, units and gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.backends import tensorflow_norms
from kerasaudit.gradients.figures import Tensors, figures, scaled_norms
from kerasaudit.gradients.inventory import WeightEntry
from kerasaudit.gradients.statistics import HISTOGRAM_BINS, OF_GRADIENT, STATISTICS, checked

FLOAT = np.finfo("float32")
each_norm = pytest.mark.parametrize("norms", [scaled_norms, tensorflow_norms.norms])


def entry_of(axes, unit_axes, shape=None):
    return WeightEntry(
        layer="layer",
        weight="weight",
        class_name="Layer",
        shape=tuple(shape or axes),
        dtype="float32",
        axes_shape=tuple(axes),
        unit=tuple(f"a{axis}" for axis in unit_axes),
        unit_axes=tuple(unit_axes),
    )


def slices(array, axes, unit_axes):
    """The kernels one by one, each as a flat array: written with loops, on purpose."""
    array = np.asarray(array, "float64").reshape(axes)
    extents = [axes[axis] for axis in unit_axes]
    found = []
    for index in np.ndindex(*extents):
        where = [slice(None)] * len(axes)
        for axis, position in zip(unit_axes, index, strict=True):
            where[axis] = position
        found.append(array[tuple(where)].ravel())
    return found


def expected(name, kernel):
    with np.errstate(all="ignore"):
        if name == "l2":
            largest = np.max(np.abs(kernel))
            if not np.isfinite(largest) or largest == 0:
                return largest
            return largest * np.sqrt(np.sum((kernel / largest) ** 2))
        return {
            "max_abs": lambda: np.max(np.abs(kernel)),
            "mean": lambda: np.mean(kernel),
            "std": lambda: np.std(kernel),
            "min": lambda: np.min(kernel),
            "max": lambda: np.max(kernel),
            "mean_abs": lambda: np.mean(np.abs(kernel)),
            "zero_fraction": lambda: np.mean(kernel == 0),
        }[name]()


def binned(kernel):
    counts = np.zeros(HISTOGRAM_BINS, int)
    for value in np.abs(kernel):
        if not np.isfinite(value):
            counts[-1] += 1
        elif value == 0:
            counts[0] += 1
        else:
            # np.float32(10 ** -n) is the edge that a float32 element is compared with.
            edges = [np.float32(10.0**n) for n in range(-12, 5)]
            counts[1 + sum(value >= edge for edge in edges)] += 1
    return counts


@st.composite
def weights(draw, elements):
    axes = draw(st.lists(st.integers(1, 4), min_size=0, max_size=4))
    unit = draw(st.sets(st.integers(0, len(axes) - 1))) if axes else set()
    count = int(np.prod(axes, dtype=int))
    values = draw(st.lists(elements, min_size=count, max_size=count))
    return axes, sorted(unit), np.array(values, "float32").reshape(axes)


ORDINARY = st.one_of(
    st.just(0.0),
    st.floats(-1024, 1024, width=32, allow_subnormal=False),
    st.floats(-(2.0**-20), 2.0**-20, width=32, allow_subnormal=False),
)


@each_norm
@settings(max_examples=60, deadline=None)
@given(several=st.lists(weights(ORDINARY), min_size=1, max_size=3))
def test_statistics_are_those_of_numpy(norms, several):
    names = tuple(OF_GRADIENT)
    entries = [entry_of(axes, unit) for axes, unit, _ in several]
    tensors = [Tensors(g) for _, _, g in several]
    made = figures(names, entries, tensors, "float32", norms=norms)
    kernels = [k for axes, unit, g in several for k in slices(g, axes, unit)]
    rows = [name for name in names if name != "histogram"]
    for row, name in zip(np.array(made.values), rows, strict=True):
        wanted = [expected(name, kernel) for kernel in kernels]
        np.testing.assert_allclose(row, wanted, rtol=2e-5, atol=1e-9 if name == "std" else 1e-30)
    np.testing.assert_array_equal(np.array(made.histogram), [binned(k) for k in kernels])


@each_norm
@settings(max_examples=60, deadline=None)
@given(
    weight=weights(
        st.one_of(
            st.sampled_from([0.0, float("nan"), float("inf"), -float("inf")]),
            st.floats(float(FLOAT.tiny), float(FLOAT.max), width=32),
            st.floats(float(FLOAT.tiny), 2.0**-100, width=32),
        )
    )
)
def test_norms_hold_over_the_whole_range_of_floats_and_pass_on_what_is_not_finite(norms, weight):
    axes, unit, gradient = weight
    entries, tensors = [entry_of(axes, unit)], [Tensors(gradient)]
    made = figures(("l2", "max_abs"), entries, tensors, "float32", norms=norms)
    l2, max_abs = np.array(made.values)
    for kernel, norm, largest in zip(slices(gradient, axes, unit), l2, max_abs, strict=True):
        wanted = expected("l2", kernel)
        if wanted > FLOAT.max:  # more than any float32: infinite, and never a small number
            assert norm > 0.99 * FLOAT.max
        else:
            np.testing.assert_allclose(norm, wanted, rtol=1e-5)
        np.testing.assert_array_equal(largest, np.float32(expected("max_abs", kernel)))


@each_norm
def test_a_square_too_small_for_float32_is_not_lost(norms):
    gradient = np.full((3, 2), 1e-25, "float32")  # its square, 1e-50, is 0 in float32
    entries, tensors = [entry_of((3, 2), (1,))], [Tensors(gradient)]
    made = figures(("l2", "max_abs"), entries, tensors, "float32", norms=norms)
    np.testing.assert_allclose(np.array(made.values[0]), np.sqrt(3) * 1e-25, rtol=1e-6)


def test_a_float16_gradient_is_divided_by_its_scale_after_it_is_widened():
    gradient = np.array([[2.0**-20, 0.0]], "float16")  # / 32768 is 2⁻³⁵, which float16 has not
    made = figures(("l2",), [entry_of((1, 2), (1,))], [Tensors(gradient)], "float32", scale=32768.0)
    assert np.array(made.values).tolist() == [[2.0**-35, 0.0]]


def test_packed_axes_come_apart():
    # Two gates of three units in one dimension: the unit axis is the second of the two.
    gradient = np.arange(12, dtype="float32").reshape(2, 6)
    entry = entry_of((2, 2, 3), (2,), shape=(2, 6))
    made = figures(("max",), [entry], [Tensors(gradient)], "float32")
    # unit u holds the columns u and 3 + u of both rows: the largest is 6 + 3 + u
    assert np.array(made.values).tolist() == [[9.0, 10.0, 11.0]]


@each_norm
def test_update_statistics(norms):
    before = np.array([[3.0, 0.0, 0.0], [4.0, 0.0, 0.0]], "float32")
    after = np.array([[3.0, 0.0, 1.0], [4.5, 0.0, 0.0]], "float32")
    tensors = Tensors(np.zeros((2, 3), "float32"), before, after)
    names = ("weight_l2", "weight_std", "update_l2", "update_ratio")
    made = figures(names, [entry_of((2, 3), (1,))], [tensors], "float32", norms=norms)
    weight_l2, weight_std, update_l2, ratio = np.array(made.values)
    np.testing.assert_allclose(weight_l2, [5, 0, 0])  # √(3² + 4²)
    np.testing.assert_allclose(weight_std, [0.5, 0, 0])  # 3 and 4, mean 3.5
    np.testing.assert_allclose(update_l2, [0.5, 0, 1])
    np.testing.assert_allclose(ratio, [0.1, 0, np.inf])  # 0.5 / 5; 0 / 0 is 0; 1 / 0


@each_norm
def test_what_a_weight_does_not_have_is_nan(norms):
    entries = [entry_of((2,), (0,)), entry_of((3,), (0,))]
    given_one = [Tensors(None), Tensors(np.ones(3, "float32"))]
    made = figures(tuple(STATISTICS), entries, given_one, "float32", norms=norms)
    values = np.array(made.values)
    assert np.isnan(values[:, :2]).all()
    assert np.isfinite(values[:8, 2:]).all()
    assert np.isnan(values[8:]).all()  # no weight was read around an update
    assert np.array(made.histogram)[:2].sum() == 0


def test_an_unknown_statistic_is_named_with_those_near_it():
    with pytest.raises(ConfigError, match=r"received .l22..*did you mean l2"):
        checked(["l22"])
    assert checked("l2") == ("l2",)


@each_norm
def test_norms_of_a_weight_large_enough_to_be_summed_otherwise(norms):
    gradient = np.random.default_rng(0).normal(size=(1024, 160)).astype("float32")
    entries, tensors = [entry_of(gradient.shape, (1,))], [Tensors(gradient)]
    made = figures(("l2", "max_abs"), entries, tensors, "float32", norms=norms)
    wide = gradient.astype("float64")
    np.testing.assert_allclose(made.values[0], np.sqrt((wide**2).sum(0)), rtol=1e-6)
    np.testing.assert_array_equal(made.values[1], np.abs(gradient).max(0))


@each_norm
@pytest.mark.parametrize("unit_axis", [0, 1, 2])
@pytest.mark.parametrize(
    "magnitude", [1e-30, 1e-19, 1e-13, 1e-11, 1.0, 1e14, 1e16, 1e19, 1e36, np.inf, np.nan, 0.0]
)
def test_a_large_weight_whose_squares_leave_float32_is_summed_right(norms, unit_axis, magnitude):
    """One kernel of another magnitude than the others; every layout of kernels in memory."""
    gradient = np.random.default_rng(1).uniform(0.5, 1, (64, 32, 72)).astype("float32")
    kernels = np.moveaxis(gradient, unit_axis, 0)  # a view
    kernels[1] = -magnitude
    entries, tensors = [entry_of(gradient.shape, (unit_axis,))], [Tensors(gradient)]
    made = figures(("l2", "max_abs"), entries, tensors, "float32", norms=norms)
    wanted = [expected("l2", kernel.astype("float64").ravel()) for kernel in kernels]
    np.testing.assert_allclose(made.values[0], wanted, rtol=2e-5)
    largest = np.abs(kernels.reshape(len(kernels), -1)).max(1)
    np.testing.assert_array_equal(made.values[1], largest)


def test_a_norm_of_a_hundred_thousand_equal_elements_is_not_rounded_away():
    gradient = np.full((100_000, 8), 0.1234567, "float32")
    entries, tensors = [entry_of(gradient.shape, (1,))], [Tensors(gradient)]
    made = figures(("l2",), entries, tensors, "float32", norms=tensorflow_norms.norms)
    np.testing.assert_allclose(made.values[0], np.sqrt(1e5) * 0.1234567, rtol=2e-5)


@each_norm
@pytest.mark.parametrize("rows", [5**7, 2 * 5**6, 4 * 3**9, 8 * 3**7, 64 * 3**5, 512 * 9])
def test_norms_of_a_large_weight_of_any_number_of_rows(norms, rows):
    """Rows are taken by eights where they can be: each is looked at, the first and the last too."""
    kernels = 2**17 // rows + 3
    gradient = np.random.default_rng(rows).uniform(-0.5, 0.5, (rows, kernels)).astype("float32")
    gradient[-1, 0], gradient[0, 1], gradient[rows // 2, 2] = -1, 2, 3
    entries, tensors = [entry_of(gradient.shape, (1,))], [Tensors(gradient)]
    made = figures(("l2", "max_abs"), entries, tensors, "float32", norms=norms)
    wide = gradient.astype("float64")
    np.testing.assert_allclose(made.values[0], np.sqrt((wide**2).sum(0)), rtol=2e-5)
    np.testing.assert_array_equal(made.values[1], np.abs(gradient).max(0))
