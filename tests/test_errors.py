"""Errors are one printable line, whatever they are made of."""

from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.errors import TargetError, one_line

SEQUENCES = ("\x1b[1m", "\x1b[0m", "\x1b[38;5;196m", "\x1b[2K", "\x1b[1;31m", "\x1b[?25l", "\x1b[m")


def test_what_keras_writes_in_bold_is_plain():
    # As Keras 3 raises it: the name of the layer in bold, then the arguments on lines of their own.
    raised = ValueError(
        "Exception encountered when calling \x1b[1mDense.call()\x1b[0m.\n\n"
        "\x1b[1mInput 0 is incompatible\x1b[0m\n\nArguments received:\n  • x=None"
    )
    assert str(TargetError(f"net.py cannot be built: {raised}")) == (
        "net.py cannot be built: Exception encountered when calling Dense.call(). "
        "Input 0 is incompatible Arguments received: • x=None"
    )


@given(st.lists(st.tuples(st.sampled_from(SEQUENCES), st.text("abc é[0m", max_size=9))))
def test_nothing_but_the_sequences_goes(parts):
    styled = "".join(sequence + text for sequence, text in parts)
    assert one_line(styled) == " ".join("".join(text for _, text in parts).split())


def test_what_is_no_such_sequence_is_shown():
    assert one_line("a\x1b]0;title\x07b\x1b[") == r"a\x1b]0;title\x07b\x1b["
