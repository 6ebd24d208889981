"""The terminal: what it shows of a diff, that it fits, that it is safe."""

from __future__ import annotations

import io

import pytest

from kerasaudit import report
from kerasaudit.reconciliation.differences import Diff


def shown(*results, **options) -> str:
    stream = io.StringIO()
    report.formats(Diff)["terminal"].write(results, stream, **options)
    return stream.getvalue()


WIDENED = """\
old → new  ≠ 1 layer added, 1 removed, 2 changed, 1 renamed, 1 connection
changed
  old  nets/old.json · Sequential · 5 layers · (None, 64) → (None, 3)
  new  nets/new.json · Sequential · 5 layers · (None, 64) → (None, 5)

  → dense → dense_1  Dense
  ~ dense_1 → dense_2  Dense  650 → 1,300  +650
      units         10 → 20
      kernel        (64, 10) → (64, 20)
      bias          (10,) → (20,)
      output shape  (None, 10) → (None, 20)
      MACs          640 → 1,280
  ~ dense_2 → dense_3  Dense   55 →   105   +50
      kernel  (10, 5) → (20, 5)
      MACs    50 → 100
  + drop  Dropout               – →     0     0
  − gone  Dense                18 →     –   -18

  Fed by other layers
      (the model's outputs)  gone → drop

"""


def test_a_diff_in_full(diffs) -> None:
    text = report.render([diffs.widened()], "terminal")
    assert text.startswith(WIDENED)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "parameters 4,883 5,565 +682" in lines
    assert "MACs 4,801 5,476 +675" in lines
    assert lines[-1] == "1 layer is the same"


def test_equal_models_say_what_was_compared(diffs) -> None:
    text = report.render([diffs.equal()], "terminal")
    assert text.splitlines()[0] == "old → old  ✓ no difference"
    last = "5 layers compared: config, weights, connections and all tallies are the same"
    assert text.splitlines()[-1].strip() == last


def test_what_could_not_be_audited_says_why(diffs) -> None:
    text = report.render([diffs.partly()], "terminal")
    assert "? not audited in full; " in text
    assert "KA108 layer 'mine' (Mine)" in text
    assert "unknown" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_and_no_figure_is_cut(diffs, width) -> None:
    for diff in (diffs.widened(), diffs.hostile(), diffs.long(5), diffs.partly()):
        text = shown(diff, width=width)
        assert max(map(len, text.splitlines())) <= width
    assert "1,300  +650" in shown(diffs.widened(), width=width)


def test_no_name_reaches_the_terminal_as_a_control(diffs) -> None:
    text = shown(diffs.hostile())
    assert "\x1b" not in text
    assert "\\x1b[31mred\\x07" in text


def test_a_stream_without_these_characters_gets_others(diffs) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    report.formats(Diff)["terminal"].write([diffs.widened()], stream)
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert text.splitlines()[0].startswith("old > new  ! 1 layer added")
    assert "\\u" not in text
