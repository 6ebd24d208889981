"""Pairing the weights that a derivation names with the variables that a layer holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

__all__ = ["pair_by_name"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Ours = TypeVar("_Ours", bound=_Named)
_Theirs = TypeVar("_Theirs", bound=_Named)


def pair_by_name(
    ours: Sequence[_Ours], theirs: Sequence[_Theirs]
) -> Iterator[tuple[_Ours | None, _Theirs | None]]:
    """Each of ours with the one of theirs of its name, else with the next one in order.

    Keras gives some variables no name of their own ("variable_3"), but always a place. What is
    left of theirs comes last, paired with `None`.
    """
    names = {item.name: item for item in theirs}
    matched = {item.name: names[item.name] for item in ours if item.name in names}
    rest = [item for item in theirs if item.name not in matched]
    unmatched = sum(item.name not in matched for item in ours)
    by_place = iter(rest if unmatched == len(rest) else ())
    used = set()
    for item in ours:
        found = matched.get(item.name) or next(by_place, None)
        if found is not None:
            used.add(id(found))
        yield item, found
    for other in theirs:
        if id(other) not in used:
            yield None, other
