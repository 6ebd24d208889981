"""The chart of what is alive: its outline, its words, and no chart where that is not known."""

from __future__ import annotations

import re
from dataclasses import replace

from kerasaudit import report
from kerasaudit.report import liveness


def outline(drawing: str) -> list[int]:
    """The height of each step, out of the path."""
    (path,) = re.findall(r'd="M0 100([^"]*)V100z"', drawing)
    heights, level = [], 0
    for change in re.findall(r"(?:v(-?\d+))?h1", path):
        level -= int(change or 0)
        heights.append(level)
    return heights


def test_a_step_for_each_call_in_proportion(digits) -> None:
    drawing = liveness.area(digits)
    live = [call.live_bytes for call in digits.calls]
    # x 784, conv2d 784 + 21,632, pool 21,632 + 5,408, conv2d_1 5,408 + 7,744, … elements of 4 bytes
    assert live[:4] == [3136, 89664, 108160, 52608]
    assert outline(drawing) == [round(100 * size / 108160) for size in live]
    assert 'viewBox="0 0 7 100"' in drawing


def test_it_says_in_words_where_the_peak_is(digits) -> None:
    assert liveness.peak(digits) == "at most 108,160 bytes, while pool runs"
    text = report.render([digits], "html")
    assert "at most 108,160 bytes, while pool runs" in text
    assert "<title" in liveness.area(digits)


def test_no_chart_where_it_is_not_known_or_nothing_to_draw(broken, digits) -> None:
    assert liveness.area(broken) == ""
    assert "Activations alive" not in report.render([broken], "html")
    assert liveness.area(replace(digits, calls=digits.calls[:1])) == ""


def test_names_are_text(hostile) -> None:
    drawing = liveness.area(hostile)
    assert "<script" not in drawing
    assert "\x1b" not in drawing
