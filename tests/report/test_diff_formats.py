"""What the reports of diffs share: discovery, files, folders, reproducibility, their libraries."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import fields, replace

import pandas
import pytest

from kerasaudit import ConfigError, Failure, TargetError, report
from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.result import Totals
from kerasaudit.report.diff.frame import TABLES

TEXT_FORMATS = ("csv", "html", "json", "markdown", "terminal")


def test_every_format_is_found() -> None:
    assert set(report.formats(Diff)) == {"parquet", *TEXT_FORMATS}


@pytest.mark.parametrize(
    ("format_", "unwanted"),
    [
        ("json", ("rich", "jinja2", "pandas", "numpy")),
        ("csv", ("rich", "jinja2", "pandas", "numpy")),
        ("markdown", ("rich", "jinja2", "pandas", "numpy")),
        ("html", ("rich", "pandas", "numpy")),
        ("terminal", ("jinja2", "pandas", "numpy")),
    ],
)
def test_a_format_loads_its_own_library_alone(format_, unwanted) -> None:
    code = (
        "import sys; from kerasaudit import report; "
        "from kerasaudit.reconciliation.differences import Diff; "
        "report.render([], sys.argv[1], Diff); "
        "print(*[name for name in sys.argv[2:] if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, format_, *unwanted], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("format_", TEXT_FORMATS)
def test_reports_reproduce_and_hold_no_place(format_, diffs, monkeypatch, tmp_path) -> None:
    diff = diffs.widened()
    here = replace(
        diff,
        old=replace(diff.old, target=f"{tmp_path}/nets/old.json"),
        new=replace(diff.new, target=f"{tmp_path}/nets/new.json"),
    )
    monkeypatch.chdir(tmp_path)
    text = report.render([here], format_)
    assert text == report.render([diffs.widened()], format_)
    assert str(tmp_path) not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("format_", TEXT_FORMATS)
def test_a_failure_is_told(format_, diffs) -> None:
    failure = Failure("gone.json", "gone.json: no such file")
    for results in ([failure], [diffs.widened(), failure]):
        assert "gone.json" in report.render(results, format_, Diff)


def test_a_report_is_of_one_kind(digits, diffs, tmp_path) -> None:
    with pytest.raises(TargetError, match="of one family alone"):
        report.save([digits, diffs.widened()], tmp_path / "both.json")
    assert not any(tmp_path.iterdir())


def test_the_suffix_names_the_format(diffs, tmp_path) -> None:
    for suffix in (".csv", ".html", ".json", ".md", ".parquet"):
        report.check(tmp_path / f"d{suffix}", Diff)
        diffs.widened().save(tmp_path / f"d{suffix}")
        assert b"dense" in (tmp_path / f"d{suffix}").read_bytes()
    with pytest.raises(TargetError, match=r"known are \.csv, \.html, \.json, \.md, \.parquet$"):
        report.check("d.xls", Diff)


def test_a_folder_holds_a_page_for_each_diff_and_an_index(diffs, tmp_path) -> None:
    failure = Failure("gone", "gone: no such file")
    report.save([diffs.widened(), diffs.equal(), failure], f"{tmp_path}/reports/")
    written = sorted(path.name for path in (tmp_path / "reports").rglob("*"))
    names = [f"old_{n}{s}" for n in ("new", "old") for s in (".html", ".json", ".md")]
    assert written == sorted([*names, "index.html"])
    index = (tmp_path / "reports" / "index.html").read_text("utf-8")
    assert 'href="old_new.html"' in index
    assert "gone: no such file" in index


# -- JSON ---------------------------------------------------------------------------------------


def test_json_holds_every_field(diffs) -> None:
    document = json.loads(report.render([diffs.widened()], "json"))
    assert (document["schema_version"], document["errors"]) == (1, [])
    (diff,) = document["diffs"]
    assert set(diff) == {*(field.name for field in fields(Diff)), "differs"}
    assert (diff["status"], diff["differs"], diff["unchanged"]) == ("different", True, 1)
    assert (diff["old"]["target"], diff["new"]["target"]) == ("nets/old.json", "nets/new.json")
    kinds = [(one["kind"], one["old_path"], one["new_path"]) for one in diff["layers"]]
    assert kinds == [
        ("renamed", "dense", "dense_1"),
        ("changed", "dense_1", "dense_2"),
        ("changed", "dense_2", "dense_3"),
        ("added", None, "drop"),
        ("removed", "gone", None),
    ]
    wider = diff["layers"][1]
    assert wider["config"] == [{"key": "units", "old": 10, "new": 20}]
    assert (wider["old_params"], wider["new_params"], wider["difference"]) == (650, 1_300, 650)
    assert wider["weights"][0]["new_shape"] == [64, 20]
    assert {one["name"] for one in diff["totals"]} >= {
        field.name for field in fields(Totals) if field.name != "bytes_by_dtype"
    }
    params = next(one for one in diff["totals"] if one["name"] == "params")
    assert params == {"name": "params", "old": 4_883, "new": 5_565, "difference": 682}


def test_json_has_null_for_what_is_not_known(diffs) -> None:
    (diff,) = json.loads(report.render([diffs.partly()], "json"))["diffs"]
    added = next(one for one in diff["layers"] if one["kind"] == "added")
    assert (added["old_params"], added["new_params"], added["difference"]) == (None, None, None)
    assert diff["new"]["incomplete"][0].startswith("KA108 ")


# -- CSV ----------------------------------------------------------------------------------------


def test_csv_has_a_row_for_each_change(diffs) -> None:
    rows = list(csv.DictReader(io.StringIO(report.render([diffs.widened()], "csv"))))
    found = {
        (row["table"], row["new_path"] or row["old_path"], row["what"]): (
            row["old"],
            row["new"],
            row["difference"],
        )
        for row in rows
    }
    assert found["layer", "dense_2", "params"] == ("650", "1300", "650")
    assert found["config", "dense_2", "units"] == ("10", "20", "")
    assert found["weight", "dense_2", "kernel shape"] == ("(64, 10)", "(64, 20)", "")
    assert found["tally", "dense_2", "macs"] == ("640", "1280", "640")
    assert found["layer", "gone", "params"] == ("18", "", "-18")
    assert found["connection", "", "outputs"] == ("gone", "drop", "")
    assert found["total", "", "params"] == ("4883", "5565", "682")
    assert {row["old_target"] for row in rows} == {"nets/old.json"}


def test_csv_of_equal_models_is_its_head(diffs) -> None:
    assert len(report.render([diffs.equal()], "csv").splitlines()) == 1


def test_csv_has_no_formula(diffs) -> None:
    text = report.render([diffs.hostile()], "csv")
    for row in csv.reader(io.StringIO(text)):
        assert not any(
            cell.startswith(("=", "+", "@", "\t")) or re.match(r"-(?!\d)", cell) for cell in row
        )
    assert "\x1b" not in text


# -- tables -------------------------------------------------------------------------------------


def test_every_table_has_its_columns(diffs) -> None:
    for diff in (diffs.widened(), diffs.equal()):
        for table, columns in TABLES.items():
            assert list(diff.to_frame(table).columns) == list(columns)
    with pytest.raises(ConfigError, match="no table 'calls'; a diff has layers, config, weights"):
        diffs.equal().to_frame("calls")


def test_frames_hold_raw_figures(diffs) -> None:
    layers = diffs.widened().to_frame("layers")
    assert layers["difference"].tolist() == [0, 650, 50, 0, -18]
    assert layers["difference"].dtype == "Int64"
    config = diffs.widened().to_frame("config")
    assert config.loc[0].tolist() == ["dense_1", "dense_2", "units", 10, 20]
    weights = diffs.widened().to_frame("weights")
    assert weights["new_shape"].tolist() == [(64, 20), (20,), (20, 5)]
    totals = diffs.widened().to_frame("totals").set_index("name")
    assert totals.loc["macs"].tolist() == [4_801, 5_476, 675]
    fed = diffs.widened().to_frame("connections")
    assert fed.loc[0, ["old", "new"]].tolist() == [("gone",), ("drop",)]


def test_parquet_reads_back(diffs, tmp_path) -> None:
    report.save([diffs.widened(), Failure("b", "b: no such file")], tmp_path / "d.parquet")
    frame = pandas.read_parquet(tmp_path / "d.parquet")
    assert frame["kind"].tolist() == [
        *("renamed", "changed", "changed", "added", "removed", "failed"),
    ]
    assert frame["new_output_shape"][1] == "(None, 20)"
    assert frame["reason"][5] == "b: no such file"


# -- Markdown -----------------------------------------------------------------------------------


def test_markdown_has_before_after_and_difference(diffs) -> None:
    text = report.render([diffs.widened()], "markdown")
    assert "## ≠ `old` → `new`" in text
    assert "|total|before|after|difference|" in text
    assert "|parameters|4,883|5,565|+682|" in text
    assert "|MACs|4,801|5,476|+675|" in text
    changed = "|~ changed|`dense_1` → `dense_2`|`Dense`|650|1,300|+650|`units` 10 → 20<br>"
    assert changed in text
    assert "|− removed|`gone`|`Dense`|18|–|-18||" in text
    assert "|`dense` → `dense_1`|`Dense`||" in text.partition("<details>")[2]
    assert "## ✓ `old` → `old`" in report.render([diffs.equal()], "markdown")


def test_every_row_of_a_markdown_table_has_its_cells(diffs) -> None:
    widths: list[int] = []
    for line in report.render([diffs.hostile()], "markdown").splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(len(re.findall(r"(?<!\\)\|", line)))
        assert widths[-1] == widths[0], line


def test_markdown_fits_a_comment(diffs) -> None:
    text = report.render([diffs.long(400)], "markdown")
    assert len(text) < 65_536
    assert "200 more stand in the JSON report." in text
