"""The arithmetic of workings, against Python's own fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.errors import WorkingError
from kerasaudit.reconciliation.working import Figure, evaluate, shape_of


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("64 × 3 × 3 = 567", [576, 567]),
        ("567 * 32 = 18,432", [18144, 18432]),
        ("(3*3*3)*64 = 1,728", [1728, 1728]),
        ("18432 + 64 = 18496", [18496, 18496]),
        ("2·(3 − 1) = 4 = 8 / 2", [4, 4, 4]),
        ("-3 + 5", [2]),
        ("1/3", [Fraction(1, 3)]),
        ("0.5 × 4", [2]),
        ("1,234,567", [1234567]),
        ("7*7*512*4096 = 102,760,448", [102760448, 102760448]),
    ],
)
def test_steps(step, values):
    assert [figure.value for figure in evaluate(step)] == values


@pytest.mark.parametrize(
    "step",
    [
        "",
        "=",
        "3 = ",
        "64 × k × k = 576",
        "2 ** 3",
        "7 // 2",
        "7 % 2",
        "1e3",
        "0x10",
        "1_000",
        "18,43",
        "1,2345",
        "3 4",
        "(3",
        "3)",
        "__import__('os')",
        "a.b",
        "1 if 1 else 2",
        "lambda: 1",
        "1 == 1",
        "1 / 0",
        "1 / (2 - 2)",
        "3 × × 4",
        "_0",
        "[1]",
        "1;2",
        "1\n+1 # x",
        "9" * 600,
        "0M",
        "18K + 900",
        "2 × 9.2K",
    ],
)
def test_what_is_not_arithmetic_is_refused_in_one_line(step):
    with pytest.raises(WorkingError) as failure:
        evaluate(step)
    assert "\n" not in str(failure.value)


numbers = st.integers(0, 10**12)


@given(numbers, numbers, numbers, numbers.filter(bool))
def test_any_expression_has_the_value_that_fractions_give(a, b, c, d):
    step = f"({a:,} + {b}) × {c} − {a:,} / {d} = {b} · ({c:,} - {d})"
    left, right = evaluate(step)
    assert left.value == Fraction((a + b) * c) - Fraction(a, d)
    assert right.value == b * (c - d)


@given(st.integers(0, 10**12), st.sampled_from([("K", 3), ("M", 6), ("G", 9), ("B", 9)]))
def test_a_rounded_figure_stands_for_what_rounds_to_it_and_for_nothing_else(value, scale):
    letter, power = scale
    tenths = max(round(Fraction(value, 10 ** (power - 1))), 1)
    value = max(value, 10 ** (power - 1))
    (figure,) = evaluate(f"{tenths // 10}.{tenths % 10}{letter}")
    assert figure.agrees_with(value)
    assert not figure.agrees_with(value + 10 ** (power - 1) + 1)
    assert not figure.agrees_with(value - 10 ** (power - 1) - 1)


@pytest.mark.parametrize(
    ("claimed", "value", "agrees"),
    [
        ("88.5M", 88_591_464, False),
        ("88.6M", 88_591_464, True),
        ("25.6M", 25_636_712, True),
        ("138M", 138_357_544, True),
        ("137M", 138_357_544, False),
        ("5.3M", 5_330_571, True),
    ],
)
def test_published_figures(claimed, value, agrees):
    assert evaluate(claimed)[0].agrees_with(value) is agrees


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=5))
def test_shapes(extents):
    assert shape_of(" × ".join(map(str, extents))) == tuple(extents)
    assert shape_of("x".join(map(str, extents))) == tuple(extents)


@pytest.mark.parametrize("working", ["", "26 × k", "26 × -1", "(26, 26)", "26.5"])
def test_what_is_no_shape(working):
    with pytest.raises(WorkingError):
        shape_of(working)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        figures = evaluate(text)
    except WorkingError:
        return
    assert all(isinstance(figure, Figure) for figure in figures)


def test_a_rounded_figure_is_shown_as_it_is_written():
    assert [str(figure) for figure in evaluate("25.6M = 25,636,712")] == ["25.6M", "25,636,712"]


def test_a_negative_figure_is_written_with_its_sign():
    assert [str(figure) for figure in evaluate("−25.6K = 0 − 25,600 = −0.5")] == [
        "−25.6K",
        "−25,600",
        "−0.5",
    ]
