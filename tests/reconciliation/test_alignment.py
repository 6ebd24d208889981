"""Which layer is which: the longest common subsequence, and the ways by name and by structure."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.reconciliation import alignment
from kerasaudit.reconciliation.alignment import Entry, align, common_subsequence

_TOKENS = st.lists(st.sampled_from("abc"), max_size=12)


def longest(one, other) -> int:
    """The length of a longest common subsequence by the textbook table."""
    row = [0] * (len(other) + 1)
    for token in one:
        before = row
        row = [0]
        for place, match in enumerate(other):
            row.append(before[place] + 1 if token == match else max(row[-1], before[place + 1]))
    return row[-1]


@given(_TOKENS, _TOKENS)
def test_it_is_a_longest_one(one, other) -> None:
    pairs = common_subsequence(one, other)
    assert all(one[i] == other[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert len(pairs) == longest(one, other)


@given(_TOKENS, _TOKENS)
def test_beyond_the_bound_it_is_still_a_common_one(one, other) -> None:
    bound, alignment._MOST_PAIRS = alignment._MOST_PAIRS, 0
    try:
        pairs = common_subsequence(one, other)
    finally:
        alignment._MOST_PAIRS = bound
    assert all(one[i] == other[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert bool(pairs) == bool(set(one) & set(other))


def test_none_is_the_same_as_nothing() -> None:
    assert common_subsequence([None, 1, None], [None, 1, None]) == [(1, 1)]


def test_10_000_layers_alike_do_not_make_100_million_pairs(monkeypatch) -> None:
    seen = []
    inner = alignment._longest
    monkeypatch.setattr(
        alignment, "_longest", lambda found: seen.append(sum(map(len, found))) or inner(found)
    )
    one = [None, *["same"] * 10_000, None]
    other = ["other", *["same"] * 9_999, "other"]
    assert len(common_subsequence(one, other)) == 9_999
    assert seen == [9_999]


def layers(*names: str, kind: str = "Dense", values: int = 0) -> list[Entry]:
    return [Entry(name, name, kind, values, 0) for name in names]


def automatic(*numbers: int, values: tuple[int, ...]) -> list[Entry]:
    """Layers that Keras numbered: dense_3 with the values of that place."""
    return [
        Entry(f"dense_{number}", "*", "Dense", value, value)
        for number, value in zip(numbers, values, strict=True)
    ]


def test_names_that_only_count_on_are_told_by_structure() -> None:
    old, new = automatic(1, 2, values=(0, 1)), automatic(2, 3, values=(0, 1))
    assert align(old, new) == ([(0, 0), (1, 1)], frozenset())


def test_names_that_are_kept_are_told_by_name() -> None:
    old, new = automatic(1, 2, 3, values=(0, 0, 0)), automatic(1, 3, values=(0, 0))
    assert align(old, new) == ([(0, 0), (2, 1)], frozenset())


def test_numbers_that_close_up_over_a_gap_are_told_by_structure() -> None:
    # dense_2 is taken out, and what was dense_3 is built as dense_2.
    old, new = automatic(1, 2, 3, values=(0, 1, 2)), automatic(1, 2, values=(0, 2))
    assert align(old, new) == ([(0, 0), (2, 1)], frozenset())


def test_a_chosen_name_at_another_place_has_moved() -> None:
    old, new = layers("a", "b", "c"), layers("c", "a", "b")
    assert align(old, new) == ([(0, 1), (1, 2), (2, 0)], frozenset({2}))


def test_another_class_under_a_chosen_name_is_the_same_layer() -> None:
    assert align(layers("rnn", kind="GRU"), layers("rnn", kind="LSTM")) == ([(0, 0)], frozenset())
    old = [Entry("dense", "*", "Dense", 0, 0)]
    assert align(old, [Entry("conv2d", "*", "Conv2D", 0, 0)]) == ([], frozenset())
