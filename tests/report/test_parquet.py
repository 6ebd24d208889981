"""Parquet: the same rows with their types, and one clear line without pyarrow."""

from __future__ import annotations

import sys

import pandas
import pytest

import kerasaudit as ka
from kerasaudit import report

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
            {"class_name": "Dense", "config": {"name": "out", "units": 2}},
            {"class_name": "Unknown", "config": {"name": "odd"}},
        ],
    },
}


def test_a_saved_file_reads_back_with_types_and_unknowns(tmp_path):
    audit = ka.audit(CONFIG)
    report.save([audit, ka.Failure("b", "b: no such file")], tmp_path / "a.parquet")
    frame = pandas.read_parquet(tmp_path / "a.parquet")
    assert list(frame["path"].fillna("")) == ["x", "out", "odd", ""]
    assert frame["derived"].dtype == "Int64"
    assert frame["derived"][1] == 4 * 2 + 2
    assert frame["derived"].isna().tolist() == [False, False, True, True]
    assert frame["output_shape"][1] == "(None, 2)"
    assert frame["bytes"][1] == (4 * 2 + 2) * 4
    assert frame["status"][3] == "failed"
    assert frame["reason"][3] == "b: no such file"


def test_an_audit_saves_itself_so(tmp_path):
    ka.audit(CONFIG).save(tmp_path / "a.parquet")
    assert len(pandas.read_parquet(tmp_path / "a.parquet")) == 3


def test_it_is_not_printed():
    with pytest.raises(ka.TargetError, match="not text and cannot be printed"):
        report.render([], "parquet")


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ka.TargetError, match=r"pip install 'kerasaudit\[parquet\]'"):
        ka.audit(CONFIG).save(tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
