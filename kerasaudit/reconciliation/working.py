"""The working of a claim, "64 × 3 × 3 = 576", read as exact arithmetic; nothing runs as code.

Grammar: terms joined by "="; in a term numbers, + − - × · * / and parentheses. A number may group
its digits by commas (18,496), have decimals, and end in K, M, B or G, in which case it is rounded:
it stands for every value that rounds to it.

Where figures are measured rather than counted, a number with decimals that is a whole term is
rounded as well, to the decimals that it has; within a computation every number counts as it is
written. There may be brackets then.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from fractions import Fraction

from kerasaudit.errors import WorkingError

__all__ = ["Figure", "evaluate", "list_of", "shape_of"]

_LIMIT = 300
_SCALES = {"K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9}
_NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?([KMBG])?(?![\w.])")
_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "−": "-", "–": "-", "÷": "/"})
_ALLOWED = re.compile(r"_\d+|[\s()+*/-]")
_ALLOWED_IF_MEASURED = re.compile(r"[\[\]]|" + _ALLOWED.pattern)
_LONE = re.compile(r"[\s(+-]*_0[\s)]*")


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, exact or rounded to `unit` (0: exact); `text` is a rounded number as written."""

    value: Fraction
    unit: Fraction = Fraction(0)
    text: str = ""

    def agrees_with(self, other: Figure | int) -> bool:
        """Whether both can be the same number, given how far each is rounded (half a unit)."""
        other = Figure(Fraction(other)) if isinstance(other, int) else other
        if not self.unit and not other.unit:
            return self.value == other.value
        return abs(self.value - other.value) <= max(self.unit, other.unit) / 2

    def __str__(self) -> str:
        if self.unit:
            return self.text
        sign, size = "−" if self.value < 0 else "", abs(self.value)
        if size.denominator == 1:
            return f"{sign}{size.numerator:,}"
        return f"{sign}{float(size):,.6g}"


def evaluate(step: str, *, measured: bool = False) -> tuple[Figure, ...]:
    """The value of each term of a step, in order.

    Args:
        step: as it is written.
        measured: a number with decimals that is a whole term is rounded to those that it has.

    Raises:
        WorkingError: the step cannot be read; the message says why.

    >>> [str(figure) for figure in evaluate("64 × 3 × 3 = 567")]
    ['576', '567']
    >>> product, rounded = evaluate("0.169 · 0.6 = 0.101", measured=True)
    >>> product.agrees_with(rounded), str(product), str(rounded)
    (True, '0.1014', '0.101')
    """
    if len(step) > _LIMIT:
        raise WorkingError(f"a step of at most {_LIMIT} characters, received {len(step)}")
    terms = step.split("=")
    if not all(term.strip() for term in terms):
        raise WorkingError(f"{step!r}: expected a term on each side of '='")
    return tuple(_term(term, step, measured=measured) for term in terms)


def _term(term: str, step: str, *, measured: bool) -> Figure:
    figures: list[Figure] = []

    def keep(match: re.Match[str]) -> str:
        figures.append(_number(*match.groups()))
        if figures[-1].unit and not figures[-1].value:
            raise WorkingError(f"{step!r}: a figure that is rounded to 0 says nothing")
        return f" _{len(figures) - 1} "

    if "_" in term:
        raise WorkingError(f"{step!r}: expected numbers and + - × / ( ), received '_'")
    text = _NUMBER.sub(keep, term.translate(_SIGNS)).strip()
    # Numbers are placeholders by now, so whatever else is a letter or a digit is not arithmetic.
    stray = (_ALLOWED_IF_MEASURED if measured else _ALLOWED).sub("", text)
    if stray:
        raise WorkingError(f"{step!r}: expected numbers and + - × / ( ), received {stray!r}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise WorkingError(f"{step!r}: {term.strip()!r} is not arithmetic") from error
    value = _value(tree, figures, step)
    lone = _LONE.fullmatch(text)
    if not measured or lone is None or value.unit or not value.value:
        return value  # 0.00 is 0: what is rounded to nothing would say nothing
    decimals = figures[0].text.partition(".")[2]
    unit = Fraction(1, 10 ** len(decimals)) if decimals else Fraction(0)
    return Figure(value.value, unit, term.strip())


def _number(whole: str, decimals: str | None, scale: str | None) -> Figure:
    digits = whole.replace(",", "") + (decimals or "")
    factor = _SCALES[scale] if scale else 1
    unit = Fraction(factor, 10 ** (len(decimals) - 1 if decimals else 0)) if scale else Fraction(0)
    return Figure(Fraction(digits) * factor, unit, f"{whole}{decimals or ''}{scale or ''}")


def _value(node: ast.expr, figures: list[Figure], step: str) -> Figure:
    # Bounded by the length of a step, so this recursion cannot run deep.
    if isinstance(node, ast.Name):
        return figures[int(node.id[1:])]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _value(node.operand, figures, step)
        if isinstance(node.op, ast.UAdd):
            return inner
        text = f"−{inner.text}" if inner.unit else ""
        return Figure(-inner.value, inner.unit, text)
    if isinstance(node, ast.List) and len(node.elts) == 1:
        return _value(node.elts[0], figures, step)  # [ ], the outer parentheses of a long sum
    if not isinstance(node, ast.BinOp):
        raise WorkingError(f"{step!r}: expected numbers joined by + - × /")
    return _joined(node, _value(node.left, figures, step), _value(node.right, figures, step), step)


def _joined(node: ast.BinOp, left: Figure, right: Figure, step: str) -> Figure:
    if left.unit or right.unit:
        raise WorkingError(f"{step!r}: a rounded number must stand alone")
    if isinstance(node.op, ast.Add):
        return Figure(left.value + right.value)
    if isinstance(node.op, ast.Sub):
        return Figure(left.value - right.value)
    if isinstance(node.op, ast.Mult):
        return Figure(left.value * right.value)
    if isinstance(node.op, ast.Div):
        if not right.value:
            raise WorkingError(f"{step!r}: division by zero")
        return Figure(left.value / right.value)
    raise WorkingError(f"{step!r}: expected + - × /, received {type(node.op).__name__}")


def shape_of(working: str) -> tuple[int, ...]:
    """The extents of a claimed shape, "26 × 26 × 32", the batch axis left out.

    Raises:
        WorkingError: it is not a list of positive integers joined by ×.

    >>> shape_of("26 × 26 × 32")
    (26, 26, 32)
    """
    parts = re.split(r"[×x*·]", working)
    if not all(re.fullmatch(r"\s*[0-9]+\s*", part) for part in parts):
        raise WorkingError(f"{working!r}: expected extents joined by ×, such as '26 × 26 × 32'")
    return tuple(int(part) for part in parts)


def list_of(working: str) -> tuple[Figure, ...]:
    """The measured figures of a list, "0, 1, 0, 0": one for each input of a window.

    Raises:
        WorkingError: it is no list of figures joined by commas.

    >>> [str(figure) for figure in list_of("0, 1, 0, 0")]
    ['0', '1', '0', '0']
    """
    figures: list[Figure] = []
    for part in working.split(","):
        terms = evaluate(part, measured=True)
        if len(terms) != 1:
            raise WorkingError(f"{working!r}: expected figures joined by commas, '0, 1, 0, 0'")
        figures += terms
    return tuple(figures)
