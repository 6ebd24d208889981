"""Amounts as people write them: "5M" parameters, "1.5 GiB" of memory."""

from __future__ import annotations

import re
from fractions import Fraction

from kerasaudit.errors import ConfigError

__all__ = ["SCALES", "parse_amount"]

_AMOUNT = re.compile(r"(\d+(?:,\d{3})*|\d+(?:_\d+)*)(\.\d+)?\s*([kKMGTB]?i?)(B?)", re.ASCII)
# What a suffix stands for.
SCALES = {
    "": 1,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_BILLION = 10**9
_LIMIT = 40


def parse_amount(text: str | int, what: str, *, of_bytes: bool) -> int:
    """A whole number with thousands separated or a suffix: SI (k, M, G, T) or binary (Ki, Mi, …).

    Of bytes a "B" may follow ("20MiB"); of anything else "B" alone is a billion, as models' names
    have it ("1.5B").

    Args:
        text: the amount.
        what: what it is of, for the message.
        of_bytes: whether it counts bytes.

    Raises:
        ConfigError: it cannot be read, or is no whole number.

    >>> parse_amount("1.5M", "max_params", of_bytes=False)
    1500000
    >>> parse_amount("20 MiB", "max_bytes", of_bytes=True)
    20971520
    >>> parse_amount("5 parsecs", "max_params", of_bytes=False)
    Traceback (most recent call last):
    kerasaudit.errors.ConfigError: max_params: expected a number such as 34826, 5M or 1.2G, received '5 parsecs'
    """  # noqa: E501 - the message is one line
    examples = "34826, 20MiB or 1.5GB" if of_bytes else "34826, 5M or 1.2G"
    refused = ConfigError(f"{what}: expected a number such as {examples}, received {text!r}")
    if isinstance(text, bool) or not isinstance(text, (int, str)):
        raise refused
    written = str(text).strip()
    found = _AMOUNT.fullmatch(written) if len(written) <= _LIMIT else None
    if found is None:
        raise refused
    whole, decimals, prefix, unit = found.groups()
    if prefix == "B" and not unit:
        prefix, unit = "", "B"  # what the pattern took for a prefix
    scale = SCALES.get(prefix)
    if scale is None or (unit and not of_bytes and prefix):
        raise refused
    if unit and not of_bytes:
        scale = _BILLION
    value = Fraction(re.sub("[,_]", "", whole) + (decimals or "")) * scale
    if value.denominator != 1:
        raise ConfigError(f"{what}: expected a whole number, received {text!r}")
    return value.numerator
