"""Which layer of one model is which of another: by name, by what it is, by its place.

Two ways are tried. By name, a layer is first the one of its name. By structure, names that Keras
gave of itself count for nothing, since they only count on from model to model. The way by which
fewer layers come and go, and then fewer change, is taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Entry", "align", "common_subsequence"]

# Of one token so many times on both sides that more pairs than these are possible, the first is
# taken for the first, the second for the second: 10,000 layers alike would make 100 million.
_MOST_PAIRS = 200_000


class Entry(NamedTuple):
    """A layer as it is compared; equal values (weights, names) are equal numbers.

    `blank` is its path with "*" for names that Keras gave of itself.
    """

    path: str
    blank: str
    kind: str
    values: int
    weights: int

    @property
    def is_named(self) -> bool:
        """Whether someone chose its name."""
        return not self.blank.endswith("*")


Pairs = list[tuple[int, int]]
_Token = Callable[[Entry], Hashable]

_BY_NAME: tuple[_Token, ...] = (
    lambda one: (one.path, one.kind, one.values, one.weights),
    lambda one: (one.path, one.kind, one.values),
    lambda one: (one.path, one.kind),
)
_BY_STRUCTURE: tuple[_Token, ...] = (
    lambda one: (one.blank, one.kind, one.values, one.weights),
    lambda one: (one.blank, one.kind, one.values),
    lambda one: (one.blank, one.kind),
    # Renamed: the same in the same place, whatever it is called.
    lambda one: (one.kind, one.values, one.weights),
    lambda one: (one.kind, one.values),
    # Of another class now, under the name that someone chose for it.
    lambda one: one.blank if one.is_named else None,
)
# What stands at another place: the same, or what someone gave that name.
_MOVED: tuple[_Token, ...] = (
    lambda one: (one.path, one.kind, one.values),
    lambda one: (one.path, one.kind) if one.is_named else None,
)


def align(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[Pairs, frozenset[int]]:
    """The positions of the layers that are the same one, and which of the old ones have moved.

    Exchanging the sides exchanges the result: of two equal choices neither side has the first.
    """
    exchanged = _order(new) < _order(old)
    one, other = (new, old) if exchanged else (old, new)
    ways = (_way(one, other, (*_BY_NAME, *_BY_STRUCTURE)), _way(one, other, _BY_STRUCTURE))
    in_place, moved = min(ways, key=lambda way: _cost(one, other, *way))  # by name if equal
    pairs = [*in_place, *moved]
    if exchanged:
        pairs, moved = _exchanged(pairs), _exchanged(moved)
    return sorted(pairs), frozenset(position for position, _ in moved)


def _order(side: Sequence[Entry]) -> list[tuple[str, str, int, int]]:
    return [(one.path, one.kind, one.values, one.weights) for one in side]


def _exchanged(pairs: Pairs) -> Pairs:
    return [(new, old) for old, new in pairs]


def _way(
    one: Sequence[Entry], other: Sequence[Entry], tokens: Sequence[_Token]
) -> tuple[Pairs, Pairs]:
    """What is the same in place, and what is at another place."""
    pairs: Pairs = []
    for token in tokens:
        left, right = list(map(token, one)), list(map(token, other))
        found = [
            pair
            for gap in _gaps(pairs, len(one), len(other))
            for pair in _within(left, right, *gap)
        ]
        pairs = sorted([*pairs, *found])
    return pairs, list(_moved(one, other, pairs))


def _gaps(pairs: Pairs, one: int, other: int) -> Iterator[tuple[int, int, int, int]]:
    """What lies between the layers that are matched: from and to on one side, and on the other."""
    i = j = 0
    for left, right in [*pairs, (one, other)]:
        if i < left and j < right:
            yield i, left, j, right
        i, j = left + 1, right + 1


def _within(
    left: list[Hashable], right: list[Hashable], i: int, i_end: int, j: int, j_end: int
) -> Iterator[tuple[int, int]]:
    for one, other in common_subsequence(left[i:i_end], right[j:j_end]):
        yield i + one, j + other


def _moved(one: Sequence[Entry], other: Sequence[Entry], pairs: Pairs) -> Iterator[tuple[int, int]]:
    left = sorted(set(range(len(one))) - {i for i, _ in pairs})
    right = sorted(set(range(len(other))) - {j for _, j in pairs})
    for token in _MOVED:
        places = {token(other[j]): j for j in right}
        places.pop(None, None)
        found = {i: places[token(one[i])] for i in left if token(one[i]) in places}
        yield from found.items()
        left = [i for i in left if i not in found]
        right = sorted(set(right) - set(found.values()))


def _cost(
    one: Sequence[Entry], other: Sequence[Entry], in_place: Pairs, moved: Pairs
) -> tuple[int, ...]:
    matched = [(one[i], other[j]) for i, j in (*in_place, *moved)]
    return (
        len(one) + len(other) - 2 * len(matched),
        sum((a.kind, a.values) != (b.kind, b.values) for a, b in matched),
        sum(a.weights != b.weights for a, b in matched),
        sum(a.path != b.path for a, b in matched),
        len(moved),
    )


def common_subsequence(one: Sequence[Hashable], other: Sequence[Hashable]) -> Pairs:
    """The positions of a longest common subsequence (Hunt and Szymanski 1977); `None` is in none.

    `difflib.SequenceMatcher` is cubic at worst, and layers alike are its worst case.

    >>> common_subsequence("abcab", "bcb")
    [(1, 0), (2, 1), (4, 2)]
    """
    start, end = 0, 0
    shorter = min(len(one), len(other))
    while start < shorter and one[start] == other[start] is not None:
        start += 1
    while end < shorter - start and one[-1 - end] == other[-1 - end] is not None:
        end += 1
    inner = _longest(_candidates(one[start : len(one) - end], other[start : len(other) - end]))
    ends = range(end, 0, -1)
    return [
        *((place, place) for place in range(start)),
        *((start + i, start + j) for i, j in inner),
        *((len(one) - back, len(other) - back) for back in ends),
    ]


def _candidates(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[Sequence[int]]:
    """For each token of one side, its places on the other."""
    places: dict[Hashable, list[int]] = {}
    for place, token in enumerate(other):
        if token is not None:
            places.setdefault(token, []).append(place)
    found: list[Sequence[int]] = [places.get(token, ()) for token in one]
    if sum(map(len, found)) <= _MOST_PAIRS:
        return found
    numbered = []
    seen: dict[Hashable, int] = {}
    for token, candidates in zip(one, found, strict=True):
        number = seen.get(token, 0)
        seen[token] = number + 1
        numbered.append(candidates[number : number + 1])
    return numbered


class _Link(NamedTuple):
    pair: tuple[int, int]
    before: _Link | None


def _longest(candidates: Sequence[Sequence[int]]) -> Pairs:
    """The longest chain of places that go up on both sides."""
    last: list[int] = []  # the least place at which a chain of each length can end
    chains: list[_Link] = []
    for i, places in enumerate(candidates):
        for j in reversed(places):
            length = bisect_left(last, j)
            link = _Link((i, j), chains[length - 1] if length else None)
            last[length : length + 1] = [j]
            chains[length : length + 1] = [link]
    pairs: Pairs = []
    at = chains[-1] if chains else None
    while at is not None:
        pairs.append(at.pair)
        at = at.before
    return pairs[::-1]
