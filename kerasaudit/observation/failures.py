"""What users' layers raise, told in few words: Keras wraps their errors in many of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kerasaudit.errors import one_line

__all__ = ["first_sentence", "innermost_layer", "whole_tracebacks"]

_BOLD = re.compile(r"\x1b\[1m(.*?)\x1b\[0m", re.DOTALL)


def first_sentence(error: BaseException) -> str:
    """The error's class and the first sentence of what it says.

    >>> first_sentence(ValueError("No such axis. Try another one, as in this example: ..."))
    'ValueError: No such axis'
    """
    text = str(error)
    while match := _BOLD.search(text):  # between "Exception encountered when calling" and arguments
        text = match.group(1)
    return one_line(f"{type(error).__name__}: {text.partition('. ')[0]}", 300)


def innermost_layer(error: BaseException) -> Any:
    """The layer in whose code an error was raised; `None` if it was raised in no layer's."""
    import keras

    layer, trace = None, error.__traceback__
    while trace is not None:
        held = trace.tb_frame.f_locals.get("self")
        layer = held if isinstance(held, keras.layers.Layer) else layer
        trace = trace.tb_next
    return layer


@contextmanager
def whole_tracebacks() -> Iterator[None]:
    """Let tracebacks lead through Keras's own code, which it cuts out of them otherwise."""
    import keras

    filtered = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtered:
            keras.config.enable_traceback_filtering()
