"""DataFrames: documented columns and dtypes, on full and on empty tables."""

from __future__ import annotations

from dataclasses import replace

import pandas
import pytest

from kerasaudit import ConfigError
from kerasaudit.report.frame import TABLES


@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize("empty", [False, True])
def test_columns_and_dtypes_are_as_documented(table, empty, digits) -> None:
    audit = replace(digits, layers=(), calls=(), claims=(), findings=()) if empty else digits
    frame = audit.to_frame(table)
    assert list(frame.columns) == list(TABLES[table])
    assert [str(dtype) for dtype in frame.dtypes] == [dtype for dtype, _ in TABLES[table].values()]
    assert frame.empty or not empty


def test_layers(digits) -> None:
    frame = digits.to_frame()
    assert frame["derived"].sum() == 320 + 18496 + 16010
    assert frame["observed"].isna().all()
    assert frame.loc[3, "output_shape"] == (None, 11, 11, 64)
    assert frame.loc[3, "receptive_field"] == (8, 8)
    assert frame["bytes"].sum() == 4 * 34826
    assert pandas.isna(frame.loc[0, "formula"])


def test_weights(digits) -> None:
    frame = digits.to_frame("weights").set_index(["layer", "name"])
    kernel = frame.loc[("conv2d_1", "kernel")]
    assert kernel["shape"] == (3, 3, 32, 64)
    assert kernel["axes"] == (("kh", 3), ("kw", 3), ("C_in", 32), ("K", 64))
    assert (kernel["unit"], kernel["derived"]) == ("K", 18432)
    assert bool(kernel["trainable"]) is True


def test_calls_claims_and_findings(digits, broken) -> None:
    assert digits.to_frame("calls")["macs"].sum() == 26 * 26 * 288 + 11 * 11 * 18432 + 1600 * 10
    claims = digits.to_frame("claims")
    assert claims["status"].tolist() == ["ok", "erratum"]
    assert claims.loc[1, "steps"][0] == "64 × 3 × 3 = 567"
    assert claims.loc[1, "corrections"] == ("64 × 3 × 3 = 576", None, None)
    findings = broken.to_frame("findings")
    assert findings.loc[0, "code"] == "KA101"
    assert findings["difference"].tolist()[0] == -4
    assert pandas.isna(findings["difference"].tolist()[-1])


def test_a_count_beyond_64_bits_is_kept(digits) -> None:
    rows = (replace(digits.layers[1], derived=10**30), *digits.layers[2:])
    assert replace(digits, layers=rows).to_frame().loc[0, "derived"] == 10**30


def test_an_unknown_table_is_one_line(digits) -> None:
    with pytest.raises(ConfigError, match="no table 'rows'; an audit has layers, weights, calls"):
        digits.to_frame("rows")
