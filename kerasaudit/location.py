"""Where in a file something stands: what an annotation in a pull request points at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Location", "of_caller", "of_function"]


@dataclass(frozen=True, slots=True)
class Location:
    """A file and a line in it, counted from 1; `None` for the file as a whole."""

    file: str
    line: int | None = None


def of_function(function: Callable[..., Any]) -> Location | None:
    """Where a function begins; `None` for what is no Python function.

    >>> of_function(len) is None
    True
    """
    code = getattr(function, "__code__", None)
    return None if code is None else Location(code.co_filename, code.co_firstlineno)


def of_caller() -> Location:
    """Where the function that calls this one is itself called."""
    frame = sys._getframe(2)  # noqa: SLF001 - the one way to it that reads no source file
    return Location(frame.f_code.co_filename, frame.f_lineno)
