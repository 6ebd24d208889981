"""How the figures of a network are named on paper, after the CNN-Coding notes.

Superscripts number the stages that a convolution begins: y¹ is its net input, a¹ its activation, n¹
its normalization, p¹ its pooling, K¹ its kernel and b¹ its bias. Of dense units the net input is o,
the activation h, the weights w, the bias c, numbered if there are several layers of them. x is the
input, ŷ the output and L the loss. What would be named twice gets a prime. Subscripts are indices
that count from 1; axes of one position are left out: p²_12 is in row 1, column 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasaudit.backprop.paths.stage import Stage

__all__ = ["INPUT", "LOSS", "OUTPUT", "Name", "Symbol", "names_of", "symbol", "weight_name"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_DIGITS = 9  # above, two indices side by side could be read as one

_LETTERS = {
    "convolution": ("y", "o"),
    "dense": ("o", "o"),
    "pooling": ("p", "p"),
    "activation": ("a", "h"),
    "normalization": ("n", "n"),
    "order": ("f", "f"),
}
_WEIGHTS = {
    ("convolution", "kernel"): "K",
    ("convolution", "depthwise_kernel"): "K",
    ("convolution", "pointwise_kernel"): "K",
    ("convolution", "bias"): "b",
    ("dense", "kernel"): "w",
    ("dense", "bias"): "c",
    ("normalization", "gamma"): "γ",
    ("normalization", "beta"): "β",
}


@dataclass(frozen=True, slots=True)
class Name:
    """A letter with the number above it, and primes where two would be alike."""

    letter: str
    number: int | None = None
    primes: int = 0

    def __str__(self) -> str:
        return self.letter + self.above

    @property
    def above(self) -> str:
        """What stands above the line."""
        number = "" if self.number is None else str(self.number).translate(_SUPERSCRIPTS)
        return number + "′" * self.primes


@dataclass(frozen=True, slots=True)
class Symbol:
    """One figure: a name, and the indices that count from 1, joined."""

    name: Name
    below: str = ""

    def __str__(self) -> str:
        return f"{self.name}_{self.below}" if self.below else str(self.name)


LOSS = Symbol(Name("L"))
INPUT = Name("x")
OUTPUT = Name("ŷ")


def symbol(name: Name, shape: Sequence[int], position: int) -> Symbol:
    """The symbol of one position of an array.

    >>> str(symbol(Name("p", 2), (2, 2, 1), 1)), str(symbol(Name("ŷ"), (1,), 0))
    ('p²_12', 'ŷ')
    >>> str(symbol(Name("K", 1), (3, 3, 1, 16), 20))
    'K¹_1,2,5'
    """
    kept: list[str] = []
    for extent in reversed(shape):
        position, at = divmod(position, extent)
        if extent > 1:
            kept.insert(0, str(at + 1))
    return Symbol(name, ("" if max(shape, default=1) <= _MOST_DIGITS else ",").join(kept))


def names_of(stages: Sequence[Stage]) -> tuple[Name, ...]:
    """The name of each stage's output, as if none were the last."""
    denses = sum(stage.kind == "dense" for stage in stages)
    names: list[Name] = []
    convolutions = dense = 0
    for stage in stages:
        convolutions += stage.kind == "convolution"
        dense += stage.kind == "dense"
        letter = _LETTERS[stage.kind][dense > 0]
        number = (dense if denses > 1 else None) if dense else convolutions or None
        names.append(_unlike(Name(letter, number), names))
    return tuple(names)


def weight_name(stage: Stage, weight: str, output: Name) -> Name:
    """The name of a stage's weight: numbered as the stage's output is.

    Raises:
        UnsupportedError: it has no gradient, or none that is explained.
    """
    letter = _WEIGHTS.get((stage.kind, weight))
    if letter is None:
        stage.layer.unsupported(f"the gradient of {weight!r} is not explained path by path")
    return Name(letter, output.number, output.primes)


def _unlike(name: Name, taken: Sequence[Name]) -> Name:
    primes = 0
    while (found := Name(name.letter, name.number, primes)) in taken:
        primes += 1
    return found
