"""The sum of paths as a formula: what all paths share in front, then a bracket for each branch.

    ∂L/∂K¹_11 = ∂L/∂ŷ · ∂ŷ/∂o · [ ∂o/∂p²_11 · ( … ) + ∂o/∂p²_12 · ( … ) ]

In its factors' own symbols a derivative is written as what it is: ∂o/∂p²_11 is the weight w_1,
∂y²_22/∂p¹_12 is K²_12 and ∂y¹_23/∂K¹_11 is the pixel x_12. The 1 of a maximum's winner is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from kerasaudit.backprop.paths.notation import Symbol

__all__ = ["Branch", "ChainPath", "Expansion", "Link", "expand", "figure", "text", "told"]

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Link:
    """One factor: the derivative ∂of/∂by and its value.

    `equals` is the weight's element or the input's pixel that it is, `None` where it is neither.
    `selects` says that it is the 1 of what a maximum took.
    """

    of: Symbol
    by: Symbol
    value: float
    equals: Symbol | None = None
    selects: bool = False

    def __str__(self) -> str:
        return f"∂{self.of}/∂{self.by}"


@dataclass(frozen=True, slots=True)
class ChainPath:
    """One path from the loss to the element, and the product along it.

    `positions` are those of the stages' outputs, from the last stage to the element's own, and
    `source` the position of that one's input, -1 for none; all in an array as it lies in memory.
    """

    example: int
    links: tuple[Link, ...]
    product: float
    positions: tuple[int, ...]
    source: int


@dataclass(frozen=True, slots=True)
class Branch:
    """Paths that part from the others at one place: what they share from there on, and the rest."""

    shared: tuple[Link, ...]
    terms: tuple[tuple[Link, ...], ...]
    total: float


@dataclass(frozen=True, slots=True)
class Expansion:
    """What all paths share, and the branches in which they go on."""

    shared: tuple[Link, ...]
    branches: tuple[Branch, ...]


def expand(paths: Sequence[ChainPath]) -> Expansion:
    """The paths with what they share pulled out, once for all and once for each branch.

    Those of several examples share nothing: each example has its own ∂L/∂ŷ.
    """
    chains = [path.links for path in paths]
    length = _shared(chains)
    ordered = sorted(paths, key=lambda path: (path.example, path.positions))
    branches = []
    for _, group in groupby(ordered, lambda path: (path.example, path.positions[: length + 1])):
        members = list(group)
        rests = [path.links[length:] for path in members]
        inner = _shared(rests)
        branches.append(
            Branch(
                rests[0][:inner],
                tuple(rest[inner:] for rest in rests),
                sum(path.product for path in members),
            )
        )
    return Expansion(chains[0][:length] if chains else (), tuple(branches))


def _shared(chains: Sequence[tuple[Link, ...]]) -> int:
    """How many links, from the first on, all chains have alike; the last is never one of them."""
    if not chains:
        return 0
    length = 0
    for column in zip(*(chain[:-1] for chain in chains), strict=True):
        if any(link != column[0] for link in column):
            break
        length += 1
    return length


def figure(value: float) -> str:
    """A figure with four digits that count.

    >>> figure(0.123456), figure(-2.0), figure(0.0), figure(-0.0)
    ('0.1235', '−2', '0', '0')
    """
    return f"{value:.{_DIGITS}g}".replace("-", "−") if value else "0"


def text(expansion: Expansion, write: Callable[[Link], str], most: int = 9) -> str:
    """The expansion in one line, each link as `write` has it; at most so many terms a bracket."""
    branches = [_branch(branch, write, most) for branch in expansion.branches[:most]]
    total = _more(branches, len(expansion.branches), " + ")
    shared = _product(expansion.shared, write)
    if len(expansion.branches) > 1:
        total = f"[ {total} ]" if shared else total
    return " · ".join(filter(None, (shared, total))) or "0"


def _branch(branch: Branch, write: Callable[[Link], str], most: int) -> str:
    terms = [_product(term, write) for term in branch.terms[:most]]
    total = _more(terms, len(branch.terms), " + ")
    shared = _product(branch.shared, write)
    if shared and len(branch.terms) > 1:
        total = f"({total})"
    return " · ".join(filter(None, (shared, total)))


def _product(links: Iterable[Link], write: Callable[[Link], str]) -> str:
    return " · ".join(map(write, told(links)))


def told(links: Iterable[Link]) -> tuple[Link, ...]:
    """The links without the 1 of what a maximum took; the last of a path is never one."""
    return tuple(link for link in links if not link.selects)


def _more(parts: list[str], number: int, joint: str) -> str:
    return joint.join([*parts, *(["…"] if number > len(parts) else [])])
