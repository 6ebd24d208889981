"""Confirmation over steps, beside a plain loop that says the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.gradients.diagnosis.streaks import Hysteresis, Runs, neighbours, outbreaks

flags = st.lists(st.booleans(), min_size=1, max_size=40)
cuts = st.lists(st.integers(0, 40), max_size=5)


def fed(streak, held, cuts):
    """Feed one item's flags in pieces; steps are 10 apart."""
    steps = 10 * np.arange(len(held))
    confirmed = []
    for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(held)], strict=True):
        piece = slice(min(a, len(held)), min(b, len(held)))
        if len(steps[piece]):
            found = streak.observe(steps[piece], np.array(held)[piece, None])
            confirmed += [int(steps[piece][row]) for _, row in found]
    return int(streak.began[0]), int(streak.last[0]), confirmed


@given(flags, cuts, st.integers(1, 4), st.integers(0, 4))
def test_hysteresis(held, cuts, k, more):
    n = k + more
    began, last, confirmed = -1, -1, []
    for i, now in enumerate(held):
        window = range(max(0, i - n + 1), i + 1)
        if now and sum(held[j] for j in window) >= k:
            last = 10 * i
            if began < 0:
                began = 10 * next(j for j in window if held[j])
                confirmed = [10 * i]
    assert fed(Hysteresis(k, n, 1), held, cuts) == (began, last, confirmed)


@given(flags, cuts, st.integers(1, 6))
def test_runs(held, cuts, length):
    began, last, confirmed, run = -1, -1, [], 0
    for i, now in enumerate(held):
        run = run + 1 if now else 0
        if run >= length:
            last = 10 * i
            if began < 0:
                began, confirmed = 10 * (i - run + 1), [10 * i]
    assert fed(Runs(length, 1), held, cuts) == (began, last, confirmed)


def test_a_run_that_breaks_on_the_first_step_of_a_block():
    held = [True, True, False, True, True, True]
    assert fed(Runs(3, 1), held, [2]) == (30, 50, [50])


@pytest.mark.parametrize(
    "make", [lambda items: Runs(2, items), lambda items: Hysteresis(2, 2, items)]
)
def test_items_are_apart(make):
    held = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 1]], bool)
    streak = make(3)
    assert streak.observe(np.array([5, 6, 7]), held) == [(0, 1), (2, 2)]
    assert streak.began.tolist() == [5, -1, 6]
    assert streak.last.tolist() == [6, -1, 7]


def test_outbreaks():
    began = {0: 7, 1: 5, 2: 5, 3: 16, 4: 15}
    assert list(outbreaks(began, 10)) == [[2, 1, 0, 4], [3]]


@pytest.mark.parametrize(
    ("began", "rows"),
    [
        ({}, []),
        ({1: 0}, [[1]]),
        ({1: 0, 2: 5, 4: 3}, [[1, 2, 4]]),  # 3 does not count
        ({1: 0, 4: 0}, [[1], [4]]),  # 2 lies between
        ({1: 0, 2: 6}, [[1], [2]]),
        ({1: 6, 2: 0, 4: 5}, [[1], [2, 4]]),
        ({1: 0, 2: 4, 4: 8}, [[1, 2], [4]]),  # 1 and 4 are 8 apart
    ],
)
def test_neighbours(began, rows):
    assert list(neighbours([0, 1, 2, 4, 5], began, within=5)) == rows
