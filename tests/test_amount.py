"""Amounts are read as written out: by the suffix's power of ten or of two."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.amount import parse_amount
from kerasaudit.errors import ConfigError

POWERS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
BINARY = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}


@given(st.integers(0, 10**6), st.sampled_from([*POWERS.items(), *BINARY.items()]), st.booleans())
def test_a_suffix_is_a_power(number, suffix, of_bytes):
    name, power = suffix
    unit = "B" if of_bytes else ""
    assert parse_amount(f"{number}{name}{unit}", "n", of_bytes=of_bytes) == number * power
    assert parse_amount(f"{number:,} {name}{unit}", "n", of_bytes=of_bytes) == number * power


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5M", 1_500_000), ("34_826", 34_826), ("1.5B", 1_500_000_000), ("0.5Ki", 512), (7, 7)],
)
def test_decimals_and_billions(text, value):
    assert parse_amount(text, "n", of_bytes=False) == value


@given(st.integers(1, 9999))
def test_what_is_no_whole_number_is_refused(thousandths):
    text = f"0.{thousandths:04}"
    whole = (Fraction(thousandths, 10_000) * 1000).denominator == 1
    if whole:
        expected = thousandths // 10
        assert parse_amount(f"{text}k", "n", of_bytes=False) == expected
    else:
        with pytest.raises(ConfigError, match="whole number"):
            parse_amount(f"{text}k", "n", of_bytes=False)


@pytest.mark.parametrize(
    "text", ["", "5 parsecs", "-1", "1e6", "5MM", "M", "1,00", "5Bi", True, 1.5, "²", "9" * 50]
)
@pytest.mark.parametrize("of_bytes", [True, False])
def test_what_is_no_amount_is_one_line(text, of_bytes):
    with pytest.raises(ConfigError, match=r"^max_x: expected a number such as .*received"):
        parse_amount(text, "max_x", of_bytes=of_bytes)


@pytest.mark.parametrize("text", ["20MiB", "20MB", "1KB"])
def test_bytes_are_no_parameters(text):
    with pytest.raises(ConfigError):
        parse_amount(text, "max_params", of_bytes=False)
