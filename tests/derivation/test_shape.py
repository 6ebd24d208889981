"""Arithmetic on shapes with unknown extents: None is never turned into a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.derivation.shape import broadcast, compatible, is_shape, product
from tests.derivation import live

SHAPES = st.lists(st.none() | st.integers(1, 3), max_size=4).map(tuple)


@pytest.mark.parametrize("shape", [(), (None,), (None, 3), [1, 2], (0,)], ids=repr)
def test_what_is_a_shape(shape):
    assert is_shape(shape)


@pytest.mark.parametrize(
    "value", [None, 3, "34", {}, (True,), (1.0,), ("3",), ((1, 2),), [[1]], (None, ())], ids=repr
)
def test_what_is_no_shape(value):
    assert not is_shape(value)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(2, 3), (3,)], (2, 3)),
        ([(2, 1), (1, 3)], (2, 3)),
        ([(None, 1), (None, 5)], (None, 5)),
        ([(None,), (1,)], (None,)),  # it may be 1 or more
        ([(None,), (4,)], (4,)),  # only 1 and 4 broadcast to 4
        ([(None, 4), (3, None)], (3, 4)),
        ([(2,), (3,)], None),
        ([(None, 2), (None,), (3,)], None),
        ([()], ()),
        ([(), (2, 3)], (2, 3)),
        ([], ()),
    ],
)
def test_broadcast(shapes, expected):
    assert broadcast(shapes) == expected


@live.examples(100)
@given(st.lists(SHAPES, min_size=1, max_size=3))
def test_broadcast_keeps_to_numpy_wherever_everything_is_known(shapes):
    import numpy as np

    result = broadcast(shapes)
    assert result == broadcast(shapes[::-1])
    # Whatever the unknown extents turn out to be, the result must allow for it.
    for filling in (1, 2, 3):
        filled = [tuple(filling if e is None else e for e in shape) for shape in shapes]
        try:
            expected = np.broadcast_shapes(*filled)
        except ValueError:
            continue
        assert result is not None
        assert compatible(result, expected)


def test_an_unknown_factor_makes_a_product_unknown():
    assert product((3, None, 4)) is None
    assert product(()) == 1


def test_compatible():
    assert compatible((None, 3), (2, None))
    assert not compatible((None, 3), (None, 4))
    assert not compatible((None, 3), (None, 3, 1))
