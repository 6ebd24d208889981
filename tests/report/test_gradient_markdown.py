"""Markdown of a run: findings with their evidence, and tables that no name can break."""

from __future__ import annotations

import re

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure


def test_it_says_what_the_run_says(trained) -> None:
    text = report.render([trained, Failure("gone", "no *such* run")], "markdown")
    for words in (
        "## ✗ `digits`",
        "- **KA405** dead: conv2d/kernel: kernel 21 had a gradient of exactly 0",
        "  at steps 0 to 1,798, kernel 21, max_abs 0, steps 900, first 2",
        "  → Look for a NaN in the batch of that step",
        "|recorded steps|900 (0 to 1,798), 1 skipped after an overflow|",
        "|weights|6 of 9 with a gradient|",
        "|`conv2d/kernel`|`Conv2D`|32|4.2|1.48|0.694|6.43|0.000434|1|1|`█",
        "|`auxiliary/kernel`|`Dense`|(64, 4)|disconnected|its gradient is None",
        "- 900 recorded steps in 75 columns of 12.",
        "- `gone`: no \\*such\\* run",
    ):
        assert words in text


def test_every_row_of_a_table_has_its_cells(runs) -> None:
    widths: list[int] = []
    for line in report.render([runs.hostile()], "markdown").splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(len(re.findall(r"(?<!\\)\|", line)))
        assert widths[-1] == widths[0], line


def test_names_are_code_and_control_characters_escapes(runs) -> None:
    text = report.render([runs.hostile()], "markdown")
    assert f"`{runs.SCRIPT}`" in text
    assert runs.SCRIPT not in re.sub(r"(`+)[^\n]*?(?<!`)\1(?!`)", "", text)
    assert "\x1b" not in text
