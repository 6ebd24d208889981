"""The terminal: what it shows of a run, that it fits, that it is safe."""

from __future__ import annotations

import io

import pytest

from kerasaudit import report
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.gradients import wording


def shown(*results, **options) -> str:
    stream = io.StringIO()
    report.formats(RunSummary)["terminal"].write(results, stream, **options)
    return stream.getvalue()


PLAIN = """\
plain  ✓ ok
  Sequential · digits

  recorded steps  2 (0 to 1)
  weights         1 of 1 with a gradient
  kernels         2
  optimizer       Adam
  taps            raw
  statistics      l2, max_abs

  weight        kernels  first  last  max abs  trend
  dense/kernel        2      5  2.24        2  █▁

"""


def test_a_run_in_full(runs) -> None:
    # l2 of two kernels: √(4² + 3²) = 5 at first, √(2² + 1²) = 2.236 at last.
    assert report.render([runs.plain()], "terminal") == PLAIN


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits_and_cuts_no_figure(width, trained, runs) -> None:
    text = shown(trained, runs.hostile(), runs.empty(), width=width)
    assert max(map(len, text.splitlines())) <= width
    joined = " ".join(text.split())
    for figure in ("4.2", "0.694", "6.43", "0.0609", "0 to 1,798", "1.2 %", "1,222"):
        assert figure in joined
    assert "…" not in text


def test_findings_come_first_with_evidence_and_advice(trained) -> None:
    text = shown(trained, width=80)
    assert text.index("KA405") < text.index("recorded steps")
    for piece in (
        "at steps 0 to 1,798   kernel 21   max_abs 0",
        "at step 1,222   kernels 32 (100 %)   l2 nan   loss nan",
        "→ Look for a NaN in the batch of that step",
        "█▇▆▅▅▄!▃▂▂",
        "1 always 0",
        "frozen it is not trainable",
        "900 recorded steps in 75 columns of 12.",
    ):
        assert piece in text


def test_a_wide_terminal_shows_all_figures(trained) -> None:
    line = next(line for line in shown(trained, width=200).splitlines() if "dense/bias" in line)
    assert line.split()[:8] == [
        "dense/bias",
        "Dense",
        "10",
        "0.997",
        "0.159",
        "0.0517",
        "0.631",
        "0.000156",
    ]


def test_names_cannot_drive_the_terminal(runs) -> None:
    for color in (False, True):
        text = shown(runs.hostile(), Failure("\x1b]0;x\x07", "a\nb"), color=color)
        assert "\x1b[31mred" not in text
        assert "\x07" not in text
        assert "a\\x0ab" in text


def test_a_stream_that_cannot_carry_the_bars(runs) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    report.formats(RunSummary)["terminal"].write([runs.plain()], stream)
    stream.flush()
    assert "2.24        2  @_" in raw.getvalue().decode("ascii")


def test_bars() -> None:
    assert wording.spark([1.0, 10.0, 100.0], [0, 0, 0], 3) == "▁▅█"
    assert wording.spark([1.0, 10.0, 100.0, 1.0], [0, 1, 0, 0], 2) == "!█"
    assert wording.spark([0.0, None, 2.0], [0, 0, 0], 3) == "· ▅"
    assert wording.spark([], [], 3) == ""
