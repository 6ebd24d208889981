"""The terminal: what it shows, that it fits, that it is safe."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report import terminal


def shown(*results, **options) -> str:
    stream = io.StringIO()
    terminal.write(results, stream, **options)
    return stream.getvalue()


DIGITS = """\
digits  Sequential  ✓ ok
  models/cnn_coding.py::digits  (None, 28, 28, 1) → (None, 10)
  the notes, page 1

  ✓ conv2d    Conv2D  kh·kw·C_in·K + K = 3·3·1·32 + 32 = 320
  ✓ conv2d_1  Conv2D  kh·kw·C_in·K + K = 3·3·32·64 + 64 = 18,496
  ✓ dense     Dense   d·u + u = 1600·10 + 10 = 16,010
    4 layers hold no weights: Flatten, InputLayer, MaxPooling2D ×2

  parameters        34,826  derived, nothing observed
  trainable         34,826
  non-trainable          0
  MACs           2,440,960  4,687,232 in the backward pass
  memory           139,304  bytes of parameters, float32
  activations      155,112  bytes per example, at most 108,160 alive at once
  coverage       7 of 7 layers, 100 % of layers derived

Claims: 1 confirmed, 1 erratum
  ✓ conv2d  parameters: claimed 320, derived 320
      ✓ 32 × 3 × 3 = 288
      ✓ 288 + 32 = 320
  ! conv2d_1  parameters: claimed 18,496, derived 18,496  ERRATUM
      ✗ 64 × 3 × 3 = 567   slip in the source, correct: 64 × 3 × 3 = 576
      ✓ 576 × 32 = 18432
      ✓ 18432 + 64 = 18496

"""


def test_an_audit_in_full(digits) -> None:
    assert report.render([digits], "terminal") == DIGITS


def test_observed_stands_beside_derived(digits) -> None:
    rows = tuple(replace(row, observed=row.derived) for row in digits.layers)
    line = next(
        line for line in shown(replace(digits, layers=rows)).splitlines() if "18,496" in line
    )
    assert line.endswith("3·3·32·64 + 64 = 18,496  keras 18,496")
    assert len(line) <= 80


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_it_fits_and_cuts_no_figure(width, digits, broken, hostile) -> None:
    long = replace(digits.layers[1], path="block_of_a_very_long_name/" * 4 + "conv", observed=320)
    many = replace(digits, layers=(long, *digits.layers))
    text = shown(many, broken, hostile, width=width)
    assert max(map(len, text.splitlines())) <= width
    joined = " ".join(text.split())
    for figure in ("18,496", "2,440,960", "34,826", "3·3·32·64 + 64", "keras 320"):
        assert figure in joined
    assert "…" not in text


def test_a_wide_terminal_shows_shapes_and_macs(digits) -> None:
    assert "(None, 11, 11, 64)  2,230,272 MACs" in shown(digits, width=140)


def test_a_wider_one_shows_memory_and_receptive_fields_too(digits) -> None:
    # conv2d_1: 18,496 parameters of 4 bytes, 11·11·64 activations; 3 + (2 − 1) + (3 − 1)·2 = 8
    text = " ".join(shown(digits, width=200).split())
    assert "2,230,272 MACs 73,984 bytes 7,744 activations field 8×8 / 2" in text


@pytest.mark.parametrize("width", [40, 80])
def test_large_totals_fit(width, digits) -> None:
    totals = replace(
        digits.totals,
        macs=15_470_264_320,
        backward_macs=30_853_824_512,
        bytes=553_430_176,
        bytes_by_dtype={"float32": 553_430_172, "int32": 4},
        activation_bytes=61_050_784,
        peak_activation_bytes=25_690_112,
    )
    text = shown(replace(digits, totals=totals), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "bytes of parameters: float32 553,430,172, int32 4" in " ".join(text.split())


def test_what_is_wrong_is_told_with_its_working(broken) -> None:
    text = shown(broken)
    for piece in (
        "KA101 dense: kernel is derived as 4·3, observed (4, 2)",
        "working     d·u = 4·3",
        "expected    (4, 3)",
        "observed    (4, 2)",
        "difference  -4",
        "cause       the observed shapes equal units=2",
        "✗ dense",
        "? mine",
        "✗ 4 × 3 = 13   false, it is 12",
    ):
        assert piece in text
    assert "parameters     unknown" in text
    assert "coverage       2 of 4 layers, 50 % of layers derived" in text


def test_an_exemption_gives_its_reason(broken) -> None:
    row = replace(broken.layers[2], status="exempt", reason="a research layer")
    text = shown(replace(broken, layers=(row,)))
    assert "– mine" in text
    assert "exempt: a research layer" in text


def test_several_audits_are_a_line_each(digits, broken) -> None:
    named = [replace(digits, name=f"net{number}") for number in range(3)]
    text = shown(*named, broken, Failure("gone.py", "gone.py: no such file"))
    lines = text.splitlines()
    assert lines[1].split()[:6] == ["✓", "net0", "34,826", "2,440,960", "100", "%"]
    assert "kh·kw" not in text.replace("KA", "")
    assert text.count("64 × 3 × 3 = 567") == 3
    assert "KA108" in text
    assert "✗ gone.py: no such file" in lines
    assert lines[-1] == "4 models audited, 3 ok, 1 incomplete, 1 could not be"
    assert max(map(len, lines)) <= 80
    assert "3·3·32·64 + 64 = 18,496" in shown(*named, broken, layers=True)
    assert "3·3·32·64 + 64" not in shown(digits, layers=False)


def test_names_cannot_drive_the_terminal(hostile) -> None:
    for color in (False, True):
        text = shown(hostile, Failure("\x1b]0;x\x07", "a\nb"), color=color)
        assert "\x1b[31mred" not in text
        assert "\x07" not in text
        assert "\\x1b[31mred\\x07" in text
        assert "a\\x0ab" in text


def test_markup_of_rich_is_text(digits) -> None:
    assert "[bold]x[/bold] :smile:" in shown(replace(digits, name="[bold]x[/bold] :smile:"))


def test_colour_on_demand_only(digits, monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in shown(digits)
    assert "\x1b[" in shown(digits, color=True)
    assert "\x1b[" not in shown(digits, color=False)


def test_a_stream_that_cannot_carry_the_marks(digits) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    terminal.write([digits], stream)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "+ conv2d_1  Conv2D  kh*kw*C_in*K + K = 3*3*32*64 + 64 = 18,496" in text
    assert "?" not in text
