"""Budgets and warnings in the reports that people read."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from kerasaudit import report

# 216,650 = 320 + 216,330 parameters; 1,000,000 - 216,650 = 783,350 are left, 320 - 300 = 20 over.
KEPT = "parameters 216,650 of 1,000,000, 783,350 left"
BROKEN = "parameters 320 of 300, 20 over"
READ = ("terminal", "markdown", "html", "csv")


def test_the_terminal_has_a_line_for_each_with_what_is_left(audits) -> None:
    lines = report.render([audits.budgeted()], "terminal").splitlines()
    assert f"  ✓ budget  {KEPT}" in lines
    assert f"  ✗ budget  conv: {BROKEN}" in lines
    assert max(map(len, lines)) <= 80


def test_markdown_has_a_table(audits) -> None:
    text = report.render([audits.budgeted()], "markdown")
    assert "|parameters|the model|216,650|1,000,000|✓ ok|" in text
    assert "|parameters|`conv`|320|300|✗ over budget|" in text


def test_html_shows_both_sides_and_the_source(audits) -> None:
    text = report.render([audits.budgeted()], "html")
    assert KEPT in text
    assert f"<code>conv</code> {BROKEN}" in text
    assert "✗</span> over budget" in text
    assert '<p class="cite">a file</p>' in text


def test_csv_has_a_row_that_adds_nothing_to_a_column(audits) -> None:
    rows = list(csv.DictReader(io.StringIO(report.render([audits.budgeted()], "csv"))))
    found = [(row["path"], row["status"], row["reason"]) for row in rows if not row["class_name"]]
    assert found == [("total", "ok", f"budget: {KEPT}"), ("conv", "over", f"budget: {BROKEN}")]
    assert sum(int(row["derived"] or 0) for row in rows) == 320 + 216_330


@pytest.mark.parametrize("format_", READ)
def test_what_is_not_known_is_no_pass(format_, audits) -> None:
    text = report.render([audits.unknown_macs()], format_)
    assert re.search(r"\bunknown\b", text)
    assert "unknown of 1,000" in text or "|MACs|the model|unknown|1,000|? unknown|" in text
    assert "✓ budget" not in text


@pytest.mark.parametrize("format_", ["terminal", "markdown", "html"])
def test_a_warning_is_no_failure_and_says_so(format_, audits) -> None:
    mild = audits.budgeted(KA502="warning")
    assert mild.ok
    text = report.render([mild], format_)
    assert "ok, 1 warning" in text
    assert "✗" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert re.search(r"KA502\W.*warning", text)


def test_warnings_are_counted_apart(broken) -> None:
    # The weights of "dense", its claim and the layer after "mine" are wrong; "mine" has no rule.
    graded = tuple(
        replace(one, severity="warning") if one.code == "KA108" else one for one in broken.findings
    )
    text = report.render([replace(broken, findings=graded, status="findings")], "terminal")
    assert "✗ 3 findings, 1 warning" in text
    assert "KA108 warning: " in text
