"""CSV: raw figures, empty for unknown, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure


def load(*results):
    return list(csv.DictReader(io.StringIO(report.render(results, "csv"))))


def test_a_row_for_each_layer_with_raw_figures(digits) -> None:
    rows = load(digits, digits)
    assert len(rows) == 14
    conv = rows[3]
    assert (conv["target"], conv["model"]) == ("models/cnn_coding.py::digits", "digits")
    assert (conv["path"], conv["derived"], conv["macs"]) == ("conv2d_1", "18496", str(121 * 18432))
    assert conv["working"] == "3·3·32·64 + 64"
    assert conv["output_shape"] == "(None, 11, 11, 64)"
    assert (conv["bytes"], conv["dtype_policy"]) == (str(18496 * 4), "float32")
    assert (conv["activation_elements"], conv["activation_bytes"]) == ("7744", "30976")
    assert (conv["receptive_field"], conv["effective_stride"]) == ("(8, 8)", "(2, 2)")
    assert (conv["effective_padding"], conv["backward_macs"]) == ("(0, 0)", str(2 * 121 * 18432))
    assert sum(int(row["derived"]) for row in rows[:7]) == 320 + 18496 + 16010


def test_unknown_is_empty_and_zero_is_zero(broken) -> None:
    rows = load(broken)
    assert rows[2]["derived"] == rows[2]["macs"] == rows[2]["output_shape"] == ""
    assert rows[0]["derived"] == "0"


def test_a_failure_is_a_row(digits) -> None:
    rows = load(digits, Failure("gone.py", "no such file"))
    assert rows[-1]["status"] == "failed"
    assert rows[-1]["reason"] == "no such file"
    assert rows[-1]["derived"] == ""


def test_no_cell_begins_like_a_formula(hostile, audits) -> None:
    rows = load(hostile, Failure("@x", "+1"), Failure("-x", "\tx"))
    cells = [value for row in rows for value in row.values()]
    assert f"'{audits.FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "\x1b" not in report.render([hostile], "csv")
