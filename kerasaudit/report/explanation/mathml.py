"""Formulas typeset in MathML, which browsers draw themselves.

A long sum has a line for each of its branches: MathML breaks none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.backprop.paths.formula import Branch, Link, figure, told
from kerasaudit.backprop.paths.notation import LOSS, Symbol

__all__ = ["derivation", "symbol", "update"]

_TERMS = 9  # so many terms stand in a line: those of a 3 × 3 kernel
_LINES = 12  # and so many lines in a sum

_Write = Callable[[Link], str]


def symbol(value: Symbol) -> str:
    """A figure's letter with what stands above and below it.

    >>> from kerasaudit.backprop.paths.notation import Name
    >>> symbol(Symbol(Name("K", 1), "12"))
    '<msubsup><mi>K</mi><mn>12</mn><mn>1</mn></msubsup>'
    """
    name = value.name
    letter = f"<mi>{name.letter}</mi>"
    above = "" if name.number is None else f"<mn>{name.number}</mn>"
    above += f"<mo>{'′' * name.primes}</mo>" if name.primes else ""
    if name.primes and name.number is not None:
        above = f"<mrow>{above}</mrow>"
    below = f"<mn>{value.below}</mn>" if value.below else ""
    if above and below:
        return f"<msubsup>{letter}{below}{above}</msubsup>"
    if below:
        return f"<msub>{letter}{below}</msub>"
    return f"<msup>{letter}{above}</msup>" if above else letter


def derivation(found: Explanation) -> str:
    """The gradient by the chain rule: in derivatives, in symbols, in numbers, and what it is."""
    expansion = found.expansion
    rows = [_row(_derivative(LOSS, found.symbol), _collapsed(found))]
    for write in (_named, _valued):
        lines = [_branch(branch, write) for branch in expansion.branches[:_LINES]]
        if len(expansion.branches) > _LINES or not found.complete:
            lines.append("<mo>…</mo>")
        rows += _sum(_product(expansion.shared, write), lines)
    rows.append(_row("", f"<mn>{figure(found.gradient)}</mn>"))
    return _math(rows)


def update(found: Explanation) -> str:
    """One step of gradient descent on the element."""
    own = symbol(found.symbol)
    new = f"<mrow>{own}<mtext>(new)</mtext></mrow>"
    old = f"<mrow>{own}<mtext>(old)</mtext></mrow>"
    slope = f"<mo>−</mo><mi>α</mi><mo>·</mo>{_derivative(LOSS, found.symbol)}"
    value = f"<mn>{figure(found.value)}</mn><mo>−</mo><mi>α</mi><mo>·</mo>"
    gradient = _parenthesised(found.gradient)
    return _math([_row(new, old + slope), _row("", value + gradient)])


def _collapsed(found: Explanation) -> str:
    """As the notes write it: what is shared, then ∂/∂ and on to the element for each branch."""
    expansion = found.expansion
    shared = "<mo>·</mo>".join(_derivative(link.of, link.by) for link in expansion.shared)
    terms = []
    for branch in expansion.branches[:_TERMS]:
        first = (*branch.shared, *branch.terms[0])[0]
        parts = [_derivative(first.of, first.by)]
        if first.by != found.symbol:
            parts.append(_derivative(first.by, found.symbol))
        terms.append("<mo>·</mo>".join(parts))
    if len(expansion.branches) > _TERMS:
        terms.append("<mo>…</mo>")
    total = "<mo>+</mo>".join(terms) or "<mn>0</mn>"
    if shared and len(terms) > 1:
        total = f"<mrow><mo>[</mo>{total}<mo>]</mo></mrow>"
    return "<mo>·</mo>".join(filter(None, (shared, total)))


def _sum(shared: str, lines: Sequence[str]) -> Iterable[str]:
    """The lines of a sum, within brackets where something stands before them."""
    if not lines:
        return [_row("", "<mn>0</mn>")]
    bracketed = bool(shared) and len(lines) > 1
    front = f"{shared}<mo>·</mo>" if shared else ""
    rows = []
    for number, line in enumerate(lines):
        text = line
        if number == 0:
            text = front + ('<mo stretchy="false">[</mo>' if bracketed else "") + text
        if number < len(lines) - 1:
            text += "<mo>+</mo>"
        elif bracketed:
            text += '<mo stretchy="false">]</mo>'
        rows.append(_row("", text, "=" if number == 0 else ""))
    return rows


def _branch(branch: Branch, write: _Write) -> str:
    terms = [_product(term, write) for term in branch.terms[:_TERMS]]
    if len(branch.terms) > _TERMS:
        terms.append("<mo>…</mo>")
    total = "<mo>+</mo>".join(terms)
    shared = _product(branch.shared, write)
    if shared and len(terms) > 1:
        total = f'<mo stretchy="false">(</mo>{total}<mo stretchy="false">)</mo>'
    return "<mo>·</mo>".join(filter(None, (shared, total)))


def _product(links: Sequence[Link], write: _Write) -> str:
    return "<mo>·</mo>".join(map(write, told(links)))


def _named(link: Link) -> str:
    return symbol(link.equals) if link.equals is not None else _derivative(link.of, link.by)


def _valued(link: Link) -> str:
    return _parenthesised(link.value)


def _parenthesised(value: float) -> str:
    written = f"<mn>{figure(value)}</mn>"
    return f"<mo>(</mo>{written}<mo>)</mo>" if value < 0 else written


def _derivative(of: Symbol, by: Symbol) -> str:
    above = f"<mrow><mo>∂</mo>{symbol(of)}</mrow>"
    return f"<mfrac>{above}<mrow><mo>∂</mo>{symbol(by)}</mrow></mfrac>"


def _row(left: str, right: str, sign: str = "=") -> str:
    mark = f"<mo>{sign}</mo>" if sign else ""
    return f"<mtr><mtd>{left}</mtd><mtd>{mark}</mtd><mtd>{right}</mtd></mtr>"


def _math(rows: Iterable[str]) -> str:
    table = f'<mtable columnalign="right center left" displaystyle="true">{"".join(rows)}</mtable>'
    return f'<math display="block">{table}</math>'
