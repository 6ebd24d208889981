"""A figure as it is written in a text, and another written in the same form.

`61,706`, `61706`, `61.7k`, `0.42M`, `25.6 million`, `4.1 GMACs`, `20 MiB`, and a shape
`26 × 26 × 32` or `(26, 26, 32)`, in bold, code or a link or not. A figure with a suffix is rounded:
it stands for every value that rounds to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from kerasaudit.amount import SCALES
from kerasaudit.errors import MarkError
from kerasaudit.reconciliation.working import Figure

__all__ = ["Written", "read_figure"]

_WORDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SCALES = {
    "count": {
        **{suffix: scale for suffix, scale in SCALES.items() if not suffix.endswith("i")},
        "B": 10**9,
        **_WORDS,
    },
    "bytes": {
        **SCALES,
        **{f"{suffix}B": scale for suffix, scale in SCALES.items()},
        **_WORDS,
    },
}

# What may stand between a mark and its figure: a line's end, the beginning of bold, code, a link.
_OPENING = re.compile(r"[ \t]*(?:(?:\r\n?|\n)[ \t>]*)?(?:[*_`\[]|<[A-Za-z][^<>]*>)*")
_SPACE = "[ \t\u00a0\u2009\u202f]"
_UNIT = r"(?:MACs?|MAdds?|FLOPs?|FLOPS|params?)(?![^\W_])"
# Where a number or its suffix ends: not in a word, a larger number, a range, a power or a product.
_END = rf"(?:(?![^\W_]|[.,–^×·/-][0-9]|{_SPACE}[0-9]{{3}}(?![0-9])|{_SPACE}?%)|(?={_UNIT}))"
# A unit that is not read, so that "20 mio" is not taken for 20.
_UNREAD = "[kmgt]i?b(?:it|yte)?s?|(?:kilo|mega|giga|tera)[a-z]*|mio|mln|mrd|bn"
_NO_UNIT = rf"(?!{_SPACE}?(?i:{_UNREAD})(?![^\W_]))"
# No model has a figure of more digits; Python reads none of some thousands.
_WHOLE = (
    r"(?P<whole>[0-9]{1,3}(?P<separator>[,_\u00a0\u2009\u202f])[0-9]{3}"
    r"(?:(?P=separator)[0-9]{3}){0,9}|[0-9]{1,30})"
)
_EXTENT = re.compile("[0-9]+")
_TIMES = rf"{_SPACE}*[×x*·]{_SPACE}*"
_PRODUCT = re.compile(
    rf"(?P<extents>[0-9]{{1,30}}(?:{_TIMES}[0-9]{{1,30}})*)(?![^\W_]|[.,][0-9]|{_TIMES}[^\W_])"
)
_TUPLE = re.compile(r"\((?:None,[ ]*)?(?P<extents>[0-9]{1,30}(?:,[ ]*[0-9]{1,30})*),?\)")


def _number(scales: Mapping[str, int]) -> re.Pattern[str]:
    names = "|".join(sorted(filter(None, scales), key=len, reverse=True))
    decimals, suffix = r"(?P<decimals>\.[0-9]{1,30})?", rf"(?P<gap>{_SPACE}?)(?P<suffix>{names})"
    return re.compile(f"{_WHOLE}{decimals}(?:{suffix}{_END}|{_END}{_NO_UNIT})")


_EXAMPLES = {"count": "61,706", "bytes": "20 MiB", "shape": "26 × 26 × 32"}
_NUMBERS = {kind: _number(scales) for kind, scales in _SCALES.items()}


@dataclass(frozen=True, slots=True)
class Written:
    """A figure as it stands in a text, from `start` to `end`."""

    start: int
    end: int
    text: str

    def agrees_with(self, value: int | tuple[int, ...]) -> bool:
        """Whether the figure says this value, given how far it is rounded."""
        raise NotImplementedError

    def rewritten(self, value: int | tuple[int, ...]) -> str:
        """The value in the form in which the figure is written."""
        raise NotImplementedError

    def difference(self, value: int | tuple[int, ...]) -> int | None:
        """By how much the figure is over the value, `None` where that is no number."""
        return None


@dataclass(frozen=True, slots=True)
class _Number(Written):
    """A number: how its thousands are parted, its decimals, its suffix with the space before it."""

    whole: str
    separator: str
    decimals: int
    suffix: str
    scale: int
    figure: Figure

    def agrees_with(self, value: int | tuple[int, ...]) -> bool:
        if not isinstance(value, int):
            return False
        # "0.0M" is within half a unit of 40,000 and says nothing of it.
        return self.figure.agrees_with(value) and (value == 0 or self.figure.value != 0)

    def rewritten(self, value: int | tuple[int, ...]) -> str:
        assert isinstance(value, int)
        decimals = self.decimals
        while value and not self._rounded(value, decimals):
            decimals += 1  # as many more as it takes not to say 0
        digits = f"{self._rounded(value, decimals):0{decimals + 1}d}"
        whole = f"{int(digits[: len(digits) - decimals]):,}"
        # Up to three digits do not show how more of them would be parted.
        separator = self.separator or ("," if len(self.whole) <= 3 else "")
        fraction = f".{digits[len(digits) - decimals :]}" if decimals else ""
        return f"{whole.replace(',', separator)}{fraction}{self.suffix}"

    def _rounded(self, value: int, decimals: int) -> int:
        """How many units of the last decimal the value has."""
        return int(Fraction(value * 10**decimals, self.scale) + Fraction(1, 2))

    def difference(self, value: int | tuple[int, ...]) -> int | None:
        assert isinstance(value, int)
        return int(self.figure.value) - value


@dataclass(frozen=True, slots=True)
class _Shape(Written):
    """The extents of a shape, the batch axis left out."""

    def agrees_with(self, value: int | tuple[int, ...]) -> bool:
        return self._extents() == value

    def rewritten(self, value: int | tuple[int, ...]) -> str:
        assert isinstance(value, tuple)
        parts = _EXTENT.split(self.text)
        between = parts[1:-1]
        if len(between) != len(value) - 1:
            between = [next(iter(between), " × ")] * (len(value) - 1)
        extents = [str(extent) for extent in value]
        pairs = zip(extents, [*between, ""], strict=True)
        return parts[0] + "".join(extent + space for extent, space in pairs) + parts[-1]

    def _extents(self) -> tuple[int, ...]:
        return tuple(map(int, _EXTENT.findall(self.text)))


def read_figure(text: str, start: int, end: int, kind: str) -> Written:
    """The figure that a text has at a place.

    Args:
        text: the whole text.
        start: where the figure is to begin, but for space and the beginning of bold or the like.
        end: where the paragraph or the cell ends.
        kind: "count", "bytes" or "shape".

    Raises:
        MarkError: no figure of that kind stands there.

    >>> read_figure("**61,706** parameters", 0, 21, "count").rewritten(62006)
    '62,006'
    >>> read_figure("25.6 million", 0, 12, "count").agrees_with(25_636_712)
    True
    """
    opening = _OPENING.match(text, start, end)
    begin = opening.end() if opening else start
    found = (_read_shape if kind == "shape" else _read_number)(text, begin, end, kind)
    if found is None:
        received = " ".join(text[start:end].split())[:40] or "nothing"
        raise MarkError(f"expected a figure such as {_EXAMPLES[kind]} next, received {received}")
    return found


def _read_number(text: str, start: int, end: int, kind: str) -> Written | None:
    found = _NUMBERS[kind].match(text, start, end)
    if found is None:
        return None
    whole, separator, suffix = found["whole"], found["separator"] or "", found["suffix"] or ""
    decimals, scale = len(found["decimals"] or ".") - 1, _SCALES[kind][suffix]
    if decimals and scale == 1:
        return None  # of nothing that is counted there is a part
    digits = (whole.replace(separator, "") if separator else whole) + (found["decimals"] or "")
    unit = Fraction(scale, 10**decimals) if scale > 1 else Fraction(0)
    return _Number(
        *found.span(),
        found[0],
        whole=whole,
        separator=separator,
        decimals=decimals,
        suffix=(found["gap"] or "") + suffix,
        scale=scale,
        figure=Figure(Fraction(digits) * scale, unit, found[0]),
    )


def _read_shape(text: str, start: int, end: int, kind: str) -> Written | None:
    found = _TUPLE.match(text, start, end) or _PRODUCT.match(text, start, end)
    return None if found is None else _Shape(*found.span("extents"), found["extents"])
