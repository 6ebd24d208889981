"""EinsumDense: a dense layer whose contraction is written as an equation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Extent, Shape, product
from kerasaudit.derivation.weight import Axis, Weight

_PLAIN = re.compile(r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)")
_LEFT = re.compile(r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)")
_RIGHT = re.compile(r"([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.")


@dataclass(frozen=True, slots=True)
class _Equation:
    """An equation bound to an input: letters for the input, kernel and output.

    `elided` are the input's extents that "..." stands for, on the left or on the right.
    """

    taken: str
    kernel: str
    made: str
    elided: Shape
    left: bool


@rule("EinsumDense")
def einsum_dense(layer: LayerConfig, x: Shape) -> Derivation:
    """A dense layer over any axes: the equation names what the kernel takes, keeps and makes.

    Formula:  kernel: the product of its letters' extents, as "abc,cde->abde" has c·d·e; bias: the
              letters of bias_axes, with 1 for those of the output that come after the first of them
              and are not among them.
    Axes:     the equation's own letters, in the kernel's order. The unit axes are those that the
              kernel adds to the output: a kernel is what makes one of its elements.
    Example:  "abc,cde->abde" with output_shape (None, 8, 64), bias_axes "de" on 128×512:
              512·8·64 + 8·64 = 262,656.
    Output:   the extents of output_shape, `None` among them taken from the input, with what "..."
              stands for in its place.
    MACs:     the product of the extents of all letters of input and kernel, once each, and of
              "...", without the batch axis: the number of products that the sum runs over.
    Limits:   output_shape must give the extents that shape a weight. What Keras says of the output
              with two or more axes behind "..." is in another order than what it computes; this is
              what it computes.
    Source:   Keras einsum_dense.py (_analyze_split_string).
    """
    equation = _equation(layer, x)
    given = _given_output(layer, x, equation)
    extents = _extents(layer, x, equation, given)
    added = [letter for letter in equation.kernel if letter not in equation.taken]
    unit = added or [letter for letter in equation.kernel if letter in equation.made]
    kernel = Weight(
        "kernel",
        *(Axis(one, _known(layer, extents, given, one)) for one in equation.kernel),
        unit=unit,
    )
    bias = _bias(layer, equation, given, unit)
    # The batch axis is the first of "..." on the left, or else of the letters.
    batch = "" if equation.left else equation.taken[0]
    letters = dict.fromkeys(equation.taken + equation.kernel)
    counted = [extents[one] for one in letters if one != batch]
    around = equation.elided[1:] if equation.left else equation.elided
    return Derivation(
        weights=(kernel, *bias),
        output_shape=_output(x, equation, extents),
        macs=product((*around, *counted)),
    )


def _equation(layer: LayerConfig, x: Shape) -> _Equation:
    text = layer.get("equation")
    for pattern in (_PLAIN, _LEFT, _RIGHT):
        match = pattern.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            continue
        taken, kernel, made = match.groups()
        elided = len(x) - len(taken)
        if elided < 0 or (pattern is _PLAIN and elided):
            layer.shape_error(f"an input with the axes of {text!r}", x)
        left = pattern is _LEFT and elided > 0  # "..." may stand for nothing
        return _Equation(taken, kernel, made, x[:elided] if left else x[len(taken) :], left)
    layer.fail(
        "equation must have the form 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...', "
        f"received {text!r}"
    )


def _given_output(layer: LayerConfig, x: Shape, equation: _Equation) -> dict[str, Extent]:
    """The extent that output_shape gives each letter of the output; the batch axis has its own."""
    value = layer.get("output_shape")
    shape = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    letters = equation.made if equation.left else equation.made[1:]
    sound = all(e is None or (type(e) is int and e > 0) for e in shape)
    if len(shape) != len(letters) or not sound or value is None:
        layer.fail(
            f"output_shape must give an extent or null for each of {letters!r}, received {value!r}"
        )
    given = dict(zip(letters, shape, strict=True))
    return given if equation.left else {equation.made[0]: x[0], **given}


def _extents(
    layer: LayerConfig, x: Shape, equation: _Equation, given: dict[str, Extent]
) -> dict[str, Extent]:
    """The extent of every letter, from the input where it has the letter."""
    place = x[len(equation.elided) :] if equation.left else x
    taken = dict(zip(equation.taken, place, strict=False))
    for letter, extent in taken.items():
        wanted = given.get(letter)
        if wanted is not None and wanted != extent:
            layer.shape_error(f"an extent of {wanted} on axis {letter!r} (output_shape)", x)
    for letter in equation.made:
        if letter not in equation.taken + equation.kernel:
            layer.fail(f"equation: {letter!r} must be an axis of the input or of the kernel")
    for letter in equation.kernel:
        if letter not in equation.taken + equation.made:
            layer.fail(f"equation: {letter!r} must be an axis of the input or of the output")
    return {**given, **taken}


def _known(
    layer: LayerConfig, extents: dict[str, Extent], given: dict[str, Extent], letter: str
) -> int:
    """The extent of a letter of the kernel: output_shape has to give it, if the output has it."""
    extent = given[letter] if letter in given else extents[letter]
    if extent is None:
        layer.shape_error(f"a known extent of {letter!r}, which shapes the kernel", "none")
    return extent


def _bias(
    layer: LayerConfig, equation: _Equation, given: dict[str, Extent], unit: list[str]
) -> tuple[Weight, ...]:
    letters = layer.get("bias_axes")
    if letters is None:
        return ()
    if not isinstance(letters, str) or not letters or set(letters) - set(equation.made):
        layer.fail(f"bias_axes must be axes of the output {equation.made!r}, received {letters!r}")
    axes = []
    for letter in equation.made[min(map(equation.made.find, letters)) :]:
        extent = given[letter] if letter in letters else 1
        if extent is None:
            layer.shape_error(f"a known extent of {letter!r}, which shapes the bias", "none")
        axes.append(Axis(letter if letter in letters else "1", extent))
    if not equation.left:
        axes += [Axis("1", 1)] * len(equation.elided)
    kept = [letter for letter in unit if letter in letters]
    return (Weight("bias", *axes, unit=kept or sorted(set(letters), key=equation.made.find)),)


def _output(x: Shape, equation: _Equation, extents: dict[str, Extent]) -> Shape:
    made = tuple([extents[letter] for letter in equation.made])
    if equation.left:
        return (*equation.elided, *made)
    return (*made, *equation.elided)
