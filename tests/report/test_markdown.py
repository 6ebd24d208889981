"""Markdown: pipe tables that no name can break."""

from __future__ import annotations

import re

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure


def test_the_working_stands_in_a_row(digits) -> None:
    text = report.render([digits], "markdown")
    assert "|`conv2d_1`|`Conv2D`|`kh·kw·C_in·K + K = 3·3·32·64 + 64 = 18,496`|18,496|–|" in text
    assert "✗ ~~64 × 3 × 3 = 567~~ slip in the source, correct: 64 × 3 × 3 = 576" in text
    assert "|2,230,272|73,984|7,744|8×8 / 2|(None, 11, 11, 64)|" in text
    assert "|bytes of parameters, float32|139,304|" in text
    assert "|coverage|7 of 7 layers, 100 % of layers derived|" in text


def test_every_row_of_a_table_has_its_cells(hostile) -> None:
    widths: list[int] = []
    for line in report.render([hostile], "markdown").splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(len(re.findall(r"(?<!\\)\|", line)))
        assert widths[-1] == widths[0], line


def test_names_are_code_and_control_characters_escapes(hostile, audits) -> None:
    text = report.render([hostile], "markdown")
    assert f"`{audits.SCRIPT}`" in text
    assert audits.SCRIPT not in re.sub(r"`[^`\n]*`", "", text)
    assert "\x1b" not in text
    assert "`` a\\|b`c ``" in text


def test_unknown_findings_and_failures(broken) -> None:
    text = report.render([broken, Failure("gone.py", "no *such* file")], "markdown")
    assert (
        "|`mine`|`Mine`|unknown|unknown|–|unknown|unknown|unknown|–|unknown|? unsupported|" in text
    )
    assert "**KA101**" in text
    assert "cause: the observed shapes equal units=2" in text
    assert "- `gone.py`: no \\*such\\* file" in text
